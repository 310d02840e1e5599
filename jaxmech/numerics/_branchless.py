"""Reciprocals and square roots in float64 without branches, to a few units in the last place.

A graphics processor divides in float64 by a short sequence with a branch to a rare slow case; a branch for every
quotient keeps it from working on several at a time. Here a number is split into a power of two and a rest near one,
whose reciprocal or root is found in float32 and polished by Newton's method; special cases are chosen at the end.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array

_SIGN_AND_FRACTION = np.int64(-0x7FF0000000000001)
_EXPONENT = np.int64(0x7FF0000000000000)
_ONE = np.int64(0x3FF0000000000000)
_TWICE_ONE = np.int64(0x7FE0000000000000)
_LOWEST = np.int64(0x0010000000000000)
_TINY = np.finfo(np.float64).tiny


def reciprocal(value: Array) -> Array:
    """1/x, with the usual infinities, zeros and NaN.

    Source: Newton's method, r ← r + r (1 − x r).
    """
    bits = _bits(value)
    rest = _number((bits & _SIGN_AND_FRACTION) | _ONE)
    scale = _number(_TWICE_ONE - (bits & _EXPONENT))
    found = (1 / rest.astype(jnp.float32)).astype(value.dtype)
    for _ in range(2):
        found = found + found * (1 - rest * found)
    size = jnp.abs(value)
    extreme = jnp.where(size < 1, jnp.where(value < 0, -jnp.inf, jnp.inf), jnp.where(size > 1, 0.0, value))
    return jnp.where((size >= _TINY) & (size < jnp.inf), found * scale, extreme)


def quotient(numerator: Array, denominator: Array, inverse: Array) -> Array:
    """a/b, given 1/b to a unit in the last place.

    Source: one step of Newton's method, q ← q + (a − b q)/b.
    """
    near = numerator * inverse
    better = near + inverse * (numerator - denominator * near)
    return jnp.where(better == better, better, near)


def reciprocal_root(value: Array) -> Array:
    """1/√x for positive x; infinity at 0, NaN below.

    Source: Newton's method, r ← r + r (1 − x r²)/2.
    """
    found, _, half = _root(value)
    extreme = jnp.where(value > 1, 0.0, jnp.where(value >= 0, jnp.inf, jnp.nan))
    return jnp.where((value >= _TINY) & (value < jnp.inf), found * _number(_TWICE_ONE - half), extreme)


def root(value: Array) -> Array:
    """√x; NaN below 0.

    Source: Newton's method for 1/√x, and one step of it for √x.
    """
    found, rest, half = _root(value)
    near = rest * found
    near = near + (rest - near * near) * (0.5 * found)
    extreme = jnp.where(value > 1, value, jnp.where(value >= 0, 0.0, jnp.nan))
    return jnp.where((value >= _TINY) & (value < jnp.inf), near * _number(half), extreme)


def _root(value: Array) -> tuple[Array, Array, Array]:
    """1/√m, m and the bits of 2^k, where x = m 4^k and 1 <= m < 4."""
    bits = _bits(value)
    odd = (bits & _LOWEST) ^ _LOWEST  # the exponent's bias is odd
    rest = _number(((bits & _SIGN_AND_FRACTION) | _ONE) + odd)
    even = (bits & _EXPONENT) - odd
    half = ((even - _ONE) >> 1) + _ONE
    found = jax.lax.rsqrt(rest.astype(jnp.float32)).astype(value.dtype)
    for _ in range(2):
        found = found + found * (0.5 - (0.5 * rest) * found * found)
    return found, rest, half


def _bits(value: Array) -> Array:
    return jax.lax.bitcast_convert_type(value, jnp.int64)


def _number(bits: Array) -> Array:
    return jax.lax.bitcast_convert_type(bits, jnp.float64)
