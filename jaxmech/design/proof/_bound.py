"""A proven bound of what noise rules can reach for one distribution: duality over counts, intervals for the rest.

Among T points in all an agent collects n, gets z of the others' points in any case and all of them if she passes, with
chance s = P(|N| ≤ τ). In units of her own n_IND and √(e c), with v = 1/T, w = 1/(n + z) and k = τφ(τ), she pays
n + (1 − s) w + s v, and n is stationary where

    k (w − v) z w = B n,    B = 1 − (1 − s) w² − s v²,    so    n = k (w − v)/(B + k w (w − v)),    B ≥ 0.

Who has no use for the distribution (e = 0) collects nothing of it under any such rule, and pays nothing for it: she is
left out. Whatever all collect, Σ_i n_i = T; so for every λ their penalties add up to at least

    λT + Σ_i min(F_i, alone, receiving),    F = min over τ, w of (1 − λ) n + (1 − s) w + s v,

with λ in her units, 2 − λ for who is alone and v for who receives. F is bounded for all T of an interval at once. On an
interval of τ as well, every number is put at the end where it does least harm; what is left is a cubic over a quadratic
in w, whose minimum is found by Dinkelbach's method: what it leaves open is taken off. Where B could be negative only
n ≤ 1/w and n < 1 are used. For λ ≤ 1 receiving is better than F.

n < 1, because for n ≥ 1 B n ≥ (1 − w)(1 + w) ≥ 1 − w ≥ z w, more than k (w − v) z w, for k < 1/4 and w < 1.

Within limits, least ≤ n ≤ most, n is stationary or at one of them. At most she must not want less, and if T ≥ n_IND
some larger τ makes most stationary, at which she pays less: so F bounds that, too. For T < n_IND nothing is stationary,
and who collects most pays e/T + c most, or more. Who collects least pays e/T + c least, or more, and wants no more only
if T ≥ n_IND. Alone she collects what is nearest to n_IND. In F n is at most ``most``: where the n of the interval's
worst case is larger, ``most`` is put instead.

Noise that is bounded brings nothing: a share of the rest's precision that is left to who fails is worth as much as
points given in any case, and those strengthen the check. So the bound holds for bounded noise, too. Any other noise
that grows with the discrepancy is a mixture of thresholds, worth f between v and w. One threshold of the same E f gives
more reason to collect: k is concave in 1 − s, and E f² is largest where f is v or w. So the bound holds for all.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy

_TOLERANCE = 3e-4
"""F is bounded to within this part of what who receives pays."""
_TARGET = 8e-4
"""Intervals of T are divided until no more than this is lost, relatively,"""
_NARROWEST = 2e-4
"""or until they are as narrow as this, relatively."""
_PARTS = 4
_WIDEST = 1.05
_EDGES = np.concatenate([np.linspace(0.0, 4.0, 33), [4.5, 5.0, 6.0, 8.0, 12.0, 40.0]])
_ROUNDS = 30
_DINKELBACH = 4
"""Steps: each squares what is left open, and a fifth changes no digit."""
_PIECE = 1 << 14
"""Cells that are bounded at a time: what more of them need leaves a processor's cache."""
_ROUNDING = 1e-13
_OVERLAP = 1e-12
"""By which pieces of an interval overlap, relatively, so that rounding leaves no gap."""


class Side(NamedTuple):
    """One distribution, by kind of agent: costs (∞: cannot sample), how many, price σ² (positive), and the least τ.

    With limits also what each must and can collect.
    """

    costs: np.ndarray
    weight: np.ndarray
    error: np.ndarray
    least: float
    limits: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def able(self) -> np.ndarray:
        """Who can sample."""
        return np.isfinite(self.costs)

    def needed(self, alone: np.ndarray, half: np.ndarray) -> float:
        """The least T with limits: who collects no most would collect as much alone, or would want one more point."""
        assert self.limits is not None
        wanted = np.sqrt(self.error / self.costs + half**2) - half
        return float(np.max(np.minimum(alone, np.clip(wanted, *self.limits))[self.able]))

    def between(self, fewest: float, largest: float) -> tuple[float, float]:
        """Totals between which T lies, with what all must and can collect."""
        if self.limits is None:
            return fewest, largest
        must, can = (float(np.sum((self.weight * bound)[self.able])) for bound in self.limits)
        return max(fewest, must * (1 - _ROUNDING)), min(largest, can * (1 + _ROUNDING))


