"""The Newton step of the sharing program, in O(m d min(m, d)).

Linearising the optimality conditions and eliminating amounts, reduced costs and slacks leaves, with W = n/z,

    E dλ + β dΛ 1 − (W∘c) ds − 1 (v·ds) + a dτ = g,      D ds − (W∘c)ᵀ dλ − v dΛ = h,      dΛ = Σ dλ,      a·dλ = e,

E_i = t_i/λ_i + Σ_k W c², D_k = h_k + Σ_i W, h_k = S_k/(2 s_k), v_k = S_k/(2Λ), β = Σ_k v_k s_k/Λ. The smaller of the
two sides is kept. What remains is a symmetric positive definite matrix with non-positive off-diagonal entries, whose
diagonal is summed without cancellation, plus a correction of rank two (three with τ) solved beside it.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax.scipy.linalg import cho_factor, cho_solve

from jaxmech._pytree import pytree
from jaxmech._types import Agents, Amounts, Array, Distributions, Scalar
from jaxmech.numerics._program import Iterate, Program, Residuals, dual_totals, total_weight

_HIGHEST = jax.lax.Precision.HIGHEST


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
        tests: one row per unknown in y: what of x enters its equation.
        border: A⁻¹ applied to the columns that y multiplies.
        small: matrix of the equations for y.
    """

    inverse_gap: Amounts
    ratio: Amounts
    weighted: Amounts
    inverse_rows: Agents
    columns: Distributions
    own: Distributions
    cholesky: Array
    tests: Array
    border: Array
    small: Array


def factor(program: Program, iterate: Iterate, bordered: bool) -> Factors:
    """Factor the Newton system at ``iterate``; ``bordered`` says whether τ is a variable."""
    m, d = program.costs.shape
    inverse_gap = 1 / iterate.gap
    ratio = iterate.amount * inverse_gap
    weighted = ratio * program.costs
    weight, totals = total_weight(program, iterate), dual_totals(program, iterate)
    own, stiffness = totals / (2 * weight), totals / (2 * iterate.value)
    soft = jnp.where(program.bounded, iterate.slack / jnp.where(program.bounded, iterate.multiplier, 1.0), 0.0)
    rows = soft + jnp.sum(weighted * program.costs, axis=1)
    inverse = jnp.where(program.bounded, 1.0 / jnp.where(rows > 0, rows, 1.0), 0.0)
    columns = stiffness + jnp.sum(ratio, axis=0)
    if d <= m:
        matrix = _columns_matrix(program, ratio, weighted, inverse, soft, stiffness)
        pushes = jnp.stack([_dot(weighted.T, inverse), own, _dot(weighted.T, inverse * program.direction)])
        curvature = jnp.sum(own * iterate.value) / weight
        both, twice = jnp.sum(inverse * program.direction), jnp.sum(inverse * program.direction**2)
        known = [[1.0, -jnp.sum(inverse), -both], [curvature, 1.0, 0.0], [0.0, -both, -twice]]
        sources = pushes[jnp.array([1, 0, 2])]
    else:
        matrix = _rows_matrix(program, ratio, weighted, columns, soft, stiffness)
        one = program.bounded.astype(rows.dtype)
        pushes = jnp.stack([one, one * _dot(weighted, own / columns), program.direction])
        curvature = jnp.sum(own**2 * jnp.sum(ratio, axis=0) / (stiffness * columns))
        known = [[1.0, 0.0, 0.0], [curvature, 1.0, 0.0], [0.0, 0.0, 0.0]]
        sources = pushes[jnp.array([1, 0, 2])]
    size = 3 if bordered else 2
    cholesky = cho_factor(matrix, lower=True)[0]
    border = cho_solve((cholesky, True), sources[:size].T)
    small = jnp.stack([jnp.stack([jnp.asarray(x, rows.dtype) for x in line]) for line in known])
    small = small[:size, :size] - _dot(pushes[:size], border)
    return Factors(inverse_gap, ratio, weighted, inverse, columns, own, cholesky, pushes[:size], border, small)


def newton_step(
    program: Program, iterate: Iterate, factors: Factors, residual: Residuals, products: tuple[Amounts, Agents]
) -> Iterate:
    """Solve for the change of the six variables that removes ``residual`` and changes n z and λ t by ``products``.

    Linear in ``residual`` and ``products``, which is what lets it serve the implicit derivative as well.
    """
    wanted, wanted_rows = products
    multiplier = jnp.where(program.bounded, iterate.multiplier, 1.0)
    free = wanted * factors.inverse_gap
    if residual.gaps is not None:
        free = free - factors.ratio * residual.gaps
    rows = wanted_rows / multiplier + jnp.sum(program.costs * free, axis=1) - residual.rows
    rows = jnp.where(program.bounded, rows, 0.0)
    columns = residual.totals - jnp.sum(free, axis=0)
    d_multiplier, d_value, d_level = _reduced(program, factors, rows, columns, residual.normalisation)
    d_gap = program.costs * d_multiplier[:, None] - d_value
    if residual.gaps is not None:
        d_gap = d_gap + residual.gaps
    d_gap = jnp.where(program.able, d_gap, 0.0)
    d_amount = wanted * factors.inverse_gap - factors.ratio * d_gap
    d_slack = jnp.where(program.bounded, (wanted_rows - iterate.slack * d_multiplier) / multiplier, 0.0)
    return Iterate(d_amount, d_gap, d_multiplier, d_slack, d_value, d_level)


