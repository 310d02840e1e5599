"""Fair divisions of work: the bargaining solutions of Nash, of the egalitarians, and of Kalai and Smorodinsky."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._status import Solution, Status
from jaxmech._types import Agents, Amounts, Array
from jaxmech.collaboration._division import alone, direct_solution, masked
from jaxmech.collaboration._penalty import penalty
from jaxmech.collaboration._problem import Problem, alone_penalty
from jaxmech.numerics import Kind, SharingOptimum, solve_sharing


def nash_bargaining(problem: Problem) -> Solution[Amounts]:
    """Maximise Σ_i log(p_IND[i] − p_i(n)): the largest product of gains.

    Args:
        problem: the problem; every agent must be able to sample every distribution.

    Returns:
        Samples (agents, distributions). The residual is the duality gap per agent of the logarithmic program, a
        bound on the relative error of the geometric mean of the gains. A single agent gains nothing and works alone.

    Raises:
        ProblemError: naming an agent whose penalty of working alone is infinite.

    Source: Nash 1950; Clinton et al. 2025, section 6 and appendix C.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> nash_bargaining(problem).value.round(2).ravel().tolist()
        [35.32, 23.42, 15.73]
    """
    require_everybody_able(problem, "Nash bargaining")
    return alone(problem) if problem.shape[0] == 1 else _nash(problem)


@jax.jit
def _nash(problem: Problem) -> Solution[Amounts]:
    optimum = solve_sharing(Kind.PRODUCT, problem.costs, problem.scale**2, bounds=alone_penalty(problem))
    return _where_finite(problem, _solution(optimum))


@jax.jit
def egalitarian_bargaining(problem: Problem) -> Solution[Amounts]:
    """Minimise max_i p_i(n): every agent who can sample anything pays the same, and as little as possible.

    Nobody pays more than alone, because the agent with the least p_IND could let all others receive her data.

    Args:
        problem: the problem.

    Returns:
        Samples (agents, distributions), for one distribution in closed form. The residual is the largest relative
        error in the optimality conditions.

    Source: Clinton et al. 2025, section 6 and appendix C.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> egalitarian_bargaining(problem).value.round(2).ravel().tolist()
        [40.69, 20.35, 13.43]
    """
    if problem.shape[1] == 1:
        return _egalitarian_column(problem)
    direction = jnp.ones(problem.shape[0], problem.costs.dtype)
    optimum = solve_sharing(Kind.MINIMAX, problem.costs, problem.scale**2, direction=direction)
    return masked(_solution(optimum))


def _egalitarian_column(problem: Problem) -> Solution[Amounts]:
    """One distribution: everybody able spends the same: n = σ/(c √(Σ 1/c)), with residual c n S/σ² − 1."""
    able = problem.costs != jnp.inf
    roots = jnp.where(able, 1 / jnp.sqrt(jnp.where(able, problem.costs, 1.0)), 0.0)
    inverse = roots**2
    samples = problem.scale * inverse / jnp.sqrt(jnp.sum(inverse))
    spent = jnp.where(able, jnp.where(able, problem.costs, 1.0) * samples, 0.0) * jnp.sum(samples) / problem.scale**2
    return direct_solution(samples, jnp.max(jnp.where(able, jnp.abs(spent - 1), 0.0)))


def kalai_smorodinsky_bargaining(problem: Problem) -> Solution[Amounts]:
    """Let every agent gain the same share of the most she could gain.

    The largest t with p_i(n) <= p_IND[i] − t (p_IND[i] − ideal_i) for all i, where ideal_i is the least p_i over all
    n that leave nobody worse off than alone.

    Args:
        problem: the problem; every agent must be able to sample every distribution.

    Returns:
        Samples (agents, distributions). The residual is the largest duality gap among the m programs for the
        ideals and the one for t. A single agent gains nothing and works alone.

    Raises:
        ProblemError: naming an agent whose penalty of working alone is infinite.

    Source: Kalai and Smorodinsky 1975.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> kalai_smorodinsky_bargaining(problem).value.round(2).ravel().tolist()
        [27.94, 24.55, 21.98]
    """
    require_everybody_able(problem, "Kalai-Smorodinsky bargaining")
    return alone(problem) if problem.shape[0] == 1 else _kalai_smorodinsky(problem)


@jax.jit
def _kalai_smorodinsky(problem: Problem) -> Solution[Amounts]:
    own = alone_penalty(problem)
    ideals, status, residual, steps = _ideals(problem, own)
    optimum = solve_sharing(Kind.MINIMAX, problem.costs, problem.scale**2, bounds=own, direction=own - ideals)
    solution = _solution(optimum)
    status = jnp.maximum(solution.status, jnp.max(status))
    residual = jnp.maximum(solution.residual, jnp.max(residual))
    return _where_finite(
        problem, Solution(solution.value, status, residual, solution.steps + jnp.sum(steps, dtype=jnp.int32))
    )


def _ideals(problem: Problem, own: Agents) -> tuple[Agents, Array, Array, Array]:
    """Return the least penalty of each agent while nobody is worse off than alone, and how each was found."""

    def ideal(weights: Agents) -> tuple[Array, Array, Array, Array]:
        best = solve_sharing(Kind.WEIGHTED, problem.costs, problem.scale**2, weights=weights, bounds=own)
        return jnp.sum(weights * penalty(problem, best.amount)), best.status, best.residual, best.steps

    m = problem.shape[0]
    # in small batches: all m programs at once would need m copies of the costs
    ideals: tuple[Array, Array, Array, Array] = jax.lax.map(ideal, jnp.eye(m, dtype=own.dtype), batch_size=min(m, 8))
    return ideals


def _solution(optimum: SharingOptimum) -> Solution[Amounts]:
    return Solution(optimum.amount, optimum.status, optimum.residual, optimum.steps)


def _where_finite(problem: Problem, solution: Solution[Amounts]) -> Solution[Amounts]:
    """Mark an instance with an infinite p_IND as failed: inside a transformation nothing can be raised."""
    finite = jnp.all(jnp.isfinite(problem.costs))
    status = jnp.where(finite, solution.status, Status.NONFINITE).astype(jnp.int32)
    return masked(Solution(solution.value, status, solution.residual, solution.steps))


def require_everybody_able(problem: Problem, name: str) -> None:
    """Refuse a problem in which somebody has no finite penalty of working alone, if its costs are known here.

    Raises:
        ProblemError: naming the entry, the agent and the distribution.
    """
    if isinstance(problem.costs, jax.core.Tracer):
        return
    for i, k in np.argwhere(~np.isfinite(np.asarray(problem.costs))):
        who = f"{problem.agent_name(int(i))} cannot sample {problem.distribution_name(int(k))}"
        rule = f"{name} needs agents who can work alone, and {who}"
        raise ProblemError(f"costs[{i}][{k}]", float(problem.costs[i, k]), rule)
