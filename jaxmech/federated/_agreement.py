"""A rule that weights sites by agreement with their peers, as a mechanism: it can be audited beside honest ones."""

import dataclasses

import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Amounts, Array, ArrayLike, Distributions
from jaxmech.mechanism import Information, Statistics, Strategy, Submission, of_others


def agreement_weights(count: Amounts, mean: Amounts, variance: Distributions, tolerance: ArrayLike = 1.0) -> Amounts:
    """Return how much a point of each site counts: 1/(1 + z²/tolerance), z its distance from its peers in their errors.

    z² = (mean − mean of the peers)² / (σ²(1/n + 1/n of the peers)), whose expectation is 1 where all are honest.

    Args:
        count: (agents, distributions) points of each site.
        mean: (agents, distributions) their means.
        variance: σ² of a point, a number or one per distribution.
        tolerance: z² at which a point counts half; the larger, the nearer to plain pooling.

    Returns:
        (agents, distributions) in [0, 1]; 0 of who has no points, 1 of who has no peers.

    Source: Cauchy's weight function of robust statistics, e.g. Huber and Ronchetti, Robust Statistics, section 3.7.

    Example:
        >>> count, mean = jnp.array([[4.0], [4.0], [4.0]]), jnp.array([[1.0], [1.0], [9.0]])
        >>> agreement_weights(count, mean, jnp.array([1.0]))[:, 0].round(3).tolist()
        [0.023, 0.023, 0.006]
    """
    peers = of_others(count)
    theirs = of_others(count * mean) / jnp.where(peers > 0, peers, 1.0)
    both = (count > 0) & (peers > 0)
    error = variance * (1 / jnp.where(both, count, 1.0) + 1 / jnp.where(both, peers, 1.0))
    distance = jnp.where(both, (mean - theirs) ** 2 / error, 0.0)
    return jnp.where(count > 0, 1 / (1 + distance / jnp.asarray(tolerance)), 0.0)


def agreed_mean(
    count: Amounts, mean: Amounts, variance: Distributions, tolerance: ArrayLike = 1.0
) -> tuple[Distributions, Distributions]:
    """Return the mean of all points weighted by agreement, and how many points of equal weight are as precise.

    With weights w of n points each: Σ w n mean / Σ w n, and (Σ w n)² / Σ w² n, the weights taken as given.

    Args:
        count: (agents, distributions) points of each site.
        mean: (agents, distributions) their means.
        variance: σ² of a point, a number or one per distribution.
        tolerance: as :func:`agreement_weights` takes it.

    Returns:
        (distributions,) means, 0 where nobody has points; (distributions,) counts, at most Σ n.

    Source: Kish, Survey Sampling, section 11.7 (the effective number of points).

    Example:
        >>> count, mean = jnp.array([[4.0], [4.0]]), jnp.array([[1.0], [3.0]])
        >>> [float(part[0]) for part in agreed_mean(count, mean, jnp.array([1.0]))]
        [2.0, 8.0]
    """
    weight = agreement_weights(count, mean, variance, tolerance)
    total, square = jnp.sum(weight * count, axis=0), jnp.sum(weight**2 * count, axis=0)
    some = total > 0
    pooled = jnp.sum(weight * count * mean, axis=0) / jnp.where(some, total, 1.0)
    return jnp.where(some, pooled, 0.0), jnp.where(some, total**2 / jnp.where(some, square, 1.0), 0.0)


@pytree
@dataclasses.dataclass(frozen=True)
class PeerWeighted:
    """Everybody gets the mean of all sites, weighted by agreement with the peers, whatever she handed in herself.

    It dampens sites that err, and pays nobody for measuring: who hands in nothing receives as much as who measured, and
    an honest site that differs by chance is dampened, too. ``jaxmech.audit`` says what that is worth to a free-rider.

    Attributes:
        samples: (agents, distributions) amounts that are asked for.
        variance: (distributions,) σ² of a point.
        tolerance: as :func:`agreement_weights` takes it.
    """

    samples: Amounts
    variance: Distributions
    tolerance: ArrayLike = 1.0

    @property
    def recommended(self) -> Strategy:
        """Collect the amounts that are asked for."""
        return Strategy(self.samples)

    def respond(self, submission: Submission | Statistics, key: Array) -> Information:
        """Return the weighted mean to everybody; the key is not used.

        Args:
            submission: what the sites hand in.
            key: not used: the rule draws nothing.
        """
        del key
        mean, count = agreed_mean(submission.count, submission.mean, self.variance, self.tolerance)
        zero = jnp.zeros_like(submission.mean)
        return Information(
            clean_count=zero + count,
            clean_mean=zero + mean,
            noisy_count=zero,
            noisy_mean=zero,
            noisy_variance=zero + self.variance,
        )
