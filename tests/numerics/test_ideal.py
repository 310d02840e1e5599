"""The most that one agent can gain: by duality, over many decades, where budgets and where interior points find it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import Status
from jaxmech.numerics import Kind, solve_sharing
from jaxmech.numerics._ideal import solve_ideal
from jaxmech.numerics._many import a_few_at_a_time
from jaxmech.numerics._program import Program


def programs(decades, instances=24, m=3, d=2, seed=0):
    """One program for every agent of every instance; bounds are what working alone costs."""
    rng = np.random.default_rng([seed, decades])
    costs = np.repeat(10 ** (decades * rng.uniform(-0.5, 0.5, (instances, m, d))), m, axis=0)
    costs /= costs.min(axis=1, keepdims=True)
    ones, all_ = np.ones((len(costs), d)), np.ones(costs.shape, bool)
    bounds = 2 * np.sqrt(costs).sum(axis=2)
    weights = np.tile(np.eye(m), (instances, 1))
    parts = costs, ones, weights, bounds, np.zeros_like(bounds), all_, all_[..., 0]
    leaves = [jnp.asarray(part) for part in parts]
    return jax.tree.unflatten(jax.tree.structure(Program(*(leaf[0] for leaf in leaves))), leaves)


def solved(program, skip):
    each = jax.vmap(solve_ideal)
    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(each, program, skip))
    return a_few_at_a_time(each, program, blank, skip)


def judged(program, amount, multiplier):
    """Her penalty, relative to the dual bound of these multipliers, and the largest violation of others' bounds."""
    costs, bounds = np.asarray(program.costs), np.asarray(program.bounds)
    totals = amount.sum(axis=1)
    paid = (1 / totals).sum(axis=1)[:, None] + (costs * amount).sum(axis=2)
    others = np.asarray(program.weights) == 0
    hers = np.where(others, 0.0, paid).sum(axis=1)
    weights = np.where(others, multiplier, 1.0)
    cheapest = (weights[:, :, None] * costs).min(axis=1)
    dual = (2 * np.sqrt(weights.sum(axis=1)[:, None] * cheapest)).sum(axis=1)
    dual -= np.where(others, multiplier * bounds, 0.0).sum(axis=1)
    return hers / dual - 1, np.where(others, paid / bounds - 1, 0.0).max(axis=1)


@pytest.mark.long
@pytest.mark.parametrize("decades", [1, 6])
def test_budgets_reach_the_dual_bound(decades):
    program = programs(decades)
    found = jax.jit(solved)(program, jnp.zeros(len(program.costs), bool))
    assert np.asarray(found.verified).all()
    gap, excess = judged(program, np.asarray(found.iterate.amount), np.asarray(found.iterate.multiplier))
    assert np.abs(gap).max() < 1e-9
    assert excess.max() < 1e-11
    assert (np.asarray(found.iterate.amount) >= 0).all()


@pytest.mark.long
def test_twelve_decades_alone_and_in_a_batch():
    program = programs(12)

    def solve(costs, weights, bounds):
        return solve_sharing(Kind.IDEAL, costs, jnp.ones(2), weights=weights, bounds=bounds)

    data = program.costs, program.weights, program.bounds
    found = jax.jit(jax.vmap(solve))(*data)
    assert (np.asarray(found.status) == Status.OK).all()
    alone = jax.jit(solve)
    for i in (0, 7, 32):
        one = alone(*(part[i] for part in data))
        assert int(one.status) == Status.OK
        np.testing.assert_allclose(one.amount, found.amount[i], rtol=1e-6, atol=1e-9 * float(one.amount.max()))


@pytest.mark.long
def test_who_is_skipped_or_has_no_bound_costs_no_time_and_is_not_verified():
    program = programs(6, instances=8)
    skip = np.arange(24) % 3 > 0
    found = solved(program, jnp.asarray(skip))
    assert (np.asarray(found.verified) == ~skip).all()
    one = jax.tree.map(lambda leaf: leaf[0], program)
    free = dataclasses.replace(one, bounded=jnp.array([True, True, False]))
    end = solve_ideal(free, jnp.array(False))
    assert not bool(end.verified)
    assert int(end.steps) < 20
