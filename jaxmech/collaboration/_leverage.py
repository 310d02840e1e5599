"""The cheapest division that no agent regrets on any single distribution, in exact one-dimensional form."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._extremes import lowest
from jaxmech._kept import jit
from jaxmech._status import Solution
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Scalar
from jaxmech.collaboration._division import direct_solution
from jaxmech.collaboration._leverage_worth import by_worth
from jaxmech.collaboration._limited import check_size, limited_leverage
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._units import ITSELF, in_equivalent_points
from jaxmech.mechanism import of_others


@in_equivalent_points(returns=(ITSELF,))
def leverage_optimum(problem: Problem) -> Solution[Amounts]:
    """Minimise P(n) subject to σ_k²price_k/S_k + c[i, k] n[i, k] <= 2σ_k√(price_k c[i, k]) for every i, k.

    The constraint is condition (8) of Clinton et al. 2025, so the mechanism "corrupt based on leverage" always has
    leverage over this division. It separates over distributions. For a given total S the cheapest agents are
    filled first, each up to (2σ√c − σ²/S)/c; the social penalty is convex in S and piecewise
    σ²(m − j + c_j A_j)/S + c_j S + constant, with j agents filled and A_j = Σ_{i<j} 1/c_i, so the optimum is found by
    comparing the stationary point σ√((m − j)/c_j + A_j) of each piece with its ends. Tied agents share evenly.

    Where prices differ between agents, whom k is worth nothing to collects nothing of it; what nobody who wants it can
    sample is not collected.

    With most and least it is the optimum within them, held to what working alone within them costs, by an
    interior-point method. A budget ties distributions together, which this division takes one at a time: it is for
    one distribution.

    Args:
        problem: the problem.

    Returns:
        Samples (agents, distributions), in O(m log m) per distribution without limits. The residual is the largest
        relative error of the conditions of optimality, over all agents and distributions.

    Raises:
        ProblemError: for a budget over several distributions; where budgets are traced, the status is NONFINITE.

    Source: Clinton et al. 2025, equation (8), for the constraint; the division is this package's.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> leverage_optimum(problem).value.round(2).ravel().tolist()
        [71.17, 6.68, 0.0]
    """
    without_shared_budget(problem)
    found: Solution[Amounts] = _leverage(problem if problem.capacity is None else check_size(problem))
    return found


def without_shared_budget(problem: Problem) -> None:
    """Refuse budgets that several distributions share, if they are known here.

    Raises:
        ProblemError: naming the budget of the first agent who has one.
    """
    if problem.capacity is None or problem.shape[1] == 1 or isinstance(problem.capacity.budget, jax.core.Tracer):
        return
    for (i,) in np.argwhere(np.isfinite(np.asarray(problem.capacity.budget))):
        raise ProblemError(f"budget[{i}]", float(problem.capacity.budget[i]), _SHARED)


_SHARED = (
    "means nothing for the division leverage, which takes one distribution at a time: say most instead, what she "
    "spends on each over its cost; or take the division rational, which keeps within budgets, but of which cbl may "
    "find that nobody can be checked"
)


@jit
def _leverage(problem: Problem) -> Solution[Amounts]:
    if problem.capacity is not None:
        return limited_leverage(problem, _unlimited(problem.unlimited()))
    return _unlimited(problem)


def _unlimited(problem: Problem) -> Solution[Amounts]:
    if not problem.valued_alike:
        return direct_solution(*by_worth(problem))
    samples, residual = jax.vmap(_column, in_axes=(1, 0), out_axes=(1, 0))(problem.costs, problem.scale)
    # in units of σ no residual tells that σ itself is absurd
    residual = jnp.where((problem.scale > 0) & jnp.isfinite(problem.scale), residual, jnp.nan)
    return direct_solution(samples, jnp.max(residual))


def _column(costs: Agents, scale: Scalar) -> tuple[Agents, Scalar]:
    """Solve one distribution, in units in which σ = 1 and the lowest cost is 1."""
    cheapest = lowest(costs)
    able = costs != jnp.inf
    cost = jnp.where(able, jnp.where(able, costs, cheapest) / cheapest, 1.0)
    total, marginal, rest = _best_total(jnp.sort(jnp.where(able, cost, jnp.inf)), jnp.sum(able))
    cap = (2 * jnp.sqrt(cost) - 1 / total) / cost
    below, level = able & (cost < marginal), able & (cost == marginal)
    share = jnp.minimum(rest / jnp.sum(level, dtype=cap.dtype), cap)
    amount = jnp.where(below, cap, jnp.where(level, share, 0.0))
    filled = below | (level & (share >= cap * (1 - _rounding(costs))))
    return amount * scale / jnp.sqrt(cheapest), _residual(cost, able, filled, amount)


class _Filled(NamedTuple):
    """The first j agents, filled, for j = 0 to m: sums over them of c^-1/2 and 1/c, and what they collect.

    Their own caps give the total S with S² − 2RS + A = 0. R² − A and S² − A are sums of positive terms.
    """

    roots: Array
    squares: Array
    products: Array
    total: Array


def _filled(ordered: Agents) -> _Filled:
    inverse = jnp.where(ordered != jnp.inf, 1 / jnp.sqrt(ordered), 0.0)
    roots, squares = (jnp.concatenate([jnp.zeros(1, inverse.dtype), jnp.cumsum(x)]) for x in (inverse, inverse**2))
    products = jnp.concatenate([jnp.zeros(1, inverse.dtype), jnp.cumsum(2 * inverse * roots[:-1])])
    return _Filled(roots, squares, products, roots + _root(products))


def _best_total(ordered: Agents, count: Array) -> tuple[Scalar, Scalar, Scalar]:
    """Return the best total, the marginal cost and what is left for the agents at that cost.

    ``ordered`` are the costs from the lowest, ∞ at the end.
    """
    m = len(ordered)
    if m == 1:
        return jnp.ones_like(ordered[0]), ordered[0], jnp.ones_like(ordered[0])
    filled = _filled(ordered)
    index = jnp.arange(1, m)
    cost = jnp.where(ordered[1:] != jnp.inf, ordered[1:], 1.0)
    stationary = jnp.sqrt((m - index).astype(cost.dtype) / cost + filled.squares[1:-1])
    # the social penalty is convex: the first piece whose stationary point is not beyond its end holds the optimum
    settled = (stationary <= filled.total[2:]) | (index >= count - 1)
    piece = jnp.argmax(settled)
    total = jnp.clip(stationary[piece], filled.total[1:-1][piece], filled.total[2:][piece])
    alone = count == 1
    total, marginal = jnp.where(alone, 1.0, total), jnp.where(alone, ordered[0], cost[piece])
    return total, marginal, _rest(jax.tree.map(lambda x: x[jnp.sum(ordered < marginal)], filled), marginal, ordered)


def _rest(below: _Filled, marginal: Scalar, ordered: Agents) -> Scalar:
    """What the stationary total S exceeds all caps below the marginal cost by: (S − S₋)(S − S₊)/S, without cancelling.

    S± = R ± √(R² − A) are the totals at which nothing is left. It may be 1e-18 of S and must still be a number, for
    an agent who collects nothing has another role than one who collects little.
    """
    wanted = (len(ordered) - jnp.sum(ordered < marginal, dtype=ordered.dtype)) / marginal
    taken = 2 * (below.products + below.roots * _root(below.products))
    beyond = jnp.where(wanted - taken > _rounding(ordered) * wanted, wanted - taken, 0.0)
    total = jnp.sqrt(wanted + below.squares)
    above = beyond / (total + below.total)
    return above * (above + 2 * _root(below.products)) / total


def _root(x: Array) -> Array:
    """√x where it is positive and 0 elsewhere, with a derivative there too."""
    return jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0)


def _residual(cost: Agents, able: Array, filled: Array, amount: Agents) -> Scalar:
    """Return by how much the amounts miss the conditions of optimality, relative; the largest of three.

    Nobody pays more than alone, and who is filled no less. With one weight v = 1 for all who are not filled and the
    weights c v = const. of those who are, the weights add up to their sum: S² = Σ_filled 1/c + (number of others)/c
    at the marginal cost, which lies between the largest filled and the smallest idle cost. Written for 1, not for the
    social penalty, in whose dual bound terms cancel that are up to 10^20 times larger than it.
    """
    root, total = jnp.sqrt(cost), jnp.sum(amount)
    gain = cost * of_others(amount[:, None])[:, 0] - (1 - root * total) ** 2 / total
    missed = jnp.where(filled, jnp.abs(gain), -gain) / (2 * root)
    rest = len(cost) - jnp.sum(filled, dtype=cost.dtype)
    squares = jnp.sum(jnp.where(filled, 1 / cost, 0.0))
    dearest = jnp.max(jnp.where(filled | (amount > 0), cost, 0.0))
    cheapest = jnp.min(jnp.where(able & ~filled, cost, jnp.inf))
    most, least = ((squares + rest / at) / total**2 for at in (dearest, cheapest))
    return jnp.maximum(jnp.max(jnp.where(able, missed, 0.0)), jnp.maximum(1 - most, least - 1))


def _rounding(like: Array) -> float:
    return 64 * tolerances(like.dtype).eps
