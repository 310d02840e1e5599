"""Common random numbers: the same draws for every agent and strategy, spread evenly by scrambled Sobol sequences."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array

_BITS = 30
_MOST_DIMENSIONS = 512
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
    rows = jnp.asarray(numbers.reshape(len(seeds), count, 2 + senders, distributions), dtype=float)
    keys = jax.random.split(mechanism_key, (len(seeds), count))
    draws = Draws(rows[:, :, 0], rows[:, :, 1], rows[:, :, 2:], keys)
    return draws if batches is not None else jax.tree.map(lambda leaf: leaf[0], draws)


def _normal(seed: int, count: int, dimensions: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    if dimensions > _MOST_DIMENSIONS:
        return generator.standard_normal((count, dimensions))
    # Imported here because they take as long to import as all the rest.
    from scipy.special import ndtri
    from scipy.stats import qmc

    sequence = qmc.Sobol(dimensions, scramble=True, bits=_BITS, rng=generator)
    # The centres of the cells: 0 itself would be mapped to −∞.
    return np.asarray(ndtri(sequence.random(count) + 0.5 ** (_BITS + 1)))
