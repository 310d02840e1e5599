"""Fair divisions of work: the bargaining solutions of Nash, of the egalitarians, and of Kalai and Smorodinsky."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._checks import known_values
from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._status import Solution, Status, worst_status
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Distributions, Scalar
from jaxmech.collaboration._division import alone, direct_solution
from jaxmech.collaboration._gaining import gaining
from jaxmech.collaboration._limited import (
    check_size,
    limited_egalitarian,
    limited_kalai_smorodinsky,
    limited_nash,
)
from jaxmech.collaboration._problem import Problem, alone_penalty, alone_samples
from jaxmech.collaboration._units import ITSELF, in_equivalent_points
from jaxmech.mechanism import of_others
from jaxmech.numerics import Kind, SharingOptimum, solve_sharing, spend_equal_budgets

_ROUNDING = 16.0  # in units of eps: what a sum of terms may be off
_MOST_ENTRIES = 1 << 22  # of costs that all copies for the ideals may hold at a time


@in_equivalent_points(returns=(ITSELF,))
def nash_bargaining(problem: Problem) -> Solution[Amounts]:
    """Maximise Σ_i log(p_IND[i] − p_i(n)): the largest product of gains.

    Args:
        problem: the problem; every agent must be able to sample every distribution.

    Returns:
        Samples (agents, distributions). The residual is the largest relative error in the optimality conditions, of
        any agent and any distribution. A single agent gains nothing and works alone.

    Raises:
        ProblemError: naming an agent whose penalty of working alone is infinite.

    Source: Nash 1950; Clinton et al. 2025, section 6 and appendix C.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> nash_bargaining(problem).value.round(2).ravel().tolist()
        [35.32, 23.42, 15.73]
    """
    require_everybody_able(problem, "Nash bargaining")
    if problem.shape[0] == 1:
        return alone(problem)
    return _nash(problem) if problem.capacity is None else limited_nash(check_size(problem))


@jit
def _nash(problem: Problem) -> Solution[Amounts]:
    own, error = alone_penalty(problem), problem.error
    if problem.valued_alike:
        return _where_finite(problem, _solution(solve_sharing(Kind.PRODUCT, problem.costs, error, bounds=own)))
    # who can gain nothing works alone, or collects nothing where that costs her nothing
    gains = gaining(problem)
    costs, bounds = jnp.where(gains[:, None], problem.costs, jnp.inf), jnp.where(gains, own, jnp.inf)
    error = jnp.where(gains[:, None], error, 0.0)
    optimum = solve_sharing(Kind.PRODUCT, costs, error, bounds=bounds, skip=~jnp.any(gains))
    amount = jnp.where(gains[:, None], optimum.amount, alone_samples(problem))
    residual = jnp.where(jnp.any(gains), optimum.residual, 0.0)
    return _where_finite(problem, Solution(amount, optimum.status, residual, optimum.steps))


@jit
@in_equivalent_points(returns=(ITSELF,))
def egalitarian_bargaining(problem: Problem) -> Solution[Amounts]:
    """Minimise max_i p_i(n): every agent who can sample anything pays the same, and as little as possible.

    Nobody pays more than alone, because the agent with the least p_IND could let all others receive her data. Where
    prices differ between agents that is not so, and those to whom accuracy is worth little may lose.

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
    if problem.capacity is not None:
        return limited_egalitarian(check_size(problem))
    if not problem.valued_alike:
        return _egalitarian_by_worth(problem)
    if problem.shape[1] == 1:
        return _egalitarian_column(problem)
    able = problem.costs != jnp.inf
    output = jnp.where(able, 1 / jnp.where(able, problem.costs, 1.0), 0.0)
    error = problem.error
    spent = spend_equal_budgets(output, error)
    amounts = output * spent.share
    # a budget X buys n = X a f, and X + F/X is least where X = √F
    samples = jnp.sqrt(jnp.sum(error / jnp.sum(amounts, axis=0))) * amounts
    residual = jax.lax.stop_gradient(_equality_residual(output, error, samples))
    return Solution(samples, _status_of(residual), residual, spent.steps).blanked()


def _egalitarian_by_worth(problem: Problem) -> Solution[Amounts]:
    """The program as it stands: where errors do not cost all the same, not everybody pays the same."""
    nothing, one = jnp.zeros_like(problem.costs[:, 0]), jnp.ones_like(problem.costs[:, 0])
    return _solution(solve_sharing(Kind.MINIMAX, problem.costs, problem.error, bounds=nothing, direction=one))


