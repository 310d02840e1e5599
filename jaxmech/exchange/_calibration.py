"""The noise level of a calibrated rule, from the spread of the others' points. A pure kernel.

κ̂ = κ σ²/σ̂² takes the place of κ = c n*²/(price σ²), where σ̂² is the variance within the others' points that a party is
compared with, within those that she gets with noise, and within those that were not drawn, about the mean of each. It
says nothing of her own points, so that nothing that she does moves her noise level. Of a robust rule it is the median
of such variances within each other party's points.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

CLIP = 0.95
"""κ̂ is not let nearer than this to 1/4, where the noise would be infinite."""

BY_DATA, NONE, MOST, ASSUMED = "data", "none", "most", "assumed"
LEVELS = (BY_DATA, NONE, MOST, ASSUMED)
"""Where a noise level comes from: σ̂; σ̂ so large that no noise is needed; so small that the noise is cut off; the agreed
σ, where nothing tells another."""

OTHERS = 3
"""Others who must have points enough to tell a variance: of two the median is no protection."""

_FAR, _TERMS, _HALVINGS = 6.0, 24, 200


class Level(NamedTuple):
    """A noise level, and what it rests on.

    Attributes:
        sigma: σ̂; NaN where nothing tells it.
        freedom: its degrees of freedom.
        alpha: the coefficient; NaN of a design.
        level: one of :data:`LEVELS`; None where nothing is checked.
        limit: of a design; NaN of c3d and cbl.
    """

    sigma: float
    freedom: int
    alpha: float
    level: str | None
    limit: float = math.nan

    @property
    def variance(self) -> float | None:
        """σ̂², by which points are weighed; None where that is left to the agreed σ."""
        return self.sigma**2 if self.sigma > 0 else None


def spread_within(groups: Sequence[np.ndarray]) -> tuple[float, int]:
    """Return the sum of squared distances from the mean of each group, and its degrees of freedom.

    Example:
        >>> spread_within([np.array([1.0, 3.0]), np.array([5.0]), np.zeros(0)])
        (2.0, 1)
    """
    some = [points for points in groups if len(points)]
    squares = sum((float(np.sum((points - np.mean(points)) ** 2)) for points in some), 0.0)
    return squares, sum(len(points) for points in some) - len(some)


def median_within(groups: Sequence[np.ndarray], owners: Sequence[np.ndarray]) -> tuple[float, int]:
    """Return the median of the variances within each other's points, times its degrees of freedom, and these.

    Of an owner's fullest group her first points are left out, as many as groups hold none of hers: so she has as many
    degrees of freedom as points less groups, however they were drawn. None from fewer than :data:`OTHERS`.

    Args:
        groups: points of all others.
        owners: whose they are, numbers.

    Source: this package; the median is the ⌈M/2⌉-th of M, over about its own (Wilson and Hilferty 1931).

    Example:
        >>> points, owners = np.array([0.0, 1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 4.0]), np.array([0, 0, 1, 1, 2, 2, 3, 3])
        >>> median_within([points], [owners])[1], median_within([points[:4]], [owners[:4]])
        (4, (0.0, 0))
    """
    some = [(points, of) for points, of in zip(groups, owners, strict=True) if len(points)]
    each = []
    for owner in np.unique(np.concatenate([of for _, of in some])) if some else ():
        hers = [points[of == owner] for points, of in some]
        fullest = int(np.argmax([len(points) for points in hers]))
        hers[fullest] = hers[fullest][sum(len(points) == 0 for points in hers) :]
        squares, freedom = spread_within(hers)
        if freedom:
            each.append((squares, freedom))
    if len(each) < OTHERS:
        return 0.0, 0
    rank = (len(each) + 1) // 2
    middle = NormalDist().inv_cdf((rank - 1 / 3) / (len(each) + 1 / 3))
    variances = [squares / (freedom * _unit(freedom, middle)) for squares, freedom in each]
    total = sum(freedom for _, freedom in each)
    return sorted(variances)[rank - 1] * total, total


def _unit(freedom: int, normal: float) -> float:
    """About a quantile of χ²/ν."""
    rough = 2 / (9 * freedom)
    return float((1 - rough + normal * math.sqrt(rough)) ** 3)


def calibrated_level(
    squares: float,
    freedom: int,
    sigma: float,
    kappa: float,
    tau: float,
    samples: float,
    planned: float,
    *,
    steady: bool,
) -> Level:
    """Return the noise level for what the others' points tell of σ.

    Args:
        squares: from :func:`spread_within`.
        freedom: likewise.
        sigma: the agreed σ.
        kappa: κ at that.
        tau: T/n*.
        samples: n*.
        planned: the coefficient at the agreed σ.
        steady: whether points are weighed by the noise that is expected.

    Source: this package; the root is that of Clinton et al. 2025, equation (11).

    Example:
        >>> known = calibrated_level(90.0, 90, 1.0, 0.1, 10.0, 1.0, 0.0, steady=False)
        >>> round(known.alpha**2, 6), known.level
        (2.575737, 'data')
    """
    if freedom < 1:
        return Level(math.nan, freedom, planned, ASSUMED)
    low, spread = 1 / tau**2, squares / freedom
    high, seen = max(low, CLIP / 4), kappa * sigma**2 / spread if spread > 0 else math.inf
    level = NONE if seen <= low else MOST if seen >= high else BY_DATA
    root = _steady if steady else _published
    ratio = 0.0 if level == NONE else root(tau, min(seen, high))
    return Level(math.sqrt(spread), freedom, math.sqrt(ratio * samples), level)


def _published(tau: float, kappa: float) -> float:
    """α²/n* = τ/(8y²), where (τ + 1) r(y) + s(y) = τ²(1 − 4κ)/(τ − 2), r = √π y erfcx(y), s = 2y²(1 − r): it rises."""
    right = tau**2 * (1 - 4 * kappa) / (tau - 2)

    def falls_short(y: float) -> bool:
        r, s = _shares(y)
        return (tau + 1) * r + s < right

    y = _halved(falls_short)
    return tau / (8 * y**2)


def _shares(y: float) -> tuple[float, float]:
    if y <= _FAR:
        r = math.sqrt(math.pi) * y * math.exp(y * y) * math.erfc(y)
        return r, 2 * y * y * (1 - r)
    term, terms = 1.0, [1.0]
    for k in range(1, _TERMS):
        term *= -(2 * k - 1) / (2 * y * y)
        terms.append(term)
    return math.fsum(terms), -2 * y * y * math.fsum(terms[1:])


def _steady(tau: float, kappa: float) -> float:
    """ρ = α²/n*, where 1 + D ρ/b² = κ (2 + D/b)², b = 1 + 2ρ, D = τ − 2; with less noise the left is the smaller."""
    rest = tau - 2

    def falls_short(ratio: float) -> bool:
        b = 1 + 2 * ratio
        return 1 + rest * ratio / b**2 <= kappa * (2 + rest / b) ** 2

    return _halved(falls_short)


def _halved(falls_short: Callable[[float], bool]) -> float:
    """The place where a condition ends to hold, to rounding, in logarithms."""
    low, high = 1e-12, 1e12
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        if middle in (low, high):
            break
        low, high = (middle, high) if falls_short(middle) else (low, middle)
    return math.sqrt(low * high)
