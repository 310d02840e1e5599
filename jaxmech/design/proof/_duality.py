"""A proven bound on what any amounts can bring an agent under linked thresholds: convex duality, in plain numpy.

An agent who collects n_k truthfully passes with chance Π_l P_l(n_l) and pays

    q(n) = Σ_k ((1 − s) e_k/(n_k + z_k + kept D_k) + s e_k/(n_k + z_k + D_k) + c_k n_k)   at s = Π_l P_l(n_l).

q falls in s, so min_n q = min over s in [0, 1] of V(s) = min {Σ_k f_k(n_k; s) : Σ_l log P_l(n_l) ≥ log s}. The f_k are
convex in n; so is −log P_l, because P_l(n) = erf(t_l √(h/2)) with h = n z/(n + z), and erf, √ and h are increasing and
log-concave or concave. So for every μ ≥ 0

    V(s) ≥ B_μ(s) = μ log s + Σ_k min_n (f_k(n; s) − μ log P_k(n)),

and B_μ is concave in s, as a sum of μ log s and minima of affine functions. Where B_μ is high enough at both ends of an
interval it is so in between: finitely many numbers prove a bound for all s, hence for all amounts, whole ones and 0
included. Nothing here is shared with the optimiser.

For an ellipsoid the chance is no product; :mod:`jaxmech.design.proof._ellipsoid` has majorants of its logarithm, each a
sum of concave functions of one amount. With one of them instead of Σ_l log P_l the same holds; it is sought anew for
every interval.

Sums are rounded: B_μ is a small difference of large terms where μ is large. Every term is good to a few units in its
last place, log P to a few units in the last place of 1 (P is, relatively, and its argument moves it by at most half as
much), so what is taken off is 64 eps of the sum of all terms' sizes, with 1 + |log P| for the size of log P.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy

from jaxmech.design.proof._ellipsoid import Majorant, inside, majorant

_INNER = 26
"""Newton steps with bisection for one convex minimum; the bound holds whatever their number."""
_MULTIPLIER = 26
_EDGE = 12
_NARROWEST = -44.0
"""Logarithm to base 2 of the narrowest interval."""
_INTERVALS = 300
_ANCHORS, _NO_BETTER = 14, 1e-11
"""So often a majorant is sought for one interval, until the bound gains no more than this, relatively."""
_FIRST = 1e-12
"""Chance to pass from which on multipliers are used."""
_PROGRESS = 1e-7
_GIVE = 1e-10
_ROOT_TWO, _DENSITY = np.sqrt(2), np.sqrt(2 / np.pi)
_ROUNDING = 64 * float(np.finfo(float).eps)
"""What rounding may do to a sum of a few dozen terms, in units of the sum of their sizes."""


class Offer(NamedTuple):
    """What an agent meets, one row per agent; all in numpy arrays (rows, distributions) unless said.

    Attributes:
        comparison: z, points of others she gets clean anyway.
        rest: D, points that she gets clean if she passes.
        kept: (rows,) share of the rest's precision that is left to her if she fails.
        limit: t/σ, largest discrepancy that passes; ∞ where nothing is checked.
        costs: of one point; ∞ where she cannot sample.
        error: price σ²; 0 where she has no use for the distribution.
        majorant: of log S for an ellipsoid; None for a box.
        least: what she must collect; None where she can collect as much and as little as she likes.
        most: what she can collect; None likewise.
    """

    comparison: np.ndarray
    rest: np.ndarray
    kept: np.ndarray
    limit: np.ndarray
    costs: np.ndarray
    error: np.ndarray
    majorant: Majorant | None = None
    least: np.ndarray | None = None
    most: np.ndarray | None = None

    @property
    def checked(self) -> np.ndarray:
        """Where a limit is set."""
        return np.isfinite(self.limit)

    def of(self, rows: np.ndarray) -> "Offer":
        """Return some rows of it."""
        own = self.majorant and self.majorant.of(rows)
        tables = self.comparison, self.rest, self.kept, self.limit, self.costs, self.error
        comparison, rest, kept, limit, costs, error = (part[rows] for part in tables)
        bounds = (bound if bound is None else bound[rows] for bound in (self.least, self.most))
        return Offer(comparison, rest, kept, limit, costs, error, own, *bounds)


class Least(NamedTuple):
    """A proven bound, one number per row.

    Attributes:
        bound: no amounts cost less.
        intervals: how many intervals of s were needed.
        complete: whether they cover [0, 1]; if not, the bound is −∞.
    """

    bound: np.ndarray
    intervals: np.ndarray
    complete: np.ndarray


def honest_penalty(offer: Offer, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what she pays if she collects these amounts, and her chance to pass."""
    if offer.majorant is None:
        log_chance = _log_chance(offer, samples)
        success = np.exp(np.sum(np.where(offer.checked, log_chance, 0.0), axis=1))
    else:
        success = inside(_levels(offer, samples), _checks(offer)[0]).chance
    return np.sum(_cost(offer, samples, success[:, None]), axis=1), success


