"""What a strategy costs one agent while the others are honest, averaged over common random numbers."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.deviation._data_sets import DataSetDeviation
from jaxmech.deviation._draws import Draws, PointDraws
from jaxmech.deviation._estimate import Estimate
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Information, Separate, Settling, Stakes, Statistics, Submission, answers_alone, settled

_IGNORANCE = 1e6
"""Squared error of an agent who has nothing to estimate from, in σ²: a mean anywhere is as bad as we like to say."""

_GOLDEN = (5**0.5 - 1) / 2

_FIELDS = tuple(field.name for field in dataclasses.fields(Information))


class Losses(NamedTuple):
    """What a strategy costs, draw by draw.

    Attributes:
        parts: (draws, distributions), priced squared error and cost of collecting.
        payment: (draws,), what the mechanism pays.
    """

    parts: Array
    payment: Array


class Exchange(NamedTuple):
    """What one agent saw, handed in and got back in one draw, and what she could not see.

    Attributes:
        seen: mean of what she collected.
        submitted: what she handed in, one row.
        answer: what she got back, one row.
        noisy_mean: mean of the noisy points: the one that came back, or its expectation.
        noise: variance around it that is averaged over, 0 where it came back.
    """

    seen: Array
    submitted: Statistics
    answer: Information
    noisy_mean: Array
    noise: Array


def losses(
    mechanism: Any,
    stakes: Stakes,
    agent: Array,
    deviation: Deviation,
    draws: Draws | PointDraws,
    means: Array,
    corrected: bool = True,
) -> Losses:
    """Return the loss of one agent's strategy for every draw, the others being honest.

    Where the mechanism answers one agent alone (:class:`~jaxmech.mechanism.Separate`), the noisy mean is averaged over
    exactly: the estimate is linear in it.

    Args:
        mechanism: see :class:`~jaxmech.mechanism.Mechanism`.
        stakes: costs, standard deviations and prices.
        agent: her index.
        deviation: what she does.
        draws: common random numbers.
        means: (draws,) or (draws, distributions), true means in units of σ.
        corrected: False where the strategy is known to have no fitted weights: there is less to differentiate.
    """
    stakes = stakes.of_agent(agent)
    variance = stakes.sigma**2

    def one(row: Draws | PointDraws, place: Array) -> tuple[Array, Array]:
        got = exchange(mechanism, stakes, agent, deviation, row, place * stakes.sigma)
        told = (got.seen, got.submitted, got.answer, variance)
        estimate = deviation.estimate(*told) if corrected else deviation.weigh(*told)[0]
        return _error(estimate, place * stakes.sigma, got.noisy_mean, got.noise, stakes), got.answer.payment[0]

    error, payment = jax.vmap(one)(draws, means)
    cost = collecting(stakes, agent, deviation)
    return Losses(stakes.price * error + cost, payment)


def exchange(
    mechanism: Any, stakes: Stakes, agent: Array, deviation: Deviation, row: Draws | PointDraws, mean: Array
) -> Exchange:
    """Return what one agent sees, submits and gets back in one draw; arguments as in :func:`losses`."""
    if isinstance(row, PointDraws):
        return _in_points(mechanism, stakes, agent, deviation, row, mean)
    once = _separately if answers_alone(mechanism) else _together
    return once(mechanism, stakes, agent, deviation, row, mean)


def collecting(stakes: Stakes, agent: Array, deviation: Deviation) -> Array:
    """What she pays for her points, per distribution."""
    return stakes.spent(jnp.broadcast_to(deviation.samples, stakes.costs.shape))[agent]


def average_loss(
    mechanism: Any, stakes: Stakes, agent: Array, deviation: Deviation, draws: Draws | PointDraws, place: Array
) -> Losses:
    """Return :func:`losses` averaged over the draws, at true means :func:`far_apart` of ``place``, in units of σ."""
    places = far_apart(jnp.broadcast_to(place, draws.own.shape[:1]), stakes)
    rows = losses(mechanism, stakes, agent, deviation, draws, places)
    return Losses(jnp.mean(rows.parts, axis=0), jnp.mean(rows.payment))


def far_apart(places: Array, stakes: Stakes) -> Array:
    """Return true means of every distribution that have nothing to do with each other, (..., distributions).

    A guess of one true mean must not be good for another, or who copies one column for another would know it. The
    first is at ``places``; the others are at multiples between 1 and 2, with alternating signs, no two of them alike.

    Args:
        places: in σ.
        stakes: says how many distributions there are.
    """
    k = np.arange(len(stakes.sigma))
    multiples = (-1.0) ** k * (1 + (k * _GOLDEN) % 1)
    return places[..., None] * jnp.asarray(multiples, places.dtype)


def squared_error(estimates: Array, truth: Array, stakes: Stakes) -> Array:
    """Return squared errors; very large ones where an estimate is NaN, 0 where errors have no price."""
    known = ~jnp.isnan(estimates)
    return or_ignorance((jnp.where(known, estimates, truth) - truth) ** 2, known, stakes)


def agent_row(information: Information, agent: Array | int) -> Information:
    """Return what one agent got back, in one row."""
    told = {name: getattr(information, name, None) for name in _FIELDS}
    return Information(**{name: jnp.asarray(field)[agent][None] for name, field in told.items() if field is not None})


def senders(mechanism: Any) -> int:
    """How many means of others a draw needs: one where the mechanism answers one agent alone."""
    return 1 if answers_alone(mechanism) else int(np.shape(mechanism.recommended.samples)[0])


def _separately(
    mechanism: Separate | Settling, stakes: Stakes, agent: Array, deviation: Deviation, row: Draws, mean: Array
) -> Exchange:
    alone = settled(mechanism, agent, row.keys)
    seen = mean_of(deviation.samples, mean, stakes.sigma, row.own)
    submitted = deviation.submit(seen, row.private, stakes.sigma)
    others = mean_of(alone.clean_others[agent], mean, stakes.sigma, row.others[0])
    answer = alone.respond_to(agent, submitted, others[None])
    noisy = answer.noisy_count[0] > 0
    noise = jnp.where(noisy, answer.noisy_variance[0], 0.0) / jnp.where(noisy, answer.noisy_count[0], 1.0)
    return Exchange(seen, submitted, answer, mean, noise)


def _together(mechanism: Any, stakes: Stakes, agent: Array, deviation: Deviation, row: Draws, mean: Array) -> Exchange:
    recommended = jnp.asarray(mechanism.recommended.samples, mean.dtype)
    seen = mean_of(deviation.samples, mean, stakes.sigma, row.own)
    submitted = deviation.submit(seen, row.private, stakes.sigma)
    honest = mean_of(recommended, mean, stakes.sigma, row.others)
    everything = Statistics(recommended.at[agent].set(submitted.count[0]), honest.at[agent].set(submitted.mean[0]))
    hers = agent_row(mechanism.respond(everything, row.keys), agent)
    return Exchange(seen, submitted, hers, hers.noisy_mean[0], jnp.zeros_like(mean))


def _in_points(
    mechanism: Any, stakes: Stakes, agent: Array, deviation: Deviation, row: PointDraws, mean: Array
) -> Exchange:
    """The same on whole data sets, in whole numbers of points."""
    hers = deviation if isinstance(deviation, DataSetDeviation) else DataSetDeviation.of(deviation)
    places = jnp.arange(row.own.shape[-1])
    collected, sigma = hers.samples, stakes.sigma[:, None]
    own = mean[:, None] + sigma * row.own
    there = places < collected[:, None]
    seen = jnp.sum(jnp.where(there, own, 0.0), axis=-1) / jnp.maximum(collected, 1.0)
    told = hers.submit(seen, row.private, stakes.sigma)
    points, mask = hers.hand_in(own, collected, told, row.invented, stakes.sigma)
    filled = places < jnp.round(jnp.asarray(mechanism.recommended.samples, mean.dtype))[..., None]
    everybody = jnp.where(filled, mean[:, None] + sigma * row.others, 0.0)
    data = Submission(everybody.at[agent].set(points), filled.at[agent].set(mask))
    answer = agent_row(mechanism.respond(data, row.keys), agent)
    count = jnp.sum(mask, axis=-1).astype(mean.dtype)
    submitted = Statistics(count[None], (jnp.sum(points, axis=-1) / jnp.maximum(count, 1.0))[None])
    return Exchange(seen, submitted, answer, answer.noisy_mean[0], jnp.zeros_like(mean))


def mean_of(count: Array, mean: Array, sigma: Array, normal: Array) -> Array:
    """Return the mean of so many points; 0 where there are none.

    Args:
        count: how many.
        mean: the true one.
        sigma: standard deviation of a point.
        normal: a standard normal number.
    """
    some = count > 0
    return jnp.where(some, mean + sigma / jnp.sqrt(jnp.where(some, count, 1.0)) * normal, 0.0)


def _error(estimate: Estimate, mean: Array, noisy_mean: Array, noise: Array, stakes: Stakes) -> Array:
    error = estimate.squared_error(mean, noisy_mean, noise)
    return or_ignorance(error, estimate.known, stakes)


def or_ignorance(error: Array, known: Array, stakes: Stakes) -> Array:
    """Squared error, and a very large one for who has nothing to estimate from; 0 where it has no price."""
    error = jnp.where(known, error, _IGNORANCE * stakes.sigma**2)
    return jnp.where(stakes.price > 0, error, 0.0)
