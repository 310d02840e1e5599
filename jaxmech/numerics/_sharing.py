"""Solve a sharing program, differentiably: scaling, support, certified residual and the implicit derivative."""

import dataclasses
from collections.abc import Callable
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._extremes import highest
from jaxmech._status import Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Bool, Distributions, Scalar, Support
from jaxmech.numerics._many import solve_one_or_many
from jaxmech.numerics._newton_worth import ordinary
from jaxmech.numerics._program import (
    Iterate,
    Kind,
    Program,
    Residuals,
    agent_weights,
    certified_residual,
    dual_totals,
    infeasibility,
    pull,
    pull_of,
    total_weight,
)
from jaxmech.numerics._rows import through_rows

MANY = 256
"""Agents beyond which those who are alike are found by sorting: a table of all pairs would outgrow everything else."""


class SharingOptimum(NamedTuple):
    """Optimal amounts of a sharing program, with what is needed to trust them.

    Attributes:
        amount: n, exactly zero off the support; NaN where the status says that there is no answer.
        multiplier: λ, in the unit of the weights.
        status: :class:`Status` code.
        residual: largest relative error in the optimality conditions, of any agent and any distribution.
        steps: interior-point steps and those on the support.
    """

    amount: Amounts
    multiplier: Agents
    status: Array
    residual: Scalar
    steps: Array


def solve_sharing(
    kind: Kind,
    costs: Amounts,
    error: Distributions | Amounts,
    *,
    weights: Agents | None = None,
    bounds: Agents | None = None,
    direction: Agents | None = None,
    skip: Bool[Array, ""] | bool = False,
) -> SharingOptimum:
    """Solve one of the programs of :class:`Kind` for p_i(n) = Σ_k error_k/S_k + Σ_k costs[i, k] n[i, k], n >= 0.

    A primal-dual interior-point method that ends on the exact support; each step costs O(m d min(m, d)). Derivatives in
    costs, error, weights, bounds and direction come from the optimality conditions on that support: amounts that are
    zero stay zero, and at a kink (an agent entering or leaving the optimal face) they are those of one of its sides.

    Args:
        kind: which program.
        costs: (agents, distributions), positive, ∞ where n must be zero.
        error: positive, one per distribution; or (agents, distributions), 0 or more: Σ_k error_ik/S_k.
        weights: ω of a WEIGHTED program.
        bounds: b; ∞ for a row without constraint. Needed for WEIGHTED and PRODUCT.
        direction: a of a MINIMAX program, positive.
        skip: true where the caller does not need the answer; the loop is then left at once.

    Returns:
        Amounts and multipliers with status, residual and steps.

    Source: Clinton et al. 2025, equation (6), for the program; the interior point is this package's.
    """
    m = costs.shape[0]
    zeros = jnp.zeros(m, costs.dtype)
    bounds = zeros if bounds is None else bounds
    # not isfinite: a NaN must reach the answer of its own instance
    able, bounded = costs != jnp.inf, bounds != jnp.inf
    row, worth = error, None
    if error.ndim == costs.ndim:
        # what nobody wants is not collected, and its unit is any
        row, worth = highest(error, 0), error
        able = able & (row > 0)
        row = jnp.where(row > 0, row, 1.0)
    unit, money = _units(costs, row, able)
    program = Program(
        costs=jnp.where(able, jnp.where(able, costs, 1.0) * unit / money, 1.0),
        error=row / (unit * money),
        worth=None if worth is None else worth / (unit * money),
        weights=zeros if weights is None else weights,
        bounds=jnp.where(bounded, jnp.where(bounded, bounds, 1.0) / money, 1.0),
        direction=zeros if direction is None else direction / jax.lax.stop_gradient(jnp.mean(direction)),
        able=able,
        bounded=bounded,
    )
    iterate, steps = _optimum(kind, program, jnp.asarray(skip))
    amount = jnp.maximum(iterate.amount, 0.0)  # where the exact end was given up, rounding may be left below zero
    # what is lost in its total helps nobody, and would cost its agent: with costs over 20 decades more than all else
    amount = jnp.where(amount <= tolerances(amount.dtype).eps / 4 * program.sums(amount), 0.0, amount)
    residual = jax.lax.stop_gradient(certified_residual(kind, program, amount, iterate.multiplier))
    status = _status(kind, program, iterate.multiplier, residual, steps)
    status = jnp.where(skip, Status.OK, status).astype(jnp.int32)
    return SharingOptimum(amount * unit, iterate.multiplier, status, residual, steps.astype(jnp.int32))


