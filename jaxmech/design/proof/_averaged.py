"""Limits that follow the data: what an agent pays on average over σ̂, and a bound over all amounts, in plain NumPy.

An agent who collects n passes with the chance P(n) = E erf(r √(h/2)), where r = l(σ̂) σ̂/σ, h = n z/(n + z), and
σ̂²/σ² is χ²/ν. √h is concave, and erf rises and is concave, so that P rises and is concave: it lies below its tangents.
She pays q(n) = e/(n + z) + c n − P(n) L(n) with L(n) = e/(n + z) − e/(n + z + D), which falls, is positive and convex,
and so lies below its chords.
Between two amounts q is thus at least a tangent of e/(n + z) + c n less a rising line times a falling
one: a convex parabola, whose least is known. Amounts up to q(n*)/c are covered by such pieces; others cost more.
Nothing here is shared with what finds the levels.
"""

from typing import NamedTuple

import numpy as np
import scipy

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_ENDS, _FAR = 9, 10.0
"""An average is a sum over pieces of log σ̂², between the table's entries and so many places, to so many deviations."""
_PIECES, _FIRST = 600, 1e-3
"""Pieces that cover all amounts, and the end of the first one in n*."""


class Follower(NamedTuple):
    """One agent who is checked on one distribution by limits that follow the data: numbers, but for two tables.

    Attributes:
        samples: n*.
        comparison: z.
        rest: D, withheld from who fails.
        cost: of a point.
        error: price σ² at the true σ.
        freedom: ν.
        spread: (entries,) σ̂ in the true σ.
        level: (entries,) limits there, in σ̂.
    """

    samples: float
    comparison: float
    rest: float
    cost: float
    error: float
    freedom: float
    spread: np.ndarray
    level: np.ndarray


class Averaged(NamedTuple):
    """What is certain about one follower.

    Attributes:
        honest: what she pays if she complies.
        least: no amount costs less.
        failure: how often her rest is withheld if she complies.
    """

    honest: float
    least: float
    failure: float


def averaged(one: Follower) -> Averaged:
    """Return what an agent pays who complies, and a bound of what any amount costs her."""
    reach, weight = _reaches(one)
    chance, _ = _chance(one, np.array([one.samples]), reach, weight)
    honest = float(_cost(one, np.array([one.samples]), chance)[0])
    ends = one.samples * np.concatenate([[_FIRST], np.geomspace(_FIRST, _farthest(one, honest), _PIECES)[1:]])
    least = min(_first_piece(one, ends[0], reach, weight), _pieces(one, ends, reach, weight))
    return Averaged(honest, least, float(1 - chance[0]))


def _farthest(one: Follower, honest: float) -> float:
    """The amount, in n*, from which on points alone cost more than she pays now."""
    return max(honest / (one.cost * one.samples), 2.0)


def _reaches(one: Follower) -> tuple[np.ndarray, np.ndarray]:
    """Values of r = l(σ̂) σ̂/σ and their probabilities, by Gauss and Legendre over log σ̂² from kink to kink."""
    half, end = one.freedom / 2, _FAR * np.sqrt(2 / one.freedom)
    kinks = np.clip(2 * np.log(one.spread), -end, end)
    places = np.unique(np.concatenate([np.linspace(-end, end, _ENDS), kinks]))
    width = np.diff(places)[:, None] / 2
    logarithm = (places[:-1, None] + width * (1 + _NODES)).ravel()
    density = np.exp(half * np.log(half) - scipy.special.gammaln(half) + half * (logarithm - np.exp(logarithm)))
    seen = np.exp(logarithm / 2)
    return np.interp(seen, one.spread, one.level) * seen, (width * _WEIGHTS).ravel() * density


def _chance(one: Follower, amounts: np.ndarray, reach: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P(n) and P'(n) at positive amounts."""
    z, n = one.comparison, amounts[:, None]
    root = np.sqrt(n * z / (n + z))
    slope = np.sqrt(2 / np.pi) * reach * np.exp(-((reach * root) ** 2) / 2) * root / 2 * z / (n * (n + z))
    return scipy.special.erf(reach * root / np.sqrt(2)) @ weight, slope @ weight


def _cost(one: Follower, amounts: np.ndarray, chance: np.ndarray) -> np.ndarray:
    both = amounts + one.comparison
    return np.asarray((1 - chance) * one.error / both + chance * one.error / (both + one.rest) + one.cost * amounts)


def _first_piece(one: Follower, end: float, reach: np.ndarray, weight: np.ndarray) -> float:
    """A bound from nothing to ``end``: her error and her chance at the end, and points for nothing."""
    chance, _ = _chance(one, np.array([end]), reach, weight)
    return float(_cost(one, np.array([end]), chance)[0]) - one.cost * end


def _pieces(one: Follower, ends: np.ndarray, reach: np.ndarray, weight: np.ndarray) -> float:
    """A bound from the first end to the last one."""
    low, high = ends[:-1], ends[1:]
    middle = (low + high) / 2
    chance, rise = _chance(one, middle, reach, weight)
    both = middle + one.comparison
    value, slope = one.error / both + one.cost * middle, one.cost - one.error / both**2
    lost = [one.error / (at + one.comparison) - one.error / (at + one.comparison + one.rest) for at in (low, high)]
    mean, fall = (lost[0] + lost[1]) / 2, (lost[1] - lost[0]) / (high - low)
    # value + slope x − (chance + rise x)(mean + fall x), x from the middle on
    linear, bend = slope - rise * mean - chance * fall, -rise * fall
    half = (high - low) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        place = np.where(bend > 0, np.clip(-linear / (2 * bend), -half, half), -np.sign(linear) * half)
    return float(np.min(value - chance * mean + linear * place + bend * place**2))
