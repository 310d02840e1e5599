"""Kernel: the best response of one agent, all stages in one program, of mechanism, stakes and random numbers."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._pytree import indexable
from jaxmech._types import Array
from jaxmech.deviation._descent import descend, judge
from jaxmech.deviation._draws import Draws
from jaxmech.deviation._families import Candidate, Sketches, candidates, families_for, picked, starts_for
from jaxmech.deviation._limits import within
from jaxmech.deviation._loss import Losses
from jaxmech.deviation._scan import scan
from jaxmech.deviation._settings import SearchSettings
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Stakes, only_whole_points

_TIED = 1e-2
"""Strategies are equally good that differ by less than this part of what the best one gains."""

SCANNED = -1
"""The place of a strategy that came out of the scan of answers."""


class Randomness(NamedTuple):
    """All random numbers of a search, made outside of it.

    Attributes:
        first: common random numbers of the first stage, and
        second: of the second, and
        scanned: for the submissions of the scan, and
        check: those that choose the winner, and
        fresh: those that judge her, several sets on a leading axis.
        probes: keys, for the probes of the scan.
        sketches: first weights of networks; of several agents on a leading axis.
    """

    first: Draws
    second: Draws
    scanned: Draws
    check: Draws
    fresh: Draws
    probes: Array
    sketches: Sketches


class Response(NamedTuple):
    """What was found for one agent; fields as in :class:`BestResponse`.

    Attributes:
        honest: what she pays if she complies.
        penalty: what she pays with the best strategy.
        gain: the difference.
        standard_error: of the gain.
        honest_error: of the honest penalty.
        deviation: the strategy.
        start: (distributions,) places among the starts that it comes from, or ``SCANNED``.
    """

    honest: Array
    penalty: Array
    gain: Array
    standard_error: Array
    honest_error: Array
    deviation: Deviation
    start: Array


def search(
    mechanism: Any, settings: SearchSettings, stakes: Stakes, agent: int | Array, randomness: Randomness
) -> Response:
    """Search for the best response of one agent: a pure function, see :func:`best_responses` for what it does.

    It jits, and batches over agents, mechanisms of one class, stakes and random numbers. The winner is chosen by
    comparisons, so that it has no derivative; that of her penalty is :func:`penalty`'s, by the envelope theorem.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism`; to batch it, a pytree.
        settings: how widely to search, static.
        stakes: costs, standard deviations and prices.
        agent: her index.
        randomness: all random numbers, with the sketches of this agent.

    Returns:
        The record of one agent.

    Source: RegretNet's search (Dütting et al. 2019) made for data, with several starts and a fresh verdict.

    Example:
        >>> from jaxmech import collaboration, deviation
        >>> problem = collaboration.Problem([[0.01]] * 4, 1.0)
        >>> plan = collaboration.solve(problem, division="social", mechanism="pool").value
        >>> pool, stakes = collaboration.mechanism(problem, plan), Stakes.of(problem)
        >>> quick = SearchSettings(draws=16, steps=2, polish_draws=16, polish_steps=2, batches=4, batch=64)
        >>> numbers = deviation.spread_randomness(jax.random.key(0), 1, 1, quick)
        >>> run = jax.jit(jax.vmap(lambda i: search(pool, quick, stakes, i, numbers).gain))
        >>> bool(jnp.all(run(jnp.arange(4)) > 0.03))
        True
    """
    mechanism, stakes = indexable(mechanism), indexable(stakes)
    who, guesses = jnp.asarray(agent), jnp.asarray(settings.guesses, stakes.costs.dtype)
    stakes = stakes.of_agent(who)
    unit = unit_of(mechanism, stakes, who)
    point = jnp.ones_like(unit) if stakes.precision is None else stakes.precision[who]
    starts = _possible(mechanism, candidates(unit, jnp.isfinite(stakes.costs[who]), randomness.sketches), point)
    shared = (mechanism, stakes, who)
    found, least = descend(*shared, starts, randomness.first, guesses, settings.steps, settings.rate)
    places = _finalists(least, settings.polished)
    polished, _ = descend(
        *shared, picked(found, places), randomness.second, guesses, settings.polish_steps, settings.polish_rate
    )
    scanned = scan(*shared, unit, randomness.probes, randomness.scanned, guesses)
    scanned = _possible(mechanism, scanned, point)
    affordable = jax.vmap(lambda one: within(stakes, who, one))(scanned.deviation)
    scanned = dataclasses.replace(scanned, deviation=affordable)
    both = jax.tree.map(_stacked, polished.deviation, scanned.deviation)
    truth = honest(mechanism, stakes, who)
    tried = jax.tree.map(lambda some, one: jnp.concatenate([some, one[None]]), both, truth)
    checked = judge(*shared, tried, randomness.check, settings.means)
    paid = jnp.sum(jnp.max(checked.parts, axis=1), axis=-1) - jnp.min(checked.payment, axis=1)
    best = gentlest(jnp.where(jnp.isnan(paid), jnp.inf, paid), both)
    came_from = jnp.concatenate([places, jnp.full((len(scanned.guesses), len(unit)), SCANNED)])
    winner: Deviation = jax.tree.map(lambda leaf: leaf[best], both)
    pair = jax.tree.map(lambda *leaves: jnp.stack(leaves), truth, winner)
    judged = jax.lax.map(lambda draws: judge(*shared, pair, draws, settings.means), randomness.fresh)
    return verdict(judged, winner)._replace(start=came_from[best])


def honest(mechanism: Any, stakes: Stakes, agent: int | Array) -> Deviation:
    """Return what the mechanism asks of an agent, as a strategy.

    Args:
        mechanism: the mechanism.
        stakes: costs, standard deviations and prices.
        agent: her index.

    Source: Clinton et al. 2025, section 2: collect what is recommended, submit it, accept the estimate.
    """
    asked = jnp.asarray(mechanism.recommended.samples, stakes.costs.dtype)[agent]
    truth = Deviation.truth(unit_of(mechanism, stakes, agent))
    does = jnp.where(asked > 0, 1.0, 0.0).astype(asked.dtype)
    return dataclasses.replace(truth, collects=does, submits=does)


def unit_of(mechanism: Any, stakes: Stakes, agent: int | Array) -> Array:
    """Return what is recommended to her, or else what she would collect alone, or else one point, per distribution."""
    asked = jnp.asarray(mechanism.recommended.samples, stakes.costs.dtype)[agent]
    own = stakes.sigma * jnp.sqrt(stakes.of_agent(agent).price / stakes.costs[agent])
    return jnp.where(asked > 0, asked, jnp.where(own > 0, own, 1.0))


def gentlest(paid: Array, deviation: Deviation) -> Array:
    """Return which of the strategies that are best for her, and equally good, invents least.

    Args:
        paid: (candidates + 1,), the last one being the truth, which is compared with and not chosen.
        deviation: (candidates,) strategies.
    """
    others = paid[:-1]
    least = jnp.min(others)
    gain = jnp.maximum(paid[-1] - least, 0.0)
    tied = others <= least + _TIED * jnp.where(jnp.isfinite(gain), gain, 0.0)
    return jnp.argmin(jnp.where(tied, jax.vmap(_invented)(deviation), jnp.inf))


def _invented(deviation: Deviation) -> Array:
    """What is added to her mean, and points that were never collected, in units of what is recommended."""
    pretended = jnp.maximum(deviation.submitted - deviation.samples, 0.0) / deviation.unit
    return jnp.sum(jnp.abs(deviation.submits * deviation.offset) + pretended)


def _possible(mechanism: Any, found: Candidate, point: Array) -> Candidate:
    """The strategies that there are, where points are whole, of which one counts so much."""
    if not only_whole_points(mechanism):
        return found

    def whole(one: Deviation) -> Deviation:
        return dataclasses.replace(one, whole=point.astype(one.whole.dtype))

    return dataclasses.replace(found, deviation=jax.vmap(whole)(found.deviation))


def _finalists(least: Array, count: int) -> Array:
    """The best start of each family, the best of these, and the best of each distribution put together.

    Args:
        least: (starts, distributions) what they cost.
        count: how many of the best.

    Returns:
        (finalists, distributions) places of starts.
    """
    totals = jnp.sum(least, axis=-1)
    d = least.shape[-1]
    member = np.array([[start.family == family for start in starts_for(d)] for family in families_for(d)])
    by_family = jnp.where(member, totals, jnp.inf)
    order = jnp.argsort(jnp.min(by_family, axis=1), stable=True)[:count]
    first = jnp.argmin(by_family, axis=1)[order]
    chosen = jnp.repeat(first[:, None], least.shape[-1], axis=1)
    if least.shape[-1] == 1:
        return chosen
    return jnp.concatenate([chosen, jnp.argmin(least, axis=0)[None]])


def verdict(judged: Losses, winner: Deviation) -> Response:
    """Compare honesty and the best strategy found, draw by draw, at the true means that are worst for each.

    Args:
        judged: losses of both, averaged by batch: parts (batches, 2, means, distributions).
        winner: the strategy.
    """
    # At the true means that are worst on average over all batches.
    hardest = jnp.argmax(jnp.mean(judged.parts, axis=0), axis=1)
    worst = jnp.sum(jnp.take_along_axis(judged.parts, hardest[None, :, None], axis=2)[:, :, 0], axis=-1)
    poorest = jnp.argmin(jnp.mean(judged.payment, axis=0), axis=1)
    paid = worst - jnp.take_along_axis(judged.payment, poorest[None, :, None], axis=2)[..., 0]
    gain = paid[:, 0] - paid[:, 1]

    def error(values: Array) -> Array:
        return jnp.std(values, ddof=1) / jnp.sqrt(len(values))

    means = jnp.mean(paid, axis=0)
    nowhere = jnp.full(winner.unit.shape, SCANNED)
    return Response(means[0], means[1], jnp.mean(gain), error(gain), error(paid[:, 0]), winner, nowhere)


def _stacked(one: Array, two: Array) -> Array:
    return jnp.concatenate([one, two])
