"""Estimates that are linear in what one agent saw, with signs: a weighted mean, and what least squares adds to it."""

from typing import NamedTuple

import jax.numpy as jnp

from jaxmech._types import Array

FEATURES = 5
"""Own, clean and noisy mean, spread of the noise, 1."""


class Estimate(NamedTuple):
    """An estimate ``fixed + share × noisy mean``; ``known`` where there is anything to estimate from."""

    fixed: Array
    share: Array
    known: Array

    def at(self, noisy_mean: Array) -> Array:
        """The estimate, NaN where there is nothing to estimate from."""
        return jnp.where(self.known, self.fixed + self.share * noisy_mean, jnp.nan)

    def squared_error(self, truth: Array, noisy_mean: Array, noise: Array) -> Array:
        """Expected squared error if the noisy mean has this mean and this variance."""
        return (self.fixed + self.share * noisy_mean - truth) ** 2 + self.share**2 * noise


class Features(NamedTuple):
    """Numbers that do not move with the true mean, each ``fixed + share × noisy mean``, (..., features)."""

    fixed: Array
    share: Array


class Evidence(NamedTuple):
    """All that one agent saw, per distribution: her own mean, the clean part, how noisy the noisy part is said to be.

    Attributes:
        own: mean of what she collected.
        has_own: whether she collected anything.
        clean: mean of the clean points, her own taken out where she discards them.
        has_clean: whether there are any.
        has_noisy: whether there are noisy points.
        told: their variance, as the mechanism tells it.
        variance: σ² of a point.
        unit: amount in which she counts.
    """

    own: Array
    has_own: Array
    clean: Array
    has_clean: Array
    has_noisy: Array
    told: Array
    variance: Array
    unit: Array

    def features(self, weighted: Estimate) -> Features:
        """Return what is left to be seen beside a weighted mean.

        Differences of each mean from it, √(told − σ²), and 1. Whatever noise a mechanism adds that is known in advance
        is a multiple of these: of the discrepancy, of its size, or a constant.
        """
        fixed, share = self._features(weighted)
        return Features(jnp.stack(fixed, axis=-1), jnp.stack(share, axis=-1))

    def correct(self, weighted: Estimate, weights: Array, centres: Array) -> Estimate:
        """Add ``weights`` · (features − ``centres``), (distributions, features) each, to a weighted mean."""
        fixed, share = weighted.fixed, weighted.share
        # One feature after the other: an array of all of them, draw by draw, takes longer to write than to use.
        for j, (here, noisy) in enumerate(zip(*self._features(weighted), strict=True)):
            fixed = fixed + weights[..., j] * (here - centres[..., j])
            share = share + weights[..., j] * noisy
        return Estimate(fixed, share, weighted.known)

    def _features(self, weighted: Estimate) -> tuple[list[Array], list[Array]]:
        some = self.has_noisy & (self.told > self.variance)
        spread = jnp.where(some, jnp.sqrt(jnp.where(some, self.told - self.variance, 1.0)), 0.0)
        spread = jnp.where(jnp.isfinite(spread), spread, 0.0)
        own, clean, noisy = (jnp.where(has, 1.0, 0.0) for has in (self.has_own, self.has_clean, self.has_noisy))
        one = jnp.sqrt(self.variance / self.unit)
        nothing = jnp.zeros_like(spread)
        means = [own * (self.own - weighted.fixed), clean * (self.clean - weighted.fixed), -noisy * weighted.fixed]
        shares = [-own * weighted.share, -clean * weighted.share, noisy * (1 - weighted.share)]
        return [*means, spread, one], [*shares, nothing, nothing]
