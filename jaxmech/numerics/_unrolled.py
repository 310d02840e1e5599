"""Programs over small arrays, entry by entry: registers hold no arrays, only numbers.

A function of arrays (..., lanes) is traced once. Its jaxpr is then evaluated with two axes left out: lanes, and the one
that runs across threads, in which :data:`ACROSS` stands for its length. What remains of an array are few entries, each
a table (lanes, across or 1) or a constant, in a numpy array of objects. Reshaping, slicing and broadcasting cost
nothing, arithmetic with constants is done beforehand, the same is computed once, and loops of fixed length are unrolled.
"""

import os
from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jaxmech._types import Array
from jaxmech.numerics._branchless import quotient, reciprocal, reciprocal_root, root
from jaxmech.numerics._lanes import ACROSS

SHARED = os.environ.get("SHARED", "1") == "1"
BRANCHLESS = os.environ.get("BRANCHLESS", "0") == "1"
LANES = 1_000_033
"""Lanes that functions are traced with: no other axis is as long, so that this one is known by it."""

Entries = np.ndarray[Any, np.dtype[np.object_]]
"""Objects: constants, or tables (lanes, across or 1)."""


class Block:
    """Instances that are worked on together.

    Attributes:
        across: length of the axis that runs across threads.
        lanes: instances.
        padded: ``across``, up to a power of two.
        warps: groups of 32 threads that share the work.
    """

    def __init__(self, across: int, lanes: int, warps: int = 1) -> None:
        self.across, self.lanes, self.warps = across, lanes, warps
        self.padded = 1 << (across - 1).bit_length()

    def shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Of an entry of an array that was traced with this shape."""
        return self.lanes, (self.padded if ACROSS in shape else 1)

    def places(self) -> Array:
        """Where in the axis across."""
        return jax.lax.broadcasted_iota(jnp.int32, (self.lanes, self.padded), 1)


def plain_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without the axes left out."""
    return tuple(size for size in shape if size not in (LANES, ACROSS))


def entries_of(block: Block, function: Callable[..., Any], shapes: Any, *arguments: Any) -> Any:
    """Evaluate a function of pytrees of arrays on pytrees of :data:`Entries`.

    Args:
        block: what is worked on together.
        function: of arrays whose last axis is lanes, which do not mix but by ``any``.
        shapes: of its arguments, with :data:`ACROSS` and :data:`LANES`.
        arguments: entries.

    Returns:
        What the function returns, as entries.
    """
    traced, out = jax.make_jaxpr(function, return_shape=True)(*shapes)
    found = _evaluate(traced.jaxpr, traced.consts, leaves_of(arguments), _Memory(block))
    return jax.tree.unflatten(jax.tree.structure(out), found)


def leaves_of(entries: Any) -> list[Entries]:
    """The leaves of a pytree of entries."""
    return jax.tree.leaves(entries, is_leaf=lambda leaf: isinstance(leaf, np.ndarray))


def single(entry: Any) -> Entries:
    """The entry of an array that has only one."""
    alone = np.empty((), object)
    alone[()] = entry
    return alone