def _equality_residual(output: Amounts, error: Distributions, samples: Amounts) -> Scalar:
    """Largest relative error, of any agent and any distribution, in what makes amounts optimal.

    With s_k = w_k/S_k² and X = Σ_k w_k/S_k: every able agent spends X, and on nothing but where s_k/c_ik is largest.
    """
    totals = jnp.sum(samples, axis=0)
    gain = output * error / totals**2
    best = jnp.max(gain, axis=1, keepdims=True)
    worse = jnp.where(samples > 0, 1 - gain / jnp.where(best > 0, best, 1.0), 0.0)
    spent = jnp.sum(jnp.where(output > 0, samples / jnp.where(output > 0, output, 1.0), 0.0), axis=1)
    uneven = jnp.where(best[:, 0] > 0, jnp.abs(spent / jnp.sum(error / totals) - 1), 0.0)
    return jnp.maximum(jnp.maximum(jnp.max(worse), jnp.max(uneven)), jnp.max(-samples / totals))


def _egalitarian_column(problem: Problem) -> Solution[Amounts]:
    """One distribution: everybody able spends the same: n = σ/(c √(Σ 1/c)), with residual c n S/σ² − 1."""
    able = problem.costs != jnp.inf
    roots = jnp.where(able, 1 / jnp.sqrt(jnp.where(able, problem.costs, 1.0)), 0.0)
    inverse = roots**2
    samples = problem.scale * inverse / jnp.sqrt(jnp.sum(inverse))
    spent = jnp.where(able, jnp.where(able, problem.costs, 1.0) * samples, 0.0) * jnp.sum(samples) / problem.error
    missed = jnp.max(jnp.where(able, jnp.abs(spent - 1), 0.0))
    return direct_solution(samples, jnp.where(jnp.any(able), missed, jnp.nan))


@in_equivalent_points(returns=(ITSELF,))
def kalai_smorodinsky_bargaining(problem: Problem) -> Solution[Amounts]:
    """Let every agent gain the same share of the most she could gain.

    The largest t with p_i(n) <= p_IND[i] − t (p_IND[i] − ideal_i) for all i, where ideal_i is the least p_i over all
    n that leave nobody worse off than alone.

    Args:
        problem: the problem; every agent must be able to sample every distribution.

    Returns:
        Samples (agents, distributions). The residual is the largest relative error in the optimality conditions, of
        any agent and any distribution, among the m programs for the ideals and the one for t. A single agent gains
        nothing and works alone.

    Raises:
        ProblemError: naming an agent whose penalty of working alone is infinite; for prices that differ between agents.

    Source: Kalai and Smorodinsky 1975.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> kalai_smorodinsky_bargaining(problem).value.round(2).ravel().tolist()
        [27.94, 24.55, 21.98]
    """
    if not problem.valued_alike:
        rule = (
            "must be one number, or one per distribution: the ideals of kalai-smorodinsky are not found for a table yet"
        )
        raise ProblemError("price", "a table by agent", rule)
    require_everybody_able(problem, "Kalai-Smorodinsky bargaining")
    if problem.shape[0] == 1:
        return alone(problem)
    return _kalai_smorodinsky(problem) if problem.capacity is None else limited_kalai_smorodinsky(check_size(problem))


@jit
def _kalai_smorodinsky(problem: Problem) -> Solution[Amounts]:
    own = alone_penalty(problem)
    most, status, residual, steps = _most_gains(problem, own)
    optimum = solve_sharing(Kind.MINIMAX, problem.costs, problem.error, bounds=own, direction=most)
    uneven = jax.lax.stop_gradient(_unevenness(problem, optimum.amount, optimum.multiplier, most))
    status = worst_status(optimum.status, status, _status_of(uneven))
    # working alone satisfies every bound
    status = jnp.where(status == Status.INFEASIBLE, Status.STALLED, status)
    residual = jnp.maximum(jnp.maximum(optimum.residual, uneven), jnp.max(residual))
    return _where_finite(
        problem, Solution(optimum.amount, status, residual, optimum.steps + jnp.sum(steps, dtype=jnp.int32))
    )


def _status_of(residual: Scalar) -> Array:
    """What a residual alone says about an iterative solution."""
    limits = tolerances(residual.dtype)
    cases = [residual <= limits.optimality, residual <= limits.almost, jnp.isfinite(residual)]
    codes = (Status.OK, Status.ALMOST, Status.STALLED)
    return jnp.select(cases, [jnp.int32(code) for code in codes], jnp.int32(Status.NONFINITE))


def _unevenness(problem: Problem, samples: Amounts, multiplier: Agents, most: Agents) -> Scalar:
    """How far gains are from the shares of ``most`` that they should be, apart from the rounding of amounts.

    Everybody gains the share t at least, and exactly that who has a multiplier. A row p_i <= p_IND[i] − t most_i may
    hold to many digits of p_i and to none of a small gain.
    """
    gain, terms = _gains(problem, samples)
    limits = tolerances(gain.dtype)
    scale = jnp.abs(gain) + _ROUNDING * limits.eps / limits.optimality * terms
    held = multiplier > 0
    clearest = jnp.argmax(jnp.where(held, jnp.abs(gain) / scale, -1.0))
    missing = (most * gain[clearest] / most[clearest] - gain) / scale
    return jnp.max(jnp.where(held, jnp.abs(missing), jnp.maximum(missing, 0.0)))


