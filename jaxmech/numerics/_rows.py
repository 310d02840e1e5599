"""What ``vmap`` does to a function that knows how to treat many instances at once."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap


def through_rows(run: Callable[..., Any], alone: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Return the function of one instance whose ``vmap``, nested or not, is ``run`` on all instances together.

    Args:
        run: of arrays or pytrees whose leaves have a leading axis of instances, to such a pytree.
        alone: the same for one instance without that axis, where there is a better way than a batch of one.

    Source: none; a rule of JAX's batching.

    Example:
        >>> shares = through_rows(lambda rows: rows / rows.sum(axis=1, keepdims=True))
        >>> jax.vmap(shares)(jnp.array([[1.0, 3.0], [2.0, 2.0]])).tolist()
        [[0.25, 0.75], [0.5, 0.5]]
    """

    @custom_vmap
    def one(*arguments: Any) -> Any:
        if alone is not None:
            return alone(*arguments)
        rows = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], arguments)
        return jax.tree.map(lambda leaf: leaf[0], run(*rows))

    @one.def_vmap
    def _(size: int, batched: Any, *arguments: Any) -> Any:
        return _batched(many(*_rows(size, batched, arguments)))

    @custom_vmap
    def many(*rows: Any) -> Any:
        return run(*rows)

    @many.def_vmap
    def _(size: int, batched: Any, *rows: Any) -> Any:
        whole = _rows(size, batched, rows)
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), whole)
        found = many(*flat)
        return _batched(jax.tree.map(lambda leaf: leaf.reshape(size, -1, *leaf.shape[1:]), found))

    return one


def _batched(found: Any) -> tuple[Any, Any]:
    """A result together with the statement that every leaf has the batch as its leading axis."""
    return found, jax.tree.map(lambda _: True, found)


def _rows(size: int, batched: Any, values: Any) -> Any:
    """Give every leaf a leading axis of instances."""
    return jax.tree.map(
        lambda has, leaf: leaf if has else jnp.broadcast_to(leaf, (size, *jnp.shape(leaf))), tuple(batched), values
    )
