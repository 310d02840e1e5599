"""A primal-dual interior-point method for the sharing program: predictor, corrector, one factorisation a step."""

import dataclasses
from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import AgentLanes, Array, DistributionLanes, Lanes
from jaxmech.numerics._lanes import largest, least, total, while_any
from jaxmech.numerics._newton import ORDINARY, Newton
from jaxmech.numerics._program import (
    Iterate,
    Kind,
    Program,
    Residuals,
    agent_weights,
    error_costs,
    pull_of,
    reach,
    residuals,
    row_scale,
)

_FIRST_MULTIPLIER = 0.2
_FIRST_VALUE = {Kind.WEIGHTED: 0.9, Kind.IDEAL: 0.9, Kind.MINIMAX: 0.5, Kind.PRODUCT: 0.5}
"""s over what the cheapest asks for. Nearer to it is better where weights are known: up to a seventh less steps."""
_SHARE_OF_LEAD = 0.6
_RESIDUAL_SHARE = {Kind.WEIGHTED: 0.01, Kind.IDEAL: 0.01, Kind.MINIMAX: 0.1, Kind.PRODUCT: 0.01}
"""Of MINIMAX, and where errors count differently, multipliers may be many: complementarity may not run ahead of the
residuals by more than this. Elsewhere it may: that takes up to half as many steps (1000×200: 22 instead of 46)."""
_FLOOR = 1e-2  # nor fall below this share of the tolerance, where rounding takes over
_ENOUGH = 0.1  # of the tolerance: one more step, as is taken, gains several digits
_PATIENCE = 2
_HOPELESS = 20
_SPOILT = 10.0
_LOWEST_PRODUCT = 0.3
LARGEST_FALL = 0.5  # of what 1/S² depends on, in a step, relative to it: it leaves its tangent
LARGEST_RISE = 1.0
_TRIALS = 12


class State(NamedTuple):
    """What the loop carries.

    Attributes:
        iterate: the variables.
        missing: their residuals.
        optimality: the largest of them and the complementarity, relative.
        best: the least optimality so far.
        before: the same one step ago.
        stale: steps since it last fell.
        steps: steps taken.
        constant: what all λ_i t_i are to become, for PRODUCT.
        normalisation: what Σ_i a_i λ_i is to remain.
    """

    iterate: Iterate
    missing: Residuals
    optimality: Lanes
    best: Lanes
    before: Lanes
    stale: Array
    steps: Array
    constant: Lanes
    normalisation: Lanes


def solve_interior(kind: Kind, program: Program, state: State, newton: Newton = ORDINARY) -> State:
    """Return the last state of one instance, or of several in lanes.

    Args:
        kind: which program.
        program: its data; costs and error of order one.
        state: where to start.
        newton: how to step.
    """
    last: State = while_any(going, lambda state, active: advance(kind, program, state, active, newton), state)
    return last


def going(state: State) -> Array:
    """Which instances need another step."""
    limits = tolerances(state.best.dtype)
    # one step more than needed, so that amounts on their way to zero get there
    unsolved = ~(state.before <= _ENOUGH * limits.optimality)
    # below the tolerance that counts as solved, two steps without progress are rounding, not hope
    hopeful = (state.stale < _PATIENCE) | ((state.best > limits.optimality) & (state.stale < _HOPELESS))
    return unsolved & hopeful & (state.steps < limits.max_steps)


def start(kind: Kind, program: Program) -> State:
    """The state before the first step."""
    iterate = _first_iterate(kind, program)
    normalisation = total(program.direction * iterate.multiplier, 0)
    unknown = jnp.full_like(iterate.level, jnp.inf)
    zero = jnp.zeros(unknown.shape, jnp.int32)
    constant = _product_target(kind, program, iterate)
    missing = residuals(program, iterate, normalisation)
    return State(iterate, missing, unknown, unknown, unknown, zero, zero, constant, normalisation)


