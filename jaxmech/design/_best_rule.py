"""The search for the best noise rule, without knowing what it should look like: it tends to a threshold."""

import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._status import Solution, Status
from jaxmech._types import Array
from jaxmech.collaboration import Problem
from jaxmech.design._descent import Start, social
from jaxmech.design._plan import Rule
from jaxmech.design._table import Table
from jaxmech.design._terms import Crowd, Layout, Stake, Variables
from jaxmech.numerics import Minimum, minimise

_STEPS = 800
_FEWEST = 2
_LOWEST, _HIGHEST = 0.5, 2.0
_FIRST_NOISE = 5.0
_LARGEST_NOISE = 30.0
"""Logarithms of 1 + v."""
_SIZES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
_SHIFTS = (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0)


def best_rule(problem: Problem, entries: int = 12) -> Solution[Rule]:
    """Return the best monotone table for agents with equal costs, found without knowing what it should look like.

    Noise may jump at ``entries`` places between 1/2 and 2 limits; jumps, amounts and comparison sets are optimised
    together, from equal jumps in log(1 + v). All jumps but one die out: it tends to a threshold.

    Args:
        problem: with equal costs within each distribution, at least two agents.
        entries: where noise may jump; at least 2.

    Returns:
        Solution around the rule; the residual is the slope that is left, relatively.

    Raises:
        ProblemError: for costs that differ or are infinite, one agent, or too few entries.

    Source: this package.

    Example:
        >>> rule = best_rule(Problem(costs=[[1.0]] * 10, sigma=1.0), entries=4).value
        >>> bool(jnp.max(jnp.diff(jnp.log1p(rule.variance))) > 0.9 * jnp.log1p(rule.variance[-1]))
        True
    """
    costs = np.asarray(problem.costs, float)
    if not (np.isfinite(costs).all() and len(costs) > 1 and np.all(costs == costs[0])):
        raise ProblemError("costs", costs, "must be finite and equal for all of at least two agents")
    if not (isinstance(entries, int) and entries >= _FEWEST):
        raise ProblemError("entries", entries, f"must be a whole number, at least {_FEWEST}")
    # Amounts in n_IND, penalties in √(e c): the best shape depends on nothing but the number of agents.
    agents = jnp.asarray(float(len(costs)))
    places = jnp.asarray(np.geomspace(_LOWEST, _HIGHEST, entries))
    jumps = jnp.full(entries, np.log(_FIRST_NOISE / entries))
    starts = [
        jnp.concatenate([jnp.asarray([np.log(size / len(costs) ** 0.5), shift]), jumps])
        for size in _SIZES
        for shift in _SHIFTS
    ]
    values = [float(_value(start, places, agents)) for start in starts]
    found = _descend(starts[int(np.argmin(values))], places, agents)
    sound = bool(jnp.isfinite(found.value)) and int(found.steps) < _STEPS
    status = jnp.asarray(Status.OK if sound else Status.MAX_STEPS, jnp.int32)
    return Solution(_of_jumps(found.point[2:], places), status, found.slope, found.steps)


def _of_jumps(jumps: Array, places: Array) -> Rule:
    """A rule of steps from the logarithms of its jumps in log(1 + v)."""
    height = jnp.minimum(jnp.cumsum(jnp.exp(jnp.minimum(jumps, 5.0))), _LARGEST_NOISE)
    before = jnp.concatenate([jnp.zeros(1), height[:-1]])
    both = jnp.stack([before, height], axis=1).ravel()
    zero = jnp.zeros(1)
    return Rule(jnp.concatenate([zero, jnp.repeat(places, 2)]), jnp.concatenate([zero, jnp.expm1(both)]))


@jit
def _value(vector: Array, places: Array, agents: Array) -> Array:
    one = jnp.ones((1, 1))
    crowd = Crowd(Stake(one, jnp.ones(1)), agents[None], jnp.asarray(1.0))
    start = Start(Layout(one < 0, one > 0), Variables(vector[:1, None], vector[1:2, None]))
    return social(Table(_of_jumps(vector[2:], places)), crowd, start, 0.0)


@jit
def _descend(vector: Array, places: Array, agents: Array) -> Minimum:
    return minimise(lambda point: _value(point, places, agents), vector, _STEPS)
