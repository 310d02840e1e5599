"""Kernel: descent from many places, and losses at many true means."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jaxmech._extremes import highest, lowest
from jaxmech._types import Array
from jaxmech.deviation._draws import Draws, PointDraws
from jaxmech.deviation._families import Candidate, moved_for
from jaxmech.deviation._limits import within
from jaxmech.deviation._loss import Losses, average_loss, far_apart, losses
from jaxmech.deviation._pieces import in_pieces
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Stakes


def descend(
    mechanism: Any,
    stakes: Stakes,
    agent: Array,
    starts: Candidate,
    draws: Draws,
    guesses: Array,
    steps: int,
    rate: float,
) -> tuple[Candidate, Array]:
    """Run Adam from every start of one agent; of each path the best point is kept.

    Args:
        mechanism: see :class:`~jaxmech.mechanism.Mechanism`.
        stakes: costs, standard deviations and prices.
        agent: her index.
        starts: (places,) candidates.
        draws: common random numbers.
        guesses: true means in σ, among which the adversary chooses.
        steps: how many.
        rate: first step length; it falls to 0 as a cosine.

    Returns:
        The best point of every path, and what it costs by distribution, (places, distributions).
    """
    import optax  # takes as long to import as all the rest

    optimiser = optax.adam(optax.cosine_decay_schedule(1.0, steps), eps=1e-30)

    def one(start: Candidate) -> tuple[Deviation, Array]:
        # One vector of all that some start may move: a program for each field would take twice as long to compile.
        first, rebuilt = ravel_pytree(_free(start.deviation))
        free = ravel_pytree(_free(start.free))[0]

        def objective(moved: dict[str, Any]) -> tuple[Array, Array]:
            possible = within(stakes, agent, dataclasses.replace(start.deviation, **moved))
            return _adversarial(mechanism, stakes, agent, possible, start.guesses, draws, guesses)

        def step(state: Any, _: None) -> tuple[Any, None]:
            here, memory, best, least, best_parts = state
            (value, parts), slopes = jax.value_and_grad(objective, has_aux=True)(rebuilt(here))
            better = value < least
            best, best_parts = jnp.where(better, here, best), jnp.where(better, parts, best_parts)
            slope = ravel_pytree(slopes)[0]
            # Where a slope is not finite there is nothing to follow.
            update, memory = optimiser.update(jnp.where(jnp.isfinite(slope), slope, 0.0) * free, memory)
            return (here + rate * update, memory, best, jnp.where(better, value, least), best_parts), None

        unknown = jnp.full_like(start.deviation.unit, jnp.inf)
        begin = (first, optimiser.init(first), first, jnp.sum(unknown), unknown)
        (_, _, best, _, parts), _ = jax.lax.scan(step, begin, None, length=steps)
        return within(stakes, agent, dataclasses.replace(start.deviation, **rebuilt(best))), parts

    best, parts = in_pieces(jax.vmap(one), starts)
    return dataclasses.replace(starts, deviation=best), parts


def _free(deviation: Deviation) -> dict[str, Any]:
    """The fields that some start may move."""
    return {name: getattr(deviation, name) for name in sorted(moved_for(len(deviation.unit)))}


def judge(
    mechanism: Any,
    stakes: Stakes,
    agent: Array,
    strategies: Deviation,
    draws: Draws | PointDraws,
    means: tuple[float, ...],
) -> Losses:
    """Return average losses of (places,) strategies of one agent at several true means.

    Args:
        mechanism: see :class:`~jaxmech.mechanism.Mechanism`.
        stakes: costs, standard deviations and prices.
        agent: her index.
        strategies: on a leading axis.
        draws: common random numbers.
        means: true means in σ.

    Returns:
        Parts (places, means, distributions) and payments (places, means).
    """
    places = jnp.asarray(means, stakes.costs.dtype)

    def one(strategy: Deviation) -> Losses:
        return jax.vmap(lambda place: average_loss(mechanism, stakes, agent, strategy, draws, place))(places)

    judged: Losses = jax.lax.map(one, strategies)
    return judged


def _adversarial(
    mechanism: Any, stakes: Stakes, agent: Array, deviation: Deviation, guess: Array, draws: Draws, means: Array
) -> tuple[Array, Array]:
    """Average loss; where a strategy rests on a guess, at the true mean that is worst for it.

    Each draw has one true mean, in turn: strategies that move with the data do not notice, and use all draws.
    """
    count = len(draws.own)
    turn = jnp.arange(count) % len(means)
    rows = losses(mechanism, stakes, agent, deviation, draws, far_apart(means[turn], stakes), corrected=False)
    member = (turn == jnp.arange(len(means))[:, None]).astype(rows.parts.dtype)
    member = member / jnp.sum(member, axis=1, keepdims=True)
    hardest, poorest = highest(member @ rows.parts, 0), lowest(member @ rows.payment)
    parts = jnp.where(guess, hardest, jnp.mean(rows.parts, axis=0))
    payment = jnp.where(guess, poorest, jnp.mean(rows.payment))
    # A payment belongs to no distribution: shared out evenly, it keeps sums right.
    return jnp.sum(parts) - payment, parts - payment / parts.shape[0]