def _first_iterate(kind: Kind, program: Program) -> Iterate:
    """A point on which n z is the same for all agents of a distribution, and which is dual feasible."""
    one = program.bounded.astype(program.costs.dtype)
    rows = total(one, 0)
    safe_bounds = jnp.where(program.bounded & (program.bounds > 0), program.bounds, 1.0)
    if kind.weighted:
        multiplier = jnp.maximum(_FIRST_MULTIPLIER, _SHARE_OF_LEAD * program.weights * _lead(program)) * one
    elif kind is Kind.PRODUCT:
        multiplier = one / safe_bounds * rows / total(one / safe_bounds, 0)
    else:
        # rows whose bound does not move with the level start alike, the others in inverse proportion to it
        inverse = one / jnp.where(program.bounded, program.direction, 1.0) / rows
        multiplier = jnp.where(jnp.any(program.bounds > 0, axis=0), inverse, one)
    weight = program.weights + multiplier
    reduced = jnp.where(program.able, weight[:, None] * program.costs, jnp.inf)
    lowest = least(reduced, 0)
    below = jnp.full_like(lowest, 1 - _FIRST_VALUE[kind])
    if kind.weighted:
        # what a distribution's cheapest supplier, if she outweighs all others, leaves to them
        first = reduced == lowest
        heaviest = largest(jnp.where(first, weight[:, None], 0.0), 0)
        rest = total(weight, 0) / heaviest - 1
        below = below * jnp.clip(rest**2, tolerances(rest.dtype).eps, 1.0)
    value = (1 - below) * lowest
    if program.worth is not None:
        value = jnp.where(program.idle, 1.0, value)
    gap = jnp.where(program.able, reduced - lowest + below * lowest, 1.0)
    totals = jnp.sqrt(pull_of(program, weight) / value)
    amount = jnp.where(program.able, 1.0 / gap, 0.0)
    amount = amount * (totals / program.sums(amount))
    cost = error_costs(program, totals) + total(jnp.where(program.able, program.costs * amount, 0.0), 1)
    # a free level starts where every row has room
    room = largest(jnp.where(program.bounded, cost / jnp.where(program.direction > 0, program.direction, 1.0), 0.0), 0)
    free_level = (kind is Kind.MINIMAX) & ~jnp.any(program.bounds > 0, axis=0)
    level = jnp.where(free_level, 1.2 * room, float(kind.weighted)).astype(cost.dtype)
    iterate = Iterate(amount, gap, multiplier, jnp.zeros_like(multiplier), value, level)
    missing = residuals(program, iterate, level)
    slack = jnp.where(program.bounded, jnp.maximum(missing.rows, 0.1 * row_scale(missing)), 1.0)
    return dataclasses.replace(iterate, slack=slack)


def _lead(program: Program) -> AgentLanes:
    """How many times cheaper an agent is than the next, at least, if she is the cheapest everywhere; 1 for the others.

    Bound by what she would pay alone she will not collect for all others, before her weight makes up for her lead.
    """
    costs = jnp.where(program.able, program.costs, jnp.inf)
    first = costs == least(costs, 0)
    second = least(jnp.where(first, jnp.inf, costs), 0)
    second = jnp.where(total(first.astype(costs.dtype), 0) > 1, least(costs, 0), second)
    only = jnp.where(first, jnp.inf, 1.0)
    lead = least(jnp.where(first & (second < jnp.inf), second / jnp.where(first, costs, 1.0), only), 1)
    return jnp.where(lead < jnp.inf, lead, 1.0)


def _product_target(kind: Kind, program: Program, iterate: Iterate) -> Lanes:
    """For PRODUCT, λ_i t_i is one constant for all i; any constant gives the same amounts, so take a near one."""
    logs = jnp.log(jnp.where(program.bounded, iterate.multiplier * iterate.slack, 1.0))
    middle = jnp.exp(total(logs, 0) / total(program.bounded.astype(logs.dtype), 0))
    return jnp.where(kind is Kind.PRODUCT, middle, 0.0)


def advance(kind: Kind, program: Program, state: State, active: Array, newton: Newton = ORDINARY) -> State:
    """One predictor-corrector step of the instances that are ``active``."""
    iterate, missing, constant = state.iterate, state.missing, state.constant
    weights = _money(program, iterate, missing)
    mean = _complementarity(kind, program, iterate, weights)
    pairs, row_pairs = iterate.amount * iterate.gap, iterate.multiplier * iterate.slack
    factors = newton.factor(program, iterate, kind is Kind.MINIMAX)

    def towards(target: Lanes, cross: tuple[Array, Array]) -> Iterate:
        row_target = constant if kind is Kind.PRODUCT else target * weights[1]
        wanted = jnp.where(program.able, target * weights[0] - pairs - cross[0], 0.0)
        wanted_rows = jnp.where(program.bounded, row_target - row_pairs - cross[1], 0.0)
        return newton.step(program, iterate, factors, missing, (wanted, wanted_rows))

    predictor = towards(jnp.zeros_like(mean), (jnp.zeros_like(pairs), jnp.zeros_like(row_pairs)))
    length = _longest(program, iterate, predictor)
    ahead = _complementarity(kind, program, _move(iterate, predictor, length), weights)
    centre = jnp.minimum(ahead / mean, 1.0) ** 3 * mean
    target = jnp.maximum(centre, newton.centring * mean)
    if kind is Kind.MINIMAX or program.worth is not None:
        share = _RESIDUAL_SHARE[kind] * missing.relative(program, iterate)
        target = jnp.minimum(jnp.maximum(target, share), mean)
    target = jnp.maximum(target, _FLOOR * tolerances(mean.dtype).iterate)
    step = towards(target, (predictor.amount * predictor.gap, predictor.multiplier * predictor.slack))
    longest = _longest(program, iterate, step)
    back_off = jnp.maximum(newton.back_off, 1 - mean)
    length = jnp.where(longest < 1, back_off * longest, 1.0)
    if kind is Kind.PRODUCT:
        length = _centred(program, iterate, step, length, constant)
    return _accept(kind, program, state, _move(iterate, step, length), active)


