"""The sharing program with bounds on amounts and on what each agent spends: a pure kernel of its own.

With S_k = Σ_i n[i, k] and p_i(n) = Σ_k E_ik/S_k + Σ_k c[i, k] n[i, k], over l <= n <= u, Σ_k c[i, k] n[i, k] <= B_i and
a free number τ, one of

    WEIGHTED   minimise Σ_i ω_i p_i(n)            subject to p_i(n) <= b_i            (rows with finite b_i)
    MINIMAX    minimise τ                         subject to p_i(n) <= b_i + a_i τ
    PRODUCT    maximise Σ_i log(b_i − p_i(n))

A primal-dual interior-point method with predictor and corrector on the whole system of m d + 2 m + 1 unknowns. Its
matrix is the Hessian of the Lagrangian, by automatic differentiation, and a diagonal; it is factorised densely with
pivots, because eliminating amounts on their way to a bound would cost the digits that the end needs. Newton's method
on the guessed active set ends it, so that what is at a bound is exactly there. Instances of a batch are solved one
after the other: no instance waits for the slowest, and no batched library call is made.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_batching import sequential_vmap

from jaxmech._status import Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Scalar
from jaxmech.numerics._limited_point import STEPS, Active, State, distances, held, interior, masks_of
from jaxmech.numerics._limited_program import Limits, Unknowns, curvature, flat, gradient, limited_residual, shaped
from jaxmech.numerics._program import Kind

MOST_UNKNOWNS = 3000
"""Largest system that is factorised densely: 72 MB in float64."""

_POLISH = 6
_PROXIMAL = 1e-10  # where the active set leaves a direction open, as among equal agents, nothing moves along it


class LimitedOptimum(NamedTuple):
    """Optimal amounts with what is needed to trust them.

    Attributes:
        amount: n, exactly at a bound where it binds.
        multiplier: λ of the rows.
        price: ν of the budgets: what one more unit of money to spend would save.
        status: :class:`Status` code.
        residual: largest relative error in the optimality conditions, from the three alone.
        steps: interior-point steps.
    """

    amount: Amounts
    multiplier: Agents
    price: Agents
    status: Array
    residual: Scalar
    steps: Array


def solve_limited(kind: Kind, limits: Limits, start: Amounts) -> LimitedOptimum:
    """Solve one of the programs of the module, for numbers of any unit.

    Derivatives in all of ``limits`` come from the optimality conditions on the active set: what is at a bound moves
    with the bound; at a kink they are those of one side.

    Args:
        kind: WEIGHTED, MINIMAX or PRODUCT.
        limits: the data; entries with u = l are not chosen.
        start: amounts of the right size, as of everybody alone.

    Source: Clinton et al. 2025, equation (7), for the program without bounds; the method is this package's.

    Example:
        >>> one, two = jnp.ones(2), jnp.ones((2, 1))
        >>> data = Limits(two, two, one, one * jnp.inf, 0 * one, 0 * two, jnp.array([[0.5], [jnp.inf]]), one * jnp.inf)
        >>> round(float(solve_limited(Kind.WEIGHTED, data, two).amount.sum()), 6)
        1.414214
    """
    unit = jnp.sum(start, axis=0)
    unit = jax.lax.stop_gradient(jnp.where(unit > 0, unit, 1.0))
    spent = jnp.sum(limits.costs * start) + jnp.sum(limits.worth / unit)
    money = jax.lax.stop_gradient(jnp.where(spent > 0, spent, 1.0) / len(start))
    scaled = Limits(
        costs=limits.costs * unit / money,
        worth=limits.worth / unit / money,
        weights=limits.weights,
        bounds=limits.bounds / money,
        direction=limits.direction,
        lower=limits.lower / unit,
        upper=limits.upper / unit,
        budget=limits.budget / money,
    )
    found, steps = _solve(kind, scaled, jax.lax.stop_gradient(start / unit))
    residual = jax.lax.stop_gradient(limited_residual(kind, scaled, found))
    accuracy = tolerances(residual.dtype)
    ended = jnp.where(steps >= STEPS, Status.MAX_STEPS, Status.STALLED)
    cases = [residual <= accuracy.optimality, residual <= accuracy.almost, ~jnp.isfinite(residual)]
    codes = [jnp.int32(code) for code in (Status.OK, Status.ALMOST, Status.NONFINITE)]
    status = jnp.select(cases, codes, ended.astype(jnp.int32))
    return LimitedOptimum(found.amount * unit, found.multiplier, found.price, status, residual, steps.astype(jnp.int32))


def _polished(kind: Kind, limits: Limits, state: State) -> Unknowns:
    """Newton's method on the guessed active set."""
    masks = masks_of(kind, limits)
    below, above = distances(limits, masks, state.x.amount)
    scale = limits.costs
    at_low = ~limits.free | (below * scale < state.low)
    at_high = masks.capped & (above * scale < state.high) & ~at_low
    rows = masks.active.multiplier & ((state.x.multiplier > state.slack) | (kind is Kind.PRODUCT))
    bills = masks.active.price & (state.x.price > state.left) & jnp.any(~at_low & ~at_high, axis=1)
    place = jnp.where(at_low, limits.lower, jnp.where(masks.capped, limits.upper, 0.0))
    active = Active(~at_low & ~at_high, rows, bills, masks.active.level)
    x = Unknowns(
        jnp.where(active.amount, state.x.amount, place),
        jnp.where(rows, state.x.multiplier, 0.0),
        jnp.where(bills, state.x.price, 0.0),
        state.x.level,
    )

    def step(_: Array, x: Unknowns) -> Unknowns:
        return Unknowns(*map(jnp.add, x, _newton(kind, limits, active, x, gradient(kind, limits, x))))

    polished: Unknowns = jax.lax.fori_loop(0, _POLISH, step, x)
    return polished


