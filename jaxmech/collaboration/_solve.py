"""Solve a problem of sharing data: from costs to a plan, from a plan to the mechanism that carries it out."""

import dataclasses
from functools import partial

import jax.numpy as jnp

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._status import Solution, worst_status
from jaxmech._types import Amounts, ArrayLike
from jaxmech._words import one_of
from jaxmech.collaboration._c3d import c3d_plan, check_equal_costs
from jaxmech.collaboration._calibrated import Calibrated, carrying_out
from jaxmech.collaboration._cbl import cbl_plan
from jaxmech.collaboration._checking import Checked
from jaxmech.collaboration._divide import divide, given_division
from jaxmech.collaboration._division import direct_solution
from jaxmech.collaboration._plan import DIVISIONS, MECHANISMS, POOLS, TARGET, Plan
from jaxmech.collaboration._pooling import CountedPool, Pool, pool_plan
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._robust import MOST_AGENTS
from jaxmech.collaboration._roles import check_freedom
from jaxmech.collaboration._rule import Rule, rule_of
from jaxmech.collaboration._units import in_equivalent_points


@in_equivalent_points("division")
def solve(
    problem: Problem,
    *,
    division: str | ArrayLike = "rational",
    mechanism: str = "cbl",
    estimate: str = "drawn",
    calibrated: bool | str = False,
) -> Solution[Plan]:
    """Return who collects what under a mechanism, and what everybody pays.

    Args:
        problem: the problem. Inside jit and vmap it may hold tracers.
        division: the division of work that the mechanism starts from, one of ``DIVISIONS``; or how many points each
            agent collects, (agents, distributions). c3d has a division of its own, the social optimum of equal agents,
            and ignores a name.
        mechanism: one of ``MECHANISMS``.
        estimate: of c3d and cbl: "drawn", noisy points are weighed by the noise that was drawn, as published; or
            "steady", by the noise that is expected: penalties are then the same for every law with this σ.
        calibrated: of c3d and cbl: whether the noise level follows the spread of the others' data, so that the assumed
            σ decides amounts alone; "robust" for the median of the spreads within the others' submissions, which an
            ally who spreads hers moves by no more than one rank. Under transformations the degrees of freedom that this
            takes are not checked.

    Returns:
        Solution around the plan. The status is the worst of the division's and of all corruption coefficients', in
        the order OK, ALMOST, MAX_STEPS, STALLED, INFEASIBLE, NO_ROOT, NONFINITE; the residual is the largest of
        theirs, the steps are the division's and the coefficients' together.

    Raises:
        ProblemError: for an unknown name (with the nearest valid one), for c3d with unequal costs, for the divisions
            nash and kalai-smorodinsky if an agent cannot sample everything, for amounts of another shape, that are
            negative or not finite, or of who cannot sample, and for amounts with c3d or beside most, least or budget;
            for weights and calibration of the pools, which add no noise, or of agents with most, least or budget, and
            for calibration with too few points of the others or a matrix sigma.

    Source: Clinton et al. 2025, Algorithm 2, and equation (10) for amounts; Chen, Zhu and Kandasamy 2023, Algorithm 1.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> plan = solve(problem, division="egalitarian").raise_for_status().value
        >>> plan.samples.shape
        (3, 1)
    """
    one_of("mechanism", mechanism, MECHANISMS)
    rule = rule_of(estimate, calibrated)
    if mechanism in POOLS and not rule.published:
        name, value = ("calibrated", calibrated) if calibrated else ("estimate", estimate)
        raise ProblemError(name, value, f"means nothing for {mechanism}, which adds no noise: it is for c3d and cbl")
    if not rule.published and problem.capacity is not None:
        name, value = ("calibrated", calibrated) if calibrated else ("estimate", estimate)
        rule_of_limits = "has no roles for agents with most, least or budget: leave it out, or them"
        raise ProblemError(name, value, rule_of_limits)
    if calibrated and problem.precision is not None:
        rule_of_sigma = "needs agents who measure alike, one sigma per distribution: spreads are compared between them"
        raise ProblemError("calibrated", calibrated, rule_of_sigma)
    if rule.robust and problem.shape[0] > MOST_AGENTS:
        raise ProblemError("calibrated", calibrated, f"is for at most {MOST_AGENTS} agents: write calibrated = true")
    if not isinstance(division, str):
        if mechanism == "c3d":
            raise ProblemError("division", "amounts", "means nothing for c3d, which has a division of its own")
        division = given_division(problem, division)
    solution = solve_unchecked(problem, division, mechanism, rule)
    check_freedom(problem, solution.value)
    return solution


def solve_unchecked(problem: Problem, division: str | Amounts, mechanism: str, rule: Rule) -> Solution[Plan]:
    """Return what :func:`solve` does, whatever the degrees of freedom are that a calibrated rule has.

    Args:
        problem: the problem.
        division: one of ``DIVISIONS``, or amounts.
        mechanism: one of ``MECHANISMS``.
        rule: how noise is set and noisy points are weighed.
    """
    if mechanism == "c3d":
        one_of("division", str(division), DIVISIONS)
        check_equal_costs(problem)
        equal: Solution[Plan] = _equal_shares(problem, rule)
        return equal
    name = division if isinstance(division, str) else TARGET
    target = divide(problem, division) if isinstance(division, str) else direct_solution(division, jnp.zeros(()))
    carried: Solution[Plan] = _carry_out(problem, target, "cbl" if mechanism == "cbl" else "pool", rule)
    return carried.map(lambda plan: dataclasses.replace(plan, division=name, mechanism=mechanism))


@in_equivalent_points()
def mechanism(problem: Problem, plan: Plan) -> Pool | CountedPool | Checked | Calibrated:
    """Return the mechanism that carries out a plan: pure functions of submissions and a key.

    Where agents differ in precision, its amounts are in equivalent points (``Problem.in_equivalent_points``), and so
    are counts of statistics; data sets hold everybody's own points.

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
        return Pool(plan.samples, problem.sigma**2, plan, problem.precision)
    if plan.mechanism == "counted-pool":
        return CountedPool(plan.samples, problem.sigma**2, plan, problem.precision)
    return carrying_out(problem, plan)


@partial(jit, static_argnames="rule")
def _equal_shares(problem: Problem, rule: Rule) -> Solution[Plan]:
    return c3d_plan(problem, rule)


@partial(jit, static_argnames=("mechanism", "rule"))
def _carry_out(problem: Problem, target: Solution[Amounts], mechanism: str, rule: Rule) -> Solution[Plan]:
    """The plan made from a division, with both statuses and residuals in one; NaN where there is no answer."""
    made = cbl_plan(problem, target.value, rule) if mechanism == "cbl" else pool_plan(problem, target.value)
    carried = Solution(
        value=made.value,
        status=worst_status(target.status, made.status),
        residual=jnp.maximum(target.residual, made.residual),
        steps=target.steps + made.steps,
    )
    return carried.blanked()
