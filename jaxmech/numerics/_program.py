"""The convex program behind every division of work, in dimensionless form, with its residuals and dual bound.

With S_k = Σ_i n[i, k] and p_i(n) = Σ_k w_k/S_k + Σ_k c[i, k] n[i, k], over n >= 0 and a free number τ:

    WEIGHTED   minimise Σ_i ω_i p_i(n)            subject to p_i(n) <= b_i            (rows with finite b_i)
    MINIMAX    minimise τ                         subject to p_i(n) <= b_i + a_i τ
    PRODUCT    maximise Σ_i log(b_i − p_i(n))

For multipliers λ >= 0 of the rows the minimum of Σ_i (ω_i + λ_i) p_i(n) over n >= 0 is known in closed form,
Σ_k 2√(w_k Λ min_i (ω_i + λ_i) c[i, k]) with Λ = Σ_i (ω_i + λ_i), which makes the dual bound cheap and exact.
"""

import dataclasses
import enum
from functools import reduce

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import AgentLanes, AmountLanes, Array, Bool, DistributionLanes, Lanes, SupportLanes
from jaxmech.numerics._lanes import by_column, largest, least, others, total

_ROUNDING = 8.0
_NEAR = 0.5


class Kind(enum.Enum):
    """Which of the three programs is meant, and whether it is known to be a special one."""

    WEIGHTED = "weighted"
    IDEAL = "ideal"
    MINIMAX = "minimax"
    PRODUCT = "product"

    @property
    def weighted(self) -> bool:
        """Whether ω counts; an IDEAL is a WEIGHTED program with one weight."""
        return self in (Kind.WEIGHTED, Kind.IDEAL)


@pytree
@dataclasses.dataclass(frozen=True)
class Program:
    """Data of one program.

    Attributes:
        costs: c, positive and finite; entries outside ``able`` are ignored.
        error: w, positive.
        weights: ω, zero unless the kind is WEIGHTED.
        bounds: b, finite; rows outside ``bounded`` are ignored.
        direction: a, positive for MINIMAX and zero otherwise.
        able: which n[i, k] may be positive.
        bounded: which rows have a constraint.
        worth: E, non-negative, where errors count differently for every agent: Σ_k E_ik/S_k in place of Σ_k w_k/S_k,
            and Θ_k = Σ_i v_i E_ik in place of w_k Λ. ``error`` is then its largest entry, a scale.
    """

    costs: AmountLanes
    error: DistributionLanes
    weights: AgentLanes
    bounds: AgentLanes
    direction: AgentLanes
    able: SupportLanes
    bounded: Bool[Array, " agents *lanes"]
    worth: AmountLanes | None = None

    @property
    def idle(self) -> Bool[Array, " distributions *lanes"]:
        """What nobody wants: nobody collects it, and S_k, s_k and Θ_k are 1 there, which leaves no condition open."""
        if self.worth is None:
            return jnp.zeros(self.error.shape, bool)
        return jnp.all(self.worth <= 0, axis=0)

    def sums(self, amount: AmountLanes) -> DistributionLanes:
        """Σ_i n[i, k]."""
        sums = total(amount, 0)
        return sums if self.worth is None else jnp.where(self.idle, 1.0, sums)

    @property
    def errors(self) -> DistributionLanes | AmountLanes:
        """What an error is weighed by in the rows: E, or w."""
        return self.error if self.worth is None else self.worth


@pytree
@dataclasses.dataclass(frozen=True)
class Iterate:
    """Primal and dual variables; also a change of all of them.

    Attributes:
        amount: n >= 0, multiplied with ``gap`` to zero; zero where not ``able``.
        gap: z = (ω_i + λ_i) c[i, k] − s_k >= 0, reduced cost; one where not ``able``.
        multiplier: λ >= 0, multiplied with ``slack`` to zero (to a constant for PRODUCT).
        slack: t_i = b_i + a_i τ − p_i(n) >= 0.
        value: s_k = w_k Λ / S_k² > 0, what one more unit of k is worth.
        level: τ; for WEIGHTED the unit in which ω is 1, of which the ordinary step makes no use: v = level ω + λ.
    """

    amount: AmountLanes
    gap: AmountLanes
    multiplier: AgentLanes
    slack: AgentLanes
    value: DistributionLanes
    level: Lanes


