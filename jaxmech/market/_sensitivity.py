"""The differentiable view: how profit and prices move with costs, standard deviation and valuations."""

import dataclasses

import jax
import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._types import Scalar
from jaxmech.market._plan import Plan
from jaxmech.market._prices import envy_free_prices
from jaxmech.market._problem import Problem


@pytree
@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """Derivatives, each in the shape of a problem: by cost of a contributor, σ, count, scale and value of a buyer.

    Attributes:
        profit: of the market's largest profit.
        prices: of every type's price; leaves have a leading axis (types,).
    """

    profit: Problem
    prices: Problem


def profit(problem: Problem, plan: Plan) -> Scalar:
    """Return the profit of a plan's sizes and samples at their largest envy-free prices.

    A pure function of the problem's leaves: it jits, batches over problems of one shape, and differentiates. Where the
    plan is the only optimum its derivative is that of the largest profit (envelope theorem): best sizes, whole numbers,
    do not move with small changes. Costs that stay tied move together: the sum of their derivatives counts.

    Args:
        problem: the problem.
        plan: from :func:`solve`; ``samples`` and ``sizes`` are read.

    Source: Milgrom and Segal, Envelope theorems for arbitrary choice sets, Econometrica 70 (2002).

    Example:
        >>> from jaxmech.market import Buyer, exponential, solve
        >>> problem = Problem([0.01, 0.02], 1.0, [Buyer(exponential(0.3), count=5)])
        >>> plan = solve(problem).value
        >>> bool(jnp.isclose(profit(problem, plan), plan.profit))
        True
    """
    prices = envy_free_prices(problem, plan.sizes).price
    return jnp.sum(problem.counts * prices) - jnp.sum(problem.contributor_costs * plan.samples)


def sensitivity(problem: Problem, plan: Plan) -> Sensitivity:
    """Return how the largest profit and the prices move with every number of the problem.

    Args:
        problem: the problem.
        plan: from :func:`solve`.

    Returns:
        Derivatives at fixed sizes; those of prices follow the tight path of each price.

    Source: Danskin's theorem: derivatives of the best are those at the best.

    Example:
        >>> from jaxmech.market import Buyer, exponential, solve
        >>> problem = Problem([0.01, 0.02], 1.0, [Buyer(exponential(0.3), count=5)])
        >>> plan = solve(problem).value
        >>> slope = sensitivity(problem, plan).profit.contributor_costs
        >>> (slope + plan.samples).tolist()  # each cost point costs what is collected
        [0.0, 0.0]
    """
    found: Sensitivity = _sensitivity(problem, plan)
    return found


@jit
def _sensitivity(problem: Problem, plan: Plan) -> Sensitivity:
    slopes = jax.grad(lambda one: profit(one, plan))(problem)
    return Sensitivity(slopes, jax.jacrev(lambda one: envy_free_prices(one, plan.sizes).price)(problem))
