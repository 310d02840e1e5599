"""Kernel: the best estimate of a submission that is linear in all that came back, by least squares on common draws."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.deviation._draws import Draws, PointDraws
from jaxmech.deviation._estimate import Estimate, Features
from jaxmech.deviation._families import Candidate
from jaxmech.deviation._loss import collecting, exchange, far_apart, or_ignorance
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Stakes

_RIDGE = 1e5
"""Relative regularisation of the normal equations, in units of the spacing of numbers."""

_CLEARLY = 0.97
"""A fitted estimate has to cost less than the weighted mean by this factor: what fits a little better on few draws may
fail in rare ones, where noise that was weighed little before is weighed alike."""


class _Rows(NamedTuple):
    """Draws: the weighted mean and its features, what is to be estimated, the noisy mean and its variance."""

    weighted: Estimate
    features: Features
    truth: Array
    noisy_mean: Array
    noise: Array

    def errors(self, weights: Array, centres: Array) -> Array:
        """Squared error of a corrected estimate in every draw, (draws, distributions)."""
        fixed = self.weighted.fixed + jnp.sum(weights * (self.features.fixed - centres), axis=-1)
        share = self.weighted.share + jnp.sum(weights * self.features.share, axis=-1)
        return Estimate(fixed, share, self.weighted.known).squared_error(self.truth, self.noisy_mean, self.noise)


def fitted(
    mechanism: Any, stakes: Stakes, agents: Array, strategies: Candidate, draws: Draws | PointDraws, guesses: Array
) -> tuple[Deviation, Array]:
    """Return strategies with the estimates that fit them best, and what each costs by distribution.

    Weights are fitted on the first half of the draws and judged on the second, and kept where they are clearly better
    than none; those that are returned are fitted on all. Strategies that rest on a guess are fitted and judged at
    several true means at once, and cost what they do at the one that is worst.

    Args:
        mechanism: see :class:`~jaxmech.mechanism.Mechanism`.
        stakes: costs, standard deviations and prices.
        agents: (strategies,) who plays each.
        strategies: on a leading axis.
        draws: common random numbers, an even number of them.
        guesses: true means in σ, in turn.
    """

    def one(agent: Array, candidate: Candidate) -> tuple[Deviation, Array]:
        return _fit_one(mechanism, stakes, agent, candidate, draws, guesses)

    found: tuple[Deviation, Array] = jax.vmap(one)(agents, strategies)
    return found


def _fit_one(
    mechanism: Any, stakes: Stakes, agent: Array, candidate: Candidate, draws: Draws | PointDraws, guesses: Array
) -> tuple[Deviation, Array]:
    deviation, count = candidate.deviation, len(draws.own)
    turn = jnp.arange(count) % len(guesses)
    rows, payment = _rows(mechanism, stakes, agent, deviation, draws, far_apart(guesses[turn], stakes))
    first = jnp.arange(count) < count // 2
    none = jnp.zeros_like(deviation.fitted)
    member = (turn == jnp.arange(len(guesses))[:, None]) & ~first
    member = member / jnp.sum(member, axis=1, keepdims=True)

    def cost(weights: Array, centres: Array) -> Array:
        """Of collecting and of errors, by the draws that did not choose the weights."""
        error = or_ignorance(rows.errors(weights, centres), rows.weighted.known, stakes)
        by_place = member.astype(error.dtype) @ error
        hardest = jnp.where(candidate.guesses, jnp.max(by_place, axis=0), jnp.mean(by_place, axis=0))
        return stakes.price * hardest + collecting(stakes, agent, deviation)

    weights, centres = jax.vmap(lambda chosen: _least_squares(rows, chosen))(jnp.stack([first, jnp.ones_like(first)]))
    plain, better = jax.vmap(cost)(jnp.stack([none, weights[0]]), jnp.stack([none, centres[0]]))
    weights, centres = weights[1], centres[1]
    use = (better < _CLEARLY * plain)[:, None]
    paid = member.astype(payment.dtype) @ payment
    paid = jnp.where(candidate.guesses, jnp.min(paid), jnp.mean(paid)) / plain.shape[0]
    done = dataclasses.replace(deviation, fitted=jnp.where(use, weights, 0.0), centres=jnp.where(use, centres, 0.0))
    parts = jnp.where(use[:, 0], better, plain) - paid
    return done, jnp.where(jnp.isfinite(parts), parts, jnp.inf)


def _rows(
    mechanism: Any, stakes: Stakes, agent: Array, deviation: Deviation, draws: Draws | PointDraws, places: Array
) -> tuple[_Rows, Array]:
    variance = stakes.sigma**2

    def one(row: Draws | PointDraws, place: Array) -> tuple[_Rows, Array]:
        mean = place * stakes.sigma
        got = exchange(mechanism, stakes, agent, deviation, row, mean)
        weighted, evidence = deviation.weigh(got.seen, got.submitted, got.answer, variance)
        features = evidence.features(weighted)
        return _Rows(weighted, features, mean, got.noisy_mean, got.noise), got.answer.payment[0]

    rows: tuple[_Rows, Array] = jax.vmap(one)(draws, places)
    return rows


def _least_squares(rows: _Rows, chosen: Array) -> tuple[Array, Array]:
    """Weights and centres of the features, (distributions, features), that minimise the expected squared error.

    The noisy mean that is averaged over adds a term of its own to every draw: noise · (share of the estimate)².
    """
    features = rows.features.fixed + rows.features.share * rows.noisy_mean[..., None]
    left = rows.truth - rows.weighted.fixed - rows.weighted.share * rows.noisy_mean
    use = chosen[:, None] & rows.weighted.known & jnp.isfinite(left) & jnp.all(jnp.isfinite(features), axis=-1)
    features, left = jnp.where(use[..., None], features, 0.0), jnp.where(use, left, 0.0)
    size = jnp.maximum(jnp.sum(use, axis=0), 1).astype(left.dtype)
    # The last feature is 1: it stays as it is, and gives back what the others' centres take.
    centres = (jnp.sum(features, axis=0) / size[:, None]).at[:, -1].set(0.0)
    about = jnp.where(use[..., None], features - centres, 0.0)
    spread = jnp.where(use, jnp.sqrt(jnp.where(use, rows.noise, 0.0)), 0.0)
    shares, lost = spread[..., None] * rows.features.share, -spread * rows.weighted.share
    shares, lost = jnp.where(use[..., None], shares, 0.0), jnp.where(use, lost, 0.0)
    matrix = jnp.einsum("nki,nkj->kij", about, about) + jnp.einsum("nki,nkj->kij", shares, shares)
    right = jnp.einsum("nki,nk->ki", about, left) + jnp.einsum("nki,nk->ki", shares, lost)
    return jax.vmap(solve_regularised)(matrix, right), centres


def solve_regularised(matrix: Array, right: Array) -> Array:
    """Solve a small positive semidefinite system, regularised, by elimination: no library, so no lock between threads.

    Features that are missing, or zero, get a weight of zero.

    Args:
        matrix: Σ of products of features.
        right: Σ of their products with what is to be explained.
    """
    diagonal = jnp.diagonal(matrix)
    there = diagonal > 0
    scale = jnp.where(there, jax.lax.rsqrt(jnp.where(there, diagonal, 1.0)), 0.0)
    unit = matrix * scale[:, None] * scale + jnp.diag(jnp.where(there, _RIDGE * tolerances(matrix.dtype).eps, 1.0))
    system = jnp.concatenate([unit, (right * scale)[:, None]], axis=1)

    def eliminate(j: Array, system: Array) -> Array:
        row = system[j] / system[j, j]
        column = system[:, j].at[j].set(0.0)
        return (system - column[:, None] * row).at[j].set(row)

    solved: Array = jax.lax.fori_loop(0, len(right), eliminate, system)[:, -1] * scale
    return solved
