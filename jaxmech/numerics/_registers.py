"""An iterative method on many instances in one kernel, which keeps their state in registers from start to result.

Each program of the kernel takes a block of instances, a few per warp, and works on them until the last is finished;
memory is read once and written once. Of an instance's arrays one axis runs across the threads (padded to a power of
two), and what remains are few entries, each a table (lanes, across or 1): see :mod:`jaxmech.numerics._unrolled`.
"""

import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from jaxmech._types import Array
from jaxmech.numerics._stream import Method, Rows
from jaxmech.numerics._unrolled import (
    ACROSS,
    LANES,
    Block,
    any_lane,
    entries_of,
    leaves_of,
    plain_shape,
    single,
    spread,
)

NARROW = int(os.environ.get("NARROW", "0"))
Shapes = Any
"""A pytree of shapes, with :data:`ACROSS` and, last, :data:`LANES`."""


class _Plan(NamedTuple):
    """A method, and what its arguments and results look like."""

    method: Method
    block: Block
    data: Shapes
    mask: Shapes
    state: Shapes
    result: Shapes
    dtype: Any


def stream_in_registers(
    method: Method, rows: Rows, skip: Array, one: Shapes, block: Block, interpret: bool = False
) -> Rows:
    """Run a method on every instance that is not skipped, like :func:`jaxmech.numerics._stream.stream`.

    Args:
        method: the method.
        rows: data, (instances, ...).
        skip: (instances,) who needs no result.
        one: shapes of one instance's data, with :data:`ACROSS` for the length of the axis that runs across threads.
        block: which instances are worked on together.
        interpret: whether to run step by step, on any device and slowly.

    Returns:
        Results, (instances, ...); ones for who was skipped.

    Source: none; bookkeeping of a kernel.
    """
    plan = _plan(method, one, block)
    given, found = _size((plan.data, plan.mask), block), _size(plan.result, block)
    blocks = -(-skip.shape[0] // block.lanes)
    packed = _packed((rows, skip), (plan.data, plan.mask), block, given, blocks * block.lanes)

    def kernel(given: Any, found: Any) -> None:
        results = _run(plan, *_unpacked(_apart(given[...]), (plan.data, plan.mask), block))
        found[...] = _together(results, found.shape[0])

    def spec(entries: int) -> Any:
        return pl.BlockSpec((entries, block.lanes, block.padded), lambda place: (0, place, 0))

    table = pl.pallas_call(
        kernel,
        grid=(blocks,),
        in_specs=[spec(given)],
        out_specs=spec(found),
        out_shape=jax.ShapeDtypeStruct((found, blocks * block.lanes, block.padded + NARROW), packed.dtype),
        compiler_params=triton.CompilerParams(num_warps=block.warps, num_stages=1),
        interpret=interpret,
        name="in_registers",
    )(packed)
    return _rows_of(table, plan.result, block, skip.shape[0])


def _plan(method: Method, one: Shapes, block: Block) -> _Plan:
    data = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*leaf.shape, LANES), leaf.dtype), one)
    state = jax.eval_shape(method.start, data)
    mask = jax.ShapeDtypeStruct((LANES,), bool)
    dtype = jnp.result_type(*(leaf.dtype for leaf in jax.tree.leaves(data)))
    return _Plan(method, block, data, mask, state, jax.eval_shape(method.result, state), dtype)


def _run(plan: _Plan, data: Any, skip: Any) -> list[Array]:
    """Start, advance until no lane goes on, and give the lines of the results' table."""
    method, block = plan.method, plan.block
    waiting = ~skip[()]

    def active(state: list[Array]) -> Array:
        going = entries_of(block, method.going, (plan.state,), _in_shapes(state, plan.state))
        return waiting & spread(going[()], (block.lanes, 1))

    def step(state: list[Array]) -> list[Array]:
        arguments = data, _in_shapes(state, plan.state), single(active(state))
        return _entries(entries_of(block, method.advance, (plan.data, plan.state, plan.mask), *arguments), plan.state)

    def _entries(values: Any, shapes: Shapes) -> list[Array]:
        return [
            spread(entry, block.shape(leaf.shape))
            for part, leaf in zip(leaves_of(values), jax.tree.leaves(shapes), strict=True)
            for entry in part.flat
        ]

    first = _entries(entries_of(block, method.start, (plan.data,), data), plan.state)
    last = jax.lax.while_loop(lambda state: any_lane(active(state)), step, first)
    results = entries_of(block, method.result, (plan.state,), _in_shapes(last, plan.state))
    across, single_ones = [], []
    for part, leaf in zip(leaves_of(results), jax.tree.leaves(plan.result), strict=True):
        for entry in part.flat:
            value = spread(entry, (block.lanes, block.padded))
            kept = jnp.where(spread(waiting, value.shape), value, jnp.ones_like(value)).astype(plan.dtype)
            (across if ACROSS in leaf.shape else single_ones).append(kept)
    place = block.places()
    for first in range(0, len(single_ones), block.padded):
        line = single_ones[first]
        for k, value in enumerate(single_ones[first + 1 : first + block.padded], 1):
            line = jnp.where(place == k, value, line)
        across.append(line)
    return across


