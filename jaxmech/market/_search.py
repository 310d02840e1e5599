"""The exact search: branch and bound over boxes of allocations, with prices from difference constraints."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Float, Int
from jaxmech.numerics import difference_constraints

CHUNK = 1024
"""Boxes that are split at a time, at least: one compiled call bounds all of them."""

FEW = 256
"""Boxes of a smaller call, for the beginning and the end of a search."""

MAX_BOXES = 4_000_000
"""Boxes after which a search is given up by default."""

_STARTS = 6
_SWEEPS = 12


@dataclasses.dataclass(frozen=True)
class Menu:
    """What can be sold to whom, on the host: the data of a pricing problem.

    Attributes:
        sizes: (grid,) increasing, the first one 0.
        values: (types, grid) what they are worth.
        counts: (types,) buyers of each type.
        cost: of a point.
        least: points that must be collected in any case, sold or not.
        ceiling: (types, grid) where an entry stands for all sizes up to the next one, what the largest of them is
            worth; None where it stands for itself.
        monotone: whether more is never worth less.
    """

    sizes: np.ndarray
    values: np.ndarray
    counts: np.ndarray
    cost: float
    least: int = 0
    ceiling: np.ndarray | None = None
    monotone: bool = True

    def upto(self, largest: int) -> "Menu":
        """Return the part with sizes up to ``largest``."""
        keep = int(np.searchsorted(self.sizes, largest, side="right"))
        ceiling = None if self.ceiling is None else self.ceiling[:, :keep]
        return dataclasses.replace(self, sizes=self.sizes[:keep], values=self.values[:, :keep], ceiling=ceiling)

    def bounded(self, profit: float) -> "Menu":
        """Return the part that can bring at least this profit: no revenue exceeds Σ_j count_j v_j(m)."""
        worth = self.counts @ np.maximum.accumulate(self.values if self.ceiling is None else self.ceiling, axis=1)
        room = worth - self.cost * np.maximum(self.sizes, self.least)
        last = int(np.flatnonzero(room >= profit)[-1]) if np.any(room >= profit) else 0
        return self.upto(int(self.sizes[last]))


class Found(NamedTuple):
    """What a search found.

    Attributes:
        places: (types,) the best allocation, as places in the menu.
        profit: what it brings.
        bound: no allocation on the menu brings more.
        boxes: how many boxes were bounded.
        finished: whether the bound is within the gap that was asked for.
    """

    places: np.ndarray
    profit: float
    bound: float
    boxes: int
    finished: bool


def search(menu: Menu, gap: float = 0.0, limit: int = MAX_BOXES) -> Found:
    """Return the most profitable envy-free allocation on a menu, with proof.

    An allocation's largest prices are shortest paths with lengths v_j(m_j) − v_j(m_k). In a box l <= m <= u no length
    exceeds v_j(u_j) − v_j(l_k), so shortest paths with these bound the prices from above; a negative cycle says that
    nothing in the box is envy-free. Where values may fall, the largest and the smallest value of the box take the place
    of those at its ends. Boxes are split where values vary most, the most promising first, until no bound
    exceeds the best profit found by more than the gap.

    Args:
        menu: the pricing problem.
        gap: by how much the answer may fall short of the best; rounding errors are allowed for in any case.
        limit: how many boxes may be bounded.
    """
    scale = float(menu.counts @ menu.values.max(axis=1))
    gap = max(gap, tolerances(menu.values.dtype).iterate * scale)
    best = ascend(menu, _starts(menu))
    tree = _Tree(menu.bounded(best[1]), best, gap)
    while tree.open and tree.boxes < limit:
        tree.grow()
    bound = max(tree.profit, tree.closed, tree.highest)
    return Found(tree.index, tree.profit, bound, tree.boxes, not tree.open)


def padded(length: int) -> int:
    """Return the next power of two, at least 64."""
    return 1 << max(6, (length - 1).bit_length())


class _Tree:
    """Boxes still open, with their bounds; the best allocation so far."""

    def __init__(self, menu: Menu, best: tuple[np.ndarray, float], gap: float) -> None:
        types, last = len(menu.counts), len(menu.sizes) - 1
        self.menu, self.gap = menu, gap
        self.kernel = _Kernel(menu)
        self.index, self.profit = best
        self.low = np.zeros((1, types), np.int32)
        self.high = np.full((1, types), last, np.int32)
        self.bound = np.array([np.inf])
        self.closed, self.boxes = -np.inf, 0

    @property
    def open(self) -> bool:
        """Whether anything is left to be looked into."""
        return len(self.bound) > 0

    @property
    def highest(self) -> float:
        """Largest bound of the boxes left."""
        return float(self.bound.max(initial=-np.inf))

    def grow(self) -> None:
        """Split the most promising boxes, bound their halves, and drop what cannot hold anything better."""
        low, high = self._take()
        low, high = _halves(self.menu.values, low, high)
        bound = self.kernel.bounds(low, high)
        self.boxes += len(low)
        self._try(high)
        points = np.all(low == high, axis=1)
        if self.menu.ceiling is not None:  # a point stands for several sizes: its bound is as good as it gets
            self.closed = max(self.closed, float(bound[points].max(initial=-np.inf)))
        self._keep(low[~points], high[~points], bound[~points])

    def _take(self) -> tuple[np.ndarray, np.ndarray]:
        # A quarter of a long list: what has to be looked at does not depend on the order, but sorting takes its time.
        count = max(CHUNK, len(self.bound) // 4)
        taken = np.argsort(-self.bound, kind="stable")[:count]
        rest = np.ones(len(self.bound), bool)
        rest[taken] = False
        low, high = self.low[taken], self.high[taken]
        self.low, self.high, self.bound = self.low[rest], self.high[rest], self.bound[rest]
        return low, high

    def _try(self, high: np.ndarray) -> None:
        """Upper corners are allocations, and often good ones; where a box is one point there is no other."""
        profit = self.kernel.profits(high)
        first = int(np.argmax(profit))
        if profit[first] > self.profit:
            self.index, self.profit = high[first].astype(int), float(profit[first])

    def _keep(self, low: np.ndarray, high: np.ndarray, bound: np.ndarray) -> None:
        self.low, self.high = np.concatenate([self.low, low]), np.concatenate([self.high, high])
        self.bound = np.concatenate([self.bound, bound])
        keep = self.bound > self.profit + self.gap
        if not keep.all():
            # What is dropped may still be better, by less than the gap.
            self.closed = max(self.closed, float(self.bound[~keep].max()))
            self.low, self.high, self.bound = self.low[keep], self.high[keep], self.bound[keep]


class _Kernel:
    """Bounds of boxes in calls of two shapes, so that two compilations serve the whole search."""

    def __init__(self, menu: Menu) -> None:
        dtype = menu.values.dtype
        # Padded to powers of two, so that menus of similar length share one compilation.
        room = ((0, 0), (0, padded(len(menu.sizes)) - len(menu.sizes)))
        self.values, self.counts = jnp.asarray(np.pad(menu.values, room)), jnp.asarray(menu.counts, dtype)
        self.ceiling = self.values if menu.ceiling is None else jnp.asarray(np.pad(menu.ceiling, room))
        self.charges = jnp.asarray(np.pad(menu.cost * np.maximum(menu.sizes, menu.least), room[1]), dtype)
        padded_values = np.asarray(self.values)
        self.extremes = None if menu.monotone else [_extremes(padded_values, keep) for keep in (np.maximum, np.minimum)]

    def profits(self, index: np.ndarray) -> np.ndarray:
        """What allocations bring at their largest envy-free prices; −∞ where there are none."""
        return self._call(self.values, index, index)

    def bounds(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Upper bounds of the profit in boxes; −∞ where nothing is envy-free."""
        return self._call(self.ceiling, low, high)

    def _call(self, ceiling: Array, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        count = len(low)
        block = FEW if count <= FEW else 2 * CHUNK
        pad = ((0, -count % block), (0, 0))
        blocks = zip(*(np.pad(ends, pad).reshape(-1, block, low.shape[1]) for ends in (low, high)), strict=True)
        if self.extremes is None:
            parts = [_bounds(self.values, ceiling, self.counts, self.charges, *block) for block in blocks]
        else:
            parts = [_bounds_of_any(*self.extremes, self.counts, self.charges, *block) for block in blocks]
        return np.concatenate([np.asarray(part, float) for part in parts])[:count]


@jit
def _bounds(
    values: Float[Array, "types grid"],
    ceiling: Float[Array, "types grid"],
    counts: Float[Array, " types"],
    charges: Float[Array, " grid"],
    low: Int[Array, "boxes types"],
    high: Int[Array, "boxes types"],
) -> Float[Array, " boxes"]:
    own = jnp.take_along_axis(ceiling, high.T, axis=1).T
    others = jnp.moveaxis(values[:, low], 0, 1)  # (boxes, types, other's least size)
    found = difference_constraints(own, own[:, :, None] - others)
    # Equal sizes carry equal prices: the largest size in the box is at least the largest lower end.
    profit = jnp.sum(found.value * counts, axis=-1) - jnp.max(charges[low], axis=-1)
    return jnp.where(found.feasible, profit, -jnp.inf)


def _extremes(values: np.ndarray, keep: np.ufunc) -> Array:
    """(levels, types, grid) the largest or smallest of 2^level values from a place on; a range needs two of them."""
    tables = [values]
    while 2 ** len(tables) <= values.shape[1]:
        last, step = tables[-1], 2 ** (len(tables) - 1)
        tables.append(keep(last, np.concatenate([last[:, step:], np.repeat(last[:, -1:], step, axis=1)], axis=1)))
    return jnp.asarray(np.stack(tables))


@jit
def _bounds_of_any(
    most: Float[Array, "levels types grid"],
    least: Float[Array, "levels types grid"],
    counts: Float[Array, " types"],
    charges: Float[Array, " grid"],
    low: Int[Array, "boxes types"],
    high: Int[Array, "boxes types"],
) -> Float[Array, " boxes"]:
    """As :func:`_bounds`, for values that may fall: by the extremes of ranges of sizes."""
    level = jnp.floor(jnp.log2((high - low + 1).astype(most.dtype) + 0.5)).astype(low.dtype)
    second = high + 1 - 2**level
    types = jnp.arange(low.shape[1])
    own = jnp.maximum(most[level, types, low], most[level, types, second])
    every, level, low_k, second = types[None, :, None], level[:, None, :], low[:, None, :], second[:, None, :]
    others = jnp.minimum(least[level, every, low_k], least[level, every, second])
    found = difference_constraints(own, own[:, :, None] - others)
    profit = jnp.sum(found.value * counts, axis=-1) - jnp.max(charges[low], axis=-1)
    return jnp.where(found.feasible, profit, -jnp.inf)


def _halves(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split every box in two where the values of all types together rise most."""
    total = np.append(0.0, np.cumsum(np.abs(np.diff(values, axis=1)).sum(axis=0)))
    rise = np.where(high > low, total[high] - total[low] + 1e-12 * (high - low), -1.0)
    rows, widest = np.arange(len(low)), np.argmax(rise, axis=1)
    middle = (low[rows, widest] + high[rows, widest]) // 2
    left, right = high.copy(), low.copy()
    left[rows, widest], right[rows, widest] = middle, middle + 1
    split = high[rows, widest] > low[rows, widest]
    return np.concatenate([low, right[split]]), np.concatenate([left, high[split]])


def ascend(menu: Menu, starts: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the best allocation that changing one type's size at a time leads to, and its profit, at least 0.

    Args:
        menu: the pricing problem.
        starts: (starts, types) allocations to begin with, as places in the menu.
    """
    kernel = _Kernel(menu)
    last, types = len(menu.sizes) - 1, len(menu.counts)
    places = np.unique(np.linspace(0, last, max(2, 2 * CHUNK // types)).astype(int))
    best, most = np.zeros(types, int), 0.0
    for start in starts:
        index, profit = start.astype(int), float(kernel.profits(start[None])[0])
        for _ in range(_SWEEPS):
            moves = np.repeat(index[None], types * len(places), axis=0)
            moves[np.arange(len(moves)), np.repeat(np.arange(types), len(places))] = np.tile(places, types)
            reached = kernel.profits(moves)
            first = int(np.argmax(reached))
            if not reached[first] > profit:
                break
            index, profit = moves[first], float(reached[first])
        if profit > most:
            best, most = index, profit
    return best, most


def _starts(menu: Menu) -> np.ndarray:
    """Everybody at the size of largest surplus, and a few allocations below it."""
    types = len(menu.counts)
    top = int(np.argmax(menu.counts @ menu.values - menu.cost * menu.sizes))
    below = np.random.default_rng(0).integers(0, top + 1, (_STARTS - 1, types))
    return np.concatenate([np.full((1, types), top), below])
