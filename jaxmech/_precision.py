"""The switch to double precision, for programs; the library itself never touches it."""

import jax


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
