"""The Newton step of a program whose errors count differently for every agent, over the agents: O(m² (m + d)).

With E_ik in place of w_k, Θ_k = Σ_i v_i E_ik, e = E/Θ, W = n/z, h_k = S_k/(2 s_k) and D_k = h_k + Σ_i W_ik, eliminating
amounts, reduced costs and slacks from the linearised conditions leaves

    D ds = Bᵀ dλ + q,    B = W∘c + S e/2,
    [diag(t/λ + Σ_k W c²) + Σ_k (s S/2) e eᵀ] dλ − B ds + a dτ = g,    a·dλ = known,

and, once ds is gone too, a symmetric positive semidefinite matrix over the agents, Σ_k of the variances of the points
c_i dλ_i, with weights W_ik, and s e·dλ, with weight h. Its diagonal is summed without W c² and W²c²/D cancelling.

Where τ is a variable, all t vanish together, and dλ in proportion to λ varies none of these points: the matrix becomes
singular. As a·dλ is known, ρ a aᵀ dλ can be added on both sides, which changes no solution and leaves it definite.
"""

import dataclasses

import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import AgentLanes, AmountLanes, Array, DistributionLanes, Lanes
from jaxmech.numerics._lanes import by_column, by_row, factorise, gram, others, solve_factorised, total
from jaxmech.numerics._newton import ORDINARY, Newton, back_substituted
from jaxmech.numerics._program import Iterate, Program, Residuals, dual_totals, pull


@pytree
@dataclasses.dataclass(frozen=True)
class Factors:
    """A factored system.

    Attributes:
        inverse_gap: 1/z.
        ratio: W = n/z.
        joint: B.
        columns: D.
        cholesky: factor of the matrix over agents.
        border: the system solved for a, where τ is a variable; else zero.
        lift: ρ; 0 where τ is none.
    """

    inverse_gap: AmountLanes
    ratio: AmountLanes
    joint: AmountLanes
    columns: DistributionLanes
    cholesky: Array
    border: AgentLanes
    lift: Lanes


def factor(program: Program, iterate: Iterate, bordered: bool) -> Factors:
    """Factor the system at ``iterate``; ``bordered`` says whether τ is a variable."""
    assert program.worth is not None
    inverse_gap = 1 / iterate.gap
    ratio = iterate.amount * inverse_gap
    totals = dual_totals(program, iterate)
    part = program.worth / pull(program, iterate)
    weighted, half = ratio * program.costs, totals * part / 2
    stiffness, sums = totals / (2 * iterate.value), total(ratio, 0)
    columns = stiffness + sums
    joint = weighted + half
    soft = jnp.where(program.bounded, iterate.slack / jnp.where(program.bounded, iterate.multiplier, 1.0), 0.0)
    alone = weighted * program.costs * others(ratio, columns, stiffness, 0) / columns
    shared = half * (iterate.value * part * sums - 2 * weighted) / columns
    both = program.bounded[:, None] & program.bounded[None, :]
    flat = jnp.swapaxes(part, 0, 1), jnp.swapaxes(joint, 0, 1)
    matrix = gram(flat[0], iterate.value * totals / 2) - gram(flat[1], 1 / columns)
    matrix = jnp.where(both, matrix, 0.0)
    diagonal = jnp.where(program.bounded, soft + total(alone + shared, 1), 1.0)
    eye = jnp.eye(len(diagonal), dtype=bool).reshape(*matrix.shape[:2], *(1 for _ in matrix.shape[2:]))
    matrix = jnp.where(eye, diagonal[:, None], matrix)
    lift, border = jnp.zeros_like(iterate.level), jnp.zeros_like(diagonal)
    if bordered:
        along = jnp.where(program.bounded, program.direction, 0.0)
        some = jnp.any(program.bounded, axis=0)  # without a row there is no τ to find
        count = jnp.where(some, total(program.bounded.astype(along.dtype), 0), 1.0)
        typical = jnp.exp(total(jnp.where(program.bounded, jnp.log(diagonal), 0.0), 0) / count)
        lift = jnp.where(some, typical * count / jnp.where(some, total(along**2, 0), 1.0), 0.0)
        matrix = matrix + lift * along[:, None] * along[None, :]
    cholesky = factorise(matrix)
    if bordered:
        border = solve_factorised(cholesky, along)
    return Factors(inverse_gap, ratio, joint, columns, cholesky, border, lift)


def newton_step(
    program: Program, iterate: Iterate, factors: Factors, residual: Residuals, products: tuple[AmountLanes, AgentLanes]
) -> Iterate:
    """Solve for the change that removes ``residual`` and changes n z and λ t by ``products``."""
    wanted, wanted_rows = products
    multiplier = jnp.where(program.bounded, iterate.multiplier, 1.0)
    free = wanted * factors.inverse_gap
    if residual.gaps is not None:
        free = free - factors.ratio * residual.gaps
    columns = residual.totals - total(free, 0)
    rows = wanted_rows / multiplier + total(program.costs * free, 1) - residual.rows
    rows = (
        rows
        + by_row(factors.joint, columns / factors.columns)
        + factors.lift * program.direction * residual.normalisation
    )
    rows = jnp.where(program.bounded, rows, 0.0)
    d_multiplier = solve_factorised(factors.cholesky, rows)
    pushed = total(program.direction * factors.border, 0)
    missed = total(program.direction * d_multiplier, 0) - residual.normalisation
    d_level = jnp.where(pushed > 0, missed / jnp.where(pushed > 0, pushed, 1.0), 0.0)
    d_multiplier = d_multiplier - factors.border * d_level
    d_value = (columns + by_column(factors.joint, d_multiplier)) / factors.columns
    return back_substituted(program, iterate, factors, residual, products, (d_multiplier, d_value, d_level))


BY_WORTH = Newton(factor, newton_step, back_off=0.95, centring=0.0)
"""For errors that count differently for every agent."""


def ordinary(program: Program) -> Newton:
    """The step that is taken first: by the smaller side, or over the agents where errors count differently."""
    return ORDINARY if program.worth is None else BY_WORTH
