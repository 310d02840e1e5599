"""What is left of the incentives where data are not normal: measured regret on any population with a variance."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._types import Array
from jaxmech.deviation._compiled import compiled
from jaxmech.deviation._population import Population
from jaxmech.deviation._search import honest
from jaxmech.deviation._simulate import check_replications
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Separate, Stakes

_FACTORS = (0.0, 0.25, 0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
"""Amounts to try, in units of what is recommended."""

_WAYS: tuple[dict[str, float], ...] = (
    {},
    {"log_report": float(np.log(0.5)), "discards": 1.0, "keeps": 1.0},
    {"log_report": float(np.log(2.0)), "discards": 1.0, "keeps": 1.0},
    {"offset": 0.2, "discards": 1.0, "keeps": 1.0},
    {"offset": -0.2, "discards": 1.0, "keeps": 1.0},
    {"invents": 1.0, "discards": 1.0, "keeps": 1.0},
    {"invents": 1.0, "jitter": 1.0, "discards": 1.0, "keeps": 1.0},
)
"""What to submit: the truth, half, twice, shifted up and down, copies and inventions to the recommended number."""


@dataclasses.dataclass(frozen=True)
class Robustness:
    """What one agent pays and could gain where data come from a given population.

    Attributes:
        honest: her penalty if all comply.
        honest_error: its standard error.
        regret: gain of the best strategy tried, on other replications than those that chose it; can be negative.
        regret_error: its standard error.
        tried: how many strategies.
        replications: how many runs, half of them to choose, half to judge.
    """

    honest: float
    honest_error: float
    regret: float
    regret_error: float
    tried: int
    replications: int


def robustness(
    mechanism: Any, problem: Any, population: Population, agent: int, key: Array, replications: int = 20_000
) -> Robustness:
    """Measure what one agent pays, and could gain by cheating, where data come from any population with a variance.

    Her own points and the clean points of others are drawn; given those, the error through the noisy points is averaged
    over exactly, for only their variance matters. Twelve amounts and seven ways to submit are tried, the same draws for
    all; half of the replications choose the best, the other half judge it.

    Args:
        mechanism: one that answers an agent alone (:class:`~jaxmech.mechanism.Separate`), made for whole samples.
        problem: anything with costs, sigma and price; sigma is the population's standard deviation.
        population: where data come from.
        agent: her index.
        key: random key.
        replications: how many runs.

    Raises:
        ProblemError: for replications that make no sense, and mechanisms that cannot answer one agent alone.

    Source: Clinton et al. 2025, appendix on bounded variance: an O(1/m)-approximate equilibrium.

    Example:
        >>> from jaxmech import collaboration
        >>> from jaxmech.deviation import StudentT
        >>> problem = collaboration.Problem([[0.01]] * 20, 1.0)
        >>> plan = collaboration.integer_plan(problem, collaboration.solve(problem, mechanism="c3d").value).plan
        >>> people = StudentT(jnp.zeros(1), jnp.ones(1), 3.0)
        >>> machine = collaboration.mechanism(problem, plan)
        >>> found = robustness(machine, problem, people, 0, jax.random.key(0), 2000)
        >>> found.regret < 0.05 * found.honest
        True
    """
    stakes = Stakes.of(problem)
    check_replications(replications)
    if not isinstance(mechanism, Separate):
        raise ProblemError("mechanism", type(mechanism).__name__, "must offer clean_others and respond_to")
    strategies = _strategies(honest(mechanism, stakes, agent))
    clean = jnp.round(mechanism.clean_others[agent])
    most = int(max(1.0, float(jnp.max(strategies.samples)), float(jnp.max(clean))))
    run = compiled(_runs, mechanism, most)
    keys = jax.random.split(key, replications)
    paid = np.asarray(run(stakes, jnp.asarray(agent), strategies, population, clean, keys))
    truthful, half = paid[:, 0], replications // 2
    best = int(np.argmin(paid[:half].mean(axis=0)))
    gain = truthful[half:] - paid[half:, best]
    return Robustness(
        honest=float(truthful.mean()),
        honest_error=float(truthful.std(ddof=1) / np.sqrt(replications)),
        regret=float(gain.mean()),
        regret_error=float(gain.std(ddof=1) / np.sqrt(len(gain))),
        tried=paid.shape[1],
        replications=replications,
    )


def _strategies(truth: Deviation) -> Deviation:
    """Every amount with every way to submit, in whole numbers, the truth first."""
    made = [truth]
    for way in _WAYS:
        changed: dict[str, Any] = {name: jnp.full_like(truth.unit, value) for name, value in way.items()}
        for factor in _FACTORS:
            count = jnp.round(factor * truth.unit)
            amount: dict[str, Any] = {
                "collects": jnp.where(count > 0, truth.collects, 0.0),
                "log_samples": jnp.log(jnp.maximum(count, 1.0) / truth.unit),
            }
            made.append(dataclasses.replace(truth, **changed, **amount))
    stacked: Deviation = jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)
    return stacked


class _Drawn(NamedTuple):
    own: Array
    others: Array
    private: Array


def _runs(
    mechanism: Separate,
    most: int,
    stakes: Stakes,
    agent: Array,
    strategies: Deviation,
    population: Population,
    clean: Array,
    keys: Array,
) -> Array:
    """Penalties, (replications, strategies)."""
    truth = population.mean

    def once(key: Array) -> Array:
        own_key, others_key, private_key = jax.random.split(key, 3)
        sums = jnp.cumsum(population.sample(own_key, (most,)) - truth, axis=0)
        theirs = jnp.cumsum(population.sample(others_key, (most,)) - truth, axis=0)
        drawn = _Drawn(sums, _first(theirs, clean) + truth, jax.random.normal(private_key, truth.shape, truth.dtype))
        paid: Array = jax.vmap(lambda strategy: _penalty(mechanism, stakes, agent, strategy, drawn, truth))(strategies)
        return paid

    runs: Array = jax.lax.map(once, keys, batch_size=min(256, len(keys)))
    return runs


def _penalty(
    mechanism: Separate, stakes: Stakes, agent: Array, strategy: Deviation, drawn: _Drawn, truth: Array
) -> Array:
    seen = _first(drawn.own, jnp.round(strategy.samples)) + truth
    submitted = strategy.submit(seen, drawn.private, stakes.sigma)
    answer = mechanism.respond_to(agent, submitted, drawn.others[None])
    noisy = answer.noisy_count[0] > 0
    noise = jnp.where(noisy, answer.noisy_variance[0], 0.0) / jnp.where(noisy, answer.noisy_count[0], 1.0)
    error = strategy.estimate(seen, submitted, answer, stakes.sigma**2).squared_error(truth, truth, noise)
    cost = jnp.where(strategy.samples > 0, stakes.costs[agent] * strategy.samples, 0.0)
    return jnp.sum(stakes.price * error + cost) - answer.payment[0]


def _first(sums: Array, count: Array) -> Array:
    """Mean of the first few points, by their running sums; 0 of none."""
    last = jnp.maximum(count - 1, 0).astype(int)
    total = jnp.take_along_axis(sums, last[None], axis=0)[0]
    return jnp.where(count > 0, total / jnp.maximum(count, 1), 0.0)