def least_penalty(offer: Offer, target: np.ndarray, give_up: float = 1.0) -> Least:
    """Prove that no amounts cost less than ``target``, or how much less they may cost.

    [0, 1] is covered from the left by intervals on which some B_μ is at least the target. If a point cannot be covered
    the target is lowered there, so the answer is always a bound.

    Args:
        offer: what the agents meet.
        target: (rows,) what is to be proven, such as the honest penalty less a tolerance.
        give_up: once the target is lowered by more than this, relatively, the search ends without a bound.

    Returns:
        The bound: the target where it is proven.
    """
    rows = len(target)
    target = np.where(np.isfinite(target), target, 0.0)  # no penalty is negative
    bound = target.copy()
    give, count = np.full(rows, _GIVE), np.zeros(rows, int)
    # On [0, a] no multiplier is needed: B_0 falls in s, so a is found by bisection.
    nothing = np.zeros(rows)
    place = _reach(offer, nothing, np.zeros(rows), bound)
    count += 1
    for _ in range(_INTERVALS):
        open_rows = (place < 1) & (bound >= target - give_up * np.abs(target))
        if not open_rows.any():
            break
        part = offer.of(open_rows)
        begun = place[open_rows]
        here = np.maximum(begun, _FIRST)
        part, multiplier, value = _best(part, here, target[open_rows])
        # before the first place only B_0 is known, which falls in s
        without = _bound_at(part, np.zeros_like(here), here)
        value = np.where(begun < here, np.minimum(value, without), value)
        bound[open_rows] = np.minimum(bound[open_rows], value)
        reached = _reach(part, multiplier, here, bound[open_rows])
        # where next to nothing was covered the target is lowered, by ever more
        stuck = reached - here < _PROGRESS * (1 - here)
        give[open_rows] = np.where(stuck, 4 * give[open_rows], give[open_rows])
        bound[open_rows] = np.where(
            stuck, bound[open_rows] - give[open_rows] * np.abs(target[open_rows]), bound[open_rows]
        )
        place[open_rows] = np.where(bound[open_rows] <= 0, 1.0, reached)  # no penalty is negative
        count[open_rows] += 1
    complete = place >= 1
    return Least(np.where(complete, bound, -np.inf), count, complete)


def _best(offer: Offer, success: np.ndarray, scale: np.ndarray) -> tuple[Offer, np.ndarray, np.ndarray]:
    """A multiplier with B_μ(s) near the largest, B_μ(s), and the offer: in an ellipsoid with a majorant that suits.

    It is exact at its anchor, and that is moved half way to the amounts that attain B_μ until the bound gains nothing:
    the whole way it may go to and fro.
    """
    multiplier, value, _ = _best_multiplier(offer, success, scale)
    if offer.majorant is None:
        return offer, multiplier, value
    most = _levels(offer, np.full_like(offer.limit, np.inf))
    anchor, best, checked = most, offer.majorant, _checks(offer)[0]
    for _ in range(_ANCHORS):
        near = majorant(anchor, most, checked, success)
        pull, reached, amounts = _best_multiplier(offer._replace(majorant=near), success, scale)
        anchor, better = np.sqrt(anchor * _levels(offer, amounts)), reached > value
        enough = np.all(reached <= value + _NO_BETTER * scale)
        multiplier, value = np.where(better, pull, multiplier), np.where(better, reached, value)
        best = near.where(better, best)
        if enough:
            break
    return offer._replace(majorant=best), multiplier, value


