"""One instance of a sweep, from its number to its row: a pure function of JAX, to be run in batches."""

import math
import zlib
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._precision import seed_key
from jaxmech._types import Array
from jaxmech.sweep._kind import Row, status_words
from jaxmech.sweep._parameters import Draw, Target
from jaxmech.sweep._sweep import Sweep


def make_instance(sweep: Sweep) -> Callable[[tuple[Array, Array]], Row]:
    """Return the function from the number of an instance, and its values that are not random, to its row.

    Args:
        sweep: what varies.
    """
    wanted = ("status", "residual", "steps", *sweep.kind.plain, *sweep.keep, *sweep.kind.needed)

    def instance(given: tuple[Array, Array]) -> Row:
        index, fixed = given
        leaves = _vary(sweep, index, fixed)
        row = sweep.kind.solve(leaves)
        return {
            "parameters": jnp.concatenate([fixed, *_drawn_entries(sweep, leaves)]),
            **{name: row[name] for name in wanted},
        }

    return instance


def make_columns(sweep: Sweep, index: np.ndarray, rows: Row) -> dict[str, np.ndarray]:
    """Return the columns of a table of results, flat, in their order.

    Args:
        sweep: what varies.
        index: numbers of the instances.
        rows: what they came to.
    """
    kind = sweep.kind
    columns = {"index": index.astype(np.int64)}
    columns |= dict(zip(sweep.parameter_names, rows["parameters"].T, strict=True))
    for name in ("status", "residual", "steps", *kind.plain):
        told = status_words(rows[name]) if name.endswith("status") else rows[name]
        columns[name] = told.astype(bool) if name in kind.shares else told
    for name in sweep.keep:
        values, axes = kind.in_words(name, rows), kind.kept_axes(name)
        for place in np.ndindex(*(len(names) for names in axes)):
            label = "".join(f"[{names[k]}]" for names, k in zip(axes, place, strict=True))
            columns[f"{kind.label(name)}{label}"] = values[(slice(None), *place)]
    return columns


def _vary(sweep: Sweep, index: Array, fixed: Array) -> Mapping[str, Array]:
    """The fields of the problem with the values of one instance; keys with more names come later, and win."""
    own = sweep.kind.leaves
    leaves = dict(own)
    key = jax.random.fold_in(seed_key(np.uint32(sweep.seed)), index)
    changes: list[tuple[Target, Array]] = [(target, fixed[k]) for k, target in enumerate(sweep.fixed)]
    changes += [(target, _draw(key, target, draw, own[target.leaf])) for target, draw in sweep.drawn]
    for target, values in sorted(changes, key=lambda change: change[0].depth):
        leaves[target.leaf] = jnp.where(target.mask, values, leaves[target.leaf])
    return leaves


def _draw(key: Array, target: Target, draw: Draw, own: Array) -> Array:
    """Draw a value for every entry of a field; the stream of a parameter depends on its key alone."""
    stream = jax.random.fold_in(key, np.uint32(zlib.crc32(target.key.encode())))
    if draw.distribution == "lognormal":
        return own * jnp.exp(draw.low * jax.random.normal(stream, own.shape, own.dtype))
    share = jax.random.uniform(stream, own.shape, own.dtype)
    if draw.distribution == "uniform":
        return draw.low + (draw.high - draw.low) * share
    return draw.low * jnp.exp(math.log(draw.high / draw.low) * share)


def _drawn_entries(sweep: Sweep, leaves: Mapping[str, Array]) -> list[Array]:
    """Values of the entries that are random, in the order of the columns."""
    seen = {target.key for target in sweep.fixed}
    found = []
    for target, _ in sweep.drawn:
        values = leaves[target.leaf].reshape(-1)[np.flatnonzero(target.mask)]
        new = [i for i, name in enumerate(target.names) if name not in seen]
        seen |= set(target.names)
        found.append(values[np.array(new, int)])
    return found
