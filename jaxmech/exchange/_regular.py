"""Data too regular to be measured: constants, two values, equal steps, copies. A pure kernel.

Of normal points rounded to a step δ, whatever their mean is, one given number has at most the chance
p = erf(δ/(2√2 σ)), that of the bin around the mean. n points then have, by counting where each value comes first,
d values alone with at most the chance C(n−1, d−1) (d p)^(n−d); alternate, or go up in equal steps, with at most
p^(n−2); and are those of somebody else in the same order with at most pⁿ, in any order with at most n!/Πc_v! times
the lesser of pⁿ and Π(c_v/n)^c_v, and some of her d with at most (d p)ⁿ. What is rounded coarsely beside σ is thus
likely to repeat, and said nothing of.

Source: this package (union bounds).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CHANCE = 1e-6
"""What is likelier than this says nothing."""

FEWEST_ROWS = 3
_MOST_DECIMALS = 15
_SIGNIFICANT = (1, 2, 2.5, 5)
_TENS = tuple(10**k for k in range(20))


class Regular(NamedTuple):
    """Something too regular.

    Attributes:
        what: in words.
        chance: at most, for measured points.
        step: to which they are rounded, as it seems.
    """

    what: str
    chance: float
    step: float


def decimals(points: np.ndarray) -> int:
    """Return how many decimals numbers are written with.

    Example:
        >>> decimals(np.array([2.25, 3.0])), decimals(np.array([100.0]))
        (2, 0)
    """
    some = points[np.isfinite(points)]
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers too large for so many decimals
        return next((d for d in range(_MOST_DECIMALS) if (np.round(some, d) == some).all()), _MOST_DECIMALS)


def common_steps(columns: Sequence[np.ndarray]) -> list[float]:
    """Return for each party the largest round number of which all points of all are multiples; 0 if hers are all.

    Round is 1, 2, 2.5 or 5 times a power of ten: who hands in the same number over and over is not rounding to it.

    Example:
        >>> common_steps([np.array([95.0, 100.0]), np.array([120.0])]), common_steps([np.array([95.0, 100.0])])
        ([5.0, 5.0], [0.0])
    """
    some = [column for column in columns if len(column)]
    places = max((decimals(column) for column in some), default=0)
    whole = math.gcd(*(_whole_step(column, places) for column in some))
    power = 10 ** max(len(str(whole)) - 1, 0)
    leading = (10 * power, 5 * power, 25 * power // 10, 2 * power, power)
    step = whole and next((one for ten in _TENS for part in leading if (one := part // ten) and whole % one == 0), 0)
    return [step / 10.0**places if len(some) > bool(len(column)) else 0.0 for column in columns]


def _whole_step(points: np.ndarray, places: int) -> int:
    """The greatest common divisor of points in units of their last decimal; 1 where they are too large for that."""
    with np.errstate(over="ignore"):
        whole = np.round(points * 10.0**places)
    return int(np.gcd.reduce(whole.astype(np.int64))) if np.abs(whole).max() < 2**53 else 1


def collision(step: float, sigma: float) -> float:
    """Return p, the largest chance that a point has one given number.

    Example:
        >>> round(collision(1.0, 12.0), 4), collision(1.0, 0.0)
        (0.0332, 1.0)
    """
    return math.erf(step / (2 * math.sqrt(2) * sigma)) if sigma > 0 else 1.0


def too_regular(points: np.ndarray, sigma: float, step: float) -> Regular | None:
    """Return what is too regular in a party's points, in the order of their rows; None if nothing is.

    Args:
        points: hers.
        sigma: standard deviation of a point.
        step: to which all are rounded, from :func:`common_steps`; hers may be rounded more coarsely.

    Example:
        >>> too_regular(np.full(7, 2.2), 0.6, 0.01).what
        '2.2 in all 7 rows'
        >>> too_regular(np.array([2.1, 2.3, 2.1, 1.9, 2.2, 2.3, 2.1]), 0.6, 0.1)
    """
    n = len(points)
    if n < FEWEST_ROWS:
        return None
    step = max(step, 10.0 ** -decimals(points))
    values, gaps = np.unique(points), np.diff(points)
    if len(values) == 1:
        return _judged(f"{points[0]:.15g} in all {n:,} rows", n - 1, 0.0, step, sigma)
    if len(values) == 2:
        step = max(step, _round_step(values))
        both = f"{values[0]:.15g} and {values[1]:.15g}"
        if (gaps[1:] == -gaps[:-1]).all():
            return _judged(f"{both} by turns in all {n:,} rows", n - 2, 0.0, step, sigma)
        ways = math.log(n - 1) + (n - 2) * math.log(2)
        return _judged(f"{both} alone in all {n:,} rows", n - 2, ways, step, sigma)
    if np.abs(gaps - gaps[0]).max() <= 1e-9 * np.abs(points).max():
        said = f"every one of {n:,} rows is {abs(gaps[0]):.6g} {'more' if gaps[0] > 0 else 'less'} than the one before"
        return _judged(said, n - 2, 0.0, step, sigma)
    return None


def copied(points: np.ndarray, other: np.ndarray, sigma: float, step: float, pairs: int) -> Regular | None:
    """Return whether a party's points are another's, and too many to be so by chance; None if not.

    Args:
        points: hers.
        other: those of another, at least as many.
        sigma: standard deviation of a point.
        step: to which all are rounded.
        pairs: of parties that are compared.

    Example:
        >>> first = np.array([1.25, 3.5, 2.75, 0.25])
        >>> copied(first[::-1], first, 1.0, 0.001, 1).what
        'handed in the same points'
        >>> copied(np.round(first), np.round(first[::-1]), 1.0, 1.0, 1)
    """
    n, step = len(points), max(step, 10.0 ** -decimals(points))
    if n < FEWEST_ROWS or not np.isin(points, other).all():
        return None
    ways = math.log(pairs)
    if n < len(other):
        ways += n * math.log(len(np.unique(other)))
        return _judged(f"handed in {n:,} points that are all among the other's", n, ways, step, sigma)
    if (points == other).all():
        return _judged("handed in the same points", n, ways, step, sigma)
    if (np.sort(points) != np.sort(other)).any():
        return None
    counts = np.unique(points, return_counts=True)[1]
    ways += math.lgamma(n + 1) - sum(math.lgamma(count + 1) for count in counts.tolist())
    fits = float(np.sum(counts * np.log(counts / n)))  # of the law that makes these counts likeliest
    each = min(collision(step, sigma), math.exp(fits / n))
    return _told("handed in the same points", ways + n * math.log(each), step)


def _judged(what: str, repeats: int, ways: float, step: float, sigma: float) -> Regular | None:
    """So many points that each had to have one given number, in e^ways ways."""
    return _told(what, ways + repeats * math.log(collision(step, sigma)), step)


def _told(what: str, log_chance: float, step: float) -> Regular | None:
    return Regular(what, math.exp(log_chance), step) if log_chance < math.log(CHANCE) else None


def _round_step(values: np.ndarray) -> float:
    """The distance of two values where both are multiples of it and it is a round number: 1, 2, 2.5 or 5 times 10^k."""
    apart = float(values[1] - values[0])
    power = 10.0 ** math.floor(math.log10(apart) + 1e-9)
    round_number = any(math.isclose(apart, leading * power, rel_tol=1e-9) for leading in _SIGNIFICANT)
    multiple = abs(values[0] / apart - round(float(values[0] / apart))) < 1e-6
    return apart if round_number and multiple else 0.0
