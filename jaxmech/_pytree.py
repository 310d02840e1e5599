"""Registration of records as pytrees."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._show import brief, in_html

T = TypeVar("T", bound=type)

RECORDS: dict[type, Callable[[tuple[Any, ...], Iterable[Any]], Any]] = {}
"""Every record that is registered here, and how it is put together from what is static, its labels, and its leaves."""


_ANYTHING = np.zeros(())


def same(one: Any, other: object) -> Any:
    """Return whether two records have the same type, static fields, labels and numbers; NaN is the same as NaN.

    As ``__eq__`` of a record: comparing its fields as tuples, as dataclasses do, fails for arrays.
    """
    if type(one) is not type(other):
        return NotImplemented
    if one is other:
        return True
    structure: Any = jax.tree.structure(one)
    if structure != jax.tree.structure(other) or _labels(one) != _labels(other):
        return False
    return all(map(_same_leaf, jax.tree.leaves(one), jax.tree.leaves(other)))


def shape_hash(record: Any) -> int:
    """Return a hash that agrees with :func:`same`."""
    return hash((jax.tree.structure(record), tuple(np.shape(leaf) for leaf in jax.tree.leaves(record))))


def _same_leaf(one: Any, other: Any) -> bool:
    if one is other or np.shape(one) != np.shape(other):
        return one is other
    left, right = np.asarray(one), np.asarray(other)
    return bool(np.all((left == right) | ((left != left) & (right != right))))


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
    """What only people read, beside the structure of a record: equal to any other, so that it decides nothing."""

    values: tuple[Any, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels)

    def __hash__(self) -> int:
        return 0


def indexable(tree: Any) -> Any:
    """Return a tree with arrays of JAX for those of NumPy, which no index can look into that is traced.

    Results of :func:`jaxmech.batch` and of ``jax.device_get`` are arrays of NumPy. All other leaves stay as they are.

    Example:
        >>> jax.jit(lambda i: indexable({"costs": np.arange(3.0)})["costs"][i])(2).item()
        2.0
    """
    if not any(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(tree)):
        return tree
    with eagerly():
        return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, tree)


def eagerly() -> contextlib.AbstractContextManager[None]:
    """Return a context in which what is known is computed at once, also while something else is being traced.

    Where nothing is, it does nothing: otherwise every constant of what is traced within would be a program of its own.

    Example:
        >>> def known_size(x):
        ...     with eagerly():
        ...         return x * int(jnp.sum(jnp.ones(3)))
        >>> jax.jit(known_size)(2).item()
        6
    """
    traced = isinstance(jnp.asarray(_ANYTHING), jax.core.Tracer)
    within: contextlib.AbstractContextManager[None] = (
        jax.ensure_compile_time_eval() if traced else contextlib.nullcontext()
    )
    return within


def _labels(record: Any) -> list[Any]:
    """What the labels of a record and of the records in it say."""
    fields = dataclasses.fields(record) if dataclasses.is_dataclass(record) else ()
    values = [(getattr(record, field.name), "label" in field.metadata) for field in fields]
    return [value if label else _labels(value) for value, label in values]


def pytree(cls: T) -> T:
    """Register a frozen dataclass as a pytree; fields with metadata ``static`` or ``label`` are not leaves.

    What is static is part of the structure, for which functions are compiled. A label is not: it is what only people
    read, such as names. Records that differ in labels alone share what is compiled; outside a transformation a record
    keeps its labels, inside (where it holds tracers) it has what the metadata say instead, so that what was compiled
    with somebody's names can never hand them to somebody else.

    Like ``jax.tree_util.register_dataclass``, but rebuilding does not call ``__init__``: transformations put batches,
    tracers and placeholders where a person puts arrays of the annotated shape, and those shapes are executed in tests.

    Example:
        >>> @pytree
        ... @dataclasses.dataclass(frozen=True)
        ... class Pair:
        ...     left: float
        ...     name: str = dataclasses.field(metadata={"static": True})
        >>> jax.tree.map(lambda leaf: leaf + 1, Pair(1.0, "one")).left
        2.0
        >>> Pair(1.0, "one") == Pair(1.0, "two")
        False
    """
    fields = dataclasses.fields(cls)
    static = tuple(field.name for field in fields if field.metadata.get("static"))
    unlabelled = {field.name: field.metadata["label"] for field in fields if "label" in field.metadata}
    dynamic = tuple(field.name for field in fields if field.name not in (*static, *unlabelled))
    keys = [jax.tree_util.GetAttrKey(name) for name in dynamic]

    def flatten(record: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        labels = Labels(tuple(getattr(record, name) for name in unlabelled))
        beside = tuple(getattr(record, name) for name in static)
        return tuple(getattr(record, name) for name in dynamic), (*beside, labels)

    def flatten_with_keys(record: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        leaves, beside = flatten(record)
        return tuple(zip(keys, leaves, strict=True)), beside

    def unflatten(beside: tuple[Any, ...], leaves: Iterable[Any]) -> Any:
        record: Any = object.__new__(cls)
        children, (*fixed, labels) = tuple(leaves), beside
        traced = unlabelled and any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(children))
        told = unlabelled.values() if traced else labels.values
        for name, value in zip((*dynamic, *static, *unlabelled), (*children, *fixed, *told), strict=True):
            object.__setattr__(record, name, value)
        return record

    for name, function in (("__eq__", same), ("__hash__", shape_hash), ("__repr__", brief), ("_repr_html_", in_html)):
        setattr(cls, name, function)
    RECORDS[cls] = unflatten
    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls
