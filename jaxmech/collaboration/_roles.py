"""What each role asks of an agent and what it costs her, for any amounts: shared by c3d, cbl and whole-number plans."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._status import Solution, Status, worst_status
from jaxmech._types import Amounts, Codes, Distributions, Support
from jaxmech.collaboration._calibration import FEWEST, degrees_of_freedom
from jaxmech.collaboration._penalty import collection_cost, risk
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._robust import LEAST, is_told, planned_freedom
from jaxmech.collaboration._rule import PUBLISHED, ROBUST, Levels, Rule
from jaxmech.mechanism import OTHERS, of_others


def coefficients(
    problem: Problem, samples: Amounts, checked: Support, total: Distributions, rule: Rule = PUBLISHED
) -> Solution[Amounts]:
    """Return α for every checked agent, such that collecting ``samples`` is optimal for her; NaN elsewhere.

    Args:
        problem: the problem.
        samples: n*, recommended amounts.
        checked: who is checked on what; amounts are positive there.
        total: T_k.
        rule: how noisy points are weighed; the coefficient of a calibrated rule is the one at the assumed σ.

    Returns:
        Solution of one instance: the worst status and the largest residual of all roots.

    Source: Clinton et al. 2025, equation (11), in the dimensionless numbers τ = T/n* and κ = (n*/n_IND)².
    """
    tau, kappa = dimensionless(problem, samples, total)
    root = rule.root(jnp.where(checked, tau, 10), jnp.where(checked, kappa, 0.1))
    return Solution(
        value=jnp.where(checked, jnp.sqrt(jnp.where(checked, root.value * samples, 1)), jnp.nan),
        status=worst_status(jnp.where(checked, root.status, Status.OK)),
        residual=jnp.max(jnp.where(checked, root.residual, 0)),
        steps=jnp.max(jnp.where(checked, root.steps, 0)),
    )


def role_penalty(
    problem: Problem,
    samples: Amounts,
    role: Codes,
    alpha: Amounts,
    total: Distributions,
    rule: Rule = PUBLISHED,
) -> Amounts:
    """Return what each agent pays for each distribution if everybody complies.

    Alone: σ²/n + cn. Receives: σ²/Σ_{j≠i} n_j + cn. Checked: Lemma 16's penalty at n*, or what the rule makes of it.

    Source: Clinton et al. 2025, appendix E.4.
    """
    error = problem.error
    tau, kappa = dimensionless(problem, samples, total)
    checked = role == Role.CHECKED
    safe_samples = jnp.where(samples > 0, samples, 1)
    tau, kappa = jnp.where(checked, tau, 10), jnp.where(checked, kappa, 0.1)
    levels = checked_levels(problem, samples, checked, alpha, total, rule)
    unit = levels.average(lambda ratio: rule.compliant(tau, kappa, ratio))
    # no division by zero even where its result is not used: reverse mode multiplies it with zero
    theirs = of_others(samples)
    if problem.capacity is not None:  # who receives may collect what she must, or all that she can
        theirs = theirs + samples
    by_others, by_herself = risk(error, theirs), risk(error, samples)
    unchecked = jnp.where(role == Role.ALONE, by_herself, by_others) + collection_cost(problem, samples)
    return jnp.where(checked, unit * error / safe_samples, unchecked)


def checked_levels(
    problem: Problem, samples: Amounts, checked: Support, alpha: Amounts, total: Distributions, rule: Rule
) -> Levels:
    """Return the noise levels α²/n* of checked agents under the problem's σ; harmless ones stand in for the others.

    Args:
        problem: the problem, with the true σ; a calibrated rule makes its noise level of nothing else.
        samples: n*.
        checked: who is checked on what.
        alpha: of a rule that is not calibrated.
        total: T_k.
        rule: how noise is set.

    Source: this package; see :class:`Rule`.
    """
    safe_samples = jnp.where(samples > 0, samples, 1)
    ratio = jnp.where(checked, jnp.where(checked, alpha, 1) ** 2 / safe_samples, 1)
    if not rule.calibrated:
        return Levels(ratio, None)
    tau, kappa = dimensionless(problem, samples, total)
    if rule.robust:
        each = planned_freedom(samples, total)
        told = checked & is_told(each)
        levels = rule.levels(jnp.where(told, tau, 10), jnp.where(told, kappa, 0.1), ratio, jnp.where(told, each, 1))
        # rounding to whole samples can leave fewer others than tell a median: the agreed noise is used then
        return levels._replace(ratio=jnp.where(told, levels.ratio, ratio))
    freedom = jnp.where(checked, jnp.maximum(degrees_of_freedom(samples, total), 1), 1)
    return rule.levels(jnp.where(checked, tau, 10), jnp.where(checked, kappa, 0.1), ratio, freedom)


def check_freedom(problem: Problem, plan: Plan) -> None:
    """Refuse a calibrated plan under which too few points of the others tell what σ is.

    Raises:
        ProblemError: naming the agent and the distribution, how many degrees of freedom there are and how many points
            are needed. What is being traced, or is no plan, is not checked.
    """
    if not plan.calibrated or isinstance(plan.samples, jax.core.Tracer):
        return
    samples, checked = np.asarray(plan.samples), np.asarray(plan.role) == Role.CHECKED
    if plan.rule.robust:
        _check_robust(problem, plan, checked)
        return
    freedom = np.where(checked, np.asarray(degrees_of_freedom(plan.samples, plan.total)), np.inf)
    i, k = np.unravel_index(np.argmin(freedom), freedom.shape)
    if freedom[i, k] < FEWEST:
        others = samples[:, k].sum() - samples[i, k]
        needed = FEWEST + others - freedom[i, k]
        who, what = problem.agent_name(int(i)), problem.distribution_name(int(k))
        rule = (
            f"needs {FEWEST} degrees of freedom, but {who} is checked on {what} against {others:.3g} points of the "
            f"others, {needed:.3g} being needed: a smaller cost or a larger price makes them collect more"
        )
        raise ProblemError("calibrated", True, rule)


def _check_robust(problem: Problem, plan: Plan, checked: np.ndarray) -> None:
    """Refuse a plan under which the median of the others' spreads tells too little, or is no protection."""
    each = np.asarray(planned_freedom(plan.samples, plan.total))
    others, freedom = (np.where(checked, table.sum(axis=0), np.inf) for table in (each > 0, each))
    for table, least in ((others, OTHERS), (freedom, LEAST)):
        i, k = np.unravel_index(np.argmin(table), table.shape)
        if table[i, k] < least:
            break
    else:
        return
    who, what = problem.agent_name(int(i)), problem.distribution_name(int(k))
    if others[i, k] < OTHERS:
        rule = (
            f"needs {OTHERS} others with points enough to tell a spread, 3 or 4 each, but {who} is checked on {what} "
            f"against {others[i, k]:g}: a median of fewer is no protection; write calibrated = true"
        )
    else:
        rule = (
            f"needs {LEAST:g} degrees of freedom within the others' submissions, but {who} is checked on {what} "
            f"against {freedom[i, k]:.3g}, which {LEAST - freedom[i, k]:.3g} points more would make good: a "
            "smaller cost or a larger price makes them collect more; or write calibrated = true"
        )
    raise ProblemError("calibrated", ROBUST, rule)


def dimensionless(problem: Problem, samples: Amounts, total: Distributions) -> tuple[Amounts, Amounts]:
    """τ = T/n and κ = c n²/σ²; arbitrary where n = 0."""
    safe, error = jnp.where(samples > 0, samples, 1), problem.error
    if not problem.valued_alike:
        error = jnp.where(error > 0, error, 1)  # whom an error costs nothing is not checked
    return total / safe, collection_cost(problem, samples) * safe / error
