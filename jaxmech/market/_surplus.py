"""Upper bounds on profit that need no search: some envy is ignored, so that the rest can be solved."""

import numpy as np

from jaxmech.market._menu import tabulate
from jaxmech.market._problem import Problem
from jaxmech.market._search import Menu


def profit_bound(problem: Problem, menu: Menu) -> float:
    """Return a number that no envy-free allocation of any sizes exceeds in profit.

    Types are put into pairs, and only envy within a pair is heeded. Then revenue is a sum over pairs, and for a given
    largest size the best of each pair follows from trying all pairs of cells: a cell holds the sizes from one entry of
    the menu to the next, and is as good as its largest value less another's smallest one. Types are paired greedily,
    those first whose envy costs most.

    Args:
        problem: the problem.
        menu: a coarse menu of the same problem, whose last size is the largest that is to be considered.

    Returns:
        The bound; at least 0, since nothing need be sold.
    """
    low = menu.values
    high = tabulate(problem, np.append(menu.sizes[1:] - 1, menu.sizes[-1]))
    alone = menu.counts[:, None] * high
    charge = menu.cost * np.maximum(menu.sizes, menu.least)
    pairs = _pairs(low, high, menu.counts, alone, int(np.argmax(alone.sum(axis=0) - charge)))
    total = np.zeros(len(menu.sizes))
    for pair in pairs:
        total += alone[pair[0]] if len(pair) == 1 else _together(low, high, menu.counts, *pair)
    return max(0.0, float(np.max(total - charge)))


def _pairs(low: np.ndarray, high: np.ndarray, counts: np.ndarray, alone: np.ndarray, at: int) -> list[tuple[int, ...]]:
    """Greedy matching by how much envy costs each pair at one largest size."""
    types = len(counts)
    cost = {
        (a, b): alone[a, at] + alone[b, at] - _together(low[:, : at + 1], high[:, : at + 1], counts, a, b)[-1]
        for a in range(types)
        for b in range(a)
    }
    left, pairs = set(range(types)), []
    for a, b in sorted(cost, key=lambda pair: -cost[pair]):
        if {a, b} <= left:
            left -= {a, b}
            pairs.append((a, b))
    return [*pairs, *((single,) for single in sorted(left))]


def _together(low: np.ndarray, high: np.ndarray, counts: np.ndarray, a: int, b: int) -> np.ndarray:
    """Most that two types pay together, by the largest cell that either may get."""
    over = high[a][:, None] - low[a][None, :]  # what a gains by her cell over b's, at most
    under = high[b][None, :] - low[b][:, None]
    paid_a = np.minimum(high[a][:, None], high[b][None, :] + over)
    paid_b = np.minimum(high[b][None, :], high[a][:, None] + under)
    paid = np.where(over + under < 0, -np.inf, counts[a] * paid_a + counts[b] * paid_b)
    return np.diagonal(np.maximum.accumulate(np.maximum.accumulate(paid, axis=0), axis=1)).copy()