def _units(costs: Amounts, error: Distributions, able: Support) -> tuple[Distributions, Scalar]:
    """Units of amount and of money in which all numbers are near one; constants for differentiation."""
    cheapest = jnp.min(jnp.where(able, costs, jnp.inf), axis=0)
    idle = cheapest == jnp.inf
    cheapest = jnp.where(idle, 1.0, cheapest)
    unit = jnp.sqrt(error / cheapest)
    money = jnp.sum(jnp.where(idle, 0.0, jnp.sqrt(error * cheapest)))
    return jax.lax.stop_gradient(unit), jax.lax.stop_gradient(money)


def _status(kind: Kind, program: Program, multiplier: Agents, residual: Scalar, steps: Array) -> Array:
    limits = tolerances(residual.dtype)
    ended = jnp.where(steps >= limits.max_steps, Status.MAX_STEPS, Status.STALLED)
    codes = [Status.OK, Status.ALMOST, Status.INFEASIBLE, Status.NONFINITE]
    cases = [
        residual <= limits.optimality,
        residual <= limits.almost,
        kind.weighted & (infeasibility(program, multiplier) > limits.optimality),
        ~jnp.isfinite(residual),
    ]
    return jnp.select(cases, [jnp.asarray(code, jnp.int32) for code in codes], ended)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _optimum(kind: Kind, program: Program, skip: Array) -> tuple[Iterate, Array]:
    iterate, steps = solve_one_or_many(kind)(program, skip)
    return _alike(program, iterate), steps.astype(program.costs.dtype)


def _rows_alike(program: Program, iterate: Iterate) -> Iterate:
    """Give agents with the same data the mean of what they have: optima are convex sets that exchanging them keeps.

    A batch (instances, ...) that has no such agents costs a look at them.
    """
    some = jnp.any(jax.vmap(_any_alike)(program))
    averaged: Iterate = jax.lax.cond(some, jax.vmap(_averaged), lambda _, iterate: iterate, program, iterate)
    return averaged


_alike = through_rows(_rows_alike, like=lambda _, iterate: iterate)


def _any_alike(program: Program) -> Array:
    """Whether two agents may have the same data: necessary, not sufficient."""
    ends = (jnp.min(program.costs, axis=1), jnp.max(program.costs, axis=1), program.bounds)
    if len(program.bounds) > MANY:
        return jnp.max(_groups(jnp.stack(ends, axis=1))) + 1 < len(program.bounds)
    pairs = reduce(jnp.logical_and, [values[:, None] == values[None] for values in ends])
    return jnp.sum(pairs) > len(program.bounds)


def _averaged(program: Program, iterate: Iterate) -> Iterate:
    dtype = program.costs.dtype
    columns = (program.weights, program.bounds, program.direction, program.bounded.astype(dtype))
    tables = [program.costs, program.able.astype(dtype), *([] if program.worth is None else [program.worth])]
    data = jnp.concatenate([jnp.stack(columns, axis=1), *tables], axis=1)
    shared = _by_groups(data) if len(data) > MANY else _by_pairs(data)
    rows = (iterate.amount, iterate.gap, iterate.multiplier, iterate.slack)
    amount, gap, multiplier, slack = map(shared, rows)
    return dataclasses.replace(iterate, amount=amount, gap=gap, multiplier=multiplier, slack=slack)


def _by_pairs(data: Array) -> Callable[[Array], Array]:
    """From values by row to their means over equal rows; a value of its own stays as it is."""
    every = jnp.ones((len(data), len(data)), bool)
    # one column after the other: of many columns all pairs at once would not fit into memory
    same = jax.lax.fori_loop(0, data.shape[1], lambda k, same: same & (data[:, None, k] == data[None, :, k]), every)
    count = jnp.sum(same, axis=1)

    def shared(values: Array) -> Array:
        shares = same.astype(data.dtype) / count[:, None].astype(data.dtype)
        mean = jnp.matmul(shares, values, precision=jax.lax.Precision.HIGHEST)
        return jnp.where(_tall(count, values) == 1, values, mean)

    return shared