@pytree
@dataclasses.dataclass(frozen=True)
class Residuals:
    """What is missing in the optimality conditions: totals, rows, normalisation, reduced costs.

    The last hold in the interior method from the start; a change of the data opens them, and a guessed support does.
    ``scale`` is what a row consists of: terms that are small together where an agent collects nearly everything.
    """

    totals: DistributionLanes
    rows: AgentLanes
    normalisation: Lanes
    gaps: AmountLanes | None = None
    scale: AgentLanes | None = None

    def relative(self, program: Program, iterate: Iterate) -> Lanes:
        """Largest residual, each relative to its own scale."""
        totals = program.sums(iterate.amount)
        worst = jnp.maximum(
            largest(jnp.abs(self.totals) / totals, 0),
            largest(jnp.where(program.bounded, jnp.abs(self.rows) / row_scale(self), 0.0), 0),
        )
        return jnp.maximum(worst, jnp.abs(self.normalisation))


def agent_weights(program: Program, iterate: Iterate) -> AgentLanes:
    """v_i = ω_i + λ_i; in the unit of the iterate where the kind is WEIGHTED."""
    return program.weights * iterate.level + iterate.multiplier


def in_unit_of_weights(iterate: Iterate) -> Iterate:
    """The same point of a WEIGHTED program with λ, s and z in the unit of ω."""
    gap, multiplier, value = (part / iterate.level for part in (iterate.gap, iterate.multiplier, iterate.value))
    return dataclasses.replace(iterate, gap=gap, multiplier=multiplier, value=value, level=jnp.ones_like(iterate.level))


def total_weight(program: Program, iterate: Iterate) -> Lanes:
    """Λ = Σ_i v_i."""
    return total(agent_weights(program, iterate), 0)


def pull_of(program: Program, weights: AgentLanes) -> DistributionLanes:
    """Θ_k = Σ_i v_i E_ik: what all together would give for 1/S_k; w_k Λ where errors count alike; 1 where idle."""
    if program.worth is None:
        return program.error * total(weights, 0)
    return jnp.where(program.idle, 1.0, by_column(program.worth, weights))


def pull(program: Program, iterate: Iterate) -> DistributionLanes:
    """Θ_k at the weights of an iterate."""
    return pull_of(program, agent_weights(program, iterate))


def error_costs(program: Program, totals: DistributionLanes) -> Lanes | AgentLanes:
    """Σ_k w_k/S_k, of everybody or by agent."""
    return total(program.errors / totals, 0 if program.worth is None else 1)


def dual_totals(program: Program, iterate: Iterate) -> DistributionLanes:
    """S_k = √(w_k Λ / s_k): the totals that the dual variables ask for."""
    return jnp.sqrt(pull(program, iterate) / iterate.value)


def residuals(program: Program, iterate: Iterate, normalisation: Lanes) -> Residuals:
    """Return what is missing in the optimality conditions at this iterate; totals within rounding count as zero."""
    totals, sums = dual_totals(program, iterate), program.sums(iterate.amount)
    missing = totals - sums
    missing = jnp.where(jnp.abs(missing) <= _rounding(totals) * totals, 0.0, missing)
    rows, scale = _rows(program, iterate, totals, missing)
    return Residuals(
        totals=missing,
        rows=jnp.where(program.bounded, rows, 0.0),
        normalisation=normalisation - total(program.direction * iterate.multiplier, 0),
        scale=jnp.where(program.bounded, scale, 1.0),
    )


