"""A primal-dual interior-point method for the sharing program: predictor, corrector, one factorisation a step."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Bool, Scalar
from jaxmech.numerics._newton import factor, newton_step
from jaxmech.numerics._program import Iterate, Kind, Program, Residuals, dual_totals, residuals, total_weight

_BACK_OFF = 0.95  # share of the step to the boundary that is taken while far from the optimum
_FIRST_MULTIPLIER = 0.2
_FIRST_VALUE = 0.5
_RESIDUAL_SHARE = 0.1  # complementarity may not run ahead of the residuals by more than this
_FLOOR = 1e-2  # nor below this share of the tolerance, where rounding takes over
_PATIENCE = 2
_HOPELESS = 60
_SPOILT = 10.0
_LOWEST_PRODUCT = 0.3
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
    """

    iterate: Iterate
    missing: Residuals
    optimality: Scalar
    best: Scalar
    before: Scalar
    stale: Array
    steps: Array


def solve_interior(kind: Kind, program: Program, skip: Bool[Array, ""]) -> tuple[Iterate, Array]:
    """Return the last iterate and the number of steps; where ``skip`` holds, the start and 0.

    Args:
        kind: which program.
        program: its data; costs and error of order one.
        skip: true where the answer is known already, so that a batch does not wait for it.
    """
    limits = tolerances(program.costs.dtype)
    iterate = _start(kind, program)
    constant = _product_target(kind, program, iterate)
    normalisation = jnp.sum(program.direction * iterate.multiplier)

    def going(state: State) -> Array:
        # one step more than needed, so that amounts on their way to zero get there
        unsolved = ~(state.before <= limits.iterate)
        # below the tolerance that counts as solved, two steps without progress are rounding, not hope
        hopeful = (state.stale < _PATIENCE) | ((state.best > limits.optimality) & (state.stale < _HOPELESS))
        return unsolved & hopeful & (state.steps < limits.max_steps)

    def body(state: State) -> State:
        return _advance(kind, program, state, constant, normalisation)

    missing = residuals(program, iterate, normalisation)
    optimality = jnp.where(skip, 0.0, jnp.inf).astype(program.costs.dtype)
    zero = jnp.zeros((), jnp.int32)
    state = jax.lax.while_loop(going, body, State(iterate, missing, optimality, optimality, optimality, zero, zero))
    return state.iterate, state.steps


def _start(kind: Kind, program: Program) -> Iterate:
    """A point on which n z is the same for all agents of a distribution, and which is dual feasible."""
    rows = jnp.sum(program.bounded)
    one = program.bounded.astype(program.costs.dtype)
    safe_bounds = jnp.where(program.bounded & (program.bounds > 0), program.bounds, 1.0)
    if kind is Kind.WEIGHTED:
        multiplier = _FIRST_MULTIPLIER * one
    elif kind is Kind.PRODUCT:
        multiplier = one / safe_bounds * rows / jnp.sum(one / safe_bounds)
    else:
        # rows whose bound does not move with the level start alike, the others in inverse proportion to it
        inverse = one / jnp.where(program.bounded, program.direction, 1.0) / rows
        multiplier = jnp.where(jnp.any(program.bounds > 0), inverse, one)
    weight = program.weights + multiplier
    reduced = jnp.where(program.able, weight[:, None] * program.costs, jnp.inf)
    value = _FIRST_VALUE * jnp.min(reduced, axis=0)
    gap = jnp.where(program.able, reduced - value, 1.0)
    totals = jnp.sqrt(program.error * jnp.sum(weight) / value)
    amount = jnp.where(program.able, 1.0 / gap, 0.0)
    amount = amount * (totals / jnp.sum(amount, axis=0))
    cost = jnp.sum(program.error / totals) + jnp.sum(program.costs * amount, axis=1)
    # a free level starts where every row has room
    room = jnp.max(jnp.where(program.bounded, cost / jnp.where(program.direction > 0, program.direction, 1.0), 0.0))
    free_level = (kind is Kind.MINIMAX) & ~jnp.any(program.bounds > 0)
    level = jnp.where(free_level, 1.2 * room, 0.0).astype(cost.dtype)
    bound = jnp.where(program.bounded, program.bounds, cost) + program.direction * level
    slack = jnp.where(program.bounded, jnp.maximum(bound - cost, 0.1 * bound), 1.0)
    return Iterate(amount, gap, multiplier, slack, value, level)


def _product_target(kind: Kind, program: Program, iterate: Iterate) -> Scalar:
    """For PRODUCT, λ_i t_i is one constant for all i; any constant gives the same amounts, so take a near one."""
    logs = jnp.log(jnp.where(program.bounded, iterate.multiplier * iterate.slack, 1.0))
    middle = jnp.exp(jnp.sum(logs) / jnp.sum(program.bounded))
    return jnp.where(kind is Kind.PRODUCT, middle, 0.0)


