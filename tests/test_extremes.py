"""Largest and least entries: slopes as those of JAX, also where what equals the maximum is computed once more."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech._extremes import highest, is_lowest, lowest
from jaxmech.collaboration import Problem, social_optimum
from jaxmech.market import posted_curve
from jaxmech.multiparty import existence, market_growth
from jaxmech.numerics import difference_constraints

VALUES = jnp.asarray(np.random.default_rng(0).permutation(60).reshape(3, 4, 5) / 7)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (1, -1)])
@pytest.mark.parametrize(("ours", "named"), [(highest, jnp.max), (lowest, jnp.min)])
def test_values_and_slopes_are_those_of_jax(ours, named, axis):
    def mine(values):
        return jnp.sum(jnp.sin(ours(values, axis)))

    def theirs(values):
        return jnp.sum(jnp.sin(named(values, axis=axis)))

    np.testing.assert_array_equal(ours(VALUES, axis), named(VALUES, axis=axis))
    np.testing.assert_allclose(jax.grad(mine)(VALUES), jax.grad(theirs)(VALUES), rtol=1e-14)
    along = [jax.jvp(function, (VALUES,), (jnp.cos(VALUES),))[1] for function in (mine, theirs)]
    assert float(along[0]) == pytest.approx(float(along[1]), rel=1e-14)


def test_slopes_of_slopes():
    curved = [jax.hessian(lambda v, f=f: jnp.sin(f(v[0, 0])))(VALUES) for f in (highest, jnp.max)]
    np.testing.assert_allclose(*curved, rtol=1e-14)


def test_ties_share_the_slope():
    values = jnp.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(
        jax.grad(lambda v: jnp.sum(highest(v, -1)))(values), [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]]
    )
    np.testing.assert_array_equal(jax.grad(lambda v: jnp.sum(lowest(v, 1)))(values), [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_passes(bad):
    values = jnp.array([1.0, bad, 2.0])
    for ours, named in ((highest, jnp.max), (lowest, jnp.min)):
        np.testing.assert_array_equal(ours(values), named(values))
    assert np.isfinite(jax.grad(highest)(jnp.array([1.0, -jnp.inf]))).all()


DIVIDED = {
    "social_optimum": lambda x: jnp.sum(social_optimum(Problem(x * jnp.array([[0.1], [0.2]]) + 0.1, 3.0)).value),
    "posted_curve": lambda x: jnp.sum(
        posted_curve(jnp.array([3.0, 5.0]), x * jnp.array([0.5, 0.7]) + 0.1, jnp.arange(7.0))
    ),
    "difference_constraints": lambda x: jnp.sum(
        difference_constraints(x * jnp.array([1.0, 2.0]) + 0.3, x * jnp.array([[0.0, 0.4], [0.2, 0.0]]) + 0.1).value
    ),
    "existence": lambda x: existence(market_growth(0.3 * x - 1, 2, 5)).value.margin,
}


@pytest.mark.parametrize("name", [*list(DIVIDED)[:-1], pytest.param("existence", marks=pytest.mark.long)])
def test_slopes_of_inputs_that_are_computed_in_the_same_program(name):
    """Products and sums of the inputs, which compilers round together or apart, in batches and with all else."""
    function, step = DIVIDED[name], 1e-6
    places = jnp.linspace(0.9, 1.4, 7)
    slopes = jax.jit(jax.vmap(jax.grad(function)))(places)
    between = (jax.vmap(function)(places + step) - jax.vmap(function)(places - step)) / (2 * step)
    np.testing.assert_allclose(slopes, between, rtol=2e-6, atol=1e-9)


@pytest.mark.long
def test_there_is_always_a_least_entry():
    np.testing.assert_array_equal(is_lowest(VALUES, 1), jnp.min(VALUES, axis=1, keepdims=True) == VALUES)
    np.testing.assert_array_equal(is_lowest(jnp.array([2.0, 1.0, 1.0]), -1), [False, True, True])
