"""Reciprocals, quotients and square roots in float64 without branches, to a unit or two in the last place.

A number is split into a power of two and a rest near one, whose reciprocal or root is found in float32 and polished by
Newton's method. What has no such rest (0, infinity, NaN, and numbers so small that they lost digits) is chosen last.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array

_EXPONENT = np.int64(0x7FF0000000000000)
_REST = ~_EXPONENT
_ONE = np.int64(0x3FF0000000000000)
_LOWEST_OF_EXPONENT = np.int64(0x0010000000000000)
_REVERSED = 2 * _ONE
_SMALLEST = np.finfo(np.float64).tiny


def reciprocal(value: Array) -> Array:
    """1/x: of 0 infinity, of infinity 0, of NaN NaN; numbers below the normal ones count as 0, and −0 as 0.

    Source: Newton's method, r ← r + r (1 − x r).
    """
    bits = _bits(value)
    rest = _number((bits & _REST) | _ONE)
    found = (1 / rest.astype(jnp.float32)).astype(value.dtype)
    for _ in range(2):
        found = found + found * (1 - rest * found)
    size = jnp.abs(value)
    other = jnp.where(size < 1, jnp.where(value < 0, -jnp.inf, jnp.inf), jnp.where(size > 1, 0.0, value))
    return jnp.where(_ordinary(size), found * _number(_REVERSED - (bits & _EXPONENT)), other)


def quotient(numerator: Array, denominator: Array, inverse: Array) -> Array:
    """a/b, given 1/b: one inverse serves all that is divided by b.

    Source: a step of Newton's method, q ← q + (a − b q)/b.
    """
    near = numerator * inverse
    better = near + inverse * (numerator - denominator * near)
    return jnp.where(jnp.isnan(better), near, better)


def reciprocal_root(value: Array) -> Array:
    """1/√x for positive x; infinity at 0, NaN below.

    Source: Newton's method, r ← r + r (1 − x r²)/2.
    """
    found, _, half = _root(value)
    other = jnp.where(value > 1, 0.0, jnp.where(value >= 0, jnp.inf, jnp.nan))
    return jnp.where(_ordinary(value), found * _number(_REVERSED - half), other)


def root(value: Array) -> Array:
    """√x; NaN below 0.

    Source: Newton's method for 1/√x, and a step of it for √x.
    """
    found, rest, half = _root(value)
    near = rest * found
    near = near + (rest - near * near) * (0.5 * found)
    other = jnp.where(value > 1, value, jnp.where(value >= 0, 0.0, jnp.nan))
    return jnp.where(_ordinary(value), near * _number(half), other)


def _root(value: Array) -> tuple[Array, Array, Array]:
    """1/√m, m and the bits of 2^k, where x = m 4^k and 1 <= m < 4."""
    bits = _bits(value)
    odd = (bits & _LOWEST_OF_EXPONENT) ^ _LOWEST_OF_EXPONENT  # exponents are stored with an odd number added
    rest = _number(((bits & _REST) | _ONE) + odd)
    half = (((bits & _EXPONENT) - odd - _ONE) >> 1) + _ONE
    found = jax.lax.rsqrt(rest.astype(jnp.float32)).astype(value.dtype)
    for _ in range(2):
        found = found + found * (0.5 - (0.5 * rest) * found * found)
    return found, rest, half


def _ordinary(size: Array) -> Array:
    return (size >= _SMALLEST) & (size < jnp.inf)


def _bits(value: Array) -> Array:
    return jax.lax.bitcast_convert_type(value, jnp.int64)


def _number(bits: Array) -> Array:
    return jax.lax.bitcast_convert_type(bits, jnp.float64)
