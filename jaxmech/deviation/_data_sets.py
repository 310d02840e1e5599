"""Kernel: strategies on whole data sets: which of her points one agent hands in, and what she makes of them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._pytree import pytree
from jaxmech._types import Array, Float
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Statistics


@pytree
@dataclasses.dataclass(frozen=True)
class DataSetDeviation(Deviation):
    """What one agent may do where a mechanism reads her points and not only their number and mean.

    Numbers of points, the mean of what she submits, and her estimate are those of :class:`Deviation`. The points come
    about in this order: some of hers are selected; they are repeated until there are as many as she submits, or drawn
    with replacement, or replaced by a normal sample with her mean and her standard deviation; clipped; stretched about
    her mean; one is moved apart; all are moved to the mean that is to be submitted; and sorted.

    The default hands in her points as they are, again and again where more are asked for.

    Attributes:
        selected: part of her points that she hands in, 1 for all.
        direction: which ones: 0 for those next to her mean, 1 for the highest, −1 for the lowest.
        resampled: 1 to draw with replacement.
        invented: 1 to hand in a normal sample fitted to her points, in their place.
        limit: where points are clipped, in her standard deviations from her mean; ∞ for nowhere.
        stretch: factor of their distances from her mean.
        apart: by how many σ the first point is moved, the others going the other way, so that the mean stays.
        moved: 1 if all are moved to the mean that is to be submitted, 0 if their mean is what it has become.
        ordered: 1 to sort them.
    """

    selected: Float[Array, " distributions"]
    direction: Float[Array, " distributions"]
    resampled: Float[Array, " distributions"]
    invented: Float[Array, " distributions"]
    limit: Float[Array, " distributions"]
    stretch: Float[Array, " distributions"]
    apart: Float[Array, " distributions"]
    moved: Float[Array, " distributions"]
    ordered: Float[Array, " distributions"]

    @classmethod
    def of(cls, deviation: Deviation, **handling: Array) -> "DataSetDeviation":
        """Return a strategy for data sets of one for counts and means, in whole points.

        Args:
            deviation: how much is collected, submitted, and how it is estimated.
            handling: what is done with the points, per distribution; what is left out changes nothing.

        Example:
            >>> one = DataSetDeviation.of(Deviation.truth(jnp.array([4.2])), stretch=jnp.array([0.5]))
            >>> one.samples.tolist(), one.stretch.tolist(), one.selected.tolist()
            ([4.0], [0.5], [1.0])
        """
        plain = {field.name: getattr(deviation, field.name) for field in dataclasses.fields(Deviation)}
        like = jnp.ones_like(deviation.unit)
        rest = {name: value * like for name, value in AS_THEY_ARE.items()}
        return cls(**{**plain, **rest, "whole": like, **handling})

    @property
    def handled(self) -> dict[str, np.ndarray]:
        """What it does with points, by field, where this differs from handing them in as they are; host only."""
        given = {name: np.asarray(getattr(self, name)) for name in AS_THEY_ARE}
        return {name: value for name, value in given.items() if np.any(value != AS_THEY_ARE[name])}

    def hand_in(
        self, own: Array, collected: Array, submitted: Statistics, private: Array, sigma: Array
    ) -> tuple[Array, Array]:
        """Return the points of every distribution and which of them there are, (distributions, capacity) each.

        Args:
            own: her points, (distributions, capacity), the first ``collected`` of which there are.
            collected: how many, (distributions,).
            submitted: how many points of which mean she submits, one row.
            private: her own standard normal numbers, like ``own``.
            sigma: standard deviation of a point, per distribution.
        """
        places = jnp.arange(own.shape[-1])
        there = places < collected[:, None]
        mean, spread = _moments(own, there, sigma)
        middle, width = mean[:, None], spread[:, None]
        some = collected[:, None] > 0
        points = jnp.where(some, self._chosen(own, there, collected, middle, private), width * private)
        points = jnp.where(self.invented[:, None] > 0, middle + width * private, points)
        # ∞ · 0 is no number, and no spread is no limit.
        reach = jnp.where((self.limit * spread > 0)[:, None], (self.limit * spread)[:, None], jnp.inf)
        points = jnp.clip(points, middle - reach, middle + reach)
        points = middle + self.stretch[:, None] * (points - middle)
        mask = places < submitted.count[0][:, None]
        count = jnp.sum(mask, axis=-1)
        step = jnp.where(count > 1, self.apart * sigma, 0.0)[:, None]
        points = points + jnp.where(places == 0, step, -step / jnp.maximum(count - 1, 1)[:, None])
        now = jnp.sum(jnp.where(mask, points, 0.0), axis=-1) / jnp.maximum(count, 1)
        points = points + jnp.where(self.moved > 0, submitted.mean[0] - now, 0.0)[:, None]
        increasing = jnp.sort(jnp.where(mask, points, jnp.inf), axis=-1)
        points = jnp.where(self.ordered[:, None] > 0, increasing, points)
        return jnp.where(mask, points, 0.0), mask

    def _chosen(self, own: Array, there: Array, collected: Array, middle: Array, private: Array) -> Array:
        """Her selected points again and again, or drawn with replacement."""
        places = jnp.arange(own.shape[-1])
        by = jnp.where(self.direction[:, None] == 0, jnp.abs(own - middle), -self.direction[:, None] * own)
        chosen = jnp.argsort(jnp.where(there, by, jnp.inf), axis=-1)
        order = jnp.where(self.selected[:, None] < 1, chosen, places)
        kept = jnp.maximum(jnp.round(self.selected * collected), 1.0)[:, None]
        lots = jnp.floor(jax.scipy.stats.norm.cdf(private) * kept)
        lots = jnp.where(self.resampled[:, None] > 0, jnp.minimum(lots, kept - 1), places % kept)
        return jnp.take_along_axis(own, jnp.take_along_axis(order, lots.astype(int), axis=-1), axis=-1)


AS_THEY_ARE = {
    "selected": 1.0,
    "direction": 0.0,
    "resampled": 0.0,
    "invented": 0.0,
    "limit": float("inf"),
    "stretch": 1.0,
    "apart": 0.0,
    "moved": 1.0,
    "ordered": 0.0,
}
"""What leaves points as they are."""


def _moments(own: Array, there: Array, sigma: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of her points; σ where she has fewer than two."""
    count = jnp.sum(there, axis=-1)
    mean = jnp.sum(jnp.where(there, own, 0.0), axis=-1) / jnp.maximum(count, 1)
    squares = jnp.sum(jnp.where(there, (own - mean[:, None]) ** 2, 0.0), axis=-1)
    return mean, jnp.where(count > 1, jnp.sqrt(squares / jnp.maximum(count - 1, 1)), sigma)
