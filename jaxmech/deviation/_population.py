"""Where data come from: distributions with a known mean, normal or not, one column per quantity."""

import dataclasses
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._checks import plain_array
from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._types import Array, ArrayLike, Distributions, Float

MIN_ROWS = 8
"""Fewest rows of measurements from which anything is simulated."""


@runtime_checkable
class Population(Protocol):
    """Anything that can be measured: people, samples, made-up numbers."""

    @property
    def mean(self) -> Distributions:
        """True means."""
        ...

    @property
    def sigma(self) -> Distributions:
        """Standard deviations."""
        ...

    def sample(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Return independent measurements, (*shape, distributions)."""
        ...


@pytree
@dataclasses.dataclass(frozen=True)
class Normal:
    """Normal measurements, independent across distributions.

    Attributes:
        mean: true means.
        sigma: standard deviations.

    Example:
        >>> people = Normal(jnp.zeros(2), jnp.ones(2))
        >>> people.sample(jax.random.key(0), (5,)).shape
        (5, 2)
    """

    mean: Distributions
    sigma: Distributions

    def sample(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Return independent measurements, (*shape, distributions)."""
        drawn = jax.random.normal(key, (*shape, self.mean.shape[0]), self.mean.dtype)
        return self.mean + self.sigma * drawn


@pytree
@dataclasses.dataclass(frozen=True)
class Laplace:
    """Tails heavier than normal ones: Laplace's law, excess kurtosis 3.

    Attributes:
        mean: true means.
        sigma: standard deviations.

    Example:
        >>> Laplace(jnp.zeros(1), jnp.ones(1)).sample(jax.random.key(0), (3, 4)).shape
        (3, 4, 1)
    """

    mean: Distributions
    sigma: Distributions

    def sample(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Return independent measurements, (*shape, distributions)."""
        drawn = jax.random.laplace(key, (*shape, self.mean.shape[0]), self.mean.dtype)
        return self.mean + self.sigma * drawn / 2**0.5


@pytree
@dataclasses.dataclass(frozen=True)
class StudentT:
    """Heavy tails: Student's law, scaled to a given standard deviation.

    Attributes:
        mean: true means.
        sigma: standard deviations.
        freedom: degrees of freedom, more than 2; the fourth moment is infinite up to 4.

    Example:
        >>> StudentT(jnp.zeros(1), jnp.ones(1), 2.5).sample(jax.random.key(0), (3, 4)).shape
        (3, 4, 1)
    """

    mean: Distributions
    sigma: Distributions
    freedom: float = 3.0

    def sample(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Return independent measurements, (*shape, distributions)."""
        # Bailey's polar method (1994): exact, and without the rejections that make gamma numbers slow.
        first, second = jax.random.uniform(key, (2, *shape, self.mean.shape[0]), self.mean.dtype)
        radius = jnp.sqrt((self.freedom - 2) * jnp.expm1(-2 / self.freedom * jnp.log1p(-first)))
        return self.mean + self.sigma * radius * jnp.cos(2 * jnp.pi * second)


@pytree
@dataclasses.dataclass(frozen=True)
class LogNormal:
    """Skewed: a log-normal law, shifted and scaled to a given mean and standard deviation.

    Attributes:
        mean: true means.
        sigma: standard deviations.
        spread: standard deviation of the logarithm; 1 has skewness 6.2.

    Example:
        >>> LogNormal(jnp.zeros(1), jnp.ones(1)).sample(jax.random.key(0), (3,)).shape
        (3, 1)
    """

    mean: Distributions
    sigma: Distributions
    spread: float = 1.0

    def sample(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Return independent measurements, (*shape, distributions)."""
        drawn = jax.random.normal(key, (*shape, self.mean.shape[0]), self.mean.dtype)
        middle = jnp.exp(self.spread**2 / 2)
        width = middle * jnp.sqrt(jnp.expm1(self.spread**2))
        return self.mean + self.sigma * (jnp.exp(self.spread * drawn) - middle) / width


@pytree
@dataclasses.dataclass(frozen=True)
class Empirical:
    """Real measurements, drawn with replacement, a row at a time: what is correlated stays so.

    Their mean is the truth that agents estimate.

    Attributes:
        values: measurements.
    """

    values: Float[Array, "rows distributions"]

    @classmethod
    def of(cls, values: ArrayLike, name: str = "data") -> "Empirical":
        """Check measurements and make a population of them.

        Args:
            values: (rows, distributions).
            name: what messages call them.

        Raises:
            ProblemError: for a wrong shape, values that are not finite, too few rows and columns that do not vary.

        Example:
            >>> Empirical.of([[0.0], [1.0]] * 4).mean.tolist()
            [0.5]
        """
        table = plain_array(name, values).astype(float)
        if table.ndim != 2 or 0 in table.shape:
            raise ProblemError(name, table.shape, "must be a table with one column per distribution")
        for i, k in np.argwhere(~np.isfinite(table)):
            raise ProblemError(f"{name}[{i}][{k}]", float(table[i, k]), "must be finite")
        if len(table) < MIN_ROWS:
            raise ProblemError(f"{name}: number of rows", len(table), f"must be at least {MIN_ROWS}")
        for k in range(table.shape[1]):
            if np.ptp(table[:, k]) <= 64 * np.finfo(float).eps * np.max(np.abs(table[:, k])):
                raise ProblemError(f"{name}: column {k}", float(table[0, k]), "must vary, but all values are equal")
        return cls(jnp.asarray(table, dtype=float))

    @property
    def mean(self) -> Distributions:
        """Means of the columns."""
        return jnp.mean(self.values, axis=0)

    @property
    def sigma(self) -> Distributions:
        """Standard deviations of the columns."""
        return jnp.std(self.values, axis=0)

    def sample(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Return independent rows, (*shape, distributions)."""
        return self.values[jax.random.randint(key, shape, 0, self.values.shape[0])]
