"""Spend equal budgets so that Σ_k w_k/S_k is least: the interior-point method and its exact end.

Agent i spends the share f_ik >= 0 of her budget on k, Σ_k f_ik = 1, and gets a_ik units for a whole one. With
σ_k = Σ_i a_ik f_ik, the conditions for the least F = Σ_k w_k/σ_k are, with prices s_k and returns μ_i,

    s_k = w_k/σ_k²,    μ_i >= s_k a_ik for all k,    with equality where f_ik > 0.

Everything is relative, which makes any number of decades alike: θ_ik = s_k a_ik/μ_i <= 1, z = 1 − θ, q_ik = a_ik/σ_k,
and steps are of log s and log μ. Eliminating f and μ from Newton's equations leaves, in √e_k dlog s_k with
e_k = √(w_k s_k), ½I plus a sum over agents of positive semidefinite matrices. The interior point tells the support B;
there Newton's method goes on with z raised to a small number and what that changes taken out again (a proximal step,
never singular, which among tied splits keeps the nearest and so treats equal agents alike). f < 0 leaves B, θ > 1
enters it, and no sign wrong is the proof of optimality. Where equations around a cycle of B contradict each other,
steps go on and on along it; the same direction, followed until a share is zero, lowers F, and that share leaves.

Source: Mehrotra 1992 for predictor and corrector; Rockafellar 1976 for the end; Yu 2010 for the start.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import AgentLanes, AmountLanes, Array, DistributionLanes, Lanes, SupportLanes
from jaxmech.numerics._lanes import by_column, by_row, factorise, gram, largest, least, others, solve_factorised, total

_FIRST_STEPS = 8
_FIRST_SHARE = 0.1  # of the most that it could be
_BACK_OFF = 0.99  # share of the step to the boundary
_SOLVED_ROOT = 0.6  # eps to this power: where the interior point ends
_RAISED_ROOT = 0.3  # eps to this power: z on B in a proximal step
_SETTLED_ROOT = 0.4  # eps to this power: residual at which signs can be read
_CLOSED_ROOT = 0.7  # eps to this power: residual that rounding may be to blame for
_ENTERS = 1e-4  # what an entering share is of the most that it could be
_WRONG = 64.0  # in units of eps: what counts as a wrong sign
_PATIENCE = 6
_GAIN = 0.9  # a step that leaves more of the residual gained nothing
_AROUND = 2  # whole steps without gain, from which on B is held to have a cycle
_MAX_STEPS = 80


class Budgets(NamedTuple):
    """Data: ``output`` a, 0 where an agent cannot (in all of a row where she has no budget), and ``error`` w."""

    output: AmountLanes
    error: DistributionLanes


class Point(NamedTuple):
    """Variables: ``share`` f, ``price`` s and ``value`` μ (1 for who has no budget)."""

    share: AmountLanes
    price: DistributionLanes
    value: AgentLanes


class Interior(NamedTuple):
    """What the interior-point loop carries: variables, z, the worst residual, its best, and the count of steps."""

    point: Point
    gap: AmountLanes
    worst: Lanes
    best: Lanes
    stale: Array
    steps: Array


class Guess(NamedTuple):
    """What the exact end carries: the support B, the point on it, its worst residual, whether verified, steps.

    ``idle`` counts the last whole steps that gained nothing.
    """

    support: SupportLanes
    point: Point
    worst: Lanes
    verified: Array
    idle: Array
    steps: Array


class Factors(NamedTuple):
    """Newton's equations, factored: V = f/z, its sums over k, θ, q, √e and the Cholesky factor."""

    ratio: AmountLanes
    sums: AgentLanes
    relative: AmountLanes
    supply: AmountLanes
    root: DistributionLanes
    cholesky: Array


