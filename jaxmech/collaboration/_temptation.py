"""What agents are tempted to do instead of what a plan says, and what that would cost them: pure functions."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Agents, Amounts, Array
from jaxmech.collaboration._limited_regret import best_beside
from jaxmech.collaboration._penalty import collection_cost, risk
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem, alone_samples
from jaxmech.collaboration._regret import whole_points
from jaxmech.collaboration._roles import checked_levels
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.mechanism import of_others


class Temptation(NamedTuple):
    """What each agent pays for each distribution under a plan, and what the nearest temptation would cost her there.

    Attributes:
        pays: if all follow the plan; the plan's penalties are its sums over distributions.
        instead: if she alone did half of her work where she works, or collected one sample where she receives; within
            limits as near to that as she may.
        samples: that amount.
    """

    pays: Amounts
    instead: Amounts
    samples: Amounts


class FreeRiding(NamedTuple):
    """What agents of a pool, whom nobody checks, would do if they thought of themselves alone.

    Attributes:
        samples: the best amount for each, the others complying.
        pays: what each pays if all comply.
        instead: what she would pay with her best amounts.
    """

    samples: Amounts
    pays: Agents
    instead: Agents


@in_equivalent_points("samples")
def truthful_penalty(problem: Problem, plan: Plan, samples: Amounts) -> Amounts:
    """Return what each agent pays for each distribution if she alone collects ``samples`` and submits them as they are.

    With N points of the others: σ²/n + cn alone, σ²/(N + n) + cn where she receives or data are pooled, and (64)
    at n where she is checked. Prices are in σ².

    Args:
        problem: the problem.
        plan: what the others follow.
        samples: n; positive where she works alone or is checked.

    Source: Clinton et al. 2025, appendices E.2 and E.4.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.25], [0.25]], sigma=10.0)
        >>> plan = solve(problem, division="alone", mechanism="pool").value
        >>> truthful_penalty(problem, plan, jnp.array([[20.0], [0.0]])).ravel().tolist()
        [7.5, 5.0]
    """
    error, spent = problem.error, collection_cost(problem, samples)
    together = risk(error, of_others(plan.samples) + samples) + spent
    if plan.pooled:
        return together
    alone, checked = plan.role == Role.ALONE, plan.role == Role.CHECKED
    # Where nobody is checked any numbers will do, but no NaN.
    watched = plan.rule.penalty(
        jnp.where(checked, samples, 1.0),
        jnp.where(checked, plan.samples, 1.0),
        jnp.where(checked, plan.total, 4.0),
        checked_levels(problem, plan.samples, checked, plan.alpha, plan.total, plan.rule),
        jnp.where(jnp.isfinite(problem.costs), problem.costs, 0.0),
        problem.scale,
    )
    by_herself = risk(error, jnp.where(alone, samples, 1.0)) + spent
    return jnp.where(alone, by_herself, jnp.where(checked, watched, together))


@in_equivalent_points(returns=("samples",))
def temptation(problem: Problem, plan: Plan) -> Temptation:
    """Return what the plan costs each agent on each distribution, and what the nearest temptation would.

    Args:
        problem: the problem.
        plan: from :func:`solve`.

    Source: Clinton et al. 2025, appendices E.2 and E.4, for the penalties; which temptation is nearest is ours: one of
        the size that a person would think of.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.25], [0.25]], sigma=10.0)
        >>> plan = solve(problem, division="alone", mechanism="pool").value
        >>> temptation(problem, plan).instead.ravel().round(3).tolist()
        [5.833, 5.833]
    """
    receives = (plan.role == Role.RECEIVES) & (not plan.pooled)
    nearest = jnp.where(receives, plan.samples + whole_points(problem), plan.samples / 2)
    if problem.capacity is not None:
        nearest = jnp.clip(nearest, problem.capacity.least, problem.capacity.most)
        nearest = jnp.where(problem.capacity.allows(problem.costs, nearest)[:, None], nearest, plan.samples)
    pays, instead = _each(problem, plan, plan.samples, nearest)
    return Temptation(pays, instead, nearest)


@in_equivalent_points(returns=("samples",))
def free_riding(problem: Problem, plan: Plan) -> FreeRiding:
    """Return what agents of a pool would do for themselves: collect max(0, n_IND − N) beside N points of the others.

    Args:
        problem: the problem.
        plan: of a pool.

    Source: Clinton et al. 2025, section 3.2.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.25], [0.25]], sigma=10.0)
        >>> free_riding(problem, solve(problem, division="alone", mechanism="pool").value).instead.tolist()
        [5.0, 5.0]
    """
    others = of_others(plan.samples)
    if problem.capacity is None:
        best = jnp.maximum(alone_samples(problem) - others, 0.0)
    else:
        best = best_beside(problem, others)
    pays, instead = jnp.sum(_each(problem, plan, plan.samples, best), axis=-1)
    return FreeRiding(best, pays, instead)


def _each(problem: Problem, plan: Plan, *samples: Amounts) -> Array:
    """What several amounts cost, at once: special functions are compiled once, and compiling is what takes time."""
    paid: Array = jax.vmap(partial(truthful_penalty, problem, plan))(jnp.stack(samples))
    return paid
