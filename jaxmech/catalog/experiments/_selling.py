"""Table 1 of the paper on selling data: the algorithms that it lists, each held against the optimum as types grow."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxmech import market
from jaxmech._errors import ProblemError
from jaxmech._progress import tracked

SELLING_SOURCE = "Chen, Clinton and Kandasamy 2025"
"""Whose table it is."""

TYPES = (2, 3, 4, 5, 10, 20, 50)
"""Numbers of types of buyers."""

MIXED = (2, 5, 10)
"""Numbers of types where these are in no order."""

SHORTFALL = 0.05
"""ε of the algorithms that approximate, per buyer: values are at most 1."""

POINTS = 500
"""Most points that are collected."""

BOXES = 20_000
"""Boxes of a search after which an answer counts as out of reach."""

GIVEN_UP = 2
"""After so many numbers of types that are out of an algorithm's reach it is not tried with more of them."""

LONG = 5.0
"""Seconds of processor time after which an algorithm is not run once more to be timed without its compilation."""

_ROUNDING = 1e-9

ALGORITHMS = ("exact", "monotone", "smooth", "diminishing", "heuristic", "ordered")
"""Rows 1 and 3 to 5 of Table 1 (row 2 is no program for a computer), the heuristic, and the optimum."""


class Compared(NamedTuple):
    """(types, algorithms) what each algorithm brings; NaN where it is out of reach, or no longer tried.

    Attributes:
        types: numbers of types of buyers.
        algorithms: their names.
        short: what its profit is below the optimum, per buyer; where that is not known, below what none can exceed.
        seconds: processor time of a second call, without compilation; of the first, where that took ``LONG`` or more.
        lost: share of the optimum that it misses, likewise.
        known: (types,) whether the optimum is known.
    """

    types: np.ndarray
    algorithms: tuple[str, ...]
    short: np.ndarray
    seconds: np.ndarray
    lost: np.ndarray
    known: np.ndarray


def many_types(types: int, seed: int = 0, *, mixed: bool = False) -> market.Problem:
    """Return a market with so many types: exponential values of different size and one scale, so that they are ordered.

    Args:
        types: how many.
        seed: of values, counts and scales.
        mixed: whether scales differ as well: then who gains more from the first points gains less from later ones.
    """
    generator = np.random.default_rng(seed)
    values, counts = generator.uniform(0.2, 1.0, types), generator.integers(1, 11, types)
    scales = generator.uniform(0.1, 0.6, types) if mixed else np.full(types, 0.3)
    rows = zip(scales.tolist(), values.tolist(), counts.tolist(), strict=True)
    buyers = [market.Buyer(market.exponential(scale, value), count) for scale, value, count in rows]
    # Collecting keeps its share of the market, so that about as many points pay for themselves with every number.
    return market.Problem([1e-3 * types, 1.5e-3 * types], 1.0, buyers)


def compare_algorithms(
    types: Sequence[int] = TYPES, algorithms: Sequence[str] = ALGORITHMS, *, mixed: bool = False
) -> Compared:
    """Run every algorithm of Table 1 on markets of more and more types, against the optimum.

    Types are ordered, so that the optimum is known for any number of them (``ordered``), also where the exact search is
    out of reach. With ``mixed`` they are not: then the exact search knows it for few types, and beyond, the least of
    all algorithms' upper bounds stands in its place.

    Args:
        types: how many types, increasing: an algorithm that gave up ``GIVEN_UP`` of them is not tried with more.
        algorithms: which.
        mixed: whether types are in no order.

    Source: Chen, Clinton and Kandasamy 2025, Table 1.
    """
    shape = (len(types), len(algorithms))
    profit, bound, seconds = np.full(shape, np.nan), np.full(shape, np.inf), np.full(shape, np.nan)
    buyers, best = np.empty((len(types), 1)), np.empty((len(types), 1))
    for k, count in enumerate(tracked(types, "markets", len(types))):
        problem = many_types(count, mixed=mixed)
        buyers[k] = float(np.sum(np.asarray(problem.counts)))
        for a, algorithm in enumerate(algorithms):
            if np.sum(np.isnan(profit[:k, a])) >= GIVEN_UP:
                continue
            found, seconds[k, a] = _timed(problem, algorithm)
            if found is not None:
                profit[k, a], bound[k, a] = found.profit, found.bound
        best[k] = bound[k].min() if mixed else market.price(problem, "ordered", limit=POINTS).profit
    known = np.nanmax(profit, axis=1) >= best[:, 0] * (1 - _ROUNDING) if mixed else np.ones(len(types), bool)
    return Compared(np.array(types), tuple(algorithms), (best - profit) / buyers, seconds, 1 - profit / best, known)


def _timed(problem: market.Problem, algorithm: str) -> tuple[market.Pricing | None, float]:
    """What an algorithm finds, and the processor time of a second call if it is short; None where it gives up."""
    try:
        for _ in range(2):
            start = time.process_time()
            found = _price(problem, algorithm)
            seconds = time.process_time() - start
            if seconds >= LONG:
                break
        return found, seconds
    except ProblemError:
        return None, np.nan


def _price(problem: market.Problem, algorithm: str) -> market.Pricing:
    return market.price(problem, algorithm, epsilon=SHORTFALL, limit=POINTS, max_boxes=BOXES)
