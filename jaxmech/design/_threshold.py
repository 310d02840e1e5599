"""A threshold on the discrepancy: how often an honest agent passes, and how much a further sample helps her to pass."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array, Float

_HALF_LOG_TAU = 0.5 * float(np.log(2 * np.pi))
_ROOT_TWO = 2**0.5
_NEWTON = 5
_SMALLEST = 1e-37
_LARGE_PULL = float(np.log(0.25))
LARGEST_PULL = 0.5


def chance(level: Float[Array, "..."]) -> Float[Array, "..."]:
    """P(|N| ≤ τ) = erf(τ/√2): how often a standard normal discrepancy stays within τ standard deviations.

    Example:
        >>> round(float(chance(jnp.array(1.96))), 3)
        0.95
    """
    return jax.scipy.special.erf(level / _ROOT_TWO)


def density(level: Float[Array, "..."]) -> Float[Array, "..."]:
    """φ(τ), the standard normal density."""
    return jnp.exp(-(level**2) / 2 - _HALF_LOG_TAU)


def log_pull(level: Float[Array, "..."]) -> Float[Array, "..."]:
    """Log g(τ), where g(τ) = τφ(τ)/P(|N| ≤ τ) = d log P(|N| ≤ τ) / d log τ², falls from 1/2 to 0.

    It is how much the chance to pass grows, relatively, with the precision of the discrepancy.

    Example:
        >>> round(float(jnp.exp(log_pull(jnp.array(1e-4)))), 6)
        0.5
    """
    return jnp.log(level) - level**2 / 2 - _HALF_LOG_TAU - jnp.log(chance(level))


def log_pull_slope(level: Array) -> Array:
    """D log g(τ) / dτ."""
    return 1 / level - level - 2 * density(level) / chance(level)


@jax.custom_jvp
def level_of_pull(pull: Float[Array, "..."]) -> Float[Array, "..."]:
    """Return the level τ with g(τ) = ``pull``, for 0 < pull < 1/2.

    Newton on log g, which is concave: from the right of the root it never overshoots. Derivatives by the implicit
    function theorem.

    Example:
        >>> round(float(jnp.exp(log_pull(level_of_pull(jnp.array(0.01))))), 12)
        0.01
    """
    log = jnp.log(jnp.clip(pull, _SMALLEST, LARGEST_PULL * (1 - 1e-6)))
    # For large τ, g ≈ τφ(τ); one round of fixed-point iteration, and a little more to be on the right side. For small
    # τ, g ≈ (1 − τ²/3)/2.
    rough = jnp.sqrt(jnp.maximum(-2 * (log + _HALF_LOG_TAU), 0.0))
    far = jnp.sqrt(jnp.maximum(-2 * (log + _HALF_LOG_TAU) + 2 * jnp.log(rough + 1.5), 0.0)) + 0.1
    level = jnp.where(log > _LARGE_PULL, jnp.sqrt(3.6 * (1 - 2 * jnp.exp(log))), far)

    def newton(_: Array, level: Array) -> Array:
        return jnp.maximum(level - (log_pull(level) - log) / log_pull_slope(level), 1e-3)

    found: Array = jax.lax.fori_loop(0, _NEWTON, newton, level)
    return found


@level_of_pull.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (pull,), (change,) = primals, tangents
    level = level_of_pull(pull)
    return level, change / (pull * log_pull_slope(level))
