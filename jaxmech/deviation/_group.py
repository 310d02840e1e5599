"""Kernel: what a group of agents who share everything among themselves gains, or one agent under several names."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._pytree import indexable
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Distributions, Int, Scalar
from jaxmech.deviation._draws import Draws
from jaxmech.deviation._fit import solve_regularised
from jaxmech.deviation._loss import mean_of, or_ignorance
from jaxmech.deviation._spread import spread_draws
from jaxmech.mechanism import Information, Stakes, Statistics

HANDED_IN = ("shares", "copies", "shares said to be whole", "all under one name")
"""What the names hand in: what each collected; as many points as each is asked for with the mean of what all collected,
or of what she collected herself; everything under the name that is asked for most, and nothing under the others."""

COLLECTED = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
"""Parts of what all names together are asked for that are tried."""


SPREADS = (1.0, 10.0, 1000.0)
"""How many times the variance of points that are handed in is tried, where noise follows the others' spread: the last
is so much that no noise is added."""

_AWAY = 3.0
"""The true means, in σ: what is read as 0 because there is nothing must be no lucky guess."""


class Group(NamedTuple):
    """What a group does that shares its points and whatever comes back, and what it pays.

    Attributes:
        pays: sum of its members' expected penalties, of fresh draws.
        standard_error: of that.
        collected: (distributions,) points that they collect together.
        handed_in: (distributions,) index into :data:`HANDED_IN`.
        spread: (distributions,) how many times the variance that points have is handed in, about the same mean.
    """

    pays: Scalar
    standard_error: Scalar
    collected: Distributions
    handed_in: Int[Array, " distributions"]
    spread: Distributions


class _How(NamedTuple):
    """What a group does, by distribution."""

    collected: Array
    handed_in: Array
    spread: Array


class _Set(NamedTuple):
    """Common random numbers, one row per replication.

    Attributes:
        draws: means and the mechanism's keys.
        scatter: (draws, agents, distributions), s²/σ² within as many points as everybody is asked for; None where
            nobody looks at it.
    """

    draws: Draws
    scatter: Array | None


class _Run(NamedTuple):
    """What a group has to estimate from in one draw, (distributions, ...), and what it is paid.

    Attributes:
        base: the mean of all points without noise that it has, or failing these with noise, as an error.
        features: differences from it, plain and times how clear the noisy means are.
        known: whether there is anything.
        payment: of all members.
    """

    base: Array
    features: Array
    known: Array
    payment: Array


def group_response(
    mechanism: Any,
    problem: Any,
    members: Int[Array, " members"],
    key: Array,
    draws: int = 4096,
    *,
    one: bool = False,
    spreads: tuple[float, ...] = (),
) -> Group:
    """Search for what a group of names can do together if all others comply: min over joint strategies of Σ penalties.

    Whoever of them has the least cost collects, within her limits if there are any; they hand in one of
    :data:`HANDED_IN` in each distribution, and estimate from everything that they have or that comes back to any of
    them, by a combination of all these means whose weights depend on how much noise was added. Combinations are fitted
    by least squares on one set of draws, strategies are compared on a second, and the winner is paid for on a third: a
    lower bound of what a group can gain, up to the standard error. Points that they invent are not tried, so that the
    true mean plays no role.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism` that answers counts and means.
        problem: anything with costs, sigma and price.
        members: indices of their names.
        key: random key.
        draws: in each of the three sets, static; powers of two are spread best.
        one: whether they are names of one agent, whose error counts once; static.
        spreads: factors of the variance of what they hand in that are tried, such as :data:`SPREADS`, static: for
            mechanisms that look at variances, which are then drawn for everybody. Without any nobody hands them in.

    Raises:
        ProblemError: for agents who differ in precision or in what accuracy is worth to them.

    Source: this package; for names Yokoo, Sakurai and Matsubara 2004, false-name bids, for groups Aumann 1959.

    Example:
        >>> from jaxmech import collaboration
        >>> problem = collaboration.Problem([[0.004]] * 10, 1.0)
        >>> plan = collaboration.solve(problem, mechanism="c3d").value
        >>> c3d = collaboration.mechanism(problem, plan)
        >>> found = group_response(c3d, problem, jnp.array([0, 1]), jax.random.key(0), 512)
        >>> round(1 - float(found.pays) / float(plan.penalty[:2].sum()), 1), HANDED_IN[int(found.handed_in[0])]
        (0.3, 'copies')
    """
    stakes = Stakes.of(problem).of_agents_alike("allies are searched for among agents who are alike", limits=True)
    mechanism, stakes = indexable(mechanism), indexable(stakes)
    asked = jnp.asarray(mechanism.recommended.samples, stakes.costs.dtype)
    game = _Game(mechanism, stakes, asked, members, _units(stakes, asked, members), one)
    fit, compare, judge = (_drawn(part, draws, asked, bool(spreads)) for part in jax.random.split(key, 3))

    def tried(how: _How) -> tuple[Array, Array]:
        weights = _fitted(game.runs(how, fit))
        parts, payment = game.losses(how, weights, compare)
        return jnp.mean(parts, axis=0) - jnp.mean(payment) / parts.shape[1], weights

    every = game.allowed(_every(game.unit, spreads or (1.0,)))
    cost, weights = jax.lax.map(tried, every)

    def composed(choice: Array) -> tuple[_How, Array]:
        columns = jnp.arange(len(choice))
        return _How(*(part[choice, columns] for part in every)), weights[choice, columns]

    candidates = jax.vmap(composed)(_best(cost))
    again = jax.lax.map(lambda row: jnp.mean(game.total(row[0], row[1], compare)), candidates)
    how, chosen = jax.tree.map(lambda leaf: leaf[jnp.argmin(again)], candidates)
    total = game.total(how, chosen, judge)
    return Group(jnp.mean(total), jnp.std(total) / draws**0.5, *how)


class _Game(NamedTuple):
    """Who plays what."""

    mechanism: Any
    stakes: Stakes
    asked: Array
    members: Array
    unit: Array
    one: bool

    def total(self, how: _How, weights: Array, draws: _Set) -> Array:
        """What the group pays in every draw, (draws,)."""
        parts, payment = self.losses(how, weights, draws)
        return jnp.sum(parts, axis=1) - payment

    def losses(self, how: _How, weights: Array, draws: _Set) -> tuple[Array, Array]:
        """Priced errors and cost by draw and distribution, and what the mechanism pays by draw."""
        runs = self.runs(how, draws)
        error = (runs.base + jnp.sum(runs.features * weights, axis=-1)) ** 2
        cost = self._cost(how.collected)
        estimators = 1 if self.one else len(self.members)
        error = or_ignorance(error, runs.known, self.stakes)
        return estimators * self.stakes.price * error + cost, runs.payment

    def allowed(self, how: _How) -> _How:
        """The nearest amounts that they can and must collect together."""
        if self.stakes.capacity is None:
            return how
        low, high = (jnp.sum(bounds, axis=0) for bounds in _bounds(self.stakes, self.asked, self.members))
        return how._replace(collected=jnp.clip(how.collected, low, high))

    def _cost(self, collected: Distributions) -> Distributions:
        """Whoever has the least cost collects, up to her most; everybody what she must."""
        if self.stakes.capacity is None:
            everywhere = jnp.broadcast_to(collected, self.stakes.costs.shape)
            return jnp.min(self.stakes.spent(everywhere)[self.members], axis=0)
        costs, (low, high) = self.stakes.costs[self.members], _bounds(self.stakes, self.asked, self.members)
        order = jnp.argsort(costs, axis=0)
        price, low, high = (jnp.take_along_axis(table, order, axis=0) for table in (costs, low, high))
        room = high - low
        before = jnp.concatenate([jnp.zeros_like(room[:1]), jnp.cumsum(room, axis=0)[:-1]])
        amount = low + jnp.clip(collected - jnp.sum(low, axis=0) - before, 0, room)
        return jnp.sum(jnp.where(amount > 0, jnp.where(amount > 0, price, 1) * amount, 0), axis=0)

    def runs(self, how: _How, draws: _Set) -> _Run:
        """What comes back in every draw."""
        found: _Run = jax.vmap(partial(self._run, how))(draws.draws.others, draws.draws.keys, draws.scatter)
        return found

    def _run(self, how: _How, normal: Array, key: Array, scatter: Array | None) -> _Run:
        sigma, members = self.stakes.sigma, self.members
        truth = _AWAY * sigma
        honest = mean_of(self.asked, truth, sigma, normal)
        own = how.collected * self._shares()
        seen = mean_of(own, truth, sigma, normal[members])
        pooled = jnp.sum(own * seen, axis=0) / jnp.where(how.collected > 0, how.collected, 1)
        told = self._hand_in(how, own, seen, pooled)
        everything = Statistics(
            self.asked.at[members].set(told.count),
            honest.at[members].set(jnp.where(told.count > 0, told.mean, 0)),
            None if scatter is None else sigma**2 * scatter.at[members].multiply(how.spread),
        )
        back: Information = self.mechanism.respond(everything, key)
        back = jax.tree.map(lambda leaf: jnp.asarray(leaf)[members], back)
        run = _evidence(back, own, seen, sigma**2)
        return run._replace(base=run.base - truth)

    def _shares(self) -> Array:
        """How the group deals its points among its names."""
        asked = self.asked[self.members]
        total = jnp.sum(asked, axis=0)
        return jnp.where(total > 0, asked / jnp.where(total > 0, total, 1), 1 / len(self.members))

    def _hand_in(self, how: _How, own: Array, seen: Array, pooled: Array) -> Statistics:
        asked = self.asked[self.members]
        first = jnp.arange(len(asked))[:, None] == jnp.argmax(asked, axis=0)
        said = jnp.where(how.collected > 0, asked, 0)
        counts = jnp.stack([own, said, said, jnp.where(first, how.collected, 0)])
        means = jnp.stack([seen, jnp.broadcast_to(pooled, seen.shape), seen, jnp.broadcast_to(pooled, seen.shape)])
        columns = jnp.arange(len(how.handed_in))
        return Statistics(counts[how.handed_in, :, columns].T, means[how.handed_in, :, columns].T)


def _units(stakes: Stakes, asked: Array, members: Array) -> Distributions:
    """What they are asked for together, or what the cheapest would collect alone; 0 where none of them can."""
    total, cheapest = jnp.sum(asked[members], axis=0), jnp.min(stakes.costs[members], axis=0)
    able = jnp.isfinite(cheapest)
    alone = stakes.sigma * jnp.sqrt(stakes.price / jnp.where(able, cheapest, 1))
    return jnp.where(able, jnp.where(total > 0, total, alone), 0)


def _bounds(stakes: Stakes, asked: Array, members: Array) -> tuple[Array, Array]:
    """What each member must and can collect of each distribution, (members, distributions), whatever of the others.

    What of a budget is left beside what she is asked for is dealt evenly, so that no choice exceeds it.
    """
    assert stakes.capacity is not None
    least, most, budget = (
        part[members] for part in (stakes.capacity.least, stakes.capacity.most, stakes.capacity.budget)
    )
    costs, asked = stakes.costs[members], asked[members]
    price = jnp.where(costs != jnp.inf, costs, 1)
    left = jnp.maximum(budget - jnp.sum(price * asked, axis=1), 0)
    afford = asked + left[:, None] / (asked.shape[1] * price)
    return least, jnp.maximum(jnp.minimum(most, afford), least)


def _drawn(key: Array, draws: int, asked: Array, scattered: bool) -> _Set:
    """Draws, and where variances count those within honest points; fewer than two points have none."""
    numbers = spread_draws(key, draws, *asked.shape)
    if not scattered:
        return _Set(numbers, None)
    freedom = asked - 1
    safe = jnp.where(freedom > 0, freedom, 1)
    chi_squared = 2 * jax.random.gamma(jax.random.fold_in(key, 1), safe / 2, (draws, *asked.shape), asked.dtype)
    return _Set(numbers, jnp.where(freedom > 0, chi_squared / safe, 0))


def _every(unit: Distributions, spreads: tuple[float, ...]) -> _How:
    """All that is tried, the same in every distribution, on a leading axis."""
    told = jnp.asarray(COLLECTED, unit.dtype), jnp.arange(len(HANDED_IN)), jnp.asarray(spreads, unit.dtype)
    parts, kinds, spread = (table.reshape(-1, 1) for table in jnp.meshgrid(*told, indexing="ij"))
    return _How(parts * unit, *(jnp.broadcast_to(table, (len(table), len(unit))) for table in (kinds, spread)))


def _best(cost: Array) -> Array:
    """Two choices: the best of every distribution, and the best that is the same in all."""
    together = jnp.argmin(jnp.sum(cost, axis=1))
    return jnp.stack([jnp.argmin(cost, axis=0), jnp.full(cost.shape[1], together)])


def _evidence(back: Information, own: Array, seen: Array, variance: Array) -> _Run:
    """All means that the group has: a base, and how far each of them is from it."""
    noisy = jnp.isfinite(back.noisy_variance) & (back.noisy_count > 0)
    counts = jnp.concatenate([own, back.clean_count, jnp.where(noisy, back.noisy_count, 0)])
    means = jnp.concatenate([seen, back.clean_mean, back.noisy_mean])
    clean = jnp.concatenate([own, back.clean_count])
    precision = jnp.where(noisy, back.noisy_count / jnp.where(noisy, back.noisy_variance, 1), 0)
    weights = jnp.where(jnp.any(clean > 0, axis=0), jnp.concatenate([clean, 0 * own]), counts)
    total = jnp.sum(weights, axis=0)
    known = total > 0
    base = jnp.sum(jnp.where(weights > 0, weights * means, 0), axis=0) / jnp.where(known, total, 1)
    apart = jnp.where(counts > 0, means - base, 0)
    clear = precision / (precision + jnp.where(known, total, 1) / variance)
    clear = jnp.concatenate([jnp.ones_like(base)[None], clear, jnp.prod(clear, axis=0, keepdims=True)])
    features = (clear[:, None] * apart).reshape(-1, len(base))
    return _Run(base, features.T, known, jnp.sum(back.payment))


def _fitted(runs: _Run) -> Array:
    """Weights of the features, (distributions, features), that leave the least squared error."""
    base = jnp.where(runs.known, runs.base, 0)
    features = jnp.where(runs.known[..., None], runs.features, 0)
    # a mean that is the base but for rounding says nothing, and scaled up its rounding would
    least = tolerances(base.dtype).eps * jnp.mean(base**2, axis=0)
    features = jnp.where(jnp.mean(features**2, axis=0) > least[:, None], features, 0)
    matrix = jnp.einsum("nki,nkj->kij", features, features)
    right = -jnp.einsum("nki,nk->ki", features, base)
    found: Array = jax.vmap(solve_regularised)(matrix, right)
    return found
