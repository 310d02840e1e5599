"""Honest or dishonest play of any mechanism, on data sets or on their counts and means."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._types import Array, ArrayLike
from jaxmech.deviation._compiled import compiled
from jaxmech.deviation._data_sets import DataSetDeviation
from jaxmech.deviation._draws import Draws, draw
from jaxmech.deviation._loss import Losses, agent_row, average_loss, senders, squared_error
from jaxmech.deviation._play import Play, estimates_of, in_whole_points, submits
from jaxmech.deviation._population import Normal, Population
from jaxmech.deviation._reading import needs_points
from jaxmech.deviation._response import honest
from jaxmech.deviation._size import check_draws, check_points
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Information, Outcome, Stakes, Statistics, Submission, answers_alone, priced

_BATCHES = 16
"""Independent sets of evenly spread draws, from which the standard error is computed."""
_FEWEST, _MOST = 2, 10**9
_NUMBERS_AT_ONCE = 2**21
"""Data points in memory at a time."""


def simulate(
    mechanism: Any,
    problem: Any,
    source: Population | Submission | None,
    key: Array,
    strategies: Mapping[int, Deviation] | None = None,
    replications: Any = 10_000,
    truth: ArrayLike | None = None,
    guess_error: float = 0.0,
) -> Outcome:
    """Run a mechanism many times and return what it brought each agent, with standard errors.

    - ``source`` None: normal data with the problem's σ, by their counts and means, whose law is exact. Amounts may be
      real numbers. True means are 0: a mechanism that moves with the data does not notice. Draws are spread evenly
      (scrambled Sobol sequences), and if everybody is honest and the mechanism answers one agent alone, the noise is
      averaged over exactly. A mechanism that reads whole data sets gets such sets, in whole numbers of points.
    - ``source`` a population: data sets drawn from it, in whole numbers of points, through the mechanism as it is.
    - ``source`` a submission: these data sets again and again; only the mechanism draws anew. Data of agents who
      deviate are what they collected.

    Strategies count means from what an agent takes for the true mean: around that she invents, and towards it she
    shrinks. So they do the same wherever the data lie.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism`.
        problem: anything with costs, sigma and price. If sigma is a matrix, amounts of strategies are in equivalent
            points, and points of a population are drawn towards the mean as precisely as each agent measures.
        source: where data come from.
        key: random key.
        strategies: of agents, by index, who do not do as they are asked.
        replications: how many runs; spread draws are rounded up to 16 times a power of two.
        truth: true means of a submission's data; by default the mean of all its points.
        guess_error: standard deviation of what an agent who deviates takes for the true mean, in σ: 0 if she knows it,
            1 if she knows as much as one point tells. Drawn anew in every run.

    Returns:
        Averages over replications, with the standard errors of the penalties.

    Raises:
        ProblemError: for replications that make no sense, an agent who does not exist, a population of other
            quantities, and strategies on data sets where agents differ in precision.

    Source: the penalty of Clinton et al. 2025, section 2, by Monte Carlo.

    Example:
        >>> from jaxmech import collaboration
        >>> equals = collaboration.Problem([[0.01]] * 10, 1.0)
        >>> plan = collaboration.solve(equals, mechanism="c3d").value
        >>> outcome = simulate(collaboration.mechanism(equals, plan), equals, None, jax.random.key(0))
        >>> bool(abs(outcome.penalty[0] - plan.penalty[0]) < 0.01 * plan.penalty[0])
        True
    """
    stakes, chosen = Stakes.of(problem), dict(strategies or {})
    check_replications(replications)
    m, d = stakes.costs.shape
    for i in chosen:
        if not 0 <= i < m:
            raise ProblemError("strategies", i, f"must be keyed by an index below the number of agents ({m})")
    play = Play(tuple(chosen), tuple(chosen.values()), jnp.asarray(guess_error, stakes.sigma.dtype))
    if source is None and needs_points(mechanism, stakes):
        source = Normal(jnp.zeros_like(stakes.sigma), stakes.sigma)
    if source is not None and chosen:
        stakes.of_agents_alike("strategies on data sets are for points that are alike")
    if source is None:
        check_draws(mechanism, replications)
        if not chosen and answers_alone(mechanism):
            return _one_by_one(mechanism, stakes, key, replications)
        return _by_statistics(mechanism, stakes, key, play, replications)
    if isinstance(source, Submission):
        return _by_submission(mechanism, stakes, source, key, play, replications, truth)
    if source.mean.shape != (d,):
        raise ProblemError("source", source.mean.shape, f"must have one mean for each of the {d} distributions")
    return _by_population(mechanism, stakes, source, key, play, replications)


def check_replications(replications: Any) -> None:
    """Refuse a number of runs that makes no sense.

    Raises:
        ProblemError: if it is no whole number from 2 to 10^9.

    Source: none; a check.
    """
    whole = isinstance(replications, int | np.integer) and not isinstance(replications, bool)
    if not whole or not _FEWEST <= replications <= _MOST:
        raise ProblemError("replications", replications, f"must be a whole number from {_FEWEST} to {_MOST:,}")


def _one_by_one(mechanism: Any, stakes: Stakes, key: Array, replications: int) -> Outcome:
    """Everybody honest: each agent against the law of what reaches her."""
    agents = jnp.arange(stakes.costs.shape[0])
    truth = [honest(mechanism, stakes, i) for i in range(len(agents))]
    everybody = jax.tree.map(lambda *leaves: jnp.stack(leaves), *truth)
    batches = draw(key, _each(replications), senders(mechanism), stakes.costs.shape[1], batches=_BATCHES)
    parts, payment = jax.device_get(compiled(_honest_batches, mechanism)(stakes, agents, everybody, batches))
    cost = _spent(stakes, jnp.asarray(mechanism.recommended.samples, stakes.costs.dtype))
    price = np.asarray(stakes.price)
    error = np.where(price > 0, (parts - cost) / np.where(price > 0, price, 1), 0.0)
    return _outcome(stakes, error, cost, payment, _each(replications) * _BATCHES)


def _honest_batches(
    mechanism: Any, stakes: Stakes, agents: Array, everybody: Deviation, batches: Draws
) -> tuple[Array, Array]:
    """Average parts and payments of every batch, (batches, agents, ...)."""

    def one(rows: Draws) -> Losses:
        def of(agent: Array, strategy: Deviation) -> Losses:
            return average_loss(mechanism, stakes, agent, strategy, rows, jnp.zeros((), stakes.costs.dtype))

        found: Losses = jax.vmap(of)(agents, everybody)
        return found

    averages = jax.lax.map(one, batches)
    return averages.parts, averages.payment


def _by_statistics(mechanism: Any, stakes: Stakes, key: Array, play: Play, replications: int) -> Outcome:
    m, d = stakes.costs.shape
    batches = draw(key, _each(replications), m, d, batches=_BATCHES)
    run = compiled(_statistics_batches, mechanism, play.who)
    error, payment = jax.device_get(run(stakes, play.how, play.guess_error, batches))
    cost = _spent(stakes, play.amounts(mechanism, stakes.costs.dtype))
    return _outcome(stakes, error, cost, payment, _each(replications) * _BATCHES)


def _statistics_batches(
    mechanism: Any,
    who: tuple[int, ...],
    stakes: Stakes,
    how: tuple[Deviation, ...],
    guess_error: Array,
    batches: Draws,
) -> tuple[Array, Array]:
    play = Play(who, how, guess_error)
    counts = play.amounts(mechanism, stakes.costs.dtype)
    spread = jnp.where(counts > 0, stakes.sigma / jnp.sqrt(jnp.where(counts > 0, counts, 1.0)), 0.0)

    def once(row: Draws) -> tuple[Array, Array]:
        private_key, key = jax.random.split(row.keys)
        seen, private = spread * row.others, jax.random.normal(private_key, counts.shape, counts.dtype)
        told, truth = Statistics(counts, seen), jnp.zeros_like(stakes.sigma)
        guesses = play.guesses(row.keys, truth, stakes)
        hers = []
        for i, deviation, guess in zip(who, how, guesses, strict=True):
            submitted = submits(deviation, guess, seen[i], private[i], stakes)
            told = Statistics(told.count.at[i].set(submitted.count[0]), told.mean.at[i].set(submitted.mean[0]))
            hers.append(submitted)
        return _errors(mechanism.respond(told, key), play, guesses, seen, hers, truth, stakes)

    def average(rows: Draws) -> tuple[Array, Array]:
        error, payment = jax.vmap(once)(rows)
        return jnp.mean(error, axis=0), jnp.mean(payment, axis=0)

    averages: tuple[Array, Array] = jax.lax.map(average, batches)
    return averages


def _by_population(
    mechanism: Any, stakes: Stakes, source: Population, key: Array, play: Play, replications: int
) -> Outcome:
    unit = 1.0 if stakes.precision is None else np.asarray(stakes.precision)
    asked = np.round(np.asarray(mechanism.recommended.samples, float) / unit)
    how = tuple(in_whole_points(deviation, jnp.round(deviation.samples), stakes) for deviation in play.how)
    play = play._replace(how=how)
    counts = asked.copy()
    for i, deviation in zip(play.who, play.how, strict=True):
        counts[i] = np.asarray(deviation.samples)
    capacity = _capacity(counts, play, stakes)
    check_points(np.full(counts.shape, capacity), replications)
    run = compiled(_population_runs, mechanism, play.who, capacity)
    keys = jax.random.split(key, replications)
    amounts = jnp.asarray(counts, stakes.costs.dtype)
    error, payment = jax.device_get(run(stakes, play.how, play.guess_error, amounts, source, keys))
    return _outcome(stakes, error, _spent(stakes, amounts * unit), payment, replications)


def _population_runs(
    mechanism: Any,
    who: tuple[int, ...],
    capacity: int,
    stakes: Stakes,
    how: tuple[Deviation, ...],
    guess_error: Array,
    counts: Array,
    source: Population,
    keys: Array,
) -> tuple[Array, Array]:
    mask = jnp.arange(capacity) < jnp.round(counts)[..., None]
    truth = source.mean.astype(stakes.costs.dtype)

    def once(key: Array) -> tuple[Array, Array]:
        data_key, key = jax.random.split(key)
        drawn = source.sample(data_key, (counts.shape[0], capacity))
        values = jnp.moveaxis(drawn, 1, 2).astype(stakes.costs.dtype)
        if stakes.precision is not None:
            values = truth[:, None] + (values - truth[:, None]) / jnp.sqrt(stakes.precision)[..., None]
        data = Submission(values, mask)
        return _submit_and_answer(mechanism, Play(who, how, guess_error), data, truth, stakes, key)

    at_once = max(1, _NUMBERS_AT_ONCE // mask.size)
    runs: tuple[Array, Array] = jax.lax.map(once, keys, batch_size=min(at_once, len(keys)))
    return runs


def _by_submission(
    mechanism: Any,
    stakes: Stakes,
    data: Submission,
    key: Array,
    play: Play,
    replications: int,
    truth: ArrayLike | None,
) -> Outcome:
    if data.mask.shape[:2] != stakes.costs.shape:
        rule = f"must have the agents and distributions of the problem, {stakes.costs.shape}"
        raise ProblemError("source", data.mask.shape[:2], rule)
    means = jnp.sum(data.count * data.mean, axis=0) / jnp.maximum(jnp.sum(data.count, axis=0), 1)
    means = means if truth is None else jnp.broadcast_to(jnp.asarray(truth, means.dtype), means.shape)
    how = tuple(in_whole_points(one, data.count[i], stakes) for i, one in zip(play.who, play.how, strict=True))
    play = play._replace(how=how)
    extra = max(0, _capacity(np.asarray(data.count), play, stakes) - data.mask.shape[-1])
    pad = ((0, 0), (0, 0), (0, extra))
    data = Submission(jnp.pad(data.values, pad), jnp.pad(data.mask, pad))
    run = compiled(_submission_runs, mechanism, play.who)
    error, payment = jax.device_get(
        run(stakes, how, play.guess_error, data, means, jax.random.split(key, replications))
    )
    spent = _spent(stakes, data.count if stakes.precision is None else data.count * stakes.precision)
    return _outcome(stakes, error, spent, payment, replications)


def _submission_runs(
    mechanism: Any,
    who: tuple[int, ...],
    stakes: Stakes,
    how: tuple[Deviation, ...],
    guess_error: Array,
    data: Submission,
    truth: Array,
    keys: Array,
) -> tuple[Array, Array]:
    def once(key: Array) -> tuple[Array, Array]:
        return _submit_and_answer(mechanism, Play(who, how, guess_error), data, truth, stakes, key)

    at_once = max(1, _NUMBERS_AT_ONCE // data.mask.size)
    runs: tuple[Array, Array] = jax.lax.map(once, keys, batch_size=min(at_once, len(keys)))
    return runs


def _submit_and_answer(
    mechanism: Any, play: Play, data: Submission, truth: Array, stakes: Stakes, key: Array
) -> tuple[Array, Array]:
    """Errors and payments of one run, after deviating agents have replaced what they submit."""
    guesses = play.guesses(key, truth, stakes)
    private_key, made_up_key, key = jax.random.split(key, 3)
    seen, dtype = data.mean, data.values.dtype
    private = jax.random.normal(private_key, seen.shape, dtype)
    made_up = stakes.sigma[:, None] * jax.random.normal(made_up_key, data.values.shape[1:], dtype)
    values, mask, hers = data.values, data.mask, []
    for i, deviation, guess in zip(play.who, play.how, guesses, strict=True):
        submitted = submits(deviation, guess, seen[i], private[i], stakes)
        own, count = data.values[i], data.count[i]
        if isinstance(deviation, DataSetDeviation):
            points, filled, submitted = _handed_in(deviation, guess, own, count, made_up, submitted, stakes)
        else:
            points, filled = _points(own, count, made_up, submitted)
        hers.append(submitted)
        values, mask = values.at[i].set(points), mask.at[i].set(filled)
    information = mechanism.respond(Submission(values, mask), key)
    return _errors(information, play, guesses, seen, hers, truth, stakes)


def _handed_in(
    deviation: DataSetDeviation,
    guess: Array,
    own: Array,
    count: Array,
    made_up: Array,
    submitted: Statistics,
    stakes: Stakes,
) -> tuple[Array, Array, Statistics]:
    """Points, which of them there are, and their numbers and means, of who counts from her guess."""
    told = Statistics(submitted.count, submitted.mean - guess)
    drawn = made_up / stakes.sigma[:, None]
    points, mask = deviation.hand_in(own - guess[:, None], count, told, drawn, stakes.sigma)
    points = jnp.where(mask, points + guess[:, None], 0.0)
    size = jnp.sum(mask, axis=-1)
    mean = jnp.sum(points, axis=-1) / jnp.maximum(size, 1)
    return points, mask, Statistics(size.astype(own.dtype)[None], mean[None])


def _points(values: Array, count: Array, made_up: Array, submitted: Statistics) -> tuple[Array, Array]:
    """Data sets of the size and mean that she wants: her points again and again, or made-up ones, moved."""
    places = jnp.arange(values.shape[-1])
    wanted = submitted.count[0]
    own = jnp.take_along_axis(values, (places % jnp.maximum(count, 1)[:, None]).astype(int), axis=-1)
    base = jnp.where(count[:, None] > 0, own, made_up)
    mask = places < jnp.round(wanted)[:, None]
    middle = jnp.sum(jnp.where(mask, base, 0.0), axis=-1) / jnp.maximum(jnp.sum(mask, axis=-1), 1)
    return base + (submitted.mean[0] - middle)[:, None], mask


def _errors(
    information: Information,
    play: Play,
    guesses: Array,
    seen: Array,
    hers: list[Statistics],
    truth: Array,
    stakes: Stakes,
) -> tuple[Array, Array]:
    """Squared errors (agents, distributions) and payments (agents,)."""
    variance = stakes.sigma**2
    estimates = information.estimate(variance)
    for i, deviation, guess, submitted in zip(play.who, play.how, guesses, hers, strict=True):
        row = agent_row(information, i)
        estimates = estimates.at[i].set(estimates_of(deviation, guess, seen[i], submitted, row, variance))
    return squared_error(estimates, truth, stakes), information.payment


def _capacity(counts: np.ndarray, play: Play, stakes: Stakes) -> int:
    """Room for the largest data set, collected or submitted."""
    nothing = jnp.zeros_like(stakes.sigma)
    told = [np.asarray(one.submit(nothing, nothing, stakes.sigma).count) for one in play.how]
    return max(1, int(np.ceil(max(np.max(table) for table in (counts, *told)))))


def _each(replications: int) -> int:
    """A power of two, such that so many batches make up the replications."""
    return 1 << max(4, int(np.ceil(np.log2(replications / _BATCHES))))


def _spent(stakes: Stakes, counts: Array) -> np.ndarray:
    return np.asarray(stakes.spent(counts))


def _outcome(stakes: Stakes, error: np.ndarray, cost: np.ndarray, payment: np.ndarray, replications: int) -> Outcome:
    """Averages over the first axis, runs or batches of runs; the error of the penalty comes from their spread."""
    spent = cost.sum(axis=-1)
    paid = np.asarray(priced(jnp.asarray(error), stakes.price)) + spent - payment
    return Outcome(
        squared_error=jnp.asarray(error.mean(axis=0)),
        cost=jnp.asarray(spent),
        payment=jnp.asarray(payment.mean(axis=0)),
        penalty=jnp.asarray(paid.mean(axis=0)),
        standard_error=jnp.asarray(paid.std(axis=0, ddof=1) / np.sqrt(len(paid))),
        replications=jnp.asarray(replications),
    )
