"""Divisions of work by their names."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._status import Solution
from jaxmech._types import Amounts, ArrayLike
from jaxmech._words import one_of
from jaxmech.collaboration._bargaining import (
    egalitarian_bargaining,
    kalai_smorodinsky_bargaining,
    nash_bargaining,
    require_everybody_able,
)
from jaxmech.collaboration._division import alone, social_optimum
from jaxmech.collaboration._leverage import leverage_optimum, without_shared_budget
from jaxmech.collaboration._plan import DIVISIONS
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._rational import rational_optimum
from jaxmech.collaboration._units import ITSELF, in_equivalent_points


@in_equivalent_points(returns=(ITSELF,))
def divide(problem: Problem, division: str) -> Solution[Amounts]:
    """Return a division of work by its name, compiled.

    Raises:
        ProblemError: for an unknown name, and for nash and kalai-smorodinsky if an agent cannot sample everything.

    Source: Clinton et al. 2025, section 3.2 and appendix C.

    Example:
        >>> divide(Problem(costs=[[0.25]], sigma=10.0), "alone").value.tolist()
        [[20.0]]
    """
    one_of("division", division, DIVISIONS)
    if division in ("nash", "kalai-smorodinsky"):
        require_everybody_able(problem, division)
    if division == "leverage":
        without_shared_budget(problem)
    target: Solution[Amounts] = _divide(problem, division)
    return target


def given_division(problem: Problem, samples: ArrayLike) -> Amounts:
    """Return amounts that a user gives as a division of work, checked.

    Args:
        problem: the problem.
        samples: how many points each agent collects, (agents, distributions). What is being traced is not checked.

    Raises:
        ProblemError: for another shape, negative or infinite amounts, amounts of agents who cannot sample, and any
            beside most, least and budget.

    Source: Clinton et al. 2025, equation (10): any division may take the place of n_OPT.

    Example:
        >>> given_division(Problem(costs=[[0.25], [1.0]], sigma=1.0), [[2.0], [0.0]]).tolist()
        [[2.0], [0.0]]
    """
    if problem.capacity is not None:
        raise ProblemError("division", "amounts", "means nothing beside most, least and budget: leave those out")
    amounts = jnp.asarray(samples, problem.costs.dtype)
    if amounts.shape != problem.shape:
        raise ProblemError("division", amounts.shape, f"must have one row per agent, one column each: {problem.shape}")
    if isinstance(amounts, jax.core.Tracer) or isinstance(problem.costs, jax.core.Tracer):
        return amounts
    rules = (
        (~(np.isfinite(amounts) & (amounts >= 0)), "must be 0 or more and finite"),
        ((amounts > 0) & np.isinf(problem.costs), "must be 0: she cannot sample this"),
    )
    for wrong, rule in rules:
        for i, k in np.argwhere(wrong):
            where = f"division[{problem.agent_name(int(i))}][{problem.distribution_name(int(k))}]"
            raise ProblemError(where, float(amounts[i, k]), rule)
    return amounts


_DIVIDE: dict[str, Callable[[Problem], Solution[Amounts]]] = {
    "alone": alone,
    "social": social_optimum,
    "rational": rational_optimum,
    "leverage": leverage_optimum,
    "nash": nash_bargaining,
    "egalitarian": egalitarian_bargaining,
    "kalai-smorodinsky": kalai_smorodinsky_bargaining,
}


@partial(jit, static_argnames="division")
def _divide(problem: Problem, division: str) -> Solution[Amounts]:
    return _DIVIDE[division](problem)
