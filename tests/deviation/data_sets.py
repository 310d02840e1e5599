"""A mechanism that reads whole data sets: c3d, or one of two rules that only strategies on data sets exploit."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxmech import collaboration
from jaxmech._pytree import pytree
from jaxmech.mechanism import Information, Strategy

AGENTS, ASKED = 5, 4
OTHERS = (AGENTS - 1) * ASKED
COST = 1 / (AGENTS * ASKED**2)
"""At which c3d asks for just so many points."""
FACTOR, LIMIT = 2.0, 2.0
PROBLEM = collaboration.Problem([[COST]] * AGENTS, 1.0)


@pytree
@dataclasses.dataclass(frozen=True)
class OnDataSets:
    """What comes back to who hands in as many points as asked.

    c3d: what it returns, unless her points are all but equal or spread beyond all measure, which those of the honest
    never are: nobody gains who could not against c3d. Else the mean of the others' points, clean but for some noise.

    Attributes:
        inner: c3d.
        checked: 1 for c3d.
        factor: variance of the noise of a point, in units of the variance of what she submits.
        limit: nothing comes back if her points lie farther apart: an outlier test.
    """

    inner: Any
    checked: Any
    factor: Any
    limit: Any

    @property
    def recommended(self):
        return Strategy(self.inner.recommended.samples)

    def respond(self, submission, key):
        values, mask = submission.values, submission.mask
        answer, count, mean = self.inner.respond(submission, key), submission.count, submission.mean
        squares = jnp.sum(jnp.where(mask, (values - mean[..., None]) ** 2, 0.0), axis=-1)
        variance = squares / jnp.maximum(count - 1, 1)
        width = jnp.max(jnp.where(mask, values, -jnp.inf), axis=-1) - jnp.min(jnp.where(mask, values, jnp.inf), axis=-1)
        fair = jnp.where(
            self.checked > 0, (variance > 1e-4) & (variance < 1e4), (count == ASKED) & (width < self.limit)
        )
        others = jnp.sum(count, axis=0) - count
        theirs = (jnp.sum(count * mean, axis=0) - count * mean) / jnp.maximum(others, 1.0)
        extra = jnp.where(count > 1, self.factor * variance, 0.0)
        noise = jnp.sqrt(extra / jnp.maximum(others, 1.0)) * jax.random.normal(key, count.shape)
        open_handed = Information(count, mean, others, theirs + noise, 1.0 + extra)
        got = jax.tree.map(lambda one, two: jnp.where(self.checked > 0, one, two), answer, open_handed)
        return Information(
            jnp.where(fair, got.clean_count, count),
            jnp.where(fair, got.clean_mean, mean),
            jnp.where(fair, got.noisy_count, 0.0),
            got.noisy_mean,
            got.noisy_variance,
        )


def on_data_sets(*, checked=0.0, factor=0.0, limit=jnp.inf):
    plan = collaboration.solve(PROBLEM, mechanism="c3d").raise_for_status().value
    inner = collaboration.mechanism(PROBLEM, plan)
    return OnDataSets(inner, *(jnp.asarray(float(value)) for value in (checked, factor, limit)))
