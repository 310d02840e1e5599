"""How good a model is that is trained on so much valid data."""

from collections.abc import Callable
from typing import TypeAlias

import jax.numpy as jnp
import numpy as np

from jaxmech._checks import known_values
from jaxmech._errors import ProblemError
from jaxmech._types import Array
from jaxmech._words import one_of

Quality: TypeAlias = Callable[[Array], Array]
"""Model quality as a function of the valid data size, elementwise."""

CHECK_POINTS = 257
"""Sizes at which a quality function of one's own is checked."""


def logistic(size: Array) -> Array:
    """Q(t) = (1 − e⁻ᵗ)/(1 + e⁻ᵗ) = tanh(t/2), elementwise.

    Args:
        size: valid data sizes.

    Source: Chen et al. 2020, section 6.1.

    Example:
        >>> float(logistic(jnp.array(0.0)))
        0.0
    """
    return jnp.tanh(0.5 * size)


def linear(size: Array) -> Array:
    """Q(t) = t, elementwise.

    Args:
        size: valid data sizes.

    Source: Chen et al. 2020, section 6.2.

    Example:
        >>> float(linear(jnp.array(2.0)))
        2.0
    """
    return size


_NAMED: dict[str, Quality] = {"logistic": logistic, "linear": linear}
QUALITIES = tuple(_NAMED)
"""Names of the quality functions that have one."""


def quality_function(quality: str | Quality) -> Quality:
    """Return a quality function by its name; a function is returned as it is.

    Raises:
        ProblemError: for an unknown name, with the nearest one.

    Source: Chen et al. 2020, section 2.1.

    Example:
        >>> quality_function("linear") is linear
        True
    """
    return quality if callable(quality) else _NAMED[one_of("quality", quality, QUALITIES)]


def check_quality(quality: Quality, largest: float) -> None:
    """Refuse a quality function that is not 0 at 0 or decreases somewhere on [0, largest].

    Args:
        quality: the function; those that have a name pass unseen, and those that rest on what is being traced.
        largest: the largest data size that can occur.

    Raises:
        ProblemError: naming the two sizes between which it decreases.

    Source: Chen et al. 2020, Assumption 1.

    Example:
        >>> check_quality(lambda t: t * (2 - t), 1.5)
        Traceback (most recent call last):
            ...
        jaxmech._errors.ProblemError: quality(1.00781) = 0.99993896484375: must not be below quality(1.00195) = 0.999996
    """
    if quality in _NAMED.values():
        return
    sizes = np.linspace(0.0, largest, CHECK_POINTS)
    values = known_values(quality, sizes)
    if values is None:
        return
    if values.shape != sizes.shape:
        raise ProblemError("quality", values.shape, f"must map {sizes.shape} sizes to as many qualities, elementwise")
    for size, value in zip(sizes, values, strict=True):
        if not np.isfinite(value):
            raise ProblemError(f"quality({size:.6g})", float(value), "must be finite")
    if values[0] != 0:
        raise ProblemError("quality(0)", float(values[0]), "must be 0: no data, no model")
    for k in np.flatnonzero(np.diff(values) < 0)[:1]:
        rule = f"must not be below quality({sizes[k]:.6g}) = {values[k]:.6g}"
        raise ProblemError(f"quality({sizes[k + 1]:.6g})", float(values[k + 1]), rule)
