"""Envy-free prices against linear programming; posted curves and demand against the definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import market
from tests.market.problems import lab_market, rough, smooth, with_tables
from tests.oracles.market import buys, curve_revenue, largest_prices

PRICES = jax.jit(market.envy_free_prices)


@pytest.mark.parametrize("types", [1, 2, 4])
def test_largest_prices_are_those_of_the_linear_program(types):
    generator = np.random.default_rng(types)
    feasible = 0
    for seed in range(6):
        values = rough(seed, types, 12)
        problem = with_tables(values, np.ones(types), [0.1])
        for _ in range(12):
            sizes = generator.integers(0, 13, types)
            found, expected = PRICES(problem, jnp.asarray(sizes)), largest_prices(values, sizes)
            assert bool(found.feasible) == (expected is not None)
            if expected is not None:
                feasible += 1
                np.testing.assert_allclose(found.price, expected, atol=1e-9)
    assert feasible >= 5


def test_nobody_prefers_another_offer_and_any_price_above_breaks_that():
    problem = lab_market()
    sizes = jnp.array([40, 400, 100])
    found = PRICES(problem, sizes)
    assert found.feasible
    assert market.most_tempting_swap(problem, sizes, found.price).loss >= -1e-12
    for j in range(3):
        assert market.most_tempting_swap(problem, sizes, found.price.at[j].add(1e-6)).loss < -1e-7


def test_most_tempting_swap_is_found():
    values = np.array([[0.0, 0.5, 0.6], [0.0, 0.7, 1.0]])
    problem = with_tables(values, [1, 1], [0.1])
    envy = market.most_tempting_swap(problem, [1, 2], [0.5, 0.85])
    assert (envy.buyer, envy.other) == (1, 0)
    assert envy.loss == pytest.approx(-0.05)
    leave = market.most_tempting_swap(problem, [1, 2], [0.52, 0.7])
    assert (leave.buyer, leave.other) == (0, -1)
    assert leave.loss == pytest.approx(-0.02)
    alone = market.most_tempting_swap(problem, [0, 0], [0.0, 0.0])
    assert np.isinf(alone.loss)


def test_utility_is_value_less_price():
    problem = lab_market()
    sizes, prices = np.array([40, 400, 100]), np.array([0.1, 0.5, 0.2])
    expected = [v.by_size(jnp.array(m), 1.0) - p for v, m, p in zip(problem.valuations, sizes, prices, strict=True)]
    np.testing.assert_allclose(market.utility(problem, sizes, prices), expected, rtol=1e-14)


@pytest.mark.parametrize("make", [rough, smooth])
def test_demand_and_revenue_are_those_of_the_definition(make):
    values = make(3, 5, 20)
    counts = np.array([1.0, 2.0, 3.0, 1.0, 4.0])
    generator = np.random.default_rng(0)
    curves = np.sort(generator.uniform(0, 0.8, (30, 21)), axis=1)
    curves[:, 0] = 0
    bought = market.demand(jnp.asarray(values), jnp.asarray(curves))
    assert bought.tolist() == [[buys(row, curve) for row in values] for curve in curves]
    found = market.revenue(jnp.asarray(values), jnp.asarray(counts), jnp.asarray(curves))
    np.testing.assert_allclose(found, [curve_revenue(values, counts, curve) for curve in curves], rtol=1e-13)


def test_many_curves_are_evaluated_as_few():
    values = smooth(3, 5, 20)
    counts = np.array([1.0, 2.0, 3.0, 1.0, 4.0])
    curves = np.sort(np.random.default_rng(1).uniform(0, 0.8, (1500, 21)), axis=1)
    found = market.revenues(values, counts, curves)
    assert found.shape == (1500,)
    np.testing.assert_allclose(
        found[::50], [curve_revenue(values, counts, curve) for curve in curves[::50]], rtol=1e-13
    )
    assert market.revenues(values, counts, curves[:0]).shape == (0,)
    with jax.enable_x64(False):
        few = market.revenues(values, counts, curves[:8])
    assert few.dtype == np.float32


def test_ties_go_to_the_largest_size_whatever_rounding_does():
    values = jnp.array([[0.0, 0.1, 0.3, 0.3]])
    assert market.demand(values, jnp.array([0.0, 0.1 + 1e-16, 0.1 + 0.2, 0.3])).tolist() == [3]
    assert market.demand(values, jnp.array([0.0, 0.1, 0.3, 0.31])).tolist() == [2]
    assert market.demand(values, jnp.array([0.0, 0.2, 0.4, 0.5])).tolist() == [0]


@pytest.mark.parametrize("seed", range(4))
def test_posted_curve_sells_at_least_as_much(seed):
    """Lemma 1: buyers who choose freely from the curve pay at least the envy-free prices."""
    values = rough(seed, 3, 15)
    counts = np.array([2.0, 1.0, 3.0])
    best = market.price(with_tables(values, counts, [0.02]))
    curve = market.posted_curve(jnp.asarray(best.sizes * 1.0), jnp.asarray(best.prices), jnp.arange(16.0))
    assert curve[0] == 0
    assert np.all(np.diff(curve) >= 0)
    sold = curve_revenue(values, counts, np.asarray(curve))
    assert sold >= counts @ best.prices - 1e-9
    cost = 0.02 * max(buys(row, np.asarray(curve)) for row in values)
    assert sold - cost <= best.profit + 1e-9


def test_batch_equals_loop_and_jit_equals_eager():
    problem = lab_market()
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf * 0.9]), problem)
    sizes = jnp.array([40, 400, 100])
    batch = jax.vmap(lambda one: market.envy_free_prices(one, sizes).price)(many)
    for i in range(2):
        one = market.envy_free_prices(jax.tree.map(lambda leaf, i=i: leaf[i], many), sizes).price
        np.testing.assert_allclose(batch[i], one, rtol=1e-13)
