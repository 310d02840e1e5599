"""Checks of what a person hands in, once for all: arrays, numbers, counts."""

from collections.abc import Callable, Iterator
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


def _masked(name: str, value: Any) -> Iterator[str]:
    """Where masked entries stand, in lists of arrays as well: NumPy forgets the mask without a word."""
    if isinstance(value, np.ma.MaskedArray):
        for index in np.argwhere(np.ma.getmaskarray(value)):
            yield name + "".join(f"[{i}]" for i in index)
    elif isinstance(value, (list, tuple)):
        for i, entry in enumerate(value):
            yield from _masked(f"{name}[{i}]", entry)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for entry in value:
            yield from _flat(entry)
    else:
        yield value
