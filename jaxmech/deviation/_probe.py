"""Kernel: what one agent would be told for a submission, the others' data lying at 0."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Array
from jaxmech.deviation._loss import agent_row
from jaxmech.mechanism import Information, Separate, Settling, Stakes, Statistics, answers_alone, settled


class Probes(NamedTuple):
    """Submissions to try, the same for all agents, in units that are each agent's own.

    Attributes:
        counts: (probes, distributions) points.
        means: (probes, distributions) their means.
    """

    counts: Array
    means: Array


class Told(NamedTuple):
    """What came back, (probes, distributions), and the payment, (probes,).

    Attributes:
        clean: how many clean points.
        noisy: how many noisy points are worth, in clean ones, as told.
        measured: the same by how much their mean varies from key to key: all of them where it does not.
        payment: what is paid.
    """

    clean: Array
    noisy: Array
    measured: Array
    payment: Array


def probe(mechanism: Any, stakes: Stakes, agents: Array, probes: Probes, keys: Array) -> Told:
    """Return answers to (probes, ...) submissions, each by the agent who makes it.

    Args:
        mechanism: see :class:`~jaxmech.mechanism.Mechanism`.
        stakes: costs, standard deviations and prices.
        agents: (probes,) who asks.
        probes: what she submits.
        keys: several random keys, the same for all probes.
    """
    once = _separately if answers_alone(mechanism) else _together
    told: Told = jax.vmap(lambda agent, one: once(mechanism, stakes, agent, one, keys))(agents, probes)
    return told


def _separately(mechanism: Separate | Settling, stakes: Stakes, agent: Array, one: Probes, keys: Array) -> Told:
    alone = settled(mechanism, agent, keys[0])
    answer = alone.respond_to(agent, Statistics(one.counts[None], one.means[None]), jnp.zeros_like(one.means)[None])
    noisy = _worth(answer, stakes)[0]
    return Told(answer.clean_count[0], noisy, noisy, answer.payment[0])


def _together(mechanism: Any, stakes: Stakes, agent: Array, one: Probes, keys: Array) -> Told:
    asked = jnp.asarray(mechanism.recommended.samples, stakes.costs.dtype)
    counts = asked.at[agent].set(one.counts)
    everything = Statistics(counts, jnp.zeros_like(asked).at[agent].set(one.means))
    rows = jax.vmap(lambda key: agent_row(mechanism.respond(everything, key), agent))(keys)
    answer = jax.tree.map(lambda leaf: leaf[0], rows)
    noisy = _worth(answer, stakes)[0]
    variance = jnp.var(rows.noisy_mean[:, 0], axis=0, ddof=1)
    varies = variance > 0
    most = jnp.where(answer.noisy_count[0] > 0, answer.noisy_count[0], 0.0)
    measured = jnp.where(varies, jnp.minimum(stakes.sigma**2 / jnp.where(varies, variance, 1.0), most), most)
    return Told(answer.clean_count[0], noisy, measured, answer.payment[0])


def _worth(answer: Information, stakes: Stakes) -> Array:
    some = answer.noisy_count > 0
    told = jnp.where(some, answer.noisy_variance, 1.0)
    return jnp.where(some, answer.noisy_count * stakes.sigma**2 / told, 0.0)