def _by_groups(data: Array) -> Callable[[Array], Array]:
    """The same without a table of pairs."""
    label = _groups(data)

    def summed(values: Array) -> Array:
        return jax.ops.segment_sum(values, label, len(data))[label]

    count = summed(jnp.ones(len(data), data.dtype))
    return lambda values: jnp.where(_tall(count, values) == 1, values, summed(values) / _tall(count, values))


def _groups(data: Array) -> Array:
    """A number for each row, the same for rows that are equal: all are sorted by one column after the other."""

    def refine(k: Array, label: Array) -> Array:
        order = jnp.lexsort((data[:, k], label))
        old, column = label[order], data[:, k][order]
        new = (old[1:] != old[:-1]) | (column[1:] != column[:-1])
        return jnp.zeros_like(label).at[order[1:]].set(jnp.cumsum(new, dtype=label.dtype))

    return jax.lax.fori_loop(0, data.shape[1], refine, jnp.zeros(len(data), jnp.int32))


def _tall(counts: Array, values: Array) -> Array:
    return counts.reshape(-1, *(1 for _ in values.shape[1:]))


@_optimum.defjvp
def _optimum_jvp(
    kind: Kind, primals: tuple[Program, Array], tangents: tuple[Program, Any]
) -> tuple[tuple[Iterate, Array], tuple[Iterate, Array]]:
    """Differentiate the optimality conditions: one Newton system with another right-hand side.

    At the optimum z is zero on the support, and t in the rows that bind; so both are raised there, and a second solve
    with the same factors takes the effect of raising them out again.
    """
    program, skip = primals
    iterate, steps = _optimum(kind, program, skip)
    held = dataclasses.replace(
        program,
        able=program.able & (iterate.amount > 0),
        bounded=program.bounded & (iterate.multiplier > 0),
    )
    missing = _moved_residuals(held, tangents[0], iterate)
    raised = _raised(kind, held, iterate)
    newton = ordinary(program)
    factors = newton.factor(held, raised, kind is Kind.MINIMAX)
    rows = jnp.zeros_like(iterate.multiplier)
    step = newton.step(held, raised, factors, missing, (jnp.zeros_like(iterate.amount), rows))
    lifts = (
        jnp.where(held.able, raised.gap - iterate.gap, 0.0),
        jnp.where(held.bounded, raised.slack - iterate.slack, 0.0),
    )
    step = newton.step(held, raised, factors, missing, (lifts[0] * step.amount, lifts[1] * step.multiplier))
    return (iterate, steps), (step, jnp.zeros_like(steps))


def _raised(kind: Kind, held: Program, iterate: Iterate) -> Iterate:
    """Move z and t off zero, for the factors."""
    height = tolerances(iterate.gap.dtype).eps ** 0.4
    gap = jnp.where(held.able, jnp.maximum(iterate.gap, height * iterate.value), 1.0)
    slack = iterate.slack
    if kind is not Kind.PRODUCT:
        scale = jnp.abs(held.bounds + held.direction * iterate.level)
        slack = jnp.where(held.bounded, jnp.maximum(slack, height * scale), 1.0)
    return dataclasses.replace(iterate, gap=gap, slack=slack)


def _moved_residuals(program: Program, tangent: Program, iterate: Iterate) -> Residuals:
    """What the optimality conditions are missing to first order once the data have moved along ``tangent``."""
    totals, spent = dual_totals(program, iterate), jnp.sum(tangent.costs * iterate.amount, axis=1)
    if program.worth is None:
        weight = total_weight(program, iterate)
        risen = jnp.sum(tangent.weights) / weight
        errors = tangent.error / program.error
        lifted, dearer = errors + risen, jnp.sum(program.error / totals * (errors - risen)) / 2
    else:
        assert tangent.worth is not None
        pulled = pull_of(program, tangent.weights) + agent_weights(program, iterate) @ tangent.worth
        lifted = pulled / pull(program, iterate)
        dearer = jnp.sum((tangent.worth - program.worth * lifted / 2) / totals, axis=1)
    rows = tangent.bounds + tangent.direction * iterate.level - spent - dearer
    gaps = agent_weights(program, iterate)[:, None] * tangent.costs + tangent.weights[:, None] * program.costs
    return Residuals(
        totals=totals * lifted / 2,
        rows=jnp.where(program.bounded, rows, 0.0),
        gaps=jnp.where(program.able, gaps, 0.0),
        normalisation=-jnp.sum(tangent.direction * iterate.multiplier),
    )
