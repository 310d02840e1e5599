"""What mechanisms claim, and what counts as efficient: members of theirs, read by audits and certificates alike."""

import dataclasses

import jax
import pytest

from jaxmech import audit, collaboration
from jaxmech.collaboration import Problem
from jaxmech.deviation import SearchSettings
from jaxmech.mechanism import CLAIMS, NASH, PROMISED, RATIONAL, Audit, Claiming, Stakes

PROBLEM = Problem([[0.033], [0.066], [0.1]], sigma=10.0)
QUICK = SearchSettings(draws=16, steps=2, polish_draws=16, polish_steps=2, batches=4, batch=64)


def carried(mechanism, division="rational"):
    plan = collaboration.solve(PROBLEM, division=division, mechanism=mechanism).value
    return plan, collaboration.mechanism(PROBLEM, plan)


@pytest.mark.parametrize(
    ("mechanism", "division", "claims", "any_law"),
    [
        ("cbl", "rational", CLAIMS, False),
        ("cbl", "social", CLAIMS, False),
        ("pool", "rational", (PROMISED, RATIONAL), True),
        ("pool", "social", (PROMISED,), True),
        ("counted-pool", "leverage", (PROMISED, RATIONAL), True),
    ],
)
def test_what_is_claimed(mechanism, division, claims, any_law):
    plan, machine = carried(mechanism, division)
    assert isinstance(machine, Claiming)
    assert set(machine.claims) == set(claims) == set(plan.claims)
    assert machine.any_law is any_law
    certified = {record.claim for record in collaboration.certify(PROBLEM, plan) if record.claimed}
    assert certified & set(CLAIMS) == set(claims)


@pytest.mark.parametrize("division", ["rational", "nash"])
def test_what_counts_as_efficient_is_what_theory_allows(division):
    plan, machine = carried("cbl", division)
    theory = collaboration.efficiency(PROBLEM, plan)
    told = machine.target(Stakes.of(PROBLEM))
    assert (told.baseline, told.factor) == pytest.approx((theory.baseline, theory.bound), rel=1e-12)
    assert carried("pool")[1].target(Stakes.of(PROBLEM)) is None


@pytest.mark.long
def test_an_audit_takes_a_mechanism_at_its_word():
    _, machine = carried("pool")
    records = audit.audit(machine, PROBLEM, agents=[0], settings=QUICK)
    assert {record.claim for record in records if record.claimed} == {PROMISED, RATIONAL}
    (nash,) = (record for record in records if record.claim == NASH)
    assert not nash.holds
    told = audit.audit(machine, PROBLEM, agents=[0], settings=QUICK, claims=[NASH])
    assert [record.claim for record in told if record.claimed] == [NASH]


def test_plans_behind_mechanisms_decide_nothing_about_compilation():
    machines = [carried("cbl", division)[1] for division in ("rational", "nash")]
    assert jax.tree.structure(machines[0]) == jax.tree.structure(machines[1])
    assert dataclasses.replace(machines[0]).plan is machines[0].plan


@pytest.mark.parametrize(("margin", "holds"), [(0.0, True), (-1e-7, True), (-1e-5, False), (float("nan"), False)])
def test_a_margin_is_judged_in_one_place(margin, holds):
    record = Audit.judged("a claim", margin, 1e-6, "agent 1", "a formula evaluated")
    assert record.holds is holds
    assert record.margin == (margin if margin == margin else float("-inf"))
