"""What noise rules can reach for one distribution: duality over counts, on a grid for starts, proven for the bound.

The dual is a pure kernel; the table is made once on the host, and the bound is proven there.
"""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy

from jaxmech._kept import jit
from jaxmech._types import Array
from jaxmech.design._linked import Threshold
from jaxmech.design._terms import Stake, Terms
from jaxmech.design.proof import Side, proven_bound

_COUNTS = 160
_TOTALS = 96
_SHARES = 56
_LEAST_COUNT, _LARGEST_TOTAL = 1e-3, 400.0
_SEARCHED = 60
_EXACT = 1e-9
"""Amounts that add up to T but for this do."""
_HALVINGS = 44
_TILTS = (1 - 1e-6, 1 + 1e-6, 0.97, 1.03)
"""Of λ: to both sides of where a kind of agent changes its mind."""


class Choices(NamedTuple):
    """The best threshold for an agent with cost 1 and error 1 (so that n_IND = 1), on a grid.

    Attributes:
        amounts: (counts,) what she collects.
        total: (totals,) T, points of everybody.
        penalty: (totals, counts) the least penalty over sizes of the comparison set; ∞ where no rule of the family
            makes the count optimal.
        share: (totals, counts) best size of the comparison set, as a share of others' points.
    """

    amounts: np.ndarray
    total: np.ndarray
    penalty: np.ndarray
    share: np.ndarray


@lru_cache
def choices(kept: float, fails: float) -> Choices:
    """Tabulate the best thresholds, once for all problems: costs and errors only set the units.

    Args:
        kept: see :class:`~jaxmech.design._linked.Threshold`.
        fails: the largest chance that an honest agent fails.
    """
    count = np.geomspace(_LEAST_COUNT, 1.0, _COUNTS)
    total = np.geomspace(1.0 + 1e-6, _LARGEST_TOTAL, _TOTALS)
    share = 1 / (1 + np.exp(-np.linspace(-9, 7, _SHARES)))
    with jax.ensure_compile_time_eval():  # the table is the same for all problems, traced or not
        penalty = np.asarray(_tabulate(*(jnp.asarray(axis) for axis in (total, count, share, kept, fails))))
    best = np.argmin(penalty, axis=-1)
    return Choices(count, total, _vertex(penalty, best), share[best])


