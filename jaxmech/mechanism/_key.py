"""Keys that nobody can guess."""

import math
import secrets

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._precision import seed_key
from jaxmech._types import Array


def secret_key() -> Array:
    """Return a random key from the system's entropy, to carry out a mechanism for real.

    Whoever knows the key of :meth:`~jaxmech.mechanism.Mechanism.respond` knows the noise and subtracts it: of ten equal
    agents of c3d (cost 0.01, σ = 1) one would then pay 0.035 instead of 0.107. So draw a fresh key for every exchange,
    show it to nobody before all have submitted, and never write a seed into a program that agents can read.
    Simulations, whose results are to be repeated, take the key of a seed instead.

    Returns:
        A key of threefry, all of whose bits are random.

    Source: none; the system's entropy.

    Example:
        >>> key = secret_key()
        >>> bool(jax.random.uniform(key) == jax.random.uniform(secret_key()))
        False
    """
    pattern = seed_key(0)
    shape = jax.random.key_data(pattern).shape
    words = np.frombuffer(secrets.token_bytes(4 * math.prod(shape)), np.uint32).reshape(shape)
    return jax.random.wrap_key_data(jnp.asarray(words), impl=jax.random.key_impl(pattern))
