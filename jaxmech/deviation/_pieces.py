"""Kernel: many alike, some at a time."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np

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
