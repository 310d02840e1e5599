"""Functions of small arrays, evaluated entry by entry: registers hold no arrays, only numbers.

A function of arrays (..., lanes) is traced once, and its jaxpr is evaluated with lanes and what lies across threads
left out of every shape. Reshaping, slicing and broadcasting then cost nothing, arithmetic with constants is done
beforehand, the same is computed once, and loops of fixed length are unrolled.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from benchmarks.registers._entries import (
    ACROSS,
    LANES,
    Block,
    Entries,
    Memory,
    any_lane,
    constants,
    entries_in,
    is_constant,
    leaves_of,
    operate,
    over_lines,
    over_threads,
    plain_shape,
    spread,
)
from jaxmech._types import Array

_EACH = frozenset(
    (
        *("add", "sub", "mul", "div", "max", "min", "neg", "abs", "sign", "square", "integer_pow", "pow", "clamp"),
        *("sqrt", "rsqrt", "exp", "log", "is_finite", "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge"),
        *("select_n", "convert_element_type", "stop_gradient", "copy"),
    )
)
"""What is done to every entry by itself."""

_REDUCE = {"reduce_sum": "add", "reduce_max": "max", "reduce_min": "min", "reduce_or": "or"}


def entries_of(block: Block, function: Callable[..., Any], shapes: Any, *arguments: Any) -> Any:
    """Evaluate a function of pytrees of arrays on pytrees of entries.

    Args:
        block: what is worked on together.
        function: of arrays whose last axis is lanes, which do not mix but by ``any``.
        shapes: of its arguments, with ``ACROSS`` and ``LANES``.
        arguments: entries.

    Returns:
        What the function returns, as entries.

    Raises:
        NotImplementedError: for an operation that the package's small programs do not need.
    """
    traced, out = jax.make_jaxpr(function, return_shape=True)(*shapes)
    found = _evaluate(traced, leaves_of(arguments), Memory(block))
    return jax.tree.unflatten(jax.tree.structure(out), found)


def _evaluate(closed: Any, arguments: list[Entries], memory: Memory) -> list[Entries]:
    jaxpr, consts = getattr(closed, "jaxpr", closed), getattr(closed, "consts", ())
    known: dict[Any, Entries] = dict(zip(jaxpr.constvars, map(constants, consts), strict=True))
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def read(atom: Any) -> Entries:
        return constants(atom.val) if isinstance(atom, core.Literal) else known[atom]

    for equation in _needed(jaxpr):
        found = _apply(equation, [read(atom) for atom in equation.invars], memory)
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


def _apply(equation: Any, values: list[Entries], memory: Memory) -> list[Entries]:
    name, params = equation.primitive.name, equation.params
    if name in _ARRANGE:
        return [_ARRANGE[name](equation, values)]
    if name in _REDUCE:
        return [_reduce(equation, values[0], memory)]
    if name in _EACH:
        return [_each(equation, values, memory)]
    if name == "scan":
        return _scan(params, values, len(equation.outvars), memory)
    if name == "cond":
        return _cond(params["branches"], values, memory.block)
    inner = params.get("jaxpr", params.get("call_jaxpr"))
    if inner is None or name == "while":
        raise NotImplementedError(f"primitive {name}: must be one that is evaluated entry by entry")
    return _evaluate(inner, values, memory)


def _scan(params: Any, values: list[Entries], carries: int, memory: Memory) -> list[Entries]:
    """A loop of fixed length, which takes and leaves nothing on its way."""
    fixed, carried = values[:-carries], values[-carries:]
    for _ in range(params["length"]):
        carried = _evaluate(params["jaxpr"], [*fixed, *carried], memory)
    return carried


def _cond(branches: Any, values: list[Entries], block: Block) -> list[Entries]:
    """One of several ways for the whole block."""
    which, operands = values[0].item(), values[1:]
    if is_constant(which):
        return _evaluate(branches[int(which)], operands, Memory(block))
    shapes = [variable.aval.shape for variable in getattr(branches[0], "jaxpr", branches[0]).outvars]
    live = {id(entry): entry for part in operands for entry in part.flat if not is_constant(entry)}

    def run(branch: Any, *entries: Any) -> list[Any]:
        now = dict(zip(live, entries, strict=True))
        parts = [entries_in(part.shape, (now.get(id(entry), entry) for entry in part.flat)) for part in operands]
        found = _evaluate(branch, parts, Memory(block))
        return [spread(one, block.shape(shape)) for part, shape in zip(found, shapes, strict=True) for one in part.flat]

    flat = iter(jax.lax.switch(which, [partial(run, branch) for branch in branches], *live.values()))
    return [entries_in(plain_shape(shape), flat) for shape in shapes]


# --- what moves entries about


def _kept(shape: tuple[int, ...]) -> list[int]:
    """The axes that entries have."""
    return [axis for axis, size in enumerate(shape) if size not in (LANES, ACROSS)]


def _broadcast(equation: Any, values: list[Entries]) -> Entries:
    shape, given = equation.params["shape"], equation.invars[0].aval.shape
    kept, wide = _kept(shape), dict.fromkeys(_kept(shape), 1)
    for size, axis in zip(given, equation.params["broadcast_dimensions"], strict=True):
        if axis in kept:
            wide[axis] = size
    return np.broadcast_to(values[0].reshape([*wide.values()]), plain_shape(shape))


def _reshape(equation: Any, values: list[Entries]) -> Entries:
    return values[0].reshape(plain_shape(equation.outvars[0].aval.shape))


def _transpose(equation: Any, values: list[Entries]) -> Entries:
    kept = _kept(equation.invars[0].aval.shape)
    return values[0].transpose([kept.index(axis) for axis in equation.params["permutation"] if axis in kept])


def _slice(equation: Any, values: list[Entries]) -> Entries:
    params, shape = equation.params, equation.invars[0].aval.shape
    steps = params["strides"] or (1,) * len(shape)
    cut = [slice(*part) for part in zip(params["start_indices"], params["limit_indices"], steps, strict=True)]
    kept = _kept(shape)
    if any(cut[axis] != slice(0, size, 1) for axis, size in enumerate(shape) if axis not in kept):
        raise NotImplementedError("slice: must leave lanes and what lies across threads alone")
    return values[0][tuple(cut[axis] for axis in kept)]


def _concatenate(equation: Any, values: list[Entries]) -> Entries:
    axis = _kept(equation.invars[0].aval.shape).index(equation.params["dimension"])
    return np.concatenate(values, axis=axis)


def _iota(equation: Any, values: list[Entries]) -> Entries:
    del values
    params = equation.params
    if plain_shape(params["shape"]) != tuple(params["shape"]):
        raise NotImplementedError("iota: must not count lanes or what lies across threads")
    shape = [1] * len(params["shape"])
    shape[params["dimension"]] = -1
    line = np.arange(params["shape"][params["dimension"]], dtype=params["dtype"]).reshape(shape)
    return constants(np.broadcast_to(line, params["shape"]))


_ARRANGE: dict[str, Callable[[Any, list[Entries]], Entries]] = {
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "expand_dims": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "concatenate": _concatenate,
    "iota": _iota,
}


# --- what computes


def _each(equation: Any, values: list[Entries], memory: Memory) -> Entries:
    primitive, params = equation.primitive, equation.params
    wanted = equation.outvars[0].aval.shape
    raw = _Raw(primitive, params)
    whole = [
        np.broadcast_to(_aligned(value, atom.aval.shape, wanted), plain_shape(wanted))
        for value, atom in zip(values, equation.invars, strict=True)
    ]
    places = np.ndindex(plain_shape(wanted))
    return entries_in(
        plain_shape(wanted),
        (operate(primitive.name, [value[place] for value in whole], memory, raw) for place in places),
    )


class _Raw:
    """A primitive with its parameters, named by both."""

    def __init__(self, primitive: Any, params: Any) -> None:
        self.primitive, self.params = primitive, params

    def __str__(self) -> str:
        return f"{self.primitive.name} {self.params}"

    def __call__(self, *operands: Array) -> Any:
        if self.primitive.name == "integer_pow" and self.params["y"] in (2, 3):
            return reduce(jnp.multiply, operands * self.params["y"])
        return self.primitive.bind(*operands, **self.params)


def _aligned(value: Entries, given: tuple[int, ...], wanted: tuple[int, ...]) -> Entries:
    """Without the axes of length 1 that stand for all lanes, or for all that lies across."""
    if not given:
        return value
    return value.reshape([given[axis] for axis in _kept(given) if wanted[axis] not in (LANES, ACROSS)])


def _reduce(equation: Any, value: Entries, memory: Memory) -> Entries:
    name, shape, axes = _REDUCE[equation.primitive.name], equation.invars[0].aval.shape, equation.params["axes"]
    places = _kept(shape)
    gone = [places.index(axis) for axis in axes if axis in places]
    kept = [axis for axis in range(value.ndim) if axis not in gone]
    lines = value.transpose([*kept, *gone]).reshape([*(value.shape[axis] for axis in kept), -1])

    def one(line: Any) -> Any:
        entry = over_lines(name, line, memory)
        if any(shape[axis] == ACROSS for axis in axes):
            entry = over_threads(name, entry, memory.block)
        if any(shape[axis] == LANES for axis in axes) and not is_constant(entry):
            if name != "or":
                raise NotImplementedError(f"{equation.primitive.name}: must leave lanes alone")
            entry = any_lane(entry)
        return entry

    return entries_in(lines.shape[:-1], (one(lines[place]) for place in np.ndindex(lines.shape[:-1])))
