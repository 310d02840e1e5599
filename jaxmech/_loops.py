"""First states of loops, so that programs of many instances are traced in fewer passes. Pure kernels."""

from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from jaxmech._types import Array

State = TypeVar("State")


def as_different_as(like: Array, state: State) -> State:
    """Return a loop's first state, the same, as something that differs between instances if ``like`` does.

    Under ``vmap`` JAX makes the body of a loop anew until it knows what of the state differs between instances: what
    starts as a constant costs another pass, and loops in loops cost the product of their passes. A compiler finds
    nothing in it that is to be done.

    Args:
        like: any array but an empty one.
        state: any pytree.

    Source: this package.

    Example:
        >>> as_different_as(jnp.array([2.0, 3.0]), jnp.array(0)).item()
        0
    """
    either = jnp.ravel(like)[0] > 0

    def same(leaf: Any) -> Any:
        return jnp.where(either, leaf, leaf)

    differing: State = jax.tree.map(same, state)
    return differing
