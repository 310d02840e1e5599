"""Divisions of work by their names."""

from collections.abc import Callable
from functools import partial

import jax

from jaxmech._status import Solution
from jaxmech._types import Amounts
from jaxmech._words import one_of
from jaxmech.collaboration._bargaining import (
    egalitarian_bargaining,
    kalai_smorodinsky_bargaining,
    nash_bargaining,
    require_everybody_able,
)
from jaxmech.collaboration._division import alone, social_optimum
from jaxmech.collaboration._leverage import leverage_optimum
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
    target: Solution[Amounts] = _divide(problem, division)
    return target


_DIVIDE: dict[str, Callable[[Problem], Solution[Amounts]]] = {
    "alone": alone,
    "social": social_optimum,
    "rational": rational_optimum,
    "leverage": leverage_optimum,
    "nash": nash_bargaining,
    "egalitarian": egalitarian_bargaining,
    "kalai-smorodinsky": kalai_smorodinsky_bargaining,
}


@partial(jax.jit, static_argnames="division")
def _divide(problem: Problem, division: str) -> Solution[Amounts]:
    return _DIVIDE[division](problem)
