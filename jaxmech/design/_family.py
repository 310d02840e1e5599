"""What noise rules can reach for one distribution: duality over counts, on a grid for starts, proven for the bound."""

import dataclasses
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import erfinv

from jaxmech._types import Array
from jaxmech.design._scheme import Stake, Terms, settle, walking_away
from jaxmech.design._threshold import LARGEST_PULL
from jaxmech.design.proof import Side, proven_bound

_COUNTS = 160
_TOTALS = 96
_SHARES = 56
_LEAST_COUNT, _LARGEST_TOTAL = 1e-3, 400.0
_SEARCHED = 60
_HALVINGS = 60
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
        kept: see :class:`Stake`.
        fails: the largest chance that an honest agent fails.
    """
    count = np.geomspace(_LEAST_COUNT, 1.0, _COUNTS)
    total = np.geomspace(1.0 + 1e-6, _LARGEST_TOTAL, _TOTALS)
    share = 1 / (1 + np.exp(-np.linspace(-9, 7, _SHARES)))
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


@jax.jit
def _tabulate(total: Array, count: Array, share: Array, kept: Array, fails: Array) -> Array:
    def one(total: Array, count: Array, share: Array) -> Array:
        theirs = jnp.maximum(total - count, 0.0)
        terms = Terms(
            samples=count[None, None],
            comparison=(share * theirs)[None, None],
            rest=((1 - share) * theirs)[None, None],
            checked=jnp.ones((1, 1), bool),
        )
        stake = Stake(jnp.ones((1, 1)), jnp.ones(1), kept)
        found = settle(terms, stake)
        pull, penalty = found.pull[0, 0], found.penalty[0]
        good = (theirs > 0) & (pull > 0) & (pull < LARGEST_PULL) & (found.residual[0] < 1e-9)
        good &= (1 - found.success[0] <= fails) & (penalty <= walking_away(terms, stake)[0])
        return jnp.where(good, penalty, jnp.inf)

    inner = jax.vmap(one, in_axes=(None, None, 0))
    return jax.lax.map(lambda t: jax.vmap(inner, in_axes=(None, 0, None))(t, count, share), total)


class Shares(NamedTuple):
    """A division of one distribution that the dual points to.

    Attributes:
        samples: (agents,) what each collects.
        share: (agents,) comparison set, as a share of others' points.
        alone: who works alone.
    """

    samples: np.ndarray
    share: np.ndarray
    alone: np.ndarray


class FamilyBound(NamedTuple):
    """What the family can reach for one distribution.

    Attributes:
        value: social penalty below which no noise rules of the family get, proven.
        estimate: the same by interpolation on a grid: no bound, good to 10⁻⁴.
        shares: divisions near the optimum of the dual.
    """

    value: float
    estimate: float
    shares: tuple[Shares, ...]


def family_bound(
    costs: np.ndarray, weight: np.ndarray, error: float, kept: float = 0.0, fails: float = 1.0, *, whole: bool = False
) -> FamilyBound:
    """Return a bound of the social penalty over all mechanisms of the family, for one distribution.

    With ψ_i(n, T) the least penalty of agent i if she collects n, among T points in all, by any rule of the family
    (alone and receiving included), Σ_i ψ_i(n_i, T) with Σ_i n_i = T is at least
    min_T max_λ (λT + Σ_i min_n (ψ_i(n, T) − λn)), whatever the counts, equal or not. It is estimated on a grid, and
    proven on intervals (:mod:`jaxmech.design.proof._bound`), which loses up to 10⁻³; where noise is bounded more,
    because the proof allows for any noise.

    Args:
        costs: (kinds,) of one point; ∞ for who cannot sample.
        weight: (kinds,) agents of each kind.
        error: price σ².
        kept: see :class:`Stake`.
        fails: the largest chance that an honest agent fails.
        whole: whether who is alone collects the best whole number of points; else n_IND.

    Example:
        >>> found = family_bound(np.ones(1), np.array([10.0]), 1.0)
        >>> round(found.estimate / (2 * 10**0.5), 3)  # equal costs, ten agents: against the first best
        1.214
        >>> bool(0.999 * found.estimate < found.value < found.estimate)
        True
    """
    table = choices(float(kept), float(fails))
    able = np.isfinite(costs)
    safe = np.where(able, costs, 1.0)
    unit = np.where(able, np.sqrt(error / safe), 1.0)
    market = _Market(table, able, unit, np.where(able, np.sqrt(error * safe), 0.0), weight, error)
    totals = unit[able].max() * np.geomspace(1 + 1e-6, 1.6 * np.sqrt(weight.sum()) + 1, _SEARCHED)
    coarse = [market.dual(total) for total in totals]
    best, begun = int(np.argmin([value for value, _ in coarse])), totals
    totals = np.geomspace(totals[max(best - 2, 0)], totals[min(best + 2, _SEARCHED - 1)], _SEARCHED)
    values, slopes = zip(*(market.dual(total) for total in totals), strict=True)
    best = int(np.argmin(values))
    chosen = sorted({max(best - _SEARCHED // 2, 0), best, min(best + _SEARCHED // 2, _SEARCHED - 1)})
    shares = tuple(market.primal(totals[place], slopes[place] * tilt) for place in chosen for tilt in _TILTS)
    estimate = float(values[best])
    side = Side(*_together(costs, weight), error, float(np.sqrt(2) * erfinv(1 - fails)))
    places, duals = np.concatenate([begun, totals]), np.array([*(slope for _, slope in coarse), *slopes])
    order = np.argsort(places)
    places, duals = places[order], duals[order]

    def slopes_near(total: np.ndarray) -> np.ndarray:
        """Between two T of the grid, and those of either one: λ may jump in between."""
        right = np.clip(np.searchsorted(places, total), 1, len(places) - 1)
        return np.stack([np.interp(total, places, duals), duals[right - 1], duals[right]])

    return FamilyBound(proven_bound(side, estimate, slopes_near, whole=whole), estimate, shares)


def _together(costs: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Equal costs once, with all who have them; nobody who does not exist."""
    there = weight > 0
    different, back = np.unique(costs[there], return_inverse=True)
    return different, np.bincount(back, weight[there])


