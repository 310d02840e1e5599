"""Solve a problem of sharing data: from costs to a plan, from a plan to the mechanism that carries it out."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp

from jaxmech._status import Solution, worst_status
from jaxmech._types import Amounts
from jaxmech._words import one_of
from jaxmech.collaboration._c3d import c3d_plan, check_equal_costs
from jaxmech.collaboration._cbl import cbl_plan
from jaxmech.collaboration._checking import Checked, checked_mechanism
from jaxmech.collaboration._divide import divide
from jaxmech.collaboration._plan import DIVISIONS, MECHANISMS, Plan
from jaxmech.collaboration._pooling import CountedPool, Pool, pool_plan
from jaxmech.collaboration._problem import Problem


def solve(problem: Problem, *, division: str = "rational", mechanism: str = "cbl") -> Solution[Plan]:
    """Return who collects what under a mechanism, and what everybody pays.

    Args:
        problem: the problem. Inside jit and vmap it may hold tracers.
        division: the division of work that the mechanism starts from, one of ``DIVISIONS``. c3d has a division of its
            own, the social optimum of equal agents, and ignores this.
        mechanism: one of ``MECHANISMS``.

    Returns:
        Solution around the plan. The status is the worst of the division's and of all corruption coefficients', in
        the order OK, ALMOST, MAX_STEPS, STALLED, INFEASIBLE, NO_ROOT, NONFINITE; the residual is the largest of
        theirs, the steps are the division's and the coefficients' together.

    Raises:
        ProblemError: for an unknown name (with the nearest valid one), for c3d with unequal costs, and for the
            divisions nash and kalai-smorodinsky if an agent cannot sample everything.

    Source: Clinton et al. 2025, Algorithm 2; Chen, Zhu and Kandasamy 2023, Algorithm 1.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> plan = solve(problem, division="egalitarian").raise_for_status().value
        >>> plan.samples.shape
        (3, 1)
    """
    one_of("mechanism", mechanism, MECHANISMS)
    if mechanism == "c3d":
        one_of("division", division, DIVISIONS)
        check_equal_costs(problem)
        equal: Solution[Plan] = _equal_shares(problem)
        return equal
    target = divide(problem, division)
    carried: Solution[Plan] = _carry_out(problem, target, "cbl" if mechanism == "cbl" else "pool")
    return carried.map(lambda plan: dataclasses.replace(plan, division=division, mechanism=mechanism))


def mechanism(problem: Problem, plan: Plan) -> Pool | CountedPool | Checked:
    """Return the mechanism that carries out a plan: pure functions of submissions and a key.

    Args:
        problem: the problem.
        plan: from :func:`solve`, or the plan inside an :class:`IntegerPlan`.

    Source: Clinton et al. 2025, section 3.2 and Algorithm 2; Chen, Zhu and Kandasamy 2023, Algorithm 1.

    Example:
        >>> problem = Problem(costs=[[1.0], [1.0]], sigma=1.0)
        >>> mechanism(problem, solve(problem, mechanism="pool").value).recommended.samples.shape
        (2, 1)
    """
    if plan.mechanism == "pool":
        return Pool(plan.samples, problem.sigma**2, plan)
    if plan.mechanism == "counted-pool":
        return CountedPool(plan.samples, problem.sigma**2, plan)
    return checked_mechanism(problem, plan)


@jax.jit
def _equal_shares(problem: Problem) -> Solution[Plan]:
    return c3d_plan(problem)


@partial(jax.jit, static_argnames="mechanism")
def _carry_out(problem: Problem, target: Solution[Amounts], mechanism: str) -> Solution[Plan]:
    """The plan made from a division, with both statuses and residuals in one; NaN where there is no answer."""
    make = cbl_plan if mechanism == "cbl" else pool_plan
    made = make(problem, target.value)
    carried = Solution(
        value=made.value,
        status=worst_status(target.status, made.status),
        residual=jnp.maximum(target.residual, made.residual),
        steps=target.steps + made.steps,
    )
    return carried.blanked()
