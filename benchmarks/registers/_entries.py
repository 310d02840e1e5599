"""Entries of small arrays, each a constant or what it holds in all lanes, and arithmetic on them."""

from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.registers._branchless import quotient, reciprocal, reciprocal_root, root
from jaxmech._types import Array

LANES, ACROSS = 1_000_033, 1_000_003
"""What stands for the lengths of two axes where functions are traced: lanes, and what lies across threads.

No other axis is as long, so that these two are known by their lengths.
"""

Entries = np.ndarray[Any, np.dtype[np.object_]]
"""Objects, one per entry of an array without those two axes: a constant, or a table (lanes, across or 1)."""


class Block:
    """Instances that a program of the kernel works on together.

    Attributes:
        across: length of the axis that lies across threads.
        padded: the same, up to a power of two.
        lanes: how many instances, a power of two.
        warps: groups of 32 threads that share the work.
    """

    def __init__(self, across: int, lanes: int, warps: int) -> None:
        self.across, self.lanes, self.warps = across, lanes, warps
        self.padded = 1 << (across - 1).bit_length()

    def shape(self, traced: tuple[int, ...]) -> tuple[int, int]:
        """Of an entry of what was traced with that shape."""
        return self.lanes, (self.padded if ACROSS in traced else 1)

    def places(self) -> Array:
        """Where an entry's numbers lie across."""
        return jax.lax.broadcasted_iota(jnp.int32, (self.lanes, self.padded), 1)


class Memory:
    """What was computed already in a block; a branch of the program has one of its own."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.known: dict[Any, tuple[Any, list[Any]]] = {}


def plain_shape(traced: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without lanes and what lies across."""
    return tuple(size for size in traced if size not in (LANES, ACROSS))


def described(shape: tuple[int, ...], dtype: Any) -> Any:
    """The shape and type of an array that is not there."""
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]


def leaves_of(entries: Any) -> list[Entries]:
    """The leaves of a pytree of entries."""
    return jax.tree.leaves(entries, is_leaf=lambda leaf: isinstance(leaf, np.ndarray))


def entries_in(shape: tuple[int, ...], values: Iterable[Any]) -> Entries:
    """Entries of an array of this shape, in its order."""
    entries, line = np.empty(shape, object), iter(values)
    for place in np.ndindex(shape):
        entries[place] = next(line)
    return entries


def constants(value: Any) -> Entries:
    """A numpy array, or a number, as entries."""
    plain = np.asarray(value)
    return entries_in(plain.shape, (plain[place] for place in np.ndindex(plain.shape)))


def is_constant(entry: Any) -> bool:
    """Whether it is the same number in all lanes, and known."""
    return isinstance(entry, np.generic)


def spread(entry: Any, shape: tuple[int, int]) -> Array:
    """An entry in its whole shape."""
    if is_constant(entry):
        return jnp.full(shape, entry, entry.dtype)
    return entry if entry.shape == shape else jnp.broadcast_to(entry, shape)


def any_lane(mask: Array) -> Array:
    """Whether a mask (lanes, 1) holds anywhere: as a maximum, which every device can reduce by."""
    return jnp.max(mask.astype(jnp.int32).reshape(mask.shape[:1])) > 0


def operate(name: str, operands: list[Any], memory: Memory, raw: Callable[..., Any] | None = None) -> Any:
    """Return one operation on entries, which is done once however often it is asked for.

    Args:
        name: of the operation.
        operands: entries.
        memory: of the block.
        raw: how to do it, where the name does not say.
    """
    plain = all(map(is_constant, operands))
    short = None if plain else _shortcut(name, *operands)
    if short is not None:
        return short
    if name == "div" and not plain and operands[0].dtype == jnp.float64:
        inverse = operate("reciprocal", operands[1:], memory)
        return inverse if _is(operands[0], 1) else operate("quotient", [*operands, inverse], memory)
    # what something is computed from is kept beside it, so that no other object gets its identity
    key = (name, *((entry.dtype, entry.item() if is_constant(entry) else id(entry)) for entry in operands))
    if raw is not None:
        key = (*key, str(raw))
    if key not in memory.known:
        memory.known[key] = (_computed(name, operands, plain, raw), operands)
    return memory.known[key][0]


