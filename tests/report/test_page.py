"""The page: readable at every width, in pipes and on terminals, for three agents and for thousands."""

import dataclasses
import io
import re

import numpy as np
import pytest
from rich.console import Console

from jaxmech import Status, report
from jaxmech.collaboration import Role
from jaxmech.mechanism import Audit
from jaxmech.report._records import records_table
from jaxmech.report._tables import PLAIN
from tests.report.examples import answer, design, free_riding


def _print(made, width=100, *, terminal=False, full=False):
    buffer = io.StringIO()
    report.collaboration.print_page(made, Console(file=buffer, width=width, force_terminal=terminal), full=full)
    return buffer.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("shape", [(3, 1), (24, 5), (5, 40), (200, 12)])
def test_plain_page_fits_and_has_no_decoration(width, shape):
    text = _print(answer(*shape), width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "\x1b" not in text
    assert not re.search("[─━│┃┏┓└┘]", text)
    assert not any(line.endswith(" ") for line in text.splitlines())


@pytest.mark.parametrize("width", [80, 120])
def test_two_dozen_agents_and_five_tests_are_all_shown(width):
    made = answer(24, 5)
    text = _print(made, width)
    for name in (*made.agents, *made.distributions):
        assert name in text
    assert "…" not in text


def test_amounts_are_in_the_table_with_their_marks():
    """Whole samples, which are signed, come first; fractions have a section that says what they are."""
    made = answer(24, 5)
    first, _, target = _print(made).partition("The target, in fractions of samples\n")
    assert target.startswith("Everything else on this page is about the plan in whole samples")
    whole, row = (next(line for line in part.splitlines() if line.startswith("Clinic 2 ")) for part in (first, target))
    assert f"{made.whole.samples[1].max():.0f}✓" in whole
    assert row.count("✓") == int(made.is_role(Role.CHECKED)[1].sum())
    assert f"{made.samples[1].max():.3f}✓" in row
    assert row.count("·") == int(np.sum((made.samples[1] == 0) & np.isfinite(made.costs[1])))


def test_columns_line_up():
    lines = _print(answer(24, 5)).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Who collects"))
    rows = [line[10:] for line in lines[start : start + 30] if line.startswith(("Clinic", "total"))]
    ends = {match.end() for row in rows for match in re.finditer(r"[\d.,]+|[·–]", row)}
    assert len(rows) == 25
    assert len(ends) == 5


def test_thousands_of_agents_show_the_most_important_and_say_how_many_are_left():
    text = _print(answer(3000, 2))
    assert len(text.splitlines()) < 120
    assert "2,988 more agents; --csv FILE writes them all" in text
    full = _print(answer(300, 2), full=True)
    assert "Clinic 177 " in full
    assert "more agents" not in full


def test_hundreds_of_distributions_come_in_blocks():
    text = _print(answer(4, 300), 80)
    assert "more distributions; --csv FILE writes them all" in text
    assert "test 300" in _print(answer(4, 300), 80, full=True)


def test_terminal_has_colours_and_lines():
    text = _print(answer(3, 1), terminal=True)
    assert "\x1b[" in text
    assert "─" in text


def test_verdict_counts_winners_and_losers():
    made = report.collaboration.signed(answer(3, 1))
    penalty = made.alone_penalty * np.array([0.5, 1.0, 1.5])
    text = _print(dataclasses.replace(made, penalty=penalty, social_penalty=float(penalty.sum())))
    assert "1 of 3 gain, 1 loses." in text
    assert "Both claims hold." in text


def test_a_gain_that_is_a_rounding_error_is_zero():
    """Northgate works alone, and what she pays differs in the last bit."""
    made = report.collaboration.signed(answer(3, 1))
    penalty = made.penalty.copy()
    penalty[1] = made.alone_penalty[1] * (1 + 2.0**-52)
    text = _print(dataclasses.replace(made, penalty=penalty))
    rows = [line.split() for line in text.splitlines() if line.startswith("Clinic 2 ")]
    assert rows[1][-3:] == ["0", "0", "%"]
    assert "e-1" not in text.partition("Why nobody cheats")[0]


def test_failed_claim_is_named_in_the_verdict():
    made = answer(3, 1)
    failed = tuple(dataclasses.replace(record, holds=False) for record in made.claims)
    found = dataclasses.replace(made, certificates=failed)
    assert not found.solved
    assert "Fails: individually rational, Nash incentive compatible." in " ".join(_print(found).split())


def test_unclaimed_facts_do_not_count_against_the_solution():
    made = answer(3, 1)
    assert any(not record.holds for record in made.facts)
    assert made.solved
    whole = dataclasses.replace(report.collaboration.signed(made), certificates=made.certificates)
    assert "Facts, not claimed" in _print(whole)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_a_status_other_than_ok_is_told_with_cause_and_remedy(status):
    text = " ".join(_print(answer(3, 1, status=status)).split())
    assert f"{status.name}: {status.message}" in text
    assert ("Who collects what" in text) == (not status.is_failure)


def test_agents_who_cannot_work_alone():
    made = answer(24, 5)
    assert not np.isfinite(made.alone_penalty).all()
    text = _print(made)
    assert "only together" in text
    assert "nan" not in text
    assert "could not know everything on their own" in " ".join(text.split())


def test_nobody_could_work_alone():
    made = report.collaboration.signed(answer(3, 2))
    costs = np.array([[1.0, np.inf], [np.inf, 1.0], [np.inf, 1.0]])
    text = _print(dataclasses.replace(made, costs=costs, alone_penalty=np.full(3, np.inf)))
    assert "nan" not in text
    assert "3 of 3 gain" in text


def test_every_agent_gets_her_reasons_where_there_are_few():
    made = answer(4, 2)
    sentences = report.collaboration.reasons(made)
    for name in made.agents:
        assert any(sentence.startswith(name) for sentence in sentences)


def test_a_plan_that_checks_nobody_says_so():
    made = answer(3, 2)
    role = np.array([[0, 1], [1, 0], [1, 1]])
    assert report.collaboration.reasons(dataclasses.replace(made, role=role))[-1].startswith("Nobody is checked")
    checked = dataclasses.replace(made, role=np.full((3, 2), 2))
    assert not any("compared with nothing" in sentence for sentence in report.collaboration.reasons(checked))


def headline(made):
    """What stands above the first table."""
    return " ".join(_print(made).partition("Who collects what")[0].split())


def unchecked(role, samples, **changes):
    """A plan with these roles and amounts, whole already."""
    made = report.collaboration.signed(answer(len(role), len(role[0])))
    return dataclasses.replace(made, role=np.array(role), samples=np.array(samples, float), **changes)


@pytest.mark.parametrize(
    ("role", "samples", "said"),
    [
        ([[0], [0], [1]], [[5], [4], [0]],
         "Nobody is checked: Clinic 3 relies on what Clinic 1 and Clinic 2 hand in, made up or not."),
        ([[0], [1], [1], [1], [1]], [[5], [0], [0], [0], [0]],
         "Nobody is checked: 4 of 5 rely on what Clinic 1 hands in, made up or not."),
        ([[0, 1], [1, 0]], [[5, 0], [0, 4]],
         "Nobody is checked: everybody relies on what everybody else hands in, made up or not."),
        ([[0, 0], [2, 1], [2, 1]], [[6, 2], [1, 0], [1, 0]],
         "Nobody checks 80 % of all samples, handed in by Clinic 1: Clinic 2 and Clinic 3 rely on them, made up or not,"
         " and on nothing else for total cholesterol."),
        ([[0, 2], [1, 2], [1, 2]], [[2, 1], [0, 3], [0, 4]],
         "Nobody checks 20 % of all samples, handed in by Clinic 1: Clinic 2 and Clinic 3 rely on them"),
        ([[0, 2, 2], [2, 0, 2], [2, 2, 0]], [[9, 3, 3], [3, 9, 3], [3, 3, 9]],
         "Nobody checks 60 % of all samples, handed in by everybody: everybody relies on them, made up or not."),
        ([[1], [1], [1]], [[5], [2], [0]],
         "Nobody is checked: everybody relies on what Clinic 1 and Clinic 2 hand in, made up or not."),
        ([[0], [0]], [[5], [4]],
         "Nothing is shared: everybody gets back only what she collects herself, so there is nothing to check."),
    ],
)  # fmt: skip
def test_the_headline_says_who_is_relied_upon_unchecked(role, samples, said):
    """Whoever receives what she must collect herself, within limits, is compared with nobody either."""
    told = headline(unchecked(role, samples))
    assert said in told
    assert told.index(said) < told.index("Both claims hold.")
    designed = report.design.print_page
    buffer = io.StringIO()
    made = dataclasses.replace(design(len(role), len(role[0])), role=np.array(role), samples=np.array(samples, float))
    designed(made, Console(file=buffer, width=100))
    assert said in " ".join(buffer.getvalue().partition("Who collects what")[0].split())


def test_who_may_see_a_single_person_s_value_is_told():
    made = unchecked([[2, 2], [2, 2], [0, 1]], [[1, 3], [4, 2], [0, 0]])
    told = report.collaboration.disclosed(made)
    assert told == " Clinic 1 may see a single person's value: a mean of one point, of glucose."
    made = unchecked([[0], [1], [1]], [[1], [0], [0]])  # the mean of all others' points, who are one
    assert report.collaboration.disclosed(made).startswith(" Clinic 2, Clinic 3 may see")
    linked = design(3, 2)  # who only receives, if another check of hers fails: what she would be compared with
    offered = dataclasses.replace(linked.offered, comparison=np.where(linked.role == 1, 1, linked.offered.comparison))
    assert (linked.role == 1).any()
    assert "may see a single person's value" in report.collaboration.disclosed(
        dataclasses.replace(linked, offered=offered)
    )
    made = unchecked([[0], [1], [1]], [[2], [0], [0]])
    assert report.collaboration.disclosed(made) == ""


@pytest.mark.parametrize(
    ("role", "samples", "who", "used"),
    [
        ([[0], [0], [1]], [[5], [4], [0]], 2, False),  # nobody but her gets anything
        ([[0], [1], [1]], [[5], [0], [0]], 1, True),
        ([[0], [2], [1]], [[5], [2], [0]], 2, True),
        ([[0, 1], [1, 0], [0, 1]], [[5, 0], [0, 5], [5, 0]], 1, False),  # others receive what she is asked for
        ([[0], [1], [2]], [[5], [3], [2]], 1, False),  # within limits she must collect, and is asked for it
    ],
)
def test_who_is_asked_for_nothing_is_told_whether_others_get_what_she_hands_in_all_the_same(role, samples, who, used):
    made = unchecked(role, samples, surplus="use")
    assert not report.collaboration.used_unasked(unchecked(role, samples), who)  # left out, if nothing else was agreed
    said = " ".join(report.collaboration.reasons_of(made, who))
    assert report.collaboration.used_unasked(made, who) == used
    assert ("what she hands in all the same is used unchecked" in said) == used
    shaped = dataclasses.replace(design(len(role), len(role[0])), surplus="use")
    sheets = report.html.parties(dataclasses.replace(shaped, role=np.array(role), samples=np.array(samples, float)))
    sheet = " ".join(sheets[who].honest)
    assert ("what you hand in is used unchecked" in sheet) == used


def test_sheets_say_on_whom_a_party_relies_unchecked():
    """Clinic 1 relies on nobody; what she hands in alone goes to the others, distribution by distribution."""
    made = unchecked([[0, 0], [2, 1], [2, 0]], [[6, 2], [1, 0], [1, 3]])
    assert [report.collaboration.relied_upon(made, i) for i in range(3)] == [
        "", "Clinic 1 and Clinic 3 hand", "Clinic 1 hands",
    ]  # fmt: skip
    told = [party.honest for party in report.html.parties(made)]
    assert "You rely on what Clinic 1 and Clinic 3 hand in where nobody checks them." in told[1]
    assert not any("You rely" in sentence for sentence in told[0])


def test_the_headline_says_nothing_of_trust_where_all_is_checked():
    checked = unchecked([[2], [2], [2], [1]], [[5], [4], [3], [0]])
    for word in ("checked", "rel", "shared"):
        assert word not in headline(checked).partition("claims hold")[0].partition("cbl")[2]
    assert "Why nobody cheats\n" in _print(checked)
    assert "Why nobody cheats, and what is not checked\n" in _print(
        unchecked([[0, 0], [1, 2], [1, 2]], [[5, 5], [0, 2], [0, 2]])
    )


def test_a_plan_that_checks_nobody_says_so_first_and_under_no_other_heading():
    made = unchecked([[0], [1], [1]], [[5], [0], [0]])
    told = headline(made)
    start = "Nobody is checked: Clinic 2 and Clinic 3 rely on what Clinic 1 hands in, made up or not. Among these 3"
    assert told.index(start) < told.index("Together ")
    text = _print(made)
    assert "What nobody checks\n" in text
    assert "Why nobody cheats" not in text
    assert "Why there is nothing to check\n" in _print(unchecked([[0], [0]], [[5], [4]]))
    assert {party.why for party in report.html.parties(made)} == {"Who checks you, and whom you rely on"}


def test_what_rounding_alone_breaks_is_told_with_its_size():
    made = unchecked([[0], [1], [1]], [[5], [0], [0]])
    name = made.claims[0].claim
    failed = Audit.judged(name, -0.0014, 0.0, "Clinic 1 pays 1844, and 1841 alone", "everybody")
    whole = dataclasses.replace(made, certificates=(failed, *made.certificates[1:]))
    told = headline(whole)
    assert "Both claims hold in fractions of samples. Rounded to whole samples one fails, by rounding alone: " in told
    assert f"{name}, by 0.14 % (Clinic 1 pays 1844, and 1841 alone)." in told
    both = dataclasses.replace(whole, fractions=dataclasses.replace(whole.fractions, certificates=whole.certificates))
    assert f"Fails: {name}." in headline(both)


def test_a_pool_is_headlined_with_how_many_would_rather_collect_less():
    free = free_riding(np.array([[0.033], [0.066], [0.1]]), np.array([10.0]), np.array([[35.0], [23.0], [16.0]]))
    made = unchecked([[1], [1], [1]], [[35], [23], [16]], mechanism="pool", free=free)
    said = (
        "Nobody is checked: everybody relies on what everybody else hands in, made up or not, and 3 of 3 would save by "
    )
    assert f"{said}collecting less." in headline(made)
    content = dataclasses.replace(made, free=free._replace(instead=free.pays))
    assert "made up or not." in headline(content)


def test_roles_are_explained_once_where_there_are_many():
    sentences = report.collaboration.reasons(answer(24, 5))
    assert sentences[0].startswith("An agent can have one role on one distribution and another on the next")
    assert {sentence.split(",")[0] for sentence in sentences[1:4]} == {"Alone", "Checked", "Receives"}
    said = "What is handed in by who works alone (33.7 of 152 samples) is compared with nothing: "
    assert sentences[4].startswith(said)
    assert len(sentences) == 5
    assert len(report.collaboration.reasons(answer(24, 5), full=True)) >= 24


@pytest.mark.parametrize(("mechanism", "word"), [("pool", "Pooling checks nobody"), ("counted-pool", "Counting is no")])
def test_pooling_says_who_would_cheat_and_what_it_would_save(mechanism, word):
    made = answer(3, 1, mechanism=mechanism)
    samples = np.array([[35.318], [23.418], [15.732]])
    made = dataclasses.replace(
        made, costs=np.array([[0.033], [0.066], [0.1]]), sigma=np.array([10.0]), samples=samples,
        free=free_riding(np.array([[0.033], [0.066], [0.1]]), np.array([10.0]), samples),
    )  # fmt: skip
    text = " ".join(report.collaboration.reasons(made))
    assert word in text
    assert "Everybody would save" in text
    # 10/√0.1 = 31.6 is less than the others' 58.7: she needs none of her own and pays 100/58.736 = 1.70
    assert "most of all Clinic 3: with 0 samples instead of 15.7 she would pay 1.70 instead of 2.92 (42 % less)" in text


def test_sigma_estimates_are_shown_with_their_errors():
    estimates = (report.collaboration.Sigma("glucose", 11.5, 0.62, 442),)
    text = _print(answer(3, 1, estimates=estimates))
    assert "11.500" in text or "11.50" in text
    assert "standard error up to 5.4 %" in " ".join(text.split())
    assert "442" in text


def test_the_advice_and_the_integer_plan_are_told():
    made = answer(3, 1)
    text = " ".join(_print(made).split())
    assert "--division leverage: all would pay 12.00 instead of 14.00 under cbl, 14 % less;" in text
    assert "Compared were rational, leverage and social, and no other division." in text
    assert "Rounded to whole samples" in text
    assert "Clinic 1 pays" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (float("inf"), "∞"), (float("nan"), "?"), (1234.5678, "1,235"), (0.012345, "0.0123"),
     (3e-12, "3.0e-12"), (2.5e9, "2.5e+09")],
)  # fmt: skip
def test_numbers(value, text):
    assert report.short(value) == text


