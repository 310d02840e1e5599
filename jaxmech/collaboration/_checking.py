"""The mechanism behind c3d and cbl: compare each submission with others' data, and return data the noisier for it."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Amounts, Array, Codes, Distributions
from jaxmech.collaboration._guarantee import checked_guarantee
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._roles import others as of_others
from jaxmech.mechanism import Guarantee, Information, Stakes, Statistics, Strategy, Submission, subset_variance

_LAST = 2**32 - 1


@pytree
@dataclasses.dataclass(frozen=True)
class Checked:
    """Noise that grows with the discrepancy between an agent's mean and that of others' data.

    An agent who is checked gets |Y'| = T − n* points of others, and is compared with |Z| = n* of them. Of data sets
    both are rounded to whole numbers, |Z| to at least 1: so the promised penalty of a plan in whole samples is met
    exactly, that of other plans up to rounding. Of counts and means they are taken as they are, and every promise is
    met exactly.

    Attributes:
        samples: recommended amounts n*.
        role: :class:`Role` codes.
        alpha: corruption coefficient α where the role is CHECKED.
        total: T, points behind each distribution.
        variance: σ² of a data point.

    Source: Clinton et al. 2025, Algorithm 2; Chen, Zhu and Kandasamy 2023, Algorithm 1.
    """

    samples: Amounts
    role: Codes
    alpha: Amounts
    total: Distributions
    variance: Distributions

    @property
    def recommended(self) -> Strategy:
        """Collect the recommended amounts."""
        return Strategy(self.samples)

    @property
    def clean_others(self) -> Amounts:
        """|Z| where she is checked, all of the others' points where she receives, none where she is alone."""
        available = of_others(self.samples)
        compared = jnp.minimum(self.samples, jnp.minimum(self.total - self.samples, available))
        alone = self.role == Role.ALONE
        return jnp.where(self.role == Role.CHECKED, compared, jnp.where(alone, 0, available))

    def respond(self, submission: Submission | Statistics, key: Array) -> Information:
        """Return to each agent what her role gives her.

        - Alone: her own points.
        - Receives: all points of the others.
        - Checked: |Y'| points of the others are drawn without replacement, |Z| of them returned clean together with
          her own; the rest Z' gets independent normal noise of variance η² = α²(ȳ − z̄)². If the others submitted
          fewer points, there are fewer in Z' first, then in Z. Who submits nothing gets Z alone: her η is infinite.

        Agents submit as many points as they like. Memory is that of the submission, a few times over. Of counts and
        means, the means of Z and Z' are drawn by their law given the mean of all points, which is exact for honest
        normal data.

        Args:
            submission: what all agents hand in.
            key: random key for the draws and the noise.

        Returns:
            Counts and means; the noisy mean is drawn as one normal number of the right variance.

        Source: Clinton et al. 2025, Algorithm 2, lines 9 to 29, with the precision-weighted mean that its proof uses.
        """
        if isinstance(submission, Statistics):
            return self._sort_out(submission, self._draw_means(submission, key))
        agents = self.samples.shape[0]
        keys = jax.random.split(key, agents)
        drawn = jax.lax.map(lambda pair: self._draw(submission, *pair), (jnp.arange(agents), keys))
        return self._sort_out(submission.statistics, drawn)

    def respond_to(self, agent: Array, own: Statistics, others: Array) -> Information:
        """Return what one agent gets back if the others are honest; the noisy mean is left at 0.

        Args:
            agent: her index.
            own: what she submits, one row.
            others: mean of the points of others that she gets clean, one row.
        """
        available = of_others(self.samples)[agent][None]
        row = dataclasses.replace(
            self, samples=self.samples[agent][None], role=self.role[agent][None], alpha=self.alpha[agent][None]
        )
        drawn = jnp.minimum(row.total - row.samples, available)
        compared = jnp.minimum(row.samples, drawn)
        nothing = jnp.zeros_like(others)
        return row._sort_out(own, _Drawn(available, others, compared, others, drawn - compared, nothing, noise=nothing))

    def guarantee(self, stakes: Stakes) -> Guarantee:
        """Return what is proven about every strategy's penalty, by convexity."""
        return checked_guarantee(stakes, self.samples, self.role, self.alpha, self.total, self.variance)

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
        drawn = jnp.minimum(jnp.round(self.total - self.samples[agent]), available)
        compared = jnp.minimum(jnp.maximum(jnp.round(self.samples[agent]), 1), drawn)
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

    def _draw_means(self, submission: Statistics, key: Array) -> "_Drawn":
        """Others' data as every agent gets them, by the law of the means of subsets."""
        available = of_others(submission.count)
        mean = of_others(submission.count * submission.mean) / jnp.where(available > 0, available, 1)
        drawn = jnp.clip(self.total - self.samples, 0, available)
        compared = jnp.minimum(self.samples, drawn)
        rest = drawn - compared
        first, second, noise = jax.random.normal(key, (3, *mean.shape), mean.dtype)
        together = mean + jnp.sqrt(subset_variance(drawn, available, self.variance)) * first
        clean = together + jnp.sqrt(subset_variance(compared, drawn, self.variance)) * second
        noisy = together + compared * (together - clean) / jnp.where(rest > 0, rest, 1)
        return _Drawn(available, mean, compared, clean, rest, noisy, noise)

    def _sort_out(self, own: Statistics, drawn: "_Drawn") -> Information:
        """What each agent gets back of what was drawn for her."""
        checked, alone = self.role == Role.CHECKED, self.role == Role.ALONE
        deviation = jnp.abs(jnp.where(checked, self.alpha, 0) * (own.mean - drawn.clean_mean))
        noisy_count = jnp.where(checked & (own.count > 0), drawn.noisy_count, 0)
        noise = deviation / jnp.sqrt(jnp.where(noisy_count > 0, noisy_count, 1)) * drawn.noise
        both = own.count + drawn.clean_count
        mixed = (own.count * own.mean + drawn.clean_count * drawn.clean_mean) / jnp.where(both > 0, both, 1)
        return Information(
            clean_count=jnp.where(checked, both, jnp.where(alone, own.count, drawn.available)),
            clean_mean=jnp.where(checked, mixed, jnp.where(alone, own.mean, drawn.mean)),
            noisy_count=noisy_count,
            noisy_mean=jnp.where(noisy_count > 0, drawn.noisy_mean + noise, 0),
            noisy_variance=jnp.where(checked & (own.count == 0), jnp.inf, self.variance + deviation**2),
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
    return Checked(plan.samples, plan.role, plan.alpha, plan.total, problem.sigma**2)


def _among_first(lots: Array, ranked: Array, count: Array) -> Array:
    """Whose lots are among the ``count`` lowest of their distribution."""
    last = jnp.take_along_axis(ranked, jnp.maximum(count - 1, 0).astype(int)[:, None], axis=-1)
    return (lots <= last) & (count > 0)[:, None]


def _mean(values: Array, mask: Array) -> Array:
    """Mean over the last axis of what the mask admits; 0 where it admits nothing."""
    return jnp.sum(jnp.where(mask, values, 0), axis=-1) / jnp.maximum(jnp.sum(mask, axis=-1), 1)