def _vertex(values: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Least value of the parabola through the best grid point and its neighbours, on the last axis."""
    middle = np.clip(best, 1, values.shape[-1] - 2)
    left, centre, right = (np.take_along_axis(values, (middle + i)[..., None], axis=-1)[..., 0] for i in (-1, 0, 1))
    least = np.take_along_axis(values, best[..., None], axis=-1)[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        bend = left - 2 * centre + right
        vertex = centre - (right - left) ** 2 / (8 * bend)
    usable = np.isfinite(vertex) & (bend > 0) & (best == middle)
    return np.where(usable, vertex, least)


@jit
def _tabulate(total: Array, count: Array, share: Array, kept: Array, fails: Array) -> Array:
    def one(total: Array, count: Array, share: Array) -> Array:
        theirs = jnp.maximum(total - count, 0.0)
        terms = Terms(
            samples=count[None, None],
            comparison=(share * theirs)[None, None],
            rest=((1 - share) * theirs)[None, None],
            checked=jnp.ones((1, 1), bool),
        )
        stake, rule = Stake(jnp.ones((1, 1)), jnp.ones(1)), Threshold(kept)
        found = rule.settle(terms, stake)
        penalty = found.penalty[0]
        good = (theirs > 0) & (found.spare[0, 0] > 0) & (found.room[0, 0] > 0) & (found.residual[0] < 1e-9)
        good &= (1 - found.success[0] <= fails) & (penalty <= rule.walking_away(terms, stake)[0])
        return jnp.where(good, penalty, jnp.inf)

    inner = jax.vmap(one, in_axes=(None, None, 0))
    return jax.lax.map(lambda t: jax.vmap(inner, in_axes=(None, 0, None))(t, count, share), total)


class Shares(NamedTuple):
    """Divisions of one distribution that the dual points to, arrays (divisions, agents).

    Attributes:
        samples: what each collects.
        share: comparison set, as a share of others' points.
        alone: who works alone.
    """

    samples: Array
    share: Array
    alone: Array


class Dual(NamedTuple):
    """The dual of one distribution.

    Attributes:
        estimate: the least social penalty, by interpolation on a grid: no bound, good to 10⁻⁴.
        totals: (2 searched,) T, in order.
        slopes: λ there.
        shares: divisions near the optimum.
    """

    estimate: Array
    totals: Array
    slopes: Array
    shares: Shares


class FamilyBound(NamedTuple):
    """What the family can reach for one distribution.

    Attributes:
        value: social penalty below which no noise rules of the family get, proven.
        estimate: the same by interpolation on a grid: no bound, good to 10⁻⁴.
    """

    value: float
    estimate: float


def family_bound(
    costs: np.ndarray,
    weight: np.ndarray,
    error: float | np.ndarray,
    kept: float = 0.0,
    fails: float = 1.0,
    *,
    whole: bool = False,
) -> FamilyBound:
    """Return a bound of the social penalty over all mechanisms of the family, for one distribution. Host only.

    With ψ_i(n, T) the least penalty of agent i if she collects n, among T points in all, by any rule of the family
    (alone and receiving included), Σ_i ψ_i(n_i, T) with Σ_i n_i = T is at least
    min_T max_λ (λT + Σ_i min_n (ψ_i(n, T) − λn)), whatever the counts, equal or not. It is estimated on a grid, and
    proven on intervals (:mod:`jaxmech.design.proof._bound`), which loses up to 10⁻³; where noise is bounded more,
    because the proof allows for any noise.

    Args:
        costs: (kinds,) of one point; ∞ for who cannot sample.
        weight: (kinds,) agents of each kind.
        error: price σ², a number or (kinds,); who has no use for the distribution, with 0, collects nothing of it.
        kept: see :class:`~jaxmech.design._linked.Threshold`.
        fails: the largest chance that an honest agent fails.
        whole: whether who is alone collects the best whole number of points; else n_IND.

    Source: this package; the proof is in ``design/proof/_bound.py``.

    Example:
        >>> found = family_bound(np.ones(1), np.array([10.0]), 1.0)
        >>> round(found.estimate / (2 * 10**0.5), 3)  # equal costs, ten agents: against the first best
        1.214
        >>> bool(0.999 * found.estimate < found.value < found.estimate)
        True
    """
    table = choices(float(kept), float(fails))
    error = np.broadcast_to(np.asarray(error, float), np.shape(costs))
    found = _dual(table, *(jnp.asarray(part, float) for part in (costs, weight, error)))
    unit = np.ones(np.shape(costs)) if whole else None
    return FamilyBound(proven_value(found, costs, weight, error, fails, unit), float(found.estimate))


def proven_value(
    found: Dual,
    costs: np.ndarray,
    weight: np.ndarray,
    error: np.ndarray,
    fails: float,
    unit: np.ndarray | None,
    limits: tuple[np.ndarray, np.ndarray] | None = None,
) -> float:
    """Prove what a dual points to; see :func:`family_bound`, and :func:`proven_bound` for ``unit`` and limits."""
    size = np.ones(np.shape(costs)) if unit is None else unit
    weight, (costs, error, size, *bounds) = _together(weight, costs, error, size, *(limits or ()))
    side = Side(costs, weight, error, float(np.sqrt(2) * scipy.special.erfinv(1 - fails)))
    if limits is not None:
        side = side._replace(limits=(bounds[0], bounds[1]))
    if not np.any(np.isfinite(side.costs)):
        return np.inf if len(side.error) else 0.0  # nobody who needs it can sample it
    places, duals = np.asarray(found.totals, float), np.asarray(found.slopes, float)

    def slopes_near(total: np.ndarray) -> np.ndarray:
        """Between two T of the grid, and those of either one: λ may jump in between."""
        right = np.clip(np.searchsorted(places, total), 1, len(places) - 1)
        some = [np.interp(total, places, duals), duals[right - 1], duals[right]]
        return np.stack(some if limits is None else [*some, np.zeros(len(total))])

    return proven_bound(side, float(found.estimate), slopes_near, None if unit is None else size)


def _together(
    weight: np.ndarray, costs: np.ndarray, error: np.ndarray, *more: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How many there are of equal agents, and these once; nobody who does not exist, or has no use for it."""
    there = (weight > 0) & (error > 0)
    different, back = np.unique(np.stack([costs, error, *more])[:, there], axis=1, return_inverse=True)
    return np.bincount(back.reshape(-1), weight[there]), different


def dual(table: Choices, costs: Array, weight: Array, error: Array, limits: tuple[Array, Array] | None = None) -> Dual:
    """Solve the dual of one distribution on a grid of T, and on a finer one around the best. It jits and vmaps.

    Args:
        table: from :func:`choices`.
        costs: (kinds,) of one point; ∞ for who cannot sample.
        weight: (kinds,) agents of each kind.
        error: (kinds,) price σ².
        limits: (kinds,) each, what they must and can collect; None for as much and as little as they like.

    Source: this package.
    """
    able = jnp.isfinite(costs) & (error > 0)
    safe = jnp.where(able, costs, 1.0)
    unit, price = jnp.where(able, jnp.sqrt(error / safe), 1.0), jnp.where(able, jnp.sqrt(error * safe), 0.0)
    side = _Side(jax.tree.map(jnp.asarray, table), able, unit, price, weight, error, limits)
    largest = jnp.max(jnp.where(able, unit, 0.0))
    begun = largest * jnp.geomspace(1 + 1e-6, 1.6 * jnp.sqrt(jnp.sum(weight)) + 1, _SEARCHED)
    if limits is not None:
        begun = side.totals(begun[-1])
    coarse, first = jax.lax.map(side.at, begun)
    best = jnp.argmin(coarse)
    low, high = begun[jnp.maximum(best - 2, 0)], begun[jnp.minimum(best + 2, _SEARCHED - 1)]
    totals = jnp.geomspace(low, high, _SEARCHED)
    values, slopes = jax.lax.map(side.at, totals)
    best = jnp.argmin(values)
    places = jnp.clip(best + _SEARCHED // 2 * jnp.arange(-1, 2), 0, _SEARCHED - 1)
    tilted = (slopes[places][:, None] * jnp.asarray(_TILTS)).ravel()
    shares = jax.vmap(side.division)(jnp.repeat(totals[places], len(_TILTS)), tilted)
    order = jnp.argsort(jnp.concatenate([begun, totals]))
    everywhere, there = (jnp.concatenate(pair)[order] for pair in ((begun, totals), (first, slopes)))
    return Dual(values[best], everywhere, there, shares)


_dual = jit(dual)


class _Side(NamedTuple):
    """One distribution: the table of choices, every kind's units n_IND and √(e c), and what it must and can collect."""

    table: Choices
    able: Array
    unit: Array
    price: Array
    weight: Array
    error: Array
    limits: tuple[Array, Array] | None = None

    def totals(self, high: Array) -> Array:
        """T that are worth a look within limits: not below what anybody collects alone, who else would do so."""
        assert self.limits is not None
        there = self.able & (self.weight > 0)
        least, most = (jnp.sum(jnp.where(there, self.weight * part, 0.0)) for part in self.limits)
        own = jnp.max(jnp.where(there, jnp.clip(self.unit, *self.limits), 0.0))
        low = jnp.maximum(least, own * (1 + 1e-6))
        high = jnp.clip(high, low * (1 + 1e-6), jnp.maximum(most, least))
        return jnp.geomspace(jnp.minimum(low, high), high, _SEARCHED)

    def at(self, total: Array) -> tuple[Array, Array]:
        """max_λ (λT + Σ_i min_n (ψ_i(n, T) − λn)), and the λ."""
        penalty, count = self.options(total)
        # where all collect all they can, any larger λ will do as well here, and not in the proof
        enough = total if self.limits is None else total * (1 - _EXACT)

        def halve(_: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            low, high, best = state
            middle = (low + high) / 2
            values = penalty - middle * count
            least = jnp.min(values, axis=1)
            chosen = jnp.max(jnp.where(values <= least[:, None], count, 0.0), axis=1)
            value = jnp.sum(self.weight * least) + middle * total
            too_many = jnp.sum(self.weight * chosen) > enough
            ends = jnp.where(too_many, low, middle), jnp.where(too_many, middle, high)
            return *ends, jnp.maximum(best, value)

        steepest = 4 * jnp.max(self.price / self.unit)
        if self.limits is not None:  # where limits keep T small, one more point may be worth more
            steepest = jnp.maximum(steepest, 2 * jnp.sum(self.weight * self.error) / total**2)
        begin = jnp.zeros_like(steepest), steepest, jnp.full_like(steepest, -jnp.inf)
        low, high, best = jax.lax.fori_loop(0, _HALVINGS, halve, begin)
        return best, (low + high) / 2

    def division(self, total: Array, slope: Array) -> Shares:
        """What every kind chooses if a point is worth ``slope``."""
        penalty, count = self.options(total)
        chosen = jnp.argmin(penalty - slope * count, axis=1)
        low, part = self.place(total)
        grid = jnp.minimum(chosen, _COUNTS - 1)
        nearest = jnp.where(part > 0.5, low + 1, low)
        samples = jnp.take_along_axis(count, chosen[:, None], axis=1)[:, 0]
        return Shares(samples, self.table.share[nearest, grid], chosen == _COUNTS)

    def options(self, total: Array) -> tuple[Array, Array]:
        """Penalty and count of every option of every kind: the grid of counts, alone, receiving."""
        low, part = self.place(total)
        able, unit, price = self.able[:, None], self.unit[:, None], self.price[:, None]
        checked = _cubic(jnp.asarray(self.table.penalty), low, part[:, None]) * jnp.where(able, price, 1.0)
        # beyond the table: no rule gives more than all points, clean
        everything = price * (unit / total + self.table.amounts)
        checked = jnp.where((total / unit > _LARGEST_TOTAL) & able, everything, checked)
        alone = jnp.where(able, 2 * price, jnp.inf)
        receiving = jnp.broadcast_to((self.error / total)[:, None], alone.shape)
        counts = jnp.where(able, unit * self.table.amounts, 0.0)
        count = jnp.concatenate([counts, jnp.where(able, unit, 0.0), jnp.zeros_like(alone)], axis=1)
        penalty = jnp.concatenate([jnp.where(able, checked, jnp.inf), alone, receiving], axis=1)
        if self.limits is not None:
            penalty, count = self._within(total, penalty, count)
        possible = count <= total
        return jnp.where(possible, penalty, jnp.inf), jnp.where(possible, count, 0.0)

    def _within(self, total: Array, penalty: Array, count: Array) -> tuple[Array, Array]:
        """The same within limits, and one option more: all that she can collect, checked if she wants no more."""
        assert self.limits is not None
        (least, most), able, unit = (part[:, None] for part in self.limits), self.able[:, None], self.unit[:, None]
        cost, risk = (self.price / self.unit)[:, None], (self.error / total)[:, None]
        grid, allowed = count[:, :_COUNTS], (count[:, :_COUNTS] > least) & (count[:, :_COUNTS] <= most)
        checked = jnp.where(allowed & (total >= unit), penalty[:, :_COUNTS], jnp.inf)
        own = jnp.where(able, jnp.clip(unit, least, most), 0.0)
        alone = jnp.where(able, self.error[:, None] / jnp.where(able, own, 1.0) + cost * own, jnp.inf)
        content = ~able | (total >= unit) | (most <= least)
        receiving = jnp.where(content, risk + jnp.where(able, cost * least, 0.0), jnp.inf)
        nearest = jnp.argmin(jnp.abs(grid - most), axis=1, keepdims=True)
        like, there = (jnp.take_along_axis(part, nearest, axis=1) for part in (penalty, grid))
        full = jnp.where(
            total < unit, risk + cost * most, jnp.maximum(like + cost * (most - there), risk + cost * most)
        )
        full = jnp.where(able & jnp.isfinite(most), full, jnp.inf)
        counts = [grid, own, jnp.where(able, least, 0.0), jnp.where(jnp.isfinite(most), most, 0.0)]
        return jnp.concatenate([checked, alone, receiving, full], axis=1), jnp.concatenate(counts, axis=1)

    def place(self, total: Array) -> tuple[Array, Array]:
        """Where T/n_IND of every kind lies in the table: row and part of the way to the next."""
        theta = jnp.clip(total / self.unit, 1.0 + 1e-6, _LARGEST_TOTAL)
        at = jnp.interp(jnp.log(theta), jnp.log(self.table.total), jnp.arange(_TOTALS, dtype=theta.dtype))
        low = jnp.clip(at.astype(int), 1, _TOTALS - 3)
        return low, at - low


def _cubic(rows: Array, low: Array, part: Array) -> Array:
    """Cubic through four rows; linear where one of them is infinite; ∞ where no neighbour is finite on both sides."""
    far, left, right, farther = (rows[low + i] for i in (-1, 0, 1, 2))
    weights = (
        -part * (part - 1) * (part - 2) / 6,
        (part + 1) * (part - 1) * (part - 2) / 2,
        -(part + 1) * part * (part - 2) / 2,
        (part + 1) * part * (part - 1) / 6,
    )
    cubic = weights[0] * far + weights[1] * left + weights[2] * right + weights[3] * farther
    value = jnp.where(jnp.isfinite(cubic), cubic, (1 - part) * left + part * right)
    return jnp.where(jnp.isfinite(value), value, jnp.inf)
