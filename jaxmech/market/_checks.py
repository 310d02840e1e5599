"""Checks of what a person hands in: numbers, counts, names."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._types import Array, ArrayLike


def numbers(name: str, value: ArrayLike, ndim: int) -> Array:
    """Return real numbers as an array of floats with so many axes.

    Raises:
        ProblemError: for text, booleans, ragged lists, complex numbers and another number of axes.
    """
    array: Any = value
    if not isinstance(value, jax.Array):
        try:
            array = np.asarray(value)
        except ValueError:
            raise ProblemError(name, value, "rows must have equal lengths") from None
    if array.dtype == bool or (isinstance(value, (list, tuple)) and any(isinstance(entry, bool) for entry in value)):
        raise ProblemError(name, value, "must be numbers, not booleans")
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise ProblemError(name, value, "must be real numbers")
    if array.ndim != ndim or 0 in array.shape:
        raise ProblemError(name, value, "must be one number" if ndim == 0 else "must be a list of numbers, not empty")
    keep = jnp.issubdtype(array.dtype, jnp.floating) and (isinstance(value, jax.Array) or array.dtype == np.float32)
    return jnp.asarray(array, array.dtype if keep else float)


def positive(name: str, array: Array, largest: float = np.inf) -> Array:
    """Return the array, refusing what is not positive and finite, or above ``largest``; tracers pass unchecked.

    Raises:
        ProblemError: naming the index of the first offender.
    """
    if isinstance(array, jax.core.Tracer):
        return array
    entries = np.asarray(array)
    wrong = ~(np.isfinite(entries) & (entries > 0) & (entries <= largest))
    for index in np.argwhere(wrong):
        where = name + "".join(f"[{i}]" for i in index)
        rule = "must be positive and finite" if np.isinf(largest) else f"must be in (0, {largest:g}]"
        raise ProblemError(where, float(entries[tuple(index)]), rule)
    return array


LARGEST = 2**53
"""Largest whole number that is taken: up to here floats count one by one."""


def whole(name: str, value: object, least: int = 1) -> int:
    """Return a whole number, from ``least`` to :data:`LARGEST`.

    Raises:
        ProblemError: for anything else, booleans included.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ProblemError(name, value, f"must be a whole number, at least {least}")
    if value > LARGEST:
        raise ProblemError(name, value, f"must be at most {LARGEST:,}")
    if not (value >= least and value == int(value)):  # NaN is not at least anything
        raise ProblemError(name, value, f"must be a whole number, at least {least}")
    return int(value)


def unique_names(name: str, given: Sequence[str | None], noun: str) -> tuple[str, ...]:
    """Return names, with "noun 1", "noun 2", … where none is given.

    Raises:
        ProblemError: for names that are empty, no text, or occur twice.
    """
    names: dict[str, int] = {}
    for i, entry in enumerate(given):
        full = f"{noun} {i + 1}" if entry is None else entry
        if not isinstance(full, str) or not full.strip():
            raise ProblemError(f"{name}[{i}]", entry, "must be a name, not empty")
        if full in names:
            raise ProblemError(f"{name}[{i}]", full, "must not occur twice")
        names[full] = i
    return tuple(names)
