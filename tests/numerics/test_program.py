"""The convex program's residuals, dual bound and judge, against its definition in plain numpy and scipy."""

import dataclasses

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy import optimize

from jaxmech.numerics._program import Kind, certified_residual, free_minimum, infeasibility, penalties, residuals
from tests.numerics.programs import inside, program

SHAPES = [(2, 1), (3, 2), (2, 4)]


def plain_penalties(data, amount):
    totals = amount.sum(0)
    return (np.asarray(data.error) / totals).sum() + (np.asarray(data.costs) * amount).sum(1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [Kind.WEIGHTED, Kind.MINIMAX, Kind.PRODUCT])
def test_residuals_are_the_conditions_term_by_term(kind, shape):
    data = program(kind, *shape)
    point = inside(data)
    missing = residuals(data, point, jnp.asarray(2.0))
    weights = np.asarray(data.weights) * float(point.level) + np.asarray(point.multiplier)
    totals = np.sqrt(np.asarray(data.error) * weights.sum() / np.asarray(point.value))
    np.testing.assert_allclose(missing.totals, totals - np.asarray(point.amount).sum(0), rtol=1e-12)
    cost = (np.asarray(data.error) / totals).sum() + (np.asarray(data.costs) * np.asarray(point.amount)).sum(1)
    bound = np.asarray(data.bounds) + np.asarray(data.direction) * float(point.level)
    np.testing.assert_allclose(missing.rows, bound - np.asarray(point.slack) - cost, rtol=1e-12, atol=1e-13)
    direction = float(np.sum(np.asarray(data.direction) * np.asarray(point.multiplier)))
    np.testing.assert_allclose(missing.normalisation, 2 - direction, rtol=1e-13)


def test_rows_where_one_agent_collects_nearly_everything():
    """Terms of order one that leave 5e-8: in 16 digits they keep 9 of them, the row as it is written all."""
    data = program(Kind.WEIGHTED, 2, 1)
    data = dataclasses.replace(data, costs=jnp.array([[1.0], [1e6]]), error=jnp.ones(1), bounds=jnp.array([2.0, 3.0]))
    multiplier, gap = 1e-7, 1e-13
    point = dataclasses.replace(
        inside(data),
        multiplier=jnp.array([1.0, multiplier]),
        level=jnp.zeros(()),
        value=jnp.array([1 - gap]),
        gap=jnp.array([[gap], [multiplier * 1e6 - 1 + gap]]),
        amount=jnp.array([[1.0], [1e-8]]),
        slack=jnp.zeros(2),
    )
    missing = residuals(data, point, jnp.zeros(()))
    with mpmath.workdps(40):
        total = mpmath.sqrt((1 + mpmath.mpf(multiplier)) / (1 - mpmath.mpf(gap)))
        expected = 2 - 1 / total - 1
    assert float(missing.rows[0]) == pytest.approx(float(expected), rel=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_free_minimum_is_the_least_of_the_weighted_sum(shape):
    data = program(Kind.WEIGHTED, *shape)
    weights = np.linspace(0.5, 1.5, shape[0])

    def weighted_sum(logs):
        return weights @ plain_penalties(data, np.exp(logs).reshape(shape))

    found = optimize.minimize(weighted_sum, np.zeros(shape).ravel(), method="BFGS", options={"gtol": 1e-9})
    assert float(free_minimum(data, jnp.asarray(weights))) == pytest.approx(found.fun, rel=1e-6)
    assert float(free_minimum(data, jnp.asarray(weights))) <= found.fun


def test_penalties_are_their_definition():
    data = program(Kind.WEIGHTED, 3, 2)
    amount = np.asarray(inside(data).amount)
    np.testing.assert_allclose(penalties(data, jnp.asarray(amount)), plain_penalties(data, amount), rtol=1e-13)


def test_infeasibility_is_positive_only_where_the_rows_cannot_be_met():
    data = program(Kind.WEIGHTED, 3, 2)
    ones = jnp.ones(3)
    least = float(free_minimum(data, ones))
    tight = dataclasses.replace(data, bounds=ones * least / 3 * 0.99)
    loose = dataclasses.replace(data, bounds=ones * least / 3 * 1.01)
    assert float(infeasibility(tight, ones)) == pytest.approx(1 / 0.99 - 1, rel=1e-9)
    assert float(infeasibility(loose, ones)) < 0


def test_the_judge_passes_an_optimum_and_nothing_beside_it():
    """One distribution, nobody bounded: the cheapest collects √(Σω w / min ω c), known in closed form."""
    data = program(Kind.WEIGHTED, 3, 1)
    data = dataclasses.replace(data, bounds=jnp.full(3, 100.0))
    cheapest = int(np.argmin(data.costs))
    amount = np.zeros((3, 1))
    amount[cheapest] = np.sqrt(3 * float(data.error[0]) / float(data.costs[cheapest, 0]))
    assert float(certified_residual(Kind.WEIGHTED, data, jnp.asarray(amount), jnp.zeros(3))) < 1e-14
    for spoilt in (amount * 1.001, np.roll(amount, 1, axis=0)):
        assert float(certified_residual(Kind.WEIGHTED, data, jnp.asarray(spoilt), jnp.zeros(3))) > 4e-4
    assert float(certified_residual(Kind.WEIGHTED, data, jnp.asarray(amount), jnp.array([0.1, 0.0, 0.0]))) > 1e-2
