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
from jaxmech._types import Agents, Amounts, Array, Bool, Distributions, Scalar, Support


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

    costs: Amounts
    error: Distributions
    weights: Agents
    bounds: Agents
    direction: Agents
    able: Support
    bounded: Bool[Array, " agents"]


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

    amount: Amounts
    gap: Amounts
    multiplier: Agents
    slack: Agents
    value: Distributions
    level: Scalar


@pytree
@dataclasses.dataclass(frozen=True)
class Residuals:
    """What is missing in the optimality conditions: totals, rows, normalisation, reduced costs.

    The last are linear and hold from the start, so that only a change of the data opens them.
    """

    totals: Distributions
    rows: Agents
    normalisation: Scalar
    gaps: Amounts | None = None

    def relative(self, program: Program, iterate: Iterate) -> Scalar:
        """Largest residual, each relative to its own scale."""
        totals = jnp.sum(iterate.amount, axis=0)
        scale = jnp.abs(program.bounds + program.direction * iterate.level) + tolerances(totals.dtype).eps ** 2
        parts = (
            jnp.max(jnp.abs(self.totals) / totals),
            jnp.max(jnp.where(program.bounded, jnp.abs(self.rows) / scale, 0.0)),
            jnp.abs(self.normalisation),
        )
        return jnp.max(jnp.stack(parts))


def total_weight(program: Program, iterate: Iterate) -> Scalar:
    """Λ = Σ_i (ω_i + λ_i)."""
    return jnp.sum(program.weights + iterate.multiplier)


def dual_totals(program: Program, iterate: Iterate) -> Distributions:
    """S_k = √(w_k Λ / s_k): the totals that the dual variables ask for."""
    return jnp.sqrt(program.error * total_weight(program, iterate) / iterate.value)


def residuals(program: Program, iterate: Iterate, normalisation: Scalar) -> Residuals:
    """Return what is missing in the optimality conditions at this iterate."""
    totals = dual_totals(program, iterate)
    cost = jnp.sum(program.costs * iterate.amount, axis=1)
    level = program.bounds + program.direction * iterate.level
    rows = level - iterate.slack - jnp.sum(program.error / totals) - cost
    return Residuals(
        totals=totals - jnp.sum(iterate.amount, axis=0),
        rows=jnp.where(program.bounded, rows, 0.0),
        normalisation=normalisation - jnp.sum(program.direction * iterate.multiplier),
    )


def penalties(program: Program, amount: Amounts) -> Agents:
    """p_i(n)."""
    return jnp.sum(program.error / jnp.sum(amount, axis=0)) + jnp.sum(program.costs * amount, axis=1)


def free_minimum(program: Program, total_weights: Agents) -> Scalar:
    """Min over n >= 0 of Σ_i v_i p_i(n) = Σ_k 2√(w_k Σv min_i v_i c[i, k]) for weights v >= 0."""
    cheapest = jnp.min(jnp.where(program.able, total_weights[:, None] * program.costs, jnp.inf), axis=0)
    return 2 * jnp.sum(jnp.sqrt(program.error * jnp.sum(total_weights) * cheapest))


def certified_residual(kind: Kind, program: Program, amount: Amounts, multiplier: Agents) -> Scalar:
    """Return max(constraint violation, duality gap), relative, from ``amount`` and ``multiplier`` alone.

    Nothing of the solver's state enters: the dual bound is the closed form above, so the number is valid whatever
    produced the two arrays.
    """
    cost = penalties(program, amount)
    multiplier = jnp.where(program.bounded, multiplier, 0.0)
    paid = jnp.sum(multiplier * program.bounds)
    if kind is Kind.WEIGHTED:
        primal = jnp.sum(program.weights * cost)
        dual = free_minimum(program, program.weights + multiplier) - paid
        excess = jnp.where(program.bounded, (cost - program.bounds) / program.bounds, 0.0)
        return jnp.maximum(jnp.max(excess), jnp.abs(primal - dual) / primal)
    if kind is Kind.MINIMAX:
        multiplier = multiplier / jnp.sum(program.direction * multiplier)
        dual = free_minimum(program, multiplier) - jnp.sum(multiplier * program.bounds)
        ratio = (cost - program.bounds) / jnp.where(program.bounded, program.direction, 1.0)
        primal = jnp.max(jnp.where(program.bounded, ratio, -jnp.inf))
        return jnp.abs(primal - dual) / jnp.abs(primal)
    slack = program.bounds - cost
    rows = jnp.sum(program.bounded)
    multiplier = multiplier * rows / jnp.sum(multiplier * slack)
    logs = jnp.where(program.bounded, jnp.log(multiplier * slack), 0.0)
    # primal − dual of the logarithmic program, written so that equal terms cancel before the sum
    difference = jnp.sum(multiplier * program.bounds) - free_minimum(program, multiplier) - rows - jnp.sum(logs)
    return jnp.abs(difference) / rows


def infeasibility(program: Program, multiplier: Agents) -> Scalar:
    """Return (min_n Σ λ_i p_i(n) − Σ λ_i b_i) / Σ λ_i b_i: positive only if no n satisfies the rows."""
    multiplier = jnp.where(program.bounded, multiplier, 0.0)
    paid = jnp.sum(multiplier * program.bounds)
    return (free_minimum(program, multiplier) - paid) / jnp.where(paid > 0, paid, 1.0)
