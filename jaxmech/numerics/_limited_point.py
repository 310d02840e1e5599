"""The sharing program with bounds on amounts and spending: its interior-point method. Pure.

Predictor and corrector, with one dense factorisation of the whole system a step; see :mod:`jaxmech.numerics._limited`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.linalg import lu_factor, lu_solve

from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Scalar, Support
from jaxmech.numerics._interior_point import LARGEST_FALL, LARGEST_RISE, keep_products
from jaxmech.numerics._limited_program import Limits, Unknowns, curvature, flat, gradient, limited_residual, shaped
from jaxmech.numerics._program import Kind

_BACK_OFF = 0.99
_ROOM = 0.1  # of the interval, or of what is collected alone, from a bound at the start
_PATIENCE = 20  # of PRODUCT multipliers may have decades to go, on which the error rises before it falls
_EXACT = 0.1
STEPS = 100
"""Largest number of steps."""


class Active(NamedTuple):
    """What the conditions of an unknown are: stationary or complementary (True), or held at a value."""

    amount: Support
    multiplier: Array
    price: Array
    level: Array


def held(matrix: Array, active: Array, value: float) -> Array:
    """Replace the equations, and columns, of unknowns that are not active by ``value`` on the diagonal."""
    both = active[:, None] & active[None, :]
    return jnp.where(both, matrix, 0.0) + jnp.diag(jnp.where(active, 0.0, value))


class State(NamedTuple):
    """What the loop carries: unknowns, multipliers of the box, slacks of rows and budgets, and how good it was."""

    x: Unknowns
    low: Amounts
    high: Amounts
    slack: Agents
    left: Agents
    error: Scalar
    best: Scalar
    stale: Array
    steps: Array


class _Masks(NamedTuple):
    """Which unknowns there are, and which have an upper bound."""

    active: Active
    capped: Support


def masks_of(kind: Kind, limits: Limits) -> _Masks:
    level = jnp.asarray(kind is Kind.MINIMAX)
    active = Active(limits.free, limits.bounds != jnp.inf, limits.budget != jnp.inf, level)
    return _Masks(active, limits.free & (limits.upper != jnp.inf))


def distances(limits: Limits, masks: _Masks, amount: Amounts) -> tuple[Amounts, Amounts]:
    """N − l and u − n; one where there is no such bound."""
    free = masks.active.amount
    above = jnp.where(masks.capped, limits.upper, 0.0) - amount
    return jnp.where(free, amount - limits.lower, 1.0), jnp.where(masks.capped, above, 1.0)


def _first(kind: Kind, limits: Limits, start: Amounts) -> State:
    """Inside the box, near what is collected alone."""
    masks = masks_of(kind, limits)
    m = len(limits.bounds)
    width = jnp.minimum(jnp.where(masks.capped, limits.upper - limits.lower, jnp.inf), 1.0 / m)
    room = _ROOM * width
    inside = jnp.clip(start, limits.lower + room, limits.upper - room)
    amount = jnp.where(limits.free, inside, limits.lower)
    dtype = amount.dtype
    rows, money = masks.active.multiplier, masks.active.price
    one = jnp.ones(m, dtype)
    direction = jnp.where(limits.direction > 0, limits.direction, 1.0)
    multiplier = jnp.where(rows, one / direction / m if kind is Kind.MINIMAX else 0.5 * one, 0.0)
    x = Unknowns(amount, multiplier, jnp.where(money, 0.1 * one, 0.0), jnp.zeros((), dtype))
    missed = gradient(kind, limits, x)
    if kind is Kind.MINIMAX:
        x = x._replace(level=1.2 * jnp.max(jnp.where(rows, missed.multiplier / direction, -jnp.inf)))
        missed = gradient(kind, limits, x)
    slack = jnp.where(rows, jnp.maximum(-missed.multiplier, 0.1 * jnp.abs(limits.bounds) + 0.01), 1.0)
    if kind is Kind.PRODUCT:  # λ t = 1 from the start
        x = x._replace(multiplier=jnp.where(rows, 1 / slack, 0.0))
        missed = gradient(kind, limits, x)
    left = jnp.where(money, jnp.maximum(-missed.price, 0.1 * limits.budget), 1.0)
    push = missed.amount
    base = 0.1 * limits.costs
    low = jnp.where(limits.free, jnp.maximum(push, 0.0) + base, 0.0)
    high = jnp.where(masks.capped, jnp.maximum(-push, 0.0) + base, 0.0)
    unknown = jnp.asarray(jnp.inf, dtype)
    zero = jnp.zeros((), jnp.int32)
    return State(x, low, high, slack, left, unknown, unknown, zero, zero)


def _advance(kind: Kind, limits: Limits, masks: _Masks, state: State) -> State:
    """One predictor and corrector with one factorisation."""
    x = state.x
    active = flat(Unknowns(*masks.active))
    below, above = distances(limits, masks, x.amount)
    missed = gradient(kind, limits, x)
    weights = _diagonal(masks, state, below, above)
    factors = lu_factor(held(curvature(kind, limits, x) + jnp.diag(weights), active, 1.0))
    mean = _mean(kind, masks, state, below, above)

    def towards(target: Scalar, cross: tuple[Array, ...]) -> State:
        row_target = jnp.ones_like(target) if kind is Kind.PRODUCT else target
        low = jnp.where(limits.free, (target - cross[0]) / below - state.low, 0.0)
        high = jnp.where(masks.capped, (target - cross[1]) / above - state.high, 0.0)
        safe = jnp.where(masks.active.multiplier, x.multiplier, 1.0)
        paid = jnp.where(masks.active.price, x.price, 1.0)
        slack = (row_target - cross[2]) / safe - state.slack
        left = (target - cross[3]) / paid - state.left
        right = Unknowns(
            amount=-(missed.amount - state.low + state.high) + low - high,
            multiplier=-missed.multiplier - state.slack - slack,
            price=-missed.price - state.left - left,
            level=-missed.level,
        )
        step = shaped(limits, lu_solve(factors, jnp.where(active, flat(right), 0.0)))
        return state._replace(
            x=step,
            low=low - state.low / below * step.amount,
            high=high + state.high / above * step.amount,
            slack=jnp.where(masks.active.multiplier, slack - state.slack / safe * step.multiplier, 0.0),
            left=jnp.where(masks.active.price, left - state.left / paid * step.price, 0.0),
        )

    nothing = (jnp.zeros_like(below), jnp.zeros_like(below), jnp.zeros_like(state.slack), jnp.zeros_like(state.left))
    ahead = towards(jnp.zeros_like(mean), nothing)
    length = _longest(limits, masks, state, ahead)
    there = _move(state, ahead, length)
    reached = _mean(kind, masks, there, *distances(limits, masks, there.x.amount))
    centre = jnp.minimum(reached / jnp.where(mean > 0, mean, 1.0), 1.0) ** 3 * mean  # 0: nothing is complementary
    centre = jnp.maximum(centre, 0.1 * jnp.minimum(mean, _missing(masks, state, missed)))
    cross = (
        ahead.x.amount * ahead.low,
        -ahead.x.amount * ahead.high,
        ahead.x.multiplier * ahead.slack,
        ahead.x.price * ahead.left,
    )
    step = towards(centre, cross)
    length = jnp.minimum(1.0, jnp.maximum(_BACK_OFF, 1 - mean) * _longest(limits, masks, state, step))
    if kind is Kind.PRODUCT:
        length = _centred(masks, state, step, length)
    moved = _move(state, step, length)
    return _measured(kind, limits, masks, moved, state)


def _diagonal(masks: _Masks, state: State, below: Amounts, above: Amounts) -> Array:
    x = state.x
    rows = jnp.where(masks.active.multiplier, state.slack / jnp.where(masks.active.multiplier, x.multiplier, 1.0), 1.0)
    bills = jnp.where(masks.active.price, state.left / jnp.where(masks.active.price, x.price, 1.0), 1.0)
    amounts = state.low / below + state.high / above
    return jnp.concatenate([amounts.ravel(), -rows, -bills, jnp.zeros(1, rows.dtype)])


def _mean(kind: Kind, masks: _Masks, state: State, below: Amounts, above: Amounts) -> Scalar:
    """Mean of what is complementary."""
    pairs = [
        (jnp.where(masks.active.amount, state.low * below, 0.0), masks.active.amount),
        (jnp.where(masks.capped, state.high * above, 0.0), masks.capped),
        (jnp.where(masks.active.price, state.x.price * state.left, 0.0), masks.active.price),
    ]
    if kind is not Kind.PRODUCT:
        rows = masks.active.multiplier
        pairs.append((jnp.where(rows, state.x.multiplier * state.slack, 0.0), rows))
    count = sum(jnp.sum(mask) for _, mask in pairs)
    mean: Scalar = sum(jnp.sum(values) for values, _ in pairs) / jnp.maximum(count, 1)
    return mean


def _longest(limits: Limits, masks: _Masks, state: State, step: State) -> Scalar:
    """Largest length in [0, 1] that keeps everything positive, and every S_k near where it is."""
    below, above = distances(limits, masks, state.x.amount)
    pairs = [
        (below, step.x.amount, masks.active.amount),
        (above, -step.x.amount, masks.capped),
        (state.low, step.low, masks.active.amount),
        (state.high, step.high, masks.capped),
        (state.x.multiplier, step.x.multiplier, masks.active.multiplier),
        (state.slack, step.slack, masks.active.multiplier),
        (state.x.price, step.x.price, masks.active.price),
        (state.left, step.left, masks.active.price),
    ]
    # 1/S_k leaves its tangent where S_k changes much
    totals, moved = (jnp.sum(part, axis=0) for part in (state.x.amount, step.x.amount))
    some = jnp.any(masks.active.amount, axis=0)
    pairs += [(LARGEST_FALL * totals, moved, some), (LARGEST_RISE * totals, -moved, some)]
    limit = jnp.ones((), below.dtype)
    for value, change, there in pairs:
        shrinking = there & (change < 0)
        limit = jnp.minimum(limit, jnp.min(jnp.where(shrinking, -value / jnp.where(shrinking, change, -1.0), 1.0)))
    return limit


def _centred(masks: _Masks, state: State, step: State, length: Scalar) -> Scalar:
    """Shorten a step of PRODUCT until no λ_i t_i falls far below 1."""

    def lowest(length: Scalar) -> Scalar:
        moved = (state.x.multiplier + length * step.x.multiplier) * (state.slack + length * step.slack)
        return jnp.min(jnp.where(masks.active.multiplier, moved, jnp.inf))

    return keep_products(lowest, length)


def _move(state: State, step: State, length: Scalar) -> State:
    new = {
        name: jax.tree.map(lambda value, change: value + length * change, getattr(state, name), getattr(step, name))
        for name in ("x", "low", "high", "slack", "left")
    }
    return state._replace(**new)


def _missing(masks: _Masks, state: State, missed: Unknowns) -> Scalar:
    """Largest residual of the linear and nonlinear equations."""
    parts = [
        jnp.where(masks.active.amount, missed.amount - state.low + state.high, 0.0),
        jnp.where(masks.active.multiplier, missed.multiplier + state.slack, 0.0),
        jnp.where(masks.active.price, missed.price + state.left, 0.0),
        jnp.where(masks.active.level, missed.level, 0.0),
    ]
    return jnp.max(jnp.stack([jnp.max(jnp.abs(part)) for part in parts]))


def _measured(kind: Kind, limits: Limits, masks: _Masks, moved: State, before: State) -> State:
    missed = gradient(kind, limits, moved.x)
    below, above = distances(limits, masks, moved.x.amount)
    error = jnp.maximum(_missing(masks, moved, missed), _mean(kind, masks, moved, below, above))
    if kind is Kind.PRODUCT:
        products = jnp.where(masks.active.multiplier, moved.x.multiplier * moved.slack - 1, 0.0)
        error = jnp.maximum(error, jnp.max(jnp.abs(products)))
    good = jnp.isfinite(error)
    kept = jax.tree.map(lambda new, old: jnp.where(good, new, old), moved, before)
    better = good & (error < before.best)
    stale = jnp.where(good, jnp.where(better, 0, before.stale + 1), _PATIENCE).astype(jnp.int32)
    error, best = jnp.where(good, error, before.error), jnp.where(better, error, before.best)
    return kept._replace(error=error, best=best, stale=stale, steps=before.steps + 1)


def interior(kind: Kind, limits: Limits, start: Amounts) -> State:
    """Return the last state of one instance.

    Args:
        kind: which program.
        limits: its data, in units in which numbers are near one.
        start: amounts of the right size.
    """
    masks = masks_of(kind, limits)
    accuracy = tolerances(start.dtype)

    def going(state: State) -> Array:
        # where multiplier and slack are both small their product says little of which of them is 0
        exact = limited_residual(kind, limits, state.x) <= _EXACT * accuracy.optimality
        solved = (state.error <= accuracy.iterate) & exact
        return ~solved & (state.stale < _PATIENCE) & (state.steps < STEPS)

    last: State = jax.lax.while_loop(
        going, lambda state: _advance(kind, limits, masks, state), _first(kind, limits, start)
    )
    return last
