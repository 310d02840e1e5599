"""C3D: equal costs, everybody collects the same and is checked against the others."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._checks import require
from jaxmech._errors import ProblemError
from jaxmech._status import Solution, Status
from jaxmech._tolerances import tolerances
from jaxmech.collaboration._limited_roles import arrange, dearer, equal_shares
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem, alone_samples
from jaxmech.collaboration._roles import coefficients, role_penalty
from jaxmech.collaboration._rule import PUBLISHED, Rule
from jaxmech.collaboration._units import in_equivalent_points

_SMALLEST_TEAM = 5


@in_equivalent_points()
def c3d_plan(problem: Problem, rule: Rule = PUBLISHED) -> Solution[Plan]:
    """Return the plan of C3D: n* = σ/√(cm) each, T = m n*, so that τ = m and κ = 1/m.

    A coefficient exists from five agents on. Up to four work alone, which costs at most twice the first best.

    With most and least, all collect the same as far as they can and must, the total being the social optimum's, and
    who has no reason to do so works alone; see :func:`arrange`.

    Args:
        problem: costs must be equal across agents, distribution by distribution; see :func:`check_equal_costs`.
        rule: how noise is set and noisy points are weighed.

    Returns:
        Solution around the plan.

    Source: Chen, Zhu and Kandasamy 2023, Algorithm 1; the coefficient as in Clinton et al. 2025, equation (11).

    Example:
        >>> plan = c3d_plan(Problem(costs=[[0.01]] * 10, sigma=1.0)).value
        >>> round(float(plan.social_penalty / (10 * 2 * 0.1 / 10**0.5)), 6)
        1.697948
    """
    if problem.capacity is not None:
        return _within_limits(problem, rule)
    agents, _ = problem.shape
    shared = agents >= _SMALLEST_TEAM
    samples = alone_samples(problem) / (agents**0.5 if shared else 1)
    dtype = samples.dtype
    total = jnp.sum(samples, axis=0)
    root = rule.root(jnp.asarray(agents, dtype), jnp.asarray(1 / agents, dtype))
    alpha = jnp.sqrt(root.value * samples) if shared else jnp.full(samples.shape, jnp.nan, dtype)
    role = jnp.full(samples.shape, Role.CHECKED if shared else Role.ALONE, jnp.int32)
    penalty = jnp.sum(role_penalty(problem, samples, role, alpha, total, rule), axis=-1)
    plan = Plan(
        samples=samples,
        role=role,
        alpha=alpha,
        total=total,
        leverage=jnp.asarray(shared),
        penalty=penalty,
        social_penalty=jnp.sum(penalty),
        target=alone_samples(problem) / agents**0.5,
        division="social",
        mechanism="c3d",
        estimate=rule.estimate,
        calibrated=rule.calibrated,
    )
    if shared:
        return Solution(plan, root.status, root.residual, root.steps)
    return Solution(plan, jnp.asarray(Status.OK, jnp.int32), jnp.zeros((), dtype), jnp.zeros((), jnp.int32))


def _within_limits(problem: Problem, rule: Rule) -> Solution[Plan]:
    """The plan of equals who differ in what they can and must collect."""
    target = equal_shares(problem)
    found = arrange(problem, target, jnp.zeros(target.shape, bool))
    checked = found.role == Role.CHECKED
    alpha = coefficients(dearer(problem, found.tightness), found.samples, checked, found.total, rule)
    penalty = jnp.sum(role_penalty(problem, found.samples, found.role, alpha.value, found.total, rule), axis=-1)
    plan = Plan(
        samples=found.samples,
        role=found.role,
        alpha=alpha.value,
        total=found.total,
        leverage=jnp.any(found.role != Role.ALONE),
        penalty=penalty,
        social_penalty=jnp.sum(penalty),
        target=target,
        division="social",
        mechanism="c3d",
        estimate=rule.estimate,
        calibrated=rule.calibrated,
    )
    return Solution(plan, alpha.status, alpha.residual, alpha.steps)


@in_equivalent_points()
def check_equal_costs(problem: Problem) -> None:
    """Refuse costs that differ between agents.

    Raises:
        ProblemError: naming the distribution and two agents; for budgets. What is being traced is not checked.
    """
    if problem.capacity is not None and not isinstance(problem.capacity.budget, jax.core.Tracer):
        rule = "must be left out: c3d asks all for the same, whatever they can spend; cbl keeps within budgets"
        require("budget", problem.capacity.budget, np.isinf, rule)
    problem.of_agents_alike("c3d is for agents who are equal", precision=True)
    if isinstance(problem.costs, jax.core.Tracer):
        return
    costs = np.asarray(problem.costs)
    slack = 1 + tolerances(costs.dtype).condition
    for k in range(costs.shape[1]):
        low, high = int(np.argmin(costs[:, k])), int(np.argmax(costs[:, k]))
        if not costs[high, k] <= costs[low, k] * slack:
            names = f"{problem.agent_name(low)} pays {costs[low, k]:g}"
            rule = f"c3d needs equal costs, but for {problem.distribution_name(k)} {names}"
            raise ProblemError(f"costs[{high}][{k}] ({problem.agent_name(high)})", float(costs[high, k]), rule)