def factor(supply: AmountLanes, relative: AmountLanes, ratio: AmountLanes, worth: DistributionLanes) -> Factors:
    """Factor Newton's equations, whose diagonal is summed without cancellation.

    Args:
        supply: q.
        relative: θ.
        ratio: V = f/z, zero off the pairs that are variables.
        worth: e.
    """
    sums = total(ratio, 1)
    sums = jnp.where(sums > 0, sums, 1.0)
    scale = supply * relative
    weighted = jnp.sqrt(jnp.where(ratio > 0, scale, 1.0)) * ratio
    rest = others(ratio, sums, jnp.zeros_like(sums), 1) / sums[:, None]
    diagonal = 0.5 + total(scale * ratio * rest, 0)
    eye = jnp.eye(len(diagonal), dtype=bool).reshape(*(2 * diagonal.shape[:1]), *(1 for _ in diagonal.shape[1:]))
    matrix = jnp.where(eye, diagonal[:, None], -gram(weighted, 1 / sums))
    return Factors(ratio, sums, relative, supply, jnp.sqrt(worth), factorise(matrix))


def solve(
    factors: Factors, free: AmountLanes, spend: AgentLanes, supplied: DistributionLanes
) -> tuple[AmountLanes, DistributionLanes, AgentLanes]:
    """Solve df = free + V (θ y_k − m_i), Σ_k df = spend, Σ_i q df + y_k/2 = supplied for df, y = dlog s, m = dlog μ."""
    ratio, sums, relative, supply, root, cholesky = factors
    open_rows = total(free, 1) - spend
    right = supplied - total(supply * free, 0) + by_column(supply * ratio, open_rows / sums)
    prices = solve_factorised(cholesky, right * root) / root
    values = (by_row(ratio * relative, prices) + open_rows) / sums
    change = free + ratio * (relative * prices - values[:, None])
    return change, prices, values


def start(data: Budgets) -> Interior:
    """Shares by a few multiplicative steps, and something on all that an agent can; values twice what prices ask.

    f ∝ f √(s a) never raises F (Yu 2010); alone it is right at once, and over many decades nearly so after a few.
    """
    able = data.output > 0
    share = _normalised(able.astype(data.output.dtype))
    for _ in range(_FIRST_STEPS):
        asked = jnp.sqrt(data.error) * jnp.sqrt(data.output) / by_column_sum(data, share)
        share = _normalised(share * asked)
    share = _normalised(share + _FIRST_SHARE * jnp.where(able, _most(data, by_column_sum(data, share)), 0.0))
    price = data.error / by_column_sum(data, share) ** 2
    value = _value(data, price)
    point = Point(share, price, jnp.where(value > 0, 2 * value, 1.0))
    zero = jnp.zeros(price.shape[1:], jnp.int32)
    unknown = jnp.full(price.shape[1:], jnp.inf, price.dtype)
    return Interior(point, 1 - price * data.output / point.value[:, None], unknown, unknown, zero, zero)


def going(state: Interior) -> Array:
    """Which instances need another step of the interior-point method."""
    unsolved = ~(state.worst <= tolerances(state.worst.dtype).eps ** _SOLVED_ROOT)
    return unsolved & (state.stale < _PATIENCE) & (state.steps < _MAX_STEPS)


def advance(data: Budgets, state: Interior, active: Array) -> Interior:
    """One predictor-corrector step of the instances that are ``active``."""
    point, gap, able = state.point, state.gap, data.output > 0
    totals = jnp.sqrt(data.error / point.price)
    supply, most = data.output / totals, _most(data, totals)
    relative = point.price * data.output / point.value[:, None]
    factors = factor(supply, relative, jnp.where(able, point.share / gap, 0.0), data.error / totals)
    spend, supplied = _missing(data, point)
    mean = _complementarity(able, point.share, gap, most)

    def towards(target: Lanes, cross: AmountLanes) -> tuple[Point, AmountLanes]:
        free = jnp.where(able, (target * most - cross) / gap - point.share, 0.0)
        change, prices, values = solve(factors, free, spend, supplied)
        return Point(change, prices, values), jnp.where(able, values[:, None] - relative * prices, 0.0)

    step, opened = towards(jnp.zeros_like(mean), jnp.zeros_like(gap))
    length = _longest(able, point, gap, step, opened)
    ahead = _complementarity(able, point.share + length * step.share, gap + length * opened, most)
    target = jnp.maximum(jnp.minimum(ahead / mean, 1.0) ** 3 * mean, 0.1 * jnp.minimum(_worst(spend, supplied), mean))
    step, opened = towards(target, step.share * opened)
    length = jnp.minimum(1.0, jnp.maximum(_BACK_OFF, 1 - mean) * _longest(able, point, gap, step, opened))
    moved = Point(
        point.share + length * step.share,
        point.price * (1 + length * step.price),
        point.value * (1 + length * step.value),
    )
    gap = jnp.where(able, (gap + length * opened) / (1 + length * step.value)[:, None], 1.0)
    left = _complementarity(able, moved.share, gap, _most(data, jnp.sqrt(data.error / moved.price)))
    worst = jnp.maximum(left, _worst(*_missing(data, moved)))
    better = worst < state.best
    stale = jnp.where(better, 0, jnp.where(jnp.isfinite(worst), state.stale + 1, _PATIENCE))
    after = Interior(moved, gap, worst, jnp.where(better, worst, state.best), stale, state.steps + 1)
    chosen: Interior = _choose(
        active & jnp.isfinite(worst), after, state._replace(stale=jnp.where(active, stale, state.stale))
    )
    return chosen


