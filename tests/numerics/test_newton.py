"""One Newton step: the elimination solves the whole linear system, as its equations say and as numpy does."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.numerics._newton import factor, newton_step
from jaxmech.numerics._newton_worth import ordinary
from jaxmech.numerics._program import Iterate, Kind, residuals
from tests.numerics.programs import inside, program

SHAPES = [(1, 1), (2, 1), (3, 2), (4, 4), (2, 5), (1, 3)]


def _products(data, seed=3):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.normal(size=data.costs.shape)), jnp.asarray(rng.normal(size=data.costs.shape[0]))


def _step(kind, data, point, goal, products):
    missing = residuals(data, point, goal)
    return missing, newton_step(data, point, factor(data, point, kind is Kind.MINIMAX), missing, products)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [Kind.WEIGHTED, Kind.MINIMAX, Kind.PRODUCT])
def test_a_step_removes_the_residuals_to_first_order(kind, shape):
    data = program(kind, *shape)
    point, products = inside(data), _products(data)
    goal = jnp.sum(data.direction * point.multiplier) + (0.3 if kind is Kind.MINIMAX else 0.0)
    missing, step = _step(kind, data, point, goal, products)
    if kind is Kind.WEIGHTED:  # the level is the unit there, and does not move
        step = Iterate(step.amount, step.gap, step.multiplier, step.slack, step.value, jnp.zeros(()))
    _, change = jax.jvp(lambda at: residuals(data, at, goal), (point,), (step,))
    # S_k − Σn, rows and normalisation: what is missing goes
    for name in ("totals", "rows", "normalisation"):
        np.testing.assert_allclose(getattr(change, name), -getattr(missing, name), rtol=1e-9, atol=1e-11, err_msg=name)
    reduced = data.costs * step.multiplier[:, None] - step.value - step.gap
    np.testing.assert_allclose(reduced, 0, atol=1e-10)
    np.testing.assert_allclose(point.gap * step.amount + point.amount * step.gap, products[0], rtol=1e-9, atol=1e-10)
    rows = point.multiplier * step.slack + point.slack * step.multiplier
    np.testing.assert_allclose(rows, products[1], rtol=1e-9, atol=1e-10)


def test_a_step_is_linear_in_what_it_is_given():
    data = program(Kind.MINIMAX, 3, 2)
    point = inside(data)
    first, second = _products(data), _products(data, seed=4)
    both = tuple(2 * a - b for a, b in zip(first, second, strict=True))
    zero = jax.tree.map(jnp.zeros_like, residuals(data, point, jnp.asarray(1.0)))
    factors = factor(data, point, True)
    steps = [newton_step(data, point, factors, zero, products) for products in (first, second, both)]
    for one, other, mixed in zip(*map(jax.tree.leaves, steps), strict=True):
        np.testing.assert_allclose(mixed, 2 * one - other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", [Kind.WEIGHTED, Kind.MINIMAX, Kind.PRODUCT])
@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
def test_the_step_for_errors_by_agent_is_the_ordinary_one_where_they_are_equal(kind, shape):
    data = program(kind, *shape)
    point = inside(data)
    by_agent = dataclasses.replace(data, worth=jnp.broadcast_to(data.error, shape))
    products = jnp.ones(shape), jnp.ones(shape[0])
    steps = []
    for one in (data, by_agent):
        newton, missing = ordinary(one), residuals(one, point, jnp.asarray(0.3))
        steps.append(newton.step(one, point, newton.factor(one, point, kind is Kind.MINIMAX), missing, products))
    for left, right in zip(*map(jax.tree.leaves, steps), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-10)
