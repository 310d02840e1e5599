"""The vocabulary that every system and every user-written mechanism shares."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._types import Amounts, Array, ArrayLike


@pytree
@dataclasses.dataclass(frozen=True)
class Submission:
    """The data sets that all agents hand in, padded to one capacity.

    Attributes:
        values: data points; entries outside the mask are ignored.
        mask: which entries are data points.
    """

    values: Float[Array, "agents distributions capacity"]
    mask: Bool[Array, "agents distributions capacity"]

    @classmethod
    def from_ragged(cls, data: Sequence[Sequence[ArrayLike]]) -> "Submission":
        """Build a submission from one list of numbers per agent and distribution, of any lengths.

        Raises:
            ProblemError: if agents submit for different numbers of distributions, or a number is not finite.
        """
        rows = [[np.asarray(points, dtype=float).reshape(-1) for points in row] for row in data]
        widths = {len(row) for row in rows}
        if len(widths) != 1 or 0 in widths:
            raise ProblemError("data", sorted(widths), "every agent needs one list per distribution")
        capacity = max(1, max(len(points) for row in rows for points in row))
        values = np.zeros((len(rows), widths.pop(), capacity))
        mask = np.zeros(values.shape, dtype=bool)
        for i, row in enumerate(rows):
            for k, points in enumerate(row):
                if not np.all(np.isfinite(points)):
                    raise ProblemError(f"data[{i}][{k}]", points, "data points must be finite numbers")
                values[i, k, : len(points)] = points
                mask[i, k, : len(points)] = True
        return cls(jnp.asarray(values, dtype=float), jnp.asarray(mask))

    @property
    def count(self) -> Amounts:
        """How many points each agent submits per distribution."""
        return jnp.sum(self.mask, axis=-1).astype(self.values.dtype)

    @property
    def mean(self) -> Amounts:
        """Mean of what each agent submits per distribution; 0 where she submits nothing."""
        total = jnp.sum(jnp.where(self.mask, self.values, 0.0), axis=-1)
        return total / jnp.maximum(self.count, 1)


@pytree
@dataclasses.dataclass(frozen=True)
class Information:
    """What each agent gets back, per distribution. Counts are 0 where she gets nothing.

    Attributes:
        clean_count: points returned as they were submitted, her own included where the mechanism mixes them in.
        clean_mean: their mean.
        noisy_count: points returned with noise added.
        noisy_mean: their mean, noise included.
        noisy_variance: variance of each noisy point (σ² + η²).
    """

    clean_count: Amounts
    clean_mean: Amounts
    noisy_count: Amounts
    noisy_mean: Amounts
    noisy_variance: Amounts

    def estimate(self, variance: Array) -> Amounts:
        """Return the precision-weighted mean of clean and noisy points, NaN where there are none.

        This is the estimate that an agent who follows the recommendation accepts.

        Args:
            variance: σ² of a clean point, a number or one per distribution.
        """
        clean = self.clean_count / variance
        noisy = self.noisy_count / self.noisy_variance
        return (clean * self.clean_mean + noisy * self.noisy_mean) / (clean + noisy)


@pytree
@dataclasses.dataclass(frozen=True)
class Strategy:
    """What the mechanism recommends: collect this many, submit them as they are, accept the estimate.

    Attributes:
        samples: how many points to collect.
    """

    samples: Amounts


@runtime_checkable
class Mechanism(Protocol):
    """Pure functions of submissions and a key, for all agents at once."""

    @property
    def recommended(self) -> Strategy:
        """The strategy that the mechanism asks of every agent."""
        ...

    def respond(self, submission: Submission, key: Array) -> Information:
        """Return what each agent gets back for these submissions."""
        ...
