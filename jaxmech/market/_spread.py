"""How much prices and payments vary around what is expected, and what less variation costs."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jax.scipy.special import erfc, gammaincc

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._precision import seed_key
from jaxmech._pytree import indexable, pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech._words import one_of
from jaxmech.market._broker import Broker
from jaxmech.market._on_menu import is_traced
from jaxmech.market._plan import Plan
from jaxmech.market._prices import utility
from jaxmech.market._problem import Problem
from jaxmech.market._solve import mechanism
from jaxmech.mechanism import Statistics

REPLICATIONS = 100_000
"""Runs of the market where a chance has no formula."""


@pytree
@dataclasses.dataclass(frozen=True)
class Spread:
    """How prices and payments vary when everybody complies: arrays of NumPy, or of JAX where the plan is traced.

    Attributes:
        price: (types,) expected.
        price_deviation: (types,) standard deviation.
        negative_price: (types,) chance that a buyer is paid instead of paying; 0 for who buys nothing.
        price_above_value: (types,) chance that she pays more than her points are worth to her in expectation.
        payment: (contributors,) expected.
        payment_deviation: (contributors,) standard deviation.
        negative_payment: (contributors,) chance that a contributor pays instead of being paid.
        payment_below_cost: (contributors,) chance that she is paid less than collecting cost her.
        standard_error: largest standard error of the chances of prices: 0 where there is a formula, that is
            for two contributors, or for any number with equal shares.
    """

    price: np.ndarray | Array
    price_deviation: np.ndarray | Array
    negative_price: np.ndarray | Array
    price_above_value: np.ndarray | Array
    payment: np.ndarray | Array
    payment_deviation: np.ndarray | Array
    negative_payment: np.ndarray | Array
    payment_below_cost: np.ndarray | Array
    standard_error: float | Array


@dataclasses.dataclass(frozen=True)
class Frontier:
    """What a larger second sample brings and costs, one entry per size of it.

    Attributes:
        second: points of the second cheapest contributor.
        profit: what is left; it falls by c_2 − c_1 per point.
        price_deviation: standard deviation of every buyer's price.
        negative_price: chance that the price of the buyer who pays least is negative.
        price_above_value: largest chance of a buyer that her price exceeds her expected value; 0.68 for one whose
            expected price is all that her points are worth to her, whatever is done.
        payment_below_cost: largest chance of a contributor that she is paid less than collecting cost her.
    """

    second: np.ndarray
    profit: np.ndarray
    price_deviation: np.ndarray
    negative_price: np.ndarray
    price_above_value: np.ndarray
    payment_below_cost: np.ndarray


def spread(problem: Problem, plan: Plan, seed: int = 0) -> Spread:
    """Return how prices and payments vary around what is expected.

    With Δ_i normal of variance s_i², contributor i's payment varies by d_i s_i²(1 − Z²). Its standard deviation is
    √2 d_i s_i², and it is negative with chance erfc(√((1 + x)/2)), x the expected payment over d_i s_i²; below her
    costs with x the expected gain. Every price
    varies by the sum of these over the B buyers, a quadratic form in independent normal means; its standard deviation
    is exact. The chance that it is negative is exact where all its eigenvalues are equal; otherwise it is simulated,
    and has no slope: what counts runs has the slope 0.
    Where a point measures D means, Z² is χ²_D/D: deviations are √D times smaller. Its numbers are taken as independent
    there.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        seed: of the runs, where they are needed.

    Source: none for the variances; prices and payments are those of
        Chen, Clinton and Kandasamy 2025, equations (14) and (15).

    Example:
        >>> from jaxmech.market import Buyer, solve, table
        >>> problem = Problem([0.1, 0.1], 1.0, [Buyer(table([0.0, 0.7, 1.0]))])
        >>> found = spread(problem, solve(problem).value)
        >>> found.price.tolist(), found.price_deviation.round(4).tolist()  # √2 · (0.1 + 0.1) · (1 + 1)
        ([1.0], [0.5657])
    """
    problem, plan = indexable(problem), indexable(plan)
    found: Spread = _spread(mechanism(problem, plan), problem.value_of(plan.sizes), seed_key(seed))
    if is_traced(found):
        return found
    host: Spread = jax.device_get(found)
    return dataclasses.replace(host, standard_error=float(host.standard_error))


@jit
def _spread(broker: Broker, values: Array, key: Array) -> Spread:
    noise = broker.weight * broker.discrepancy_variance
    gain = -broker.guarantee(broker.stakes).promised
    payment = broker.costs * broker.samples + gain
    form, means = _form(broker), broker.unit.shape[0]
    room = jnp.stack([broker.prices, broker.prices - values.astype(broker.prices.dtype)]) * broker.buyers
    (chance, within), error = _exceeds(room + jnp.trace(form), form, key, means)
    buys, pays = broker.sizes > 0, noise > 0

    def below(expected: Array) -> Array:
        edge = 1 + expected / jnp.where(pays, noise, 1.0)
        within = edge > 0  # otherwise it is certain, and the slope at 0 may be infinite
        safe = jnp.where(within, edge, 1.0)
        beyond = erfc(jnp.sqrt(safe / 2)) if means == 1 else gammaincc(means / 2, means * safe / 2)
        return jnp.where(pays, jnp.where(within, beyond, 1.0), 0.0)

    deviation = jnp.sqrt(2 / means * jnp.sum(form**2)) / broker.buyers
    return Spread(
        price=broker.prices,
        price_deviation=jnp.where(buys, deviation, 0.0),
        negative_price=jnp.where(buys, chance, 0.0),
        price_above_value=jnp.where(buys, 1 - within, 0.0),
        payment=payment,
        payment_deviation=np.sqrt(2 / means) * noise,
        negative_payment=below(payment),
        payment_below_cost=below(gain),
        standard_error=error,
    )


def frontier(problem: Problem, plan: Plan) -> Frontier:
    """Return what a larger second sample trades for profit: for every size of it up to half of all points.

    The noise in every price is (c_1 N_1² + c_2 N_2²)(1/N_1 + 1/N_2)(1 − Z²)/B: with N_2 = 1 it grows with the square of
    the points collected. Of D means Z² is χ²_D/D. Where the lowest cost is tied, the work is shared evenly already and
    there is one entry.

    Args:
        problem: the problem.
        plan: from :func:`solve`, with trade.

    Raises:
        ProblemError: for a plan without trade.

    Source: none for the trade; prices and payments are those of Chen, Clinton and Kandasamy 2025, (14) and (15).

    Example:
        >>> from jaxmech.market import Buyer, exponential, solve
        >>> problem = Problem([0.01, 0.02], 1.0, [Buyer(exponential(0.3), count=10)])
        >>> found = frontier(problem, solve(problem).value)
        >>> bool(found.price_deviation[-1] < found.price_deviation[0] / 10)
        True
    """
    samples, total = np.asarray(plan.samples), int(plan.total)
    if total == 0:
        raise ProblemError("plan", "no trade", "must be a plan with trade")
    costs = np.asarray(problem.contributor_costs, float)
    buys = np.asarray(plan.sizes) > 0
    prices = np.asarray(plan.prices, float)[buys]
    least = float(np.min(np.asarray(utility(problem, plan.sizes, plan.prices), float)[buys]))
    buyers = expect(mechanism(problem, plan)).buyers
    low, high = np.sort(costs)[:2]
    if low == high:
        now = spread(problem, plan)
        second = np.array([samples[samples > 0].min()])
        parts = (now.price_deviation, now.negative_price, now.price_above_value, now.payment_below_cost)
        return Frontier(second, np.array([float(plan.profit)]), *(np.array([part.max()]) for part in parts))
    second = np.arange(1, total // 2 + 1)
    first = total - second
    spread_out = 1 / first + 1 / second
    noises = low * first**2 * spread_out, high * second**2 * spread_out
    noise = (noises[0] + noises[1]) / buyers
    profit = float(plan.revenue) - low * first - high * second
    tail = partial(_tail, means=problem.dimension)
    lose = [tail(profit * share / total, own) for share, own in zip((first, second), noises, strict=True)]
    above, deviation = 1 - tail(np.array(-least), noise), np.sqrt(2 / problem.dimension) * noise
    return Frontier(second, profit, deviation, tail(prices.min(), noise), above, np.maximum(*lose))


BOUNDS = ("price_deviation", "negative_price", "price_above_value", "payment_below_cost")
"""What a larger second sample may be asked to keep within a bound: fields of a :class:`Frontier`."""


def second_within(found: Frontier, bounds: Mapping[str, float]) -> int:
    """Return the least second sample at which all of these stay within their bounds: it costs least profit.

    Args:
        found: from :func:`frontier`.
        bounds: largest deviation and chances, by the names in :data:`BOUNDS`.

    Raises:
        ProblemError: for another name, what is no bound, and where no second sample will do: what the best would be.

    Source: this package; chances are those of Chen, Clinton and Kandasamy 2025, equations (14) and (15).

    Example:
        >>> from jaxmech.market import Buyer, exponential, solve
        >>> problem = Problem([0.01, 0.02], 1.0, [Buyer(exponential(0.3), count=10)])
        >>> found = frontier(problem, solve(problem).value)
        >>> second_within(found, {"negative_price": 0.1})
        17
    """
    good = np.ones(len(found.second), bool)
    for name, bound in bounds.items():
        part = getattr(found, one_of("chances", name, BOUNDS))
        if not bound >= 0:
            raise ProblemError(f"chances.{name}", bound, "must not be negative")
        if not np.any(part <= bound):
            rule = f"no second sample keeps it so low: with {found.second[np.argmin(part)]:,} it is {part.min():.4g}"
            raise ProblemError(f"chances.{name}", bound, rule)
        good &= part <= bound
    if not good.any():
        raise ProblemError("chances", dict(bounds), "no second sample keeps all of these: each can be kept alone")
    return int(found.second[np.argmax(good)])


def simulate(problem: Problem, plan: Plan, key: Array, replications: int) -> tuple[np.ndarray, np.ndarray]:
    """Run the market with honest contributors and return realised prices and payments.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        key: random key.
        replications: how many runs.

    Returns:
        (replications, types) prices and (replications, contributors) payments.

    Source: Chen, Clinton and Kandasamy 2025, equations (14) and (15), realised.

    Example:
        >>> from jaxmech.market import Buyer, solve, table
        >>> problem = Problem([0.1, 0.1], 1.0, [Buyer(table([0.0, 0.7, 1.0]), count=2)])
        >>> prices, payments = simulate(problem, solve(problem).value, jax.random.key(0), 1000)
        >>> bool(np.allclose(2 * prices[:, 0], payments.sum(axis=1)))  # budget balance, run by run
        True
    """
    broker = mechanism(problem, plan)
    prices, payments = honest_runs(broker, key, replications)
    return np.asarray(prices), np.asarray(payments)


@partial(jit, static_argnames="replications")
def honest_runs(broker: Broker, key: Array, replications: int) -> tuple[Array, Array]:
    """Return a broker's prices and payments in runs with honest contributors."""
    asked = broker.asked
    deviation = jnp.sqrt(jnp.atleast_1d(broker.variance) / jnp.where(asked, broker.samples, 1.0)[:, None])
    normal = jax.random.normal(key, (replications, *deviation.shape), broker.samples.dtype)
    means = jnp.where(asked[:, None], deviation * normal, 0.0)
    count = jnp.broadcast_to(broker.samples[:, None], deviation.shape)

    def once(mean: Array) -> tuple[Array, Array]:
        return broker.settle(Statistics(count, mean))

    return jax.vmap(once)(means)


