"""The Newton step of the sharing program, in O(m d min(m, d)).

Linearising the optimality conditions and eliminating amounts, reduced costs and slacks leaves, with W = n/z,

    E dλ + β dΛ 1 − (W∘c) ds − 1 (v·ds) + a dτ = g,      D ds − (W∘c)ᵀ dλ − v dΛ = h,      dΛ = Σ dλ,      a·dλ = e,

E_i = t_i/λ_i + Σ_k W c², D_k = h_k + Σ_i W, h_k = S_k/(2 s_k), v_k = S_k/(2Λ), β = Σ_k v_k s_k/Λ. The smaller of the
two sides is kept. What remains is a symmetric positive definite matrix with non-positive off-diagonal entries, whose
diagonal is summed without cancellation, plus a correction of rank two (three with τ) solved beside it.
"""

import dataclasses
from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import AgentLanes, AmountLanes, Array, DistributionLanes, Float, Lanes
from jaxmech.numerics._lanes import by_column, by_row, factorise, gram, others, solve_factorised, total
from jaxmech.numerics._program import Iterate, Program, Residuals, dual_totals, pull, pull_of, total_weight

Kept = Float[Array, "kept *lanes"]


@pytree
@dataclasses.dataclass(frozen=True)
class Factors:
    """A factored Newton system. The kept side x (ds or dλ) is x = A⁻¹(right-hand side) + border·y, y = (dΛ, ρ, −dτ).

    Attributes:
        inverse_gap: 1/z.
        ratio: W = n/z.
        weighted: B = W∘c.
        inverse_rows: 1/E, zero in rows without a constraint.
        columns: D.
        own: v.
        cholesky: factor of A.
        tests: one per unknown in y: what of x enters its equation.
        border: A⁻¹ applied to the columns that y multiplies.
        small: rows of the matrix of the equations for y.
    """

    inverse_gap: AmountLanes
    ratio: AmountLanes
    weighted: AmountLanes
    inverse_rows: AgentLanes
    columns: DistributionLanes
    own: DistributionLanes
    cholesky: Array
    tests: tuple[Kept, ...]
    border: tuple[Kept, ...]
    small: tuple[tuple[Lanes, ...], ...]


def factor(program: Program, iterate: Iterate, bordered: bool) -> Factors:
    """Factor the Newton system at ``iterate``; ``bordered`` says whether τ is a variable."""
    m, d = program.costs.shape[:2]
    inverse_gap = 1 / iterate.gap
    ratio = iterate.amount * inverse_gap
    weighted = ratio * program.costs
    weight, totals = total_weight(program, iterate), dual_totals(program, iterate)
    own, stiffness = totals / (2 * weight), totals / (2 * iterate.value)
    soft = jnp.where(program.bounded, iterate.slack / jnp.where(program.bounded, iterate.multiplier, 1.0), 0.0)
    rows = soft + total(weighted * program.costs, 1)
    inverse = jnp.where(program.bounded, 1.0 / jnp.where(rows > 0, rows, 1.0), 0.0)
    columns = stiffness + total(ratio, 0)
    one, zero = jnp.ones_like(weight), jnp.zeros_like(weight)
    known: tuple[tuple[Lanes, ...], ...]
    if d <= m:
        matrix = _columns_matrix(program, ratio, weighted, inverse, rows, soft, stiffness)
        pushes = (by_column(weighted, inverse), own, by_column(weighted, inverse * program.direction))
        curvature = total(own * iterate.value, 0) / weight
        both, twice = total(inverse * program.direction, 0), total(inverse * program.direction**2, 0)
        known = ((one, -total(inverse, 0), -both), (curvature, one, zero), (zero, -both, -twice))
    else:
        matrix = _rows_matrix(program, ratio, weighted, columns, soft, stiffness)
        ones = program.bounded.astype(rows.dtype)
        pushes = (ones, ones * by_row(weighted, own / columns), program.direction)
        curvature = total(own**2 * total(ratio, 0) / (stiffness * columns), 0)
        known = ((one, zero, zero), (curvature, one, zero), (zero, zero, zero))
    size = 3 if bordered else 2
    cholesky = factorise(matrix)
    border = tuple(solve_factorised(cholesky, pushes[k]) for k in (1, 0, 2)[:size])
    tests = pushes[:size]
    small = tuple(tuple(known[row][k] - total(tests[row] * border[k], 0) for k in range(size)) for row in range(size))
    return Factors(inverse_gap, ratio, weighted, inverse, columns, own, cholesky, tests, border, small)


