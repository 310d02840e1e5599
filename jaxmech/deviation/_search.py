"""Host: the best responses of many agents: names, random numbers, and a thread for each core."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._progress import tell
from jaxmech._pytree import indexable, pytree
from jaxmech._show import Tabular
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Array
from jaxmech.deviation._compiled import compiled
from jaxmech.deviation._data_sets import DataSetDeviation
from jaxmech.deviation._families import families_for, starts_for
from jaxmech.deviation._loss import senders
from jaxmech.deviation._randomness import host_randomness, spread_randomness
from jaxmech.deviation._reading import reads_points
from jaxmech.deviation._response import SCANNED, Response, search
from jaxmech.deviation._scan import probes_tried, scan_name
from jaxmech.deviation._search_points import ON_POINTS, ROWS, PointSearch, points_name
from jaxmech.deviation._settings import SearchSettings
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Stakes


@pytree
@dataclasses.dataclass(frozen=True)
class BestResponse(Tabular):
    """The most that a search found, agent by agent.

    Attributes:
        agents: their indices.
        honest: what each pays if she complies, by the same draws.
        penalty: what she pays with the best strategy found, for the true mean that is worst for it.
        gain: the difference, paired draw by draw; negative where nothing better than the truth was found.
        standard_error: of the gain.
        honest_error: standard error of the honest penalty.
        deviation: the strategies, on a leading axis.
        start: (agents, distributions) where they come from: places among the starts, or -1 for the scan of answers.
        settings: of the search.
    """

    AXES: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
        ("honest", "penalty", "gain", "standard_error", "honest_error"), ("agents",)
    )

    agents: Array
    honest: Agents
    penalty: Agents
    gain: Agents
    standard_error: Agents
    honest_error: Agents
    deviation: Deviation
    start: Array
    settings: SearchSettings = dataclasses.field(metadata={"static": True})

    @property
    def family(self) -> tuple[str, ...]:
        """Names of the families of the strategies, agent by agent; host only, and of one problem."""
        rows, deviation = enumerate(np.asarray(self.start)), jax.device_get(self.deviation)
        return tuple(_family(row, jax.tree.map(lambda leaf, i=i: leaf[i], deviation)) for i, row in rows)

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
        chosen, d = self.settings, self.start.shape[-1]
        if isinstance(self.deviation, DataSetDeviation):
            return (
                f"{len(ROWS):,} strategies on whole data sets (select, clip, stretch, duplicate, bootstrap, sort, move "
                "one apart, fit and fabricate), closer looks at the best, "
                f"{chosen.batches} × {chosen.batch:,} fresh draws at {len(chosen.means)} true means"
            )
        return (
            f"{len(starts_for(d))} starts in {len(families_for(d))} families, "
            f"{chosen.steps} + {chosen.polish_steps} gradient steps, a scan of the answers to "
            f"{probes_tried():,} submissions, {chosen.batches} × {chosen.batch:,} fresh draws at {len(chosen.means)} "
            "true means" + (", whole numbers of points only" if np.any(self.deviation.whole) else "")
        )


def best_response(
    mechanism: Any, agent: int, problem: Any, key: Array, settings: SearchSettings | None = None
) -> BestResponse:
    """Search for the best that one agent can do while the others are honest: a lower bound of her regret.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism`.
        agent: her index.
        problem: anything with costs, sigma and price.
        key: random key.
        settings: how widely to search.

    Returns:
        The record of one agent.

    Raises:
        ProblemError: if there is no such agent.

    Source: see :func:`best_responses`.

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

    True means of several distributions have nothing to do with each other: a guess of one is no guess of another.

    Where a mechanism reads whole data sets (:func:`reads_points`), strategies on these are tried instead, in whole
    numbers of points (:class:`DataSetDeviation`): keep the centre or one side, clip, squeeze and stretch, duplicate,
    bootstrap, sort, move one point far off, fit and fabricate, withhold, shift; each with several amounts and the
    estimate that fits best, then closer looks at the best, and the same fresh verdict.

    What is not searched: holes narrower than 3 % of the discrepancy or 6 % of the count, unless at a whole number up to
    100; holes that open only for several conditions at once beyond the few combinations walked along; across
    distributions more than shifts in opposite ways, copies of one column for others, and linear mixtures of all; more
    than one agent.

    Agents are searched for one by one, on all cores. Within ``jit`` and ``vmap``, and so under
    :func:`jaxmech.batch`, all is one program, :func:`search`, and the random numbers are made in there from the key.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism`.
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
    mechanism, stakes, chosen = indexable(mechanism), Stakes.of(problem), settings or SearchSettings()
    who = _indices(agents, stakes.costs.shape[0])
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((mechanism, stakes, key))):
        found = _traced(mechanism, chosen, stakes, who, key)
    elif reads_points(mechanism, problem):
        alike = stakes.of_agents_alike("strategies on data sets are for points that are alike")
        found, chosen = _in_points(mechanism, chosen, alike, who, key)
    else:
        found = _one_by_one(mechanism, chosen, stakes, who, key)
    return BestResponse(jnp.asarray(who), **found._asdict(), settings=chosen)


