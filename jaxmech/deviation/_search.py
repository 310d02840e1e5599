"""The best response of one agent, searched: many starts, gradients on common random numbers, a fresh verdict."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Array
from jaxmech.deviation._descent import Search, SearchSettings
from jaxmech.deviation._draws import Draws, draw
from jaxmech.deviation._families import FAMILIES, STARTS, Candidate, candidates
from jaxmech.deviation._loss import senders
from jaxmech.deviation._scan import names as scan_names
from jaxmech.deviation._scan import probes_tried, scan
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Stakes, only_whole_points

_TIED = 1e-2
"""Strategies are equally good that differ by less than this part of what the best one gains."""


@pytree
@dataclasses.dataclass(frozen=True)
class BestResponse:
    """The most that a search found, agent by agent.

    Attributes:
        agents: their indices.
        honest: what each pays if she complies, by the same draws.
        penalty: what she pays with the best strategy found, for the true mean that is worst for it.
        gain: the difference, paired draw by draw; negative where nothing better than the truth was found.
        standard_error: of the gain.
        honest_error: standard error of the honest penalty.
        deviation: the strategies, on a leading axis.
        family: names of their families.
        settings: of the search.
    """

    agents: Array
    honest: Agents
    penalty: Agents
    gain: Agents
    standard_error: Agents
    honest_error: Agents
    deviation: Deviation
    family: tuple[str, ...] = dataclasses.field(metadata={"static": True})
    settings: SearchSettings = dataclasses.field(metadata={"static": True})

    @property
    def half_width(self) -> Agents:
        """Half of the confidence interval of the gain."""
        return self.settings.errors * self.standard_error

    @property
    def found(self) -> Agents:
        """Regret found: the gain where it is beyond its confidence interval, else 0."""
        # Two equal penalties differ by rounding.
        noise = 1e3 * tolerances(self.gain.dtype).eps * jnp.abs(self.honest)
        return jnp.where(self.gain > self.half_width + noise, self.gain, 0.0)

    @property
    def effort(self) -> str:
        """How widely was searched, in words."""
        chosen = self.settings
        return (
            f"{len(STARTS)} starts in {len(FAMILIES)} families, {chosen.steps} + {chosen.polish_steps} gradient steps, "
            f"a scan of the answers to {probes_tried():,} submissions, "
            f"{chosen.batches} × {chosen.batch:,} fresh draws at {len(chosen.means)} true means"
            + (", whole numbers of points only" if np.any(self.deviation.whole) else "")
        )


def best_response(
    mechanism: Any, agent: int, problem: Any, key: Array, settings: SearchSettings | None = None
) -> BestResponse:
    """Search for the best that one agent can do while the others are honest: a lower bound of her regret.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism` that reads counts and means.
        agent: her index.
        problem: anything with costs, sigma and price.
        key: random key.
        settings: how widely to search.

    Returns:
        The record of one agent.

    Raises:
        ProblemError: if there is no such agent.

    Example:
        >>> from jaxmech import collaboration
        >>> problem = collaboration.Problem([[0.01]] * 4, 1.0)
        >>> plan = collaboration.solve(problem, division="social", mechanism="pool").value
        >>> pool = collaboration.mechanism(problem, plan)
        >>> quick = SearchSettings(draws=16, steps=2, polish_draws=16, polish_steps=2, batches=4, batch=64)
        >>> found = best_response(pool, 0, problem, jax.random.key(0), quick)
        >>> bool(found.gain[0] > 0.3 * found.honest[0])
        True
    """
    return best_responses(mechanism, problem, key, [agent], settings)


def best_responses(
    mechanism: Any,
    problem: Any,
    key: Array,
    agents: Sequence[int] | None = None,
    settings: SearchSettings | None = None,
) -> BestResponse:
    """Search for the best response of several agents, each on her own, in the same compiled calls.

    Every family starts from several places; agents times starts are run as one batch of Adam on common random numbers.
    Strategies that rest on a guess face an adversary who chooses the true mean. The best of each agent, and what comes
    of taking the best start of each distribution, are polished on more draws. Beside them come the best submissions of
    a scan: the mechanism's answers are looked at over a grid of discrepancies (up to 1e5 σ, both signs) and counts
    (1e-8 to 1e3 times what is recommended, and whole numbers), one submission of every stretch between two jumps is
    tried with several amounts collected, and with the estimate that is linear in all that came back and fits best. The
    winner of all, chosen by other draws, is judged by fresh ones: however many were tried, one comparison is made.

    What is not searched: holes narrower than 3 % of the discrepancy or 6 % of the count, unless at a whole number up to
    100; holes that open only for several conditions at once beyond the few combinations walked along; submissions to
    one distribution that change the answer about another; more than one agent.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism` that reads counts and means.
        problem: anything with costs, sigma and price.
        key: random key.
        agents: their indices; all by default.
        settings: how widely to search.

    Raises:
        ProblemError: if there is no such agent.

    Source: RegretNet's search (Dütting et al. 2019) made for data, with several starts and a fresh verdict, since a
        plain gradient search underestimates regret.

    Example: see :func:`best_response`.
    """
    stakes, chosen = Stakes.of(problem), settings or SearchSettings()
    who = _indices(agents, stakes.costs.shape[0])
    start_key, first_key, second_key, check_key, fresh_key, scan_key = jax.random.split(key, 6)
    size = (senders(mechanism), stakes.costs.shape[1])
    search = Search(mechanism, stakes, chosen)
    found, least = search.improve(
        who, _begin(mechanism, stakes, who, start_key), draw(first_key, chosen.draws, *size), chosen.steps, chosen.rate
    )
    finalists, names = _finalists(found, least, chosen.polished)
    polished, _ = search.improve(
        who, finalists, draw(second_key, chosen.polish_draws, *size), chosen.polish_steps, chosen.polish_rate
    )
    scanned, found_names = _scanned(search, who, scan_key)
    names = [[*row, *more] for row, more in zip(names, found_names, strict=True)]
    polished = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), polished, scanned)
    tried = jax.tree.map(
        lambda some, truth: np.concatenate([some, truth[:, None]], axis=1), polished.deviation, _truths(search, who)
    )
    checked = search.judge(who, tried, draw(check_key, chosen.batch, *size))
    paid = checked.parts.max(axis=2).sum(axis=-1) - checked.payment.min(axis=2)
    best = _gentlest(np.where(np.isnan(paid), np.inf, paid), polished.deviation)
    winner = jax.tree.map(lambda leaf: leaf[np.arange(len(who)), best], polished.deviation)
    verdict = _verdict(search, who, winner, draw(fresh_key, chosen.batch, *size, batches=chosen.batches))
    return BestResponse(
        agents=jnp.asarray(who),
        honest=jnp.asarray(verdict.honest),
        penalty=jnp.asarray(verdict.penalty),
        gain=jnp.asarray(verdict.gain),
        standard_error=jnp.asarray(verdict.gain_error),
        honest_error=jnp.asarray(verdict.honest_error),
        deviation=jax.tree.map(jnp.asarray, winner),
        family=tuple(names[i][place] for i, place in enumerate(best)),
        settings=chosen,
    )


def honest(mechanism: Any, stakes: Stakes, agent: int) -> Deviation:
    """Return what the mechanism asks of an agent, as a strategy.

    Args:
        mechanism: the mechanism.
        stakes: costs, standard deviations and prices.
        agent: her index.
    """
    asked = jnp.asarray(mechanism.recommended.samples, stakes.costs.dtype)[agent]
    truth = Deviation.truth(_unit(mechanism, stakes, agent))
    does = jnp.where(asked > 0, 1.0, 0.0).astype(asked.dtype)
    return dataclasses.replace(truth, collects=does, submits=does)


def _gentlest(paid: np.ndarray, deviation: Deviation) -> np.ndarray:
    """Of the strategies that are best for her, and equally good, the one that invents least.

    Args:
        paid: (agents, candidates + 1), the last one being the truth, which is compared with and not chosen.
        deviation: (agents, candidates) strategies.
    """
    others = paid[:, :-1]
    least = others.min(axis=1)
    gain = np.maximum(paid[:, -1] - least, 0.0)
    tied = others <= (least + _TIED * np.where(np.isfinite(gain), gain, 0.0))[:, None]
    invented = np.asarray(jax.vmap(jax.vmap(_invented))(deviation))
    return np.argmin(np.where(tied, invented, np.inf), axis=1)


def _invented(deviation: Deviation) -> Array:
    """What is added to her mean, and points that were never collected, in units of what is recommended."""
    pretended = jnp.maximum(deviation.submitted - deviation.samples, 0.0) / deviation.unit
    return jnp.sum(jnp.abs(deviation.submits * deviation.offset) + pretended)


def _truths(search: Search, who: Sequence[int]) -> Deviation:
    """What is asked of each, (agents,)."""
    asked: Deviation = jax.tree.map(
        lambda *leaves: np.stack(leaves), *(honest(search.mechanism, search.stakes, i) for i in who)
    )
    return asked


def _indices(agents: Sequence[int] | None, count: int) -> list[int]:
    who = list(range(count)) if agents is None else list(agents)
    for i in who:
        if not 0 <= i < count:
            raise ProblemError("agent", i, f"must be an index below the number of agents ({count})")
    return who


def _unit(mechanism: Any, stakes: Stakes, agent: int) -> Array:
    """What is recommended to her, or else what she would collect alone, or else one point."""
    asked = jnp.asarray(mechanism.recommended.samples, stakes.costs.dtype)[agent]
    own = stakes.sigma * jnp.sqrt(stakes.price / stakes.costs[agent])
    return jnp.where(asked > 0, asked, jnp.where(own > 0, own, 1.0))


def _begin(mechanism: Any, stakes: Stakes, who: Sequence[int], key: Array) -> Candidate:
    """All starts of all agents, (agents, starts) on the leading axes."""
    seeds = np.asarray(jax.random.bits(key, (stakes.costs.shape[0],), jnp.uint32))
    able = np.isfinite(np.asarray(stakes.costs))
    begun = [candidates(np.asarray(_unit(mechanism, stakes, i)), able[i], int(seeds[i])) for i in who]
    joined: Candidate = jax.tree.map(lambda *leaves: np.stack(leaves), *begun)
    return _possible(mechanism, joined)


def _possible(mechanism: Any, found: Candidate) -> Candidate:
    """The strategies that there are, where points are whole."""
    if not only_whole_points(mechanism):
        return found
    values = {field.name: getattr(found.deviation, field.name) for field in dataclasses.fields(Deviation)}
    values["whole"] = np.ones_like(values["whole"])
    leaves = jax.tree.leaves(list(values.values()))
    return dataclasses.replace(found, deviation=jax.tree.unflatten(jax.tree.structure(found.deviation), leaves))


def _finalists(found: Candidate, least: np.ndarray, count: int) -> tuple[Candidate, list[list[str]]]:
    """The best start of each family, the best of these, and the best of each distribution put together.

    Args:
        found: (agents, starts) candidates.
        least: (agents, starts, distributions) what they cost.
        count: how many of the best.

    Returns:
        (agents, finalists) candidates, and the names of their families.
    """
    names = [start.family for start in STARTS]
    chosen, labels = [], []
    for parts in least:
        order = list(np.argsort(parts.sum(axis=-1), kind="stable"))
        first = [s for place, s in enumerate(order) if names[s] not in {names[t] for t in order[:place]}][:count]
        mixed = np.argmin(parts, axis=0)
        places = [*(np.full(len(mixed), s) for s in first), *([mixed] if len(mixed) > 1 else [])]
        chosen.append(np.stack(places))
        labels.append([" + ".join(dict.fromkeys(names[s] for s in row)) for row in places])
    index = np.stack(chosen)  # (agents, finalists, distributions)
    rows, columns = np.arange(len(index))[:, None, None], np.arange(index.shape[2])

    def pick(leaf: np.ndarray) -> np.ndarray:
        return leaf[rows, index, columns]

    guesses = found.guesses[rows, index].any(axis=-1)
    return Candidate(jax.tree.map(pick, found.deviation), jax.tree.map(pick, found.free), guesses), labels


def _scanned(search: Search, who: Sequence[int], key: Array) -> tuple[Candidate, list[list[str]]]:
    """What a scan of the answers finds, and names for it."""
    unit = np.stack([np.asarray(_unit(search.mechanism, search.stakes, i)) for i in who])
    probe_key, draw_key = jax.random.split(key)
    size = (senders(search.mechanism), unit.shape[1])
    found = scan(search, who, unit, probe_key, draw(draw_key, search.settings.scan_draws, *size))
    return _possible(search.mechanism, found), scan_names(found)


class _Verdict(NamedTuple):
    """Averages over fresh draws and their standard errors, one per agent."""

    honest: np.ndarray
    penalty: np.ndarray
    gain: np.ndarray
    gain_error: np.ndarray
    honest_error: np.ndarray


def _verdict(search: Search, who: Sequence[int], winner: Deviation, batches: Draws) -> _Verdict:
    """Compare honesty and the best strategy found, draw by draw, at the true means that are worst for each."""
    both = jax.tree.map(lambda *leaves: np.stack(leaves, axis=1), _truths(search, who), winner)
    count = len(batches.own)
    judged = [search.judge(who, both, jax.tree.map(lambda leaf, r=r: leaf[r], batches)) for r in range(count)]
    parts, payment = (np.stack([getattr(row, name) for row in judged]) for name in ("parts", "payment"))
    # At the true means that are worst on average over all batches: (batches, agents, 2, means, distributions).
    hardest = np.argmax(parts.mean(axis=0), axis=2)
    worst = np.take_along_axis(parts, hardest[None, :, :, None], axis=3)[:, :, :, 0].sum(axis=-1)
    poorest = np.argmin(payment.mean(axis=0), axis=2)
    paid = worst - np.take_along_axis(payment, poorest[None, :, :, None], axis=3)[..., 0]
    gain = paid[..., 0] - paid[..., 1]
    truthful, deviating = paid[..., 0], paid[..., 1]

    def error(values: np.ndarray) -> np.ndarray:
        return np.asarray(values.std(axis=0, ddof=1) / np.sqrt(count))

    return _Verdict(truthful.mean(axis=0), deviating.mean(axis=0), gain.mean(axis=0), error(gain), error(truthful))