def newton_step(
    program: Program, iterate: Iterate, factors: Factors, residual: Residuals, products: tuple[AmountLanes, AgentLanes]
) -> Iterate:
    """Solve for the change of the six variables that removes ``residual`` and changes n z and λ t by ``products``.

    Linear in ``residual`` and ``products``, which is what lets it serve the implicit derivative as well.
    """
    wanted, wanted_rows = products
    multiplier = jnp.where(program.bounded, iterate.multiplier, 1.0)
    free = wanted * factors.inverse_gap
    if residual.gaps is not None:
        free = free - factors.ratio * residual.gaps
    rows = wanted_rows / multiplier + total(program.costs * free, 1) - residual.rows
    rows = jnp.where(program.bounded, rows, 0.0)
    columns = residual.totals - total(free, 0)
    d_multiplier, d_value, d_level = _reduced(program, factors, rows, columns, residual.normalisation)
    return back_substituted(program, iterate, factors, residual, products, (d_multiplier, d_value, d_level))


def back_substituted(
    program: Program,
    iterate: Iterate,
    factors: Any,
    residual: Residuals,
    products: tuple[AmountLanes, AgentLanes],
    kept: tuple[AgentLanes, DistributionLanes, Lanes],
) -> Iterate:
    """Return the whole step, given the changes of λ, s and τ.

    Args:
        program: data.
        iterate: where it is taken.
        factors: with 1/z and W.
        residual: what it removes.
        products: what n z and λ t change by.
        kept: dλ, ds, dτ.
    """
    wanted, wanted_rows = products
    d_multiplier, d_value, d_level = kept
    multiplier = jnp.where(program.bounded, iterate.multiplier, 1.0)
    d_gap = program.costs * d_multiplier[:, None] - d_value
    if residual.gaps is not None:
        d_gap = d_gap + residual.gaps
    d_gap = jnp.where(program.able, d_gap, 0.0)
    d_amount = wanted * factors.inverse_gap - factors.ratio * d_gap
    # where one agent collects nearly all, (n/z) dz would drown what the others collect in its rounding
    rise = pull_of(program, d_multiplier) / pull(program, iterate)
    d_totals = residual.totals + dual_totals(program, iterate) * (rise - d_value / iterate.value) / 2
    giant = 2 * iterate.amount > total(iterate.amount, 0)
    rest = d_totals - total(jnp.where(giant, 0.0, d_amount), 0)
    d_amount = jnp.where(giant, rest, d_amount)
    d_slack = jnp.where(program.bounded, (wanted_rows - iterate.slack * d_multiplier) / multiplier, 0.0)
    return Iterate(d_amount, d_gap, d_multiplier, d_slack, d_value, d_level)


class Newton(NamedTuple):
    """A way to take Newton's steps.

    Attributes:
        factor: like the one above.
        step: like the one above.
        back_off: share of the step to the boundary that is taken while far from the optimum.
        centring: share of the complementarity that is aimed at, at least.
    """

    factor: Callable[[Program, Iterate, bool], Any]
    step: Callable[[Program, Iterate, Any, Residuals, tuple[AmountLanes, AgentLanes]], Iterate]
    back_off: float
    centring: float


ORDINARY = Newton(factor, newton_step, back_off=0.95, centring=0.0)
"""By elimination of the larger side: fast, and exact to rounding of the largest numbers."""


