"""Host: what is left of the incentives where data are not normal: measured regret on any population with a variance."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.deviation._compiled import compiled
from jaxmech.deviation._population import Population
from jaxmech.deviation._response import honest
from jaxmech.deviation._simulate import check_replications
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Separate, Settling, Stakes

_AMOUNTS = (0.5, 0.75, 0.9, 1.0, 1.1, 1.35, 2.0)
"""Amounts to try, in units of what is recommended."""

_DISCARD = {"discards": 1.0, "keeps": 1.0}
_WAYS: tuple[dict[str, float], ...] = (
    {"noisy": -0.5},
    {"noisy": 0.5},
    {"noisy": 1.0},
    {"steady": 1.0},
    {"heeds": 1.0},
    {"heeds": -1.0},
    {"offset": 0.25, **_DISCARD},
    {"offset": -0.25, **_DISCARD},
    {"log_report": float(np.log(0.5)), **_DISCARD},
    {"invents": 1.0, **_DISCARD},
)
"""What to do with them: weigh the noisy points otherwise, shift, withhold, copy up to the recommended number."""

_ERRORS = 4.1
"""Width of the confidence interval in standard errors, as that of a search: fresh runs judge what others chose."""

_RUNS = 8192
"""Runs that choose a strategy, and runs in one compiled call."""


@dataclasses.dataclass(frozen=True)
class Robustness:
    """What one agent pays and could gain where data come from a given population.

    Attributes:
        honest: her penalty if all comply.
        honest_error: its standard error.
        steady: her penalty if all comply and she weighs the noisy points by their average variance instead of the
            realised one: the same for all populations with this standard deviation.
        steady_error: its standard error.
        regret: gain of the best strategy tried, on other replications than those that chose it; can be negative.
        regret_error: its standard error, that of the paired difference.
        amount: what that strategy collects, in units of what is recommended.
        tried: how many strategies.
        replications: how many runs judge; others choose.
    """

    honest: float
    honest_error: float
    steady: float
    steady_error: float
    regret: float
    regret_error: float
    amount: float
    tried: int
    replications: int

    @property
    def half_width(self) -> float:
        """Half of the confidence interval of the regret, at 99.9 %."""
        return _ERRORS * self.regret_error

    @property
    def found(self) -> float:
        """Regret found: the gain where it is beyond its confidence interval, else 0."""
        # Two equal penalties differ by rounding.
        noise = 1e3 * tolerances(jnp.zeros(()).dtype).eps * self.honest
        return self.regret if self.regret > self.half_width + noise else 0.0


@pytree
@dataclasses.dataclass(frozen=True)
class _Tried:
    """A strategy, and whether she weighs by the average variance of the noisy points."""

    deviation: Deviation
    steady: Array


def robustness(
    mechanism: Any, problem: Any, population: Population, agent: int, key: Array, replications: int = 65_536
) -> Robustness:
    """Measure what one agent pays, and could gain by cheating, where data come from any population with a variance.

    Her own points and the clean points of others are drawn, the same ones for all strategies; given those, the error
    through the noisy points is averaged over exactly, for only their variance matters. A first pass chooses among seven
    amounts and eleven ways to submit and to estimate; fresh runs compare the chosen one with the truth, run by run.
    Squares and products of the means, whose expectations are known, serve as control variates.

    The strategies read counts and means. Who knows the population and sees single points might do better. Where its
    standard deviations are not those that the problem assumes, agents go on believing in the problem's.

    Args:
        mechanism: one that answers an agent alone (:class:`~jaxmech.mechanism.Separate`), made for whole samples.
        problem: anything with costs, sigma and price.
        population: where data come from, with a mean and a standard deviation per distribution.
        agent: her index.
        key: random key.
        replications: how many runs judge.

    Raises:
        ProblemError: for replications that make no sense, a population of other quantities, and mechanisms that cannot
            answer one agent alone.

    Source: none for the search. What it measures is the gap that weights by the noise that was drawn leave on laws
        that are not normal; a rule with steady weights (:func:`jaxmech.collaboration.steady_root`) has none.

    Example:
        >>> from jaxmech import collaboration
        >>> from jaxmech.deviation import StudentT
        >>> problem = collaboration.Problem([[0.01]] * 20, 1.0)
        >>> plan = collaboration.integer_plan(problem, collaboration.solve(problem, mechanism="c3d").value).plan
        >>> people = StudentT(jnp.zeros(1), jnp.ones(1), 5.0)
        >>> machine = collaboration.mechanism(problem, plan)
        >>> found = robustness(machine, problem, people, 0, jax.random.key(0), 2000)
        >>> found.regret < 0.05 * found.honest
        True
    """
    stakes = Stakes.of(problem).of_agents_alike("gains on data of other laws are for points that are alike")
    check_replications(replications)
    _check(mechanism, stakes, population)
    truth = honest(mechanism, stakes, agent)
    pool = _strategies(truth)
    first_key, second_key = jax.random.split(key)
    trial = _Trial.of(mechanism, stakes, population, agent, pool)
    first = trial.draw(first_key, 1)
    average = trial.noise(pool, first)
    best = int(np.argmin(trial.run(pool, average, first).mean(axis=0)))
    judged = jax.tree.map(lambda leaf: leaf[np.asarray([0, 1, best])], pool)
    drawn = trial.draw(second_key, -(-replications // _RUNS))
    paid, controls = trial.run(judged, average, drawn)[:replications], trial.controls(drawn)[:replications]
    penalty, penalty_error = _controlled(paid, controls)
    gain, gain_error = _controlled(paid[:, :1] - paid[:, 2:], controls)
    return Robustness(
        honest=float(penalty[0]),
        honest_error=float(penalty_error[0]),
        steady=float(penalty[1]),
        steady_error=float(penalty_error[1]),
        regret=float(gain[0]),
        regret_error=float(gain_error[0]),
        amount=float(np.max(_amounts(judged)[2] / np.asarray(truth.unit))),
        tried=len(np.asarray(pool.steady)),
        replications=replications,
    )


def _check(mechanism: Any, stakes: Stakes, population: Population) -> None:
    if isinstance(mechanism, Settling):
        rule = "settles its noise by the spread of the data, whose law is known for normal data only: simulate it"
        raise ProblemError("mechanism", type(mechanism).__name__, rule)
    if not isinstance(mechanism, Separate):
        raise ProblemError("mechanism", type(mechanism).__name__, "must offer clean_others and respond_to")
    spread, sigma = np.asarray(population.sigma, float), np.asarray(stakes.sigma, float)
    if spread.shape != sigma.shape or not np.all(np.isfinite(spread) & (spread > 0)):
        rule = f"must be {len(sigma)} finite standard deviations, one for each distribution"
        raise ProblemError("population.sigma", spread.tolist(), rule)


def _strategies(truth: Deviation) -> _Tried:
    """Every amount with every way, in whole numbers: first the truth, then the truth with steady weights."""
    made = [_changed(truth, {}, 1.0), _changed(truth, {"steady": 1.0}, 1.0)]
    made += [_changed(truth, way, factor) for way in ({}, *_WAYS) for factor in _AMOUNTS]
    stacked: _Tried = jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)
    return stacked


def _changed(truth: Deviation, way: dict[str, float], factor: float) -> _Tried:
    # Who collects nothing and submits a guess might guess the mean of this population: no gain to count.
    count = jnp.maximum(jnp.round(factor * truth.unit), 1.0)
    fields: dict[str, Any] = {name: jnp.full_like(truth.unit, value) for name, value in way.items()}
    steady, noisy = fields.pop("steady", None), fields.pop("noisy", jnp.zeros_like(truth.unit))
    deviation = dataclasses.replace(
        truth,
        **fields,
        log_samples=jnp.log(count / truth.unit),
        log_weights=jnp.stack([jnp.zeros_like(noisy), noisy], axis=-1),
    )
    return _Tried(deviation, jnp.asarray(steady is not None))


def _amounts(tried: _Tried) -> np.ndarray:
    """How many points each strategy collects, (strategies, distributions)."""
    return np.round(np.asarray(jax.vmap(lambda one: one.deviation.samples)(tried)))


class _Drawn(NamedTuple):
    """Runs: means of her nested samples of every size, mean of the others' clean points, what she invents."""

    own: Array
    others: Array
    private: Array


