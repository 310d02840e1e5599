"""First states of loops: they differ between instances for JAX, and are the same for the compiler."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech._loops import as_different_as


def test_a_constant_differs_between_instances_as_something_else_does():
    ones = jnp.ones(3)
    assert float(jax.vmap(lambda _: jnp.zeros(()), out_axes=None)(ones)) == 0
    with pytest.raises(ValueError, match="out_axes"):
        jax.vmap(lambda value: as_different_as(value, jnp.zeros(())), out_axes=None)(ones)


@pytest.mark.parametrize("like", [np.nan, np.inf, 0.0, -1.0])
def test_it_stays_what_it_is(like):
    state = {"best": jnp.array(jnp.inf), "steps": jnp.array(3), "bad": jnp.array(jnp.nan)}
    found = as_different_as(jnp.full((2, 2), like), state)
    assert jax.tree.map(float, found) == pytest.approx({"best": np.inf, "steps": 3, "bad": np.nan}, nan_ok=True)
    assert found["steps"].dtype == state["steps"].dtype


def test_a_compiler_leaves_nothing_of_it():
    compiled = jax.jit(lambda like: as_different_as(like, like)).lower(jnp.ones(4)).compile()
    assert "select" not in compiled.as_text()
