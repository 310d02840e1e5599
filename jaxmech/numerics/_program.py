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

import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import AgentLanes, AmountLanes, Array, Bool, DistributionLanes, Lanes, SupportLanes
from jaxmech.numerics._lanes import largest, least, total


class Kind(enum.Enum):
    """Which of the three programs is meant."""

    WEIGHTED = "weighted"
    MINIMAX = "minimax"
    PRODUCT = "product"


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
    """

    costs: AmountLanes
    error: DistributionLanes
    weights: AgentLanes
    bounds: AgentLanes
    direction: AgentLanes
    able: SupportLanes
    bounded: Bool[Array, "agents *lanes"]


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
        level: τ.
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

    The last are linear and hold from the start, so that only a change of the data opens them.
    """

    totals: DistributionLanes
    rows: AgentLanes
    normalisation: Lanes
    gaps: AmountLanes | None = None

    def relative(self, program: Program, iterate: Iterate) -> Lanes:
        """Largest residual, each relative to its own scale."""
        totals = total(iterate.amount, 0)
        scale = jnp.abs(program.bounds + program.direction * iterate.level) + tolerances(totals.dtype).eps ** 2
        worst = jnp.maximum(
            largest(jnp.abs(self.totals) / totals, 0),
            largest(jnp.where(program.bounded, jnp.abs(self.rows) / scale, 0.0), 0),
        )
        return jnp.maximum(worst, jnp.abs(self.normalisation))


def total_weight(program: Program, iterate: Iterate) -> Lanes:
    """Λ = Σ_i (ω_i + λ_i)."""
    return total(program.weights + iterate.multiplier, 0)


def dual_totals(program: Program, iterate: Iterate) -> DistributionLanes:
    """S_k = √(w_k Λ / s_k): the totals that the dual variables ask for."""
    return jnp.sqrt(program.error * total_weight(program, iterate) / iterate.value)


def residuals(program: Program, iterate: Iterate, normalisation: Lanes) -> Residuals:
    """Return what is missing in the optimality conditions at this iterate."""
    totals = dual_totals(program, iterate)
    cost = total(program.costs * iterate.amount, 1)
    level = program.bounds + program.direction * iterate.level
    rows = level - iterate.slack - total(program.error / totals, 0) - cost
    return Residuals(
        totals=totals - total(iterate.amount, 0),
        rows=jnp.where(program.bounded, rows, 0.0),
        normalisation=normalisation - total(program.direction * iterate.multiplier, 0),
    )


def penalties(program: Program, amount: AmountLanes) -> AgentLanes:
    """p_i(n)."""
    return total(program.error / total(amount, 0), 0) + total(program.costs * amount, 1)


def free_minimum(program: Program, total_weights: AgentLanes) -> Lanes:
    """Min over n >= 0 of Σ_i v_i p_i(n) = Σ_k 2√(w_k Σv min_i v_i c[i, k]) for weights v >= 0."""
    cheapest = least(jnp.where(program.able, total_weights[:, None] * program.costs, jnp.inf), 0)
    return 2 * total(jnp.sqrt(program.error * total(total_weights, 0) * cheapest), 0)


def certified_residual(kind: Kind, program: Program, amount: AmountLanes, multiplier: AgentLanes) -> Lanes:
    """Return max(constraint violation, duality gap), relative, from ``amount`` and ``multiplier`` alone.

    Nothing of the solver's state enters: the dual bound is the closed form above, so the number is valid whatever
    produced the two arrays.
    """
    cost = penalties(program, amount)
    multiplier = jnp.where(program.bounded, multiplier, 0.0)
    paid = total(multiplier * program.bounds, 0)
    if kind is Kind.WEIGHTED:
        primal = total(program.weights * cost, 0)
        dual = free_minimum(program, program.weights + multiplier) - paid
        excess = jnp.where(program.bounded, (cost - program.bounds) / program.bounds, 0.0)
        return jnp.maximum(largest(excess, 0), jnp.abs(primal - dual) / primal)
    if kind is Kind.MINIMAX:
        multiplier = multiplier / total(program.direction * multiplier, 0)
        dual = free_minimum(program, multiplier) - total(multiplier * program.bounds, 0)
        ratio = (cost - program.bounds) / jnp.where(program.bounded, program.direction, 1.0)
        primal = largest(jnp.where(program.bounded, ratio, -jnp.inf), 0)
        return jnp.abs(primal - dual) / jnp.abs(primal)
    slack = program.bounds - cost
    rows = total(program.bounded.astype(amount.dtype), 0)
    multiplier = multiplier * rows / total(multiplier * slack, 0)
    logs = jnp.where(program.bounded, jnp.log(multiplier * slack), 0.0)
    # primal − dual of the logarithmic program, written so that equal terms cancel before the sum
    difference = total(multiplier * program.bounds, 0) - free_minimum(program, multiplier) - rows - total(logs, 0)
    return jnp.abs(difference) / rows


def infeasibility(program: Program, multiplier: AgentLanes) -> Lanes:
    """Return (min_n Σ λ_i p_i(n) − Σ λ_i b_i) / Σ λ_i b_i: positive only if no n satisfies the rows."""
    multiplier = jnp.where(program.bounded, multiplier, 0.0)
    paid = total(multiplier * program.bounds, 0)
    return (free_minimum(program, multiplier) - paid) / jnp.where(paid > 0, paid, 1.0)