def _accept(kind: Kind, program: Program, state: State, moved: Iterate, active: Array) -> State:
    """Take the new iterate; where it is not finite, or rounding spoilt what was solved, stop at the old one."""
    missing = residuals(program, moved, state.normalisation)
    optimality = _optimality(kind, program, moved, missing, state.constant)
    spoilt = (state.best <= tolerances(optimality.dtype).optimality) & (optimality > _SPOILT * state.optimality)
    taken = jnp.isfinite(optimality) & ~spoilt & active
    iterate, missing = jax.tree.map(
        lambda new, old: jnp.where(taken, new, old), (moved, missing), (state.iterate, state.missing)
    )
    improved = taken & (optimality < state.best)
    stale = jnp.where(taken, jnp.where(improved, 0, state.stale + 1), _HOPELESS).astype(jnp.int32)
    return State(
        iterate=iterate,
        missing=missing,
        optimality=jnp.where(taken, optimality, state.optimality),
        best=jnp.where(improved, optimality, state.best),
        before=jnp.where(active, state.best, state.before),
        stale=jnp.where(active, stale, state.stale),
        steps=state.steps + active.astype(state.steps.dtype),
        constant=state.constant,
        normalisation=state.normalisation,
    )


def _optimality(kind: Kind, program: Program, iterate: Iterate, missing: Residuals, constant: Lanes) -> Lanes:
    """Largest of the relative residuals and the complementarity."""
    mean = _complementarity(kind, program, iterate, _money(program, iterate, missing))
    worst = jnp.maximum(missing.relative(program, iterate), mean)
    if kind is Kind.PRODUCT:
        products = iterate.multiplier * iterate.slack / constant - 1
        worst = jnp.maximum(worst, largest(jnp.where(program.bounded, jnp.abs(products), 0.0), 0))
    return worst


def _centred(program: Program, iterate: Iterate, step: Iterate, length: Lanes, constant: Lanes) -> Lanes:
    """Shorten a step of PRODUCT until no λ_i t_i falls far below their common target."""

    def lowest(length: Array) -> Array:
        moved = (iterate.multiplier + length * step.multiplier) * (iterate.slack + length * step.slack)
        return least(jnp.where(program.bounded, moved, jnp.inf), 0) / constant

    return keep_products(lowest, length)


def keep_products(lowest: Callable[[Array], Array], length: Lanes) -> Lanes:
    """Return the longest of some shorter steps that lets no product fall far below 1, from where it hardly returns.

    Args:
        lowest: the least product after a step of some length, relative to its target.
        length: the longest that is allowed.
    """
    allowed = jnp.minimum(_LOWEST_PRODUCT, 0.5 * lowest(jnp.zeros_like(length)))
    lengths = [length * 0.6**trial for trial in range(_TRIALS)]
    chosen = lengths[-1]
    for trial in lengths[-2::-1]:
        chosen = jnp.where(lowest(trial) >= allowed, trial, chosen)
    return chosen


def _money(program: Program, iterate: Iterate, missing: Residuals) -> tuple[DistributionLanes, AgentLanes]:
    """Return what n z and λ t are compared with: what moves for a distribution, and what an agent has to give."""
    weights = agent_weights(program, iterate)
    return iterate.value * reach(program, iterate, missing), weights * row_scale(missing)


def _complementarity(
    kind: Kind, program: Program, iterate: Iterate, weights: tuple[DistributionLanes, AgentLanes]
) -> Lanes:
    """Return the mean μ of the products n z and λ t, each relative to its weight."""
    pairs = total(total(jnp.where(program.able, iterate.amount * iterate.gap, 0.0), 0) / weights[0], 0)
    count = total(total(program.able.astype(pairs.dtype), 0), 0)
    if kind is not Kind.PRODUCT:
        pairs += total(jnp.where(program.bounded, iterate.multiplier * iterate.slack / weights[1], 0.0), 0)
        count += total(program.bounded.astype(pairs.dtype), 0)
    return pairs / count


def _longest(program: Program, iterate: Iterate, step: Iterate) -> Lanes:
    """Return the largest length in [0, 1] that keeps every variable non-negative, and s near where it is."""

    def limit(value: Array, change: Array, where: Array | bool = True) -> Array:
        shrinking = (change < 0) & where
        room = jnp.where(shrinking, -value / jnp.where(shrinking, change, -1.0), 1.0)
        return least(room if room.ndim == lanes + 1 else least(room, 0), 0)

    rows, lanes = program.bounded, iterate.level.ndim
    limits = [
        limit(iterate.amount, step.amount, program.able),
        limit(iterate.gap, step.gap, program.able),
        limit(iterate.multiplier, step.multiplier, rows),
        limit(iterate.slack, step.slack, rows),
        # S_k = √(w_k Λ / s_k) leaves its tangent where s_k changes much: most problems of many agents would end nowhere
        limit(LARGEST_FALL * iterate.value, step.value),
        limit(LARGEST_RISE * iterate.value, -step.value),
    ]
    return jnp.minimum(1.0, reduce(jnp.minimum, limits))


def _move(iterate: Iterate, step: Iterate, length: Lanes) -> Iterate:
    moved: Iterate = jax.tree.map(lambda value, change: value + length * change, iterate, step)
    return moved
