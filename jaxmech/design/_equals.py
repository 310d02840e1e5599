"""What a design costs agents with equal costs: a function of their number alone."""

from functools import lru_cache

import numpy as np

from jaxmech.collaboration import Problem, first_best
from jaxmech.design._design import design
from jaxmech.design._wishes import Wishes

_SCALE = 1e3  # σ of one agent's cost: so many points that whole numbers do not matter


def cost_among_equals(problem: Problem) -> float:
    """Return what all together pay under a designed mechanism where everybody's costs are the same.

    In units of the first best it depends on the number of agents alone, as long as they collect many points: per
    distribution, without linking, which would gain more. The design behind it is proven.

    Args:
        problem: equal costs, agent by agent.

    Raises:
        SolveError: if no design could be proven.

    Source: this package.

    Example:
        >>> equals = Problem(costs=[[0.01]] * 10, sigma=1.0)
        >>> round(cost_among_equals(equals) / float(first_best(equals)), 3)  # c3d: 1.698
        1.214
    """
    return _ratio(problem.shape[0]) * float(first_best(problem))


@lru_cache
def _ratio(agents: int) -> float:
    one = Problem(np.ones((agents, 1)), _SCALE)
    return float(design(one, Wishes(linked=False)).raise_for_status().value.social_penalty) / float(first_best(one))