class Expected(NamedTuple):
    """What a broker promises honest contributors, on the host.

    Attributes:
        gain: (contributors,) expected payment less the cost of collecting.
        spent: (contributors,) cost of collecting.
        noise: (contributors,) d_i s_i².
        weight: (contributors,) d_i.
        buyers: B, how many buy anything.
    """

    gain: np.ndarray
    spent: np.ndarray
    noise: np.ndarray
    weight: np.ndarray
    buyers: float


def expect(broker: Broker) -> Expected:
    """Return what a broker promises honest contributors."""
    gain, spent, noise, weight, buyers = (np.asarray(part, float) for part in jax.device_get(_expect(broker)))
    return Expected(gain, spent, noise, weight, float(buyers))


@jit
def _expect(broker: Broker) -> tuple[Array, ...]:
    noise = broker.weight * broker.discrepancy_variance
    gain = -broker.guarantee(broker.stakes).promised
    return gain, broker.costs * broker.samples, noise, broker.weight, broker.buyers


def _form(broker: Broker) -> Array:
    """(contributors, contributors) Σ d_i Δ_i² as a quadratic form in independent standard normal numbers."""
    asked = broker.asked
    samples = jnp.where(asked, broker.samples, 1.0)
    others = jnp.maximum(jnp.sum(broker.samples) - samples, 1.0)
    own = jnp.eye(samples.shape[0], dtype=samples.dtype)
    matrix = own - (1 - own) * samples[None, :] / others[:, None]
    scaled = jnp.where(asked[:, None] & asked, matrix * jnp.sqrt(broker.level / samples), 0.0)
    return scaled.T @ (jnp.where(asked, broker.weight, 0.0)[:, None] * scaled)


