"""Slopes of bounds and chances of markets, where some buy nothing and some chances are 0: central differences."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import market
from tests.slopes import directions, linearized

COSTS = np.array([0.023, 0.021, 0.031])
SCALES, VALUES = np.array([1.55, 0.28, 1.45]), np.array([0.93, 0.19, 0.82])
MENU = range(60)


def _problem(costs, values):
    kinds = (market.threshold, market.exponential, market.linear)
    buyers = [market.Buyer(kinds[j](SCALES[j], values[j]), count=j + 1) for j in range(3)]
    return market.Problem(costs, 0.62, buyers)


def _assert_slopes(function, step=1e-6, within=1e-5):
    @jax.jit
    def at(costs, values, way):
        value, push, pull = linearized(function, costs, values)
        return value, push(*way), jax.vmap(pull)(directions(value))

    for seed in range(2):
        draws = np.random.default_rng(seed)
        way = tuple(draws.normal(size=part.shape) * part for part in (COSTS, VALUES))
        ends = [np.asarray(at(COSTS + s * step * way[0], VALUES + s * step * way[1], way)[0]) for s in (1, -1)]
        _, forward, slopes = at(COSTS, VALUES, way)
        found = sum(np.asarray(slope) @ part for slope, part in zip(slopes, way, strict=True))
        np.testing.assert_allclose(found, (ends[0] - ends[1]) / (2 * step), rtol=within, atol=1e-7)
        np.testing.assert_allclose(forward, found, rtol=1e-9, atol=1e-12)


def test_bounds_move_with_the_profit_that_they_bound():
    def bounds(costs, values):
        problem = _problem(costs, values)
        plan = market.solve(problem, sizes=MENU).value
        return jnp.stack([plan.optimum_bound, plan.profit_bound, market.price(problem, sizes=MENU).bound])

    found = market.solve(_problem(COSTS, VALUES), sizes=MENU).raise_for_status()
    np.testing.assert_allclose(found.value.optimum_bound, found.value.optimum, rtol=1e-9)
    _assert_slopes(bounds)


def test_chances_that_are_0():
    def chances(costs, values):
        problem = _problem(costs, values)
        spread = market.spread(problem, market.solve(problem, sizes=MENU).value)
        parts = (spread.price_above_value, spread.negative_price, spread.payment_below_cost, spread.negative_payment)
        return jnp.concatenate(parts)

    assert np.min(chances(COSTS, VALUES)[:3]) == 0
    _assert_slopes(chances)


@pytest.mark.parametrize("worth", [-3.0, -0.5])
def test_payments_that_never_cover_costs(worth):
    """A broker who loses money: what is certain has the slope 0."""

    def below(price):
        plan = market.solve(_problem(COSTS, VALUES), sizes=MENU).value
        bad = dataclasses.replace(plan, prices=jnp.full(3, price))
        return jnp.sum(market.spread(_problem(COSTS, VALUES), bad).payment_below_cost)

    step = 1e-6
    expected = (below(worth + step) - below(worth - step)) / (2 * step)
    assert float(jax.grad(below)(worth)) == pytest.approx(float(expected), abs=1e-6)


def test_a_rule_of_ones_own_at_the_largest_value():
    """A table's last entry is as much as data can be worth; half of its slope was lost there."""
    values = np.array([0.0, 0.4, 0.9])

    def profit(values):
        problem = market.Problem([0.1, 0.1], 1.0, [market.Buyer(market.table(values))])
        return market.solve(problem, lambda v, counts, total: v[0], sizes=[0, 1, 2]).value.profit

    np.testing.assert_allclose(jax.grad(profit)(jnp.asarray(values)), [0, 0, 1], atol=1e-12)


def test_margins_beside_losses_without_end():
    def margin(costs, values):
        problem = _problem(costs, values)
        return jnp.sum(market.margins(problem, market.solve(problem, sizes=MENU).value).incentive_compatible)

    _assert_slopes(margin)
