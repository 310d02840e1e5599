"""Divisions of work by efficiency: alone, the social optimum, and the optimum that leaves nobody worse off."""

import jax
import jax.numpy as jnp

from jaxmech._status import Solution, Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, ArrayLike, Scalar
from jaxmech.collaboration._penalty import penalty, social_penalty
from jaxmech.collaboration._problem import Problem, alone_penalty, alone_samples
from jaxmech.numerics import Kind, solve_sharing


@jax.jit
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
    able = problem.costs != jnp.inf
    error = problem.scale**2 / jnp.where(able, samples, 1.0) ** 2
    ratio = jnp.where(able, error / jnp.where(able, problem.costs, 1.0) - 1, 0.0)
    return direct_solution(samples, jnp.max(jnp.abs(ratio)))


@jax.jit
def social_optimum(problem: Problem) -> Solution[Amounts]:
    """The division with the least social penalty: the cheapest agents of k collect σ_k√(price_k m / min_i c[i, k]).

    Agents tied for the lowest cost share the work evenly. It may leave them worse off than alone.

    Args:
        problem: the problem.

    Returns:
        Samples (agents, distributions); the residual is the gap to Σ_k 2σ_k√(price_k m min_i c[i, k]).

    Source: Clinton et al. 2025, section 3.2.

    Example:
        >>> social_optimum(Problem(costs=[[0.25], [1.0]], sigma=1.0)).value.round(3).tolist()
        [[2.828], [0.0]]
    """
    samples = _social_samples(problem)
    best = first_best(problem)
    return direct_solution(samples, jnp.abs(social_penalty(problem, samples) - best) / best)


def first_best(problem: Problem) -> Scalar:
    """Σ_k 2σ_k√(price_k m min_i c[i, k]): the least social penalty if nobody had to agree.

    Source: Clinton et al. 2025, section 3.2 and appendix C (with σ√(m/c) samples, not the printed 2σ√(mc)).
    """
    return 2 * jnp.sum(problem.scale * jnp.sqrt(problem.shape[0] * jnp.min(problem.costs, axis=-2)), axis=-1)


def rational_optimum(problem: Problem, bounds: ArrayLike | None = None) -> Solution[Amounts]:
    """n_OPT: minimise P(n) = Σ_i p_i(n) subject to p_i(n) <= p_IND[i], n >= 0, n = 0 where an agent cannot sample.

    Where the social optimum leaves nobody worse off it is the answer, in closed form; otherwise an interior-point
    method finds it. Among several optima (equal costs) the one that treats equal agents alike is returned. Amounts
    that are zero are exactly zero. Derivatives in costs, σ, price and bounds follow from the optimality conditions;
    where tied costs make the optimum jump there is none, and the value returned belongs to the even split.

    Args:
        problem: the problem.
        bounds: largest penalty that each agent accepts, ∞ for no limit; p_IND where none is given.

    Returns:
        Samples (agents, distributions). The residual is the larger of the relative excess over a bound and the
        relative duality gap, from a dual bound in closed form.

    Source: Clinton et al. 2025, equation (7).

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> rational_optimum(problem).value.round(2).ravel().tolist()
        [71.17, 6.68, 0.0]
    """
    own = alone_penalty(problem)
    given = own if bounds is None else jnp.broadcast_to(jnp.asarray(bounds, own.dtype), own.shape)
    return _rational(problem, given)


@jax.jit
def _rational(problem: Problem, bounds: Agents) -> Solution[Amounts]:
    limits = tolerances(problem.costs.dtype)
    own = alone_penalty(problem)
    social = _social_samples(problem)
    social_ok = jnp.all(penalty(problem, social) <= bounds * (1 + 64 * limits.eps))
    # where one agent alone can sample anything and may not lose, the feasible set is the point n_IND
    active = jnp.any(problem.costs != jnp.inf, axis=1)
    pinned = active & (bounds <= own * (1 + limits.optimality)) & (bounds >= own * (1 - limits.optimality))
    point = (jnp.sum(active) == 1) & jnp.any(pinned) & ~social_ok
    weights = jnp.ones_like(own)
    optimum = solve_sharing(
        Kind.WEIGHTED, problem.costs, problem.scale**2, weights=weights, bounds=bounds, skip=social_ok | point
    )
    samples = jnp.where(social_ok, social, jnp.where(point, alone_samples(problem), optimum.amount))
    least = first_best(problem)
    gap = jnp.where(social_ok, jnp.abs(social_penalty(problem, social) - least) / least, 0.0)
    excess = jnp.where(bounds != jnp.inf, penalty(problem, samples) / bounds - 1, 0.0)
    known = jnp.maximum(gap, jnp.max(excess))
    residual = jnp.where(social_ok | point, known, optimum.residual)
    status = jnp.where(jnp.isnan(residual), Status.NONFINITE, optimum.status).astype(jnp.int32)
    return masked(Solution(samples, status, residual, optimum.steps))


def direct_solution(samples: Amounts, residual: Scalar) -> Solution[Amounts]:
    """Wrap a closed form: OK, ALMOST where rounding spoils the residual, NONFINITE where it is not a number."""
    limits = tolerances(residual.dtype)
    cases = [residual <= limits.optimality, jnp.isfinite(residual)]
    status = jnp.select(cases, [jnp.int32(Status.OK), jnp.int32(Status.ALMOST)], jnp.int32(Status.NONFINITE))
    return masked(Solution(samples, status, residual, jnp.zeros_like(status)))


def masked(solution: Solution[Array]) -> Solution[Array]:
    """Put NaN where the status says that there is no answer."""
    failed = (solution.status == Status.INFEASIBLE) | (solution.status == Status.NONFINITE)
    return solution.map(lambda samples: jnp.where(failed, jnp.nan, samples))


def _social_samples(problem: Problem) -> Amounts:
    cheapest = jnp.min(problem.costs, axis=-2)
    tied = (problem.costs == cheapest).astype(problem.costs.dtype)
    total = problem.scale * jnp.sqrt(problem.shape[0] / cheapest)
    return tied / jnp.sum(tied, axis=-2) * total