class _Trial(NamedTuple):
    """What all passes share."""

    mechanism: Separate
    stakes: Stakes
    population: Population
    agent: int
    sizes: np.ndarray
    clean: Array
    most: int

    @classmethod
    def of(cls, mechanism: Separate, stakes: Stakes, population: Population, agent: int, pool: _Tried) -> "_Trial":
        """Prepare to draw samples of every size that a strategy asks for."""
        sizes, clean = _amounts(pool), jnp.round(mechanism.clean_others[agent])
        # A power of two, so that plans of about one size share what is compiled.
        most = 1 << int(np.ceil(np.log2(max(1.0, sizes.max(), float(jnp.max(clean))))))
        return cls(mechanism, stakes, population, agent, sizes[: 2 + len(_AMOUNTS)], clean, most)

    def draw(self, key: Array, calls: int) -> list[_Drawn]:
        """Draw runs for so many compiled calls."""
        sizes = jnp.asarray(self.sizes)
        return [_draw(self.population, sizes, self.clean, one, self.most) for one in jax.random.split(key, calls)]

    def run(self, tried: _Tried, average: Array, drawn: list[_Drawn]) -> np.ndarray:
        """Penalties, (replications, strategies)."""
        return np.concatenate([np.asarray(paid, float) for paid, _ in self._evaluated(tried, average, drawn)])

    def noise(self, tried: _Tried, drawn: list[_Drawn]) -> Array:
        """Average variance of a noisy point where all comply."""
        told = self._evaluated(tried, self.stakes.sigma**2, drawn)
        variance = np.concatenate([np.asarray(values, float)[:, 0] for _, values in told])
        return jnp.asarray(_controlled(variance, self.controls(drawn))[0])

    def controls(self, drawn: list[_Drawn]) -> np.ndarray:
        """Control variates of mean 0, (replications, controls): means of her and others' points, their products."""
        truth, variance = np.asarray(self.population.mean), np.asarray(self.population.sigma) ** 2
        own, others = (
            np.where(size > 0, np.concatenate(means) - truth, 0.0)
            for size, means in (
                (self.sizes[0], [np.asarray(runs.own)[:, 0] for runs in drawn]),
                (np.asarray(self.clean), [np.asarray(runs.others) for runs in drawn]),
            )
        )
        squares = [
            values**2 - np.where(size > 0, variance / np.maximum(size, 1), 0)
            for values, size in ((own, self.sizes[0]), (others, np.asarray(self.clean)))
        ]
        return np.concatenate([own, others, own * others, *squares], axis=1)

    def _evaluated(self, tried: _Tried, average: Array, drawn: list[_Drawn]) -> list[tuple[Array, Array]]:
        asked = _amounts(tried)
        place = jnp.asarray([int(np.flatnonzero((self.sizes == row).all(axis=1))[0]) for row in asked])
        evaluate, who = compiled(_penalties, self.mechanism), jnp.asarray(self.agent)
        truth, excess = self.population.mean, self.population.sigma**2 - self.stakes.sigma**2
        return [evaluate(self.stakes, who, tried, place, average, runs, truth, excess) for runs in drawn]


