"""Settings of JAX that numbers depend on: precision, which is the program's, and what seeds mean, which is pinned."""

import jax
import numpy as np
from jaxtyping import Array


def enable_x64(enable: bool = True) -> None:
    """Make float64 the default of JAX for the whole program, as the accuracy that is documented here assumes.

    Call it once, before any array is made. It changes the setting of JAX, not of this package: arrays of other
    libraries in the same program become float64 too.

    Args:
        enable: False switches back to float32.

    Example:
        >>> enable_x64()
        >>> jax.numpy.zeros(1).dtype.name
        'float64'
    """
    jax.config.update("jax_enable_x64", enable)  # type: ignore[no-untyped-call]


def seed_key(seed: int | np.integer) -> Array:
    """Return the key of a seed, of the same generator whatever ``jax_default_prng_impl`` says.

    Example:
        >>> with jax.default_prng_impl("rbg"):
        ...     seed_key(0).dtype.name
        'key<fry>'
    """
    return jax.random.key(seed, impl="threefry2x32")
