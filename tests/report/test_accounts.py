"""What a board asks: on the page and in the document."""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console

from jaxmech import report
from jaxmech.collaboration import Harm, Invention, Misjudged
from jaxmech.report.collaboration import Accounts, Books, WhatIf, signing_sentences
from tests.report.examples import answer


def printed(made, width=100):
    buffer = io.StringIO()
    report.collaboration.print_page(made, Console(file=buffer, width=width))
    return buffer.getvalue()


def test_the_document_takes_penalties_apart():
    made = answer(4, 2)
    found = report.collaboration.document(made)["accounts"]
    assert (found["currency"], found["whole"]) == ("EUR", True)
    assert found["samples"].dtype.kind == "i"
    assert np.allclose(found["share"].sum(), 1)
    total = np.sum(found["alone"]["bill"] + found["alone"]["error"], axis=1)
    mine = np.sum(found["bill"] + found["error"], axis=1)
    np.testing.assert_allclose(found["gain"], total - mine)
    assert report.collaboration.document(dataclasses.replace(made, accounts=None))["accounts"] is None


def test_the_page_names_bills_errors_and_their_unit():
    made = answer(4, 2)
    text = printed(made)
    bill = made.accounts.plan.bill.sum(axis=1)
    lines = text[text.index("Money apart from error (in whole samples)") :].splitlines()
    row = next(line for line in lines if line.startswith("Clinic 1 ")).split()
    assert row[2] == f"{made.accounts.plan.samples[0].sum():.0f}"
    assert float(row[3]) == pytest.approx(bill[0], abs=5e-4)
    assert "cost times samples (EUR)" in " ".join(text.split())
    assert "(in the unit of the costs)" in " ".join(printed(without_currency(made)).split())
    errors = text[text.index("Standard errors, together and alone") :].splitlines()
    pair = f"{made.accounts.plan.standard_error[0, 0]:.3f} / {made.accounts.alone.standard_error[0, 0]:.3f}"
    assert pair in next(line for line in errors if line.startswith("Clinic 1 "))


def without_currency(made):
    return dataclasses.replace(made, currency="", accounts=dataclasses.replace(made.accounts, currency=""))


def accounts(bills, penalties, alone):
    """Books of one distribution, with whatever errors make these penalties."""
    bill, pays, own = (np.array(values, float)[:, None] for values in (bills, penalties, alone))
    plan = Books(bill, bill, pays - bill, np.sqrt(pays))
    return Accounts(plan, Books(own, own / 2, own / 2, np.sqrt(own)), np.zeros(bill.shape, int), True, "EUR")


NAMES = ("Ada", "Bo", "Cleo", "Dee")


def test_who_carries_the_work_and_who_gains_nothing():
    """Ada carries 60 % of all bills; Bo saves 10 %, Cleo half; Ada and Dee would pay the same alone."""
    books = accounts([6, 2, 2, 0], [10, 9, 5, 4], [10, 10, 10, 4])
    elsewhere = {"social": np.array([0.3, 0.1, 0.1, 0.0]), "leverage": np.array([0.0, 0.1, 0.1, 0.0])}
    work, idle, remedy, left, winners = signing_sentences(books, NAMES, elsewhere, designable=True)
    assert work == "3 of 4 collect something, for 10.00 EUR in all; half of that or more is carried by Ada (60 %)."
    assert winners == "Of those who gain, Bo saves least by signing, 1.000 EUR (10 %); Cleo most, 5.000 EUR (50 %)."
    assert idle == "Ada and Dee gain 0 %: signing costs nothing and brings nothing."
    assert remedy == "With --division social --mechanism cbl Ada would gain up to 30 %."
    assert left.startswith(
        "Under none of the divisions that were compared (social and leverage) would Dee gain under cbl; others were "
        "not tried. A design may find a check"
    )
    assert left.endswith(
        "A fixed sum that others pay her out of the 6.000 EUR that they gain, agreed apart and in advance, changes "
        "nobody's incentives."
    )
    both = signing_sentences(books, NAMES, {}, designable=True)[2]
    assert both.startswith("A design may find a check for them where")
    assert "A fixed sum that others pay them out of" in both


@pytest.mark.parametrize(
    ("bills", "told"),
    [
        ([3, 3, 3, 3], "4 of 4 collect something, for 12.00 EUR in all, each 25 % of that."),
        ([0, 6, 0, 0], "1 of 4 collects something, for 6.000 EUR in all: Bo."),
        ([10, 9, 9, 9], "half of that or more is carried by Ada (27 %), Bo (24 %)."),
    ],
)
def test_who_carries_half_is_said_where_it_says_something(bills, told):
    work = signing_sentences(accounts(bills, [20] * 4, [30] * 4), NAMES, {}, designable=True)[0]
    assert work.endswith(told)


