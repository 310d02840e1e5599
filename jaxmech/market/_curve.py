"""Posted price curves: what buyers choose when every size has a price, and what that brings."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._extremes import lowest
from jaxmech._kept import jit
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, ArrayLike, Float, Int

Gain = TypeVar("Gain", Array, np.ndarray)

PIECE = 1024
"""Curves that are evaluated at a time: as many as fit the cache beside the values."""

_AHEAD = 64  # pieces that are made ready at a time


def posted_curve(
    sizes: Float[Array, " types"], prices: Float[Array, " types"], grid: Float[Array, " grid"]
) -> Float[Array, " grid"]:
    """Return the price of every size: that of the cheapest offer that is at least as large; nothing costs nothing.

    Sizes beyond the largest offer cost as much as it does, as in the paper's curve.

    Args:
        sizes: (types,) of the offers.
        prices: (types,) of the offers.
        grid: sizes to be priced.

    Source: Chen, Clinton and Kandasamy 2025, section 2.3 (proof of Lemma 1).

    Example:
        >>> posted_curve(jnp.array([1.0, 3.0]), jnp.array([0.5, 0.8]), jnp.arange(5.0)).tolist()
        [0.0, 0.5, 0.8, 0.8, 0.8]
    """
    large_enough = sizes[None, :] >= jnp.minimum(grid, jnp.max(sizes))[:, None]
    price = lowest(jnp.where(large_enough, prices, jnp.inf), 1)
    return jnp.where(grid == 0, 0.0, price)


def demand(values: Float[Array, "types grid"], curve: Float[Array, "*batch grid"]) -> Int[Array, "*batch types"]:
    """Return which size each type buys: the one that maximises v_j(m) − q(m), the largest if several do.

    Utilities that differ by rounding errors count as equal: the best curves leave buyers indifferent.

    Args:
        values: (types, grid) what sizes are worth.
        curve: price of every size; leading axes are a batch.

    Returns:
        Indices into the grid.

    Source: Chen, Clinton and Kandasamy 2025, equation (4).

    Example:
        >>> demand(jnp.array([[0.0, 0.5, 0.6]]), jnp.array([0.0, 0.25, 0.35])).tolist()  # 0.25 either way
        [2]
    """
    gain = values - curve[..., None, :]
    return largest_best(gain)


def largest_best(gain: Gain) -> Gain:
    """Return the index of the best entry along the last axis, the last one of those that are equal up to rounding.

    Args:
        gain: what sizes bring, on the host or traced.
    """
    best = gain.max(axis=-1, keepdims=True)
    slack = tolerances(gain.dtype).iterate * (1 + abs(gain).max(axis=-1, keepdims=True))
    return gain.shape[-1] - 1 - (gain >= best - slack)[..., ::-1].argmax(axis=-1)


def revenue(
    values: Float[Array, "types grid"], counts: Float[Array, " types"], curve: Float[Array, "*batch grid"]
) -> Float[Array, "*batch"]:
    """Return Σ_j count_j q(m_j) for what the buyers choose at posted prices.

    Args:
        values: (types, grid) what sizes are worth.
        counts: (types,) buyers of each type.
        curve: price of every size; leading axes are a batch.

    Source: Chen, Clinton and Kandasamy 2025, equation (5).

    Example:
        >>> float(revenue(jnp.array([[0.0, 0.5, 0.6]]), jnp.array([2.0]), jnp.array([0.0, 0.25, 0.375])))
        0.5
    """
    flat = curve.reshape(-1, curve.shape[-1]).T  # one size after another, all curves side by side
    shape = (values.shape[0], flat.shape[1])

    # Two passes, each of which XLA makes one loop, are twice as fast as one pass that carries both numbers.
    def raise_best(best: Array, entry: tuple[Array, Array]) -> tuple[Array, None]:
        worth, price = entry
        return jnp.maximum(best, worth[:, None] - price), None

    def take(paid: Array, entry: tuple[Array, Array]) -> tuple[Array, None]:
        worth, price = entry
        return jnp.where(worth[:, None] - price >= floor, price, paid), None  # the largest of the best comes last

    best, _ = jax.lax.scan(raise_best, jnp.full(shape, -jnp.inf, curve.dtype), (values.T, flat))
    floor = best - tolerances(curve.dtype).iterate
    paid, _ = jax.lax.scan(take, jnp.zeros(shape, curve.dtype), (values.T, flat))
    return (counts @ paid).reshape(curve.shape[:-1])


def revenues(values: ArrayLike, counts: ArrayLike, curves: ArrayLike) -> np.ndarray:
    """Return the revenue of very many posted price curves, fast: in pieces that fit the cache, on all cores.

    Args:
        values: (types, grid) what sizes are worth.
        counts: (types,) buyers of each type.
        curves: (curves, grid) price of every size.

    Returns:
        (curves,) revenues, as of :func:`revenue`. Host only.

    Source: Chen, Clinton and Kandasamy 2025, section 4: revenue of a price curve.

    Example:
        >>> revenues([[0.0, 0.5, 0.6]], [2.0], [[0.0, 0.25, 0.375], [0.0, 0.5, 0.6]]).tolist()
        [0.5, 1.2]
    """
    worth = jnp.asarray(values, dtype=float)
    table = np.asarray(curves, worth.dtype)
    blank = jnp.zeros((PIECE, table.shape[1]), worth.dtype)
    # Compiled and converted by this thread: others need not share its precision, which may be set for it alone.
    weights = jnp.asarray(counts, worth.dtype)
    evaluate = _revenue.lower(worth, weights, blank).compile()
    parts = [np.zeros(0, worth.dtype)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(table), _AHEAD * PIECE):
            some = table[start : start + _AHEAD * PIECE]
            pieces = [_piece(some, first) for first in range(0, len(some), PIECE)]
            found = pool.map(lambda piece: np.asarray(evaluate(worth, weights, piece)), pieces)
            parts.append(np.concatenate(list(found))[: len(some)])
    return np.concatenate(parts)


def _piece(table: np.ndarray, first: int) -> Array:
    """All pieces have one shape, so that one compilation serves all."""
    piece = table[first : first + PIECE]
    return jnp.asarray(np.pad(piece, ((0, PIECE - len(piece)), (0, 0))) if len(piece) < PIECE else piece)


_revenue = jit(revenue)
