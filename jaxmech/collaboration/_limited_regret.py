"""How much an agent could gain by collecting other amounts within most, least and budget, bounded without a search."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Support
from jaxmech.collaboration._penalty import collection_cost, risk
from jaxmech.collaboration._problem import Problem, unlimited_alone
from jaxmech.mechanism import Capacity, of_others
from jaxmech.mechanism._capacity import sampled, spent

_HALVINGS = 60


def best_beside(problem: Problem, given: Amounts) -> Amounts:
    """Return what is best within her limits for an agent who gets all of ``given`` beside what she collects.

    n = clip(y n_IND − given, least, most) with the largest y <= 1 that the budget allows, by bisection.

    Args:
        problem: the problem, with a capacity.
        given: points of others, by agent and distribution.

    Source: this package: the first-order condition, as in section 3.2 of Clinton et al. 2025.
    """
    capacity = _capacity(problem)
    wish, able = unlimited_alone(problem), sampled(problem.costs, capacity)

    def at(y: Agents) -> Amounts:
        return jnp.where(able, jnp.clip(y[:, None] * wish - given, capacity.least, capacity.most), 0.0)

    def halve(_: Array, ends: tuple[Agents, Agents]) -> tuple[Agents, Agents]:
        low, high = ends
        middle = (low + high) / 2
        fits = spent(problem.costs, at(middle)) <= capacity.budget
        return jnp.where(fits, middle, low), jnp.where(fits, high, middle)

    one = jnp.ones_like(capacity.budget)
    low, _ = jax.lax.fori_loop(0, _HALVINGS, halve, (0 * one, one))
    return at(jnp.where(spent(problem.costs, at(one)) <= capacity.budget, one, low))


class Watched(NamedTuple):
    """What is known about checked agents' penalties, which are convex in the amount where ``sound``.

    Attributes:
        checked: who is checked on what; the rest means nothing elsewhere.
        promised: penalty at n*.
        slope: its derivative there.
        sound: whether the penalty is convex and enough points of others back the check.
        gain: what the best amount that was tried gains.
        best: that amount.
    """

    checked: Support
    promised: Amounts
    slope: Amounts
    sound: Support
    gain: Amounts
    best: Amounts


def limited_regret(
    problem: Problem, samples: Amounts, alone: Support, watched: Watched, unit: Array | float | None
) -> tuple[Amounts, Amounts, Amounts]:
    """Return a bound on what other amounts gain each agent, what the best known gains, and these amounts.

    By weak duality: with any price μ >= 0 of her budget, of which n* leaves a part, no amounts within her limits gain
    more than μ times what is left and Σ_k max_n (q_k(n*) − q_k(n) − μ c (n − n*)), n between least and most. Where she
    is not checked the maximum is known in closed form; elsewhere q_k is convex, and its tangent at n* bounds it, for
    amounts that cost no more than what she pays now. The least over the prices at which some slope vanishes is taken.

    Args:
        problem: the problem, with a capacity.
        samples: recommended amounts.
        alone: who gets nothing of the others.
        watched: what is known about those who are checked.
        unit: what a whole point counts where only whole ones are collected; None for real numbers.

    Source: this package.
    """
    ranges = _ranges(problem, samples, unit)
    given = jnp.where(alone, 0, of_others(samples))
    error = jnp.broadcast_to(problem.error, samples.shape)
    able = sampled(problem.costs, _capacity(problem))

    def paid(amounts: Amounts) -> Amounts:
        return risk(error, given + amounts) + collection_cost(problem, amounts)

    def best(price: Agents, most: Amounts) -> Amounts:
        ideal = unlimited_alone(problem) / jnp.sqrt(1 + price)[:, None] - given
        return jnp.where(able & ~watched.checked, _nearest(ranges, ideal, paid, price, most), samples)

    points = jnp.where(given + samples > 0, given + samples, 1)
    slope = jnp.where(watched.checked, watched.slope, ranges.price - error / points**2)
    pays = jnp.sum(jnp.where(watched.checked, watched.promised, paid(samples)), axis=1)
    accuracy = tolerances(samples.dtype)
    dust = accuracy.root * accuracy.eps * ranges.price
    up = jnp.clip(pays[:, None] / ranges.price - samples, 0, ranges.most - samples)

    def bound(price: Agents) -> Amounts:
        steep = slope + price[:, None] * ranges.price
        tangent = jnp.maximum((steep + dust) * (samples - ranges.least), (dust - steep) * up)
        amounts = best(price, ranges.most)
        free = paid(samples) - paid(amounts) - price[:, None] * ranges.price * (amounts - samples)
        gains = jnp.where(watched.checked, tangent, jnp.where(samples == amounts, 0, free))
        return jnp.where(able, gains, 0) + (price * ranges.left / samples.shape[1])[:, None]

    prices = jnp.where(able & (slope < 0), -slope / ranges.price, 0).T
    found = jax.vmap(bound)(jnp.concatenate([jnp.zeros_like(prices[:1]), prices]))
    sums = jnp.where(jnp.isnan(found), jnp.inf, found).sum(axis=2)
    chosen = jnp.take_along_axis(found, jnp.argmin(sums, axis=0)[None, :, None], axis=0)[0]
    chosen = jnp.where((watched.checked & ~watched.sound) | jnp.isnan(chosen), jnp.inf, chosen)
    single = best(jnp.zeros_like(pays), ranges.affordable)
    tried = watched.checked & (watched.best >= ranges.least) & (watched.best <= ranges.affordable)
    gain = jnp.where(tried, watched.gain, jnp.where(single == samples, 0, paid(samples) - paid(single)))
    return chosen, gain, jnp.where(tried, watched.best, single)


class _Ranges(NamedTuple):
    """Between which amounts an agent may choose: of one distribution alone ``affordable`` is the most."""

    least: Amounts
    most: Amounts
    affordable: Amounts
    price: Amounts
    left: Agents
    unit: Array | float | None


def _ranges(problem: Problem, samples: Amounts, unit: Array | float | None) -> _Ranges:
    capacity = _capacity(problem)
    able = sampled(problem.costs, capacity)
    price = jnp.where(able, problem.costs, 1.0)
    left = jnp.where(capacity.budget == jnp.inf, jnp.inf, capacity.budget - spent(problem.costs, samples))
    left = jnp.maximum(left, 0.0)
    least = jnp.where(able, jnp.minimum(capacity.least, samples), 0.0)
    most = jnp.where(able, jnp.maximum(capacity.most, samples), 0.0)
    affordable = jnp.minimum(most, samples + left[:, None] / price)
    endless = left == jnp.inf  # without a limit there is no price for it, and ∞·0 must not come up
    return _Ranges(least, most, affordable, price, jnp.where(endless, 1 / tolerances(left.dtype).eps, left), unit)


def _nearest(
    ranges: _Ranges, ideal: Amounts, paid: Callable[[Amounts], Amounts], price: Agents, most: Amounts
) -> Amounts:
    """The best amount within the range, of a convex penalty that is least at ``ideal``."""
    if ranges.unit is None:
        return jnp.clip(ideal, ranges.least, most)
    slack = tolerances(ideal.dtype).optimality
    first, last = jnp.ceil(ranges.least / ranges.unit - slack), jnp.floor(most / ranges.unit + slack)
    low = jnp.clip(jnp.floor(ideal / ranges.unit), first, last)
    low, high = low * ranges.unit, jnp.minimum(low + 1, last) * ranges.unit
    extra = price[:, None] * ranges.price
    return jnp.where(paid(high) + extra * high < paid(low) + extra * low, high, low)


def _capacity(problem: Problem) -> Capacity:
    assert problem.capacity is not None
    return problem.capacity