def _most_gains(problem: Problem, own: Agents) -> tuple[Agents, Array, Array, Array]:
    """Return p_IND[i] − ideal_i, the most each agent could gain with nobody worse off than alone, and how found."""

    def ideal(who: Agents) -> tuple[Array, Array, Array, Array]:
        best = solve_sharing(Kind.IDEAL, problem.costs, problem.error, weights=who, bounds=own)
        gains, terms = _gains(problem, best.amount)
        hers, others = jnp.sum(who * gains), (1 - who) * best.multiplier
        # by duality what others gain, and what rounding makes of any gain, is an error of hers in this proportion
        rounding = _ROUNDING * tolerances(gains.dtype).eps * terms
        doubt = jnp.sum(others * jnp.abs(gains) + (who + others) * rounding) / jnp.abs(hers)
        status = worst_status(best.status, _status_of(doubt))
        return hers, status, jnp.maximum(best.residual, jax.lax.stop_gradient(doubt)), best.steps

    m, d = problem.shape
    everybody = jnp.eye(m, dtype=own.dtype)
    # all m programs at once need m copies of the costs, which must not outgrow the memory
    size = max(1, _MOST_ENTRIES // (m * d))
    groups = [jax.vmap(ideal)(everybody[first : first + size]) for first in range(0, m, size)]
    gains, status, residual, steps = (jnp.concatenate(parts) for parts in zip(*groups, strict=True))
    # agents with equal costs could gain the same; were it not the same to the last digit, they would share unevenly
    equal = jnp.all(problem.costs[:, None] == problem.costs[None], axis=2).astype(gains.dtype)
    mean = equal @ gains / jnp.sum(equal, axis=1)
    # what she could gain follows her own costs all the same, not those of who is like her now
    return jax.lax.stop_gradient(mean) + (gains - jax.lax.stop_gradient(gains)), status, residual, steps


def _gains(problem: Problem, samples: Amounts) -> tuple[Agents, Agents]:
    """p_IND[i] − p_i(n) = Σ_k c r − (σ − √c S)²/S, with r what the others collect; and the same without signs.

    Nothing cancels where gains are small beside penalties.
    """
    costs, totals = problem.costs, jnp.sum(samples, axis=0)
    saved, short = costs * of_others(samples), problem.scale - jnp.sqrt(costs) * totals
    lost = short**2 / totals
    return jnp.sum(saved - lost, axis=1), jnp.sum(saved + lost + 2 * jnp.abs(short) * jnp.sqrt(costs), axis=1)


def _solution(optimum: SharingOptimum) -> Solution[Amounts]:
    return Solution(optimum.amount, optimum.status, optimum.residual, optimum.steps)


def _where_finite(problem: Problem, solution: Solution[Amounts]) -> Solution[Amounts]:
    """Mark an instance with an infinite p_IND as failed: inside a transformation nothing can be raised."""
    finite = jnp.all(jnp.isfinite(alone_penalty(problem)))
    status = jnp.where(finite, solution.status, Status.NONFINITE).astype(jnp.int32)
    return Solution(solution.value, status, solution.residual, solution.steps).blanked()


def require_everybody_able(problem: Problem, name: str) -> None:
    """Refuse a problem in which somebody has no finite penalty of working alone, as far as its numbers are known here.

    Raises:
        ProblemError: naming the entry, the agent and the distribution.
    """

    def missing(costs: Array) -> Array:
        needed: Array | bool = True if problem.valued_alike else problem.price > 0
        return ~jnp.isfinite(costs) & needed

    for i, k in _where(known_values(missing, problem.costs)):
        who = f"{problem.agent_name(i)} cannot sample {problem.distribution_name(k)}"
        rule = f"{name} needs agents who can work alone, and {who}"
        raise ProblemError(f"costs[{i}][{k}]", float(np.asarray(problem.costs)[i, k]), rule)
    if problem.capacity is None:
        return
    for (i,) in _where(known_values(lambda: ~jnp.isfinite(alone_penalty(problem)))):
        rule = f"{name} needs agents who can work alone, and {problem.agent_name(i)} cannot within her limits"
        raise ProblemError(f"most[{i}], budget[{i}]", "too small", rule)


def _where(wrong: np.ndarray | None) -> list[list[int]]:
    """Places of what is wrong; none if that is not known."""
    return [] if wrong is None else np.argwhere(wrong).tolist()