def _rows(
    program: Program, iterate: Iterate, totals: DistributionLanes, missing: DistributionLanes
) -> tuple[AgentLanes, AgentLanes]:
    """Return b_i + a_i τ − t_i − Σ_k (w_k/S_k + c n), and the sum of its terms without signs.

    Where an agent collects nearly everything by herself, and about what she would alone, N = √(w_k/c), the terms cancel
    to the square of what is left; there they are written as w_k/S_k + c n = 2√(w_k c) + c (S_k − N)²/S_k − c (S_k − n),
    with S_k − n summed over the others and S_k/N = √(1 + excess) from multipliers and gaps.
    """
    costs = program.costs
    if program.worth is not None:
        return _rows_apart(program, iterate, totals, missing)
    # in units of N: (S_k/N)² = c S_k²/w_k, and a little more, so that rounding does not decide
    close = program.able & (costs * totals**2 < 1.01 * (1 + _NEAR) ** 2 * program.errors)
    return jax.lax.cond(jnp.any(close), _rows_near, _rows_apart, program, iterate, totals, missing)


def _rows_apart(
    program: Program, iterate: Iterate, totals: DistributionLanes, missing: DistributionLanes
) -> tuple[AgentLanes, AgentLanes]:
    """The rows term by term, where no S_k is near an N."""
    del missing
    spent = error_costs(program, totals) + total(jnp.where(program.able, program.costs * iterate.amount, 0.0), 1)
    bound, level = program.bounds, program.direction * iterate.level
    return bound + level - iterate.slack - spent, bound + jnp.abs(level) + spent


def _rows_near(
    program: Program, iterate: Iterate, totals: DistributionLanes, missing: DistributionLanes
) -> tuple[AgentLanes, AgentLanes]:
    """The rows with the terms that cancel taken together."""
    costs, able = program.costs, program.able
    alone = jnp.where(able, 2 * jnp.sqrt(program.errors * costs), 0.0)
    offset = program.bounds - total(alone, 1)
    offset = jnp.where(jnp.abs(offset) <= _rounding(offset) * program.bounds, 0.0, offset)
    level = offset + program.direction * iterate.level
    relative = _over_alone(program, iterate)
    near = able & (relative < _NEAR)
    square = costs * totals * (relative / (1 + relative)) ** 2
    rest = others(iterate.amount, total(iterate.amount, 0), jnp.zeros_like(totals), 0)
    saved = costs * (rest + missing)
    spent = program.errors / totals + jnp.where(able, costs * iterate.amount, 0.0)
    rows = level - iterate.slack + total(jnp.where(near, saved - square, alone - spent), 1)
    return rows, jnp.abs(level) + total(jnp.where(near, jnp.abs(saved) + square, alone + spent), 1)


def _over_alone(program: Program, iterate: Iterate) -> AmountLanes:
    """S_k/N − 1 with N = √(w_k/c[i, k]): S_k²/N² = Λ/v_i (1 + z/s_k), without forming the quotient's one."""
    weights, gap = agent_weights(program, iterate), iterate.gap / iterate.value
    if program.worth is None:
        rest = (others(weights, total(weights, 0), jnp.zeros_like(iterate.level), 0) / weights)[:, None]
    else:
        hers = weights[:, None] * program.worth
        rest = others(hers, total(hers, 0), jnp.zeros_like(iterate.value), 0) / jnp.where(hers > 0, hers, 1.0)
        rest = jnp.where(hers > 0, rest, jnp.inf)
    excess = rest * (1 + gap) + gap
    return excess / (1 + jnp.sqrt(1 + excess))


def _rounding(like: Array) -> float:
    return _ROUNDING * tolerances(like.dtype).eps


def row_scale(missing: Residuals) -> AgentLanes:
    """What a row's residual is relative to; one where the residuals carry none."""
    return jnp.ones_like(missing.rows) if missing.scale is None else missing.scale


def reach(program: Program, iterate: Iterate, missing: Residuals) -> DistributionLanes:
    """Return what amounts of a distribution are compared with: S_k, or what its largest supplier can be relieved of."""
    sums = program.sums(iterate.amount)
    share = jnp.where(program.bounded, row_scale(missing), jnp.inf)[:, None] / program.costs
    giant = program.able & (2 * iterate.amount > sums)
    return jnp.minimum(sums, least(jnp.where(giant, share, jnp.inf), 0))


