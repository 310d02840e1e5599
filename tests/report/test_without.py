"""What somebody's leaving does, on a page."""

import dataclasses
import io

import pytest
from rich.console import Console

from jaxmech import Status
from jaxmech.report import without
from tests.report.examples import answer, design


@pytest.mark.parametrize(("which", "who"), [("everybody", "With everybody"), ("remaining", "Without Clinic 4")])
def test_a_status_that_is_not_ok_is_told_before_the_verdict(which, who):
    made = without.Answer(answer(4, 2), answer(3, 2), ("Clinic 4",))
    stalled = dataclasses.replace(getattr(made, which), status=Status.STALLED, residual=0.5)
    assert printed(made).count("STALLED") == 0
    text = printed(dataclasses.replace(made, **{which: stalled}))
    assert text.index(f"{who}: STALLED: ") < text.index("(residual 5.0e-01).") < text.index("the 3 who remain pay")


def printed(made):
    buffer = io.StringIO()
    without.print_page(made, Console(file=buffer, width=200))
    return buffer.getvalue()


def test_in_which_numbers_of_points_it_is_told():
    made = without.Answer(answer(4, 2), answer(3, 2), ("Clinic 4",))
    assert "agree on, in fractions of samples. What" in printed(made)
    both = design(4, 2), design(3, 2)
    whole = [dataclasses.replace(one, accounts=dataclasses.replace(one.accounts, whole=True)) for one in both]
    some = [dataclasses.replace(one, accounts=dataclasses.replace(one.accounts, whole=False)) for one in both]
    gone = (both[0].agents[3],)
    assert "agree on, in whole samples. What" in printed(without.Answer(*whole, gone))
    assert "jaxmech design --whole, of a file without her" in printed(without.Answer(*some, gone))
    assert "in whole samples with everybody and in fractions without" in printed(
        without.Answer(whole[0], some[1], gone)
    )