class _Memory(dict):  # type: ignore[type-arg]
    """What was computed already, in a block."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.block = block


def _evaluate(jaxpr: Any, consts: Any, arguments: list[Any], memory: Any) -> list[Any]:
    known: dict[Any, Any] = dict(zip(jaxpr.constvars, map(_constant, consts), strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def read(atom: Any) -> Any:
        return _constant(atom.val) if isinstance(atom, core.Literal) else known[atom]

    for equation in _needed(jaxpr):
        values = [read(atom) for atom in equation.invars]
        found = _apply(equation, values, memory)
        known.update(zip(equation.outvars, found, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _needed(jaxpr: Any) -> list[Any]:
    """The equations that the results depend on."""
    needed = {atom for atom in jaxpr.outvars if not isinstance(atom, core.Literal)}
    kept = []
    for equation in reversed(jaxpr.eqns):
        if needed.intersection(equation.outvars):
            kept.append(equation)
            needed.update(atom for atom in equation.invars if not isinstance(atom, core.Literal))
    return kept[::-1]


def _constant(value: Any) -> Entries:
    plain = np.asarray(value)
    entries = np.empty(plain.shape, object)
    for place in np.ndindex(plain.shape):
        entries[place] = plain[place]
    return entries


def _apply(equation: Any, values: list[Any], memory: dict[Any, Any]) -> list[Any]:
    name, params = equation.primitive.name, equation.params
    if name == "scan":
        return _scan(params, values, len(equation.outvars), memory)
    if name == "cond":
        return _cond(params, values, memory.block)
    inner = params.get("jaxpr", params.get("call_jaxpr"))
    if inner is not None and name != "while":
        return _evaluate(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), values, memory)
    if name in _ARRANGE:
        return [_ARRANGE[name](equation, values)]
    if name in _REDUCE:
        return [_reduce(equation, values[0], memory)]
    return [_each(equation, values, memory)]


def _scan(params: Any, values: list[Any], carries: int, memory: dict[Any, Any]) -> list[Any]:
    """A loop of fixed length, with nothing stacked."""
    fixed, carried = values[:-carries], values[-carries:]
    body = params["jaxpr"]
    assert not params["reverse"]
    for _ in range(params["length"]):
        carried = _evaluate(body.jaxpr, body.consts, [*fixed, *carried], memory)
    return carried


def _cond(params: Any, values: list[Any], block: Block) -> list[Any]:
    index, operands = values[0].item(), values[1:]
    branches = params["branches"]
    if isinstance(index, np.generic):
        closed = branches[int(index)]
        return _evaluate(closed.jaxpr, closed.consts, operands, _Memory(block))
    live, rebuild = _live(operands)
    avals = [variable.aval for variable in branches[0].jaxpr.outvars]

    def branch(closed: Any) -> Callable[..., list[Any]]:
        def run(*entries: Any) -> list[Any]:
            found = _evaluate(closed.jaxpr, closed.consts, rebuild(list(entries)), _Memory(block))
            return [
                spread(entry, block.shape(aval.shape)) for part, aval in zip(found, avals, strict=True) for entry in part.flat
            ]

        return run

    found = jax.lax.switch(index, [branch(closed) for closed in branches], *live)
    return _shaped(found, [plain_shape(aval.shape) for aval in avals])


def _live(values: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """Take the entries that are no constants out of a pytree; return them, and what puts others in their place."""
    leaves, structure = jax.tree.flatten(values, is_leaf=lambda leaf: isinstance(leaf, np.ndarray))
    places: dict[int, int] = {}
    live: list[Any] = []
    for leaf in leaves:
        for entry in leaf.flat:
            if not isinstance(entry, np.generic) and id(entry) not in places:
                places[id(entry)] = len(live)
                live.append(entry)

    def rebuild(others: list[Any]) -> Any:
        def put(leaf: Entries) -> Entries:
            new = np.empty(leaf.shape, object)
            for place in np.ndindex(leaf.shape):
                entry = leaf[place]
                new[place] = entry if isinstance(entry, np.generic) else others[places[id(entry)]]
            return new

        return jax.tree.unflatten(structure, [put(leaf) for leaf in leaves])

    return live, rebuild


def _shaped(flat: Any, shapes: list[tuple[int, ...]]) -> list[Entries]:
    found, flat = [], list(flat)
    for shape in shapes:
        entries = np.empty(shape, object)
        for place in np.ndindex(shape):
            entries[place] = flat.pop(0)
        found.append(entries)
    return found


def spread(entry: Any, shape: tuple[int, int]) -> Array:
    """An entry in its whole shape."""
    if getattr(entry, "shape", ()) == shape:
        return entry
    return jnp.broadcast_to(entry, shape) if getattr(entry, "shape", ()) else jnp.full(shape, entry, entry.dtype)


# --- what moves entries about


def _broadcast(equation: Any, values: list[Any]) -> Entries:
    shape, dimensions = equation.params["shape"], equation.params["broadcast_dimensions"]
    value, given = values[0], equation.invars[0].aval.shape
    kept = [axis for axis, size in enumerate(shape) if size not in (LANES, ACROSS)]
    wide = [1] * len(kept)
    for size, axis in zip(given, dimensions, strict=True):
        if axis in kept:
            wide[kept.index(axis)] = size
    return np.broadcast_to(value.reshape(wide), plain_shape(shape))


def _reshape(equation: Any, values: list[Any]) -> Entries:
    return values[0].reshape(plain_shape(equation.outvars[0].aval.shape))


def _kept(atom: Any) -> list[int]:
    return [axis for axis, size in enumerate(atom.aval.shape) if size not in (LANES, ACROSS)]


def _transpose(equation: Any, values: list[Any]) -> Entries:
    kept = _kept(equation.invars[0])
    return values[0].transpose([kept.index(axis) for axis in equation.params["permutation"] if axis in kept])


def _slice(equation: Any, values: list[Any]) -> Entries:
    params, kept, shape = equation.params, _kept(equation.invars[0]), equation.invars[0].aval.shape
    steps = params["strides"] or (1,) * len(shape)
    cut = [slice(*part) for part in zip(params["start_indices"], params["limit_indices"], steps, strict=True)]
    assert all(cut[axis] == slice(0, shape[axis], 1) for axis in range(len(shape)) if axis not in kept)
    return values[0][tuple(cut[axis] for axis in kept)]


def _concatenate(equation: Any, values: list[Any]) -> Entries:
    return np.concatenate(values, axis=_kept(equation.invars[0]).index(equation.params["dimension"]))


def _iota(equation: Any, values: list[Any]) -> Entries:
    del values
    params = equation.params
    assert plain_shape(params["shape"]) == params["shape"]
    shape = [1] * len(params["shape"])
    shape[params["dimension"]] = -1
    line = np.arange(params["shape"][params["dimension"]], dtype=params["dtype"]).reshape(shape)
    return _constant(np.broadcast_to(line, params["shape"]))


_ARRANGE: dict[str, Callable[[Any, list[Any]], Entries]] = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "expand_dims": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "iota": _iota,
    "concatenate": _concatenate,
}


# --- what computes


def _maximum(x: Any, y: Any) -> Any:
    """NaN if there is one, which maxima on a graphics processor leave out."""
    return jnp.where((x > y) | (x != x), x, y)


def _minimum(x: Any, y: Any) -> Any:
    return jnp.where((x < y) | (x != x), x, y)


_COMPUTE: dict[str, Callable[..., Any]] = {
    "add": jnp.add,
    "sub": jnp.subtract,
    "mul": jnp.multiply,
    "max": _maximum,
    "min": _minimum,
    "and": jnp.logical_and,
    "or": jnp.logical_or,
    "reciprocal": lambda x: reciprocal(x) if isinstance(x, jax.core.Tracer) and BRANCHLESS else 1 / x,
    "quotient": quotient,
    "square": lambda x: x * x,
    "is_finite": lambda x: jnp.abs(x) < np.inf,
}

_ROOTS = {"sqrt": root, "rsqrt": reciprocal_root}

_REDUCE = {"reduce_sum": "add", "reduce_max": "max", "reduce_min": "min", "reduce_or": "or", "reduce_and": "and"}


def _each(equation: Any, values: list[Any], memory: dict[Any, Any]) -> Entries:
    primitive, params = equation.primitive, equation.params
    shape = plain_shape(equation.outvars[0].aval.shape)
    whole = [
        np.broadcast_to(_aligned(value, atom.aval.shape, equation.outvars[0].aval.shape), shape)
        for value, atom in zip(values, equation.invars, strict=True)
    ]
    found = np.empty(shape, object)
    for place in np.ndindex(shape):
        found[place] = _one(primitive, params, [value[place] for value in whole], memory)
    return found


def _aligned(value: Entries, given: tuple[int, ...], wanted: tuple[int, ...]) -> Entries:
    """Without the axes of length 1 that stand for all across, or all lanes."""
    if not given:
        return value
    kept = [axis for axis, size in enumerate(given) if size not in (LANES, ACROSS)]
    return value.reshape([given[axis] for axis in kept if wanted[axis] not in (LANES, ACROSS)])


def _reduce(equation: Any, value: Entries, memory: Any) -> Entries:
    name, shape = _REDUCE[equation.primitive.name], equation.invars[0].aval.shape
    gone = [shape[axis] for axis in equation.params["axes"]]
    places = _kept(equation.invars[0])
    axes = [places.index(axis) for axis in equation.params["axes"] if axis in places]
    kept = [axis for axis in range(value.ndim) if axis not in axes]
    rows = value.transpose([*kept, *axes]).reshape([*(value.shape[axis] for axis in kept), -1])
    found = np.empty(rows.shape[:-1], object)
    for place in np.ndindex(found.shape):
        entry = reduce(lambda one, other: _one(name, {}, [one, other], memory), rows[place])
        if ACROSS in gone:
            entry = _over_threads(name, entry, memory.block)
        if LANES in gone:
            assert name == "or"
            entry = entry if isinstance(entry, np.generic) else any_lane(entry)
        found[place] = entry
    return found


def _over_threads(name: str, entry: Any, block: Block) -> Any:
    if isinstance(entry, np.generic):
        return entry * entry.dtype.type(block.across) if name == "add" else entry
    entry = spread(entry, (block.lanes, block.padded))
    if name == "or":
        number = _over_threads("max", entry.astype(jnp.int32), block)
        return number > 0
    if block.across < block.padded:
        whole = jnp.issubdtype(entry.dtype, jnp.integer)
        worst = {"add": 0, "max": 0 if whole else -np.inf, "min": np.inf}[name]
        entry = jnp.where(block.places() < block.across, entry, jnp.full(entry.shape, worst, entry.dtype))
    if name != "add" and not jnp.issubdtype(entry.dtype, jnp.integer):
        # maxima on a graphics processor leave NaN out
        entry = jnp.where(entry == entry, entry, jnp.full(entry.shape, np.inf if name == "max" else -np.inf, entry.dtype))
    if name == "add":
        return jnp.sum(entry, axis=1)[:, None]
    return (jnp.max if name == "max" else jnp.min)(entry, axis=1)[:, None]


def any_lane(mask: Array) -> Array:
    """Whether a mask holds anywhere; a maximum, which every device can reduce by."""
    return jnp.max(mask.astype(jnp.int32).reshape(mask.shape[:1])) > 0


def _one(primitive: Any, params: Any, operands: list[Any], memory: dict[Any, Any]) -> Any:
    """One operation on one entry, which is done once however often it is asked for."""
    name = primitive if isinstance(primitive, str) else primitive.name
    plain = all(isinstance(operand, np.generic) for operand in operands)
    short = None if plain else _shortcut(name, operands)
    if short is not None:
        return short
    if SHARED and name == "div" and not plain and operands[0].dtype == jnp.float64:
        divisor = _one("reciprocal", {}, operands[1:], memory)
        if not BRANCHLESS and _is(operands[0], 1):
            return divisor
        return _one("quotient", {}, [*operands, divisor], memory)
    key = (name, str(params), *(operand if isinstance(operand, np.generic) else id(operand) for operand in operands))
    key = (*key, *(operand.dtype for operand in operands))
    if key not in memory:
        memory[key] = (_compute(primitive, name, params, operands, plain), operands)
    return memory[key][0]


def _shortcut(name: str, operands: list[Any]) -> Any:
    """What needs no computing."""
    first, last = operands[0], operands[-1]
    if name == "select_n":
        which, off, on = operands
        if isinstance(which, np.generic):
            return on if which else off
        return on if on is off else None
    if name in ("and", "or"):
        for one, other in ((first, last), (last, first)):
            if isinstance(one, np.generic):
                return other if bool(one) == (name == "and") else one
        return first if first is last else None
    if name == "mul":
        return last if _is(first, 1) else first if _is(last, 1) else None
    if name == "add":
        return last if _is(first, 0) else first if _is(last, 0) else None
    if name == "sub" and _is(last, 0):
        return first
    if name in ("stop_gradient", "copy"):
        return first
    return None


def _is(operand: Any, number: int) -> bool:
    return isinstance(operand, np.generic) and bool(operand == number)


def _compute(primitive: Any, name: str, params: Any, operands: list[Any], plain: bool) -> Any:
    if plain:
        with jax.ensure_compile_time_eval():
            return np.asarray(_raw(primitive, name, params, [jnp.asarray(operand) for operand in operands]))[()]
    shape = max(operand.shape for operand in operands if not isinstance(operand, np.generic))
    return _raw(primitive, name, params, [spread(operand, shape) for operand in operands])


def _raw(primitive: Any, name: str, params: Any, operands: list[Any]) -> Any:
    if name == "integer_pow" and params["y"] in (2, 3):
        return reduce(jnp.multiply, operands * params["y"])
    if BRANCHLESS and name in _ROOTS and operands[0].dtype == jnp.float64:
        return _ROOTS[name](operands[0])
    if name in _COMPUTE:
        return _COMPUTE[name](*operands)
    return primitive.bind(*operands, **params)