def penalties(program: Program, amount: AmountLanes) -> AgentLanes:
    """p_i(n)."""
    return error_costs(program, program.sums(amount)) + total(program.costs * amount, 1)


def free_minimum(program: Program, total_weights: AgentLanes) -> Lanes:
    """Min over n >= 0 of Σ_i v_i p_i(n) = Σ_k 2√(w_k Σv min_i v_i c[i, k]) for weights v >= 0."""
    cheapest = least(jnp.where(program.able, total_weights[:, None] * program.costs, jnp.inf), 0)
    least_costs = pull_of(program, total_weights) * cheapest
    if program.worth is not None:
        least_costs = jnp.where(program.idle, 0.0, least_costs)
    return 2 * total(jnp.sqrt(least_costs), 0)


def certified_residual(kind: Kind, program: Program, amount: AmountLanes, multiplier: AgentLanes) -> Lanes:
    """Return the largest relative error in the optimality conditions, from ``amount`` and ``multiplier`` alone.

    Nothing of the solver's state enters, and nothing is averaged: with v = ω + λ and s_k = min_i v_i c[i, k], per
    distribution S_k = √(w_k Λ/s_k) and v_i c[i, k] = s_k wherever n[i, k] > 0; per agent the row, and where λ_i > 0 the
    row as an equality, relative to what she pays. All of them together are sufficient for an optimum.
    """
    multiplier = jnp.where(program.bounded, multiplier, 0.0)
    weights = program.weights + multiplier
    reduced = jnp.where(program.able, weights[:, None] * program.costs, jnp.inf)
    value, totals = least(reduced, 0), program.sums(amount)
    if program.worth is not None:
        value = jnp.where(program.idle, 1.0, value)
    ratio = totals * jnp.sqrt(value / pull_of(program, weights))
    excess = jnp.where(amount > 0, reduced / value - 1, 0.0)
    cost = penalties(program, amount)
    room, scale = _room(kind, program, multiplier, cost), jnp.maximum(cost, jnp.abs(program.bounds))
    idle = jnp.where(weights > 0, multiplier / jnp.where(weights > 0, weights, 1.0), 0.0)
    rows = jnp.where(program.bounded, jnp.maximum(-room, idle * room) / scale, 0.0)
    signs = jnp.maximum(largest(-multiplier, 0), largest(largest(-amount, 0) / totals, 0))
    parts = [largest(jnp.abs(ratio - 1), 0), largest(largest(excess, 0), 0), largest(rows, 0), signs]
    return reduce(jnp.maximum, parts)


def _room(kind: Kind, program: Program, multiplier: AgentLanes, cost: AgentLanes) -> AgentLanes:
    """How far each row is from where the conditions want it if its multiplier is positive."""
    slack = program.bounds - cost
    if kind.weighted:
        return slack
    if kind is Kind.MINIMAX:
        ratio = -slack / jnp.where(program.bounded, program.direction, 1.0)
        return slack + program.direction * largest(jnp.where(program.bounded, ratio, -jnp.inf), 0)
    # all λ_i t_i are equal: what the clearest gain says that it is
    gains = jnp.where(program.bounded, slack / jnp.where(program.bounded, program.bounds, 1.0), -jnp.inf)
    clear = (gains == largest(gains, 0)).astype(slack.dtype)
    constant = total(clear * multiplier * slack, 0) / total(clear, 0)
    return slack - constant / jnp.where(multiplier > 0, multiplier, 1.0)


def infeasibility(program: Program, multiplier: AgentLanes) -> Lanes:
    """Return (min_n Σ λ_i p_i(n) − Σ λ_i b_i) / Σ λ_i b_i: positive only if no n satisfies the rows."""
    multiplier = jnp.where(program.bounded, jnp.maximum(multiplier, 0.0), 0.0)
    paid = total(multiplier * program.bounds, 0)
    return (free_minimum(program, multiplier) - paid) / jnp.where(paid > 0, paid, 1.0)