@pytest.mark.parametrize("terminal", [False, True])
def test_hostile_names_are_escaped_wherever_they_come_from(terminal):
    """Even from Python, where names are not looked at: only the page's own styles reach a terminal."""
    evil = "a\x1b[5m\x9bK\x7f\u202e\u200b\rb"
    made = answer(3, 2, agents=(evil, "B", "C"), distributions=(evil, "y"), title=evil, source=evil)
    text = _print(made, terminal=terminal, full=True)
    assert re.sub("\x1b\\[[0-9;]*m", "", text).replace("\n", "").isprintable()
    assert "\x1b[5m" not in text
    assert r"a\x1b[5m\x9bK\x7f\u202e\u200b" in text


def test_margins_below_zero_that_hold_say_within_what():
    record = answer(3, 1).claims[0]
    below = dataclasses.replace(record, holds=True, margin=-6.6e-6, tolerance=1e-4)
    buffer = io.StringIO()
    report.print_plain(Console(file=buffer, width=80), records_table([below], PLAIN))
    assert "within 6.6e-06" in buffer.getvalue()
    buffer = io.StringIO()
    failed = dataclasses.replace(below, holds=False, margin=-0.2)
    report.print_plain(Console(file=buffer, width=80), records_table([failed], PLAIN))
    assert re.search(r"NO +computed +-0\.2 ", buffer.getvalue())


@pytest.mark.parametrize(("margin", "said"), [(-3.1e-15, "0"), (132.4, "130"), (0.0912, "0.091"), (4.1e6, "4,100,000")])
def test_margins_have_two_digits_and_rounding_is_none(margin, said):
    record = dataclasses.replace(answer(3, 1).claims[0], holds=True, margin=margin, tolerance=1e-9)
    buffer = io.StringIO()
    report.print_plain(Console(file=buffer, width=80), records_table([record], PLAIN))
    assert f" {said} " in buffer.getvalue()
