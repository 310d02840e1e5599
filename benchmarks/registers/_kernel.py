"""An iterative method on many instances in one kernel, which keeps their state in registers from start to result.

Every program of the kernel takes a block of instances and works on them until the last of them is finished. One table
is read and one is written, (lines, instances, across): a line for each entry that lies across threads, then lines that
hold the others side by side.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from benchmarks.registers._entries import (
    ACROSS,
    LANES,
    Block,
    any_lane,
    described,
    entries_in,
    leaves_of,
    plain_shape,
    spread,
)
from benchmarks.registers._unrolled import entries_of
from jaxmech._types import Array
from jaxmech.numerics._stream import Method, Rows

Shapes = Any
"""A pytree of shapes, with ``ACROSS`` and, last, ``LANES``."""


class _Plan(NamedTuple):
    """A method, and what it is given, carries and returns."""

    method: Method
    block: Block
    data: Shapes
    mask: Shapes
    state: Shapes
    result: Shapes
    dtype: Any


def stream_in_registers(
    method: Method, rows: Rows, skip: Array, lanes: Shapes, block: Block, interpret: bool = False
) -> Rows:
    """Run a method on every instance that is not skipped, like ``jaxmech.numerics._stream.stream``.

    Args:
        method: the method.
        rows: data, (instances, ...).
        skip: (instances,) who needs no result.
        lanes: shapes of the data in lanes, with ``ACROSS`` for the length of what lies across threads.
        block: what is worked on together.
        interpret: whether to run the kernel step by step, on any device and slowly.

    Returns:
        Results, (instances, ...); ones for who was skipped.
    """
    plan = _plan(method, lanes, block)
    given = (plan.data, plan.mask)
    blocks = -(-skip.shape[0] // block.lanes)
    table = _packed((rows, skip), given, plan, blocks * block.lanes)

    def kernel(given_ref: Any, found_ref: Any) -> None:
        data, idle = _unpacked(_apart(given_ref[...]), given, block)
        found_ref[...] = _together(_run(plan, data, idle), found_ref.shape[0])

    def spec(lines: int) -> Any:
        return pl.BlockSpec((lines, block.lanes, block.padded), lambda place: (0, place, 0))

    found = _lines(plan.result, block)
    results = pl.pallas_call(
        kernel,
        grid=(blocks,),
        in_specs=[spec(len(table))],
        out_specs=spec(found),
        out_shape=described((found, blocks * block.lanes, block.padded), plan.dtype),
        compiler_params=triton.CompilerParams(num_warps=block.warps, num_stages=1),
        interpret=interpret,
        name="in_registers",
    )(table)
    return _rows_of(results, plan.result, block, skip.shape[0])


def _plan(method: Method, data: Shapes, block: Block) -> _Plan:
    state = jax.eval_shape(method.start, data)
    mask = described((LANES,), bool)
    dtype = jnp.result_type(*(leaf.dtype for leaf in jax.tree.leaves(data)))
    return _Plan(method, block, data, mask, state, jax.eval_shape(method.result, state), dtype)


def _run(plan: _Plan, data: Any, idle: Any) -> list[Array]:
    """Start, take steps until no lane goes on, and return the lines of the table of results."""
    method, block = plan.method, plan.block
    waiting = ~idle[()]

    def active(state: list[Array]) -> Array:
        going = entries_of(block, method.going, (plan.state,), _in_shapes(state, plan.state))
        return waiting & spread(going[()], (block.lanes, 1))

    def step(state: list[Array]) -> list[Array]:
        arguments = data, _in_shapes(state, plan.state), entries_in((), [active(state)])
        return _flat(entries_of(block, method.advance, (plan.data, plan.state, plan.mask), *arguments), plan)

    first = _flat(entries_of(block, method.start, (plan.data,), data), plan)
    last = jax.lax.while_loop(lambda state: any_lane(active(state)), step, first)
    results = entries_of(block, method.result, (plan.state,), _in_shapes(last, plan.state))
    everywhere = (block.lanes, block.padded)
    lines: dict[bool, list[Array]] = {True: [], False: []}
    for part, leaf in zip(leaves_of(results), jax.tree.leaves(plan.result), strict=True):
        for entry in part.flat:
            whole = spread(entry, everywhere).astype(plan.dtype)
            lines[ACROSS in leaf.shape].append(jnp.where(spread(waiting, everywhere), whole, jnp.ones_like(whole)))
    return [*lines[True], *_side_by_side(lines[False], block)]


def _flat(state: Any, plan: _Plan) -> list[Array]:
    parts = zip(leaves_of(state), jax.tree.leaves(plan.state), strict=True)
    return [spread(entry, plan.block.shape(leaf.shape)) for part, leaf in parts for entry in part.flat]


def _in_shapes(entries: list[Array], shapes: Shapes) -> Any:
    """A flat list of entries as a pytree."""
    line = iter(entries)
    return jax.tree.map(lambda leaf: entries_in(plain_shape(leaf.shape), line), shapes)


def _side_by_side(values: list[Array], block: Block) -> list[Array]:
    """Lines that hold, at every place across, another of some values that are the same across."""
    lines, place = [], block.places()
    for start in range(0, len(values), block.padded):
        line = values[start]
        for k, value in enumerate(values[start + 1 : start + block.padded], 1):
            line = jnp.where(place == k, value, line)
        lines.append(line)
    return lines


# --- the tables in memory


def _counts(shapes: Shapes) -> tuple[int, int]:
    """How many entries lie across, and how many do not."""
    counts = {True: 0, False: 0}
    for leaf in jax.tree.leaves(shapes):
        counts[ACROSS in leaf.shape] += math.prod(plain_shape(leaf.shape))
    return counts[True], counts[False]


def _lines(shapes: Shapes, block: Block) -> int:
    """How many lines a table has, a power of two."""
    across, others = _counts(shapes)
    return 1 << (across + -(-others // block.padded) - 1).bit_length()


def _packed(rows: Rows, shapes: Shapes, plan: _Plan, width: int) -> Array:
    block, lines, others = plan.block, [], []
    for values, leaf in zip(jax.tree.leaves(rows), jax.tree.leaves(shapes), strict=True):
        numbers = values.astype(plan.dtype)
        if ACROSS in leaf.shape:
            last = jnp.moveaxis(numbers, 1 + leaf.shape.index(ACROSS), -1)
            lines.append(_wide(last.reshape(len(numbers), -1, block.across), (None, None, block.padded)))
        else:
            others.append(numbers.reshape(len(numbers), -1))
    rest = jnp.concatenate(others, axis=1)
    rest = _wide(rest, (None, -(-rest.shape[1] // block.padded) * block.padded))
    table = jnp.concatenate([*lines, rest.reshape(len(rest), -1, block.padded)], axis=1)
    return _wide(jnp.transpose(table, (1, 0, 2)), (_lines(shapes, block), width, None))


def _wide(values: Array, wanted: tuple[int | None, ...]) -> Array:
    """Repeat what comes last along some axes until they are so long."""
    missing = [(0, 0 if size is None else size - has) for size, has in zip(wanted, values.shape, strict=True)]
    return jnp.pad(values, missing, mode="edge")


def _unpacked(lines: list[Array], shapes: Shapes, block: Block) -> Any:
    across, place = iter(lines), block.places()
    others = iter(range(_counts(shapes)[1]))
    first = _counts(shapes)[0]

    def one(leaf: Any) -> Array:
        if ACROSS in leaf.shape:
            value = next(across)
        else:
            row, column = divmod(next(others), block.padded)
            line = lines[first + row]
            value = jnp.sum(jnp.where(place == column, line, jnp.zeros_like(line)), axis=1)[:, None]
        return value > 0.5 if leaf.dtype == bool else value

    def take(leaf: Any) -> Any:
        shape = plain_shape(leaf.shape)
        return entries_in(shape, [one(leaf) for _ in range(math.prod(shape))])

    return jax.tree.map(take, shapes)


def _rows_of(table: Array, shapes: Shapes, block: Block, instances: int) -> Rows:
    across = _counts(shapes)[0]
    rest = jnp.transpose(table[across:, :instances], (1, 0, 2)).reshape(instances, -1)
    place = {True: 0, False: 0}

    def take(leaf: Any) -> Array:
        lies, shape = ACROSS in leaf.shape, plain_shape(leaf.shape)
        here = slice(place[lies], place[lies] + math.prod(shape))
        place[lies] = here.stop
        if not lies:
            return rest[:, here].reshape(instances, *shape).astype(leaf.dtype)
        last = jnp.transpose(table[here, :instances, : block.across], (1, 0, 2)).reshape(instances, *shape, -1)
        return jnp.moveaxis(last, -1, 1 + leaf.shape.index(ACROSS)).astype(leaf.dtype)

    return jax.tree.map(take, shapes)


def _apart(table: Array) -> list[Array]:
    """The lines of a table that has a power of two of them."""
    if len(table) == 1:
        return [table.reshape(table.shape[1:])]
    return [line.reshape(table.shape[1:]) for line in jax.lax.split(table, (1,) * len(table), axis=0)]


def _together(lines: list[Array], size: int) -> Array:
    """The table of some lines, the last of them repeated: joined two by two, as Triton can."""
    tables = [*lines, *[lines[-1]] * (size - len(lines))]
    while len(tables) > 1:
        half = len(tables) // 2
        pairs = zip(tables[:half], tables[half:], strict=True)
        tables = [jnp.concatenate([one[..., None], other[..., None]], axis=-1) for one, other in pairs]
    return jnp.transpose(tables[0].reshape(*lines[0].shape, size), (2, 0, 1))