def _exceeds(edges: Array, form: Array, key: Array, means: int) -> tuple[Array, Array]:
    """Chance that a quadratic form in standard normal numbers exceeds each edge, and the largest standard error.

    Of several means it is the average of as many independent ones.

    A form whose square is a multiple of itself has that number for all its eigenvalues that are not 0: then, as for two
    contributors, what it adds up to is a multiple of a χ² of as many degrees of freedom.
    """
    total, squares = jnp.trace(form), jnp.sum(form**2)
    some = total > 0
    level = jnp.where(some, squares / jnp.where(some, total, 1.0), 1.0)
    even = jnp.max(jnp.abs(form @ form - level * form)) <= tolerances(form.dtype).condition * level**2
    freedom = jnp.round(jnp.where(some, total, 1.0) / level)
    within = edges > 0  # otherwise it is certain, and the slope at 0 may be infinite
    exact = jnp.where(
        within, gammaincc(means * freedom / 2, means * jnp.where(within, edges, level) / (2 * level)), 1.0
    )

    def draw() -> tuple[Array, Array]:
        normal = jax.random.normal(key, (REPLICATIONS * means, form.shape[0]), form.dtype)
        sums = jnp.mean(jnp.sum((normal @ form) * normal, axis=1).reshape(REPLICATIONS, means), axis=1)
        chance = jax.lax.map(lambda edge: jnp.mean(sums > edge, dtype=form.dtype), edges.ravel()).reshape(edges.shape)
        doubt = jnp.max(jnp.maximum(chance * (1 - chance), 1 / REPLICATIONS))  # never seen is not impossible
        return chance, jnp.sqrt(doubt / REPLICATIONS)

    def known() -> tuple[Array, Array]:
        return jnp.where(some, exact, (edges < 0).astype(form.dtype)), jnp.zeros((), form.dtype)

    chance, error = jax.lax.cond(even | ~some, known, draw)
    return chance, error


def _tail(expected: np.ndarray | np.generic, noise: np.ndarray, means: int) -> np.ndarray:
    """Chance that expected + noise·(1 − Z²) is negative; of several means that of 1 − χ²/means."""
    edge = np.maximum(1 + np.asarray(expected) / np.where(noise > 0, noise, 1.0), 0.0)
    return np.asarray(scipy.special.chdtrc(means, means * edge), float)
