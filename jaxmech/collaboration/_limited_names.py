"""What agents can and must collect who say something else of their costs, or are two. Pure kernels."""

import jax.numpy as jnp

from jaxmech._types import Amounts, Array, Bool
from jaxmech.collaboration._limited_blocking import supplied_by
from jaxmech.collaboration._problem import Problem
from jaxmech.mechanism import Capacity


def limits_of_a_report(problem: Problem, agent: Array, said: Amounts) -> tuple[Problem, Bool[Array, ""]]:
    """Return the problem for costs that an agent reports, and whether there can be a plan for it.

    Who says that she cannot measure something need not, but nobody may say so of what she must measure; what must be
    measured has to be within the budget at the costs that are said.

    Args:
        problem: the problem with the true costs, and a capacity.
        agent: her index.
        said: all costs, hers as reported.
    """
    capacity = problem.capacity
    assert capacity is not None
    able = said[agent] != jnp.inf
    most, least = (table.at[agent].set(jnp.where(able, table[agent], 0)) for table in (capacity.most, capacity.least))
    told = Problem.unchecked(said, problem.sigma, problem.price, capacity=Capacity(most, least, capacity.budget))
    supplied = jnp.all(supplied_by(told, jnp.ones(len(said), bool)))
    must = jnp.all(able | (capacity.least[agent] == 0))
    return told, supplied & must & jnp.all(Capacity(most, least, capacity.budget).allows(said, least))


def with_second_name(problem: Problem, agent: Array, unable: Array) -> Problem:
    """Return the problem of all names, the second one of an agent last: her limits are dealt between her names.

    Each of two names that say that they can measure has half of what she can and must collect and can spend; a name
    that says it cannot has none of it.

    Args:
        problem: the problem with one name each.
        agent: whose second name.
        unable: whether that name says that it can measure nothing.
    """
    said = jnp.where(unable, jnp.inf, problem.costs[agent])
    costs = jnp.concatenate([problem.costs, said[None]])
    capacity = problem.capacity
    if capacity is not None:

        def dealt(table: Array) -> Array:
            hers = table[agent]
            first, second = jnp.where(unable, hers, hers / 2), jnp.where(unable, 0.0, hers / 2)
            return jnp.concatenate([table.at[agent].set(first), second[None]])

        capacity = Capacity(*(dealt(table) for table in (capacity.most, capacity.least, capacity.budget)))
    return Problem.unchecked(costs, problem.sigma, problem.price, capacity=capacity)