def _one_by_one(mechanism: Any, settings: SearchSettings, stakes: Stakes, who: list[int], key: Array) -> Response:
    """One compiled program, called for every agent, from as many threads as there are cores."""
    m, d = stakes.costs.shape
    randomness, sketched = host_randomness(key, m, senders(mechanism), d, who, settings)
    run = compiled(search, mechanism, settings)

    def one(agent: int) -> Response:
        numbers = randomness._replace(sketches=sketched[agent])
        response: Response = run(stakes, jnp.asarray(agent), numbers)
        return response

    return _on_all_cores(one, who)


def _in_points(
    mechanism: Any, settings: SearchSettings, stakes: Stakes, who: list[int], key: Array
) -> tuple[Response, SearchSettings]:
    """The same for a mechanism that reads whole data sets, with as many draws as there is time for."""
    looking, keys = PointSearch.of(mechanism, stakes, settings, who), jax.random.split(key, stakes.costs.shape[0])
    return _on_all_cores(lambda agent: looking.run(agent, keys[agent]), who), looking.settings


def _on_all_cores(run: Callable[[int], Response], who: list[int]) -> Response:
    precise = bool(jnp.result_type(float) == jnp.float64)

    def one(agent: int) -> Response:
        # The context manager of a caller who asked for float64 does not reach other threads.
        with jax.enable_x64(precise):
            response: Response = jax.device_get(run(agent))
            return response

    tell("agents", 0, len(who))
    found = [one(i) for i in who[:1]]  # compiles, so alone
    with ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1))) as workers:
        for response in workers.map(one, who[1:]):
            tell("agents", len(found), len(who))
            found.append(response)
    joined: Response = jax.device_put(jax.tree.map(lambda *leaves: np.stack(leaves), *found))
    return joined


def _traced(mechanism: Any, settings: SearchSettings, stakes: Stakes, who: list[int], key: Array) -> Response:
    """All agents in the program that is being traced: one after the other on a processor, side by side elsewhere."""
    d = stakes.costs.shape[1]
    # What the key makes is to be made when the program runs: constants of that size take minutes to fold.
    data = jax.lax.optimization_barrier(jax.random.key_data(key))  # type: ignore[no-untyped-call]
    key = jax.random.wrap_key_data(data, impl=jax.random.key_impl(key))
    randomness = spread_randomness(key, senders(mechanism), d, settings)

    def one(agent: Array) -> Response:
        return search(mechanism, settings, stakes, agent, randomness)

    together = None if jax.default_backend() == "cpu" else len(who)
    found: Response = jax.lax.map(one, jnp.asarray(who), batch_size=together)
    return found


def _family(places: np.ndarray, deviation: Deviation) -> str:
    if places[0] == ON_POINTS:
        return points_name(deviation)
    if places[0] == SCANNED:
        return scan_name(deviation)
    return " + ".join(dict.fromkeys(starts_for(len(places))[place].family for place in places))


def _indices(agents: Sequence[int] | None, count: int) -> list[int]:
    who = list(range(count)) if agents is None else list(agents)
    for i in who:
        if not 0 <= i < count:
            raise ProblemError("agent", i, f"must be an index below the number of agents ({count})")
    return who
