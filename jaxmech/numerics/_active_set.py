"""The exact end of the interior-point method: Newton's method on a guessed support, and the pivots that mend the guess.

Near the optimum the interior point tells which amounts are positive (B) and which rows hold with equality (R). On B and
R the optimality conditions are equations:

    v_i c[i, k] = s_k on B,   S_k = √(w_k Λ/s_k) = Σ_i n[i, k],   p_i(n) = b_i + a_i τ on R,   v = ω + λ,   Λ = Σ_i v_i,

with n = 0 off B and λ = 0 off R because these are no variables. Where B has no cycle they determine everything; where
costs are tied and it has, the split nearest to the interior point's is kept, so that equal agents stay equal. Each step
is the interior point's own Newton step with z raised to a small multiple of s_k on B and t to one of the row's scale on
R, and a second solve with the same factors that takes the effect out again: a proximal step, which converges like
Newton's method and never meets a singular matrix. Then signs are read: n < 0 leaves B, v_i c[i, k] < s_k enters it,
λ < 0 leaves R, p_i > b_i enters it; no sign wrong is the proof of optimality, and the end.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Bool, Lanes, SupportLanes
from jaxmech.numerics._lanes import largest, total, while_any
from jaxmech.numerics._newton import ORDINARY, Newton
from jaxmech.numerics._program import (
    Iterate,
    Kind,
    Program,
    Residuals,
    agent_weights,
    certified_residual,
    in_unit_of_weights,
    reach,
    residuals,
    row_scale,
)

RowLanes = Bool[Array, "agents *lanes"]

_ENTERS = 1e-4  # amount of an entering pair and weight of an entering row, as a share of their scale
_WRONG = 64.0  # in units of eps: what counts as a wrong sign
_MAX_STEPS = 40
_CLEAR = 1e-3  # share of its value by which a gap is negative beyond doubt
_CLOSED_ROOT = 0.7  # eps to this power: residual that rounding may be to blame for
_SETTLED_ROOT = 0.4  # eps to this power: residual at which signs can be read


class Interior(NamedTuple):
    """Where the exact end begins: the program, an interior point, and what it keeps constant.

    Attributes:
        program: data.
        iterate: the interior point.
        normalisation: Σ_i a_i λ_i.
        constant: λ_i t_i for PRODUCT.
    """

    program: Program
    iterate: Iterate
    normalisation: Lanes
    constant: Lanes


class Guess(NamedTuple):
    """Which amounts and which rows are variables, and the point reached on them.

    Attributes:
        support: B.
        rows: R.
        iterate: zero off B and off R; its gaps are v c − s as they are.
        missing: residuals there.
        optimality: the largest of them, relative.
        verified: whether it solves the equations to rounding and no sign is wrong.
        steps: how many were taken.
    """

    support: SupportLanes
    rows: RowLanes
    iterate: Iterate
    missing: Residuals
    optimality: Lanes
    verified: Array
    steps: Array


class End(NamedTuple):
    """What came out: the point, whether it is the exact one, and the steps."""

    iterate: Iterate
    verified: Array
    steps: Array


def finish(kind: Kind, interior: Interior, skip: Array, newton: Newton = ORDINARY) -> End:
    """Return the exact point of one instance or of several in lanes, or the interior one where nothing was verified."""
    state = begin(kind, interior)
    state = state._replace(verified=state.verified | skip)
    state = while_any(unverified, lambda state, active: improve(kind, interior, state, active, newton), state)
    return outcome(kind, interior, state)


def outcome(kind: Kind, interior: Interior, state: Guess) -> End:
    """The exact point where it is verified or no worse by the conditions, otherwise the interior one."""
    points = interior.iterate, state.iterate
    if interior.program.worth is not None:
        # a row that one agent alone can fill determines no λ: no equations to solve, yet zeros are known
        points = begin(kind, interior).iterate, state.iterate
    if kind.weighted:
        points = in_unit_of_weights(points[0]), in_unit_of_weights(points[1])
    before, after = (certified_residual(kind, interior.program, point.amount, point.multiplier) for point in points)
    verified = state.verified & jnp.isfinite(after)
    chosen: Iterate = _choose(verified | (after <= before), points[1], points[0])
    return End(chosen, verified, state.steps)


def unverified(state: Guess) -> Array:
    """Which instances need another step."""
    return ~state.verified & (state.steps < _MAX_STEPS) & jnp.isfinite(state.optimality)


def begin(kind: Kind, interior: Interior) -> Guess:
    """Read B and R off an interior point: of each product the factor that is relatively larger."""
    program, iterate = interior.program, interior.iterate
    missing = residuals(program, iterate, interior.normalisation)
    sums = total(iterate.amount, 0)
    share = iterate.amount / reach(program, iterate, missing)
    support = program.able & ((share > iterate.gap / iterate.value) | (2 * iterate.amount > sums))
    rows = program.bounded
    if kind is not Kind.PRODUCT:
        weights = agent_weights(program, iterate)
        rows = rows & (iterate.multiplier * row_scale(missing) > iterate.slack * weights)
    none = jnp.zeros(iterate.level.shape, jnp.int32)
    return _evaluate(kind, interior, Guess(support, rows, iterate, missing, iterate.level, none > 0, none))


def improve(kind: Kind, interior: Interior, state: Guess, active: Array, newton: Newton = ORDINARY) -> Guess:
    """One step of the instances that are ``active``."""
    program = dataclasses.replace(interior.program, able=state.support, bounded=state.rows)
    lifted = _raised(kind, state)
    factors = newton.factor(program, lifted, kind is Kind.MINIMAX)
    zeros, rows = jnp.zeros_like(lifted.amount), jnp.zeros_like(lifted.multiplier)
    if kind is Kind.PRODUCT:
        rows = jnp.where(state.rows, interior.constant - lifted.multiplier * lifted.slack, 0.0)
    step = newton.step(program, lifted, factors, state.missing, (zeros, rows))
    zeros = jnp.where(state.support, lifted.gap * step.amount, 0.0)
    if kind is not Kind.PRODUCT:
        rows = jnp.where(state.rows, lifted.slack * step.multiplier, 0.0)
    step = newton.step(program, lifted, factors, state.missing, (zeros, rows))
    after = _moved(kind, interior, state, step)._replace(steps=state.steps + 1)
    chosen: Guess = _choose(active, after, state)
    return chosen


def _raised(kind: Kind, state: Guess) -> Iterate:
    """The point with z on B and t on R moved off zero, for the factors."""
    eps = tolerances(state.optimality.dtype).eps
    iterate = state.iterate
    # low enough to drive out a pair whose gap cannot close, and where all are closed high enough to keep rounding small
    open_gap = largest(largest(jnp.where(state.support, jnp.abs(iterate.gap), 0.0), 0) / iterate.value, 0)
    height = jnp.where(open_gap <= eps**_CLOSED_ROOT, eps**0.25, jnp.clip(0.03 * open_gap, eps**0.8, eps**0.4))
    tiny = eps * eps * total(jnp.abs(iterate.amount), 0)
    amount = jnp.where(state.support, jnp.maximum(jnp.abs(iterate.amount), tiny), 0.0)
    # who collects most stays in; were she pinned as well, her row would lose what the others collect to rounding
    giant = 2 * amount > total(amount, 0)
    gap = jnp.where(state.support, jnp.where(giant, jnp.maximum(height, eps**0.25), height) * iterate.value, 1.0)
    multiplier = jnp.where(state.rows, jnp.abs(iterate.multiplier), 0.0)
    slack = iterate.slack
    if kind is not Kind.PRODUCT:
        slack = jnp.where(state.rows, height * row_scale(state.missing), 1.0)
    return dataclasses.replace(iterate, amount=amount, gap=gap, multiplier=multiplier, slack=slack)


def _moved(kind: Kind, interior: Interior, state: Guess, step: Iterate) -> Guess:
    """Take a step on B and R as far as weights and values stay positive, then read the signs."""
    old, program = state.iterate, interior.program
    weights = agent_weights(program, old)
    shrink = jnp.maximum(
        largest(jnp.where(state.rows, -step.multiplier / weights, 0.0), 0), largest(-step.value / old.value, 0)
    )
    if kind is Kind.PRODUCT:
        shrink = jnp.maximum(shrink, largest(jnp.where(state.rows, -step.slack / old.slack, 0.0), 0))
    length = jnp.where(shrink > 0.9, 0.9 / shrink, 1.0)
    iterate = Iterate(
        amount=jnp.where(state.support, old.amount + length * step.amount, 0.0),
        gap=old.gap,
        multiplier=jnp.where(state.rows, old.multiplier + length * step.multiplier, 0.0),
        slack=old.slack + length * step.slack if kind is Kind.PRODUCT else old.slack,
        value=old.value + length * step.value,
        level=old.level + length * step.level,
    )
    return _pivot(kind, interior, state, _evaluate(kind, interior, state._replace(iterate=iterate)))


def _evaluate(kind: Kind, interior: Interior, state: Guess) -> Guess:
    """Bring gaps, slacks and residuals up to date."""
    old, program, eps = state.iterate, interior.program, tolerances(state.optimality.dtype).eps
    multiplier = jnp.where(state.rows, old.multiplier, 0.0)
    gap = agent_weights(program, dataclasses.replace(old, multiplier=multiplier))[:, None] * program.costs - old.value
    gap = jnp.where(state.support & (jnp.abs(gap) <= 4 * eps * old.value), 0.0, gap)
    slack = old.slack if kind is Kind.PRODUCT else jnp.zeros_like(old.slack)
    iterate = dataclasses.replace(
        old,
        amount=jnp.where(state.support, old.amount, 0.0),
        multiplier=multiplier,
        gap=jnp.where(program.able, gap, 1.0),
        slack=slack,
    )
    missing = residuals(program, iterate, interior.normalisation)
    if kind is not Kind.PRODUCT:
        # off R the whole of the row's room is slack
        iterate = dataclasses.replace(iterate, slack=jnp.where(state.rows, 0.0, missing.rows))
        missing = dataclasses.replace(missing, rows=jnp.where(state.rows, missing.rows, 0.0))
    open_gaps = jnp.where(state.support, gap, 0.0)
    missing = dataclasses.replace(missing, gaps=open_gaps)
    worst = largest(largest(jnp.abs(open_gaps), 0) / old.value, 0)
    worst = jnp.maximum(missing.relative(program, iterate), worst)
    if kind is Kind.PRODUCT:
        products = jnp.where(state.rows, iterate.multiplier * iterate.slack / interior.constant - 1, 0.0)
        worst = jnp.maximum(worst, largest(jnp.abs(products), 0))
    return state._replace(iterate=iterate, missing=missing, optimality=worst)


def _pivot(kind: Kind, interior: Interior, before: Guess, after: Guess) -> Guess:
    """Where the equations hold well enough, mend the signs; where none is wrong and they hold to rounding, be done."""
    eps = tolerances(after.optimality.dtype).eps
    iterate, program = after.iterate, interior.program
    settled = after.optimality <= eps**_SETTLED_ROOT
    weights = agent_weights(program, iterate)
    leaves = after.support & (iterate.amount <= 0)
    enters = program.able & ~after.support & (iterate.gap < -_WRONG * eps * iterate.value)
    out, into = jnp.zeros_like(after.rows), jnp.zeros_like(after.rows)
    if kind is not Kind.PRODUCT:
        out = after.rows & (iterate.multiplier <= 0)
        into = program.bounded & ~after.rows & (iterate.slack < -_WRONG * eps * row_scale(after.missing))
    wrong = jnp.any(leaves | enters, axis=(0, 1)) | jnp.any(out | into, axis=0)
    # the first to become cheaper on the way belongs in, whether or not the equations hold yet
    ratio = jnp.where(enters, iterate.gap / iterate.value, 0.0)
    clear = (ratio < -_CLEAR) & (ratio <= jnp.min(ratio, axis=(0, 1)) * (1 - _WRONG * eps))
    change = jnp.where(settled, wrong, jnp.any(clear, axis=(0, 1)))
    leaves, enters = leaves & settled, jnp.where(settled, enters, clear)
    out, into = out & settled, into & settled
    mended = dataclasses.replace(
        iterate,
        amount=jnp.where(
            enters, _ENTERS * reach(program, iterate, after.missing), jnp.where(leaves, 0.0, iterate.amount)
        ),
        multiplier=jnp.where(into, _ENTERS * weights, jnp.where(out, 0.0, iterate.multiplier)),
    )
    support, rows = (after.support | enters) & ~leaves, (after.rows | into) & ~out
    pivoted = _evaluate(kind, interior, after._replace(support=support, rows=rows, iterate=mended))
    stuck = (after.optimality <= eps**_CLOSED_ROOT) & (after.optimality > 0.25 * before.optimality)
    done = settled & ~wrong & ((after.optimality <= 16 * eps) | stuck)
    chosen: Guess = _choose(change, pivoted, after)
    return chosen._replace(verified=done)


def _choose(mask: Array, new: Any, old: Any) -> Any:
    return jax.tree.map(lambda one, other: jnp.where(mask, one, other), new, old)
