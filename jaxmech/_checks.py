"""Checks of what a person hands in, once for all: arrays, numbers, counts, names."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._types import Array, ArrayLike

LARGEST = 2**53
"""Largest whole number that is taken: up to here floats count one by one."""


def plain_array(name: str, value: Any) -> np.ndarray:
    """Return an array in this machine's order of bytes, whatever its own was, and without a mask.

    Raises:
        ProblemError: for masked entries, which hold no number, and ragged lists.

    Example:
        >>> plain_array("costs", np.array([1.0, 2.0], ">f8")).dtype.isnative
        True
        >>> plain_array("costs", np.ma.array([1.0, 2.0], mask=[False, True]))
        Traceback (most recent call last):
        ...
        jaxmech._errors.ProblemError: costs[1] = masked: must be a number, but the mask hides it
    """
    for where in _masked(name, value):
        raise ProblemError(where, np.ma.masked, "must be a number, but the mask hides it")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ProblemError(name, value, "rows must have equal lengths") from None
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def real_numbers(name: str, value: ArrayLike) -> Array:
    """Return real numbers as an array of JAX: of the type it has if that is one of its floats, else the default float.

    Raises:
        ProblemError: for text, booleans, complex numbers, ragged lists and masked entries. What is being traced is
            checked by its type alone.

    Example:
        >>> real_numbers("costs", [1, 2]).tolist()
        [1.0, 2.0]
    """
    array = value if isinstance(value, jax.Array) else plain_array(name, value)
    if array.dtype == bool or any(isinstance(entry, (bool, np.bool_)) for entry in _flat(value)):
        raise ProblemError(name, value, "must be numbers, not booleans")
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise ProblemError(name, array.dtype.name if isinstance(value, jax.Array) else value, "must be real numbers")
    keep = array.dtype == np.float32 or (isinstance(value, jax.Array) and jnp.issubdtype(array.dtype, jnp.floating))
    kind = array.dtype if keep else float
    if isinstance(array, jax.core.Tracer):
        return jnp.asarray(array, kind)
    with jax.ensure_compile_time_eval():  # inside jit as well: what is known can be checked
        return jnp.asarray(array, kind)


def known_values(function: Callable[..., Any], *arguments: Any) -> np.ndarray | None:
    """Return what a user's function makes of known arguments, or None where it rests on what is being traced.

    Example:
        >>> known_values(jnp.sqrt, np.array([4.0])).tolist()
        [2.0]
        >>> bool(jax.jit(lambda a: known_values(lambda x: a * x, 1.0) is None)(2.0))
        True
    """
    with jax.ensure_compile_time_eval():
        values = function(*map(jnp.asarray, arguments))
    return None if isinstance(values, jax.core.Tracer) else np.asarray(values)


def whole(name: str, value: object, least: int = 1) -> int:
    """Return a whole number, from ``least`` to :data:`LARGEST`.

    Raises:
        ProblemError: for anything else, booleans included.

    Example:
        >>> whole("count", 2.0)
        2
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ProblemError(name, value, f"must be a whole number, at least {least}")
    if value > LARGEST:
        raise ProblemError(name, value, f"must be at most {LARGEST:,}")
    if not (value >= least and value == int(value)):  # NaN is not at least anything
        raise ProblemError(name, value, f"must be a whole number, at least {least}")
    return int(value)


def require(name: str, array: Array, good: Callable[[np.ndarray], np.ndarray], rule: str) -> Array:
    """Return an array, refusing the first entry that is not good; what is being traced passes unchecked.

    Args:
        name: what messages call it.
        array: any shape.
        good: makes truth values of entries; NaN should come out false.
        rule: what a good entry is, in words.

    Raises:
        ProblemError: naming the index of the first offender.

    Example:
        >>> require("sigma", jnp.array([1.0, -1.0]), lambda entries: entries > 0, "must be positive")
        Traceback (most recent call last):
        ...
        jaxmech._errors.ProblemError: sigma[1] = -1.0: must be positive
    """
    if not isinstance(array, jax.core.Tracer):
        entries = np.asarray(array)
        for index in np.argwhere(~good(entries)):
            raise ProblemError(place(name, index), float(entries[tuple(index)]), rule)
    return array


def numbers(name: str, value: ArrayLike, ndim: int) -> Array:
    """Return real numbers with so many axes, 0 or 1, as an array of JAX.

    Raises:
        ProblemError: for what :func:`real_numbers` refuses, and another number of axes.
    """
    array = real_numbers(name, value)
    if array.ndim != ndim or 0 in array.shape:
        raise ProblemError(name, value, "must be one number" if ndim == 0 else "must be a list of numbers, not empty")
    return array


def positive(name: str, array: Array, largest: float = np.inf) -> Array:
    """Return an array, refusing what is not positive and finite, or above ``largest``; see :func:`require`."""
    rule = "must be positive and finite" if np.isinf(largest) else f"must be in (0, {largest:g}]"
    return require(name, array, lambda entries: np.isfinite(entries) & (entries > 0) & (entries <= largest), rule)


def place(name: str, index: Iterable[Any]) -> str:
    """Return where an entry stands, e.g. costs[1][0].

    Example:
        >>> place("costs", (1, 0))
        'costs[1][0]'
    """
    return name + "".join(f"[{i}]" for i in index)


def unique_names(name: str, given: Sequence[str] | None, length: int) -> tuple[str, ...] | None:
    """Return names as they were given, None if they were not; one name alone may be a text.

    Raises:
        ProblemError: for another number of them, and for names that are empty, no text, or occur twice.

    Example:
        >>> unique_names("agents", "Ann", 1)
        ('Ann',)
    """
    if given is None:
        return None
    names = (given,) if isinstance(given, str) else tuple(given)
    if len(names) != length:
        raise ProblemError(name, len(names), f"must have one name for each of the {length}")
    seen: set[str] = set()  # of many thousands: each is looked up, not compared with all
    for i, entry in enumerate(names):
        if not isinstance(entry, str) or not entry.strip():
            raise ProblemError(f"{name}[{i}]", entry, "must be a name, not empty")
        if entry in seen:
            raise ProblemError(f"{name}[{i}]", entry, "must not occur twice")
        seen.add(entry)
    return names


def _masked(name: str, value: Any) -> Iterator[str]:
    """Where masked entries stand, in lists of arrays as well: NumPy forgets the mask without a word."""
    if isinstance(value, np.ma.MaskedArray):
        for index in np.argwhere(np.ma.getmaskarray(value)):
            yield place(name, index)
    elif isinstance(value, (list, tuple)):
        for i, entry in enumerate(value):
            yield from _masked(f"{name}[{i}]", entry)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from _flat(entry)
    else:
        yield value
