"""Prices, spread, margins and the division of work as pure functions on a menu: as one by one on the host."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmech as jm
from jaxmech import market

SIZES = range(33)
COSTS = np.array([[0.02, 0.03, 0.05], [0.04, 0.04, 0.04], [0.01, 0.1, 0.02]])
BUYERS = (market.Buyer(market.exponential(0.4), count=3), market.Buyer(market.linear(0.8, 0.7), count=2))


def problem_of(costs):
    return market.Problem(costs, 1.0, BUYERS)


def single_price(values, counts, total):
    """A rule in JAX: one price for everything, the better of the least and the most that N points are worth."""
    worth = values[:, total]
    low, high = jnp.min(worth), jnp.max(worth)
    all_buy = low * jnp.sum(counts) >= high * jnp.sum(jnp.where(worth >= high, counts, 0.0))
    return jnp.where(jnp.arange(total + 1) > 0, jnp.where(all_buy, low, high), 0.0)


@pytest.mark.long
@pytest.mark.parametrize("method", ["exact", single_price], ids=["exact", "rule"])
def test_price_on_a_menu_is_that_of_the_search_on_the_host(method):
    def best(costs):
        found = market.price(problem_of(costs), method, sizes=SIZES)
        return found.sizes, found.prices, found.profit, found.bound

    together = jax.jit(jax.vmap(best))(COSTS)
    for k, costs in enumerate(COSTS):
        host = market.price(problem_of(costs), method, limit=32)
        alone = market.price(problem_of(costs), method, sizes=SIZES)
        assert (alone.method, alone.allowance) == (host.method, host.allowance)
        np.testing.assert_array_equal(together[0][k], host.sizes)
        np.testing.assert_allclose(together[1][k], host.prices, rtol=1e-12)
        np.testing.assert_allclose([together[2][k], alone.profit], host.profit, rtol=1e-12)
        assert float(together[3][k]) >= host.bound - 1e-9


@pytest.mark.long
def test_a_rule_of_ones_own_solves_under_every_transformation():
    def solved(costs):
        return market.solve(problem_of(costs), single_price, sizes=SIZES)

    together = jm.batch(solved, COSTS)
    assert together.value.guarantee.startswith("none")
    for k, costs in enumerate(COSTS):
        host = market.solve(problem_of(costs), single_price, limit=32)
        assert int(together.status[k]) == int(host.status)
        np.testing.assert_array_equal(together.value.samples[k], host.value.samples)
        np.testing.assert_allclose(together.value.profit[k], host.value.profit, rtol=1e-12)
    # Each point costs what it costs: by the envelope theorem.
    slopes = jax.grad(lambda costs: solved(costs).value.profit)(jnp.asarray(COSTS[0]))
    np.testing.assert_allclose(slopes, -together.value.samples[0])


def test_a_rule_that_is_no_rule_fails_alone():
    def broken(values, counts, total):
        del counts
        return jnp.where(values[0] > 0.3, jnp.nan, 0.01 * jnp.minimum(values[0], 1.0))

    solution = market.solve(problem_of(COSTS[2]), broken, sizes=SIZES)
    assert jm.Status.of(int(solution.status)) is jm.Status.NONFINITE
    assert np.isnan(solution.value.profit)


def test_other_methods_are_refused_where_numbers_are_traced():
    with pytest.raises(jm.ProblemError, match="a rule of your own, on a menu"):
        jax.jit(lambda costs: market.price(problem_of(costs), "heuristic").profit)(COSTS[0])


@pytest.mark.long
@pytest.mark.parametrize("second", [1, 2])
def test_spread_batches_and_is_that_of_the_host(second):
    def varies(costs):
        problem = problem_of(costs)
        return market.spread(problem, market.solve(problem, sizes=SIZES, second=second).value)

    together = jax.jit(jax.vmap(varies))(COSTS)
    for k, costs in enumerate(COSTS):
        alone = varies(costs)
        assert isinstance(alone.price, np.ndarray)
        for field in dataclasses.fields(alone):
            many = getattr(together, field.name)[k]
            np.testing.assert_allclose(many, getattr(alone, field.name), rtol=1e-12, atol=1e-15)


@pytest.mark.long
def test_margins_are_those_of_the_certificates():
    names = {
        "individually rational for buyers": "rational_for_buyers",
        "envy-free": "envy_free",
        "individually rational for contributors": "rational_for_contributors",
        "Nash incentive compatible for contributors": "incentive_compatible",
        "budget balanced": "budget_balanced",
        "deliverable": "deliverable",
        "profit-optimal": "profit_optimal",
    }

    def numbers(costs):
        problem = problem_of(costs)
        return market.margins(problem, market.solve(problem, sizes=SIZES).value)

    together = jax.jit(jax.vmap(numbers))(COSTS)
    for k, costs in enumerate(COSTS):
        problem = problem_of(costs)
        audits = {audit.claim: audit for audit in market.certify(problem, market.solve(problem, sizes=SIZES).value)}
        for claim, name in names.items():
            margin = float(getattr(together, name)[k])
            assert margin == pytest.approx(audits[claim].margin, rel=1e-12, abs=1e-14), claim
            # More points than the menu has might bring more.
            assert margin >= -audits[claim].tolerance or name == "profit_optimal", claim


def test_margins_see_what_is_wrong():
    problem = problem_of(COSTS[0])
    plan = market.solve(problem, sizes=SIZES).value
    dear = market.margins(problem, dataclasses.replace(plan, prices=plan.prices + 0.1))
    assert float(dear.rational_for_buyers) < 0
    assert float(dear.profit_optimal) < 0
    short = market.margins(problem, dataclasses.replace(plan, samples=plan.samples - 0.5))
    assert float(short.deliverable) < 0
    unequal = dataclasses.replace(plan, prices=plan.prices + jnp.array([0.0, 0.05]))
    assert float(market.margins(problem, unequal).envy_free) < 0


def test_work_is_divided_alike_under_transformations():
    totals = jnp.array([4, 9, 11])
    together = jax.jit(jax.vmap(lambda costs, total: market.divide_work(problem_of(costs), total, 2)))(COSTS, totals)
    for k, (costs, total) in enumerate(zip(COSTS, totals.tolist(), strict=True)):
        np.testing.assert_array_equal(together[k], market.divide_work(problem_of(costs), total, 2))
    # What is refused on the host is NaN in a program.
    assert np.all(np.isnan(jax.jit(lambda total: market.divide_work(problem_of(COSTS[0]), total, 2))(3)))


@pytest.mark.parametrize("method", ["exact", "approximate"])
def test_a_known_market_is_solved_while_something_else_is_traced(method):
    """Its numbers in NumPy, as a batch returns them."""
    known = jax.tree.map(np.asarray, problem_of(COSTS[0]))
    outside = market.solve(known, method, limit=32).value
    scaled = jax.jit(jax.vmap(lambda scale: scale * market.solve(known, method, limit=32).value.profit))
    np.testing.assert_allclose(scaled(jnp.array([1.0, 3.0])), [outside.profit, 3 * outside.profit], rtol=1e-15)
    inside = jax.jit(lambda scale: scale * market.spread(known, outside).price_deviation)(1.0)
    np.testing.assert_allclose(inside, market.spread(problem_of(COSTS[0]), outside).price_deviation, rtol=1e-12)