def _controlled(values: np.ndarray, controls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of the columns and their standard errors, by regression on control variates of mean 0."""
    design = np.column_stack([np.ones(len(controls)), controls])
    fit = np.linalg.lstsq(design, values, rcond=None)[0]
    left = values - design @ fit
    return fit[0], left.std(axis=0, ddof=1) / np.sqrt(len(values))


def _penalties(
    mechanism: Separate,
    stakes: Stakes,
    agent: Array,
    tried: _Tried,
    place: Array,
    average: Array,
    drawn: _Drawn,
    truth: Array,
    excess: Array,
) -> tuple[Array, Array]:
    """Penalties (replications, strategies), and the variance of a noisy point, with distributions on the last axis.

    Noisy points vary by ``excess`` more than is told, as much as the population's variance exceeds the assumed one.
    """

    def one(strategy: _Tried, mean: Array, runs: _Drawn) -> tuple[Array, Array]:
        hers = strategy.deviation
        submitted = hers.submit(mean, runs.private, stakes.sigma)
        answer = mechanism.respond_to(agent, submitted, runs.others[None])
        noisy, variance = answer.noisy_count[0] > 0, answer.noisy_variance[0]
        noise = jnp.where(noisy, variance + excess, 0.0) / jnp.where(noisy, answer.noisy_count[0], 1.0)
        told = jnp.where(strategy.steady, average, answer.expected_variance[0])
        believed = dataclasses.replace(answer, expected_variance=told[None])
        error = hers.estimate(mean, submitted, believed, stakes.sigma**2).squared_error(truth, truth, noise)
        cost = jnp.where(hers.samples > 0, stakes.costs[agent] * hers.samples, 0.0)
        return jnp.sum(stakes.price * error + cost) - answer.payment[0], variance

    def run(runs: _Drawn) -> tuple[Array, Array]:
        told: tuple[Array, Array] = jax.vmap(one, in_axes=(0, 0, None))(tried, runs.own[place], runs)
        return told

    paid: tuple[Array, Array] = jax.vmap(run)(drawn)
    return paid


def _sample(population: Population, sizes: Array, clean: Array, key: Array, most: int) -> _Drawn:
    truth = population.mean

    def once(key: Array) -> _Drawn:
        own_key, others_key, private_key = jax.random.split(key, 3)
        own = jnp.cumsum(population.sample(own_key, (most,)) - truth, axis=0)
        theirs = jnp.cumsum(population.sample(others_key, (most,)) - truth, axis=0)
        means = jax.vmap(lambda size: _first(own, size))(sizes) + truth
        return _Drawn(means, _first(theirs, clean) + truth, jax.random.normal(private_key, truth.shape, truth.dtype))

    drawn: _Drawn = jax.lax.map(once, jax.random.split(key, _RUNS), batch_size=256)
    return drawn


_draw = jit(_sample, static_argnames="most")


def _first(sums: Array, count: Array) -> Array:
    """Mean of the first few points, by their running sums; 0 of none."""
    last = jnp.maximum(count - 1, 0).astype(int)
    total = jnp.take_along_axis(sums, last[None], axis=0)[0]
    return jnp.where(count > 0, total / jnp.maximum(count, 1), 0.0)
