"""What a group of agents who trust each other would gain by leaving together: one convex program. A pure kernel."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._types import Agents, Amounts, Array, ArrayLike, Bool, Scalar
from jaxmech.collaboration._division import first_best
from jaxmech.collaboration._limited_blocking import limited_blocking
from jaxmech.collaboration._penalty import penalty
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.numerics import Kind, solve_sharing


class Blocking(NamedTuple):
    """What a group can do for all of its members at once.

    Attributes:
        share: t, the part of her penalty that every member saves at least with ``samples``; negative if somebody loses,
            −∞ if nothing that the group can do helps.
        bound: no division of work among them saves every member more; by duality, whatever became of the search.
        samples: who collects how much; zero for those who are not in the group.
    """

    share: Scalar
    bound: Scalar
    samples: Amounts


@jit
@in_equivalent_points(returns=("samples",))
def blocking(problem: Problem, pays: ArrayLike, members: Bool[Array, " agents"]) -> Blocking:
    """Maximise t subject to p_i(n) <= (1 − t) pays_i for all i in S, n >= 0, n_j = 0 outside of S.

    The members pool what they collect and check nobody. Who pays ∞ gains by any finite penalty: she counts as if she
    paid what the first best costs all agents together, and who pays 0 gains by nothing. The bound is that of the
    multipliers λ: 1 − t >= Σ_k 2√(w_k Σλ min_i λ_i c[i, k]) / Σ λ_i pays_i for every n. With most, least and budget
    every member keeps within her own: together they can do the sum of it.

    Args:
        problem: the problem.
        pays: what each agent pays if she stays.
        members: who is in the group S.

    Source: this package; the core of cooperative games, with the penalties of Clinton et al. 2025, Fact 2.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.01]] * 10, sigma=1.0)
        >>> stays = solve(problem, mechanism="c3d").value.penalty
        >>> [round(float(blocking(problem, stays, jnp.arange(10) < size).share), 4) for size in (3, 4)]
        [-0.0753, 0.0688]
    """
    stays = jnp.asarray(pays, problem.costs.dtype)
    if problem.capacity is not None:
        return Blocking(*limited_blocking(problem, stays, members))
    supplied = jnp.any(members[:, None] & (problem.costs != jnp.inf), axis=0)
    if not problem.valued_alike:
        supplied = supplied | ~jnp.any(members[:, None] & (problem.price > 0), axis=0)
    possible = jnp.all(supplied) & jnp.any(members)
    scale = _scale(problem, stays)
    costs = jnp.where(members[:, None], problem.costs, jnp.inf)
    price = problem.price if problem.valued_alike else jnp.where(members[:, None], problem.price, 0)
    told = Problem.unchecked(jnp.where(possible, costs, 1), problem.sigma, price)
    # a row that does not bind holds the method up: those of members who only receive are left out in a second try
    working = members & jnp.any(costs != jnp.inf, axis=1)
    needless = ~possible | ~jnp.any(members & ~working)
    rows, skip = jnp.stack([members, working]), jnp.stack([~possible, needless])
    tries = jax.vmap(partial(_try, told, scale, members))(rows, skip)
    better = jnp.where((tries.share[1] > tries.share[0]) & ~needless, 1, 0)
    bound = jnp.where(needless, tries.bound[0], jnp.min(tries.bound))
    hopeless = ~possible | jnp.any(members & (stays <= 0))
    return Blocking(
        share=jnp.where(hopeless, -jnp.inf, tries.share[better]),
        bound=jnp.where(hopeless, -jnp.inf, bound),
        samples=jnp.where(possible, tries.samples[better], 0),
    )


def _try(problem: Problem, scale: Agents, members: Array, bounded: Array, skip: Array) -> Blocking:
    """The program with these rows; every member counts in what it is worth."""
    optimum = solve_sharing(
        Kind.MINIMAX,
        problem.costs,
        problem.error,
        bounds=jnp.where(bounded | skip, jnp.zeros_like(scale), jnp.inf),
        direction=scale,
        skip=skip,
    )
    saves = 1 - penalty(problem, optimum.amount) / scale
    share = jnp.min(jnp.where(members, saves, jnp.inf))
    return Blocking(share, _bound(problem, scale, jnp.where(bounded, optimum.multiplier, 0)), optimum.amount)


def _scale(problem: Problem, stays: Agents) -> Agents:
    """Positive and finite: what she pays, or what everybody together would."""
    return jnp.where(jnp.isfinite(stays) & (stays > 0), stays, first_best(problem))


def _bound(problem: Problem, scale: Agents, multiplier: Agents) -> Scalar:
    """1 − min_n Σ λ_i p_i(n) / Σ λ_i a_i."""
    # at the best multipliers, moving them changes nothing to first order
    weights = jax.lax.stop_gradient(jnp.maximum(multiplier, 0))
    able = problem.costs != jnp.inf
    cheapest = jnp.min(jnp.where(able, weights[:, None] * jnp.where(able, problem.costs, 1), jnp.inf), axis=0)
    product = jnp.sum(weights) * cheapest
    root = jnp.where(product > 0, jnp.sqrt(jnp.where(product > 0, product, 1)), 0)
    least = 2 * jnp.sum(problem.scale * root)
    if not problem.valued_alike:
        pulled = weights @ problem.error
        product = jnp.where(pulled > 0, pulled * jnp.where(pulled > 0, cheapest, 1), 0)
        least = 2 * jnp.sum(jnp.where(product > 0, jnp.sqrt(jnp.where(product > 0, product, 1)), 0))
    paid = jnp.sum(weights * scale)
    return jnp.where(paid > 0, 1 - least / jnp.where(paid > 0, paid, 1), 1.0)
