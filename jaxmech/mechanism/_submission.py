"""What all agents hand in: data sets, or the counts and means of data sets."""

import dataclasses
from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from jaxmech._checks import plain_array
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
        rows = [
            [plain_array(f"data[{i}][{k}]", points).astype(float).reshape(-1) for k, points in enumerate(row)]
            for i, row in enumerate(data)
        ]
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

    @property
    def variance(self) -> Amounts:
        """Unbiased variance within what each agent submits per distribution; 0 where that is less than two points."""
        apart = jnp.where(self.mask, self.values - self.mean[..., None], 0.0)
        return jnp.sum(apart**2, axis=-1) / jnp.maximum(self.count - 1, 1)

    @property
    def statistics(self) -> "Statistics":
        """Counts, means and variances alone."""
        return Statistics(self.count, self.mean, self.variance)

    def in_equivalent_points(self, precision: Amounts | None) -> "Statistics":
        """Return counts and means alone, the counts in equivalent points.

        Args:
            precision: how many of these one point of each agent counts; None where all points are alike.
        """
        return self.statistics if precision is None else Statistics(self.count * precision, self.mean)


@pytree
@dataclasses.dataclass(frozen=True)
class Statistics:
    """Counts and means of the data sets that all agents hand in: all that a mechanism for normal data looks at.

    A mechanism that reads nothing but ``count`` and ``mean`` of what it is given responds to both forms. Counts are
    real numbers here, so that amounts that are not whole can be simulated and differentiated. Who takes σ from the
    data looks at variances too; where they are left out it draws what they tell, for normal data of an assumed σ.

    Attributes:
        count: how many points each agent submits per distribution.
        mean: their means; read as 0 where the count is 0.
        variance: unbiased variances within them, 0 of less than two points; None where they are not known.
    """

    count: Amounts
    mean: Amounts
    variance: Amounts | None = None


def subset_variance(count: Array, among: Array, variance: Array) -> Array:
    """Return the variance of the mean of some points, drawn without replacement, given the mean of all of them.

    For independent normal points the law is normal around the mean of all, with variance σ²(1/z − 1/N). Both counts
    may be real numbers; 0 where all points are drawn or none are.

    Args:
        count: z, how many are drawn.
        among: N, out of how many.
        variance: σ² of a point.

    Returns:
        Array of the common shape.

    Source: the finite-population correction, e.g. Cochran, Sampling Techniques, section 2.6.

    Example:
        >>> float(subset_variance(jnp.array(2.0), jnp.array(4.0), jnp.array(1.0)))
        0.25
    """
    drawn = (count > 0) & (among > count)
    safe_count, safe_among = jnp.where(drawn, count, 1.0), jnp.where(drawn, among, 2.0)
    return jnp.where(drawn, variance * (1 / safe_count - 1 / safe_among), 0.0)
