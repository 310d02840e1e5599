"""Kernel: many alike, some at a time."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np

from jaxmech._types import Array

Tree = TypeVar("Tree")

AT_ONCE = 32
"""Strategies side by side: few enough to fit a processor's cache; an accelerator has agents and problems beside."""


def in_pieces(run: Callable[[Any], Tree], tree: Any, at_once: int = AT_ONCE) -> Tree:
    """Apply ``run`` to all places, on a leading axis, in pieces of one size, the last one filled up with copies.

    Example:
        >>> in_pieces(lambda x: 2 * x, np.arange(5), at_once=2).tolist()
        [0, 2, 4, 6, 8]
    """
    count = len(jax.tree.leaves(tree)[0])
    pieces = -(-count // at_once)
    if pieces == 1:
        return run(tree)
    size = -(-count // pieces)
    index = np.minimum(np.arange(pieces * size), count - 1).reshape(pieces, size)
    done = jax.lax.map(run, jax.tree.map(lambda leaf: leaf[index], tree))
    joined: Tree = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:count], done)
    return joined


def first_in_pieces(run: Callable[[Any], Tree], tree: Any, count: Array, size: int, otherwise: Tree) -> Tree:
    """Apply ``run`` to the first ``count`` places, which may be traced, in pieces of ``size``.

    Args:
        run: a function of ``size`` places.
        tree: places on a leading axis, a multiple of ``size``.
        count: how many of them are meant; the piece that holds the last one is done wholly.
        size: places at once.
        otherwise: the answer for all places that come later.

    Example:
        >>> from jax import numpy as jnp
        >>> first_in_pieces(lambda x: 2 * x, jnp.arange(1, 7), jnp.asarray(3), 2, jnp.zeros(6, int)).tolist()
        [2, 4, 6, 8, 0, 0]
    """

    def piece(i: Array) -> Any:
        return jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, i * size, size), tree)

    def step(i: Array, done: Any) -> Any:
        answer = run(piece(i))
        return jax.tree.map(lambda to, one: jax.lax.dynamic_update_slice_in_dim(to, one, i * size, 0), done, answer)

    joined: Tree = jax.lax.fori_loop(0, -(-count // size), step, otherwise)
    return joined
