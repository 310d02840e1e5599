"""The sharing program with bounds on amounts and on what each agent spends: data, Lagrangian, residual. Pure.

See :mod:`jaxmech.numerics._limited` for what the program is.
"""

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Agents, Amounts, Array, Scalar, Support
from jaxmech.numerics._program import Kind


@pytree
@dataclasses.dataclass(frozen=True)
class Limits:
    """Data of one program; every leaf is of floats, so that all of them can be differentiated.

    Attributes:
        costs: c, positive and finite.
        worth: E, non-negative.
        weights: ω, zero unless the kind is WEIGHTED.
        bounds: b; ∞ where a row has no constraint.
        direction: a, zero unless the kind is MINIMAX.
        lower: l.
        upper: u >= l; ∞ for none.
        budget: B; ∞ for none.
    """

    costs: Amounts
    worth: Amounts
    weights: Agents
    bounds: Agents
    direction: Agents
    lower: Amounts
    upper: Amounts
    budget: Agents

    @property
    def free(self) -> Support:
        """Which amounts can be chosen."""
        return self.upper > self.lower


class Unknowns(NamedTuple):
    """n, λ of the rows, ν of the budgets, and τ; also a change of them, or the gradient of the Lagrangian by them."""

    amount: Amounts
    multiplier: Agents
    price: Agents
    level: Scalar


def limited_residual(kind: Kind, limits: Limits, found: Unknowns) -> Scalar:
    """Return the largest relative error in the optimality conditions, from the unknowns alone.

    An amount may miss its condition, or its distance to the bound that the sign of the gradient asks for: whichever is
    less, each in its own unit. Likewise multipliers and slacks.

    Args:
        kind: which program.
        limits: its data, in units in which numbers are near one.
        found: n, λ, ν, τ.
    """
    amount, multiplier, price, _ = found
    totals, missed = jnp.sum(amount, axis=0), gradient(kind, limits, found)
    weights = limits.weights + multiplier
    unit = (weights + price)[:, None] * limits.costs + jnp.mean(weights) * limits.costs
    reach = jnp.where(totals > 0, totals, 1.0)
    below, above = (amount - limits.lower) / reach, (limits.upper - amount) / reach
    slope = missed.amount / unit
    wrong = jnp.where(slope > 0, jnp.minimum(slope, jnp.abs(below)), jnp.minimum(-slope, jnp.abs(above)))
    wrong = jnp.maximum(jnp.where(limits.free, wrong, 0.0), jnp.maximum(-below, -above))
    allowed = limits.bounds + limits.direction * found.level
    scale = jnp.maximum(jnp.abs(allowed), jnp.abs(allowed + missed.multiplier))  # the bound, and what she pays
    bounded, money = limits.bounds != jnp.inf, limits.budget != jnp.inf
    room = jnp.where(bounded, -missed.multiplier / jnp.where(bounded, scale, 1.0), 0.0)
    heavy = jnp.max(weights) + jnp.max(price)
    heavy = jnp.where(heavy > 0, heavy, 1.0)  # 0 where nothing can be chosen
    if kind is Kind.PRODUCT:
        rows = jnp.abs(jnp.where(bounded, multiplier * missed.multiplier + 1, 0.0))
    else:
        rows = jnp.where(bounded, jnp.maximum(-room, jnp.minimum(multiplier / heavy, jnp.abs(room))), 0.0)
    left = jnp.where(money, -missed.price / jnp.where(money & (limits.budget > 0), limits.budget, 1.0), 0.0)
    bills = jnp.where(money, jnp.maximum(-left, jnp.minimum(price / heavy, jnp.abs(left))), 0.0)
    signs = jnp.maximum(jnp.max(-multiplier), jnp.max(-price)) / heavy
    free = jnp.abs(missed.level) if kind is Kind.MINIMAX else jnp.zeros_like(signs)
    return jnp.max(jnp.stack([jnp.max(wrong), jnp.max(rows), jnp.max(bills), signs, free]))


def _lagrangian(kind: Kind, limits: Limits, x: Unknowns) -> Scalar:
    """τ + Σ_i (ω_i + λ_i) p_i − Σ λ_i (b_i + a_i τ) + Σ ν_i (Σ_k c n − B_i), without rows and budgets of no limit."""
    totals, spent = jnp.sum(x.amount, axis=0), jnp.sum(limits.costs * x.amount, axis=1)
    wanted = limits.worth > 0
    risks = jnp.where(wanted, limits.worth / jnp.where(wanted & (totals > 0), totals, 1.0), 0.0)
    paid = jnp.sum(risks, axis=1) + spent
    bounded, money = limits.bounds != jnp.inf, limits.budget != jnp.inf
    rows = jnp.where(bounded, paid - jnp.where(bounded, limits.bounds, 0.0) - limits.direction * x.level, 0.0)
    bills = jnp.where(money, spent - jnp.where(money, limits.budget, 0.0), 0.0)
    goal = x.level if kind is Kind.MINIMAX else 0.0
    return goal + jnp.sum(limits.weights * paid + x.multiplier * rows + x.price * bills)


def gradient(kind: Kind, limits: Limits, x: Unknowns) -> Unknowns:
    """Return the gradient of the Lagrangian: minus the slacks of rows and budgets, for their multipliers."""
    found: Unknowns = jax.grad(partial(_lagrangian, kind, limits))(x)
    return found


def flat(x: Unknowns) -> Array:
    """Return all unknowns in one row."""
    return jnp.concatenate([x.amount.ravel(), x.multiplier, x.price, x.level[None]])


def shaped(limits: Limits, numbers: Array) -> Unknowns:
    """Return what :func:`flat` was made of."""
    m, d = limits.costs.shape
    ends = (m * d, m * d + m, m * d + 2 * m)
    amount, multiplier, price, level = jnp.split(numbers, ends)
    return Unknowns(amount.reshape(m, d), multiplier, price, level[0])


def curvature(kind: Kind, limits: Limits, x: Unknowns) -> Array:
    """The Hessian of the Lagrangian."""

    def conditions(numbers: Array) -> Array:
        return flat(gradient(kind, limits, shaped(limits, numbers)))

    return jax.jacfwd(conditions)(flat(x))
