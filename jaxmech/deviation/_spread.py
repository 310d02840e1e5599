"""Kernel: common random numbers drawn within a program, from a key that may be traced: Sobol's points, shifted."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri

from jaxmech._types import Array
from jaxmech.deviation._draws import BITS, MOST_DIMENSIONS, Draws, directions, turned


def spread_draws(key: Array, count: int, senders: int, distributions: int) -> Draws:
    """Return draws for so many replications, spread evenly by a Sobol sequence with one random digital shift.

    Every draw has the law of independent standard normal numbers, whatever the count; powers of two are spread best.

    Args:
        key: random key.
        count: replications.
        senders: 1 if the others' points come as one mean, else the number of agents.
        distributions: how many.

    Source: Owen, "Randomly permuted (t,m,s)-nets and (t,s)-sequences" (1995); the shift is Cranley and Patterson's in
        base 2.

    Example:
        >>> spread_draws(jax.random.key(0), 8, 1, 2).others.shape
        (8, 1, 2)
    """
    shift_key, mechanism_key = jax.random.split(key)
    numbers = _normal(shift_key, count, (2 + senders) * distributions)
    rows = numbers.reshape(count, 2 + senders, distributions)
    own, others = turned(rows[:, 0], rows[:, 2:])
    return Draws(own, rows[:, 1], others, jax.random.split(mechanism_key, count))


def _normal(key: Array, count: int, dimensions: int) -> Array:
    if dimensions > MOST_DIMENSIONS:
        return jax.random.normal(key, (count, dimensions), float)
    points = _sobol(count, dimensions) ^ (jax.random.bits(key, (dimensions,), jnp.uint32) >> (32 - BITS))
    # The centres of as many cells as the type can tell apart: 0 and 1 themselves would be mapped to ∓∞.
    dtype = jnp.zeros((), float).dtype
    bits = min(BITS, int(np.finfo(dtype).nmant))
    cells = (points >> (BITS - bits)).astype(dtype)
    return ndtri((cells + 0.5) * 2.0**-bits)


def _sobol(count: int, dimensions: int) -> Array:
    """Sobol's points in 30 bits, (count, dimensions)."""
    bits = max(1, (count - 1).bit_length())
    place = jnp.arange(count, dtype=jnp.uint32)
    points = jnp.zeros((count, dimensions), jnp.uint32)
    for j, row in enumerate(directions(dimensions, bits)):
        points = points ^ jnp.where(((place >> j) & 1)[:, None] == 1, jnp.asarray(row), jnp.uint32(0))
    return points
