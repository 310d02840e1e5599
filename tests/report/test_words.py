"""Sentences of a page: what words mean, and what happens where somebody, or σ, is not as agreed."""

import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console

from jaxmech import report
from jaxmech.collaboration import Harm, Invention, Misjudged, Role
from jaxmech.mechanism import Audit
from jaxmech.report._records import records_section
from jaxmech.report._tables import PLAIN
from jaxmech.report.collaboration import WhatIf
from tests.report.examples import answer


def page(made):
    buffer = io.StringIO()
    report.collaboration.print_page(made, Console(file=buffer, width=100))
    return " ".join(buffer.getvalue().split())


def with_what_if(made, within):
    """Made-up numbers within so many σ pay; σ a fifth smaller tempts the last agent, a fifth larger nobody."""
    shape, m = made.samples.shape, len(made.agents)
    tempted = np.where(np.arange(m) == m - 1, 0.02 * made.penalty, 0.0)
    other = (Misjudged(0.68 * made.penalty, tempted), Misjudged(1.26 * made.penalty, np.zeros(m)))
    invented = Invention(np.full(shape, within), np.full(shape, 77.0))
    found = WhatIf(invented, other)
    return dataclasses.replace(made, what_if=found, accounts=dataclasses.replace(made.accounts, what_if=found))


def test_another_sigma_is_compared_with_a_plan_for_it():
    made = with_what_if(answer(4, 2), 0.0)
    smaller, larger, remedy = report.collaboration._rule.misjudged_sentences(made)
    assert smaller.startswith("20 % smaller: all pay ")
    assert "15 % less than under a plan that is made for that σ, as more is collected" in smaller  # 0.68/0.8
    assert smaller.endswith(f"would rather collect less: {made.agents[-1]} could save 2.9 % so.")  # 0.02/0.68
    assert "5.0 % more than under a plan that is made for that σ." in larger  # 1.26/1.2
    assert "rather" not in larger
    assert "calibrated = true" in remedy
    assert "If σ is not what it is taken for" in page(made)
    assert "If σ is not" not in page(answer(4, 2))


@pytest.mark.parametrize(
    ("within", "said"),
    [(0.0, "whatever they are, 77.00 if far off"), (0.25, "only if their mean is within 0.25 σ of the true one")],
)
def test_made_up_numbers_are_told_where_she_is_checked(within, said):
    made = with_what_if(answer(4, 2), within)
    checked = dataclasses.replace(made, role=np.full((4, 2), Role.CHECKED))
    told = report.collaboration.reasons(checked)
    assert all(said in sentence for sentence in told)
    alone = report.collaboration.reasons(dataclasses.replace(made, role=np.full((4, 2), Role.ALONE)))
    assert not any("made up" in sentence for sentence in alone)


def test_what_others_lose_stands_beside_what_it_brings_her():
    """Where she is checked, where nobody checks her (the worst of them), and in a pool."""
    made = with_what_if(answer(3, 1), 0.0)
    lost = Harm(np.array([[1.0], [2.0], [3.0]]), np.array([[40.0], [60.0], [50.0]]))
    made = dataclasses.replace(made, what_if=dataclasses.replace(made.what_if, harm=lost))
    checked = report.collaboration.reasons(dataclasses.replace(made, role=np.full((3, 1), Role.CHECKED)))
    assert checked[1].endswith(
        "far off; the others would lose 60.00 EUR by numbers that are off by σ, and 2.000 EUR by the half."
    )
    samples, roles = np.array([[5.0], [4.0], [0.0]]), np.array([[Role.ALONE], [Role.ALONE], [Role.RECEIVES]])
    alone = report.collaboration.unchecked(dataclasses.replace(made, role=roles, samples=samples))
    assert alone[0].endswith(
        "numbers of Clinic 2's that are off by σ, as one person's are, would cost the others 60.00 EUR."
    )
    pool = answer(3, 1, mechanism="pool")
    pool = dataclasses.replace(pool, what_if=made.what_if, free=pool.free._replace(instead=0.5 * pool.free.pays))
    assert "(50 % less), while the others pay 1.000 EUR more." in report.collaboration.reasons(pool)[0]


