"""What is certain about a design whose limits follow the data, for every agent and any true σ; in plain NumPy."""

from typing import NamedTuple

import numpy as np
import scipy

from jaxmech.collaboration import Problem, Role
from jaxmech.design._plan import Design
from jaxmech.design.proof._averaged import Averaged, Follower, averaged
from jaxmech.design.proof._columns import apart, columns, whole_points

_LEVELS = np.linspace(0.5, 6.0, 551)
"""In standard deviations of an honest discrepancy."""


class Followed(NamedTuple):
    """What is certain, in numpy.

    Attributes:
        honest: (agents,) what who complies pays.
        least: (agents,) no amounts cost less, but where nothing is checked and σ is not what it is taken for.
        failure: (agents, distributions) how often the rest of who complies is withheld.
    """

    honest: np.ndarray
    least: np.ndarray
    failure: np.ndarray


def follow(problem: Problem, design: Design, factor: float = 1.0) -> Followed:
    """Return what is certain about a design in whole samples whose limits follow the data.

    Where σ is not the assumed one, who works alone or receives is not held to what she would do if she knew it.

    Args:
        problem: the problem, with the assumed σ.
        design: with a calibration.
        factor: the true σ, in units of the assumed one.
    """
    *numbers, costs, error = columns(problem, design)
    table = (*numbers, costs, error * factor**2)
    alone = np.asarray(design.role) == Role.ALONE
    honest, least, free = apart(table, alone, whole_points(design, whole=True))
    if factor != 1:
        least = honest.copy()
    failure = np.zeros(free.shape)
    known: dict[tuple[float | bytes, ...], Averaged] = {}
    for i, k in zip(*np.nonzero(~free), strict=True):
        one = _follower(design, table, (int(i), int(k)), factor)
        key = (*one[:6], one.level.tobytes())
        known[key] = found = known[key] if key in known else averaged(one)
        honest[i] += found.honest
        least[i] += found.least
        failure[i, k] = found.failure
    return Followed(honest, least, failure)


def sigma_limits(problem: Problem, design: Design) -> tuple[float, float]:
    """Return the least and the largest factor of the assumed σ at which some level makes every n* stationary.

    With f = 1/(n + z), g = 1/(n + z + D) and w = z/(n (n + z)), c = σ²((1 − P) f² + P g² + (f − g) w τφ(τ)) has to have
    a solution τ from 1/2 on: so σ² is at least c over the largest of the bracket, and less than c/g².

    Args:
        problem: the problem, with the assumed σ.
        design: with a calibration.
    """
    chance = scipy.special.erf(_LEVELS / np.sqrt(2))
    pulled = _LEVELS * np.exp(-(_LEVELS**2) / 2) / np.sqrt(2 * np.pi)
    table, low, high = columns(problem, design), 0.0, np.inf
    for place in zip(*np.nonzero(np.isfinite(np.asarray(design.limit, float))), strict=True):
        one = _follower(design, table, (int(place[0]), int(place[1])), 1.0)
        f, g = 1 / (one.samples + one.comparison), 1 / (one.samples + one.comparison + one.rest)
        w = one.comparison / one.samples * f
        most = np.max((1 - chance) * f**2 + chance * g**2 + (f - g) * w * pulled)
        low = max(low, float(np.sqrt(one.cost / (one.error * most))))
        high = min(high, float(np.sqrt(one.cost / one.error) / g))
    return low, high


def _follower(design: Design, table: tuple[np.ndarray, ...], place: tuple[int, int], factor: float) -> Follower:
    """One agent and distribution; σ² in the table is the true one."""
    rule = design.calibration
    assert rule is not None
    n, z, rest, _, cost, error = (float(column[place]) for column in table)
    freedom = float(np.asarray(design.freedom)[place])
    spread, level = np.asarray(rule.spread, float) / factor, np.asarray(rule.level, float)[place]
    return Follower(n, z, rest, cost, error, freedom, spread, level)
