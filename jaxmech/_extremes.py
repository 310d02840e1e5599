"""Largest and least entries whose slopes are numbers, however a program is compiled. Pure kernels.

The slope that JAX has for ``jnp.max`` asks which entries equal the maximum and divides by how many do. Where a compiler
computes the entries once more, with a product and a sum rounded together or apart, none may, and the slope is 0/0. Here
it is taken from a place.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from jaxmech._types import Array

Axes = int | tuple[int, ...] | None


def highest(values: Array, axis: Axes = None) -> Array:
    """Maximum; its slope is that of the largest entry, the mean of the first and the last one where several are.

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
    fixed = jax.lax.stop_gradient(values if choose is jnp.max else -values)
    first, last = places(fixed, axis)
    return choose(values, axis=axis), (_taken(tangent, first, axis) + _taken(tangent, last, axis)) / 2


def places(values: Array, axis: Axes = None) -> tuple[Array, Array]:
    """Where the first and the last largest entry stand, counted along the axes one after the other.

    Args:
        values: any numbers.
        axis: over which; all of them by default.

    Source: this package.

    Example:
        >>> [place.tolist() for place in places(jnp.array([[1.0, 3.0, 3.0], [2.0, 1.0, 0.0]]), 1)]
        [[1, 0], [2, 0]]
    """
    flat = _flat(values, axis)
    return jnp.argmax(flat, axis=-1), flat.shape[-1] - 1 - jnp.argmax(flat[..., ::-1], axis=-1)


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
    first = jnp.expand_dims(jnp.argmin(values, axis=axis), axis)
    shape = [1] * values.ndim
    shape[axis] = -1
    return (values == jnp.min(values, axis=axis, keepdims=True)) | (
        jnp.arange(values.shape[axis]).reshape(shape) == first
    )


def _taken(values: Array, place: Array, axis: Axes) -> Array:
    flat = _flat(values, axis)
    return jnp.sum(jnp.where(jnp.arange(flat.shape[-1]) == place[..., None], flat, 0.0), axis=-1)


def _flat(values: Array, axis: Axes) -> Array:
    """The axes flat behind all others."""
    axes = tuple(range(values.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(sorted(a % values.ndim for a in axes))
    kept = [a for a in range(values.ndim) if a not in axes]
    return jnp.transpose(values, (*kept, *axes)).reshape(*(values.shape[a] for a in kept), -1)
