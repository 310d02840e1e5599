"""Host: compiled programs that outlive the process: found by what goes into them, run without tracing or compiling.

The persistent cache of JAX saves compiling, but every process still traces and lowers to know what to look for. Here a
program is found by what decides it: the function's name, the source of this package, the structure, shapes and types of
its arguments, versions, settings and processor. Nothing of it is used unless a program asks for it by :func:`keep_in`;
until then, and inside transformations, everything is :func:`jax.jit`.
"""

import functools
import hashlib
import inspect
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxmech import _source
from jaxmech._program_files import AHEAD, SUFFIX, read_program, write_program
from jaxmech._structure import UntoldError, structure_told, told

_LIBRARIES = ("jaxmech", "jax", "jaxlib", "numpy", "scipy", "optax", "jaxtyping", "beartype")
"""What may be traced into a program."""
PACKAGES = (__name__.partition(".")[0],)
"""Whose functions are kept."""
_OFTEN = ("jax_enable_x64", "jax_default_matmul_precision")
"""Settings that a thread may have for itself; but for :data:`_QUICKLY` the others stay as they are in a process."""
_QUICKLY = "jax_disable_most_optimizations"
_OTHERWISE = ("jax_disable_jit", "jax_debug_nans", "jax_debug_infs", "jax_check_tracer_leaks")
"""Settings with which programs do something else than compute."""
_AT_ALL = "jax_enable_compilation_cache"
_PLACE: list[Path] = []
"""The folder, once there is one."""
_OUTSIDE: list[tuple[Callable[[], Any], Any]] = []
"""How to ask JAX what it traces, and what it says while nothing is traced."""
_OVER: list[bool] = []
"""Whether nothing is kept any more."""


def keep_in(folder: Path | None, asked: str = "") -> None:
    """Keep programs in a folder from now on, or nowhere. Called outside of transformations.

    What lies in the folder is run: nobody else may be able to write to it.

    Args:
        folder: it exists, and is for this processor; None to keep nothing, and take nothing.
        asked: what this process was asked for, in words: what the last one needed that was asked for the same is read
            while this one still imports.
    """
    if folder is None or _OVER:
        return _PLACE.clear()
    if not _OUTSIDE:
        from jax.extend import core  # takes a while to import

        traced: Any = getattr(core, "get_opaque_trace_state", None) or jax.core.get_opaque_trace_state  # before 0.10
        _OUTSIDE.append((traced, traced()))
        jax.monitoring.register_event_listener(_count)
    if [folder] != _PLACE and asked:
        AHEAD.begin(folder, asked)
    _PLACE[:] = [folder]
    return None


def keep_no_more() -> None:
    """Keep and take nothing from now on, whoever asks: code of others runs, and may change what functions compute."""
    _OVER[:] = [True]
    _PLACE.clear()


def jit(
    function: Callable[..., Any], static_argnames: str | Iterable[str] = (), reads: Any = None, *, inline: bool = False
) -> Any:
    """Return a function compiled as by :func:`jax.jit`, whose programs are kept where :func:`keep_in` says.

    Args:
        function: pure, of this package, and found by its name.
        static_argnames: arguments that are part of the program.
        reads: of a function that is made by another: all that it is made from.
        inline: whether inside transformations it is as if it were not compiled by itself.
    """
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    return Kept(function, names, reads, inline=inline)


