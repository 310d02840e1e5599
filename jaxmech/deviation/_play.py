"""How agents who deviate play: in points that there are, and around what they take for the true mean."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Array
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Information, Stakes, Statistics

_GUESS = 0x9E55
"""Keeps the draws of guesses apart from all others."""
_CRUMB = 1e-2
"""Less than this part of a point, or of what is recommended, is nothing."""


class Play(NamedTuple):
    """Who deviates, how, and how well she knows the true mean, in σ."""

    who: tuple[int, ...]
    how: tuple[Deviation, ...]
    guess_error: Array

    def amounts(self, mechanism: Any, dtype: Any) -> Array:
        """Return what everybody collects, (agents, distributions)."""
        counts = jnp.asarray(mechanism.recommended.samples, dtype)
        for i, deviation in zip(self.who, self.how, strict=True):
            counts = counts.at[i].set(deviation.samples)
        return counts

    def guesses(self, key: Array, truth: Array, stakes: Stakes) -> Array:
        """Return what those who deviate take for the true means, (deviating, distributions).

        Args:
            key: of one run.
            truth: the true means.
            stakes: standard deviations.
        """
        shape = (len(self.who), *truth.shape)
        drawn = jax.random.normal(jax.random.fold_in(key, _GUESS), shape, truth.dtype)
        return truth + self.guess_error * stakes.sigma * drawn


def playable(deviation: Deviation, problem: Any, *, whole: bool) -> Deviation:
    """Return a strategy that a person can carry out: nobody takes the mean of a thousandth of a point.

    Args:
        deviation: what a search found, in real numbers of points.
        problem: anything with costs, sigma and price.
        whole: whether all numbers of points are rounded; else only crumbs become none.

    Source: none; rounding.

    Example:
        >>> from jaxmech import collaboration
        >>> problem = collaboration.Problem([[0.01]] * 4, 1.0)
        >>> crumbs = dataclasses.replace(Deviation.truth(jnp.array([5.0])), log_samples=jnp.array([-10.0]))
        >>> playable(crumbs, problem, whole=False).samples.tolist()
        [0.0]
    """
    samples = deviation.samples
    if whole:
        stakes = Stakes.of(problem).of_agents_alike("strategies in whole points are for points that are alike")
        return in_whole_points(deviation, jnp.round(samples), stakes)
    some = samples >= _CRUMB * jnp.minimum(deviation.unit, 1.0)
    return dataclasses.replace(deviation, collects=jnp.where(some, deviation.collects, 0.0))


def submits(deviation: Deviation, guess: Array, seen: Array, private: Array, stakes: Stakes) -> Statistics:
    """Return what she submits who counts means from her guess.

    Args:
        deviation: what she does.
        guess: what she takes for the true means.
        seen: means of what she collected.
        private: her own standard normal numbers.
        stakes: standard deviations.
    """
    told = deviation.submit(seen - guess, private, stakes.sigma)
    return Statistics(told.count, jnp.where(told.count > 0, told.mean + guess, 0.0))


def estimates_of(
    deviation: Deviation, guess: Array, seen: Array, submitted: Statistics, row: Information, variance: Array
) -> Array:
    """Return what she estimates who counts means from her guess; arguments as in :meth:`Deviation.estimate`."""
    submitted = Statistics(submitted.count, submitted.mean - guess)
    row = dataclasses.replace(row, clean_mean=row.clean_mean - guess, noisy_mean=row.noisy_mean - guess)
    return guess + deviation.estimate(seen - guess, submitted, row, variance).at(row.noisy_mean[0])


def in_whole_points(deviation: Deviation, count: Array, stakes: Stakes) -> Deviation:
    """Return the same strategy with these numbers of points collected, and a whole number submitted.

    Args:
        deviation: a strategy.
        count: whole numbers of points, per distribution.
        stakes: standard deviations.
    """
    some = count > 0
    fitted = dataclasses.replace(
        deviation,
        collects=jnp.where(some, 1.0, 0.0).astype(deviation.unit.dtype),
        log_samples=jnp.log(jnp.where(some, count, 1.0) / deviation.unit),
    )
    told = jnp.round(fitted.submit(jnp.zeros_like(count), jnp.zeros_like(count), stakes.sigma).count[0])
    return dataclasses.replace(
        fitted,
        invents=jnp.ones_like(deviation.unit),
        log_report=jnp.log(jnp.maximum(told, 1.0) / deviation.unit),
        submits=jnp.where(told > 0, 1.0, 0.0).astype(deviation.unit.dtype),
    )
