"""Forward and reverse derivatives from one program.

Compiling a solver takes longer than running it: asked for its value, its slope along a way and its gradient one by one,
it is compiled three times.
"""

import jax
import jax.numpy as jnp


def linearized(function, *arguments):
    """Return a value, and the functions that push ways forward and that pull weights back, as tuples.

    JAX's own reverse mode is this transpose. To be compiled together: call it, and what it returns, inside ``jax.jit``.
    """
    value, push = jax.linearize(function, *arguments)
    return value, push, jax.linear_transpose(push, *arguments)


def directions(argument):
    """Return an axis of directions, one for each entry of an argument."""
    return jnp.eye(jnp.size(argument)).reshape(-1, *jnp.shape(argument))
