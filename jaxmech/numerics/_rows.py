"""What ``vmap`` does to a function that knows how to treat many instances at once."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

_struct: Any = jax.ShapeDtypeStruct
_dense: Any = ad.instantiate_zeros


def through_rows(
    run: Callable[..., Any], alone: Callable[..., Any] | None = None, like: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """Return the function of one instance whose ``vmap``, nested or not, is ``run`` on all instances together.

    What is traced is that only which is compiled: for one instance or for as many as there are in the end.

    Args:
        run: of arrays or pytrees whose leaves have a leading axis of instances, to such a pytree.
        alone: the same for one instance without that axis, where there is a better way than a batch of one.
        like: of one instance, to anything of the shapes and types of its result, which are found by tracing it; by
            default what is computed itself.

    Source: none; a primitive of JAX with a rule for batches.

    Example:
        >>> shares = through_rows(lambda rows: rows / rows.sum(axis=1, keepdims=True))
        >>> jax.vmap(shares)(jnp.array([[1.0, 3.0], [2.0, 2.0]])).tolist()
        [[0.25, 0.75], [0.5, 0.5]]
    """
    single = partial(_as_one_of_many, run) if alone is None else alone
    shaped = partial(jax.eval_shape, single if like is None else like)
    primitive: Any = Primitive("through_rows")
    primitive.multiple_results = True

    def compute(*leaves: Any, tree: Any, rows: int | None, precise: bool) -> list[Any]:
        function = single if rows is None else run
        with jax.enable_x64(precise):  # it may be lowered when another setting holds
            return jax.tree.leaves(function(*jax.tree.unflatten(tree, leaves)))

    def shapes(*leaves: Any, tree: Any, rows: int | None, precise: bool) -> list[Any]:
        before = () if rows is None else (rows,)
        ones = [_struct(leaf.shape[len(before) :], leaf.dtype) for leaf in leaves]
        with jax.enable_x64(precise):
            found = jax.tree.leaves(shaped(*jax.tree.unflatten(tree, ones)))
        return [jax.core.ShapedArray((*before, *leaf.shape), leaf.dtype) for leaf in found]

    def batch(leaves: Sequence[Any], axes: Sequence[Any], *, rows: int | None, **fixed: Any) -> tuple[Any, Any]:
        size = next(leaf.shape[axis] for leaf, axis in zip(leaves, axes, strict=True) if axis is not None)
        whole = [_with_rows(size, leaf, axis) for leaf, axis in zip(leaves, axes, strict=True)]
        if rows is None:
            found = primitive.bind(*whole, rows=size, **fixed)
        else:
            flat = [leaf.reshape(size * rows, *leaf.shape[2:]) for leaf in whole]
            together = primitive.bind(*flat, rows=size * rows, **fixed)
            found = [leaf.reshape(size, rows, *leaf.shape[1:]) for leaf in together]
        return found, [0] * len(found)

    def slope(primals: Any, tangents: Any, **fixed: Any) -> Any:
        changes = tuple(map(_dense, tangents))
        return jax.jvp(partial(compute, **fixed), primals, changes)

    primitive.def_impl(compute)
    primitive.def_abstract_eval(shapes)
    batching.primitive_batchers[primitive] = batch
    ad.primitive_jvps[primitive] = slope
    mlir.register_lowering(primitive, mlir.lower_fun(compute, multiple_results=True))

    def one(*arguments: Any) -> Any:
        leaves, tree = jax.tree.flatten(arguments)
        arrays = [jnp.asarray(leaf) for leaf in leaves]
        ones = [_struct(array.shape, array.dtype) for array in arrays]
        outcome = jax.tree.structure(shaped(*jax.tree.unflatten(tree, ones)))
        precise = bool(jnp.result_type(float) == jnp.float64)
        return jax.tree.unflatten(outcome, primitive.bind(*arrays, tree=tree, rows=None, precise=precise))

    return one


def _as_one_of_many(run: Callable[..., Any], *arguments: Any) -> Any:
    rows = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], arguments)
    return jax.tree.map(lambda leaf: leaf[0], run(*rows))


def _with_rows(size: int, leaf: Any, axis: int | None) -> Any:
    """A leaf with the instances as its leading axis."""
    return jnp.broadcast_to(leaf, (size, *jnp.shape(leaf))) if axis is None else jnp.moveaxis(leaf, axis, 0)
