"""The compiled stages of a search: descent from many places, fits, probes, and losses at many true means."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.deviation._compiled import compiled
from jaxmech.deviation._draws import Draws
from jaxmech.deviation._families import Candidate
from jaxmech.deviation._fit import fitted
from jaxmech.deviation._loss import Losses, average_loss, losses
from jaxmech.deviation._probe import Probes, Told, probe
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Stakes

_AT_ONCE = 32
"""Strategies in one compiled call: few enough to fit the cache, several calls at a time on several cores."""
_PROBES_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True)
class SearchSettings:
    """How widely to search: one setting for all mechanisms.

    Attributes:
        draws: common random numbers in the first stage.
        steps: of Adam, from every start.
        rate: its first step length; it falls to 0 as a cosine.
        polished: how many families of each agent go on to the second stage.
        polish_draws: common random numbers there.
        polish_steps: steps there.
        polish_rate: step length there.
        scan_draws: common random numbers for every submission that the scan of answers proposes.
        batches: independent sets of draws for the final verdict.
        batch: draws in each.
        guesses: true means among which the adversary chooses during the search, in σ.
        means: and in the final verdict.
        errors: width of the confidence interval in standard errors; 4.1 is 99.9 % of Student's law with 15 degrees.
    """

    draws: int = 128
    steps: int = 60
    rate: float = 0.15
    polished: int = 4
    polish_draws: int = 4096
    polish_steps: int = 40
    polish_rate: float = 0.03
    scan_draws: int = 1024
    batches: int = 16
    batch: int = 16384
    guesses: tuple[float, ...] = (0.0, 3.0, -30.0)
    means: tuple[float, ...] = (0.0, -10.0, 1000.0)
    errors: float = 4.1


@dataclasses.dataclass(frozen=True)
class Search:
    """What all stages share."""

    mechanism: Any
    stakes: Stakes
    settings: SearchSettings
    programs: dict[Any, Callable[..., Any]] = dataclasses.field(default_factory=dict)

    def improve(
        self, who: Sequence[int], pool: Candidate, draws: Draws, steps: int, rate: float
    ) -> tuple[Candidate, np.ndarray]:
        """Run Adam from every place of every agent.

        Args:
            who: agents.
            pool: (agents, places) candidates.
            draws: common random numbers.
            steps: how many.
            rate: first step length.

        Returns:
            The best point of every path, and what it costs by distribution, (agents, places, distributions).
        """
        guesses = jnp.asarray(self.settings.guesses)
        descend = self._compiled(_descend, steps)

        def run(agents: Array, starts: Candidate) -> tuple[Deviation, Array]:
            improved: tuple[Deviation, Array] = descend(self.stakes, agents, starts, draws, guesses, rate)
            return improved

        best, parts = _in_pieces(run, who, pool)
        return dataclasses.replace(pool, deviation=best), parts

    def judge(self, who: Sequence[int], deviation: Deviation, draws: Draws) -> Losses:
        """Return the average losses of (agents, places) strategies at every true mean of the settings.

        Returns:
            Parts (agents, places, means, distributions) and payments (agents, places, means).
        """
        means = jnp.asarray(self.settings.means)
        measure = self._compiled(_measure)

        def run(agents: Array, strategies: Deviation) -> Losses:
            measured: Losses = measure(self.stakes, agents, strategies, draws, means)
            return measured

        found: Losses = _in_pieces(run, who, deviation, at_once=4)
        return found

    def fit(self, who: Sequence[int], pool: Candidate, draws: Draws) -> tuple[Deviation, np.ndarray]:
        """Return (agents, places) strategies with fitted estimates, and what they cost by distribution."""
        guesses = jnp.asarray(self.settings.guesses)
        fit = self._compiled(fitted)

        def run(agents: Array, candidates: Candidate) -> tuple[Deviation, Array]:
            found: tuple[Deviation, Array] = fit(self.stakes, agents, candidates, draws, guesses)
            return found

        done: tuple[Deviation, np.ndarray] = _in_pieces(run, who, pool)
        return done

    def probe(self, who: Sequence[int], probes: Probes, keys: Array) -> Told:
        """Return the answers to (agents, places) submissions."""
        ask = self._compiled(probe)

        def run(agents: Array, some: Probes) -> Told:
            told: Told = ask(self.stakes, agents, some, keys)
            return told

        answers: Told = _in_pieces(run, who, probes, at_once=_PROBES_AT_ONCE)
        return answers

    def _compiled(self, function: Callable[..., Any], *static: Any) -> Callable[..., Any]:
        """The same compiled function in all calls of one search: a plain class is traced once."""
        key = (function, static)
        if key not in self.programs:
            self.programs[key] = compiled(function, self.mechanism, *static)
        return self.programs[key]


def _in_pieces(run: Callable[..., Any], who: Sequence[int], tree: Any, at_once: int = _AT_ONCE) -> Any:
    """Apply ``run`` to all (agents, places) in pieces of one size, the last one filled up with copies."""
    places = jax.tree.leaves(tree)[0].shape[1]
    agents = np.repeat(np.asarray(who), places)
    flat = jax.tree.map(lambda leaf: np.asarray(leaf).reshape(-1, *leaf.shape[2:]), tree)
    pieces = [np.minimum(np.arange(i, i + at_once), len(agents) - 1) for i in range(0, len(agents), at_once)]

    precise = bool(jnp.result_type(float) == jnp.float64)

    def one(rows: np.ndarray) -> Any:
        # The context manager of a caller who asked for float64 does not reach other threads.
        with jax.enable_x64(precise):
            return jax.device_get(run(jnp.asarray(agents[rows]), jax.tree.map(lambda leaf: leaf[rows], flat)))

    done = [one(pieces[0])]  # compiles, so alone
    with ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1))) as workers:
        done += workers.map(one, pieces[1:])

    def join(*leaves: np.ndarray) -> np.ndarray:
        return np.concatenate(leaves)[: len(agents)].reshape(len(who), places, *leaves[0].shape[1:])

    return jax.tree.map(join, *done)


def _descend(
    mechanism: Any,
    steps: int,
    stakes: Stakes,
    agents: Array,
    starts: Candidate,
    draws: Draws,
    guesses: Array,
    rate: Array,
) -> tuple[Deviation, Array]:
    """Adam from every start; of each path the best point is kept."""
    import optax  # takes as long to import as all the rest

    optimiser = optax.adam(optax.cosine_decay_schedule(1.0, steps), eps=1e-30)

    def one(agent: Array, start: Candidate) -> tuple[Deviation, Array]:
        def objective(deviation: Deviation) -> tuple[Array, Array]:
            return _adversarial(mechanism, stakes, agent, deviation, start.guesses, draws, guesses)

        def step(state: Any, _: None) -> tuple[Any, None]:
            here, memory, best, least, best_parts = state
            (value, parts), slope = jax.value_and_grad(objective, has_aux=True)(here)
            better = value < least
            best, best_parts = jax.tree.map(
                lambda new, old: jnp.where(better, new, old), (here, parts), (best, best_parts)
            )
            # Where a slope is not finite there is nothing to follow.
            slope = jax.tree.map(lambda g, free: jnp.where(jnp.isfinite(g), g, 0.0) * free, slope, start.free)
            update, memory = optimiser.update(slope, memory)
            here = jax.tree.map(lambda leaf, change: leaf + rate * change, here, update)
            return (here, memory, best, jnp.where(better, value, least), best_parts), None

        first = start.deviation
        unknown = jnp.full_like(first.unit, jnp.inf)
        begin = (first, optimiser.init(first), first, jnp.sum(unknown), unknown)
        (_, _, best, _, parts), _ = jax.lax.scan(step, begin, None, length=steps)
        return best, parts

    improved: tuple[Deviation, Array] = jax.vmap(one)(agents, starts)
    return improved


def _adversarial(
    mechanism: Any, stakes: Stakes, agent: Array, deviation: Deviation, guess: Array, draws: Draws, means: Array
) -> tuple[Array, Array]:
    """Average loss; where a strategy rests on a guess, at the true mean that is worst for it.

    Each draw has one true mean, in turn: strategies that move with the data do not notice, and use all draws.
    """
    count = len(draws.own)
    turn = jnp.arange(count) % len(means)
    rows = losses(mechanism, stakes, agent, deviation, draws, means[turn], corrected=False)
    member = (turn == jnp.arange(len(means))[:, None]).astype(rows.parts.dtype)
    member = member / jnp.sum(member, axis=1, keepdims=True)
    hardest, poorest = jnp.max(member @ rows.parts, axis=0), jnp.min(member @ rows.payment)
    parts = jnp.where(guess, hardest, jnp.mean(rows.parts, axis=0))
    payment = jnp.where(guess, poorest, jnp.mean(rows.payment))
    # A payment belongs to no distribution: shared out evenly, it keeps sums right.
    return jnp.sum(parts) - payment, parts - payment / parts.shape[0]


def _measure(
    mechanism: Any, stakes: Stakes, agents: Array, strategies: Deviation, draws: Draws, means: Array
) -> Losses:
    def one(agent: Array, strategy: Deviation) -> Losses:
        return jax.vmap(lambda place: average_loss(mechanism, stakes, agent, strategy, draws, place))(means)

    measured: Losses = jax.vmap(one)(agents, strategies)
    return measured
