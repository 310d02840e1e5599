"""Who is pivotal: what everybody pays if one agent leaves or delivers less than she was asked for. A pure kernel."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._status import is_failure
from jaxmech._types import Agents, Amounts, Array, ArrayLike, Codes, Float
from jaxmech.collaboration._corruption import deviation_penalty
from jaxmech.collaboration._limited_blocking import supplied_by
from jaxmech.collaboration._penalty import collection_cost, risk
from jaxmech.collaboration._plan import TARGET, Plan, Role
from jaxmech.collaboration._problem import Problem, alone_penalty
from jaxmech.collaboration._robust import is_told
from jaxmech.collaboration._rule import Levels
from jaxmech.collaboration._solve import solve_unchecked
from jaxmech.collaboration._steady import steady_penalty
from jaxmech.collaboration._temptation import truthful_penalty
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.mechanism import Capacity, freedom_each, of_others

Table = Float[Array, "agents agents"]
"""Row j is about agent j; column i says what agent i then pays."""


class Pivotal(NamedTuple):
    """What everybody pays for what one agent does; row j is about agent j, column i is what agent i pays.

    Attributes:
        pays: (agents,) if all follow the plan.
        absent: j's points are missing and the others follow the plan. She pays p_IND[j]; ∞ for whoever is left without
            any point of some distribution.
        short: j delivers the stated share of the points that she is asked for, all of them true, and pays for no more;
            with ``least`` no fewer than she must collect.
        anew: the others make a new plan without j, by the same division and mechanism. She pays p_IND[j]; ∞ where
            nobody else can sample something, NaN where no plan was found.
    """

    pays: Agents
    absent: Table
    short: Table
    anew: Table


@in_equivalent_points()
def pivotal(problem: Problem, plan: Plan, share: ArrayLike = 0.5) -> Pivotal:
    """Return p_i for every agent i and every agent j who leaves, delivers less, or is replaced by a new plan.

    With fewer points of the others the mechanism hands out what is there: whoever pools or receives gets fewer points,
    whoever is checked first fewer noisy points, then a smaller Z. All are expected penalties in closed form, of a
    calibrated rule by quadrature. What one cheater does to the others has no such number: her points may say anything.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        share: of her points that agent j delivers in ``short``, in (0, 1].

    Raises:
        ProblemError: for a share that is not in (0, 1].

    Source: this package; the penalties are those of Clinton et al. 2025, appendix E.4, with the points that remain.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.25], [0.25]], sigma=10.0)
        >>> plan = solve(problem, division="egalitarian", mechanism="pool").value
        >>> [round(float(paid), 3) for paid in pivotal(problem, plan).absent[0]]
        [10.0, 10.607]
    """
    if not isinstance(share, jax.core.Tracer) and not (np.shape(share) == () and 0 < np.asarray(share) <= 1):
        raise ProblemError("share", share, "must be one number in (0, 1]")
    found: Pivotal = _tables(problem, plan, jnp.asarray(share, problem.costs.dtype))
    return found


@jit
def _tables(problem: Problem, plan: Plan, share: Array) -> Pivotal:
    m, _ = problem.shape
    herself = jnp.eye(m, dtype=bool)
    remaining = jax.vmap(partial(_remaining, problem, plan))
    her_rows = herself[:, :, None]
    absent = remaining(jnp.where(her_rows, 0, plan.samples))
    short = remaining(jnp.where(her_rows, _delivers(problem, plan, share), plan.samples))
    alone = alone_penalty(problem)
    return Pivotal(
        pays=plan.penalty,
        absent=jnp.where(herself, alone, absent),
        short=jnp.where(herself, _herself(problem, plan, share), short),
        anew=jnp.where(herself, alone, _anew(problem, plan)),
    )


def _remaining(problem: Problem, plan: Plan, delivered: Amounts) -> Agents:
    """What everybody pays who follows the plan, if these points are all that there are."""
    error, spent, available = problem.error, collection_cost(problem, plan.samples), of_others(delivered)
    shared = risk(error, available + plan.samples) + spent
    if plan.pooled:
        return jnp.sum(shared, axis=1)
    by_herself = risk(error, plan.samples) + spent
    checked, alone = plan.role == Role.CHECKED, plan.role == Role.ALONE
    compared = checked & (available > 0)
    watched = jnp.where(compared, _watched(problem, plan, compared, delivered), by_herself)
    return jnp.sum(jnp.where(checked, watched, jnp.where(alone, by_herself, shared)), axis=1)


def _watched(problem: Problem, plan: Plan, compared: Codes | Array, delivered: Amounts) -> Amounts:
    """Penalty of who is checked against what is there: of T − n* points first Z' shrinks, then Z."""
    available = of_others(delivered)
    asked = jnp.where(compared, plan.samples, 1)
    drawn = jnp.where(compared, jnp.minimum(plan.total - plan.samples, available), 3)
    clean = jnp.minimum(asked, drawn)
    levels = _levels(problem, plan, compared, delivered, (clean, drawn - clean, available - drawn))
    kernel = steady_penalty if plan.rule.steady else deviation_penalty
    cost = jnp.where(compared & jnp.isfinite(problem.costs), problem.costs, 0)

    def paid(ratio: Array) -> Array:
        return kernel(asked, asked, asked + drawn, jnp.sqrt(ratio * asked), cost, problem.scale, clean)

    return levels.average(paid)


