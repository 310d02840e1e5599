"""Certificates hold where theory says so, and fail where a plan has been tampered with."""

import dataclasses

import numpy as np
import pytest

from jaxmech import market
from tests.market.problems import lab_market, rough, with_tables

CLAIMS = (
    "individually rational for buyers",
    "envy-free",
    "individually rational for contributors",
    "Nash incentive compatible for contributors",
    "budget balanced",
    "profit-optimal",
)


@pytest.fixture(scope="module")
def solved():
    problem = lab_market((0.004, 0.006))
    return problem, market.solve(problem).value


def certificates(problem, plan):
    return {audit.claim: audit for audit in market.certify(problem, plan)}


@pytest.mark.parametrize("seed", range(3))
def test_all_claims_hold(seed):
    problem = with_tables(rough(seed, 3, 12), [2, 1, 3], [0.02, 0.03, 0.05])
    found = market.certify(problem, market.solve(problem).value)
    claims = [audit for audit in found if audit.claimed]
    assert tuple(audit.claim for audit in claims) == CLAIMS
    assert [audit.holds for audit in claims] == [True] * 6
    assert all(np.isfinite(audit.margin) or audit.margin > 0 for audit in found)
    assert found == tuple(sorted(found, key=lambda audit: not audit.claimed))


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("individually rational for buyers", lambda plan: {"prices": plan.prices + 0.5}),
        ("envy-free", lambda plan: {"prices": plan.prices.at[1].add(0.05)}),
        ("individually rational for contributors", lambda plan: {"prices": 0.05 * plan.prices}),
        ("profit-optimal", lambda plan: {"profit": 0.9 * plan.profit}),
    ],
)
def test_tampering_is_found(solved, claim, change):
    problem, plan = solved
    found = certificates(problem, dataclasses.replace(plan, **change(plan)))
    assert not found[claim].holds
    assert found[claim].margin < -1e-3


def test_envious_buyer_is_named(solved):
    problem, plan = solved
    found = certificates(problem, dataclasses.replace(plan, prices=plan.prices.at[1].add(0.05)))
    assert "most tempting: authority would gain" in found["envy-free"].witness


def test_facts(solved):
    problem, plan = solved
    found = certificates(problem, plan)
    assert found["a price list sells as well"].holds
    assert not found["budget balanced off the equilibrium path"].holds
    chance = market.spread(problem, plan).negative_price.max()
    assert found["prices never negative"].margin == pytest.approx(-chance)
    assert not any(found[claim].claimed for claim in found if claim not in CLAIMS)


def test_methods_without_a_promise_claim_no_optimum():
    problem = with_tables(rough(0, 2, 12), [2, 1], [0.02, 0.03])
    heuristic = certificates(problem, market.solve(problem, "heuristic").value)["profit-optimal"]
    assert not heuristic.claimed
    approximate = certificates(problem, market.solve(problem, "approximate", epsilon=0.05).value)["profit-optimal"]
    assert approximate.claimed
    assert approximate.holds