def _best_multiplier(offer: Offer, success: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A multiplier with B_μ(s) near the largest, by bisection on the constraint, B_μ(s), and amounts of the last."""
    low, high = np.log(1e-14 * scale), np.log(1e8 * scale)
    best, value = np.zeros(len(scale)), _bound_at(offer, np.zeros(len(scale)), success)
    for _ in range(_MULTIPLIER):
        middle = (low + high) / 2
        multiplier = np.exp(middle)
        found, amounts = _minima(offer, multiplier, success)
        here = _sum_up(multiplier, success, found)
        best, value = np.where(here > value, multiplier, best), np.maximum(here, value)
        log_chance = _log_chance(offer, amounts)
        short = np.sum(np.where(offer.checked, log_chance, 0.0), axis=1) < np.log(success)
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return best, value, amounts


def _reach(offer: Offer, multiplier: np.ndarray, start: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The end of an interval from ``start`` on which B_μ ≥ target: bisection on the logarithm of its width.

    B_μ is concave and high enough at the start, so it is high enough up to whatever point it is found to be.
    """
    room = 1 - start
    reached = np.where(_bound_at(offer, multiplier, np.ones_like(start)) >= target, 1.0, start)
    narrow, wide = np.full_like(start, _NARROWEST), np.zeros_like(start)
    for _ in range(_EDGE):
        middle = (narrow + wide) / 2
        end = start + room * np.exp2(middle)
        good = _bound_at(offer, multiplier, end) >= target
        reached = np.where(good, np.maximum(reached, end), reached)
        narrow, wide = np.where(good, middle, narrow), np.where(good, wide, middle)
    return reached


def _bound_at(offer: Offer, multiplier: np.ndarray, success: np.ndarray) -> np.ndarray:
    """B_μ(s), from below."""
    found, _ = _minima(offer, multiplier, success)
    return _sum_up(multiplier, success, found)


def _sum_up(multiplier: np.ndarray, success: np.ndarray, minima: np.ndarray) -> np.ndarray:
    """μ log s + Σ_k minima, from below; what rounding may do to the minima is taken off already."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.where(multiplier > 0, multiplier * np.log(success), 0.0)
        return np.asarray(logarithm + np.sum(minima, axis=1) - _ROUNDING * np.abs(logarithm))


def _minima(offer: Offer, multiplier: np.ndarray, success: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower bounds of min_n (f_k(n; s) − μ log P_k(n)) and amounts near the minima.

    Convex functions lie above their tangents: with a bracket of the minimum, the higher one of the tangents' values
    at the other end's side is a bound, whatever the bracket. What rounding may do is taken off.
    """
    able = np.isfinite(offer.costs)
    costs = np.where(able, offer.costs, 1.0)
    mu, s = multiplier[:, None], success[:, None]
    pull = np.where(offer.checked & (mu > 0), mu, 0.0)
    pulled = pull > 0
    some, every = bool(pulled.any()), bool(pulled.all())
    cost_slope, rise = _cost_slope(offer, s), _rise(offer)
    size = 1.0 if offer.majorant is None else offer.majorant.size

    def slope_at(amounts: np.ndarray) -> np.ndarray:
        if not some:
            return cost_slope(amounts)
        push = pull * rise(amounts)
        return cost_slope(amounts) - (push if every else np.where(pulled, push, 0.0))

    def value_and_slope(amounts: np.ndarray) -> tuple[np.ndarray, ...]:
        """Both, and the sums of the sizes of their terms."""
        value, slope = _cost(offer, amounts, s), cost_slope(amounts)
        worth, push = (np.where(pulled, pull * part, 0.0) for part in (_log_chance(offer, amounts), rise(amounts)))
        # all terms of the cost are positive, and those of its slope but c negative
        return value - worth, slope - push, value + pull * size + np.abs(worth), 2 * costs - slope + push

    # There the slope is at least 3c/4, because n d log P/dn is at most 1/2.
    reach = np.where(able, 2 * (np.sqrt(offer.error / costs) + mu / costs), 0.0)
    first, last = _ends(offer, able, reach)
    high = np.minimum(reach, last) if offer.least is None else np.clip(reach, first, last)
    low = np.where(able, np.maximum(1e-12 * high, first), 0.0)
    point = np.sqrt(np.maximum(low * high, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(_INNER):
            slope = slope_at(point)
            low, high = np.where(slope <= 0, point, low), np.where(slope > 0, point, high)
            point = np.where(high > 4 * low, np.sqrt(low * high), (low + high) / 2)
        at_low, at_high = value_and_slope(low), value_and_slope(high)
    # If even the lower end rises, the least is at the first amount, below it; if even the upper end falls, at it.
    falling, reach = at_low[1], np.maximum(reach, high)
    from_low = _tangent(at_low, np.where(falling > 0, low - first, high - low), reach)
    from_high = _tangent(at_high, np.where((at_high[1] < 0) & (high >= last), 0.0, high - low), reach)
    inside = np.where(falling > 0, from_low, np.fmax(from_low, from_high))
    at_zero = _cost(offer, np.zeros_like(low), s)
    return np.where(able, inside, at_zero * (1 - _ROUNDING)), point


def _ends(offer: Offer, able: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last amount that she can collect; beyond ``reach`` nothing is best, or it is the first."""
    if offer.least is None or offer.most is None:
        return np.zeros_like(reach), np.full_like(reach, np.inf)
    return np.where(able, offer.least, 0.0), np.where(able, offer.most, np.inf)


def _tangent(end: tuple[np.ndarray, ...], width: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """The lower end of a tangent, less what rounding may do to it, and to the sign of the slope up to ``reach``."""
    value, slope, size, steep = end
    with np.errstate(invalid="ignore"):
        return np.asarray(value - np.abs(slope) * width - _ROUNDING * (size + steep * reach))


def _cost(offer: Offer, amounts: np.ndarray, success: np.ndarray) -> np.ndarray:
    """f_k(n; s)."""
    costs = np.where(np.isfinite(offer.costs), offer.costs, 0.0)
    both = amounts + offer.comparison
    with np.errstate(divide="ignore", invalid="ignore"):
        if_failed, if_passed = (
            over(offer.error, both + offer.kept[:, None] * offer.rest),
            over(offer.error, both + offer.rest),
        )
        # 0·∞ = 0: whoever never fails does not mind what failing would bring
        bad = np.where(success < 1, (1 - success) * if_failed, 0.0)
        good = np.where(success > 0, success * if_passed, 0.0)
    return np.asarray(bad + good + costs * amounts)


def over(error: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return e/N: ∞ without points, and 0 for who has no use for them, however many they are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(error > 0, error / points, 0.0))


def _cost_slope(offer: Offer, success: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The slope of f_k(n; s), as a function of n: what does not depend on it is computed once.

    Whoever calls it lets numbers be divided by 0.
    """
    costs = np.where(np.isfinite(offer.costs), offer.costs, 0.0)
    kept, fails, passes = offer.kept[:, None] * offer.rest, success < 1, success > 0
    chance, always, useful = 1 - success, bool(np.all(fails & passes)), bool(np.all(offer.error > 0))

    def squared(points: np.ndarray) -> np.ndarray:
        """e/N²: most of the time of a proof, so that nothing is asked twice."""
        return np.asarray(offer.error / points / points) if useful else over(over(offer.error, points), points)

    def slope(amounts: np.ndarray) -> np.ndarray:
        both = amounts + offer.comparison
        bad, good = chance * squared(both + kept), success * squared(both + offer.rest)
        if always:
            return np.asarray(costs - (bad + good))
        return np.asarray(costs - (np.where(fails, bad, 0.0) + np.where(passes, good, 0.0)))

    return slope


def _log_chance(offer: Offer, amounts: np.ndarray) -> np.ndarray:
    """Log P_k(n), or a part of a majorant of log S; 0 where nothing is checked."""
    checked, z, limit = _checks(offer)
    if offer.majorant is not None:
        level = _levels(offer, np.maximum(amounts, 1e-300))
        return np.where(checked, offer.majorant.offset + offer.majorant.slope * np.log(level), 0.0)
    n = np.maximum(amounts, 1e-300)
    with np.errstate(divide="ignore"):
        logarithm = np.log(scipy.special.erf(limit * np.sqrt(n * z / (n + z)) / np.sqrt(2)))
    return np.where(checked, logarithm, 0.0)


def _rise(offer: Offer) -> Callable[[np.ndarray], np.ndarray]:
    """The derivative of log P_k(n), or of a part of a majorant, as a function of n; 0 where nothing is checked."""
    checked, z, limit = _checks(offer)
    everywhere = bool(checked.all())

    def slope(amounts: np.ndarray) -> np.ndarray:
        n = np.maximum(amounts, 1e-300)
        both = n + z
        if offer.majorant is not None:
            return np.asarray(np.where(checked, offer.majorant.slope * z / (2 * n * both), 0.0))
        level = limit * np.sqrt(n * z / both)
        chance = scipy.special.erf(level / _ROOT_TWO)
        rise = _DENSITY * np.exp(-(level**2) / 2) * level / 2 * z / (n * both) / chance
        return rise if everywhere else np.where(checked, rise, 0.0)

    return slope


def _levels(offer: Offer, amounts: np.ndarray) -> np.ndarray:
    """Limits in standard deviations of discrepancies; 1 where nothing is checked."""
    checked, z, limit = _checks(offer)
    with np.errstate(divide="ignore"):
        return np.where(checked, limit * np.sqrt(z / (1 + z / amounts)), 1.0)


def _checks(offer: Offer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where something is compared, z and limit; 1 where nothing is."""
    checked = offer.checked & (offer.comparison > 0)
    return checked, np.where(checked, offer.comparison, 1.0), np.where(checked, offer.limit, 1.0)