def _advance(kind: Kind, program: Program, state: State, constant: Scalar, normalisation: Scalar) -> State:
    """One predictor-corrector step."""
    iterate, missing = state.iterate, state.missing
    mean, size = _complementarity(kind, program, iterate)
    pairs, row_pairs = iterate.amount * iterate.gap, iterate.multiplier * iterate.slack
    factors = factor(program, iterate, kind is Kind.MINIMAX)

    def towards(target: Scalar, cross: tuple[Array, Array]) -> Iterate:
        row_target = constant if kind is Kind.PRODUCT else target
        wanted = jnp.where(program.able, target - pairs - cross[0], 0.0)
        wanted_rows = jnp.where(program.bounded, row_target - row_pairs - cross[1], 0.0)
        return newton_step(program, iterate, factors, missing, (wanted, wanted_rows))

    predictor = towards(jnp.zeros_like(mean), (jnp.zeros_like(pairs), jnp.zeros_like(row_pairs)))
    length = _longest(program, iterate, predictor)
    ahead, _ = _complementarity(kind, program, _move(iterate, predictor, length))
    centre = jnp.minimum(ahead / mean, 1.0) ** 3 * mean
    share = _RESIDUAL_SHARE * missing.relative(program, iterate) / size
    target = jnp.minimum(jnp.maximum(centre, share), mean)
    target = jnp.maximum(target, _FLOOR * tolerances(mean.dtype).iterate / size)
    step = towards(target, (predictor.amount * predictor.gap, predictor.multiplier * predictor.slack))
    longest = _longest(program, iterate, step)
    back_off = jnp.maximum(_BACK_OFF, 1 - mean * size)
    length = jnp.where(longest < 1, back_off * longest, 1.0)
    if kind is Kind.PRODUCT:
        length = _centred(program, iterate, step, length, constant)
    return _accept(kind, program, state, _move(iterate, step, length), (constant, normalisation))


def _accept(kind: Kind, program: Program, state: State, moved: Iterate, constants: tuple[Scalar, Scalar]) -> State:
    """Take the new iterate; where it is not finite, or rounding spoilt what was solved, stop at the old one."""
    missing = residuals(program, moved, constants[1])
    optimality = _optimality(kind, program, moved, missing, constants[0])
    spoilt = (state.best <= tolerances(optimality.dtype).optimality) & (optimality > _SPOILT * state.optimality)
    taken = jnp.isfinite(optimality) & ~spoilt
    iterate, missing = jax.tree.map(
        lambda new, old: jnp.where(taken, new, old), (moved, missing), (state.iterate, state.missing)
    )
    improved = taken & (optimality < state.best)
    return State(
        iterate=iterate,
        missing=missing,
        optimality=jnp.where(taken, optimality, state.optimality),
        best=jnp.where(improved, optimality, state.best),
        before=state.best,
        stale=jnp.where(taken, jnp.where(improved, 0, state.stale + 1), _HOPELESS).astype(jnp.int32),
        steps=state.steps + 1,
    )


def _optimality(kind: Kind, program: Program, iterate: Iterate, missing: Residuals, constant: Scalar) -> Scalar:
    """Largest of the relative residuals, also as weighted by their multipliers, and the complementarity."""
    mean, size = _complementarity(kind, program, iterate)
    weighted = jnp.sum(iterate.multiplier * jnp.abs(missing.rows)) + jnp.sum(iterate.value * jnp.abs(missing.totals))
    worst = jnp.maximum(missing.relative(program, iterate), mean * size)
    worst = jnp.maximum(worst, weighted / _objective(program, iterate))
    if kind is Kind.PRODUCT:
        products = iterate.multiplier * iterate.slack / constant - 1
        worst = jnp.maximum(worst, jnp.max(jnp.where(program.bounded, jnp.abs(products), 0.0)))
    return worst


def _objective(program: Program, iterate: Iterate) -> Scalar:
    """Λ Σ_k w_k/S_k: the scale of the Lagrangian."""
    return jnp.sum(program.error / dual_totals(program, iterate)) * total_weight(program, iterate)


def _centred(program: Program, iterate: Iterate, step: Iterate, length: Scalar, constant: Scalar) -> Scalar:
    """Shorten a step of PRODUCT until no λ_i t_i falls far below their common target, from where it hardly returns."""

    def lowest(length: Array) -> Array:
        moved = (iterate.multiplier + length * step.multiplier) * (iterate.slack + length * step.slack)
        return jnp.min(jnp.where(program.bounded, moved, jnp.inf)) / constant

    lengths = length * 0.6 ** jnp.arange(_TRIALS, dtype=length.dtype)
    allowed = jnp.minimum(_LOWEST_PRODUCT, 0.5 * lowest(jnp.zeros_like(length)))
    good = jax.vmap(lowest)(lengths) >= allowed
    return jnp.where(jnp.any(good), lengths[jnp.argmax(good)], lengths[-1])


def _complementarity(kind: Kind, program: Program, iterate: Iterate) -> tuple[Scalar, Scalar]:
    """Return the mean product μ, and the factor that turns μ into a duality gap relative to the objective."""
    pairs = jnp.sum(jnp.where(program.able, iterate.amount * iterate.gap, 0.0))
    count = jnp.sum(program.able)
    if kind is not Kind.PRODUCT:
        pairs += jnp.sum(jnp.where(program.bounded, iterate.multiplier * iterate.slack, 0.0))
        count += jnp.sum(program.bounded)
    return pairs / count, count / _objective(program, iterate)


def _longest(program: Program, iterate: Iterate, step: Iterate) -> Scalar:
    """Return the largest length in [0, 1] that keeps every variable non-negative."""

    def limit(value: Array, change: Array, where: Array | bool = True) -> Array:
        shrinking = (change < 0) & where
        return jnp.min(jnp.where(shrinking, -value / jnp.where(shrinking, change, -1.0), 1.0))

    rows = program.bounded
    limits = [
        limit(iterate.amount, step.amount, program.able),
        limit(iterate.gap, step.gap, program.able),
        limit(iterate.multiplier, step.multiplier, rows),
        limit(iterate.slack, step.slack, rows),
        limit(iterate.value, step.value),
    ]
    return jnp.minimum(1.0, jnp.min(jnp.stack(limits)))


def _move(iterate: Iterate, step: Iterate, length: Scalar) -> Iterate:
    moved: Iterate = jax.tree.map(lambda value, change: value + length * change, iterate, step)
    return moved