@pytest.mark.parametrize(("designable", "word"), [(True, "jaxmech design"), (False, "fixed sum")])
def test_who_would_gain_nowhere_is_told_what_else_there_is(designable, word):
    books = accounts([6, 2], [10, 5], [10, 10])
    sentences = signing_sentences(books, NAMES[:2], {"social": np.array([0.0, 0.5])}, designable=designable)
    assert "Ada gains 0 %" in sentences[1]
    assert "Under none of the divisions that were compared (social)" in sentences[2]
    assert word in sentences[2]


def test_savings_are_those_of_the_table_beside_and_ties_are_named():
    """Books in whole samples, a table in fractions: the sentence repeats the table."""
    books = accounts([6, 2, 2, 1], [10, 9, 5, 4], [10, 10, 10, 4])
    table = np.array([2.0, 2.0, 6.0, 2.0]), np.array([10.0, 10.0, 10.0, 10.0])
    winners = signing_sentences(books, NAMES, {}, designable=True, saved=table)[-1]
    assert winners == "Ada, Bo and 1 more save least by signing, 2.000 EUR (20 %) each; Cleo most, 6.000 EUR (60 %)."


def test_the_unit_of_errors_is_sigma_where_sigma_is_one():
    made = answer(3, 2)
    assert "in the unit of the measurements" in " ".join(printed(made).split())
    assert "in units of σ, which is 1 here" in " ".join(printed(dataclasses.replace(made, sigma=np.ones(2))).split())


def test_who_loses_is_named_and_who_gets_what_money_does_not_buy():
    books = accounts([6, 2, 2], [11, 5, 4], [10, 10, np.inf])
    text = " ".join(signing_sentences(books, NAMES[:3], {}, designable=True))
    assert "Ada loses by signing" in text
    assert "Bo saves 5.000 EUR (50 %) by signing." in text
    assert "Cleo gets what no money buys alone" in text


def test_the_pointer_to_designs_says_what_can_be_saved_at_most():
    made = answer(3, 1)
    text = " ".join(printed(made).split())
    least, social = made.efficiency.any_equilibrium, made.whole.social_penalty
    assert f"jaxmech design {made.source}: " in text
    assert f"{100 * (1 - least / social):.0f} % less." in text
    best = dataclasses.replace(made, efficiency=dataclasses.replace(made.efficiency, any_equilibrium=social))
    assert "jaxmech design" not in printed(best)
    limited = dataclasses.replace(made, limited=True)
    assert "jaxmech design" not in printed(limited)


def test_few_samples_do_not_make_the_same_division_look_better():
    """Whole numbers raise what she pays alone; what another division brings is compared in fractions."""
    made = answer(3, 1)
    books = dataclasses.replace(made.accounts.alone, error=made.accounts.alone.error * 1.1)
    penalty = np.full(3, 7.0)
    same = dataclasses.replace(made.advice, penalties={"rational": penalty})
    made = dataclasses.replace(
        made, alone_penalty=penalty, penalty=penalty, advice=same,
        whole=dataclasses.replace(made.whole, alone_penalty=1.1 * penalty, penalty=1.1 * penalty),
        accounts=dataclasses.replace(made.accounts, plan=books, alone=books),
    )  # fmt: skip
    text = " ".join(printed(made).split())
    assert "Clinic 1, Clinic 2 and Clinic 3 gain 0 %" in text
    assert "would gain up to" not in text


def test_the_document_tells_of_another_sigma_and_of_made_up_numbers():
    """Of the plan that is carried out; where neither is known it says so."""
    made = answer(4, 2)
    assert report.collaboration.document(made)["what_if"] is None
    paid, table = np.arange(4.0), np.full((4, 2), 0.5)
    misjudged = Misjudged(paid, 0 * paid), Misjudged(2 * paid, paid)
    known = WhatIf(Invention(table, 2 * table), misjudged, Harm(3 * table, 4 * table))
    made = dataclasses.replace(made, accounts=dataclasses.replace(made.accounts, what_if=known))
    found = report.collaboration.document(made)["what_if"]
    assert [entry["factor"] for entry in found["misjudged"]] == [0.8, 1.2]
    assert found["misjudged"][1]["penalty"].tolist() == [0, 2, 4, 6]
    assert (found["invention"]["far"] == 1).all()
    assert found["harm"]["off"] == 1.0
    assert [found["harm"][key][0, 0] for key in ("fewer", "invented")] == [1.5, 2.0]
    known = dataclasses.replace(known, invented=None, misjudged=(), harm=None)
    made = dataclasses.replace(made, accounts=dataclasses.replace(made.accounts, what_if=known))
    assert report.collaboration.document(made)["what_if"] == {
        "whole": True, "misjudged": [], "invention": None, "harm": None,
    }  # fmt: skip
