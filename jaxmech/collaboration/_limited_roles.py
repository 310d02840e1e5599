"""Roles of agents who can and must collect so much, and can spend so much: from a division to an equilibrium. Pure.

Whoever collects all that she can need only not want less, and whoever collects what she must cannot want less: noise is
for those in between, and for those at their most who would rather collect less. An agent who spends her whole budget
acts as if a point cost (1 + μ) times as much, in everything that she does; 1/(1 + μ) = y² here. So her roles and noise
levels are those of costs c/y², and no amounts within her limits save her anything: for her penalty q, convex,
q(n) >= q(n*) + μ (what n* costs − what n costs) >= q(n*), since n* spends all there is wherever μ > 0.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._extremes import lowest
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Codes, Distributions, Support
from jaxmech.collaboration._penalty import collection_cost, risk
from jaxmech.collaboration._plan import Role
from jaxmech.collaboration._problem import Problem, alone_samples, unlimited_alone
from jaxmech.mechanism import Capacity, of_others
from jaxmech.mechanism._capacity import alone_within, sampled, spent

POOR_MARGIN = 1e-6
"""By how much an agent without money left is let want less rather than more: a noise level for her then exists."""


class Arranged(NamedTuple):
    """Who collects what in which role.

    Attributes:
        samples: n*.
        role: :class:`Role` codes.
        total: T, before amounts are raised.
        tightness: y; costs that are y² times smaller make the same choices without a budget.
        restless: who has no reason to do as told in any role but alone.
    """

    samples: Amounts
    role: Codes
    total: Distributions
    tightness: Agents
    restless: Support


def arrange(problem: Problem, division: Amounts, alone: Support) -> Arranged:
    """Return the equilibrium that is built on a division and on who works alone, adding to these one at a time.

    Alone: what is best within her limits beside what she collects otherwise. Receives, all points of the others: who
    collects all she can and would not want less, or what she must and would not want more. Checked: all others, raised
    to n_IND²/T where her limits allow it. Who has no reason to do as told in any of these roles works alone, the least
    c/price first, until nobody is left.

    Args:
        problem: the problem, with a capacity.
        division: n, within the limits.
        alone: who works alone at the start.

    Source: this package, after Clinton et al. 2025, Algorithms 1 and 2.
    """

    def convert(state: tuple[Support, Support]) -> tuple[Support, Support]:
        alone = state[0] | cheapest_restless(problem, state[1])
        return alone, _arranged(problem, division, alone).restless

    start = jax.lax.stop_gradient((problem, division))
    first = _arranged(*start, alone).restless
    settled: tuple[Support, Support] = jax.lax.while_loop(lambda state: jnp.any(state[1]), convert, (alone, first))
    return _arranged(problem, division, settled[0])


def equal_shares(problem: Problem) -> Amounts:
    """Return clip(ν, least, most) with the total of the social optimum of equals, σ√(m/c), or the nearest to it.

    ν is the one that fits, exactly: the total is piecewise linear in it, with kinks at the bounds.

    Args:
        problem: the problem, with a capacity; costs are equal, by distribution.
    """
    capacity = _capacity(problem)
    low, high = capacity.least, capacity.most
    wanted = unlimited_alone(problem)[0] * len(low) ** 0.5

    def total(level: Array) -> Array:
        return jnp.sum(jnp.clip(level[..., None, :], low, high), axis=-2)

    even = wanted / len(low)
    kinks = jnp.concatenate([low, jnp.where(jnp.isfinite(high), high, 0.0), even[None]])
    below = jax.lax.stop_gradient(jnp.where(jax.vmap(total)(kinks) <= wanted, kinks, 0.0).max(axis=0))
    above = jax.lax.stop_gradient(jnp.where(kinks > below, kinks, jnp.inf).min(axis=0))
    middle = jnp.where(jnp.isfinite(above), (below + above) / 2, below + even)
    free = (middle > low) & (middle < high)
    count = jnp.sum(free, axis=0)
    held = jnp.sum(jnp.where(free, 0.0, jnp.where(middle <= low, low, high)), axis=0)
    level = jnp.where(count > 0, (wanted - held) / _positive(count.astype(low.dtype)), below)
    return jnp.clip(jnp.maximum(level, below), low, high)


def cheapest_restless(problem: Problem, restless: Support) -> Support:
    """Return of those who have no reason to do as told the one with the least c/price, by distribution.

    Args:
        problem: the problem.
        restless: who they are.
    """
    cheapest = jnp.argmin(jnp.where(restless, problem.costs_over_worth, jnp.inf), axis=0)
    return restless & (jnp.arange(len(restless))[:, None] == cheapest)


def alone_at_each(problem: Problem) -> Amounts:
    """Return what each agent pays for each distribution alone, within her limits.

    Args:
        problem: the problem, with a capacity.
    """
    samples = alone_samples(problem)
    return risk(jnp.broadcast_to(problem.error, samples.shape), samples) + collection_cost(problem, samples)


def excused(problem: Problem, division: Amounts) -> tuple[Support, Support]:
    """Return who needs no leverage, as long as all together collect at most, or at least, what she would alone.

    Args:
        problem: the problem, with a capacity.
        division: n, within the limits.
    """
    capacity = _capacity(problem)
    slack = tolerances(division.dtype).condition
    full = (spent(problem.costs, division) >= capacity.budget * (1 - slack))[:, None]
    most = (division >= capacity.most * (1 - slack)) | full
    return most & (division > 0), (capacity.least > 0) & (division <= capacity.least * (1 + slack))


def dearer(problem: Problem, tightness: Agents) -> Problem:
    """Return the problem whose costs make agents choose without a budget as they do with theirs.

    Args:
        problem: the problem.
        tightness: y, by agent.
    """
    able = problem.costs != jnp.inf  # what nobody could pay is no number to multiply slopes with
    costs = jnp.where(able, jnp.where(able, problem.costs, 1.0) / tightness[:, None] ** 2, jnp.inf)
    return Problem.unchecked(costs, problem.sigma, problem.price, precision=problem.precision)


def _capacity(problem: Problem) -> Capacity:
    assert problem.capacity is not None
    return problem.capacity


def _arranged(problem: Problem, division: Amounts, alone: Support) -> Arranged:
    capacity, costs = _capacity(problem), problem.costs
    able = sampled(costs, capacity)
    slack = tolerances(division.dtype).condition
    error = jnp.broadcast_to(problem.error, costs.shape)
    others_held = Capacity(
        jnp.where(alone, capacity.most, division), jnp.where(alone, capacity.least, division), capacity.budget
    )
    samples, tightness = alone_within(costs, error, others_held)
    # who is alone on nothing chooses nothing there: if she spends all she has, rounding would decide what y is
    tightness = jnp.where(jnp.any(alone, axis=1), tightness, 1.0)
    wish, total = unlimited_alone(problem), jnp.sum(samples, axis=0)
    samples = _raised(problem, samples, ~alone & (samples > 0), (wish * tightness[:, None]) ** 2 / _positive(total))
    poor = (spent(costs, samples) >= capacity.budget * (1 - slack)) & ~jnp.any(alone, axis=1)
    wanting = able & (wish > 0) & (samples < capacity.most * (1 - slack))
    patience = lowest(jnp.where(wanting, total / _positive(wish) * (1 - POOR_MARGIN), jnp.inf), 1)
    tightness = jnp.where(poor, jnp.minimum(tightness, patience), tightness)
    wish, collected = wish * tightness[:, None], jnp.sum(samples, axis=0)
    full, least = samples >= capacity.most * (1 - slack), samples <= capacity.least * (1 + slack)
    content = (full | (collected >= wish * (1 - slack))) & (least | (collected <= wish * (1 + slack)))
    receives = ~able | (content & (full | least))
    checkable = (samples > 0) & (2 * samples < wish) & (total > wish) & (total > 2 * samples)
    backed = (total - samples <= of_others(samples) * (1 + slack)) & (total - samples >= samples)
    role = jnp.where(alone, Role.ALONE, jnp.where(receives, Role.RECEIVES, Role.CHECKED)).astype(jnp.int32)
    return Arranged(samples, role, total, tightness, ~alone & ~receives & ~(checkable & backed))


def _raised(problem: Problem, samples: Amounts, among: Support, wanted: Amounts) -> Amounts:
    """Raise amounts to what is wanted, as far as there is room and money."""
    capacity = _capacity(problem)
    more = jnp.where(among, jnp.maximum(jnp.minimum(wanted, capacity.most) - samples, 0.0), 0.0)
    left, bill = capacity.budget - spent(problem.costs, samples), spent(problem.costs, more)
    short = bill > left
    room = jnp.maximum(jnp.where(short, left, 0.0), 0.0)  # without a budget it is infinite, and no number in slopes
    share = jnp.where(short, room / _positive(bill), 1.0)
    return samples + more * share[:, None]


def _positive(values: Array) -> Array:
    return jnp.where(values > 0, values, 1.0)
