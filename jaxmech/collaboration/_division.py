"""Divisions of work in closed form: alone, and the social optimum."""

import jax
import jax.numpy as jnp

from jaxmech._extremes import is_lowest, lowest, root
from jaxmech._kept import jit
from jaxmech._status import Solution, Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Amounts, Distributions, Scalar
from jaxmech.collaboration._limited import check_size, limited_social
from jaxmech.collaboration._penalty import social_penalty
from jaxmech.collaboration._problem import Problem, alone_samples
from jaxmech.collaboration._units import ITSELF, in_equivalent_points
from jaxmech.mechanism._capacity import spent


@jit
@in_equivalent_points(returns=(ITSELF,))
def alone(problem: Problem) -> Solution[Amounts]:
    """n[i, k] = σ_k√price_k/√c[i, k]: every agent for herself.

    Args:
        problem: the problem.

    Returns:
        Samples (agents, distributions); the residual is the relative error of the condition σ²price/n = c n.

    Source: Clinton et al. 2025, appendix A.1.

    Example:
        >>> alone(Problem(costs=[[0.25]], sigma=10.0)).value.tolist()
        [[20.0]]
    """
    samples = alone_samples(problem)
    if problem.capacity is not None:
        return direct_solution(samples, _overspent(problem, samples))
    able = (problem.costs != jnp.inf) & (samples != 0)  # not > 0: a NaN must reach the residual
    error = (problem.scale / jnp.where(able, samples, 1.0)) ** 2
    ratio = jnp.where(able, error / jnp.where(able, problem.costs, 1.0) - 1, 0.0)
    return direct_solution(samples, jnp.max(jnp.abs(ratio)))


@jit
@in_equivalent_points(returns=(ITSELF,))
def social_optimum(problem: Problem) -> Solution[Amounts]:
    """The division with the least social penalty: the cheapest agents of k collect σ_k√(price_k m / min_i c[i, k]).

    Agents tied for the lowest cost share the work evenly. It may leave them worse off than alone.

    Args:
        problem: the problem.

    Returns:
        Samples (agents, distributions); the residual is the largest relative error of the condition
        m σ_k²price_k/S_k² = min_i c[i, k].

    Source: Clinton et al. 2025, section 3.2.

    Example:
        >>> social_optimum(Problem(costs=[[0.25], [1.0]], sigma=1.0)).value.round(3).tolist()
        [[2.828], [0.0]]
    """
    if problem.capacity is not None:
        return limited_social(check_size(problem), social_optimum(problem.unlimited()))
    samples = social_samples(problem)
    if problem.valued_alike:
        worth = problem.shape[0] * (problem.scale / jnp.sum(samples, axis=-2)) ** 2
        return direct_solution(samples, jnp.max(jnp.abs(worth / jnp.min(problem.costs, axis=-2) - 1)))
    wanted, totals = social_error(problem), jnp.sum(samples, axis=-2)
    worth = wanted / jnp.where(wanted != 0, totals, 1.0) ** 2
    missed = jnp.where(wanted != 0, jnp.abs(worth / jnp.min(problem.costs, axis=-2) - 1), totals)
    return direct_solution(samples, jnp.max(missed))


def _overspent(problem: Problem, samples: Amounts) -> Scalar:
    """How far the closed form of working alone within limits is from them: by rounding, or because they contradict."""
    assert problem.capacity is not None
    bill = spent(problem.costs, samples)
    budget = jnp.where(problem.capacity.budget > 0, problem.capacity.budget, 1.0)
    over = jnp.where(bill > problem.capacity.budget, bill / budget - 1, 0.0)
    return jnp.max(over + 0 * jnp.sum(samples, axis=-1))  # a NaN must reach the residual


@in_equivalent_points()
def first_best(problem: Problem) -> Scalar:
    """Σ_k 2σ_k√(price_k m min_i c[i, k]): the least social penalty if nobody had to agree.

    With most, least and budget, the least within them.

    Source: Clinton et al. 2025, section 3.2 and appendix C (with σ√(m/c) samples, not the printed 2σ√(mc)).
    """
    if problem.capacity is not None:
        return social_penalty(problem, social_optimum(problem).value)
    cheapest = lowest(problem.costs, -2)
    if problem.valued_alike:
        return 2 * jnp.sum(problem.scale * jnp.sqrt(problem.shape[0] * cheapest), axis=-1)
    return 2 * jnp.sum(root(social_error(problem) * cheapest), axis=-1)


def social_error(problem: Problem) -> Distributions:
    """Σ_i price[i, k] σ_k²: what the error of one point costs all agents together."""
    if problem.valued_alike:
        return problem.shape[0] * problem.error
    return jnp.sum(problem.error, axis=-2)


def direct_solution(samples: Amounts, residual: Scalar) -> Solution[Amounts]:
    """Wrap a closed form: OK, ALMOST where rounding spoils the residual, NONFINITE where it is not a number."""
    limits, residual = tolerances(residual.dtype), jax.lax.stop_gradient(residual)
    cases = [residual <= limits.optimality, jnp.isfinite(residual)]
    status = jnp.select(cases, [jnp.int32(Status.OK), jnp.int32(Status.ALMOST)], jnp.int32(Status.NONFINITE))
    return Solution(samples, status, residual, jnp.zeros_like(status)).blanked()


def social_samples(problem: Problem) -> Amounts:
    """Return the amounts of :func:`social_optimum`."""
    cheapest = lowest(problem.costs, -2)
    tied = is_lowest(problem.costs, -2).astype(problem.costs.dtype)
    if problem.valued_alike:
        total = problem.scale * jnp.sqrt(problem.shape[0] / cheapest)
    else:
        total = root(social_error(problem) / cheapest)
    return tied / jnp.sum(tied, axis=-2) * total