def over_lines(name: str, line: Iterator[Any] | list[Any], memory: Memory) -> Any:
    """Reduce entries to one: ``add``, ``max``, ``min``, ``or``, ``and``."""
    return reduce(lambda one, other: operate(name, [one, other], memory), line)


def over_threads(name: str, entry: Any, block: Block) -> Any:
    """Reduce what lies across; where a number is NaN, a maximum is infinite and a minimum −infinite.

    That is no answer either, and reductions of a graphics processor would leave NaN out.
    """
    if is_constant(entry):
        return entry * entry.dtype.type(block.across) if name == "add" else entry
    entry = spread(entry, (block.lanes, block.padded))
    if name == "or":
        return jnp.max(_real(entry.astype(jnp.int32), 0, block), axis=1)[:, None] > 0
    if name == "add":
        return jnp.sum(_real(entry, 0, block), axis=1)[:, None]
    least, most = (-np.inf, np.inf) if name == "max" else (np.inf, -np.inf)
    known = jnp.where(jnp.isnan(entry), jnp.full_like(entry, most), entry)
    return (jnp.max if name == "max" else jnp.min)(_real(known, least, block), axis=1)[:, None]


def _real(entry: Array, other: float, block: Block) -> Array:
    """An entry with something harmless where nothing but padding lies across."""
    if block.across == block.padded:
        return entry
    return jnp.where(block.places() < block.across, entry, jnp.full_like(entry, other))


def _shortcut(name: str, *operands: Any) -> Any:
    """What needs no computing, or nothing."""
    first, last = operands[0], operands[-1]
    if name == "select_n":
        which, off, on = operands
        return (on if which else off) if is_constant(which) else (on if on is off else None)
    if name in ("and", "or"):
        for one, other in ((first, last), (last, first)):
            if is_constant(one):
                return other if bool(one) == (name == "and") else one
        return first if first is last else None
    neutral = {"mul": 1, "add": 0}.get(name)
    if neutral is not None:
        return last if _is(first, neutral) else first if _is(last, neutral) else None
    return first if name in ("stop_gradient", "copy") or (name == "sub" and _is(last, 0)) else None


def _is(entry: Any, number: int) -> bool:
    return is_constant(entry) and bool(entry == number)


def _computed(name: str, operands: list[Any], plain: bool, raw: Callable[..., Any] | None) -> Any:
    work = _WORK.get(name, raw)
    if operands[0].dtype == jnp.float64:
        work = _ROOTS.get(name, work)
    assert work is not None, name
    if plain:
        with jax.ensure_compile_time_eval():
            return np.asarray(work(*map(jnp.asarray, operands)))[()]
    shape = max(operand.shape for operand in operands if not is_constant(operand))
    return work(*(spread(operand, shape) for operand in operands))


def _larger(one: Array, other: Array) -> Array:
    """NaN if there is one, unlike maxima on a graphics processor."""
    return jnp.where((one > other) | jnp.isnan(one), one, other)


def _smaller(one: Array, other: Array) -> Array:
    return jnp.where((one < other) | jnp.isnan(one), one, other)


_WORK: dict[str, Callable[..., Any]] = {
    "add": jnp.add,
    "mul": jnp.multiply,
    "max": _larger,
    "min": _smaller,
    "and": jnp.logical_and,
    "or": jnp.logical_or,
    "square": lambda value: value * value,
    "is_finite": lambda value: jnp.abs(value) < np.inf,
    "reciprocal": reciprocal,
    "quotient": quotient,
}
_ROOTS: dict[str, Callable[..., Any]] = {"sqrt": root, "rsqrt": reciprocal_root}
