"""Which most, least and budget a design takes, and as what bounds: checks, for the search and for the proof.

Within limits an agent can only choose amounts in a box, least ≤ n ≤ most, so nothing else has to be made unattractive:

- she is **checked** as without limits, at a level that makes what she is asked stationary, least < n ≤ most. Where she
  collects most any level would do at which she does not want less; the one at which she wants no other amount is the
  widest of these, and if she would rather collect more, whatever is checked, no level is needed: it is as good as ∞;
- she **receives** everything clean and collects least, if she would not want more, or most, if she would not want less:
  e/T² against c decides, T being all points;
- **alone** she collects what is best within the box, and so nobody is worse off who follows.

Whoever does best in the box does no better in a part of it, so a budget needs no more than bounds on each amount that
it implies, as long as what she is asked costs no more: of who has to choose one amount alone, what her money buys of it
is her most, exactly. A budget that couples several amounts is refused.

The proof (:mod:`jaxmech.design.proof`) minimises over the box, real amounts included: so it holds for whole ones.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._tolerances import tolerances
from jaxmech.collaboration import Problem
from jaxmech.mechanism import Capacity
from jaxmech.mechanism._capacity import whole_limits


def within_box(problem: Problem) -> Problem:
    """Return a problem whose budget has become a part of most, and in which who can collect nothing cannot sample.

    Inside a transformation nothing can be looked at: then the problem is returned as it is.

    Args:
        problem: with a capacity.

    Raises:
        ProblemError: for tables of σ or prices, a budget that couples amounts, and bounds without a whole number.
    """
    problem.of_agents_alike("a design with most or least has no tables")
    capacity = problem.capacity
    assert capacity is not None
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((problem.costs, capacity))):
        return problem
    costs, least = np.asarray(problem.costs), np.asarray(capacity.least)
    most = _bought(costs, np.asarray(capacity.most), least, np.asarray(capacity.budget))
    nothing = most <= 0
    box = Capacity(jnp.asarray(most), jnp.asarray(least), jnp.full_like(capacity.budget, jnp.inf))
    _check_whole(costs, most, box)
    named = problem.agents, problem.distributions
    told = jnp.where(nothing, jnp.inf, problem.costs)
    return Problem.unchecked(told, problem.sigma, problem.price, *named, capacity=box)


def _bought(costs: np.ndarray, most: np.ndarray, least: np.ndarray, budget: np.ndarray) -> np.ndarray:
    """Most, with what a budget buys of the one amount that an agent can choose."""
    slack = 1 + tolerances(costs.dtype).condition
    able = np.isfinite(costs) & (most > 0)
    price, most = np.where(able, costs, 0.0), most.copy()
    for (i,) in np.argwhere(np.isfinite(budget)):
        free = able[i] & (most[i] > least[i])
        if not free.any() or np.sum(np.where(free, most[i], least[i]) * price[i]) <= budget[i] * slack:
            continue
        if free.sum() > 1:
            rule = "leaves several amounts to choose: a design takes a budget for one only; say most, or use cbl"
            raise ProblemError(f"budget[{i}]", float(budget[i]), rule)
        (k,) = np.flatnonzero(free)
        left = budget[i] - np.sum(np.where(free, 0.0, least[i]) * price[i])
        most[i, k] = max(min(most[i, k], left / costs[i, k]), least[i, k])
    return most


def _check_whole(costs: np.ndarray, most: np.ndarray, box: Capacity) -> None:
    """Refuse bounds with no whole number in between: nobody can carry them out."""
    slack = 1 + tolerances(costs.dtype).optimality
    whole = np.asarray(whole_limits(box, 1.0).least)
    for i, k in np.argwhere(np.isfinite(costs) & (whole > np.floor(most * slack))):
        rule = f"is less than the whole number of samples that she must collect ({whole[i, k]:g})"
        raise ProblemError(f"most[{i}][{k}]", float(most[i, k]), rule)
