"""Host: the whole market, run many times on normal data or on measurements: prices, payments, errors, who regrets."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.deviation import Empirical, check_points
from jaxmech.market._audit import BUYER, CONTRIBUTOR
from jaxmech.market._broker import Broker
from jaxmech.market._expectation import expected_settlement
from jaxmech.market._misreport import Misreport
from jaxmech.market._plan import Plan
from jaxmech.market._prices import gains
from jaxmech.market._problem import Problem
from jaxmech.market._solve import mechanism
from jaxmech.mechanism import PLATFORM, Chance, Quantity, Realised, Statistics, Submission, averaged, counted

MOST_POINTS = 10**9
"""Most points of which subsets are drawn."""

_NUMBERS_AT_ONCE = 2**21


class Runs(NamedTuple):
    """What happened, run by run.

    Attributes:
        prices: (runs, types).
        payments: (runs, contributors).
        errors: (runs, types, means) |estimate − true mean| of a buyer; NaN for who buys nothing.
    """

    prices: np.ndarray
    payments: np.ndarray
    errors: np.ndarray


def play(
    problem: Problem,
    plan: Plan,
    key: Array,
    replications: int,
    people: Empirical | None = None,
    *,
    act: Misreport | None = None,
) -> Realised:
    """Run the market many times with everybody honest, or all but one, and compare with what was promised.

    Normal data are drawn by the contributors' means, and by those of a buyer's points given how many come from whom;
    the numbers of a point that measures several means are independent there. Measurements are drawn with replacement,
    row by row. Expected are payments and prices as planned, errors of σ√(2/(πm)), utilities v(m) − q. A buyer's worth
    in a run is v^e(error), or for a table of values, which knows no errors, the expected one.

    Args:
        problem: the problem.
        plan: from :func:`solve`, with trade.
        key: random key.
        replications: how many runs.
        people: measurements, a column for each mean; by default normal data.
        act: what one contributor does instead, on normal data; a made-up mean is off by the shift. What is promised
            remains what honesty brings; averages of value, price and payment are those of :func:`misreported`.

    Returns:
        Averages with standard errors, and chances of what averages hide: prices above value or below 0, buyers whose
        worth is below their price, contributors who are paid less than collecting cost. Host only.

    Raises:
        ProblemError: for a plan without trade, for too many points, for measurements of another number of means, and
            for a misreport on measurements.

    Source: Chen, Clinton and Kandasamy 2025, Algorithm 2 and Theorem 5.1; equations (8) to (10) for a misreport.

    Example:
        >>> from jaxmech.market import Buyer, exponential, solve
        >>> problem = Problem([0.01, 0.02], 1.0, [Buyer(exponential(0.3), count=10)])
        >>> found = play(problem, solve(problem).value, jax.random.key(0), 1000)
        >>> row = found.quantities[0]
        >>> row.quantity, bool(abs(row.realised - row.promised) < 5 * row.standard_error)
        ('revenue', True)
    """
    if not float(plan.total) > 0:
        raise ProblemError("plan", "no trade", "must be a plan with trade: here nobody collects, buys or pays anything")
    if people is not None and people.values.shape[1] != problem.dimension:
        rule = f"must have a column for each mean that a point measures, {problem.dimension}"
        raise ProblemError("people", f"{people.values.shape[1]} columns", rule)
    broker = mechanism(problem, plan)
    if people is None:
        runs, name = _on_normal(broker, key, replications, act), "normal data"
    else:
        runs, name = _on_people(broker, people, key, replications), f"{people.values.shape[0]:,} measurements"
    if act is not None:
        if people is not None:
            raise ProblemError("act", act.told, "a misreport is played on normal data only: give no measurements")
        name += f", {problem.contributors[act.contributor]} {act.told}"
    spent = np.asarray(problem.contributor_costs, float) * _collected(plan, act)
    worth = _worth(problem, plan, runs, honest=act is None)
    quantities = _quantities(problem, plan, broker, runs, spent, worth)
    return Realised(name, replications, quantities, _chances(problem, plan, runs, spent, worth))


def _collected(plan: Plan, act: Misreport | None) -> np.ndarray:
    """(contributors,) points that each really collects."""
    samples = np.array(plan.samples, float)
    if act is not None:
        samples[act.contributor] = act.collected
    return samples


class _Reports(NamedTuple):
    """What is handed in, all (contributors,): how many points, and in σ the variance and bias of their mean.

    ``scatter`` is the standard deviation of the points about it, in σ.
    """

    points: Array
    variance: Array
    bias: Array
    scatter: Array


def _reports(broker: Broker, act: Misreport | None) -> _Reports:
    samples = np.asarray(broker.samples, float)
    count, known, bias, scatter = samples.copy(), samples.copy(), np.zeros(len(samples)), np.ones(len(samples))
    if act is not None:
        i = act.contributor
        count[i], known[i], bias[i], scatter[i] = act.submitted, act.collected, act.shift, act.scatter
    variance = np.where(known > 0, 1 / np.maximum(known, 1.0), 0.0)
    return _Reports(*(jnp.asarray(part, broker.samples.dtype) for part in (count, variance, bias, scatter)))


def _on_normal(broker: Broker, key: Array, replications: int, act: Misreport | None) -> Runs:
    reports = _reports(broker, act)
    samples = np.asarray(reports.points)
    sizes = np.minimum(np.asarray(broker.sizes), samples.sum())
    if samples.sum() >= MOST_POINTS:
        raise ProblemError("plan.total", float(samples.sum()), f"too many points to draw from: below {MOST_POINTS:,}")
    generator = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    whose = np.stack(
        [generator.multivariate_hypergeometric(samples.astype(int), int(size), replications) for size in sizes], axis=1
    )
    prices, payments, errors = _normal_runs(broker, key, jnp.asarray(whose, broker.samples.dtype), reports)
    return Runs(*(np.asarray(part, float) for part in (prices, payments, errors)))


@jit
def _normal_runs(broker: Broker, key: Array, whose: Array, reports: _Reports) -> tuple[Array, Array, Array]:
    """Prices, payments and errors of runs in which buyers get (runs, types, contributors) points of each."""
    means_key, points_key = jax.random.split(key)
    some, sigma = jnp.maximum(reports.points, 1.0), jnp.sqrt(jnp.atleast_1d(broker.variance))
    shape = (some.shape[0], sigma.shape[0])
    normal = jax.random.normal(means_key, (whose.shape[0], *shape), some.dtype)
    drawn = sigma * (reports.bias[:, None] + jnp.sqrt(reports.variance)[:, None] * normal)
    means = jnp.where(broker.asked[:, None], drawn, 0.0)
    count = jnp.broadcast_to(reports.points[:, None], shape)
    prices, payments = jax.vmap(lambda mean: broker.settle(Statistics(count, mean)))(means)
    left = reports.scatter * jnp.sqrt(jnp.maximum(1 / jnp.maximum(whose, 1.0) - 1 / some, 0.0))  # given hers all
    part = jax.random.normal(points_key, (*whose.shape, sigma.shape[0]), some.dtype) * left[..., None] * sigma
    sold = jnp.sum(whose, axis=-1)[..., None]
    estimates = jnp.sum(whose[..., None] * (means[:, None] + part), axis=-2) / jnp.where(sold > 0, sold, jnp.nan)
    return prices, payments, jnp.abs(estimates)


def _on_people(broker: Broker, people: Empirical, key: Array, replications: int) -> Runs:
    samples = np.asarray(broker.samples)
    capacity = int(samples.max())
    check_points(np.full((len(samples), 1), capacity), replications)
    at_once = max(1, min(replications, _NUMBERS_AT_ONCE // (capacity * len(samples))))
    keys = jax.random.split(key, replications)
    mask = jnp.arange(capacity) < broker.samples[:, None, None]
    mask = jnp.broadcast_to(mask, (len(samples), people.mean.shape[0], capacity))

    @jax.jit
    def run(broker: Broker, people: Empirical, keys: Array) -> tuple[Array, Array, Array]:
        def once(key: Array) -> tuple[Array, Array, Array]:
            data_key, draw_key = jax.random.split(key)
            drawn = people.sample(data_key, (mask.shape[0], capacity))
            data = Submission(jnp.moveaxis(drawn, 1, 2).astype(broker.samples.dtype), mask)
            trade = broker.trade(data, draw_key)
            estimates = trade.estimates.reshape(trade.prices.shape[0], -1)
            return trade.prices, trade.payments, jnp.abs(estimates - people.mean)

        found: tuple[Array, Array, Array] = jax.lax.map(once, keys, batch_size=at_once)
        return found

    return Runs(*(np.asarray(part, float) for part in run(broker, people, keys)))


def _quantities(
    problem: Problem, plan: Plan, broker: Broker, runs: Runs, spent: np.ndarray, worth: np.ndarray
) -> tuple[Quantity, ...]:
    known = expected_settlement(broker)
    payment = np.asarray(known.payment, float)
    sizes, prices, counts = (np.asarray(part, float) for part in (plan.sizes, plan.prices, problem.counts))
    promised = gains(problem, plan.sizes, plan.prices)
    revenue = runs.prices @ counts
    sums = {
        "revenue": (float(plan.revenue), revenue),
        "payments": (float(payment.sum()), runs.payments.sum(axis=1)),
        "profit": (float(plan.profit), revenue - spent.sum()),
    }
    rows = [averaged("all", PLATFORM, name, told, found) for name, (told, found) in sums.items()]
    for i in np.flatnonzero(np.asarray(plan.samples) > 0).tolist():
        who = problem.contributors[i]
        rows.append(averaged(who, CONTRIBUTOR, "payment", payment[i], runs.payments[:, i]))
    for j in np.flatnonzero(sizes > 0).tolist():
        who, errors = problem.buyers[j], np.atleast_1d(problem.sigma) * np.sqrt(2 / (np.pi * sizes[j]))
        rows.append(averaged(who, BUYER, "price", prices[j], runs.prices[:, j]))
        for k, error in enumerate(errors.tolist()):
            told = "error" if problem.dimension == 1 else f"error of {problem.means[k]}"
            rows.append(averaged(who, BUYER, told, error, runs.errors[:, j, k]))
        if not np.isnan(worth[:, j]).any():
            rows.append(averaged(who, BUYER, "utility", promised[j], worth[:, j] - runs.prices[:, j]))
    return tuple(rows)


def _chances(problem: Problem, plan: Plan, runs: Runs, spent: np.ndarray, worth: np.ndarray) -> tuple[Chance, ...]:
    value = np.asarray(problem.value_of(plan.sizes), float)
    counts = np.asarray(problem.counts, float)
    rounding = tolerances(plan.prices.dtype).claim
    rows = [
        counted(problem.contributors[i], CONTRIBUTOR, "paid less than cost", runs.payments[:, i] < spent[i])
        for i in np.flatnonzero(np.asarray(plan.samples) > 0).tolist()
    ]
    for j in np.flatnonzero(np.asarray(plan.sizes) > 0).tolist():
        who, prices = problem.buyers[j], runs.prices[:, j]
        rows.append(counted(who, BUYER, "price above value", prices > value[j] * (1 + rounding)))
        rows.append(counted(who, BUYER, "price below 0", prices < 0))
        if not np.isnan(worth[:, j]).any():
            rows.append(counted(who, BUYER, "worth less than paid", worth[:, j] < prices))
    paid, got = runs.prices @ counts, runs.payments.sum(axis=1)
    scale = np.abs(runs.payments).sum(axis=1)
    unbalanced = np.abs(paid - got) > rounding * np.where(scale > 0, scale, 1.0)
    rows.append(counted("all", PLATFORM, "money missing or left over", unbalanced, excluded=True))
    return tuple(rows)


def _worth(problem: Problem, plan: Plan, runs: Runs, *, honest: bool) -> np.ndarray:
    """(runs, types) what a buyer's estimate was worth to her: v^e(error), or v(size) where only sizes count.

    NaN for such a buyer if a contributor is not honest: what her points are worth then, nobody has said.
    """
    expected = np.asarray(problem.value_of(plan.sizes), float)
    errors = runs.errors[..., 0] if problem.dimension == 1 else runs.errors
    pairs = zip(problem.valuations, np.moveaxis(errors, 1, 0), strict=True)
    found = [np.asarray(valuation.of_error(own), float).reshape(len(own), -1)[:, 0] for valuation, own in pairs]
    return np.where(np.isnan(found) & honest, expected[:, None], found).T
