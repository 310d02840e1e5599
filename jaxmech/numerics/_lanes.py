"""Sums, products and linear systems of arrays whose trailing axes are lanes: independent instances side by side.

The interior-point method is written once, for (agents, distributions, *lanes). With no lanes it solves one instance, of
any size, by library calls; with lanes it solves thousands of small ones, in loops that run along the lanes.
"""

from collections.abc import Callable
from functools import reduce
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_factor, cho_solve

from jaxmech._types import Array

State = TypeVar("State")

SHORT = 24
"""Up to here one small matrix is eliminated without the library, and sums are unrolled."""

_HIGHEST = jax.lax.Precision.HIGHEST


def while_any(going: Callable[[State], Array], advance: Callable[[State, Array], State], state: State) -> State:
    """Advance until nothing goes on: one instance, or the lanes that still do.

    Args:
        going: which instances need another step.
        advance: one step of those in a mask; a single instance is advanced because it goes on.
        state: where to start.
    """

    def step(state: State) -> State:
        active = going(state)
        return advance(state, active if active.ndim else jnp.array(True))

    last: State = jax.lax.while_loop(lambda state: jnp.any(going(state)), step, state)
    return last


def total(values: Array, axis: int) -> Array:
    """Sum over one leading axis."""
    return jnp.sum(values, axis=axis)


def largest(values: Array, axis: int) -> Array:
    """Maximum over one leading axis; NaN if there is one."""
    return jnp.max(values, axis=axis)


def least(values: Array, axis: int) -> Array:
    """Minimum over one leading axis; NaN if there is one."""
    return jnp.min(values, axis=axis)


def by_row(matrix: Array, vector: Array) -> Array:
    """Σ_k matrix[i, k] vector[k]."""
    if matrix.ndim == 2:
        return jnp.matmul(matrix, vector, precision=_HIGHEST)
    return total(matrix * vector[None], 1)


def by_column(matrix: Array, vector: Array) -> Array:
    """Σ_i matrix[i, k] vector[i]."""
    if matrix.ndim == 2:
        return jnp.matmul(vector, matrix, precision=_HIGHEST)
    return total(matrix * vector[:, None], 0)


def gram(matrix: Array, weights: Array) -> Array:
    """Σ_i weights[i] matrix[i, k] matrix[i, l]."""
    if matrix.ndim == 2:
        return jnp.matmul(matrix.T * weights, matrix, precision=_HIGHEST)
    scaled = matrix * weights[:, None]
    products = [left[:, None] * right[None] for left, right in zip(scaled, matrix, strict=True)]
    runs = [reduce(jnp.add, products[i : i + SHORT]) for i in range(0, len(products), SHORT)]
    return reduce(jnp.add, runs)


def others(values: Array, sums: Array, rest: Array, axis: int) -> Array:
    """Return sums − values without cancellation.

    Args:
        values: what is summed, non-negative.
        sums: over ``axis``, plus ``rest``.
        rest: what else is in the sums.
        axis: 0 or 1.
    """
    sums = jnp.expand_dims(sums, axis)
    heavy = 2 * values > sums  # one at most along the axis: all others lose no more than a bit
    light = rest + total(jnp.where(heavy, 0.0, values), axis)
    return jnp.where(heavy, jnp.expand_dims(light, axis), sums - values)


def factorise(matrix: Array) -> Array:
    """Prepare a symmetric positive definite matrix (n, n, *lanes) for :func:`solve_factorised`.

    One large matrix gives its Cholesky factor L, by the library; small ones, and those in lanes, give L⁻¹ by an
    elimination that needs none. Nothing raises: a matrix that is not positive definite gives NaN.
    """
    n = matrix.shape[0]
    if matrix.ndim == 2 and n > SHORT:
        return cho_factor(matrix, lower=True)[0]
    place = jnp.arange(n).reshape(n, *(1 for _ in matrix.shape[2:]))

    def eliminate(j: Array, turned: Array) -> Array:
        # Rows and columns are turned so that the pivot comes first: j, j+1, …, n−1, 0, …, j−1. Columns before j hold
        # L⁻¹ already, and the pivot's column makes room for its own entry there.
        pivot, row = turned[0, 0], turned[0, 1:]
        done = jnp.where(place[1:] >= n - j, row, 0.0) * jax.lax.rsqrt(pivot)
        multiples = turned[1:, 0] / pivot
        rest = turned[1:, 1:] - multiples[:, None] * row[None]
        last = jnp.concatenate([done, jax.lax.rsqrt(pivot)[None]])[None]
        return jnp.concatenate([jnp.concatenate([rest, -multiples[:, None]], axis=1), last])

    inverse: Array = jax.lax.fori_loop(0, n, eliminate, matrix)
    return inverse


def solve_factorised(factor: Array, right: Array) -> Array:
    """Solve for one right-hand side (n, *lanes)."""
    if factor.ndim == 2 and factor.shape[0] > SHORT:
        return cho_solve((factor, True), right)
    return by_column(factor, by_row(factor, right))
