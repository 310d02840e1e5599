"""An upper bound on profit for many types: envy between groups of types is ignored, and each group solved exactly."""

import dataclasses

import numpy as np

from jaxmech.market._menu import tabulate
from jaxmech.market._problem import Problem
from jaxmech.market._search import Menu, search

GROUP = 5
"""Types per group."""

MAX_BOXES = 60_000
"""Boxes per group, after which its bound is taken as it stands."""

_GAP = 2e-3  # of a group's largest revenue: closer would change the bound by less than ignoring envy does


def profit_bound(problem: Problem, menu: Menu, index: np.ndarray) -> float:
    """Return a number that no envy-free allocation of any sizes exceeds in profit.

    The types are dealt out into groups of :data:`GROUP` that resemble the whole, so that prices that suit all suit each
    group, too. Envy between groups is ignored, and the cost of a point is split among them: the largest size of all is
    at least that of each. A size stands for all sizes up to the next one on the menu, and is worth as much as the
    largest of them, but is envied as much as the smallest.

    Args:
        problem: the problem.
        menu: a coarse menu of the same problem, whose last size is the largest that is to be considered.
        index: a good allocation on the menu: it tells how to split the cost.
    """
    ceiling = tabulate(problem, np.append(menu.sizes[1:] - 1, menu.sizes[-1]))
    top = int(np.max(index, initial=0))
    groups = _deal(menu.values[:, top])
    worth = np.array([menu.counts[group] @ menu.values[group, top] for group in groups]) + 1e-12
    total = 0.0
    for group, share in zip(groups, worth / worth.sum(), strict=True):
        part = dataclasses.replace(
            menu,
            values=menu.values[group],
            counts=menu.counts[group],
            cost=menu.cost * share,
            ceiling=ceiling[group],
        )
        gap = _GAP * float(part.counts @ part.values[:, -1])
        total += max(0.0, search(part, gap=gap, limit=MAX_BOXES).bound)
    return total


def _deal(worth: np.ndarray) -> list[np.ndarray]:
    """Split types into groups like cards, in the order of what data is worth to them, to and fro."""
    count = -(-len(worth) // GROUP)
    order = np.argsort(worth, kind="stable")
    turns = np.arange(len(worth)) % (2 * count)
    place = np.where(turns < count, turns, 2 * count - 1 - turns)
    return [np.sort(order[place == group]) for group in range(count)]