def proven_bound(
    side: Side, estimate: float, slope: Callable[[np.ndarray], np.ndarray], unit: np.ndarray | None = None
) -> float:
    """Return a social penalty below which no noise rules get, for one distribution.

    Only some T are of interest. Every agent pays at least her e/T, and all together at least T times the least cost.
    And T is not below anybody's n_IND: she would not be alone, no check would keep her (B < 0), and if she received she
    would collect a fraction, or if samples are whole and T (T + u) < n_IND² one more sample, which counts u. With
    limits it may be below that of who collects all she can, though not below that; nor is it below what all must, or
    above what all can collect.

    Args:
        side: who is there.
        estimate: what can be reached, nearly.
        slope: some good λ for each of some T, (candidates, T); any give a bound, and the first one is tried first.
        unit: (kinds,) what a whole point of each counts, of which who is alone collects the best number; None: n_IND.

    Source: this package; convex duality, for every T between two edges at once.
    """
    most, alone = 1.01 * estimate, _alone(side, unit)
    half = 0.0 if unit is None else unit / 2
    wanted = np.max(np.sqrt(side.error / side.costs + half**2) - half) if side.limits is None else 0.0
    fewest, largest = max(np.sum(side.weight * side.error) / most, wanted), most / np.min(side.costs)
    if side.limits is not None:
        fewest = max(fewest, side.needed(alone[0], np.broadcast_to(half, side.costs.shape)) * (1 - _ROUNDING))
    fewest, largest = side.between(fewest, largest)
    if side.limits is not None and largest < fewest:
        return most * (1 - _ROUNDING)  # nobody can collect as much as would be needed for that
    edges = np.geomspace(fewest, largest, 2 + int(np.log(largest / fewest) / np.log(_WIDEST)))
    low, high, bound = edges[:-1], edges[1:], most
    target = estimate * (1 - _TARGET)
    while len(low):
        values = np.full(len(low), -np.inf)
        for slopes in slope(np.sqrt(low * high)):
            poor = values < target
            some = low[poor], high[poor], slopes[poor]
            values[poor] = np.maximum(
                values[poor], _social(side, *some, alone, np.broadcast_to(half, side.costs.shape))
            )
        open_ = (values < target) & (high / low > 1 + _NARROWEST)
        bound = min(bound, float(np.min(values[~open_], initial=most)))
        low, high = _divided(low[open_], high[open_])
    return bound * (1 - _ROUNDING)


