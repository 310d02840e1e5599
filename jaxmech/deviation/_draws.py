"""Host: common random numbers for all agents and strategies, spread evenly by scrambled Sobol sequences."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._types import Array

BITS = 30
MOST_DIMENSIONS = 512
"""Beyond so many, even spreading no longer helps, and independent draws are cheaper."""


class Draws(NamedTuple):
    """Standard normal numbers, one row per replication.

    Attributes:
        own: (draws, distributions), for the mean of what she collects.
        private: (draws, distributions), for what she invents.
        others: (draws, senders, distributions), for the means of the others' points.
        keys: (draws,), for what the mechanism itself draws.
    """

    own: Array
    private: Array
    others: Array
    keys: Array


class PointDraws(NamedTuple):
    """Standard normal numbers for whole data sets, one row per replication.

    Attributes:
        own: (draws, distributions, capacity), for the points that she collects.
        private: (draws, distributions), for what she invents about means.
        invented: (draws, distributions, capacity), for points that she invents.
        others: (draws, agents, distributions, capacity), for everybody's points; her own row is not looked at.
        keys: (draws,), for what the mechanism itself draws.
    """

    own: Array
    private: Array
    invented: Array
    others: Array
    keys: Array

    @classmethod
    def of(cls, key: Array, count: int, agents: int, distributions: int, capacity: int) -> "PointDraws":
        """Draw so many replications from a key, which may be traced."""
        own, private, invented, others, mechanism = jax.random.split(key, 5)
        size = (count, distributions, capacity)
        return cls(
            jax.random.normal(own, size, float),
            jax.random.normal(private, size[:2], float),
            jax.random.normal(invented, size, float),
            jax.random.normal(others, (count, agents, distributions, capacity), float),
            jax.random.split(mechanism, count),
        )


def draw(key: Array, count: int, senders: int, distributions: int, batches: int | None = None) -> Draws:
    """Return draws for so many replications; with ``batches``, so many independent sets of them on a leading axis.

    Args:
        key: random key.
        count: replications, a power of two.
        senders: 1 if the others' points come as one mean, else the number of agents.
        distributions: how many.
        batches: how many independently scrambled sets.
    """
    seeds, mechanism = jax.device_get(_seeds(key, sets=batches or 1))
    numbers = np.stack([_normal(int(seed), count, (2 + senders) * distributions) for seed in seeds])
    rows = numbers.reshape(len(seeds), count, 2 + senders, distributions)
    own, private, others = rows[:, :, 0], rows[:, :, 1], rows[:, :, 2:]
    own, others = turned(own, others)
    words = np.random.default_rng(mechanism).integers(
        2**32, size=(len(seeds), count, *mechanism.shape), dtype=np.uint32
    )
    parts = (own, private, others, words) if batches is not None else (own[0], private[0], others[0], words[0])
    # Put on the device as they are: with jnp.asarray every shape would be a program of its own.
    width = jax.dtypes.canonicalize_dtype(float)
    one, two, three, told = jax.device_put([*(np.asarray(part, width) for part in parts[:3]), parts[3]])
    return Draws(one, two, three, jax.random.wrap_key_data(told, impl=jax.random.key_impl(key)))


@functools.partial(jit, static_argnames="sets")
def _seeds(key: Array, sets: int) -> tuple[Array, Array]:
    """Numbers from which so many sets are scrambled, and the words of a key for the mechanism's own draws."""
    scramble_key, mechanism_key = jax.random.split(key)
    return jax.random.bits(scramble_key, (sets,), jnp.uint32), jax.random.key_data(mechanism_key)


def turned(own: Any, others: Any) -> tuple[Any, Any]:
    """Turn her numbers and those of one sender by 45°, which keeps their law.

    Mechanisms look at the difference of the two means: now it is spread as evenly as one coordinate of the sequence.

    Args:
        own: (..., distributions).
        others: (..., senders, distributions); of more than one sender all stays as it is.
    """
    if others.shape[-2] > 1:
        return own, others
    return (own + others[..., 0, :]) / 2**0.5, (others - own[..., None, :]) / 2**0.5


@functools.cache
def directions(dimensions: int, bits: int) -> np.ndarray:
    """Return Sobol's direction numbers in 30 bits, (bits, dimensions): point i is the exclusive or of some of them.

    Example:
        >>> (directions(2, 3) >> 27).tolist()
        [[4, 4], [2, 6], [1, 5]]
    """
    from scipy.stats import qmc

    # Points come in the order of Gray's code, in which place 2^(j+1) − 1 has the bit j alone.
    points = qmc.Sobol(dimensions, scramble=False, bits=BITS).random(1 << bits)
    return np.asarray(points[(2 << np.arange(bits)) - 1] * 2**BITS, np.uint32)


def _normal(seed: int, count: int, dimensions: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    if dimensions > MOST_DIMENSIONS:
        return generator.standard_normal((count, dimensions))
    # Imported here because they take as long to import as all the rest.
    from scipy.special import ndtri
    from scipy.stats import qmc

    sequence = qmc.Sobol(dimensions, scramble=True, bits=BITS, rng=generator)
    # The centres of the cells: 0 itself would be mapped to −∞.
    return np.asarray(ndtri(sequence.random(count) + 0.5 ** (BITS + 1)))
