"""Compiled programs of functions of one instance, kept by what the function reads and by what JAX made of it.

Two levels. By content: a function that reads what it read before is not traced again. By program: a function that reads
something else, yet is traced to the same program, is not compiled again. Both keep only the latest few.
"""

import dataclasses
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxpr_as_fun
from jax.sharding import NamedSharding, PartitionSpec

from jaxmech._content import callables, content

Kept = TypeVar("Kept")

MOST_KNOWN = 4096
"""Functions that are remembered before those that are gone are forgotten."""

MOST_KEPT = 32
"""Traces and programs that are kept, the latest used; one takes up to some 20 MB."""

_age = jax.make_user_context(None)  # type: ignore[no-untyped-call]
"""Part of the key of JAX's own caches, which know functions by their identity alone: see :class:`_Age`."""

_setting = jax.jit(lambda: ())
"""A function whose trace JAX keeps as long as nothing that it keys traces by is another: precision, promotion, mesh."""


@dataclasses.dataclass(frozen=True)
class Program:
    """A compiled program of many instances.

    Attributes:
        run: from and to lists of arrays with the instances as leading axis.
        workers: how many threads may run it at a time.
    """

    run: Callable[[list[Any]], list[Any]]
    workers: int


class _Latest(Generic[Kept]):
    """The latest used of what has been made, by key."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Kept | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: Hashable, value: Kept) -> None:
        with self._lock:
            self._kept[key] = value
            self._kept.move_to_end(key)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)

    def drop(self, key: Hashable) -> None:
        with self._lock:
            self._kept.pop(key, None)


class _Age:
    """How long JAX's own caches may serve.

    They keep the body of a scan, or a function that is jitted, by its identity, whatever it reads by now. As long as
    everything that is called reads what it read before, they are right, and shared; else a new age begins.
    """

    def __init__(self) -> None:
        self._token = object()
        self._known: dict[int, tuple[Callable[[], Any], bytes | None]] = {}
        self._lock = threading.Lock()

    def of(self, function: Callable[[Any], Any]) -> object:
        """Return the present age, after a look at all that the function can call."""
        parts = callables(function)
        reads = [content(part) for part in parts or ()]
        with self._lock:
            if parts is None or any(map(self._has_changed, parts, reads)):
                self._token, self._known = object(), {}
            for part, read in zip(parts or (), reads, strict=True):
                self._known[id(part)] = (_reference(part), read)
            if len(self._known) > MOST_KNOWN:
                self._known = {name: kept for name, kept in self._known.items() if kept[0]() is not None}
            return self._token

    def _has_changed(self, part: Any, read: bytes | None) -> bool:
        reference, before = self._known.get(id(part), (lambda: None, None))
        return reference() is part and (before is None or before != read)


def _reference(part: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(part)
    except TypeError:
        return lambda: None  # JAX cannot keep it either


_AGE = _Age()


class Traced:
    """A function of one instance, traced.

    Attributes:
        outcome: shapes and types of what it returns.
        largest: bytes of the largest array on the way there.
    """

    def __init__(self, function: Callable[[Any], Any], one: Any, key: Hashable, setting: Any) -> None:
        self._token = _AGE.of(function)
        with _age(self._token):
            traced = jax.jit(lambda instance: function(instance)).trace(one)
        self.outcome: Any = traced.out_info
        self._jaxpr, self._shapes = traced.jaxpr, jax.tree.leaves(one)
        self.largest: int = max(map(_bytes, _made(traced.jaxpr.jaxpr)), default=0)
        self._key, self._setting = key, setting  # the setting is in the key by identity: it must live

    def program(self, size: int, devices: tuple[Any, ...]) -> Program:
        """Return the program of ``size`` instances on these devices; the devices must divide the size."""
        place = (self, size, devices)
        made = _PLACED.get(place)
        if made is None:
            with _age(self._token):
                made = self._compiled(size, devices)
            _PLACED.put(place, made)
        return made

    def _compiled(self, size: int, devices: tuple[Any, ...]) -> Program:
        over = _OneDevice() if len(devices) == 1 else _AllDevices(devices)

        def many(*rows: Any) -> Any:
            return over.map(_side_by_side(jaxpr_as_fun(self._jaxpr), size // len(devices)))(*rows)

        shapes = [over.struct((size, *leaf.shape), leaf.dtype) for leaf in self._shapes]
        traced = jax.jit(many).trace(*shapes)
        lowered = traced.lower()
        text = lowered.as_text()
        # Calls to the host are bound to objects of this function, not to another's of equal content.
        told = None if "callback" in text else content(text, tuple(_constants(traced.jaxpr)), str(jax.config.values))
        if told is None:
            _TRACED.drop(self._key)
        made = _PROGRAMS.get((told, devices)) if told else None
        if made is None:
            made = Program(over.runner(lowered.compile()), _workers(text))
            if told:
                _PROGRAMS.put((told, devices), made)
        return made


_TRACED: _Latest[Traced] = _Latest()
_PLACED: _Latest[Program] = _Latest()
_PROGRAMS: _Latest[Program] = _Latest()


def trace(function: Callable[[Any], Any], one: Any) -> Traced:
    """Return the trace of a function of one instance: a kept one if content and all settings of JAX are the same.

    Args:
        function: what is traced.
        one: shapes and types of an instance, a pytree.
    """
    leaves, tree = jax.tree.flatten(one)
    told = content(function, tree)
    with _age(None):
        setting = _setting.trace().jaxpr
    key = told, tree, tuple(leaves), id(setting)
    kept = _TRACED.get(key) if told else None
    if kept is None:
        kept = Traced(function, one, key, setting)
        if told:
            _TRACED.put(key, kept)
    return kept


class _OneDevice:
    """Where all instances of a program are on one device."""

    def map(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def struct(self, shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]

    def runner(self, compiled: Any) -> Callable[[list[Any]], list[Any]]:
        return lambda rows: [np.asarray(leaf) for leaf in compiled(*rows)]


class _AllDevices:
    """Where the instances of a program are spread over the devices of all processes, each of which stops on its own."""

    def __init__(self, devices: tuple[Any, ...]) -> None:
        self._mesh = jax.sharding.Mesh(np.array(devices), ("instances",))
        self._spec = PartitionSpec("instances")  # type: ignore[no-untyped-call]
        self._sharding = NamedSharding(self._mesh, self._spec)

    def map(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return jax.shard_map(function, mesh=self._mesh, in_specs=self._spec, out_specs=self._spec, check_vma=False)

    def struct(self, shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype, sharding=self._sharding)  # type: ignore[no-untyped-call]

    def runner(self, compiled: Any) -> Callable[[list[Any]], list[Any]]:
        def place(leaf: np.ndarray) -> jax.Array:
            return jax.make_array_from_callback(leaf.shape, self._sharding, lambda index: leaf[index])

        def run(rows: list[Any]) -> list[Any]:
            results = compiled(*map(place, rows))
            if jax.process_count() == 1:
                return [np.asarray(leaf) for leaf in results]
            from jax.experimental import multihost_utils

            return list(multihost_utils.process_allgather(results, tiled=True))

        return run


def _side_by_side(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """``jax.vmap``; of a single instance, the function as it is, without an axis of length 1 in each of its arrays."""
    if count > 1:
        return jax.vmap(function, axis_size=count)
    return lambda *rows: [leaf[None] for leaf in function(*(row[0] for row in rows))]


def _workers(text: str) -> int:
    """How many threads may run a program at a time: batched calls of LAPACK can hang in jaxlib 0.10 and 0.11."""
    alone = jax.default_backend() != "cpu" or jax.device_count() > 1 or "lapack" in text
    return 1 if alone else os.cpu_count() or 1


def _constants(closed: ClosedJaxpr) -> Iterator[Any]:
    """Arrays in a program: JAX may hand them to what is compiled beside it, and then they are not in its text."""
    yield from closed.consts
    for equation in closed.jaxpr.eqns:
        yield from (value.val for value in equation.invars if isinstance(value, Literal) and np.ndim(value.val))
        for part in _parts(equation):
            yield from _constants(part if isinstance(part, ClosedJaxpr) else ClosedJaxpr(part, []))


def _made(program: Jaxpr) -> Iterator[Any]:
    """Shapes and types of all that a program makes on its way."""
    for equation in program.eqns:
        yield from (made.aval for made in equation.outvars)
        for part in _parts(equation):
            yield from _made(part.jaxpr if isinstance(part, ClosedJaxpr) else part)


def _parts(equation: Any) -> list[ClosedJaxpr | Jaxpr]:
    """The programs within an equation, such as the body of a loop."""
    within = jax.tree.leaves(list(equation.params.values()))
    return [part for part in within if isinstance(part, (ClosedJaxpr, Jaxpr))]


def _bytes(shape: Any) -> int:
    """What an array takes up; random keys are words of 32 bits."""
    return int(getattr(shape, "size", 0)) * int(getattr(shape.dtype, "itemsize", 8)) if hasattr(shape, "dtype") else 0
