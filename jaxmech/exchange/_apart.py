"""Whose mean stands apart from those of all others who measured the same, checked or not. A pure kernel."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SELDOM = 1e-6
"""Told where the chance of it, by normal data of all parties together, is below this."""

_ENOUGH = 20
"""Degrees of freedom within parties from which on their spread counts, where it is larger than the agreed σ."""


class Apart(NamedTuple):
    """A mean that honest normal data do not explain.

    Attributes:
        party: whose.
        mean: hers.
        other: the mean of all points of who agree with each other.
        errors: how far apart the two are, in standard errors.
        chance: that any of so many parties' means would be so far from the others'.
        partner: the only other party, if there are no more: it may as well be hers; else None.
    """

    party: int
    mean: float
    other: float
    errors: float
    chance: float
    partner: int | None


def standing_apart(columns: Sequence[np.ndarray], sigma: float) -> list[Apart]:
    """Return whose means stand apart: the farthest is left out until those that remain explain each other.

    The distance of a party's mean from that of all other points, in standard errors z, is what leaving her out takes
    from Σ n_i (mean_i − mean)²/σ², z² of it: so a party with many points that are off is left out before those whose
    comparison she spoils.

    Args:
        columns: points of one distribution, by party.
        sigma: the agreed standard deviation, or NaN; the spread within parties takes its place where it is larger.

    Source: Hedges and Olkin, Statistical Methods for Meta-Analysis, chapter 6 (homogeneity), with leave-one-out.

    Example:
        >>> rows = [np.array([1.0, 2.0]), np.array([1.5, 1.4]), np.array([9.0, 9.3])]
        >>> [(one.party, one.partner) for one in standing_apart(rows, 1.0)]
        [(2, None)]
    """
    counts = np.array([len(column) for column in columns], float)
    means = np.array([float(np.mean(column)) if len(column) else 0.0 for column in columns])
    spread = _spread(columns, counts, means, sigma)
    left, found = np.flatnonzero(counts > 0).tolist(), list[int]()
    if not spread > 0:
        return []
    while len(left) > 1:
        errors = [_errors(counts, means, spread, i, [j for j in left if j != i]) for i in left]
        worst = int(np.argmax(errors))
        if _chance(errors[worst], len(left)) >= SELDOM:
            break
        if len(left) == 2:
            found += left
            break
        found.append(left.pop(worst))
    return [_apart(counts, means, spread, i, left, found) for i in found]


def _apart(
    counts: np.ndarray, means: np.ndarray, spread: float, i: int, left: Sequence[int], found: Sequence[int]
) -> Apart:
    """Her mean beside those who agree; where two remain who do not, beside the other one's."""
    others = [j for j in left if j != i]
    errors = _errors(counts, means, spread, i, others)
    other = float(np.average(means[others], weights=counts[others]))
    both = len(others) == 1 and others[0] in found
    chance = _chance(errors, int(np.sum(counts > 0)))
    return Apart(i, float(means[i]), other, errors, chance, others[0] if both else None)


def _errors(counts: np.ndarray, means: np.ndarray, spread: float, i: int, others: Sequence[int]) -> float:
    """How far her mean is from that of the others' points, in standard errors of the difference."""
    rest = list(others)
    total = float(counts[rest].sum())
    mean = float(counts[rest] @ means[rest]) / total
    return float(abs(means[i] - mean)) / (spread * math.sqrt(1 / counts[i] + 1 / total))


def _chance(errors: float, parties: int) -> float:
    """Of one in so many, at most: P(|N| > z) for each of them."""
    return min(parties * math.erfc(errors / math.sqrt(2)), 1.0)


def _spread(columns: Sequence[np.ndarray], counts: np.ndarray, means: np.ndarray, sigma: float) -> float:
    """The agreed σ, or the spread within parties where that is larger or nothing was agreed."""
    freedom = float(np.sum(np.maximum(counts - 1, 0)))
    squares = sum(float(np.sum((column - mean) ** 2)) for column, mean in zip(columns, means, strict=True))
    within = math.sqrt(squares / freedom) if freedom >= _ENOUGH else math.nan
    return float(np.fmax(sigma, within))
