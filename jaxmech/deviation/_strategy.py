"""What one agent may do instead of what she is asked: a small pytree of free parameters, one set per distribution."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Float
from jaxmech.deviation._estimate import FEATURES, Estimate, Evidence
from jaxmech.mechanism import Information, Statistics

HIDDEN = 4
"""Units in the hidden layer of a network."""

_LARGEST = 20.0
"""Logarithms of amounts stay within ± this, so that no step of a search overflows."""

_ROUNDINGS = 64
"""Spacings of numbers by which a logarithm and its exponential may miss a whole number."""

_LEFT = 1e-9
"""A smaller part of the clean points than this is what rounding leaves."""


class Network(NamedTuple):
    """One hidden layer of units x/(1 + |x|) for each distribution.

    Attributes:
        inner: (distributions, hidden, inputs + 1), the last column being the bias.
        outer: (distributions, outputs, hidden).
    """

    inner: Array
    outer: Array

    def __call__(self, inputs: Array) -> Array:
        """Map (distributions, inputs) to (distributions, outputs)."""
        ones = jnp.ones((*inputs.shape[:-1], 1), inputs.dtype)
        hidden = jnp.einsum("khi,ki->kh", self.inner, jnp.concatenate([inputs, ones], axis=-1))
        return jnp.einsum("koh,kh->ko", self.outer, hidden / (1 + jnp.abs(hidden)))

    @classmethod
    def silent(cls, distributions: int, inputs: int, outputs: int, dtype: jnp.dtype) -> "Network":
        """Return a network that answers 0."""
        inner = jnp.zeros((distributions, HIDDEN, inputs + 1), dtype)
        return cls(inner, jnp.zeros((distributions, outputs, HIDDEN), dtype))


@pytree
@dataclasses.dataclass(frozen=True)
class Deviation:
    """How much one agent collects, what she submits, and how she estimates afterwards; everything per distribution.

    She collects n = ``unit`` exp(``log_samples``) points with mean x̄ (none where ``collects`` is 0, and then x̄ counts
    as 0). She submits s points with mean y; s is n exp(``log_report``), or ``unit`` exp(``log_report``) where
    ``invents`` is 1, and ::

        y = gain · x̄ + Σ_l mix_l x̄_l + offset · σ/√unit + jitter · σ/√s · u + σ/√unit · network(x̄/σ, u),  u ~ N(0, 1),

    where x̄_l are the means of all distributions: who copies one column for another has mix 1 there and −1 here.

    Her estimate is the mean of three parts: her own x̄, the clean points with the part ``discards`` of her submission
    taken out again, and the noisy points. Each is weighted by its precision times exp(``log_weights``), to which a
    second network may add; noisy points count by the variance that the mechanism recommends, or by that of the noise
    that was drawn (``heeds``); ``keeps`` says how much of her own data she counts beside what came back. To that she
    adds ``fitted`` · (features − ``centres``), signed and linear in all that she saw: see :class:`Evidence`.

    The default is the truth: n = unit, submitted as it is, the estimate accepted.

    Attributes:
        unit: amount in which n and s are counted: what is recommended to her.
        collects: 1, or 0 to collect nothing.
        log_samples: logarithm of n/unit.
        invents: 1 if the number of points submitted has nothing to do with n.
        log_report: logarithm of s/n or s/unit.
        submits: 1, or 0 to submit nothing.
        gain: factor by which she scales her mean.
        mix: what she adds of the means of all distributions; a row per distribution.
        offset: what she adds to it, in σ/√unit.
        jitter: invented noise, in σ/√s: 1 looks like s fresh points around y.
        discards: part of her own submission that she takes out of what comes back.
        keeps: part of her own data that she adds again.
        log_weights: (distributions, 2), of her own and of the noisy part; the clean part's is 0.
        heeds: 0 to weigh noisy points by the variance that is recommended, 1 by the one that was drawn, else by the
            geometric mean of both with this exponent; the same thing where both are equal.
        submission: network (x̄/σ, u) → what she adds to her submission.
        estimation: network (surprise, noise) → what she adds to the logarithms of the weights.
        fitted: weights of the features, as from least squares; 0 where the estimate is the weighted mean alone.
        centres: what the features are on average.
        whole: 0, or what a whole point counts (1, but where agents differ in precision), to whose multiples n and s are
            rounded; derivatives know nothing of that.
    """

    unit: Float[Array, " distributions"]
    collects: Float[Array, " distributions"]
    log_samples: Float[Array, " distributions"]
    invents: Float[Array, " distributions"]
    log_report: Float[Array, " distributions"]
    submits: Float[Array, " distributions"]
    gain: Float[Array, " distributions"]
    mix: Float[Array, "distributions sources"]
    offset: Float[Array, " distributions"]
    jitter: Float[Array, " distributions"]
    discards: Float[Array, " distributions"]
    keeps: Float[Array, " distributions"]
    log_weights: Float[Array, "distributions two"]
    heeds: Float[Array, " distributions"]
    submission: Network
    estimation: Network
    fitted: Float[Array, "distributions features"]
    centres: Float[Array, "distributions features"]
    whole: Float[Array, " distributions"]

    @classmethod
    def truth(cls, unit: Float[Array, " distributions"]) -> "Deviation":
        """Return the strategy that collects ``unit``, submits it as it is and accepts the estimate.

        Example:
            >>> Deviation.truth(jnp.array([4.0])).samples.tolist()
            [4.0]
        """
        d, dtype = unit.shape[0], unit.dtype
        zero, one = jnp.zeros_like(unit), jnp.ones_like(unit)
        return cls(
            unit=unit,
            collects=one,
            log_samples=zero,
            invents=zero,
            log_report=zero,
            submits=one,
            gain=one,
            mix=jnp.zeros((d, d), dtype),
            offset=zero,
            jitter=zero,
            discards=zero,
            keeps=zero,
            log_weights=jnp.zeros((d, 2), dtype),
            heeds=zero,
            submission=Network.silent(d, 2, 1, dtype),
            estimation=Network.silent(d, 2, 2, dtype),
            fitted=jnp.zeros((d, FEATURES), dtype),
            centres=jnp.zeros((d, FEATURES), dtype),
            whole=zero,
        )

    @property
    def samples(self) -> Float[Array, " distributions"]:
        """How many points she collects, n."""
        return self._counted(self.collects * self.unit * jnp.exp(jnp.clip(self.log_samples, -_LARGEST, _LARGEST)))

    @property
    def submitted(self) -> Float[Array, " distributions"]:
        """How many points she submits, s."""
        base = jnp.where(self.invents > 0, self.unit, self.samples)
        return self._counted(_whole(self.submits * base * jnp.exp(jnp.clip(self.log_report, -_LARGEST, _LARGEST))))

    def _counted(self, count: Array) -> Array:
        """As many points as there can be, with the derivative of any number."""
        point = jnp.where(self.whole > 0, self.whole, 1.0)
        rounded = jnp.round(count / point) * point
        return count + jax.lax.stop_gradient(jnp.where(self.whole > 0, rounded - count, 0.0))

    def submit(self, mean: Array, private: Array, sigma: Array) -> Statistics:
        """Return what she submits, in one row.

        Args:
            mean: x̄ of what she collected, (distributions,); not looked at where she collected nothing.
            private: u, her own standard normal numbers, (distributions,).
            sigma: standard deviation of a point, per distribution.
        """
        n, count = self.samples, self.submitted
        seen = jnp.where(n > 0, mean, 0.0)
        scale = sigma / jnp.sqrt(self.unit)
        spread = sigma / jnp.sqrt(jnp.where(count > 0, count, 1.0))
        added = self.submission(jnp.stack([seen / sigma, private], axis=-1))[:, 0]
        told = self.gain * seen + (self.mix @ seen if len(seen) > 1 else 0.0)
        told = told + (self.offset + added) * scale + self.jitter * spread * private
        return Statistics(count[None], jnp.where(count > 0, told, 0.0)[None])

    def estimate(self, mean: Array, submitted: Statistics, information: Information, variance: Array) -> Estimate:
        """Return her estimate, (distributions,), as a function of the mean of the noisy points.

        Args:
            mean: x̄ of what she collected, (distributions,).
            submitted: what she submitted, one row.
            information: what she got back, one row.
            variance: σ² of a point, per distribution.
        """
        weighted, evidence = self.weigh(mean, submitted, information, variance)
        return evidence.correct(weighted, self.fitted, self.centres)

    def weigh(
        self, mean: Array, submitted: Statistics, information: Information, variance: Array
    ) -> tuple[Estimate, Evidence]:
        """Return the weighted mean alone, and what a correction can be made of; arguments as in :meth:`estimate`."""
        n = self.samples
        removed = self.discards * submitted.count[0]
        count = information.clean_count[0] - removed
        # Whoever discards more than came back has misjudged the mechanism: nothing clean is left.
        left = count > _LEFT * jnp.maximum(information.clean_count[0], removed)
        total = information.clean_count[0] * information.clean_mean[0] - removed * submitted.mean[0]
        clean = jnp.where(left, total / jnp.where(left, count, 1.0), 0.0)
        seen = jnp.where(n > 0, mean, 0.0)
        noisy = information.noisy_count[0] > 0
        told = jnp.where(noisy, information.noisy_variance[0], variance)
        excess = told / variance
        # In units of 1/σ², that is, in clean points.
        points = (jnp.where(n > 0, self.keeps * n, 0.0), jnp.where(left, count, 0.0))
        believed = jnp.where(noisy, information.expected_variance[0], variance)
        others = jnp.where(noisy, information.noisy_count[0], 0.0) / (believed / variance)
        surprise = jnp.where((n > 0) & left, (seen - clean) ** 2 / variance, 0.0) * n
        features = jnp.stack([surprise / (1 + surprise), 1 / excess], axis=-1)
        logarithms = self.log_weights + self.estimation(features)
        if information.expected_variance is not information.noisy_variance:
            surprised = jnp.where(jnp.isfinite(told / believed), told / believed, 1.0)
            logarithms = logarithms.at[:, 1].add(-self.heeds * jnp.log(surprised))
        bent = jnp.exp(jnp.clip(logarithms, -_LARGEST, _LARGEST))
        own, noise = points[0] * bent[:, 0], others * bent[:, 1]
        weight = own + points[1] + noise
        known = weight > 0
        safe = jnp.where(known, weight, 1.0)
        weighted = Estimate((own * seen + points[1] * clean) / safe, noise / safe, known)
        return weighted, Evidence(seen, n > 0, clean, left, noisy, told, variance, self.unit)


def _whole(count: Array) -> Array:
    """Counts that differ from whole numbers by rounding are whole: mechanisms may ask for exactly one point."""
    nearest = jnp.round(count)
    close = jnp.abs(count - nearest) <= _ROUNDINGS * tolerances(count.dtype).eps * nearest
    return count + jax.lax.stop_gradient(jnp.where(close, nearest - count, 0.0))
