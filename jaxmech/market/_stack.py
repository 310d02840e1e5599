"""The exact search as a pure kernel: branch and bound, depth first, on a stack whose size is known beforehand.

A box l <= m <= u of allocations is split in two where one type's value, times her buyers, rises most. Depth first with
the better half on top, no more than Σ_j ⌈log2 G⌉ + 1 boxes ever wait, for a menu of G sizes: so the stack has a fixed
length, many markets search side by side along lanes, and nothing of the search is on the host.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Bool, Float, Int
from jaxmech.numerics import Method, lanes_that_fit, potentials, stream, through_rows

MAX_STEPS = 1_000_000
"""Boxes that are split before a search is given up."""

LARGEST_MENU = 2**15
"""Sizes on a menu: both ends of a box share one number of 32 bits."""

_LANES = (8, 64)


class Best(NamedTuple):
    """What a search found; leading axes are a batch.

    Attributes:
        places: (types,) the best allocation, as places in the menu.
        profit: what it brings at its largest envy-free prices.
        bound: no allocation on the menu brings more.
        steps: boxes split.
        finished: whether the bound is the profit, up to rounding.
    """

    places: Int[Array, "... types"]
    profit: Float[Array, "..."]
    bound: Float[Array, "..."]
    steps: Int[Array, "..."]
    finished: Bool[Array, "..."]


class _Market(NamedTuple):
    """Data along lanes: values (types, grid), counts (types,), charges (grid,), all (..., lanes)."""

    values: Array
    counts: Array
    charges: Array


class _State(NamedTuple):
    """Boxes that wait, the lower ends in the upper half of a number, with their bounds; the best so far."""

    stack: Array
    bounds: Array
    height: Array
    places: Array
    profit: Array
    dropped: Array
    steps: Array


def best_allocation(
    values: Float[Array, "types grid"],
    counts: Float[Array, " types"],
    charges: Float[Array, " grid"],
    skip: Bool[Array, ""] | bool = False,
    limit: int = MAX_STEPS,
) -> Best:
    """Return the most profitable envy-free allocation on a menu, with proof. It jits, and batches through lanes.

    The profit of an allocation m is Σ_j count_j p_j − max_j charge(m_j) at its largest envy-free prices p. See
    :func:`jaxmech.market._search.search` for the bound of a box. Derivatives are those of a constant.

    Args:
        values: what sizes are worth to each type, not falling along the menu; 0 for the first size, nothing.
        counts: buyers of each type.
        charges: what collecting costs, by largest size; not falling.
        skip: true where the caller does not need the answer.
        limit: boxes after which the search is given up.
    """
    if values.shape[-1] > LARGEST_MENU:
        raise ValueError(f"a menu of {values.shape[-1]} sizes: at most {LARGEST_MENU}")
    data = jax.lax.stop_gradient((values, counts, charges))
    found: Best = _searcher(limit)(*data, jnp.asarray(skip))
    return found


@cache
def _searcher(limit: int) -> Callable[..., Best]:
    return through_rows(partial(_search_rows, limit), like=_blank)


def _blank(values: Array, counts: Array, charges: Array, skip: Array) -> Best:
    """Something of the same shapes and types."""
    money, whole = jnp.sum(values) + jnp.sum(counts) + jnp.sum(charges), jnp.zeros((), jnp.int32)
    return Best(jnp.zeros(counts.shape, jnp.int32), money, money, whole, skip)


def _search_rows(limit: int, values: Array, counts: Array, charges: Array, skip: Array) -> Best:
    method = Method(start=_start, advance=_advance, going=partial(_going, limit), result=_result)
    _, types, grid = values.shape
    bytes_each = values.dtype.itemsize * (types + 1) * grid + 12 * types * _room(types, grid)
    return stream(method, _Market(values, counts, charges), skip, lanes_that_fit(bytes_each, *_LANES))


def _room(types: int, grid: int) -> int:
    """How many boxes can wait at a time."""
    return types * max(1, (grid - 1).bit_length()) + 1


def _start(market: _Market) -> _State:
    """One box with every size that could pay; the best of two allocations in which all buy the same."""
    types, grid, lanes = market.values.shape
    surplus = jnp.sum(market.counts[:, None] * market.values, axis=0) - market.charges
    first = jnp.broadcast_to(jnp.argmax(surplus, axis=0), (types, lanes))
    profit = jnp.maximum(_profit(market, first, first), 0.0)
    # no revenue exceeds what the sizes are worth, so that larger sizes than these cannot bring the same
    last = grid - 1 - jnp.argmax((surplus >= profit)[::-1], axis=0)
    corner = jnp.broadcast_to(last, (types, lanes))
    places, profit = _better(market, corner, jnp.where(profit > 0, first, 0), profit)
    stack = jnp.zeros((_room(types, grid), types, lanes), jnp.int32).at[0].set(last.astype(jnp.int32))
    bounds = jnp.full((stack.shape[0], lanes), jnp.inf, profit.dtype)
    height = (last > 0).astype(jnp.int32)
    zero = jnp.zeros(lanes, jnp.int32)
    return _State(stack, bounds, height, places.astype(jnp.int32), profit, jnp.full_like(profit, -jnp.inf), zero)


def _going(limit: int, state: _State) -> Array:
    return (state.height > 0) & (state.steps < limit)


def _advance(market: _Market, state: _State, active: Array) -> _State:
    """Take the topmost box and put back those of its halves that can hold something better."""
    top = jnp.maximum(state.height - 1, 0)
    box = jnp.take_along_axis(state.stack, jnp.broadcast_to(top, (1, *state.stack.shape[1:])), axis=0)[0]
    bound = jnp.take_along_axis(state.bounds, top[None], axis=0)[0]
    low, high = box >> 16, box & 0xFFFF
    splits, middle = _widest(market, low, high)
    left, right = jnp.where(splits, middle, high), jnp.where(splits, middle + 1, low)
    places, profit = _better(market, left, state.places, state.profit)  # the right half's corner was tried before
    floor = profit + _gap(market)
    bounds = jnp.minimum(bound, jnp.stack([_profit(market, low, left), _profit(market, right, high)]))
    several = jnp.stack([jnp.any(left > low, axis=0), jnp.any(high > right, axis=0)])
    kept = several & (bounds > floor) & active
    dropped = jnp.max(jnp.where(kept, -jnp.inf, bounds), axis=0)
    first = bounds[0] <= bounds[1]  # the left half goes below the right one
    order = jnp.stack([jnp.where(first, 0, 1), jnp.where(first, 1, 0)])
    halves = jnp.stack([low << 16 | left, right << 16 | high])
    below = jnp.where(first, halves[0], halves[1])
    above = jnp.where(first, halves[1], halves[0])
    kept, bounds = jnp.take_along_axis(kept, order, axis=0), jnp.take_along_axis(bounds, order, axis=0)
    next_place = top + kept[0]
    level = jnp.arange(state.stack.shape[0])[:, None]
    here, there = (level == top) & kept[0], (level == next_place) & kept[1]
    return _State(
        stack=jnp.where(there[:, None], above, jnp.where(here[:, None], below, state.stack)),
        bounds=jnp.where(there, bounds[1], jnp.where(here, bounds[0], state.bounds)),
        height=jnp.where(active, next_place + kept[1], state.height),
        places=jnp.where(active, places, state.places),
        profit=jnp.where(active, profit, state.profit),
        dropped=jnp.where(active, jnp.maximum(state.dropped, dropped), state.dropped),
        steps=state.steps + active,
    )


def _result(state: _State) -> Best:
    waits = jnp.arange(state.bounds.shape[0])[:, None] < state.height
    left = jnp.max(jnp.where(waits, state.bounds, -jnp.inf), axis=0)
    bound = jnp.maximum(state.profit, jnp.maximum(state.dropped, left))
    return Best(state.places, state.profit, bound, state.steps, state.height == 0)


def _gap(market: _Market) -> Array:
    """What a bound may exceed the best by rounding alone."""
    worth = jnp.sum(market.counts * market.values[:, -1], axis=0)
    return tolerances(market.values.dtype).iterate * worth


def _widest(market: _Market, low: Array, high: Array) -> tuple[Array, Array]:
    """Which type to split, and where: the value of her sizes, for all her buyers, rises most."""
    rise = market.counts * (_own(market, high) - _own(market, low))
    tie = tolerances(rise.dtype).eps * (high - low)
    chosen = jnp.argmax(jnp.where(high > low, rise + tie, -1.0), axis=0)
    splits = jnp.arange(len(low))[:, None] == chosen
    return splits, (low + high) // 2


def _better(market: _Market, corner: Array, places: Array, profit: Array) -> tuple[Array, Array]:
    """The better one of an allocation and the best so far."""
    reached = _profit(market, corner, corner)
    better = reached > profit
    return jnp.where(better, corner, places), jnp.where(better, reached, profit)


def _profit(market: _Market, low: Array, high: Array) -> Array:
    """Upper bound of the profit in a box, and the profit itself where the box is one allocation."""
    own = _own(market, high)
    others = jnp.take_along_axis(market.values, jnp.broadcast_to(low, (len(low), *low.shape)), axis=1)
    prices, feasible = potentials(own, own[:, None] - others)
    charge = jnp.max(jnp.take_along_axis(market.charges, low, axis=0), axis=0)
    return jnp.where(feasible, jnp.sum(market.counts * prices, axis=0) - charge, -jnp.inf)


def _own(market: _Market, places: Array) -> Array:
    """What each type's own place is worth to her."""
    return jnp.take_along_axis(market.values, places[:, None], axis=1)[:, 0]