def _newton(kind: Kind, limits: Limits, active: Active, x: Unknowns, missed: Unknowns) -> Unknowns:
    """The change of the active unknowns that removes ``missed``, the others being held."""
    flags = flat(Unknowns(*active))
    soft = Unknowns(_PROXIMAL * limits.costs, jnp.zeros_like(x.multiplier), jnp.zeros_like(x.price), 0 * x.level)
    if kind is Kind.PRODUCT:  # λ t = 1: −t + 1/λ = 0, of slope −1/λ²
        safe = jnp.where(active.multiplier, x.multiplier, 1.0)
        missed = missed._replace(multiplier=missed.multiplier + 1 / safe)
        soft = soft._replace(multiplier=-1 / safe**2)
    matrix = held(curvature(kind, limits, x) + jnp.diag(flat(soft)), flags, 1.0)
    return shaped(limits, jnp.linalg.solve(matrix, jnp.where(flags, -flat(missed), 0.0)))


def _best(kind: Kind, limits: Limits, start: Amounts) -> tuple[Unknowns, Array]:
    """The interior point's answer, and on its active set if that is as good."""
    state = interior(kind, limits, start)
    exact = _polished(kind, limits, state)
    raw, better = (limited_residual(kind, limits, x) for x in (state.x, exact))
    limit = tolerances(start.dtype).optimality
    taken = (better <= jnp.maximum(raw, 0.1 * limit)) | ~jnp.isfinite(raw)
    chosen = jax.tree.map(lambda new, old: jnp.where(taken, new, old), exact, state.x)
    return chosen, state.steps.astype(start.dtype)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _solve(kind: Kind, limits: Limits, start: Amounts) -> tuple[Unknowns, Array]:
    one_by_one: Callable[[Limits, Amounts], tuple[Unknowns, Array]]
    one_by_one = sequential_vmap(partial(_best, kind))  # type: ignore[no-untyped-call]
    return one_by_one(limits, start)


@_solve.defjvp
def _solve_jvp(
    kind: Kind, primals: tuple[Limits, Amounts], tangents: tuple[Limits, Any]
) -> tuple[tuple[Unknowns, Array], tuple[Unknowns, Array]]:
    """Differentiate the conditions on the active set; what is at a bound moves with it."""
    limits, start = primals
    x, steps = _solve(kind, limits, start)
    at_low = ~limits.free | (x.amount <= limits.lower + _near(x.amount))
    at_high = ~at_low & (x.amount >= limits.upper - _near(x.amount))
    missed = gradient(kind, limits, x)
    masks = masks_of(kind, limits)
    rows = masks.active.multiplier & ((x.multiplier > -missed.multiplier) | (kind is Kind.PRODUCT))
    # a bill of which nothing is free follows from bounds, as where all the money goes into one distribution
    bills = masks.active.price & (x.price > -missed.price) & jnp.any(~at_low & ~at_high, axis=1)
    active = Active(~at_low & ~at_high, rows, bills, masks.active.level)
    moved = jnp.where(at_low, tangents[0].lower, jnp.where(at_high, tangents[0].upper, 0.0))
    held = Unknowns(moved, *(jnp.zeros_like(part) for part in x[1:]))

    def conditions(data: Limits, amount: Amounts) -> Unknowns:
        return gradient(kind, data, x._replace(amount=amount))

    _, opened = jax.jvp(conditions, (limits, x.amount), (tangents[0], moved))
    if kind is Kind.PRODUCT:
        safe = jnp.where(active.multiplier, x.multiplier, 1.0)
        opened = opened._replace(multiplier=opened.multiplier - 1 / safe)  # taken back in the step below
    step = _newton(kind, limits, active, x, opened)
    return (x, steps), (Unknowns(*map(jnp.add, step, held)), jnp.zeros_like(steps))


def _near(amount: Amounts) -> Array:
    """How near a bound an amount counts as at it."""
    return tolerances(amount.dtype).optimality * jnp.sum(amount, axis=0)