@dataclasses.dataclass(frozen=True)
class _Market:
    """One distribution: the table of choices, and every kind's units n_IND and √(e c)."""

    table: Choices
    able: np.ndarray
    unit: np.ndarray
    price: np.ndarray
    weight: np.ndarray
    error: float

    def dual(self, total: float) -> tuple[float, float]:
        """max_λ (λT + Σ_i min_n (ψ_i(n, T) − λn)), and the λ."""
        penalty, count = self.options(total)
        rows = np.arange(len(count))
        low, high, best = 0.0, 4 * float(np.max(self.price / self.unit)), -np.inf
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            chosen = np.argmin(penalty - middle * count, axis=1)
            value = np.sum(self.weight * (penalty - middle * count)[rows, chosen]) + middle * total
            best = max(best, float(value))
            too_many = np.sum(self.weight * count[rows, chosen]) > total
            low, high = (low, middle) if too_many else (middle, high)
        return best, (low + high) / 2

    def primal(self, total: float, slope: float) -> Shares:
        """What every kind chooses if a point is worth ``slope``."""
        penalty, count = self.options(total)
        chosen = np.argmin(penalty - slope * count, axis=1)
        low, part = self.place(total)
        grid = np.minimum(chosen, len(self.table.amounts) - 1)
        nearest = np.where(part > 0.5, low + 1, low)
        alone = chosen == len(self.table.amounts)
        return Shares(count[np.arange(len(chosen)), chosen], self.table.share[nearest, grid], alone)

    def options(self, total: float) -> tuple[np.ndarray, np.ndarray]:
        """Penalty and count of every option of every kind: the grid of counts, alone, receiving."""
        low, part = self.place(total)
        able = self.able[:, None]
        checked = _cubic(self.table.penalty, low, part[:, None]) * np.where(able, self.price[:, None], 1.0)
        # beyond the table: no rule gives more than all points, clean
        beyond = (total / self.unit > _LARGEST_TOTAL)[:, None]
        everything = self.price[:, None] * (self.unit[:, None] / total + self.table.amounts)
        checked = np.where(beyond & able, everything, checked)
        alone = np.where(able, 2 * self.price[:, None], np.inf)
        receiving = np.full_like(alone, self.error / total)
        counts = np.where(able, self.unit[:, None] * self.table.amounts, 0.0)
        count = np.concatenate([counts, np.where(able, self.unit[:, None], 0.0), np.zeros_like(alone)], axis=1)
        penalty = np.concatenate([np.where(able, checked, np.inf), alone, receiving], axis=1)
        possible = count <= total
        return np.where(possible, penalty, np.inf), np.where(possible, count, 0.0)

    def place(self, total: float) -> tuple[np.ndarray, np.ndarray]:
        """Where T/n_IND of every kind lies in the table: row and part of the way to the next."""
        theta = np.clip(total / self.unit, 1.0 + 1e-6, _LARGEST_TOTAL)
        at = np.interp(np.log(theta), np.log(self.table.total), np.arange(len(self.table.total)))
        low = np.clip(at.astype(int), 1, len(self.table.total) - 3)
        return low, at - low


def _cubic(rows: np.ndarray, low: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Cubic through four rows; linear where one of them is infinite; ∞ where no neighbour is finite on both sides."""
    far, left, right, farther = (rows[low + i] for i in (-1, 0, 1, 2))
    weights = (
        -part * (part - 1) * (part - 2) / 6,
        (part + 1) * (part - 1) * (part - 2) / 2,
        -(part + 1) * part * (part - 2) / 2,
        (part + 1) * part * (part - 1) / 6,
    )
    with np.errstate(invalid="ignore"):
        cubic = weights[0] * far + weights[1] * left + weights[2] * right + weights[3] * farther
        linear = (1 - part) * left + part * right
    value = np.where(np.isfinite(cubic), cubic, linear)
    return np.asarray(np.where(np.isfinite(value), value, np.inf))
