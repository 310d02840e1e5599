"""Checks of what a person hands in about a market: numbers, names."""

from collections.abc import Sequence

import jax
import numpy as np

from jaxmech._checks import real_numbers
from jaxmech._errors import ProblemError
from jaxmech._types import Array, ArrayLike


def numbers(name: str, value: ArrayLike, ndim: int) -> Array:
    """Return real numbers as an array of floats with so many axes.

    Raises:
        ProblemError: for what :func:`jaxmech._checks.real_numbers` refuses, and another number of axes.
    """
    array = real_numbers(name, value)
    if array.ndim != ndim or 0 in array.shape:
        raise ProblemError(name, value, "must be one number" if ndim == 0 else "must be a list of numbers, not empty")
    return array


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
