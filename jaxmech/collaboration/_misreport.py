"""What an agent gains by misstating her costs: a scan of reports, and a closer look at the best ones. A pure kernel."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._status import is_failure
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Distributions, Float, Int, Scalar
from jaxmech._words import one_of
from jaxmech.collaboration._limited_names import limits_of_a_report
from jaxmech.collaboration._penalty import collection_cost, risk
from jaxmech.collaboration._plan import DIVISIONS, MECHANISMS, Plan, Role
from jaxmech.collaboration._problem import Problem, alone_samples, unlimited_alone
from jaxmech.collaboration._roles import checked_levels
from jaxmech.collaboration._rule import Levels, Rule, rule_of
from jaxmech.collaboration._solve import solve_unchecked
from jaxmech.mechanism import of_others

FARTHEST = 32.0
"""Costs are reported up to so many times too high or too low."""

REPORTS, ROUNDS = 33, 4
"""Factors in a scan, an odd number so that the truth is one of them, and how often the best one's surroundings are
scanned: the last factors are 0.02 % apart."""

_HALVINGS = 36
"""Golden sections of the interval in which her best amount lies: to 3·10⁻⁸ of it, and its penalty to rounding."""


class Misreport(NamedTuple):
    """What one agent pays, at her true costs, under the plans that are made for what she might say her costs are.

    Attributes:
        gain: what the best report that was found saves her; 0 if none beats the truth. A larger gain may exist.
        pays: what she pays if she tells the truth and does as she is asked.
        report: (distributions,) the best report; her true costs if none gains.
        amount: (distributions,) what she then collects.
        reports: (reports, distributions) what was scanned first: each of her costs by itself, then all together,
            by the same factors, and ∞.
        obeying: (reports,) what she pays if she does what the plan for that report asks; NaN where there is no plan.
        least: (reports,) the same if she collects what is best for her under that plan's mechanism and submits it as it
            is. Of the pools, whose agents comply by assumption, the same as ``obeying``.
    """

    gain: Scalar
    pays: Scalar
    report: Distributions
    amount: Distributions
    reports: Float[Array, "reports distributions"]
    obeying: Float[Array, " reports"]
    least: Float[Array, " reports"]


def cost_misreport(
    problem: Problem,
    agent: int | Int[Array, ""],
    *,
    division: str = "rational",
    mechanism: str = "cbl",
    estimate: str = "drawn",
    calibrated: bool | str = False,
) -> Misreport:
    """Search for the report of her costs that serves an agent best: min over ĉ of p_i at her true c under plan(ĉ).

    Costs are what agents say. The others say the truth and follow the plan that is made for all reports; she follows it
    too, or collects what is best for her at her true costs and submits that truthfully, whichever is less. Her reports:
    the same factor from 1/32 to 32 on one of her costs or on all of them, or ∞, "cannot". The penalty is smooth in the
    factor but for jumps where roles change, so that the surroundings of the best factors are scanned again, finer each
    time. What it finds is a lower bound: other reports, and other submissions after them, may gain more. A cost that is
    ∞ stays so: what she cannot sample she does not offer. Where nobody is left who can sample something there is no
    plan. Most, least and budget are known, not reported: she keeps within them, her budget at her true costs, whatever
    she said, and nobody can say that she cannot measure what she must.

    Args:
        problem: the problem with the true costs.
        agent: her index.
        division: as in :func:`solve`.
        mechanism: as in :func:`solve`; not c3d, which refuses costs that differ.
        estimate: as in :func:`solve`.
        calibrated: as in :func:`solve`.

    Raises:
        ProblemError: for an unknown name, c3d, or an agent who does not exist.

    Source: this package; the plans are those of Clinton et al. 2025, Algorithm 2, which takes costs as given.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> found = cost_misreport(problem, 1, mechanism="pool")
        >>> round(float(found.report[0]), 4), round(float(found.gain / found.pays), 4)  # then agent 3 seems cheaper
        (0.1018, 0.1828)
    """
    one_of("mechanism", mechanism, MECHANISMS)
    one_of("division", division, DIVISIONS)
    if mechanism == "c3d":
        raise ProblemError("mechanism", mechanism, "needs equal costs: whoever reports another cost is refused")
    if not isinstance(agent, jax.core.Tracer) and not 0 <= int(agent) < problem.shape[0]:
        raise ProblemError("agent", agent, f"must be an index below the number of agents ({problem.shape[0]})")
    told = problem.in_equivalent_points()
    found: Misreport = _search(told, jnp.asarray(agent), division, mechanism, rule_of(estimate, calibrated))
    if told.precision is None:
        return found
    hers = told.precision[agent]
    return found._replace(report=found.report * hers, amount=found.amount / hers, reports=found.reports * hers)


@partial(jit, static_argnames=("division", "mechanism", "rule"))
def _search(problem: Problem, agent: Array, division: str, mechanism: str, rule: Rule) -> Misreport:
    truth = problem.costs[agent]
    directions = _directions(len(truth))

    def judge(report: Array) -> _Judged:
        return _judged(problem, agent, report, division, mechanism, rule)

    def scan(about: tuple[Array, Array], _: Any) -> tuple[tuple[Array, Array], tuple[Array, _Judged]]:
        centre, width = about
        logs = centre[:, None] + width * jnp.linspace(-1, 1, REPORTS)
        reports = jax.vmap(partial(_reports, truth))(logs, directions)
        found: _Judged = jax.vmap(judge)(reports.reshape(-1, len(truth)))
        least = _comparable(found.least).reshape(len(directions), -1)[:, :REPORTS]
        best = jnp.take_along_axis(logs, jnp.argmin(least, axis=1)[:, None], axis=1)[:, 0]
        return (best, width * 2 / (REPORTS - 1)), (reports.reshape(-1, len(truth)), found)

    first = jnp.zeros(len(directions), truth.dtype), jnp.log(jnp.asarray(FARTHEST, truth.dtype))
    _, (reports, found) = jax.lax.scan(scan, first, length=ROUNDS)
    pays, honest = found.obeying[0, REPORTS // 2], found.amount[0, REPORTS // 2]
    least = _comparable(found.least).ravel()
    best = jnp.argmin(least)
    gains = least[best] < pays * (1 - tolerances(pays.dtype).optimality)
    return Misreport(
        gain=jnp.where(gains, pays - least[best], 0 * pays),
        pays=pays,
        report=jnp.where(gains, reports.reshape(-1, len(truth))[best], truth),
        amount=jnp.where(gains, found.amount.reshape(-1, len(truth))[best], honest),
        reports=reports[0],
        obeying=found.obeying[0],
        least=found.least[0],
    )


class _Judged(NamedTuple):
    """Of one report: what she pays if she obeys, and at best; how much she collects then."""

    obeying: Scalar
    least: Scalar
    amount: Distributions


def _directions(d: int) -> Array:
    """Which of her costs are misstated: each by itself, then all."""
    return jnp.asarray(np.vstack([np.eye(d, dtype=bool), np.ones((int(d > 1), d), dtype=bool)]))


def _reports(truth: Array, logs: Array, which: Array) -> Array:
    """Costs times factors, and ∞, in one direction: (factors + 1, distributions)."""
    factors = jnp.append(jnp.exp(logs), jnp.inf)
    return jnp.where(which, factors[:, None] * truth, truth)


def _comparable(penalty: Array) -> Array:
    """No plan is no choice."""
    return jnp.where(jnp.isnan(penalty), jnp.inf, penalty)


def _judged(problem: Problem, agent: Array, report: Array, division: str, mechanism: str, rule: Rule) -> _Judged:
    said = problem.costs.at[agent].set(report)
    if problem.capacity is None:
        capacity, possible = None, jnp.all(jnp.any(said != jnp.inf, axis=0))
    else:
        allowed, possible = limits_of_a_report(problem, agent, said)
        capacity = jax.tree.map(partial(jnp.where, possible), allowed.capacity, problem.capacity)
    costs = jnp.where(possible, said, problem.costs)
    told = Problem.unchecked(costs, problem.sigma, problem.price, capacity=capacity)
    solution = solve_unchecked(told, division, mechanism, rule)
    plan: Plan = solution.value
    obeying, least, amount = _pooling(problem, agent, plan) if plan.pooled else _playing(problem, told, agent, plan)
    failed = ~possible | is_failure(solution.status)
    return _Judged(*(jnp.where(failed, jnp.nan, value) for value in (obeying, least, amount)))


def _pooling(problem: Problem, agent: Array, plan: Plan) -> tuple[Array, Array, Array]:
    """She complies, as all do in a pool."""
    paid = jnp.sum(risk(_hers(problem, agent) ** 2, plan.total) + collection_cost(problem, plan.samples)[agent])
    if problem.capacity is not None:
        paid = jnp.where(problem.capacity.allows(problem.costs, plan.samples)[agent], paid, jnp.inf)
    return paid, paid, plan.samples[agent]


def _playing(problem: Problem, told: Problem, agent: Array, plan: Plan) -> tuple[Array, Array, Array]:
    """By role: alone n_IND is best, where she receives max(0, n_IND − N), and where she is checked a search tells."""
    role, asked, alone = plan.role[agent], plan.samples[agent], alone_samples(problem)[agent]
    checked = role == Role.CHECKED
    others = jnp.where(role == Role.ALONE, 0, of_others(plan.samples)[agent])
    watched = _watched(problem, told, agent, plan)

    def paid(n: Array) -> Array:
        spent = jnp.where(n > 0, jnp.where(n > 0, problem.costs[agent], 1) * n, 0)
        unchecked = risk(_hers(problem, agent) ** 2, others + n) + spent
        return jnp.where(checked, watched(jnp.where(checked, n, 1)), unchecked)

    # c n alone may not exceed what obeying costs
    cost = jnp.where(checked, problem.costs[agent], 1)
    most = jnp.where(checked, watched(jnp.where(checked, asked, 1)) / cost, 1)
    by_asked = paid(asked)
    if problem.capacity is None:
        amount = jnp.where(checked, _minimiser(watched, jnp.zeros_like(most), most), jnp.maximum(alone - others, 0))
    else:
        amount = _within(problem, agent, jnp.where(checked, jnp.nan, others), watched, most)
        by_asked = jnp.where(problem.capacity.allows(problem.costs, plan.samples)[agent], by_asked, jnp.inf)
    by_amount = paid(amount)
    better = by_amount < by_asked
    if problem.capacity is not None:  # parts of two ways that she can pay for may be more than she can pay for
        mixed = plan.samples.at[agent].set(jnp.where(better, amount, asked))
        together = jnp.sum(by_amount) < jnp.sum(by_asked)
        better = jnp.where(problem.capacity.allows(problem.costs, mixed)[agent], better, together)
    return (
        jnp.sum(by_asked),
        jnp.sum(jnp.where(better, by_amount, by_asked)),
        jnp.where(better, amount, asked),
    )


def _watched(problem: Problem, told: Problem, agent: Array, plan: Plan) -> Any:
    """Her penalty by amount where she is checked: the noise is set by what she said, her work costs what it costs."""
    checked = plan.role == Role.CHECKED
    levels = checked_levels(told, plan.samples, checked, plan.alpha, plan.total, plan.rule)
    weight = None if levels.weight is None else levels.weight[..., agent, :]
    hers = checked[agent]
    asked, total = jnp.where(hers, plan.samples[agent], 1), jnp.where(hers, plan.total, 4)
    cost = jnp.where(hers, problem.costs[agent], 0)
    return lambda n: plan.rule.penalty(
        n, asked, total, Levels(levels.ratio[..., agent, :], weight), cost, _hers(problem, agent)
    )


def _hers(problem: Problem, agent: Array) -> Distributions:
    """Her σ√price."""
    return problem.scale if problem.valued_alike else problem.scale[agent]


def _within(problem: Problem, agent: Array, others: Array, watched: Any, most: Array) -> Distributions:
    """Her best amounts within her limits: with a multiplier μ of her budget every distribution is by itself.

    Args:
        problem: with a capacity.
        agent: her index.
        others: points of the others that she gets; NaN where she is checked.
        watched: her penalty by amount where she is checked.
        most: more than she then wants.
    """
    capacity = problem.capacity
    assert capacity is not None
    checked, low, high = jnp.isnan(others), capacity.least[agent], capacity.most[agent]
    price = jnp.where(problem.costs[agent] != jnp.inf, problem.costs[agent], 1)
    wish, theirs = unlimited_alone(problem)[agent], jnp.where(checked, 0, others)

    def wanted(tightness: Array) -> Array:
        more = 1 / tightness**2 - 1  # μ
        bottom, top = jnp.where(checked, low, 0), jnp.where(checked, jnp.clip(most, low, high), 1)
        hers = _minimiser(lambda n: watched(n) + more * price * n, bottom, top)
        return jnp.where(checked, hers, jnp.clip(wish * tightness - theirs, low, high))

    def halve(_: Any, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        poor, rich, amount = state
        middle = (poor + rich) / 2
        found = wanted(middle)
        fits = jnp.sum(price * found) <= capacity.budget[agent]
        return jnp.where(fits, middle, poor), jnp.where(fits, rich, middle), jnp.where(fits, found, amount)

    one = jnp.ones((), low.dtype)
    free = wanted(one)
    bounded = jnp.sum(price * free) > capacity.budget[agent]
    _, _, amount = jax.lax.fori_loop(0, jnp.where(bounded, _HALVINGS, 0), halve, (0 * one, one, low))
    return jnp.where(bounded, amount, free)


def _minimiser(penalty: Any, low: Array, high: Array) -> Array:
    """Golden sections of [low, high], elementwise: the penalty is convex in the amount."""
    golden = (5**0.5 - 1) / 2

    def cut(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        left, right = high - golden * (high - low), low + golden * (high - low)
        falls = penalty(left) <= penalty(right)
        return jnp.where(falls, low, left), jnp.where(falls, right, high)

    low, high = jax.lax.fori_loop(0, _HALVINGS, cut, (low, high))
    return (low + high) / 2
