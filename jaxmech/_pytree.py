"""Registration of records as pytrees."""

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar

import jax
import numpy as np

T = TypeVar("T", bound=type)


def same(one: Any, other: object) -> Any:
    """Return whether two records have the same type, static fields and numbers; NaN is the same as NaN.

    As ``__eq__`` of a record: comparing its fields as tuples, as dataclasses do, fails for arrays.
    """
    if type(one) is not type(other):
        return NotImplemented
    if one is other:
        return True
    structure: Any = jax.tree.structure(one)
    if structure != jax.tree.structure(other):
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


def pytree(cls: T) -> T:
    """Register a frozen dataclass as a pytree; fields with metadata ``static`` are not leaves.

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
    dynamic = tuple(field.name for field in fields if field.name not in static)
    keys = [jax.tree_util.GetAttrKey(name) for name in dynamic]

    def flatten(record: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        return tuple(getattr(record, name) for name in dynamic), tuple(getattr(record, name) for name in static)

    def flatten_with_keys(record: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        leaves, names = flatten(record)
        return tuple(zip(keys, leaves, strict=True)), names

    def unflatten(names: Iterable[Any], leaves: Iterable[Any]) -> Any:
        record: Any = object.__new__(cls)
        for name, value in zip((*dynamic, *static), (*leaves, *names), strict=True):
            object.__setattr__(record, name, value)
        return record

    for name, function in (("__eq__", same), ("__hash__", shape_hash)):
        setattr(cls, name, function)
    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)
    return cls