def begin(data: Budgets, state: Interior) -> Guess:
    """Read B off an interior point: f > 0 where it is relatively larger than z, and where nobody else is."""
    able, point = data.output > 0, state.point
    part = point.share / _most(data, jnp.sqrt(data.error / point.price))
    support = able & ((part > state.gap) | _first(point.share * data.output, 0) | _first(point.share, 1))
    none = jnp.zeros_like(state.steps)
    point = point._replace(share=jnp.where(support, point.share, 0.0))
    return Guess(support, point, _residual(data, support, point), none > 0, none, none)


def unverified(state: Guess) -> Array:
    """Which instances need another step of the exact end."""
    return ~state.verified & (state.steps < _MAX_STEPS) & jnp.isfinite(state.worst)


def improve(data: Budgets, state: Guess, active: Array) -> Guess:
    """One step on B, and the pivot that it shows to be needed."""
    point, support = state.point, state.support
    totals = jnp.sqrt(data.error / point.price)
    height = tolerances(totals.dtype).eps ** _RAISED_ROOT
    tiny = tolerances(totals.dtype).eps ** 2 * _most(data, totals)
    ratio = jnp.where(support, jnp.maximum(jnp.abs(point.share), tiny) / height, 0.0)
    factors = factor(data.output / totals, jnp.ones_like(ratio), ratio, data.error / totals)
    spend, supplied = _missing(data, point)
    change, prices, values = proximal(factors, ratio * _excess(data, support, point), spend, supplied)
    length = 1 / jnp.maximum(1.0, jnp.maximum(largest(jnp.abs(prices), 0), largest(jnp.abs(values), 0)))
    around = state.idle >= _AROUND
    room = jnp.where(support & (change < 0), point.share / jnp.where(change < 0, -change, 1.0), jnp.inf)
    first = jnp.maximum(least(least(room, 0), 0), 0.0)
    around &= jnp.isfinite(first)
    moved = Point(
        point.share + jnp.where(around, first, length) * change,
        point.price * jnp.exp(length * prices),
        point.value * jnp.exp(length * values),
    )
    state = state._replace(support=support & ~(around & (room <= first)))
    moved = moved._replace(share=jnp.where(state.support, moved.share, 0.0))
    after = _pivot(data, state, moved, (length == 1) & ~around)._replace(steps=state.steps + 1)
    chosen: Guess = _choose(active, after, state)
    return chosen


def proximal(
    factors: Factors, free: AmountLanes, spend: AgentLanes, supplied: DistributionLanes
) -> tuple[AmountLanes, DistributionLanes, AgentLanes]:
    """Solve with z = 0 on the support by taking the effect of raising it out again, twice."""
    change = jnp.zeros_like(free)
    for _ in range(3):
        change, prices, values = solve(factors, free + change, spend, supplied)
    return change, prices, values


