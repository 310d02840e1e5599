"""Derivatives of the largest profit: envelope theorem against solving again, prices against finite differences."""

import copy
import dataclasses

import jax
import numpy as np
import pytest

from jaxmech import market
from tests.market.problems import lab_market

STEP = 1e-7


def changed(problem, **leaves):
    """The problem with other leaves, rebuilt as transformations do."""
    rebuilt = copy.copy(problem)
    for name, value in leaves.items():
        object.__setattr__(rebuilt, name, value)
    return rebuilt


def with_valuation(problem, field, change):
    first = dataclasses.replace(problem.valuations[1], **{field: getattr(problem.valuations[1], field) + change})
    return changed(problem, valuations=(problem.valuations[0], first, problem.valuations[2]))


MOVES = {
    "cost of the first": (
        lambda p, h: changed(p, contributor_costs=p.contributor_costs.at[0].add(h)),
        lambda slopes: slopes.contributor_costs[0],
    ),
    "cost of the second": (
        lambda p, h: changed(p, contributor_costs=p.contributor_costs.at[1].add(h)),
        lambda slopes: slopes.contributor_costs[1],
    ),
    "sigma": (lambda p, h: changed(p, sigma=p.sigma + h), lambda slopes: slopes.sigma),
    "value": (lambda p, h: with_valuation(p, "value", h), lambda slopes: slopes.valuations[1].value),
    "scale": (lambda p, h: with_valuation(p, "scale", h), lambda slopes: slopes.valuations[1].scale),
}


@pytest.fixture(scope="module")
def solved():
    problem = lab_market((0.004, 0.006))
    plan = market.solve(problem).value
    return problem, plan, market.sensitivity(problem, plan)


@pytest.mark.parametrize("name", MOVES)
def test_envelope_theorem(solved, name):
    """The profit of problems solved anew moves as the derivative at fixed sizes says."""
    problem, _, found = solved
    move, part = MOVES[name]
    above, below = (float(market.solve(move(problem, h)).value.profit) for h in (STEP, -STEP))
    assert float(part(found.profit)) == pytest.approx((above - below) / (2 * STEP), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", MOVES)
def test_prices(solved, name):
    problem, plan, found = solved
    move, part = MOVES[name]

    def prices(change):
        return np.asarray(market.envy_free_prices(move(problem, change), plan.sizes).price)

    slope = jax.tree.map(lambda leaf: np.moveaxis(np.asarray(leaf), 0, -1), found.prices)
    np.testing.assert_allclose(part(slope), (prices(STEP) - prices(-STEP)) / (2 * STEP), rtol=1e-5, atol=1e-6)


def test_profit_by_costs_is_what_is_collected(solved):
    _, plan, found = solved
    np.testing.assert_array_equal(found.profit.contributor_costs, -np.asarray(plan.samples))
    np.testing.assert_allclose(found.profit.counts, plan.prices, rtol=1e-12)


def test_it_batches_over_problems(solved):
    problem, plan, _ = solved
    scales = np.array([0.9, 1.0, 1.1])
    many = jax.vmap(lambda s: market.profit(changed(problem, sigma=problem.sigma * s), plan))(scales)
    loop = [float(market.profit(changed(problem, sigma=problem.sigma * s), plan)) for s in scales]
    np.testing.assert_allclose(many, loop, rtol=1e-13)
    assert many[1] == pytest.approx(float(plan.profit), rel=1e-12)
