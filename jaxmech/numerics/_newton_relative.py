"""The Newton step of a WEIGHTED program for data over many decades: in ratios to whoever matters most, and dense.

Where one agent G outweighs all others or collects nearly all of a distribution, what decides is how little is left:
Λ − v_G, S_k − n_gk, v_g c_gk − s_k, all of which the unknowns of the ordinary step lose to rounding. Here they are

    η_i = dlog v_i for i ≠ G, dv_G = 0,    x = −dlevel/Λ,    δ_k = dlog(s_k/v_g(k)),

with g(k) the agent who collects most of k, whose change is what totals leave to her, and ω in a unit that changes: v is
determined but for a factor, and with v_G = 1 what is left of Λ is a sum. With f = n/S, P = f s/z, u = v/Λ,

    L_k = dlog S_k = ½(Σ_j u_j η_j − δ_k − η_g(k)),
    dn_ik/S_k = φ_ik = free_ik − f_ik η_i + P_ik (δ_k + η_g(k) − η_i),        Σ_i φ_ik − L_k = missing_k/S_k,
    dt_i = missing_i − Σ_k c S (φ_ik − q L_k),        q_ik = w_k/(c_ik S_k²),        1 − q = (Λ − v_i + z/c)/Λ,
    t_i dλ_i + λ_i dt_i = wanted_i,                   dλ_i = v_i η_i + ω_i Λ x.

Nothing is subtracted that could be nearly equal. One system of m + d unknowns is eliminated with pivots, in
O((m + d)³): for small programs that the ordinary step cannot bring to their end.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import AgentLanes, AmountLanes, Array, DistributionLanes
from jaxmech.numerics._lanes import others, total
from jaxmech.numerics._newton import Newton
from jaxmech.numerics._program import Iterate, Program, Residuals, agent_weights, dual_totals, total_weight


class Factors(NamedTuple):
    """The equations of the module's head as linear maps of the unknowns (η with x in G's place, δ), and their inverse.

    Attributes:
        first: whether i is g(k).
        totals: S.
        own: η (agents, unknowns).
        multipliers: dλ (agents, unknowns).
        apart: dlog(s_k/v_i) (agents, distributions, unknowns).
        sums: L (distributions, unknowns).
        level: dlevel (unknowns).
        inverse: (unknowns, equations).
    """

    first: Array
    totals: DistributionLanes
    own: Array
    multipliers: Array
    apart: Array
    sums: Array
    level: Array
    inverse: Array


def factor(program: Program, iterate: Iterate, bordered: bool) -> Factors:
    """Form and eliminate the system at ``iterate``; the level is a variable whether it is ``bordered`` or not."""
    del bordered
    m, d = program.costs.shape[:2]
    weights, weight, totals = (
        agent_weights(program, iterate),
        total_weight(program, iterate),
        dual_totals(program, iterate),
    )
    first, heaviest = _largest(iterate.amount), _largest(weights)
    unit = jnp.eye(m + d, dtype=totals.dtype).reshape(m + d, m + d, *(1 for _ in weight.shape))
    own = jnp.where(heaviest[:, None], 0.0, unit[:m])
    level = weight * total(jnp.where(heaviest[:, None], -unit[:m], 0.0), 0)
    lead = total(jnp.where(first[:, :, None], own[:, None], 0.0), 0)
    apart = unit[None, m:] + jnp.where(first[:, :, None], 0.0, lead[None] - own[:, None])
    sums = (total((weights / weight)[:, None] * own, 0)[None] - unit[m:] - lead) / 2
    share = iterate.amount / totals
    change = (share * iterate.value / iterate.gap)[:, :, None] * apart - share[:, :, None] * own[:, None]
    multipliers = weights[:, None] * own - program.weights[:, None] * level[None]
    soft = jnp.where(program.bounded, iterate.slack / jnp.where(program.bounded, iterate.multiplier, 1.0), 0.0)
    rows = _paid(program, iterate, first, totals, change, sums) - soft[:, None] * multipliers
    rows = jnp.where(program.bounded[:, None], rows, multipliers)
    inverse = _inverse(jnp.concatenate([rows, total(change, 0) - sums]))
    return Factors(first, totals, own, multipliers, apart, sums, level, inverse)


def newton_step(
    program: Program, iterate: Iterate, factors: Factors, residual: Residuals, products: tuple[AmountLanes, AgentLanes]
) -> Iterate:
    """Solve for the change that removes ``residual`` and changes n z and λ t by ``products``."""
    wanted, wanted_rows = products
    totals, first, share = factors.totals, factors.first, iterate.amount / factors.totals
    missing = residual.totals / totals
    gaps = jnp.zeros_like(wanted) if residual.gaps is None else residual.gaps
    free = jnp.where(program.able, (wanted - iterate.amount * gaps) / iterate.gap / totals, 0.0)
    multiplier = jnp.where(program.bounded, iterate.multiplier, 1.0)
    left = missing - total(jnp.where(first, 0.0, free), 0)
    paid = jnp.where(program.able, program.costs * totals * jnp.where(first, left[None], free), 0.0)
    rows = jnp.where(program.bounded, residual.rows - wanted_rows / multiplier - total(paid, 1), 0.0)
    unknown = _apply(factors.inverse, jnp.concatenate([rows, missing - total(free, 0)]))
    own, apart, d_multiplier = (_apply(part, unknown) for part in (factors.own, factors.apart, factors.multipliers))
    d_multiplier = jnp.where(program.bounded, d_multiplier, 0.0)
    change = free - share * own[:, None] + share * iterate.value / iterate.gap * apart
    left = _apply(factors.sums, unknown) + missing - total(jnp.where(first, 0.0, change), 0)
    return Iterate(
        amount=jnp.where(program.able, jnp.where(first, left[None], change) * totals, 0.0),
        gap=jnp.where(program.able, iterate.gap * own[:, None] - iterate.value * apart + gaps, 0.0),
        multiplier=d_multiplier,
        slack=jnp.where(program.bounded, (wanted_rows - iterate.slack * d_multiplier) / multiplier, 0.0),
        value=iterate.value * total(jnp.where(first, apart + own[:, None], 0.0), 0),
        level=_apply(factors.level[None], unknown)[0],
    )


RELATIVE = Newton(factor, newton_step, back_off=0.7, centring=0.2)
"""In ratios: exact to rounding of the smallest numbers that matter; cautious, for weights may have far to go."""


def _paid(
    program: Program, iterate: Iterate, first: Array, totals: DistributionLanes, change: Array, sums: Array
) -> Array:
    """Σ_k c S (φ_ik − q L_k): who collects most of k is left what the others do not."""
    weights, weight = agent_weights(program, iterate), total_weight(program, iterate)
    rest = others(weights, weight, jnp.zeros_like(weight), 0)
    beyond = (rest[:, None] + iterate.gap / program.costs) / weight
    paid = jnp.where(program.able, program.costs * totals, 0.0)[:, :, None]
    left = beyond[:, :, None] * sums[None] - total(jnp.where(first[:, :, None], 0.0, change), 0)[None]
    shared = (program.error / totals)[None, :, None] * sums[None]
    return total(jnp.where(first[:, :, None], paid * left, paid * change - shared), 1)


def _largest(values: Array) -> Array:
    """Whether it is the first among the largest along the leading axis."""
    place = jnp.arange(len(values)).reshape(-1, *(1 for _ in values.shape[1:]))
    return place == jnp.argmax(values, axis=0)[None]


def _apply(matrix: Array, vector: Array) -> Array:
    """Over the axis before the lanes."""
    return jnp.sum(matrix * vector, axis=matrix.ndim - vector.ndim)


def _inverse(matrix: Array) -> Array:
    """Invert (n, n, *lanes), its rows and columns scaled to one, by Gauss and Jordan with partial pivots."""
    n = len(matrix)
    scale = _positive(jnp.max(jnp.abs(matrix), axis=1))
    matrix = matrix / scale[:, None]
    units = _positive(jnp.max(jnp.abs(matrix), axis=0))
    lanes = matrix.shape[2:]
    place = jnp.arange(n).reshape(n, *(1 for _ in lanes))
    eye = jnp.eye(n, dtype=matrix.dtype).reshape(n, n, *(1 for _ in lanes))
    work = jnp.concatenate([matrix / units[None], jnp.broadcast_to(eye, matrix.shape)], axis=1)

    def eliminate(j: Array, work: Array) -> Array:
        column = jnp.where(place >= j, jnp.abs(work[:, j]), -1.0)
        pick = _largest(column)[:, None]
        chosen = total(jnp.where(pick, work, 0.0), 0)
        work = jnp.where(pick, work[j][None], work)
        chosen = chosen / chosen[j]
        work = work - work[:, j][:, None] * chosen[None]
        return jnp.where((place == j)[:, None], chosen[None], work)

    inverse: Array = jax.lax.fori_loop(0, n, eliminate, work)[:, n:]
    return inverse / scale[None] / units[:, None]


def _positive(values: Array) -> Array:
    return jnp.where(values > 0, values, 1.0)
