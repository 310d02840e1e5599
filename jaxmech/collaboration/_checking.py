"""The mechanism behind c3d and cbl: compare each submission with others' data, and return data the noisier for it."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Amounts, Array, Codes, Distributions
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem
from jaxmech.mechanism import Information, Strategy, Submission

_LAST = 2**32 - 1


@pytree
@dataclasses.dataclass(frozen=True)
class Checked:
    """Noise that grows with the discrepancy between an agent's mean and that of others' data.

    Attributes:
        samples: recommended amounts n*.
        role: :class:`Role` codes.
        alpha: corruption coefficient α where the role is CHECKED.
        comparison: |Z|, how many points of others a submission is compared with: n* to the nearest whole number, at
            least 1.
        pool: |Y'|, how many points of others an agent who is checked gets, those in Z included: T − n* to the nearest
            whole number.
        variance: σ² of a data point.

    Source: Clinton et al. 2025, Algorithm 2; Chen, Zhu and Kandasamy 2023, Algorithm 1.
    """

    samples: Amounts
    role: Codes
    alpha: Amounts
    comparison: Amounts
    pool: Amounts
    variance: Distributions

    @property
    def recommended(self) -> Strategy:
        """Collect the recommended amounts."""
        return Strategy(self.samples)

    def respond(self, submission: Submission, key: Array) -> Information:
        """Return to each agent what her role gives her.

        - Alone: her own points.
        - Receives: all points of the others.
        - Checked: |Y'| points of the others are drawn without replacement, |Z| of them returned clean together with
          her own; the rest Z' gets independent normal noise of variance η² = α²(ȳ − z̄)². If the others submitted
          fewer points, there are fewer in Z' first, then in Z. Who submits nothing gets Z alone: her η is infinite.

        Agents submit as many points as they like. Memory is that of the submission, a few times over.

        Args:
            submission: what all agents hand in.
            key: random key for the draws and the noise.

        Returns:
            Counts and means; the noisy mean is drawn as one normal number of the right variance.

        Source: Clinton et al. 2025, Algorithm 2, lines 9 to 29, with the precision-weighted mean that its proof uses.
        """
        agents = self.samples.shape[0]
        keys = jax.random.split(key, agents)
        drawn = jax.lax.map(lambda pair: self._draw(submission, *pair), (jnp.arange(agents), keys))
        return self._sort_out(submission, drawn)

    def _draw(self, submission: Submission, agent: Array, key: Array) -> "_Drawn":
        """Others' data as one agent gets them, (distributions,) each."""
        theirs = submission.mask & (jnp.arange(submission.mask.shape[0]) != agent)[:, None, None]
        theirs, values = (
            jnp.moveaxis(table, 1, 0).reshape(table.shape[1], -1) for table in (theirs, submission.values)
        )
        draw_key, noise_key = jax.random.split(key)
        # One sort of whole numbers is several times cheaper than one that carries the values along.
        lots = jnp.where(theirs, jax.random.bits(draw_key, theirs.shape, jnp.uint32), jnp.uint32(_LAST))
        ranked = jnp.sort(lots, axis=-1)
        available = jnp.sum(theirs, axis=-1).astype(values.dtype)
        drawn = jnp.minimum(self.pool[agent], available)
        compared = jnp.minimum(self.comparison[agent], drawn)
        clean = theirs & _among_first(lots, ranked, compared)
        noisy = theirs & _among_first(lots, ranked, drawn) & ~clean
        return _Drawn(
            available=available,
            mean=_mean(values, theirs),
            clean_count=jnp.sum(clean, axis=-1).astype(values.dtype),
            clean_mean=_mean(values, clean),
            noisy_count=jnp.sum(noisy, axis=-1).astype(values.dtype),
            noisy_mean=_mean(values, noisy),
            noise=jax.random.normal(noise_key, drawn.shape, values.dtype),
        )

    def _sort_out(self, submission: Submission, drawn: "_Drawn") -> Information:
        """What each agent gets back of what was drawn for her."""
        checked, alone = self.role == Role.CHECKED, self.role == Role.ALONE
        own_count, own_mean = submission.count, submission.mean
        spread = (jnp.where(checked, self.alpha, 0) * (own_mean - drawn.clean_mean)) ** 2
        noisy_count = jnp.where(checked & (own_count > 0), drawn.noisy_count, 0)
        noise = jnp.sqrt(spread / jnp.maximum(noisy_count, 1)) * drawn.noise
        both = own_count + drawn.clean_count
        mixed = (own_count * own_mean + drawn.clean_count * drawn.clean_mean) / jnp.maximum(both, 1)
        return Information(
            clean_count=jnp.where(checked, both, jnp.where(alone, own_count, drawn.available)),
            clean_mean=jnp.where(checked, mixed, jnp.where(alone, own_mean, drawn.mean)),
            noisy_count=noisy_count,
            noisy_mean=jnp.where(noisy_count > 0, drawn.noisy_mean + noise, 0),
            noisy_variance=jnp.where(checked & (own_count == 0), jnp.inf, self.variance + spread),
        )


class _Drawn(NamedTuple):
    """Others' data: all of them, and the two parts of the sample drawn."""

    available: Array
    mean: Array
    clean_count: Array
    clean_mean: Array
    noisy_count: Array
    noisy_mean: Array
    noise: Array


def checked_mechanism(problem: Problem, plan: Plan) -> Checked:
    """Return the mechanism that carries out a plan of c3d or cbl."""
    return Checked(
        samples=plan.samples,
        role=plan.role,
        alpha=plan.alpha,
        comparison=jnp.maximum(jnp.round(plan.samples), 1),
        pool=jnp.round(plan.total - plan.samples),
        variance=problem.sigma**2,
    )


def _among_first(lots: Array, ranked: Array, count: Array) -> Array:
    """Whose lots are among the ``count`` lowest of their distribution."""
    last = jnp.take_along_axis(ranked, jnp.maximum(count - 1, 0).astype(int)[:, None], axis=-1)
    return (lots <= last) & (count > 0)[:, None]


def _mean(values: Array, mask: Array) -> Array:
    """Mean over the last axis of what the mask admits; 0 where it admits nothing."""
    return jnp.sum(jnp.where(mask, values, 0), axis=-1) / jnp.maximum(jnp.sum(mask, axis=-1), 1)
