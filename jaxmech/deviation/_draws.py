"""Host: common random numbers for all agents and strategies, spread evenly by scrambled Sobol sequences."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

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
    scramble_key, mechanism_key = jax.random.split(key)
    seeds = np.asarray(jax.random.bits(scramble_key, (batches or 1,), jnp.uint32))
    numbers = np.stack([_normal(int(seed), count, (2 + senders) * distributions) for seed in seeds])
    rows = numbers.reshape(len(seeds), count, 2 + senders, distributions)
    own, private, others = rows[:, :, 0], rows[:, :, 1], rows[:, :, 2:]
    own, others = turned(own, others)
    draws = Draws(
        own=jnp.asarray(own, dtype=float),
        private=jnp.asarray(private, dtype=float),
        others=jnp.asarray(others, dtype=float),
        keys=_keys(mechanism_key, (len(seeds), count)),
    )
    return draws if batches is not None else jax.tree.map(lambda leaf: leaf[0], draws)


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


def _keys(key: Array, shape: tuple[int, ...]) -> Array:
    """Independent random keys, made on the host: nothing to compile for every shape."""
    data = np.asarray(jax.random.key_data(key))
    words = np.random.default_rng(data).integers(2**32, size=(*shape, *data.shape), dtype=np.uint32)
    return jax.random.wrap_key_data(jnp.asarray(words), impl=jax.random.key_impl(key))


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
