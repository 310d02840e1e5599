"""An iterative method on many instances, each of them in the registers of one thread of a graphics processor."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from jaxmech._types import Array
from jaxmech.numerics._stream import Method, Rows
from jaxmech.numerics._unrolled import AGENTS, MANY, Block, any_lane, entries_of, plain_shape, spread

Packed = dict[str, Array]
"""Numbers and marks apart, (entries, instances)."""


def stream_in_registers(
    method: Method, rows: Rows, skip: Array, template: Any, agents: int, lanes: int, warps: int = 1, interpret: bool = False
) -> Rows:
    """Run a method on every instance that is not skipped, like :func:`jaxmech.numerics._stream.stream`.

    Args:
        method: the method.
        rows: data, (instances, ...).
        skip: (instances,) who needs no result.
        template: shapes of one instance's data, with :data:`AGENTS` for agents.
        agents: their number.
        lanes: instances that run together until all of them are finished, a power of two.
        warps: over how many groups of 32 threads they are spread.
        interpret: whether to run on any device, slowly.
    """
    instances = skip.shape[0]
    block = Block(agents, lanes)
    blocks = -(-instances // lanes)
    padded = blocks * lanes + 1  # odd lines keep loads narrow, so that every number is one thread's
    given = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*leaf.shape, MANY), leaf.dtype), template)
    mask = jax.ShapeDtypeStruct((MANY,), bool)
    state_shapes = jax.eval_shape(method.start, given)
    shapes = jax.eval_shape(method.result, state_shapes)
    into = _layout((given, mask), block)
    out = _layout(shapes, block)
    packed = _pack((rows, skip), (given, mask), block, into, padded)
    names, outs = list(into), list(out)

    def kernel(*refs: Any) -> None:
        tables = {name: _apart(ref[...]) for name, ref in zip(names, refs, strict=False)}
        data, idle = _unpack(tables, (given, mask))
        waiting = ~idle[()]

        def active(state: Any) -> Array:
            return waiting & spread(entries_of(block, method.going, (state_shapes,), state)[()], (1, lanes))

        def step(flat: list[Array]) -> list[Array]:
            state = rebuild(flat)
            now = np.empty((), object)
            now[()] = active(state)
            return flat_of(entries_of(block, method.advance, (given, state_shapes, mask), data, state, now))

        def flat_of(state: Any) -> list[Array]:
            return [
                spread(entry, block.shape(shape))
                for leaf, shape in zip(_leaves(state), jax.tree.leaves(state_shapes), strict=True)
                for entry in leaf.flat
            ]

        state = entries_of(block, method.start, (given,), data)
        rebuild = _rebuilder(state)
        last = jax.lax.while_loop(lambda flat: any_lane(active(rebuild(flat))), step, flat_of(state))
        found = entries_of(block, method.result, (state_shapes,), rebuild(last))
        lines: dict[str, list[Array]] = {kind: [] for kind in out}
        for leaf, shape in zip(_leaves(found), jax.tree.leaves(shapes), strict=True):
            for entry in leaf.flat:
                value = spread(entry, block.shape(shape))
                value = jnp.where(spread(waiting, value.shape), value, jnp.ones_like(value))
                lines[_sort(shape)].append(value.astype(out[_sort(shape)][1]))
        for kind, ref in zip(outs, refs[len(names) :], strict=True):
            ref[...] = _together(lines[kind], out[kind][0][0])

    def spec(shape: tuple[int, ...]) -> Any:
        return pl.BlockSpec((*shape, lanes), lambda place: (0, 0, place))

    results = pl.pallas_call(
        kernel,
        grid=(blocks,),
        in_specs=[spec(into[name][0]) for name in names],
        out_specs=[spec(out[name][0]) for name in outs],
        out_shape=[jax.ShapeDtypeStruct((*out[name][0], padded), out[name][1]) for name in outs],
        compiler_params=triton.CompilerParams(num_warps=warps, num_stages=1),
        interpret=interpret,
        name="in_registers",
    )(*(packed[name] for name in names))
    return _rows_of(dict(zip(outs, results, strict=True)), shapes, block, instances)


def _leaves(entries: Any) -> list[Any]:
    return jax.tree.leaves(entries, is_leaf=lambda leaf: isinstance(leaf, np.ndarray))


def _sort(shape: Any) -> str:
    kind = "numbers" if jnp.issubdtype(shape.dtype, jnp.floating) else "counts"
    return kind + (" of agents" if AGENTS in shape.shape else "")


def _power(size: int) -> int:
    return 1 << (size - 1).bit_length()


def _layout(shapes: Any, block: Block) -> dict[str, tuple[tuple[int, int], Any]]:
    """Of each sort of entries the shape of its table, (entries, agents), and its type."""
    sizes: dict[str, int] = {}
    for leaf in jax.tree.leaves(shapes):
        sizes[_sort(leaf)] = sizes.get(_sort(leaf), 0) + int(np.prod(plain_shape(leaf.shape), dtype=int))
    return {
        kind: (
            (_power(size), block.padded if "agents" in kind else 1),
            jnp.float64 if kind.startswith("numbers") else jnp.int32,
        )
        for kind, size in sizes.items()
    }


def _pack(rows: Any, shapes: Any, block: Block, layout: Any, padded: int) -> Packed:
    parts: dict[str, list[Array]] = {kind: [] for kind in layout}
    for leaf, shape in zip(jax.tree.leaves(rows), jax.tree.leaves(shapes), strict=True):
        kind = _sort(shape)
        assert not AGENTS in shape.shape or shape.shape[0] == AGENTS
        wide = leaf.reshape(leaf.shape[0], block.agents if "agents" in kind else 1, -1)
        parts[kind].append(wide.transpose(2, 1, 0).astype(layout[kind][1]))
    found = {}
    for kind, part in parts.items():
        table, shape = jnp.concatenate(part), (*layout[kind][0], padded)
        missing = [(0, wanted - size) for wanted, size in zip(shape, table.shape, strict=True)]
        found[kind] = jnp.pad(table, missing, constant_values=1)
    return found


def _unpack(tables: dict[str, list[Array]], shapes: Any) -> Any:
    place = dict.fromkeys(tables, 0)

    def load(shape: Any) -> Any:
        kind = _sort(shape)
        entries = np.empty(plain_shape(shape.shape), object)
        for where in np.ndindex(entries.shape):
            value = tables[kind][place[kind]]
            entries[where] = value if kind.startswith("numbers") else value != 0
            place[kind] += 1
        return entries

    return jax.tree.map(load, shapes)


def _apart(table: Array) -> list[Array]:
    """The lines of a table with a power of two of them."""
    if table.shape[0] == 1:
        return [table.reshape(table.shape[1:])]
    lines = jax.lax.split(table, (1,) * table.shape[0], axis=0)
    return [line.reshape(table.shape[1:]) for line in lines]


def _together(lines: list[Array], size: int) -> Array:
    """The table of some lines, the last of them repeated up to a power of two."""
    tables = [*lines, *([lines[-1]] * (size - len(lines)))]
    while len(tables) > 1:
        half = len(tables) // 2
        tables = [
            jnp.concatenate([one[..., None], other[..., None]], axis=-1)
            for one, other in zip(tables[:half], tables[half:], strict=True)
        ]
    return jnp.transpose(tables[0].reshape(*lines[0].shape, size), (2, 0, 1))


def _rows_of(packed: Packed, shapes: Any, block: Block, instances: int) -> Rows:
    place = dict.fromkeys(packed, 0)

    def take(shape: Any) -> Array:
        kind, plain = _sort(shape), plain_shape(shape.shape)
        size, agents = int(np.prod(plain, dtype=int)), ((block.agents,) if "agents" in kind else ())
        table = packed[kind][place[kind] : place[kind] + size, : (agents or (1,))[0], :instances]
        place[kind] += size
        return table.transpose(2, 1, 0).reshape(instances, *agents, *plain).astype(shape.dtype)

    return jax.tree.map(take, shapes)


def _rebuilder(state: Any) -> Any:
    leaves, structure = jax.tree.flatten(state, is_leaf=lambda leaf: isinstance(leaf, np.ndarray))

    def rebuild(flat: list[Array]) -> Any:
        place, found = 0, []
        for leaf in leaves:
            entries = np.empty(leaf.shape, object)
            for where in np.ndindex(leaf.shape):
                entries[where] = flat[place]
                place += 1
            found.append(entries)
        return jax.tree.unflatten(structure, found)

    return rebuild