def _reduced(
    program: Program, factors: Factors, rows: Agents, columns: Distributions, normalisation: Scalar
) -> tuple[Agents, Distributions, Scalar]:
    """Solve the two-block system of the module's head for (dλ, ds, dτ)."""
    m, d = program.costs.shape
    weighted, inverse, direction = factors.weighted, factors.inverse_rows, program.direction
    size = factors.small.shape[0]
    if d <= m:
        right = columns + _dot(weighted.T, inverse * rows)
        offsets = [_dot(inverse, rows), jnp.zeros_like(normalisation), _dot(inverse * direction, rows) - normalisation]
    else:
        scaled = columns / factors.columns
        right = jnp.where(program.bounded, rows + _dot(weighted, scaled), 0.0)
        offsets = [jnp.zeros_like(normalisation), _dot(factors.own, scaled), -normalisation]
    start = cho_solve((factors.cholesky, True), right)
    bordering = _solve_small(factors.small, _dot(factors.tests, start) + jnp.stack(offsets[:size]))
    kept = start + _dot(factors.border, bordering)
    level = -bordering[2] if size == 3 else jnp.zeros_like(normalisation)
    if d <= m:
        pushed = rows + _dot(weighted, kept) + bordering[1] - direction * level
        return inverse * pushed, kept, level
    return kept, (columns + _dot(weighted.T, kept) + factors.own * bordering[0]) / factors.columns, level


def _columns_matrix(
    program: Program, ratio: Amounts, weighted: Amounts, inverse: Agents, soft: Agents, stiffness: Distributions
) -> Array:
    """H + Σ_i W − Bᵀ E⁻¹ B over distributions."""
    remaining = _sum_of_others(weighted * program.costs, soft) * inverse[:, None]
    remaining = jnp.where(program.bounded[:, None], remaining, 1.0)
    return _with_diagonal(-_dot(weighted.T * inverse, weighted), stiffness + jnp.sum(ratio * remaining, axis=0))


def _rows_matrix(
    program: Program, ratio: Amounts, weighted: Amounts, columns: Distributions, soft: Agents, stiffness: Distributions
) -> Array:
    """E − B D⁻¹ Bᵀ over agents; the identity in rows without a constraint."""
    remaining = _sum_of_others(ratio.T, stiffness).T / columns
    diagonal = soft + jnp.sum(weighted * program.costs * remaining, axis=1)
    both = program.bounded[:, None] & program.bounded[None, :]
    matrix = jnp.where(both, -_dot(weighted / columns, weighted.T), 0.0)
    return _with_diagonal(matrix, jnp.where(program.bounded, diagonal, 1.0))


def _sum_of_others(entries: Array, extra: Array) -> Array:
    """Return extra_i + Σ_{l≠k} entries[i, l] for every k, without subtracting the largest entry from a sum."""
    top = jnp.max(entries, axis=1, keepdims=True)
    largest = entries == top
    count = jnp.sum(largest, axis=1, keepdims=True, dtype=entries.dtype)
    rest = extra[:, None] + jnp.sum(jnp.where(largest, 0.0, entries), axis=1, keepdims=True)
    return jnp.where(largest, rest + (count - 1) * top, (rest - entries) + count * top)


def _with_diagonal(matrix: Array, diagonal: Array) -> Array:
    return jnp.where(jnp.eye(len(diagonal), dtype=bool), diagonal[:, None], matrix)


def _dot(left: Array, right: Array) -> Array:
    product: Array = jnp.matmul(left, right, precision=_HIGHEST)
    return product


def _solve_small(matrix: Array, right: Array) -> Array:
    """Cramer's rule for two or three unknowns: no library call, so that batches stay in one kernel."""
    if matrix.shape[0] == 2:
        (a, b), (c, d) = matrix
        return jnp.stack([d * right[0] - b * right[1], a * right[1] - c * right[0]]) / (a * d - b * c)
    cross = [jnp.cross(matrix[:, 1], matrix[:, 2]), jnp.cross(matrix[:, 2], matrix[:, 0])]
    cross.append(jnp.cross(matrix[:, 0], matrix[:, 1]))
    return jnp.stack([_dot(right, normal) for normal in cross]) / _dot(matrix[:, 0], cross[0])
