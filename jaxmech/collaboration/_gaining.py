"""Who can pay less than alone, where errors count differently for every agent. Pure kernels.

At what everybody collects alone, whoever wants a distribution of which others collect something gains; whoever gains
can collect a little more for the others. Where every distribution is wanted by one agent alone there is barter left:
for i, one more point of her distribution k is worth g_ik; j asks a_jk for it, what the money would bring her. Around
i, j, …, i everybody gains something if Π a/g < 1. If no round has that product nobody does, in whatever exchange: by
duality there are weights v with v_i g_ik <= v_j a_jk, for which what all collect alone is the best for all together.
Who cannot gain works alone in whatever leaves nobody worse off; with her row no amounts are inside all rows. If
everybody can work alone, nobody else wants what she collects, so that the others' program is one without her; who
cannot sample what she wants may live on it.
"""

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Amounts, Array, Bool, Support
from jaxmech.collaboration._problem import Problem, unlimited_alone
from jaxmech.mechanism import of_others


def gaining(problem: Problem, ready: Bool[Array, " agents"] | bool = False) -> Bool[Array, " agents"]:
    """Return who can pay less than alone in a problem without most, least and budget.

    Args:
        problem: the problem.
        ready: who accepts to pay more than alone.

    Source: this package.
    """
    able = problem.costs != jnp.inf
    worth = jnp.broadcast_to(problem.error, able.shape)
    return who_gains(worth, jnp.where(worth > 0, unlimited_alone(problem), 0.0), problem.costs, able, ready)


def who_gains(
    worth: Amounts, alone: Amounts, asked: Amounts, spare: Support, ready: Bool[Array, " agents"] | bool = False
) -> Bool[Array, " agents"]:
    """Return who can pay less than alone, up to rounding, while nobody pays more.

    Args:
        worth: σ²price, (agents, distributions); 0 where an agent does not want it.
        alone: what each collects alone.
        asked: a, what one more point costs its collector, money that she has to save elsewhere at what it brings there;
            ∞ where she can collect no more.
        spare: who of those that gain could collect some more, by distribution, whatever it costs.
        ready: who need not gain to do so.

    Source: this package; Farkas' lemma for weights, Floyd and Warshall for rounds.
    """
    worth, alone, asked = map(jax.lax.stop_gradient, (worth, alone, asked))
    wanted = worth > 0
    given = of_others((alone > 0).astype(alone.dtype)) > 0
    gains = jnp.any(wanted & given, axis=1)

    def spread(_: Array, found: Array) -> Array:
        offers = (spare & (found | ready)[:, None]).astype(alone.dtype)
        return found | jnp.any(wanted & (of_others(offers) > 0), axis=1)

    def closed(found: Array) -> Array:
        settled: Array = jax.lax.fori_loop(0, len(worth), spread, found)
        return settled

    gains = closed(gains)
    barter = jax.lax.cond(jnp.all(gains), jnp.zeros_like, lambda _: _in_a_round(worth, alone, asked), gains)
    return closed(gains | barter)


def _in_a_round(worth: Amounts, alone: Amounts, asked: Amounts) -> Bool[Array, " agents"]:
    """Who is part of a round of exchanges with Π a/g < 1: a negative cycle of the logarithms."""
    wanted = (worth > 0) & (alone > 0)
    logs = jnp.where(wanted, jnp.log(jnp.where(wanted, worth / jnp.where(wanted, alone, 1.0) ** 2, 1.0)), -jnp.inf)
    prices = jnp.log(asked)
    m, d = worth.shape
    nothing = jnp.full((m, m), jnp.inf, worth.dtype)

    def nearer(k: Array, least: Array) -> Array:
        return jnp.minimum(least, jnp.where(wanted[:, k, None], prices[None, :, k] - logs[:, k, None], jnp.inf))

    least = jax.lax.fori_loop(0, d, nearer, nothing)
    lowest = -1e4  # of a logarithm: around a negative cycle ways would shorten without end

    def through(j: Array, least: Array) -> Array:
        return jnp.maximum(jnp.minimum(least, least[:, j, None] + least[None, j]), lowest)

    ways = jax.lax.fori_loop(0, m, through, jnp.where(jnp.eye(m, dtype=bool), jnp.inf, least))
    return jnp.diagonal(ways) < -tolerances(worth.dtype).optimality
