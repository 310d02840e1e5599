"""A plan's social penalty against what theory allows."""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._types import Amounts, Scalar
from jaxmech.collaboration._divide import divide
from jaxmech.collaboration._division import first_best
from jaxmech.collaboration._impossible import unavoidable
from jaxmech.collaboration._penalty import social_penalty
from jaxmech.collaboration._plan import Plan
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.mechanism import Target

OPTIMUM = "P(n_OPT), the least of compliant agents who lose nothing by sharing"
"""What social penalties are compared with, for witnesses."""

FACTOR = 8.0
"""With leverage, cbl costs at most so many times what the division does that it starts from."""


@dataclasses.dataclass(frozen=True)
class Efficiency:
    """A plan's social penalty against what is possible.

    Attributes:
        ratio: social penalty over ``baseline``.
        bound: the largest ratio that theory allows for this plan; for the pools, whose agents comply by assumption, it
            is the ratio itself; ∞ without leverage where prices differ between agents, and with most, least or budget:
            of those nothing is proven.
        baseline: P(n_OPT), least social penalty of compliant agents that leaves nobody worse off than alone.
        first_best: least social penalty of compliant agents.
        any_equilibrium: least social penalty in any equilibrium of any mechanism without money; the first best where
            every distribution has two who can supply it. See :func:`unavoidable`.
        dominant: least social penalty of any such mechanism in dominant strategies, or that never leaves anybody worse
            off than alone, whatever the others do.
    """

    ratio: float
    bound: float
    baseline: float
    first_best: float
    any_equilibrium: float
    dominant: float


@in_equivalent_points("optimum")
def efficiency(problem: Problem, plan: Plan, optimum: Amounts | None = None) -> Efficiency:
    """Return a plan's social penalty against P(n_OPT) and the first best.

    The bound is 8 P(n_B)/P(n_OPT) for cbl with leverage over the division n_B, √m without; for c3d 2 against the first
    best; for the pools P(n_B)/P(n_OPT), which is exact.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        optimum: n_OPT, computed if it is needed and not given.

    Source: Clinton et al. 2025, Theorems 1 and 5; Chen, Zhu and Kandasamy 2023, Theorem 1.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.01]] * 10, sigma=1.0)
        >>> round(efficiency(problem, solve(problem, mechanism="c3d").value).ratio, 6)
        1.697948
    """
    optimum = _optimum(problem, plan) if optimum is None else optimum
    sums: _Sums = jax.device_get(_sums(problem, plan.target, optimum))
    baseline, target, best = float(sums.baseline), float(sums.target), float(sums.first_best)
    if plan.pooled:
        bound = target / baseline
    elif plan.mechanism == "c3d" and problem.capacity is None:
        bound = 2 * best / baseline
    elif problem.capacity is not None:
        bound = math.inf  # the theorems are about agents without limits
    else:
        bound = FACTOR * target / baseline if plan.leverage else _without_leverage(problem)
    limits = _unavoidable(problem)
    least = float(limits.social), float(jnp.sum(limits.dominant))
    return Efficiency(float(plan.social_penalty) / baseline, bound, baseline, best, *least)


def _without_leverage(problem: Problem) -> float:
    """√m, which is proven where an error costs every agent the same; else nothing is."""
    if problem.valued_alike or bool(jnp.all(problem.price == problem.price[:1])):
        return math.sqrt(problem.shape[0])
    return math.inf


def efficient_target(problem: Problem, plan: Plan) -> Target | None:
    """Return what theory promises of a plan's social penalty; None where it promises nothing, as of the pools.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
    """
    if plan.pooled:
        return None
    theory = efficiency(problem, plan)
    if math.isinf(theory.bound):
        return None
    return Target(theory.baseline, theory.bound, OPTIMUM)


def _optimum(problem: Problem, plan: Plan) -> Amounts:
    """n_OPT; where the plan starts from it, no solve is needed. For equal agents it is the even social optimum."""
    known = plan.division == "rational" or (plan.mechanism == "c3d" and problem.capacity is None)
    return plan.target if known else divide(problem, "rational").value


class _Sums(NamedTuple):
    """Social penalties of the division that a plan starts from, of n_OPT, and the first best."""

    target: Scalar
    baseline: Scalar
    first_best: Scalar


_unavoidable = jit(unavoidable)


@jit
def _sums(problem: Problem, target: Amounts, optimum: Amounts) -> _Sums:
    return _Sums(social_penalty(problem, target), social_penalty(problem, optimum), first_best(problem))