def test_her_own_best_her_limits_and_what_she_must_are_told_apart():
    made = answer(4, 1)
    samples = np.full((4, 1), 10.0)
    alone = dataclasses.replace(
        made, role=np.full((4, 1), Role.ALONE), samples=samples, costs=np.full((4, 1), 0.5), nearest=samples / 2
    )

    def told(**changes):
        return report.collaboration.reasons_of(dataclasses.replace(alone, **changes), 0)[0]

    assert "10 is her own best (half of it" in told(pays=np.full((4, 1), 10.0))
    assert "10 is her own best" in told(pays=np.full((4, 1), 12.0))  # no limits: a certificate would fail
    assert "10 is as many as her limits allow (half of it" in told(pays=np.full((4, 1), 12.0), limited=True)
    assert "10 is her own best" in told(pays=np.full((4, 1), 10.0), limited=True)
    assert "no less than she must. A check makes nobody collect more than half" in told(nearest=samples, limited=True)


def said_of(*records, **more):
    _, *words = records_section(records, PLAIN, **more)
    return " ".join(text.plain for text in words)


def test_words_are_explained_once_on_a_page():
    """What stands under the claims is not said again under the facts."""
    claim = Audit.judged("Nash incentive compatible", 0.1, 1e-6, "agent 1", "a formula")
    facts = Audit.judged("Nash incentive compatible on whole data", 0.1, 1e-6, "agent 1", "a formula", claimed=False)
    assert said_of(facts, above=(claim,)) == ""
    assert said_of(facts).startswith("Proven: ")
    searched = dataclasses.replace(facts, effort="tried", claim="envy-free", known="searched")
    assert said_of(facts, searched, above=(claim,)) == (
        "Searched: by trying, so that more is not excluded. Envy-free: nobody would rather have what another is "
        "offered, at its price."
    )


def test_words_are_explained_once_below_the_table_that_uses_them():
    claims = [
        Audit.judged(name, 0.1, 1e-6, "agent 1", "a formula")
        for name in ("individually rational", "Nash incentive compatible", "as it pleases")
    ]
    told = said_of(*claims)
    assert told.startswith("Witness: the case that is nearest to failing. Margin:")
    assert told.count("Individually rational: ") == told.count("Nash incentive compatible: ") == 1
    assert "pleases" not in told
    assert told.count("Proven: ") == told.count("Computed: ") == 1
    assert "Searched: " not in told
    assert "Within:" not in told
    loose = Audit.judged("penalties as promised", -0.1, 0.2, "agent 1", "a search")
    assert "Within: it falls short by so much" in said_of(loose)
    fact = Audit.judged("condition (8)", 0.1, 0.0, "agent 1", "a formula", claimed=False)
    computed = "Computed: from the plan's numbers, for everybody. "
    assert said_of(fact).startswith(f"{computed}Condition (8): the condition of that number in Clinton et al. (2025)")
    assert said_of(fact, explained=False) == ""


def test_a_page_without_a_title_names_its_file_once():
    head = page(dataclasses.replace(answer(4, 2), title="", source="mine.toml"))
    assert head.startswith("mine.toml 4 agents, 2 distributions;")


def test_the_price_stands_where_errors_are_priced():
    made = answer(4, 2)
    assert "Error worth: price (2.00 EUR) times" in page(dataclasses.replace(made, price=np.array([2.0, 2.0])))
    assert "Error worth: price (2.00 to 3.00 EUR) times" in page(dataclasses.replace(made, price=np.array([3.0, 2.0])))


@pytest.mark.parametrize("rule", [{"estimate": "steady"}, {"calibrated": True}, {"calibrated": "robust"}])
def test_rules_for_noise_are_told_where_there_is_some(rule):
    """Where nobody is checked, no noise is added, whatever the rule would be."""
    made = answer(4, 1, **rule)
    checked = dataclasses.replace(made, role=np.full((4, 1), Role.CHECKED))
    assert "oise" in report.collaboration.rule_sentences(checked)[0]
    assert report.collaboration.rule_sentences(dataclasses.replace(made, role=np.full((4, 1), Role.ALONE))) == []