class Kept:
    """A function that is compiled by :func:`jax.jit`, or taken from the folder of programs, ready to run."""

    def __init__(self, function: Callable[..., Any], static: tuple[str, ...], reads: Any, *, inline: bool) -> None:
        functools.update_wrapper(self, function)
        self._jitted = jax.jit(function, static_argnames=static, inline=inline)
        self._whole = jax.jit(function, static_argnames=static, keep_unused=True)
        places = inspect.signature(function).parameters if static else ()
        self._static_places = frozenset(place for place, name in enumerate(places) if name in static)
        self._static_names, self._reads = frozenset(static), reads
        self._ready: dict[Any, Any] = {}

    def __getattr__(self, name: str) -> Any:
        """Everything else that a function compiled by JAX can do."""
        if name == "_jitted":
            raise AttributeError(name)  # not made yet
        return getattr(self._jitted, name)

    def __reduce__(self) -> str:
        """It is found by its name."""
        return str(self.__qualname__)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Run the program, the kept one if there is one."""
        program = self._found(arguments, named)
        return self._jitted(*arguments, **named) if program is None else program(self._moving(arguments, named))

    def prepared(self, *arguments: Any, **named: Any) -> Callable[..., Any]:
        """Return the program for such arguments, compiled: another thread may run it, with no static arguments."""
        program = self._found(arguments, named)
        if program is None:
            made: Callable[..., Any] = self._jitted.lower(*arguments, **named).compile()
            return made
        return lambda *arguments, **named: program((arguments, named))

    def _moving(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
        """Arguments that are not static."""
        return (
            tuple(value for place, value in enumerate(arguments) if place not in self._static_places),
            {name: value for name, value in named.items() if name not in self._static_names},
        )

    def _found(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The program for such arguments; None inside transformations, and for what is not kept."""
        place = tuple(_PLACE)  # another thread may end it
        if not place:
            return None
        leaves, tree = jax.tree.flatten(self._moving(arguments, named))
        kinds = tuple(map(_kind, leaves))
        traced, outside = _OUTSIDE[0]
        if None in kinds or traced() != outside:
            return None
        static = (
            tuple((place, value) for place, value in enumerate(arguments) if place in self._static_places),
            tuple((name, value) for name, value in sorted(named.items()) if name in self._static_names),
        )
        types = tuple(type(value) for part in static for _, value in part)  # 1 is no other key than True
        settings = (*(getattr(jax.config, name) for name in _OFTEN), jax.config.values[_QUICKLY])
        known = (tree, kinds, static, types, settings, place)
        if known not in self._ready:
            path = self._path(place[0], (tree, kinds, static))
            self._ready[known] = None if path is None else read_program(path) or self._made(path, arguments, named)
        return self._ready[known]

    def _made(self, path: Path, arguments: Any, named: Any) -> Callable[..., Any]:
        """The program, compiled, and put into its file."""
        traced = self._whole.trace(*arguments, **named)
        lowered = traced.lower()
        before = _TAKEN.get(threading.get_ident(), 0)
        with _ONLY_HERE:
            compiled = lowered.compile()
        if _TAKEN.get(threading.get_ident(), 0) == before and _source.is_as_read():
            write_program(path, traced, lowered, compiled)
        return lambda moving: compiled(*moving[0], **moving[1])

    def _path(self, folder: Path, decides: tuple[Any, Any, Any]) -> Path | None:
        """The file of such a program; None if not all that decides it can be told, as with code that is a user's."""
        name = f"{self.__module__}.{self.__qualname__}"
        if not _serves() or self.__module__.partition(".")[0] not in PACKAGES or ("<" in name and self._reads is None):
            return None
        tree, kinds, static = decides
        try:
            all_told = name, structure_told(tree, labels=False), kinds, told(static), told(self._reads)
        except UntoldError:
            return None
        key = hashlib.sha256(json.dumps((all_told, _surroundings(), folder.name)).encode()).hexdigest()
        return folder / f"{self.__name__.strip('_<>')}-{key}{SUFFIX}"


class _OnlyHere:
    """Within it the cache of JAX takes up nothing: what it hands out can be run, but not be written to a file again."""

    _SHORTEST = "jax_persistent_cache_min_compile_time_secs"

    def __init__(self) -> None:
        self._lock, self._inside, self._before = threading.Lock(), 0, 0.0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = jax.config.values[self._SHORTEST]
                jax.config.update(self._SHORTEST, float("inf"))  # type: ignore[no-untyped-call]
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                jax.config.update(self._SHORTEST, self._before)  # type: ignore[no-untyped-call]


_ONLY_HERE = _OnlyHere()
_TAKEN: dict[int, int] = {}
"""How many programs each thread took from the cache of JAX: they cannot be written to a file again."""


def _count(event: str, **_: Any) -> None:
    if event == "/jax/compilation_cache/cache_hits":
        _TAKEN[threading.get_ident()] = _TAKEN.get(threading.get_ident(), 0) + 1


def _kind(leaf: Any) -> Any:
    """What of an argument decides the program; None where that is not known, as in transformations."""
    if isinstance(leaf, jax.core.Tracer):
        return None
    if isinstance(leaf, jax.Array):
        return leaf.shape, str(leaf.dtype), bool(getattr(leaf, "weak_type", False))
    if isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind in "biufc":
        return leaf.shape, str(jax.dtypes.canonicalize_dtype(leaf.dtype)), False
    return type(leaf).__name__ if type(leaf) in (bool, int, float, complex) else None


def _serves() -> bool:
    """Whether there is one device, a processor, that only computes: for others there is the cache of JAX."""
    plain = not any(getattr(jax.config, name) for name in _OTHERWISE) and jax.config.values[_AT_ALL]
    return plain and _is_told() and jax.default_backend() == "cpu" and jax.device_count() == 1


@functools.cache
def _is_told() -> bool:
    """Whether the source is that of the modules which have been loaded."""
    return _source.readable() and _source.is_as_read()


def _surroundings() -> tuple[Any, ...]:
    """Settings of JAX in this thread, and what stays the same in a process."""
    values = {name: getattr(jax.config, name, value) for name, value in jax.config.values.items()}
    settings = sorted((name, repr(value)) for name, value in values.items() if "cache" not in name)
    return settings, _process()


@functools.cache
def _process() -> tuple[Any, ...]:
    """Versions, the source of this package, the processor and how many cores it has."""
    client = jax.devices()[0].client
    return (
        _source.source(),
        sys.version,
        tuple(_version(name) for name in _LIBRARIES),
        (client.platform, client.platform_version, jax.devices()[0].device_kind, os.cpu_count()),
        os.environ.get("XLA_FLAGS", ""),
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
