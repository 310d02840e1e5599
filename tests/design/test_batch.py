"""Designs of many problems in one call: those that a loop finds, not proven before the host proves them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmech
from jaxmech import SolveError, Status
from jaxmech.collaboration import Problem
from jaxmech.design import Wishes, certify, design

pytestmark = pytest.mark.usefixtures("compile_quickly")


def drawn(seed, instances, m, d, sigma=100.0):
    costs = 10 ** (0.3 * np.random.default_rng(seed).standard_normal((instances, m, d)))
    return costs, jax.vmap(lambda table: Problem(table, sigma))(jnp.asarray(costs))


def assert_equal_to_a_loop(seed, shape, wishes, sigma=100.0):
    costs, problems = drawn(seed, *shape, sigma)
    found = jaxmech.batch(lambda problem: design(problem, wishes), problems)
    assert found.status.tolist() == [Status.UNPROVEN] * len(costs)
    assert np.isnan(found.value.family).all()
    assert found.residual.max() < 1e-9
    for i, table in enumerate(costs):
        problem, one = Problem(table, sigma), jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i]), found.value)
        alone = design(problem, wishes).raise_for_status().value
        assert float(one.social_penalty) == pytest.approx(float(alone.social_penalty), rel=1e-5)
        assert (one.origin, one.rival, bool(one.linked)) == (alone.origin, alone.rival, bool(alone.linked))
        assert all(audit.holds for audit in certify(problem, one) if audit.claimed)


@pytest.mark.slow
def test_a_batch_is_a_loop():
    assert_equal_to_a_loop(3, (3, 4, 1), Wishes())


@pytest.mark.slow
def test_a_batch_of_linked_designs_is_a_loop():
    assert_equal_to_a_loop(4, (2, 4, 2), Wishes(), sigma=300.0)


@pytest.mark.slow
def test_a_batch_in_whole_samples_is_a_loop():
    assert_equal_to_a_loop(5, (2, 4, 1), Wishes(whole=True, noise=20.0))


def test_what_is_not_proven_says_how_to_prove_it():
    assert Status.UNPROVEN == 7
    assert not Status.UNPROVEN.is_failure
    nothing = jnp.zeros(())
    with pytest.raises(SolveError, match=r"UNPROVEN: .*design\.certify"):
        jaxmech.Solution(None, jnp.int32(Status.UNPROVEN), nothing, nothing).raise_for_status()


@pytest.mark.long
def test_a_batch_of_designs_traces():
    """Shapes, codes and status of a design inside vmap, without running it."""
    _, problems = drawn(1, 2, 3, 1)
    shapes = jax.eval_shape(jax.vmap(design), problems)
    assert shapes.value.samples.shape == (2, 3, 1)
    assert shapes.value.rule.variance.shape == (2, 3)
    assert (shapes.value.linked.dtype, shapes.value.linked.shape) == (jnp.dtype(bool), (2,))
    assert shapes.value.origin_code.dtype == shapes.value.rival_code.dtype == shapes.status.dtype == jnp.int32