def _pivot(data: Budgets, before: Guess, point: Point, whole: Array) -> Guess:
    """Where the equations hold well enough, mend the signs; where none is wrong and they hold to rounding, be done.

    Args:
        data: the instance.
        before: support, and what is known of the last point.
        point: the new point.
        whole: whether it is a whole step from the last.
    """
    eps, support = tolerances(point.price.dtype).eps, before.support
    worst = _residual(data, support, point)
    settled = worst <= eps**_SETTLED_ROOT
    leaves = support & (point.share <= 0)
    dearest = _excess(data, data.output > 0, point)
    enters = ~support & (dearest > _WRONG * eps)
    wrong = jnp.any(leaves | enters, axis=(0, 1))
    stuck = (worst <= eps**_CLOSED_ROOT) & (worst > 0.25 * before.worst)
    done = settled & ~wrong & ((worst <= 16 * eps) | stuck)
    leaves, enters = leaves & settled, enters & settled
    most = _most(data, jnp.sqrt(data.error / point.price))
    share = jnp.where(enters, _ENTERS * most, jnp.where(leaves, 0.0, point.share))
    support = (support | enters) & ~leaves
    mended = point._replace(share=share)
    mended_worst = jnp.where(settled & wrong, _residual(data, support, mended), worst)
    waits = whole & (worst > _GAIN * before.worst) & ~(settled & wrong)
    return Guess(support, mended, mended_worst, done, jnp.where(waits, before.idle + 1, 0), before.steps)


def _residual(data: Budgets, support: SupportLanes, point: Point) -> Lanes:
    """Largest relative error in budgets, supplies and, on B, in μ_i = s_k a_ik."""
    excess = jnp.abs(_excess(data, support, point))
    return jnp.maximum(largest(largest(excess, 0), 0), _worst(*_missing(data, point)))


def _excess(data: Budgets, pairs: SupportLanes, point: Point) -> AmountLanes:
    """Log θ; 0 off ``pairs``."""
    relative = jnp.where(pairs, point.price * data.output / point.value[:, None], 1.0)
    return jnp.log(relative)


def _missing(data: Budgets, point: Point) -> tuple[AgentLanes, DistributionLanes]:
    """What budgets have left, and what supplies lack of √(w/s), relative to it."""
    open_ = jnp.any(data.output > 0, axis=1)
    spend = jnp.where(open_, 1 - total(point.share, 1), 0.0)
    return spend, 1 - by_column_sum(data, point.share) * jnp.sqrt(point.price / data.error)


def _worst(spend: AgentLanes, supplied: DistributionLanes) -> Lanes:
    return jnp.maximum(largest(jnp.abs(spend), 0), largest(jnp.abs(supplied), 0))


def by_column_sum(data: Budgets, share: AmountLanes) -> DistributionLanes:
    """σ_k = Σ_i a_ik f_ik."""
    return total(data.output * share, 0)


def _most(data: Budgets, totals: DistributionLanes) -> AmountLanes:
    """The most that f_ik could be: the whole budget, or the whole of σ_k; 1 where an agent cannot."""
    able = data.output > 0
    return jnp.where(able, jnp.minimum(1.0, totals / jnp.where(able, data.output, 1.0)), 1.0)


def _value(data: Budgets, price: DistributionLanes) -> AgentLanes:
    return largest(price * data.output, 1)


def _first(values: AmountLanes, axis: int) -> SupportLanes:
    return (values == jnp.max(values, axis=axis, keepdims=True)) & (values > 0)


def _normalised(share: AmountLanes) -> AmountLanes:
    sums = total(share, 1)
    return share / jnp.where(sums > 0, sums, 1.0)[:, None]


def _complementarity(able: SupportLanes, share: AmountLanes, gap: AmountLanes, most: AmountLanes) -> Lanes:
    """Mean of f z, each relative to the most that f could be."""
    products = jnp.where(able, share * gap / most, 0.0)
    return total(total(products, 0), 0) / total(total(able.astype(share.dtype), 0), 0)


def _longest(able: SupportLanes, point: Point, gap: AmountLanes, step: Point, opened: AmountLanes) -> Lanes:
    """The largest length in [0, 1] that keeps shares and gaps positive, and prices and values above a tenth."""

    def room(value: Array, change: Array) -> Array:
        limit = jnp.where(change < 0, -value / jnp.where(change < 0, change, -1.0), 1.0)
        while limit.ndim > able.ndim - 2:
            limit = least(limit, 0)
        return limit

    pairs = [room(point.share, jnp.where(able, step.share, 0.0)), room(gap, opened)]
    scales = [room(jnp.full_like(change, 0.9), change) for change in (step.price, step.value)]
    return jnp.minimum(jnp.minimum(*pairs), jnp.minimum(*scales))


def _choose(mask: Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda one, other: jnp.where(mask, one, other), new, old)
