"""Corrupt based on leverage: from any division of work to an equilibrium."""

import jax.numpy as jnp

from jaxmech._extremes import is_lowest
from jaxmech._status import Solution
from jaxmech._types import Amounts, Array
from jaxmech.collaboration._enforceable import enforceable, leverage_condition, works_alone
from jaxmech.collaboration._limited_roles import arrange, dearer
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem, alone_samples
from jaxmech.collaboration._roles import coefficients, role_penalty
from jaxmech.collaboration._rule import PUBLISHED, Rule
from jaxmech.collaboration._units import in_equivalent_points


@in_equivalent_points("division")
def cbl_plan(problem: Problem, division: Amounts, rule: Rule = PUBLISHED, *, together: bool = False) -> Solution[Plan]:
    """Return the equilibrium of M_CBL that is built on a division of work.

    Where condition (8) holds, the mechanism has leverage: the enforceable division is collected, by agents who work
    alone, who receive, or who are checked. Where it fails, for each distribution the cheapest agents (all of them, at
    ties) collect what they would alone and get only their own mean; the others get the mean of that.

    With most, least and budget both are built within them; see :func:`arrange`.

    Args:
        problem: the problem.
        division: n, (agents, distributions).
        rule: how noise is set and noisy points are weighed.
        together: whether equals are visited at once, so that they get one role: see :func:`enforceable`.

    Returns:
        Solution around the plan; status and residual are those of the corruption coefficients.

    Source: Clinton et al. 2025, Algorithm 2, equations (9) and (11).

    Example:
        >>> problem = Problem(costs=[[1.0]] * 20, sigma=1.0)
        >>> plan = cbl_plan(problem, jnp.full((20, 1), 20**-0.5)).value
        >>> bool(plan.leverage), round(float(plan.social_penalty), 4)
        (True, 16.2413)
    """
    leverage = leverage_condition(problem, division).holds
    if problem.capacity is None:
        with_leverage = _with_leverage(problem, division, together)
        samples, role, total = (
            jnp.where(leverage, by_leverage, without)
            for by_leverage, without in zip(with_leverage, _without_leverage(problem), strict=True)
        )
        alpha = coefficients(problem, samples, role == Role.CHECKED, total, rule)
    else:
        samples, role, total, tightness = _within_limits(problem, division, leverage, together)
        alpha = coefficients(dearer(problem, tightness), samples, role == Role.CHECKED, total, rule)
    penalty = jnp.sum(role_penalty(problem, samples, role, alpha.value, total, rule), axis=-1)
    plan = Plan(
        samples=samples,
        role=role,
        alpha=alpha.value,
        total=total,
        leverage=leverage,
        penalty=penalty,
        social_penalty=jnp.sum(penalty),
        target=division,
        division="",
        mechanism="cbl",
        estimate=rule.estimate,
        calibrated=rule.calibrated,
    )
    return Solution(plan, alpha.status, alpha.residual, alpha.steps)


def _within_limits(
    problem: Problem, division: Amounts, leverage: Array, together: bool
) -> tuple[Array, Array, Array, Array]:
    """Amounts, roles, totals and the tightness of budgets, with leverage or without, where agents have limits."""
    assert problem.capacity is not None
    ratio = problem.costs_over_worth
    cheapest = is_lowest(ratio, 0) & (ratio != jnp.inf) & (problem.capacity.most > 0)
    alone = jnp.where(leverage, works_alone(problem, division, together=together), cheapest)
    found = arrange(problem, jnp.where(leverage, division, problem.capacity.least), alone)
    return found.samples, found.role, found.total, found.tightness


def _with_leverage(problem: Problem, division: Amounts, together: bool) -> tuple[Array, Array, Array]:
    """Amounts, roles and totals of the enforceable division."""
    fair = enforceable(problem, division, together=together)
    unchecked = jnp.where(fair.alone, Role.ALONE, Role.RECEIVES)
    role = jnp.where(~fair.alone & (fair.samples > 0), Role.CHECKED, unchecked)
    return fair.samples, role.astype(jnp.int32), fair.total


def _without_leverage(problem: Problem) -> tuple[Array, Array, Array]:
    """Amounts, roles and totals where the cheapest agents work alone and the others receive."""
    ratio = problem.costs_over_worth
    cheapest = is_lowest(ratio, 0) & (ratio != jnp.inf)
    samples = jnp.where(cheapest, alone_samples(problem), 0)
    role = jnp.where(cheapest, Role.ALONE, Role.RECEIVES)
    return samples, role.astype(jnp.int32), jnp.sum(samples, axis=0)
