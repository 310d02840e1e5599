"""What one agent gains under two names, and what agents gain who share everything. Pure kernels."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._status import is_failure
from jaxmech._types import Array, Bool, Float, Int
from jaxmech.collaboration._limited_names import with_second_name
from jaxmech.collaboration._plan import Plan
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._solve import mechanism, solve_unchecked
from jaxmech.deviation import SPREADS, Group, group_response


class SecondName(NamedTuple):
    """What each agent saves who joins under a second name, as far as was searched.

    Attributes:
        gain: what the better kind of second name saves her; negative or 0 if neither helps.
        standard_error: of that.
        unable: whether that name says that it can measure nothing; else it says that its costs are hers.
        collected: (asked, distributions) what she then collects, for both names together.
        spread: (asked, distributions) how many times the variance of points is handed in, where noise follows it.
    """

    gain: Float[Array, " asked"]
    standard_error: Float[Array, " asked"]
    unable: Bool[Array, " asked"]
    collected: Float[Array, "asked distributions"]
    spread: Float[Array, "asked distributions"]


@partial(jit, static_argnames="draws")
def second_names(
    problem: Problem, plan: Plan, agents: Int[Array, " asked"], key: Array, draws: int = 4096
) -> SecondName:
    """Search for what each of some agents gains by a second name, the plan being made anew for all names.

    The name says that its costs are hers, or that it can measure nothing; c3d, for equal costs, admits the first alone.
    With most, least and budget she has no more of them under two names: each that can measure has half.
    She shares everything among her names (:func:`~jaxmech.deviation.group_response`) and needs one estimate.

    Args:
        problem: the problem with one name each.
        plan: from :func:`solve`: what she pays under one name, the division and the mechanism.
        agents: indices of those to search for.
        key: random key.
        draws: in each set of the search, static.

    Source: this package; false names are those of Yokoo, Sakurai and Matsubara 2004.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.25], [0.25]], sigma=1.0)
        >>> plan = solve(problem, division="egalitarian", mechanism="pool").value
        >>> found = second_names(problem, plan, jnp.array([0]), jax.random.key(0), 256)
        >>> round(float(found.gain[0] / plan.penalty[0]), 1), found.unable.tolist()
        (0.1, [True])
    """
    problem.of_agents_alike("second names are searched for among agents who are alike")
    kinds = jnp.array([False, True] if plan.mechanism != "c3d" else [False])
    m, _ = problem.shape

    def one(asked: tuple[Array, Array, Array]) -> Group:
        agent, unable, drawn = asked
        told = with_second_name(problem, agent, unable)
        solution = solve_unchecked(told, plan.division, plan.mechanism, plan.rule)
        found = group_response(
            mechanism(told, solution.value), told, jnp.stack([agent, m]), drawn, draws, one=True, spreads=_spreads(plan)
        )
        return found._replace(pays=jnp.where(is_failure(solution.status), jnp.inf, found.pays))

    who, second = (table.reshape(-1) for table in jnp.meshgrid(agents, kinds, indexing="ij"))
    every: Group = jax.lax.map(one, (who, second, jax.random.split(key, len(who))))
    by_kind = jax.tree.map(lambda leaf: leaf.reshape(len(agents), len(kinds), *leaf.shape[1:]), every)
    best = jnp.argmin(by_kind.pays, axis=1)
    chosen: Group = jax.tree.map(lambda leaf: leaf[jnp.arange(len(agents)), best], by_kind)
    gain = plan.penalty[agents] - chosen.pays
    return SecondName(gain, chosen.standard_error, kinds[best], chosen.collected, chosen.spread)


class Allies(NamedTuple):
    """What groups save together who share everything, as far as was searched.

    Attributes:
        gain: of all members together; negative or 0 if nothing was found.
        standard_error: of that.
        collected: (groups, distributions) what they then collect together.
        spread: (groups, distributions) how many times the variance of points is handed in, where noise follows it.
    """

    gain: Float[Array, " groups"]
    standard_error: Float[Array, " groups"]
    collected: Float[Array, "groups distributions"]
    spread: Float[Array, "groups distributions"]


@partial(jit, static_argnames="draws")
def allies(problem: Problem, plan: Plan, groups: Int[Array, "groups members"], key: Array, draws: int = 4096) -> Allies:
    """Search for what groups gain who collect, hand in and estimate together while all others comply.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        groups: indices of members, groups of one size.
        key: random key.
        draws: in each set of the search, static.

    Source: this package; the search is :func:`~jaxmech.deviation.group_response`.

    Example:
        >>> from jaxmech.collaboration import pool_plan
        >>> problem = Problem(costs=[[0.25], [1.0]], sigma=1.0)
        >>> plan = pool_plan(problem, jnp.array([[1.0], [1.0]])).value
        >>> found = allies(problem, plan, jnp.array([[0, 1]]), jax.random.key(0), 256)
        >>> float(plan.penalty.sum()), round(float(plan.penalty.sum() - found.gain[0]), 1)  # she who is cheap collects
        (2.25, 1.4)
    """
    carried = mechanism(problem, plan)

    def one(asked: tuple[Array, Array]) -> Group:
        return group_response(carried, problem, *asked, draws, spreads=_spreads(plan))

    found: Group = jax.lax.map(one, (groups, jax.random.split(key, len(groups))))
    gain = jnp.sum(plan.penalty[groups], axis=1) - found.pays
    return Allies(gain, found.standard_error, found.collected, found.spread)


def _spreads(plan: Plan) -> tuple[float, ...]:
    """Spreads are told where noise follows them."""
    return SPREADS if plan.calibrated else ()
