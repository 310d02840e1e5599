"""The division of :mod:`jaxmech.collaboration._leverage` where accuracy is worth different amounts to agents. Kernel.

One distribution at a time, in units in which σ = 1: minimise W/S + Σ c n, W = Σ w, subject to w_i/S + c_i n_i ≤
2√(w_i c_i), that is n_i ≤ 2N_i − N_i²/S with N_i = √(w_i/c_i). The cheapest are filled first. With F filled and the
next at cost c,

    S² = (W − Σ_F w)/c + Σ_F N²    is where the social penalty is least,    S ≥ R + √(R² − A),  R = Σ_F N,  A = Σ_F N²,

is where F is filled, and S ≤ the same with the next one added. Along S the penalty is convex, and its least S² is at
least Σ N² over all agents, so that all caps are positive there.
"""

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Scalar
from jaxmech.collaboration._problem import Problem


def by_worth(problem: Problem) -> tuple[Amounts, Scalar]:
    """Return the amounts, and the largest relative error of the conditions of optimality.

    Args:
        problem: with a table of prices.
    """
    columns: tuple[Amounts, Agents] = jax.vmap(_column, in_axes=(1, 1), out_axes=(1, 0))(problem.costs, problem.scale)
    return columns[0], jnp.max(columns[1])


def _column(costs: Agents, scale: Agents) -> tuple[Agents, Scalar]:
    """One distribution; whom it is worth nothing to, or who cannot sample it, collects nothing."""
    error = scale**2
    wanted = jnp.sum(error)
    able = (costs != jnp.inf) & (error > 0)
    supplied = jnp.any(able)
    cost = jnp.where(able, costs, 1.0)
    own = jnp.where(able, jnp.where(able, scale, 1.0) / jnp.sqrt(cost), 0.0)
    total, marginal = _best_total(jnp.where(able, costs, jnp.inf), own, jnp.where(able, error, 0.0), wanted)
    total = jnp.where(supplied, total, 1.0)
    cap = jnp.where(able, own * (2 - own / total), 0.0)
    below, level = able & (costs < marginal), able & (costs == marginal)
    rest = jnp.maximum(total - jnp.sum(jnp.where(below, cap, 0.0)), 0.0)
    rest = jnp.where(rest <= _rounding(costs) * total, 0.0, rest)
    room = jnp.sum(jnp.where(level, cap, 0.0))
    # tied agents share what is left in proportion to what each may collect at most
    share = jnp.where(level, cap * jnp.minimum(rest / jnp.where(room > 0, room, 1.0), 1.0), 0.0)
    amount = jnp.where(supplied, jnp.where(below, cap, share), 0.0)
    residual = _residual(cost, able, error, wanted, below | (level & (rest >= room * (1 - _rounding(costs)))), amount)
    # who cannot be supplied has no plan that means anything; who wants nothing needs none
    return amount, jnp.where(supplied, residual, 0.0)


def _best_total(costs: Agents, own: Agents, error: Agents, wanted: Scalar) -> tuple[Scalar, Scalar]:
    """The best total and the cost of whoever is filled last; ``costs`` are ∞ for who collects nothing."""
    order = jnp.argsort(costs)
    ordered, caps, errors = costs[order], own[order], error[order]
    before = (jnp.cumsum(part) - part for part in (caps, caps**2, errors))
    reach, squares, filled = before
    lowest = reach + _root(reach**2 - squares)
    reached = reach + caps
    highest = reached + _root(reached**2 - squares - caps**2)
    able = ordered != jnp.inf
    rest = jnp.maximum(wanted - filled, 0.0)
    square = rest / jnp.where(able, ordered, 1.0) + squares
    some = square != 0  # where nobody wants anything the slope is 0; not > 0: a NaN must reach the answer
    best = jnp.where(some, jnp.sqrt(jnp.where(some, square, 1.0)), 0.0)
    last = jnp.sum(able) - 1
    settled = (best <= highest) | (jnp.arange(len(costs)) >= last)
    piece = jnp.argmax(settled)
    return jnp.clip(best[piece], lowest[piece], highest[piece]), ordered[piece]


def _root(values: Array) -> Array:
    return jnp.where(values > 0, jnp.sqrt(jnp.where(values > 0, values, 1.0)), 0.0)


def _residual(cost: Agents, able: Array, error: Agents, wanted: Scalar, filled: Array, amount: Agents) -> Scalar:
    """Rows, relative, and S² between the two values that marginal costs allow."""
    total = jnp.sum(amount)
    alone = 2 * jnp.sqrt(jnp.where(able, error * cost, 1.0))
    gain = 1 - (error / total + cost * amount) / alone
    missed = jnp.max(jnp.where(able, jnp.where(filled, jnp.abs(gain), -gain), 0.0))
    rest = wanted - jnp.sum(jnp.where(filled, error, 0.0))
    squares = jnp.sum(jnp.where(filled, error / cost, 0.0))
    dearest = jnp.max(jnp.where(able & (filled | (amount > 0)), cost, 0.0))
    cheapest = jnp.min(jnp.where(able & ~filled, cost, jnp.inf))
    most, least = ((squares + rest / at) / total**2 for at in (dearest, cheapest))
    return jnp.maximum(missed, jnp.maximum(1 - most, least - 1))


def _rounding(like: Array) -> float:
    return 64 * tolerances(like.dtype).eps
