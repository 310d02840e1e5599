"""The cheapest division that no agent regrets on any single distribution, in exact one-dimensional form."""

import jax
import jax.numpy as jnp

from jaxmech._status import Solution
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Scalar
from jaxmech.collaboration._division import direct_solution
from jaxmech.collaboration._problem import Problem


@jax.jit
def leverage_optimum(problem: Problem) -> Solution[Amounts]:
    """Minimise P(n) subject to σ_k²price_k/S_k + c[i, k] n[i, k] <= 2σ_k√(price_k c[i, k]) for every i, k.

    The constraint is condition (8) of Clinton et al. 2025, so the mechanism "corrupt based on leverage" always has
    leverage over this division. It separates over distributions. For a given total S the cheapest agents are
    filled first, each up to (2σ√c − σ²/S)/c; the social penalty is convex in S and piecewise
    σ²(m − j + c_j A_j)/S + c_j S + constant, with j agents filled and A_j = Σ_{i<j} 1/c_i, so the optimum is found by
    comparing the stationary point σ√((m − j)/c_j + A_j) of each piece with its ends. Tied agents share evenly.

    Args:
        problem: the problem.

    Returns:
        Samples (agents, distributions), in O(m log m) per distribution. The residual is the larger of the relative
        constraint violation and the relative duality gap.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> leverage_optimum(problem).value.round(2).ravel().tolist()
        [71.17, 6.68, 0.0]
    """
    samples, residual = jax.vmap(_column, in_axes=(1, 0), out_axes=(1, 0))(problem.costs, problem.scale)
    # in units of σ no residual tells that σ itself is absurd
    residual = jnp.where((problem.scale > 0) & jnp.isfinite(problem.scale), residual, jnp.nan)
    return direct_solution(samples, jnp.max(residual))


def _column(costs: Agents, scale: Scalar) -> tuple[Agents, Scalar]:
    """Solve one distribution, in units in which σ = 1 and the lowest cost is 1."""
    cheapest = jnp.min(costs)
    able = costs != jnp.inf
    cost = jnp.where(able, jnp.where(able, costs, cheapest) / cheapest, 1.0)
    total, marginal = _best_total(jnp.sort(jnp.where(able, cost, jnp.inf)), jnp.sum(able))
    cap = (2 * jnp.sqrt(cost) - 1 / total) / cost
    below, level = able & (cost < marginal), able & (cost == marginal)
    rest = total - jnp.sum(jnp.where(below, cap, 0.0))
    rest = jnp.where(rest > _rounding(costs) * total, rest, 0.0)
    share = jnp.minimum(rest / jnp.sum(level, dtype=cap.dtype), cap)
    amount = jnp.where(below, cap, jnp.where(level, share, 0.0))
    filled = below | (level & (share >= cap * (1 - _rounding(costs))))
    return amount * scale / jnp.sqrt(cheapest), _residual(cost, able, filled, amount)


def _best_total(ordered: Agents, count: Array) -> tuple[Scalar, Scalar]:
    """Return the best total and the marginal cost; ``ordered`` are the costs from the lowest, ∞ at the end."""
    if len(ordered) == 1:
        return jnp.ones_like(ordered[0]), ordered[0]
    able = ordered != jnp.inf
    roots = jnp.where(able, 1 / jnp.sqrt(ordered), 0.0)
    sums, squares = jnp.cumsum(roots), jnp.cumsum(roots**2)
    before = jnp.concatenate([jnp.zeros(1, roots.dtype), sums[:-1]])
    # (Σ1/√c)² − Σ1/c without the subtraction; its root is taken where it is positive, for the derivative's sake
    products = jnp.cumsum(2 * roots * before)
    positive = products > 0
    largest = sums + jnp.where(positive, jnp.sqrt(jnp.where(positive, products, 1.0)), 0.0)
    index = jnp.arange(1, len(ordered))
    cost = jnp.where(able[1:], ordered[1:], 1.0)
    stationary = jnp.sqrt((len(ordered) - index).astype(cost.dtype) / cost + squares[:-1])
    # the social penalty is convex: the first piece whose stationary point is not beyond its end holds the optimum
    settled = (stationary <= largest[1:]) | (index >= count - 1)
    piece = jnp.argmax(settled)
    total = jnp.clip(stationary[piece], largest[:-1][piece], largest[1:][piece])
    alone = count == 1
    return jnp.where(alone, 1.0, total), jnp.where(alone, ordered[0], ordered[1:][piece])


def _residual(cost: Agents, able: Array, filled: Array, amount: Agents) -> Scalar:
    """Return the larger of the constraint violation and the gap to the dual bound, both relative."""
    m = len(cost)
    total = jnp.sum(amount)
    limit = 2 * jnp.sqrt(cost)
    violation = jnp.max(jnp.where(able, (1 / total + cost * amount) / limit - 1, 0.0))
    room = total**2 - jnp.sum(jnp.where(filled, 1 / cost, 0.0))
    value = jnp.where(room > 0, (m - jnp.sum(filled, dtype=cost.dtype)) / jnp.where(room > 0, room, 1.0), 0.0)
    multiplier = jnp.where(able, jnp.maximum(value / cost - 1, 0.0), 0.0)
    cheapest = jnp.min(jnp.where(able, (1 + multiplier) * cost, jnp.inf))
    dual = 2 * jnp.sqrt((m + jnp.sum(multiplier)) * cheapest) - jnp.sum(multiplier * limit)
    primal = m / total + jnp.sum(cost * amount)
    # where one agent alone can sample, her point is the only feasible one, and no finite multiplier proves it
    gap = jnp.where(jnp.sum(able) == 1, 0.0, jnp.abs(primal - dual) / primal)
    return jnp.maximum(violation, gap)


def _rounding(like: Array) -> float:
    return 64 * tolerances(like.dtype).eps