def _levels(
    problem: Problem, plan: Plan, compared: Array, delivered: Amounts, parts: tuple[Amounts, Amounts, Amounts]
) -> Levels:
    """Noise levels: α of the plan, or of a calibrated rule what σ̂² makes of it with the points that are there."""
    asked = jnp.where(compared, plan.samples, 1)
    ratio = jnp.where(compared, jnp.where(compared, plan.alpha, 1) ** 2 / asked, 1)
    if not plan.calibrated:
        return Levels(ratio, None)
    groups = jnp.sum(jnp.stack([jnp.clip(count, 0, 1) for count in parts]), axis=0)
    freedom = jnp.where(compared, of_others(delivered) - groups, 1)
    told = freedom >= 1
    if plan.rule.robust:
        freedom = freedom_each(delivered, groups)
        told = compared & is_told(freedom)
    tau = jnp.where(compared, plan.total / asked, 10)
    kappa = jnp.where(compared, collection_cost(problem, plan.samples) * asked / problem.error, 0.1)
    levels = plan.rule.levels(tau, kappa, ratio, jnp.where(told, freedom, 1))
    return Levels(jnp.where(told, levels.ratio, ratio), levels.weight)


def _delivers(problem: Problem, plan: Plan, share: Array) -> Amounts:
    """So much of what everybody is asked for, and no less than she must collect."""
    if problem.capacity is None:
        return share * plan.samples
    return jnp.maximum(share * plan.samples, problem.capacity.least)


def _herself(problem: Problem, plan: Plan, share: Array) -> Agents:
    """What each pays who alone delivers a share; who counts as short in a counted pool gets nothing back."""
    samples = _delivers(problem, plan, share)
    pays = truthful_penalty(problem, plan, samples)
    if plan.mechanism == "counted-pool":
        refused = (plan.samples > 0) & (samples < plan.samples)
        pays = jnp.where(refused, risk(problem.error, samples) + collection_cost(problem, samples), pays)
    return jnp.sum(pays, axis=1)


def _anew(problem: Problem, plan: Plan) -> Table:
    """What the others pay under their own plan, one row for each who is not there; her own entry is meaningless."""
    m, _ = problem.shape
    if m == 1:
        return jnp.full((1, 1), jnp.inf, problem.costs.dtype)
    others = jnp.asarray([np.delete(np.arange(m), j) for j in range(m)])

    def row(rest: Array) -> Agents:
        costs = problem.costs[rest]
        price = problem.price if problem.valued_alike else problem.price[rest]
        capacity = jax.tree.map(lambda bounds: bounds[rest], problem.capacity)
        told = Problem.unchecked(costs, problem.sigma, price, capacity=capacity)
        supplied = jnp.all(supplied_by(told, jnp.ones(m - 1, bool)))
        told = _harmless_unless(supplied, told)
        solution = solve_unchecked(told, _of_the_rest(plan, rest), plan.mechanism, plan.rule)
        pays = jnp.where(is_failure(solution.status), jnp.nan, solution.value.penalty)
        return jnp.zeros(m, pays.dtype).at[rest].set(jnp.where(supplied, pays, jnp.inf))

    table: Table = jax.vmap(row)(others)
    return table


def _harmless_unless(supplied: Array, problem: Problem) -> Problem:
    """The problem, or where something is collected by nobody one that can be solved: its answer is not looked at."""
    costs = jnp.where(supplied, problem.costs, 1)
    capacity = problem.capacity
    if capacity is not None:
        most, least = jnp.where(supplied, capacity.most, jnp.inf), jnp.where(supplied, capacity.least, 0)
        capacity = Capacity(most, least, jnp.where(supplied, capacity.budget, jnp.inf))
    return Problem.unchecked(costs, problem.sigma, problem.price, capacity=capacity)


def _of_the_rest(plan: Plan, rest: Array) -> str | Amounts:
    """The division without some agents: found anew, or the same amounts where it was given."""
    return plan.target[rest] if plan.division == TARGET else plan.division
