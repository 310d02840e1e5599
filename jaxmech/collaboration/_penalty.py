"""Penalties when every agent is compliant and data are pooled (the sample-mean mechanism)."""

import jax.numpy as jnp

from jaxmech._types import Agents, Amounts, Array, Scalar
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.mechanism._capacity import by_entry


def collection_cost(problem: Problem, samples: Amounts) -> Amounts:
    """Return c[i, k] n[i, k], with ∞·0 = 0 for an agent who cannot sample and does not."""
    return by_entry(problem.costs, samples)


@in_equivalent_points("samples")
def penalty(problem: Problem, samples: Amounts) -> Agents:
    """p_i(n) = Σ_k (σ_k² price_k / S_k + c[i, k] n[i, k]) with S_k = Σ_i n[i, k].

    Args:
        problem: the problem.
        samples: how many points each agent collects of each distribution.

    Returns:
        One penalty per agent, in the unit of the costs.

    Source: Clinton et al. 2025, Fact 2.

    Example:
        >>> problem = Problem(costs=[[1.0], [1.0]], sigma=2.0)
        >>> penalty(problem, jnp.array([[1.0], [1.0]])).tolist()
        [3.0, 3.0]
    """
    return pooled_error(problem, samples) + jnp.sum(collection_cost(problem, samples), axis=-1)


@in_equivalent_points("samples")
def social_penalty(problem: Problem, samples: Amounts) -> Scalar:
    """P(n) = Σ_i p_i(n): the sum of all agents' penalties.

    Source: Clinton et al. 2025, equation (5).
    """
    return jnp.sum(penalty(problem, samples), axis=-1)


def pooled_error(problem: Problem, samples: Amounts) -> Array:
    """Σ_k σ_k² price_k / S_k: the priced squared error of the pooled sample means; ∞ if nobody samples some k."""
    totals = jnp.sum(samples, axis=-2)
    if problem.valued_alike:
        return jnp.sum(problem.error / totals, axis=-1)
    return jnp.sum(risk(problem.error, totals[..., None, :]), axis=-1)


def risk(error: Array, points: Array) -> Array:
    """Return error/points: ∞ of nothing, but 0 where errors cost nothing."""
    some = points > 0
    return jnp.where(some, error / jnp.where(some, points, 1.0), jnp.where(error > 0, jnp.inf, 0.0))
