"""Difference constraints: largest solutions against networkx, witnesses against the definition, derivatives."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmech.numerics import ROOT, difference_constraints, negative_cycle, tight_path
from tests.oracles.market import potentials


def system(seed, nodes, low=-0.2):
    generator = np.random.default_rng([seed, nodes])
    return generator.uniform(0, 3, nodes), generator.uniform(low, 1.5, (nodes, nodes))


SOLVE = jax.jit(difference_constraints)


@pytest.mark.parametrize("nodes", [1, 2, 3, 6])
def test_largest_solution_is_that_of_networkx(nodes):
    infeasible = 0
    for seed in range(60):
        bound, weight = system(seed, nodes, low=-1.2 / nodes)
        found, expected = SOLVE(jnp.asarray(bound), jnp.asarray(weight)), potentials(bound, weight)
        assert bool(found.feasible) == (expected is not None)
        if expected is None:
            infeasible += 1
            assert np.isnan(found.value).all()
        else:
            np.testing.assert_allclose(found.value, expected, rtol=0, atol=1e-12)
    assert nodes < 3 or 5 < infeasible < 55


@pytest.mark.parametrize("seed", range(12))
def test_tight_path_explains_the_value(seed):
    bound, weight = system(seed, 5)
    found = SOLVE(jnp.asarray(bound), jnp.asarray(weight))
    if not found.feasible:
        return
    for node in range(5):
        path = tight_path(found.predecessor, node)
        length = bound[path[-1]] + sum(weight[a, b] for a, b in itertools.pairwise(path))
        assert found.predecessor[path[-1]] == ROOT
        assert length == pytest.approx(float(found.value[node]), abs=1e-12)


def test_negative_cycle_is_a_contradiction():
    seen = 0
    for seed in range(40):
        bound, weight = system(seed, 4, low=-0.3)
        found = SOLVE(jnp.asarray(bound), jnp.asarray(weight))
        cycle = negative_cycle(found.predecessor)
        assert (cycle is None) == bool(found.feasible)
        if cycle is not None:
            seen += 1
            assert sum(weight[a, b] for a, b in zip(cycle, cycle[1:] + cycle[:1], strict=True)) < 0
    assert 5 < seen < 40


def test_cycles_of_weight_zero_are_no_contradiction():
    """Values of equal sizes make them everywhere: v(a) − v(b) one way, v(b) − v(a) back."""
    values = jnp.array([0.1, 0.7, 0.3, 0.1 + 0.2])
    found = difference_constraints(values, values[:, None] - values[None, :])
    assert found.feasible
    assert found.predecessor.tolist() == [ROOT] * 4
    with pytest.raises(ValueError, match="circle"):
        tight_path([1, 0], 0)


def test_batch_equals_loop_and_jit_equals_eager():
    bounds, weights = (np.stack(part) for part in zip(*(system(seed, 4) for seed in range(8)), strict=True))
    batch = SOLVE(jnp.asarray(bounds), jnp.asarray(weights))
    mapped = jax.vmap(difference_constraints)(jnp.asarray(bounds), jnp.asarray(weights))
    for i in range(8):
        one = difference_constraints(bounds[i], weights[i])
        np.testing.assert_array_equal(batch.value[i], one.value)
        np.testing.assert_array_equal(mapped.value[i], one.value)
        np.testing.assert_array_equal(batch.predecessor[i], one.predecessor)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.01, 100.0))
def test_laws(seed, scale):
    bound, weight = system(seed, 4)
    found = SOLVE(jnp.asarray(bound), jnp.asarray(weight))
    scaled = SOLVE(jnp.asarray(scale * bound), jnp.asarray(scale * weight))
    order = np.random.default_rng(seed).permutation(4)
    permuted = SOLVE(jnp.asarray(bound[order]), jnp.asarray(weight[np.ix_(order, order)]))
    assert found.feasible == scaled.feasible == permuted.feasible
    np.testing.assert_allclose(scaled.value, scale * np.asarray(found.value), rtol=1e-12)
    np.testing.assert_allclose(permuted.value, np.asarray(found.value)[order], atol=1e-13)


def test_float32():
    bound, weight = system(3, 5)
    found = difference_constraints(jnp.asarray(bound, jnp.float32), jnp.asarray(weight, jnp.float32))
    assert found.value.dtype == jnp.float32
    np.testing.assert_allclose(found.value, potentials(bound, weight), rtol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_derivative_follows_the_tight_path(seed):
    """Once by finite differences, once by the path: a bound or weight counts iff it is on it."""
    bound, weight = (jnp.asarray(part) for part in system(seed, 4, low=-0.05))
    found = SOLVE(bound, weight)
    assert found.feasible
    by_bound, by_weight = jax.jacrev(lambda b, w: difference_constraints(b, w).value, argnums=(0, 1))(bound, weight)
    forward = jax.jacfwd(lambda b: difference_constraints(b, weight).value)(bound)
    np.testing.assert_allclose(by_bound, forward, atol=1e-15)
    for node in range(4):
        path = tight_path(found.predecessor, node)
        expected = np.zeros((4, 4))
        for a, b in itertools.pairwise(path):
            expected[a, b] = 1
        np.testing.assert_allclose(by_weight[node], expected, atol=1e-15)
        np.testing.assert_allclose(by_bound[node], np.eye(4)[path[-1]], atol=1e-15)
    step = 1e-6 * np.random.default_rng(seed).standard_normal((4, 4))
    change = (SOLVE(bound, weight + step).value - SOLVE(bound, weight - step).value) / 2
    np.testing.assert_allclose(change, np.einsum("nab,ab->n", by_weight, step), atol=1e-12)
