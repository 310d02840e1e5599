"""What ``vmap`` makes of a function that treats many instances at once: values, slopes, and how often it is traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.numerics import through_rows

VALUES = np.arange(1.0, 25.0).reshape(2, 3, 4)


def counted():
    """Shares of a sum, and how often each way of computing them has been traced."""
    traced = {"alone": 0, "rows": []}

    def alone(row, unit):
        traced["alone"] += 1
        return {"share": row / jnp.sum(row), "unit": unit}

    def run(rows, units):
        traced["rows"].append(len(rows))
        return {"share": rows / jnp.sum(rows, axis=1, keepdims=True), "unit": units}

    return through_rows(run, alone, like=lambda row, unit: {"share": row, "unit": unit}), traced


def test_batches_of_batches_are_traced_once_as_one_batch():
    shares, traced = counted()
    nested = jax.jit(jax.vmap(jax.vmap(shares, in_axes=(0, None)), in_axes=(0, 0)))
    found = nested(VALUES, np.array([1, 2]))
    np.testing.assert_allclose(found["share"], VALUES / VALUES.sum(axis=2, keepdims=True), rtol=1e-15)
    assert np.asarray(found["unit"]).tolist() == [[1, 1, 1], [2, 2, 2]]
    assert traced == {"alone": 0, "rows": [6]}


def test_a_single_instance_is_not_a_batch():
    shares, traced = counted()
    found = jax.jit(shares)(VALUES[0, 0], 3)
    np.testing.assert_allclose(found["share"], [0.1, 0.2, 0.3, 0.4], rtol=1e-15)
    assert traced == {"alone": 1, "rows": []}
    np.testing.assert_allclose(shares(VALUES[0, 0], 3)["share"], found["share"], rtol=1e-15)


def test_an_axis_elsewhere_and_none_at_all():
    shares, _ = counted()
    found = jax.vmap(shares, in_axes=(1, None), out_axes={"share": 1, "unit": 0})(VALUES[0].T, 0)
    np.testing.assert_allclose(found["share"], (VALUES[0] / VALUES[0].sum(axis=1, keepdims=True)).T, rtol=1e-15)
    empty = jax.vmap(shares, in_axes=(0, None))(jnp.zeros((0, 4)), 0)
    assert empty["share"].shape == (0, 4)


@pytest.mark.parametrize("many", [False, True])
def test_slopes_are_those_of_what_is_computed(many):
    shares = through_rows(lambda rows: rows / jnp.sum(rows, axis=1, keepdims=True))
    function = jax.vmap(shares) if many else shares
    plain = lambda values: values / jnp.sum(values, axis=-1, keepdims=True)  # noqa: E731
    at = jnp.asarray(VALUES[0] if many else VALUES[0, 0])
    np.testing.assert_allclose(jax.jacfwd(function)(at), jax.jacfwd(plain)(at), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(jax.jacrev(function)(at), jax.jacfwd(plain)(at), rtol=1e-12, atol=1e-15)


def test_what_is_traced_in_one_precision_is_compiled_in_it():
    shares = through_rows(lambda rows: rows / jnp.arange(1, 1 + rows.shape[1]))
    traced = jax.jit(jax.vmap(shares)).trace(jnp.ones((2, 3)))
    with jax.enable_x64(False):
        compiled = traced.lower().compile()
    assert compiled(jnp.ones((2, 3))).dtype == jnp.float64
