"""Refusing, before any work is done, simulations that would take more memory or time than anybody has."""

from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._types import ArrayLike
from jaxmech.deviation._loss import senders

MOST_DRAWS = 2**28
"""Normal numbers that are drawn at once, for all replications: two gigabytes, held two or three times."""

MOST_POINTS = 2**25
"""Data points of one run: a quarter of a gigabyte, held several times."""

MOST_IN_ALL = 5 * 10**9
"""Data points that are drawn in all: at some ten million a second, the work of ten minutes."""


def most_draws(mechanism: Any) -> int:
    """Return how many replications on counts and means fit into memory.

    Args:
        mechanism: what is played.

    Source: none; a bound on memory.
    """
    each = (2 + senders(mechanism)) * int(np.shape(mechanism.recommended.samples)[-1])
    return MOST_DRAWS // each


def check_draws(mechanism: Any, replications: int) -> None:
    """Refuse more replications on counts and means than memory holds.

    Args:
        mechanism: what is played.
        replications: how many runs.

    Raises:
        ProblemError: saying how many there may be.

    Source: none; a bound on memory.
    """
    most = most_draws(mechanism)
    if replications > most:
        raise ProblemError("replications", replications, f"must be at most {most:,} to fit into memory")


def check_points(samples: ArrayLike, replications: int) -> None:
    """Refuse data sets that would not fit into memory, and more of them than can be drawn in reasonable time.

    Args:
        samples: (agents, distributions) points that are collected or submitted; all get room for the largest number.
        replications: how many runs.

    Raises:
        ProblemError: saying how many points, or replications, there may be.

    Source: none; a bound on memory and time.

    Example:
        >>> check_points([[1e3], [0.0]], 2_000)
        >>> check_points([[1e9], [0.0]], 2_000)
        Traceback (most recent call last):
        ...
        jaxmech._errors.ProblemError: data sets = 1000000000.0: hold too many points for memory: at most 16,777,216 each
    """
    counts = np.asarray(samples, float)
    room = max(1.0, float(np.ceil(counts.max())))
    most = MOST_POINTS // counts.size
    if not room <= most:
        raise ProblemError("data sets", room, f"hold too many points for memory: at most {most:,} each")
    affordable = int(MOST_IN_ALL / (room * counts.size))
    if replications > affordable:
        rule = f"must be at most {affordable:,} with {counts.size} data sets of up to {room:,.0f} points"
        raise ProblemError("replications", replications, rule)
