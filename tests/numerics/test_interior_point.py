"""The interior point from its first point to its last, against scipy on small programs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from jaxmech.numerics._interior_point import advance, going, solve_interior, start
from jaxmech.numerics._program import Kind, certified_residual, penalties
from tests.numerics.programs import program

KINDS = [Kind.WEIGHTED, Kind.MINIMAX, Kind.PRODUCT]


def _plain(data, logs):
    amount = np.exp(logs).reshape(data.costs.shape)
    return (np.asarray(data.error) / amount.sum(0)).sum() + (np.asarray(data.costs) * amount).sum(1)


def _by_scipy(kind, data):
    """The best objective that SLSQP finds from a point in the middle, in logarithms of the amounts."""
    size = data.costs.size
    bounds, direction = np.asarray(data.bounds), np.asarray(data.direction)
    begin = np.full(size, np.log(np.sqrt(np.mean(data.error) / np.mean(data.costs)) / data.costs.shape[0]))
    if kind is Kind.MINIMAX:
        level = float(np.max(_plain(data, begin) - bounds)) + 0.1
        rows = {"type": "ineq", "fun": lambda x: bounds + direction * x[-1] - _plain(data, x[:-1])}
        return optimize.minimize(lambda x: x[-1], [*begin, level], constraints=[rows], method="SLSQP", tol=1e-12).fun
    rows = {"type": "ineq", "fun": lambda x: bounds - _plain(data, x)}
    if kind is Kind.WEIGHTED:
        return optimize.minimize(
            lambda x: _plain(data, x).sum(), begin, constraints=[rows], method="SLSQP", tol=1e-12
        ).fun
    rows["fun"] = lambda x: bounds * 0.999999 - _plain(data, x)
    gain = lambda x: -np.log(np.maximum(bounds - _plain(data, x), 1e-9)).sum()  # noqa: E731
    return optimize.minimize(gain, begin, constraints=[rows], method="SLSQP", tol=1e-12).fun


def _objective(kind, data, last):
    paid = np.asarray(penalties(data, last.iterate.amount))
    if kind is Kind.WEIGHTED:
        return paid.sum()
    if kind is Kind.MINIMAX:
        return float(last.iterate.level)
    return -np.log(np.asarray(data.bounds) - paid).sum()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(2, 1), (3, 2)])
def test_the_last_point_is_the_optimum(kind, shape):
    data = program(kind, *shape)
    last = jax.jit(lambda data: solve_interior(kind, data, start(kind, data)))(data)
    assert float(last.best) < 1e-9
    assert not bool(going(last))
    amount = jnp.where(last.iterate.amount > 1e-9, last.iterate.amount, 0.0)  # on its way to zero
    assert float(certified_residual(kind, data, amount, last.iterate.multiplier)) < 1e-8
    np.testing.assert_allclose(_objective(kind, data, last), _by_scipy(kind, data), rtol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_point_is_inside_and_complementary_alike(kind):
    first = start(kind, program(kind, 3, 2)).iterate
    for part in (first.amount, first.gap, first.multiplier, first.slack, first.value):
        assert np.all(np.asarray(part) > 0)
    products = np.asarray(first.amount * first.gap)
    np.testing.assert_allclose(products, np.broadcast_to(products[:1], products.shape), rtol=1e-12)


def test_whoever_is_not_active_does_not_move():
    data = program(Kind.WEIGHTED, 3, 2)
    state = start(Kind.WEIGHTED, data)
    moved = advance(Kind.WEIGHTED, data, state, jnp.array(False))
    for before, after in zip(jax.tree.leaves(state.iterate), jax.tree.leaves(moved.iterate), strict=True):
        np.testing.assert_array_equal(before, after)
    assert int(moved.steps) == 0
    assert int(advance(Kind.WEIGHTED, data, state, jnp.array(True)).steps) == 1


def test_what_is_not_finite_stops_at_the_point_before():
    data = program(Kind.WEIGHTED, 3, 2)
    state = start(Kind.WEIGHTED, data)
    broken = dataclasses.replace(data, error=jnp.full(2, jnp.nan))
    moved = advance(Kind.WEIGHTED, broken, state, jnp.array(True))
    np.testing.assert_array_equal(moved.iterate.amount, state.iterate.amount)
    assert not bool(going(moved))
