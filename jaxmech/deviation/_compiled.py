"""Compiling functions of a mechanism: once for all mechanisms that come to the same program, of whatever class."""

import copy
import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from types import FunctionType, ModuleType
from typing import Any

import jax
import numpy as np

from jaxmech._kept import jit

_MOST = 64
"""Compiled programs of plain classes that are kept; the least recently used goes first."""


def compiled(function: Callable[..., Any], mechanism: Any, *static: Any) -> Callable[..., Any]:
    """Return ``function(mechanism, *static, ...)`` as a compiled function of the remaining arguments.

    A mechanism that is a pytree of arrays is an argument like any other, so that the next one of its kind finds
    everything compiled, and nothing is traced again. What a user writes as a plain class is traced anew by every call
    of this function, because nobody can tell what else it reads; arrays and numbers among its attributes become
    arguments where its code allows, and what comes to the same program is compiled once. It must not change while the
    returned function is in use.

    Args:
        function: pure, takes the mechanism first.
        mechanism: any.
        static: hashable arguments that come next.

    Source: none; programming.

    Example:
        >>> compiled(lambda mechanism, power, x: mechanism * x**power, 3.0, 2)(4.0)
        Array(48., dtype=float...)
    """
    if all(isinstance(leaf, jax.Array | np.ndarray | float) for leaf in jax.tree.leaves(mechanism)):
        return functools.partial(_shared(function, static), mechanism)
    return _Program(function, mechanism, static)


@functools.cache
def _shared(function: Callable[..., Any], static: tuple[Any, ...]) -> Callable[..., Any]:
    def run(mechanism: Any, *rest: Any) -> Any:
        return function(mechanism, *static, *rest)

    shared: Callable[..., Any] = jit(functools.update_wrapper(run, function), reads=(function, static))
    return shared


class _Program:
    """A function of one plain mechanism: traced once for arguments of every shape, compiled if nothing like it was."""

    def __init__(self, function: Callable[..., Any], mechanism: Any, static: tuple[Any, ...]) -> None:
        self._function, self._mechanism, self._static = function, mechanism, static
        self._ready: dict[Any, tuple[Callable[..., Any], list[Any]]] = {}

    def __call__(self, *arguments: Any) -> Any:
        leaves, structure = jax.tree.flatten(arguments)
        signature = (structure, tuple(_kind(leaf) for leaf in leaves))
        if signature not in self._ready:
            self._ready[signature] = self._prepare(arguments)
        program, arrays = self._ready[signature]
        return program(arrays, *arguments)

    def _prepare(self, arguments: tuple[Any, ...]) -> tuple[Callable[..., Any], list[Any]]:
        arrays: list[Any] = []
        rebuild = _taken_apart(self._mechanism, arrays, ())
        try:
            return _compile_once(self._trace(rebuild, arrays, arguments)), arrays
        except Exception:
            # Code that needs its numbers as numbers, such as `if self.limit > 0`: they become part of the program. If
            # it fails again, that is its own fault, and its own words say so.
            if not arrays:
                raise
            return _compile_once(self._trace(lambda _: self._mechanism, [], arguments)), []

    def _trace(self, rebuild: Callable[[list[Any]], Any], arrays: list[Any], arguments: tuple[Any, ...]) -> Any:
        def program(numbers: list[Any], *rest: Any) -> Any:
            return self._function(rebuild(numbers), *self._static, *rest)

        return jax.jit(program).trace(arrays, *arguments)


_programs: OrderedDict[Any, Any] = OrderedDict()
_lock = Lock()


def _compile_once(traced: Any) -> Any:
    """Compile what was traced, unless the same program with the same constants was compiled before."""
    lowered = traced.lower()
    text = hashlib.sha256(lowered.as_text().encode())
    for constant in traced.jaxpr.consts:
        array = np.asarray(jax.random.key_data(constant) if _is_key(constant) else constant)
        text.update(repr((array.dtype, array.shape)).encode() + array.tobytes())
    key = (text.digest(), lowered.in_tree, lowered.out_tree)
    with _lock:
        if key in _programs:
            _programs.move_to_end(key)
            return _programs[key]
    program = lowered.compile()
    with _lock:
        _programs[key] = program
        while len(_programs) > _MOST:
            _programs.popitem(last=False)
    return program


def _is_key(value: Any) -> bool:
    return isinstance(value, jax.Array) and jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key)


def _kind(leaf: Any) -> Any:
    return (np.shape(leaf), leaf.dtype) if hasattr(leaf, "dtype") else type(leaf)


def _taken_apart(value: Any, arrays: list[Any], above: tuple[int, ...]) -> Callable[[list[Any]], Any]:
    """Put the arrays within a value on a list, and return how it is put together again from such a list.

    Args:
        value: any.
        arrays: gets longer by what is found.
        above: identities of what contains the value, so that circles end.
    """
    if isinstance(value, jax.Array | float) or (isinstance(value, np.ndarray) and value.dtype.kind in "biufc"):
        arrays.append(value)
        place = len(arrays) - 1
        return lambda given: given[place]
    leaves, structure = jax.tree.flatten(value)
    if not jax.tree_util.treedef_is_leaf(structure):
        parts = [_taken_apart(leaf, arrays, above) for leaf in leaves]
        return lambda given: jax.tree.unflatten(structure, [part(given) for part in parts])
    if isinstance(value, type | FunctionType | ModuleType) or not hasattr(value, "__dict__") or id(value) in above:
        return lambda given: value
    attributes = {name: _taken_apart(one, arrays, (*above, id(value))) for name, one in vars(value).items()}

    def rebuilt(given: list[Any]) -> Any:
        twin = copy.copy(value)
        vars(twin).update({name: part(given) for name, part in attributes.items()})
        return twin

    return rebuilt
