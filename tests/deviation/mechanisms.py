"""Mechanisms and problems that the tests of deviations and audits share."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech import collaboration
from jaxmech.deviation import SearchSettings
from jaxmech.mechanism import Information, Strategy

QUICK = SearchSettings(draws=16, steps=3, polish_draws=16, polish_steps=3, batches=4, batch=64)
"""Wrong answers quickly: for tests of anything but the answer."""


def equal(agents, mechanism, division="social", cost=0.01):
    """A problem of equal agents and the mechanism for it."""
    problem = collaboration.Problem([[cost]] * agents, 1.0)
    plan = collaboration.solve(problem, mechanism=mechanism, division=division).raise_for_status().value
    return problem, plan, collaboration.mechanism(problem, plan)


def different(agents, mechanism="cbl", division="egalitarian", seed=0, spread=0.1):
    """A problem of agents with different costs."""
    costs = 0.01 * np.exp(np.random.default_rng(seed).normal(0, spread, (agents, 1)))
    problem = collaboration.Problem(costs, 1.0)
    plan = collaboration.solve(problem, mechanism=mechanism, division=division).raise_for_status().value
    return problem, plan, collaboration.mechanism(problem, plan)


def corrupted(mechanism, factor):
    """The same mechanism with another α."""
    return dataclasses.replace(mechanism, alpha=mechanism.alpha * factor)


def permuted(mechanism, order):
    """The same mechanism with the rows of its plan dealt out to other agents."""
    order = np.asarray(order)
    rows = {name: getattr(mechanism, name)[order] for name in ("samples", "role", "alpha")}
    return dataclasses.replace(mechanism, **rows)


class Naive:
    """What a user may write: everybody gets her own data and the noisy mean of the others, noisier if she differs."""

    def __init__(self, samples, alpha, variance=1.0):
        self.recommended = Strategy(jnp.asarray(samples, float))
        self.alpha, self.variance = alpha, variance

    def respond(self, submission, key):
        count, mean = submission.count, submission.mean
        others = count.sum(axis=0) - count
        theirs = ((count * mean).sum(axis=0) - count * mean) / jnp.where(others > 0, others, 1)
        extra = self.alpha**2 * (mean - theirs) ** 2
        noise = jnp.sqrt(extra / jnp.where(others > 0, others, 1)) * jax.random.normal(key, mean.shape)
        return Information(count, mean, others, theirs + noise, self.variance + extra)


class Hidden:
    """A mechanism behind the plain protocol: what it can do and prove beside ``respond`` is not seen."""

    def __init__(self, inner):
        self.inner, self.recommended = inner, inner.recommended

    def respond(self, submission, key):
        return self.inner.respond(submission, key)