def _alone(side: Side, unit: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """What who works alone collects and pays; NaN where she cannot sample."""
    with np.errstate(invalid="ignore"):
        best = np.where(np.isfinite(side.costs), np.sqrt(side.error / side.costs), np.nan)
        counts = best
        if unit is not None:
            low = np.maximum(np.floor(best / unit), 1.0) * unit
            counts = np.where(low * (low + unit) < best**2, low + unit, low)
        if side.limits is not None:
            counts = np.clip(counts, *side.limits)
        return counts, side.error / counts + side.costs * counts


def _divided(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every interval in equal parts."""
    edges = low[:, None] + (high - low)[:, None] * np.arange(_PARTS + 1) / _PARTS
    return edges[:, :-1].ravel(), edges[:, 1:].ravel()


def _social(
    side: Side,
    low: np.ndarray,
    high: np.ndarray,
    slopes: np.ndarray,
    alone: tuple[np.ndarray, np.ndarray],
    half: np.ndarray,
) -> np.ndarray:
    """λT + Σ_i min(F_i, alone, receiving), from below, for intervals of T."""
    able = side.able
    costs, error = side.costs[able], side.error[able]
    unit, price = np.sqrt(error / costs), np.sqrt(error * costs)
    shape = (len(low), len(costs))
    receiving = error / high[:, None]
    count, paid = (part[able] for part in alone)
    most = unit / low[:, None]
    if side.limits is not None:
        receiving, most = _limited(side, low, high, slopes, half[side.able]), np.minimum(most, 1.0)
    cap = np.minimum(receiving, paid - slopes[:, None] * count)
    owners = _Owners(
        *(np.ravel(np.broadcast_to(part, shape)) for part in (slopes[:, None] / costs, unit / high[:, None])),
        *(np.ravel(part) for part in (most, cap / price)),
    )
    if side.limits is not None:
        owners = owners._replace(most=np.ravel(np.broadcast_to(side.limits[1][able] / unit, shape)))
    least = np.minimum(_least(owners, side.least).reshape(shape) * price, cap)
    return np.asarray(slopes * low + least @ side.weight[able] + np.sum((side.weight * side.error)[~able]) / high)


def _limited(side: Side, low: np.ndarray, high: np.ndarray, slopes: np.ndarray, half: np.ndarray | float) -> np.ndarray:
    """What who collects least, or most, pays at least, less λ times that; ∞ where she would want more, or less."""
    assert side.limits is not None
    able = side.able
    costs, error, (must, can) = side.costs[able], side.error[able], (bound[able] for bound in side.limits)
    middle, fixed = np.sqrt(error / costs + half**2), can <= must
    slope, risk = costs - slopes[:, None], error / high[:, None]
    idle = np.where(fixed | (high[:, None] >= (middle - half) * (1 - _ROUNDING)), risk + slope * must, np.inf)
    full = fixed | (low[:, None] <= (middle + half) * (1 + _ROUNDING))
    full &= can <= high[:, None] * (1 + _ROUNDING)  # T counts her points, too
    return np.minimum(idle, np.where(full, risk + slope * np.where(np.isfinite(can), can, 0.0), np.inf))


class _Owners(NamedTuple):
    """For whom F is bounded, (owners,) each, in her units: λ, an interval of v, and from what on F does not matter.

    With limits also what she can collect.
    """

    slope: np.ndarray
    low: np.ndarray
    high: np.ndarray
    cap: np.ndarray
    most: np.ndarray | None = None


class _Cells(NamedTuple):
    """Intervals of τ, each with its owner."""

    owner: np.ndarray
    begin: np.ndarray
    end: np.ndarray


def _least(owners: _Owners, least: float) -> np.ndarray:
    """F from below, by dividing intervals of τ; ∞ for λ ≤ 1, and within limits for v ≥ 1, where nothing is stationary.

    Args:
        owners: λ and v.
        least: τ from which on honest agents fail seldom enough.
    """
    edges = np.unique(np.maximum(_EDGES, least))
    active = np.flatnonzero((owners.slope > 1) & ((owners.low < 1) | (owners.most is None)))
    parts = (np.tile(part, len(active)) for part in (edges[:-1], edges[1:]))
    found = np.full(len(owners.slope), np.inf)
    for values, cells in _rounds(owners, _Cells(np.repeat(active, len(edges) - 1), *parts)):
        np.minimum.at(found, cells.owner, values)
    return found


def _rounds(owners: _Owners, cells: _Cells) -> Iterator[tuple[np.ndarray, _Cells]]:
    """Bounds of cells that need no division any more."""
    enough = owners.cap
    for remaining in reversed(range(_ROUNDS)):
        slope, low, high = (column[cells.owner] for column in owners[:3])
        can = None if owners.most is None else owners.most[cells.owner]
        values = _on_intervals(slope, low, high, cells.begin, cells.end, can)
        middle = (cells.begin + cells.end) / 2
        near = np.flatnonzero(values < enough[cells.owner])
        some = slope[near], low[near], high[near], middle[near], middle[near]
        reached = _on_intervals(*some, None if can is None else can[near])
        enough = enough.copy()
        np.minimum.at(enough, cells.owner[near], reached - _TOLERANCE * low[near])
        done = (values >= enough[cells.owner]) | (remaining == 0)
        yield values[done], _Cells(*(column[done] for column in cells))
        owner, begin, middle, end = (column[~done] for column in (cells.owner, cells.begin, middle, cells.end))
        cells = _Cells(np.tile(owner, 2), np.concatenate([begin, middle]), np.concatenate([middle, end]))
        if not len(owner):
            return


def _on_intervals(*columns: Any) -> np.ndarray:
    """As :func:`_on_interval`, of so few at a time that they stay in a processor's cache."""
    pieces = (slice(begin, begin + _PIECE) for begin in range(0, max(1, len(columns[0])), _PIECE))
    return np.concatenate([_on_interval(*_piece(columns, piece)) for piece in pieces])


def _piece(columns: tuple[Any, ...], piece: slice) -> list[Any]:
    return [None if part is None else part[piece] for part in columns]


def _on_interval(
    slope: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    most: np.ndarray | None = None,
) -> np.ndarray:
    """The least of (1 − λ) n + (1 − s) w + s v over all w, τ from begin to end, and v from low to high; from below.

    Over n up to ``most`` where there are limits.
    """
    fails_first, fails = scipy.special.erfc(begin / np.sqrt(2)), scipy.special.erfc(end / np.sqrt(2))
    peak = np.clip(1.0, begin, end)  # of τφ(τ)
    k = peak * np.exp(-(peak**2) / 2) / np.sqrt(2 * np.pi)
    more = slope - 1
    # (D₀, D₁, D₂) of n's denominator, where B is least; (c₀, c₁) of what is paid for errors
    beta = 1 - (1 - fails_first) * high**2
    d = (beta, -k * low, k - fails_first)
    c = ((1 - fails) * low, fails)
    with np.errstate(divide="ignore", invalid="ignore"):
        edge = np.where(beta > 0, np.sqrt(np.maximum(beta, 0.0) / fails_first), 0.0)
    edge = np.minimum(np.maximum(edge, low), 1e12)
    # beyond the edge n is at most 1/w, and 1
    can = np.ones_like(low) if most is None else np.minimum(most, 1.0)
    beyond = c[0] + c[1] * edge - more * np.minimum(1 / edge, can)
    if most is None:
        inside = _quotient(more * k, low, low, edge, c, d)
    else:
        first, last = _reaching(k, low, edge, d, can)
        there = np.where(first < edge, c[0] + c[1] * first - more * can, np.inf)
        before = _quotient(more * k, low, low, np.minimum(first * (1 + _OVERLAP), edge), c, d)
        inside = np.minimum(np.minimum(before, there), _quotient(more * k, low, last, edge, c, d))
    return np.minimum(beyond, np.maximum(inside, c[0] + c[1] * low - more * can))


def _reaching(
    k: np.ndarray, low: np.ndarray, edge: np.ndarray, d: tuple[np.ndarray, ...], most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Between which w, a little more than these, k (w − low)/(d₀ + d₁w + d₂w²) is ``most`` or more; the edge if never.

    There most (d₀ + d₁w + d₂w²) − k (w − low), positive at first, is 0 or less: a parabola.
    """
    a, b, c = most * d[2], most * d[1] - k, most * d[0] + k * low
    root = b * b - 4 * a * c
    with np.errstate(divide="ignore", invalid="ignore"):
        q = -(b + np.where(b > 0, 1.0, -1.0) * np.sqrt(np.maximum(root, 0.0))) / 2
        pair = np.stack([q / a, c / q])
    smaller, larger = np.min(pair, axis=0), np.max(pair, axis=0)
    up = a >= 0
    first, last = np.where(up, np.maximum(smaller, low), larger), np.where(up, larger * (1 - _OVERLAP), edge)
    ever = (root >= 0) & (last > low) & np.isfinite(first)
    first = np.where(ever, np.clip(first * (1 - _OVERLAP), low, edge), edge)
    return first, np.where(ever, np.clip(last, first, edge), edge)


def _quotient(
    gain: np.ndarray,
    low: np.ndarray,
    start: np.ndarray,
    edge: np.ndarray,
    c: tuple[np.ndarray, ...],
    d: tuple[np.ndarray, ...],
) -> np.ndarray:
    """The least of c₀ + c₁w − gain (w − low)/(d₀ + d₁w + d₂w²) for w from the start to the edge, from below."""

    def denominator(w: np.ndarray) -> np.ndarray:
        return np.asarray(d[0] + w * (d[1] + w * d[2]))

    def at(w: np.ndarray) -> np.ndarray:
        return np.asarray(c[0] + c[1] * w - gain * (w - low) / denominator(w))

    # t is the least where (c₀ − t + c₁w)(d₀ + d₁w + d₂w²) − gain (w − low), a cubic, has the least value 0
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.fmin(np.fmin(at(start), at(edge)), at((start + edge) / 2))
        for _ in range(_DINKELBACH):
            w, rest = _least_cubic(_cubic(least, gain, low, c, d), start, edge)
            least = np.fmin(least, at(w))
        _, rest = _least_cubic(_cubic(least, gain, low, c, d), start, edge)
        smallest = np.minimum(denominator(start), denominator(edge))
        vertex = np.where(d[2] > 0, np.clip(-d[1] / (2 * d[2]), start, edge), start)
        smallest = np.minimum(smallest, denominator(vertex))
        found = least + np.minimum(rest, 0.0) / smallest
    # where the denominator reaches 0 nothing is known but n < 1
    sound = (smallest > 0) & np.isfinite(found)
    return np.asarray(np.where(edge > start, np.where(sound, found, -np.inf), np.inf))


def _cubic(
    value: np.ndarray, gain: np.ndarray, low: np.ndarray, c: tuple[np.ndarray, ...], d: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, ...]:
    over = c[0] - value
    return (
        over * d[0] + gain * low,
        over * d[1] + c[1] * d[0] - gain,
        over * d[2] + c[1] * d[1],
        c[1] * d[2],
    )


def _least_cubic(p: tuple[np.ndarray, ...], low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a cubic is least on an interval, and its value there."""

    def at(w: np.ndarray) -> np.ndarray:
        return np.asarray(p[0] + w * (p[1] + w * (p[2] + w * p[3])))

    root = np.sqrt(np.maximum(p[2] ** 2 - 3 * p[1] * p[3], 0.0))
    # the minimum, if there is one, by the formula that does not cancel
    place = np.where(p[2] > 0, -p[1] / (p[2] + root), (root - p[2]) / (3 * p[3]))
    place = np.where(np.isfinite(place), np.clip(place, low, high), low)
    best, value = low, at(low)
    for other in (place, high):
        there = at(other)
        better = ~(value <= there)  # NaN, too, is taken: then nothing is known
        best, value = np.where(better, other, best), np.where(better, there, value)
    return best, value
