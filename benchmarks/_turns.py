"""Many small instances, and two ways to solve them that are timed in turns."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxmech import collaboration

TURNS = 3


def instances(family: str, count: int, m: int, d: int, seed: int = 0) -> np.ndarray:
    """Binding: a factor per agent makes most rows bind. Easy: independent over three decades."""
    rng = np.random.default_rng(seed)
    if family == "easy":
        return 10 ** rng.uniform(-3, 0, (count, m, d))
    agent, distribution, pair = (rng.standard_normal(shape) for shape in ((count, m, 1), (count, 1, d), (count, m, d)))
    return np.exp(0.3 * agent + 0.5 * distribution + 0.05 * pair)


def rational(costs: Any) -> Any:
    """The rational optimum of one instance."""
    return collaboration.rational_optimum(collaboration.Problem(costs, 1.0))


def in_turns(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, tuple[float, Any], tuple[float, Any]]:
    """Time both in turns, after a first call of each; return the compile time and the best turn of each."""
    start = time.perf_counter()
    found = ours()
    first = time.perf_counter() - start
    other = theirs()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        for work, kept in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            work()
            kept.append(time.perf_counter() - start)
    return max(first - min(times[0]), 0.0), (min(times[0]), found), (min(times[1]), other)
