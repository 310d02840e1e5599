"""Largest and least entries, and roots, whose slopes are numbers, however a program is compiled. Pure kernels.

The slope that JAX has for ``jnp.max`` asks which entries equal the maximum and divides by how many do. Where a compiler
computes the entries once more, with a product and a sum rounded together or apart, none may, and the slope is 0/0. Here
the place where the maximum was found is always one of them.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from jaxmech._types import Array

Axes = int | tuple[int, ...] | None


def highest(values: Array, axis: Axes = None) -> Array:
    """Maximum; its slope is that of the largest entry, the mean where several are.

    Args:
        values: any numbers.
        axis: over which; all of them by default.

    Source: this package.

    Example:
        >>> jax.grad(lambda x: highest(x * jnp.array([1.0, 2.0, 2.0])))(jnp.ones(3)).tolist()
        [0.0, 1.0, 1.0]
    """
    found: Array = _extreme(values, axis, jnp.max)
    return found


def lowest(values: Array, axis: Axes = None) -> Array:
    """Minimum, with slopes as :func:`highest`.

    Args:
        values: any numbers.
        axis: over which; all of them by default.

    Source: this package.

    Example:
        >>> jax.grad(lambda x: lowest(x * jnp.array([1.0, 2.0, 2.0])))(jnp.ones(3)).tolist()
        [1.0, 0.0, 0.0]
    """
    found: Array = _extreme(values, axis, jnp.min)
    return found


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _extreme(values: Array, axis: Axes, choose: Callable[..., Array]) -> Array:
    return choose(values, axis=axis)


@_extreme.defjvp
def _slope(
    axis: Axes, choose: Callable[..., Array], primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
    (values,), (tangent,) = primals, tangents
    entries = _flat(jax.lax.stop_gradient(values), axis)
    extreme = _at_extreme(entries, choose(entries, axis=-1), jnp.argmax if choose is jnp.max else jnp.argmin)
    slopes = jnp.sum(jnp.where(extreme, _flat(tangent, axis), 0.0), axis=-1)
    return choose(values, axis=axis), slopes / jnp.sum(extreme, axis=-1)


def _at_extreme(entries: Array, extreme: Array, place: Callable[..., Array]) -> Array:
    """Which entries along the last axis equal the extreme one; the place where it was found always does."""
    return (entries == extreme[..., None]) | (jnp.arange(entries.shape[-1]) == place(entries, axis=-1)[..., None])


def root(values: Array) -> Array:
    """√, with the slope 0 at 0, where the root's own is infinite and makes NaN of all that it is multiplied with.

    Args:
        values: 0 or more; a NaN stays one.

    Source: this package.

    Example:
        >>> jax.grad(lambda x: root(x * jnp.array([0.0, 4.0])).sum())(1.0).item()
        1.0
    """
    some = values != 0  # not > 0: a NaN must reach the answer
    return jnp.where(some, jnp.sqrt(jnp.where(some, values, 1.0)), 0.0)


def is_lowest(values: Array, axis: int) -> Array:
    """Which entries are the least ones, of which there is always one.

    Args:
        values: any numbers.
        axis: over which.

    Source: this package.

    Example:
        >>> is_lowest(jnp.array([[1.0, 3.0], [2.0, 3.0]]), 0).tolist()
        [[True, True], [False, True]]
    """
    last = jnp.moveaxis(values, axis, -1)
    return jnp.moveaxis(_at_extreme(last, jnp.min(last, axis=-1), jnp.argmin), -1, axis)


def _flat(values: Array, axis: Axes) -> Array:
    """The axes flat behind all others."""
    axes = tuple(range(values.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(sorted(a % values.ndim for a in axes))
    kept = [a for a in range(values.ndim) if a not in axes]
    return jnp.transpose(values, (*kept, *axes)).reshape(*(values.shape[a] for a in kept), -1)
