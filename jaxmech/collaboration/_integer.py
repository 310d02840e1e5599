"""A plan in whole samples, and what rounding costs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Codes, Int, Scalar, Support
from jaxmech._words import figure
from jaxmech.collaboration._limited_roles import dearer
from jaxmech.collaboration._limited_whole import affordable, settle_whole
from jaxmech.collaboration._penalty import collection_cost, penalty, risk
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem, alone_samples
from jaxmech.collaboration._regret import best_whole_alone, whole_points
from jaxmech.collaboration._roles import coefficients, role_penalty
from jaxmech.collaboration._units import plan_times
from jaxmech.mechanism import of_others
from jaxmech.mechanism._capacity import whole_limits


@pytree
@dataclasses.dataclass(frozen=True)
class IntegerPlan:
    """A plan in whole samples, compared with the plan in real numbers and with working alone in whole samples.

    Attributes:
        plan: the rounded plan: whole amounts and totals, with roles, coefficients and penalties of its own.
        alone_samples: best whole number for each agent on her own; 0 where she cannot sample.
        alone_penalty: what that costs her; ∞ for an agent who cannot sample all.
        loss: increase of the social penalty by rounding, relative.
        change: increase of each agent's penalty by rounding.
        worse_off: by how much each agent pays more than alone in whole samples; positive where rounding makes her lose.
    """

    plan: Plan
    alone_samples: Amounts
    alone_penalty: Agents
    loss: Scalar
    change: Agents
    worse_off: Agents

    @property
    def samples(self) -> Int[Array, "agents distributions"]:
        """Whole amounts, as integers.

        Raises:
            ProblemError: for amounts that are no numbers, as of a plan that is not solved, or too large to be whole.
        """
        _check_whole("plan.samples", self.plan.samples)
        return self.plan.samples.astype(int)

    @property
    def alpha(self) -> Amounts:
        """Corruption coefficients; NaN where nothing is corrupted."""
        return self.plan.alpha

    @property
    def role(self) -> Codes:
        """:class:`Role` codes."""
        return self.plan.role

    @property
    def penalty(self) -> Agents:
        """Penalty of each agent."""
        return self.plan.penalty

    @property
    def social_penalty(self) -> Scalar:
        """Their sum."""
        return self.plan.social_penalty


def integer_plan(problem: Problem, plan: Plan) -> IntegerPlan:
    """Round a plan to whole samples such that its mechanism keeps its promises.

    - Who works alone collects the best whole number, at least 1.
    - Checked agents share their rounded total by largest remainders (equal remainders: lowest index first), each below
      n_IND/2, and T_k is rounded but not beyond what is collected: so a coefficient exists, and it is computed for
      these numbers. Whoever is left with 0 receives.
    - Whoever would gain by one more sample although she receives, or has no coefficient, works alone instead: the
      cheapest first, lowest index first, until nobody is left.
    - With most, least and budget, whole amounts keep within them; who cannot be kept at hers by any noise works alone.
    - In the pools all agents share the rounded total by largest remainders.

    Args:
        problem: the problem.
        plan: from :func:`solve`.

    Returns:
        The rounded plan. In c3d and cbl nobody is worse off than alone, since the rounded plan is an equilibrium.

    Raises:
        ProblemError: for amounts from 2^53 on (2^24 in float32), where numbers cannot be told from the next whole ones,
            and for most, least and budget that no whole numbers keep. Under a transformation nothing is refused.

    Source: this package: Clinton et al. 2025 count in real numbers.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> integer_plan(problem, solve(problem).value).samples.ravel().tolist()
        [55, 39, 0]
    """
    for name, amounts in (("plan.samples", plan.samples), ("alone_samples", alone_samples(problem))):
        _check_whole(name, amounts, unsolved=True)
    told, inside = problem.in_equivalent_points(), dataclasses.replace(plan, division="")
    _check_limits(told)
    if told.precision is not None:
        inside = plan_times(inside, told.precision)
    rounded: IntegerPlan = _round(told, inside)
    whole = dataclasses.replace(rounded.plan, division=plan.division)
    if told.precision is None:
        return dataclasses.replace(rounded, plan=whole)
    # whole numbers of her own points, which rounding must not leave beside them
    whole = dataclasses.replace(whole, samples=jnp.round(whole.samples / told.precision), target=plan.target)
    alone = jnp.round(rounded.alone_samples / told.precision)
    return dataclasses.replace(rounded, plan=whole, alone_samples=alone)


def _check_whole(name: str, amounts: Amounts, *, unsolved: bool = False) -> None:
    """Refuse amounts that cannot be whole numbers; NaN passes if plans that are not solved do."""
    if isinstance(amounts, jax.core.Tracer):
        return
    numbers, largest = np.asarray(amounts), tolerances(amounts.dtype).whole
    broken = ~(np.abs(numbers) < largest) & ~(np.isnan(numbers) & unsolved)
    for index in np.argwhere(broken):
        where = name + "".join(f"[{i}]" for i in index)
        rule = f"must be below {largest:.3g} to be rounded to whole samples: count in a larger unit"
        if np.isnan(numbers[tuple(index)]):
            rule = "is no number: the plan is not solved"
        raise ProblemError(where, float(numbers[tuple(index)]), rule)


def _check_limits(problem: Problem) -> None:
    """Refuse bounds that fractions keep and whole numbers cannot."""
    limits, costs = problem.capacity, problem.costs
    if limits is None or any(isinstance(part, jax.core.Tracer) for part in (*jax.tree.leaves(limits), costs)):
        return
    slack = 1 + tolerances(costs.dtype).optimality
    with jax.ensure_compile_time_eval():  # inside jit as well: what is known can be checked
        unit = np.broadcast_to(np.asarray(whole_points(problem)), costs.shape)
        least = np.asarray(whole_limits(limits, jnp.asarray(unit)).least) / unit
    limits, costs = jax.device_get((limits, costs))
    able = np.isfinite(costs)
    most, point = np.floor(np.asarray(limits.most) / unit * slack), np.where(able, costs, 1.0) * unit
    for i, k in np.argwhere(able & (least > most)):
        rule = f"is less than the whole number of samples that she must collect ({least[i, k]:g})"
        raise ProblemError(f"most[{i}][{k}]", float(limits.most[i, k] / unit[i, k]), rule)
    needed, budget = np.sum(np.where(able, point * least, 0.0), axis=1), np.asarray(limits.budget) * slack
    for (i,) in np.argwhere(needed > budget):
        rule = f"does not pay for the whole numbers of samples that she must collect ({figure(needed[i])})"
        raise ProblemError(f"budget[{i}]", float(limits.budget[i]), rule)
    for (k,) in np.argwhere(~np.any(able & (most > 0) & (point <= budget[:, None]), axis=0)):
        rule = "must let somebody collect one whole sample, and a budget pay for it"
        raise ProblemError(f"most[:][{k}]", float(np.max(np.where(able, limits.most, 0.0)[:, k])), rule)


@jit
def _round(problem: Problem, plan: Plan) -> IntegerPlan:
    whole = _pool(problem, plan) if plan.pooled else _equilibrium(problem, plan)
    samples = best_whole_alone(problem)
    own = risk(problem.error, samples) + collection_cost(problem, samples)
    alone_penalty = jnp.sum(own, axis=-1)
    return IntegerPlan(
        plan=whole,
        alone_samples=samples,
        alone_penalty=alone_penalty,
        loss=(whole.social_penalty - plan.social_penalty) / plan.social_penalty,
        change=whole.penalty - plan.penalty,
        worse_off=whole.penalty - alone_penalty,
    )


def _pool(problem: Problem, plan: Plan) -> Plan:
    samples = _largest_remainders(problem, plan.samples, plan.samples > 0, jnp.inf, least=1)
    if problem.capacity is not None:
        samples = affordable(problem, samples, whole_points(problem))
    paid = penalty(problem, samples)
    total = jnp.sum(samples, axis=0)
    return dataclasses.replace(plan, samples=samples, total=total, penalty=paid, social_penalty=jnp.sum(paid))


def _equilibrium(problem: Problem, plan: Plan) -> Plan:
    if problem.capacity is not None:
        return _within_limits(problem, plan)
    alone = plan.role == Role.ALONE
    below_half = jnp.maximum(jnp.ceil(alone_samples(problem) / whole_points(problem) / 2) - 1, 0)
    shared = _largest_remainders(problem, plan.samples, plan.role == Role.CHECKED, below_half, least=0)
    samples, alone = _settle(problem, plan, jnp.where(alone, best_whole_alone(problem), shared), alone)
    total = _total(problem, plan, samples)
    role = jnp.where(alone, Role.ALONE, jnp.where(samples > 0, Role.CHECKED, Role.RECEIVES)).astype(jnp.int32)
    alpha = coefficients(problem, samples, role == Role.CHECKED, total, plan.rule).value
    paid = jnp.sum(role_penalty(problem, samples, role, alpha, total, plan.rule), axis=-1)
    return dataclasses.replace(
        plan, samples=samples, role=role, alpha=alpha, total=total, penalty=paid, social_penalty=jnp.sum(paid)
    )


def _within_limits(problem: Problem, plan: Plan) -> Plan:
    """The same where agents have limits, which whole numbers keep within as well."""
    unit = whole_points(problem)
    shared = _largest_remainders(problem, plan.samples, plan.role != Role.ALONE, jnp.inf, least=0)
    total = plan.total if problem.precision is not None else jnp.round(plan.total)
    found = settle_whole(problem, shared, plan.role == Role.ALONE, total, unit)
    dear = dearer(problem, found.tightness)
    alpha = coefficients(dear, found.samples, found.role == Role.CHECKED, found.total, plan.rule).value
    paid = role_penalty(problem, found.samples, found.role, alpha, found.total, plan.rule)
    pays = jnp.sum(paid, axis=-1)
    settled = dataclasses.replace(plan, samples=found.samples, role=found.role, alpha=alpha, total=found.total)
    return dataclasses.replace(settled, penalty=pays, social_penalty=jnp.sum(pays))


def _settle(problem: Problem, plan: Plan, samples: Amounts, alone: Support) -> tuple[Amounts, Support]:
    """Let agents with no reason to do as told work alone, the cheapest of each distribution first, until none is left.

    One at a time, because what she then collects is often reason enough for all the others to receive.
    """
    own = best_whole_alone(problem)

    def restless(samples: Amounts, alone: Support) -> Support:
        return ~alone & _has_no_reason(problem, samples, _total(problem, plan, samples))

    def convert(state: tuple[Amounts, Support]) -> tuple[Amounts, Support]:
        samples, alone = state
        unhappy = restless(samples, alone)
        cheapest = jnp.argmin(jnp.where(unhappy, problem.costs_over_worth, jnp.inf), axis=0)
        chosen = unhappy & (jnp.arange(len(samples))[:, None] == cheapest)
        return jnp.where(chosen, own, samples), alone | chosen

    settled: tuple[Amounts, Support] = jax.lax.while_loop(
        lambda state: jnp.any(restless(*state)), convert, (samples, alone)
    )
    return settled


def _has_no_reason(problem: Problem, samples: Amounts, total: Array) -> Support:
    """Who could sample and has no reason to do as told: T ≤ n_IND, or one more point pays for who receives."""
    alone = alone_samples(problem)
    given = of_others(samples)
    wants_more = given * (given + whole_points(problem)) < alone**2
    return jnp.isfinite(problem.costs) & jnp.where(samples > 0, total <= alone, wants_more)


def _total(problem: Problem, plan: Plan, samples: Amounts) -> Array:
    total = plan.total if problem.precision is not None else jnp.round(plan.total)
    return jnp.minimum(total, jnp.sum(samples, axis=0))


def _largest_remainders(problem: Problem, samples: Amounts, among: Support, cap: Array | float, least: int) -> Amounts:
    """Round down, then give one more to the largest remainders until the rounded total is reached; 0 elsewhere.

    Where whole points count differently, one more is given while at least half of what it counts is missing.
    """
    unit = whole_points(problem)
    real = jnp.where(among, samples, 0) / unit
    low = jnp.minimum(jnp.floor(real), cap)
    eager = jnp.where(among & (low + 1 <= cap), real - low, -1)
    order = jnp.argsort(-eager, axis=0, stable=True)
    place = jnp.argsort(order, axis=0, stable=True)
    if problem.precision is None:
        missing = jnp.maximum(jnp.round(jnp.sum(real, axis=0)), least) - jnp.sum(low, axis=0)
        return low + ((place < missing) & (eager >= 0))
    ordered = jnp.take_along_axis(problem.precision, order, axis=0)
    given = jnp.take_along_axis(jnp.cumsum(ordered, axis=0), place, axis=0)
    missing = jnp.sum((real - low) * unit, axis=0)
    none = (jnp.sum(low, axis=0) == 0) & (place < least)
    return (low + ((none | (given - missing <= unit / 2)) & (eager >= 0))) * unit