def _in_shapes(entries: list[Array], shapes: Shapes) -> Any:
    """A flat list of entries as a pytree."""
    line = iter(entries)

    def take(leaf: Any) -> Any:
        part = np.empty(plain_shape(leaf.shape), object)
        for place in np.ndindex(part.shape):
            part[place] = next(line)
        return part

    return jax.tree.map(take, shapes)


# --- the table in memory: a line (instances, across) for every entry across, then lines that hold the others


def _counts(shapes: Shapes) -> tuple[int, int]:
    """How many entries lie across, and how many do not."""
    sizes = [(ACROSS in leaf.shape, int(np.prod(plain_shape(leaf.shape), dtype=int))) for leaf in jax.tree.leaves(shapes)]
    return sum(size for across, size in sizes if across), sum(size for across, size in sizes if not across)


def _size(shapes: Shapes, block: Block) -> int:
    across, others = _counts(shapes)
    return 1 << (across + -(-others // block.padded) - 1).bit_length()


def _packed(rows: Rows, shapes: Shapes, block: Block, entries: int, width: int) -> Array:
    lines, others = [], []
    dtype = jnp.result_type(*(leaf.dtype for leaf in jax.tree.leaves(shapes)))
    for values, leaf in zip(jax.tree.leaves(rows), jax.tree.leaves(shapes), strict=True):
        values = values.astype(dtype)
        if ACROSS in leaf.shape:
            front = jnp.moveaxis(values, 1 + leaf.shape.index(ACROSS), -1)
            flat = front.reshape(len(values), -1, block.across)
            lines.append(jnp.pad(flat, ((0, 0), (0, 0), (0, block.padded - block.across)), mode="edge"))
        else:
            others.append(values.reshape(len(values), -1))
    rest = jnp.concatenate(others, axis=1)
    rest = jnp.pad(rest, ((0, 0), (0, -rest.shape[1] % block.padded)))
    table = jnp.concatenate([*lines, rest.reshape(len(rest), -1, block.padded)], axis=1).transpose(1, 0, 2)
    wanted = (entries, width, block.padded + NARROW)
    return jnp.pad(table, [(0, size - has) for size, has in zip(wanted, table.shape, strict=True)], mode="edge")


def _unpacked(lines: list[Array], shapes: Shapes, block: Block) -> Any:
    across = iter(lines)
    first, others = _counts(shapes)[0], iter(range(_counts(shapes)[1]))
    place = block.places()

    def one(leaf: Any) -> Array:
        if ACROSS in leaf.shape:
            return next(across)
        row, column = divmod(next(others), block.padded)
        line = lines[first + row]
        return jnp.sum(jnp.where(place == column, line, jnp.zeros_like(line)), axis=1)[:, None]

    def take(leaf: Any) -> Any:
        part = np.empty(plain_shape(leaf.shape), object)
        for where in np.ndindex(part.shape):
            value = one(leaf)
            part[where] = value if leaf.dtype != bool else value > 0.5
        return part

    return jax.tree.map(take, shapes)


def _rows_of(table: Array, shapes: Shapes, block: Block, instances: int) -> Rows:
    across, others = _counts(shapes)
    rest = table[across:, :instances, : block.padded].transpose(1, 0, 2).reshape(instances, -1)
    place = {True: 0, False: 0}

    def take(leaf: Any) -> Array:
        lies, plain = ACROSS in leaf.shape, plain_shape(leaf.shape)
        start = place[lies]
        place[lies] += int(np.prod(plain, dtype=int))
        if not lies:
            return rest[:, start : place[lies]].reshape(instances, *plain).astype(leaf.dtype)
        lines = table[start : place[lies], :instances, : block.across]
        front = lines.transpose(1, 0, 2).reshape(instances, *plain, block.across)
        return jnp.moveaxis(front, -1, 1 + leaf.shape.index(ACROSS)).astype(leaf.dtype)

    return jax.tree.map(take, shapes)


def _apart(table: Array) -> list[Array]:
    """The lines of a table with a power of two of them."""
    if len(table) == 1:
        return [table.reshape(table.shape[1:])]
    return [line.reshape(table.shape[1:]) for line in jax.lax.split(table, (1,) * len(table), axis=0)]


def _together(lines: list[Array], entries: int) -> Array:
    """The table of some lines, the last of them repeated; two by two, as a graphics processor joins them."""
    tables = [*lines, *[lines[-1]] * (entries - len(lines))]
    while len(tables) > 1:
        half = len(tables) // 2
        pairs = zip(tables[:half], tables[half:], strict=True)
        tables = [jnp.concatenate([one[..., None], other[..., None]], axis=-1) for one, other in pairs]
    return jnp.transpose(tables[0].reshape(*lines[0].shape, entries), (2, 0, 1))