def _reduced(
    program: Program, factors: Factors, rows: AgentLanes, columns: DistributionLanes, normalisation: Lanes
) -> tuple[AgentLanes, DistributionLanes, Lanes]:
    """Solve the two-block system of the module's head for (dλ, ds, dτ)."""
    m, d = program.costs.shape[:2]
    weighted, inverse, direction = factors.weighted, factors.inverse_rows, program.direction
    none = jnp.zeros_like(normalisation)
    if d <= m:
        right = columns + by_column(weighted, inverse * rows)
        offsets = (total(inverse * rows, 0), none, total(inverse * direction * rows, 0) - normalisation)
    else:
        scaled = columns / factors.columns
        right = jnp.where(program.bounded, rows + by_row(weighted, scaled), 0.0)
        offsets = (none, total(factors.own * scaled, 0), -normalisation)
    start = solve_factorised(factors.cholesky, right)
    tested = [total(test * start, 0) + offset for test, offset in zip(factors.tests, offsets, strict=False)]
    bordering = _solve_small(factors.small, tested)
    kept = reduce(jnp.add, [column * y for column, y in zip(factors.border, bordering, strict=True)], start)
    level = -bordering[2] if len(bordering) == 3 else none
    if d <= m:
        pushed = rows + by_row(weighted, kept) + bordering[1] - direction * level
        return inverse * pushed, kept, level
    return kept, (columns + by_column(weighted, kept) + factors.own * bordering[0]) / factors.columns, level


def _columns_matrix(
    program: Program,
    ratio: AmountLanes,
    weighted: AmountLanes,
    inverse: AgentLanes,
    rows: AgentLanes,
    soft: AgentLanes,
    stiffness: DistributionLanes,
) -> Array:
    """H + Σ_i W − Bᵀ E⁻¹ B over distributions."""
    remaining = others(weighted * program.costs, rows, soft, 1) * inverse[:, None]
    remaining = jnp.where(program.bounded[:, None], remaining, 1.0)
    return _with_diagonal(-gram(weighted, inverse), stiffness + total(ratio * remaining, 0))


def _rows_matrix(
    program: Program,
    ratio: AmountLanes,
    weighted: AmountLanes,
    columns: DistributionLanes,
    soft: AgentLanes,
    stiffness: DistributionLanes,
) -> Array:
    """E − B D⁻¹ Bᵀ over agents; the identity in rows without a constraint."""
    remaining = others(ratio, columns, stiffness, 0) / columns
    diagonal = soft + total(weighted * program.costs * remaining, 1)
    both = program.bounded[:, None] & program.bounded[None, :]
    matrix = jnp.where(both, -gram(jnp.swapaxes(weighted, 0, 1), 1 / columns), 0.0)
    return _with_diagonal(matrix, jnp.where(program.bounded, diagonal, 1.0))


def _with_diagonal(matrix: Array, diagonal: Array) -> Array:
    eye = jnp.eye(len(diagonal), dtype=bool).reshape(*matrix.shape[:2], *(1 for _ in matrix.shape[2:]))
    return jnp.where(eye, diagonal[:, None], matrix)


def _solve_small(matrix: tuple[tuple[Lanes, ...], ...], right: list[Lanes]) -> list[Lanes]:
    """Cramer's rule for two or three unknowns."""
    if len(matrix) == 2:
        (a, b), (c, d) = matrix
        determinant = a * d - b * c
        return [(d * right[0] - b * right[1]) / determinant, (a * right[1] - c * right[0]) / determinant]
    first, second, third = zip(*matrix, strict=True)
    normals = [_cross(second, third), _cross(third, first), _cross(first, second)]
    determinant = _inner(first, normals[0])
    return [_inner(right, normal) / determinant for normal in normals]


def _cross(left: tuple[Lanes, ...], right: tuple[Lanes, ...]) -> tuple[Lanes, ...]:
    (a, b, c), (x, y, z) = left, right
    return b * z - c * y, c * x - a * z, a * y - b * x


def _inner(left: list[Lanes] | tuple[Lanes, ...], right: tuple[Lanes, ...]) -> Lanes:
    return reduce(jnp.add, [one * other for one, other in zip(left, right, strict=True)])
