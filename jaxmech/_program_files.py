"""Host: files of compiled programs, and programs that are run from them, without tracing, lowering or compiling.

A file holds a digest of the rest; how what a program returns is put together, as JSON; and the machine code, as XLA
writes it. Nothing in it is unpickled, evaluated or imported by name. But the code is run: the folder is the user's
alone.
"""

import atexit
import contextlib
import functools
import hashlib
import json
import os
import re
import stat
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxmech._structure import structure_from, structure_told

SUFFIX = ".program"
"""What files of programs end in."""
_NAME = re.compile(rf"\w+-[0-9a-f]{{64}}\{SUFFIX}")
_CALLED = re.compile(r"custom_call @(\w+)")
_LAPACK = "lapack_"
_KEYS = {"threefry2x32": 2, "rbg": 4, "unsafe_rbg": 4}
"""Kinds of random keys, and of how many words."""
_CHECK, _LENGTH = 32, 4
"""Bytes at the beginning of a file that vouch for the rest, and after them those that say how long the JSON is."""


class Program(NamedTuple):
    """A program that is ready: from what arguments hold to what is returned."""

    executable: Any
    leaves: tuple[tuple[bool, str | None], ...]
    structure: Any

    def __call__(self, moving: Any) -> Any:
        given = [_flat(leaf) for leaf in jax.tree.leaves(moving)]
        rest = [place for place, leaf in enumerate(given) if not isinstance(leaf, jax.Array)]
        for place, leaf in zip(rest, jax.device_put([given[place] for place in rest], may_alias=False), strict=True):
            given[place] = leaf
        made = self.executable.execute(given)
        return jax.tree.unflatten(self.structure, map(_as_returned, made, self.leaves))


def _flat(leaf: Any) -> Any:
    """A leaf of arguments as a plain array, of the type that it has in a program."""
    if isinstance(leaf, jax.Array):
        return jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
    return np.asarray(leaf, jax.dtypes.canonicalize_dtype(getattr(leaf, "dtype", type(leaf))))


def _as_returned(array: Any, kind: tuple[bool, str | None]) -> Any:
    """An array as a function compiled by JAX returns it: not bound to the device, of a weak type or not, or a key."""
    weak, key = kind
    aval = array.aval.update(weak_type=True) if weak else array.aval
    free = type(array)(aval, array.sharding, [array], committed=False, _skip_checks=True)
    return free if key is None else jax.random.wrap_key_data(free, impl=key)


class Ahead:
    """Programs that the same command needed last time, made ready in a thread while this one is still importing."""

    def __init__(self) -> None:
        self._promised: dict[Path, Future[Any]] = {}
        self._used: dict[str, None] = {}

    def begin(self, folder: Path, asked: str) -> None:
        """Begin to read what was used last time, and note at the end what is used now."""
        record = folder / f"{hashlib.sha256(asked.encode()).hexdigest()[:32]}.recent"
        before: list[str] = []
        with contextlib.suppress(OSError, UnicodeDecodeError):
            before = [name for name in record.read_text(encoding="ascii").split() if _NAME.fullmatch(name)]
        self._used.clear()
        if before:
            worker = ThreadPoolExecutor(1, "programs")
            paths = sorted((folder / name for name in before), key=_size, reverse=True)
            self._promised = {path: worker.submit(_ready_in_time, path) for path in paths}
            worker.shutdown(wait=False)
        atexit.register(lambda: None if list(self._used) == before else _put(record, "\n".join(self._used).encode()))

    def take(self, path: Path) -> Any:
        """What is in a file: from the thread, unless it has not begun yet."""
        self._used[path.name] = None
        promised = self._promised.pop(path, None)
        return _ready(path) if promised is None or promised.cancel() else promised.result()


AHEAD = Ahead()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _ready_in_time(path: Path) -> Any:
    """What is in a file, unless the program has ended meanwhile, which waits for threads."""
    return _ready(path) if threading.main_thread().is_alive() else None


def _ready(path: Path) -> tuple[Any, Any] | None:
    """What is in a file: a program, and what is said of what it returns; None if there is none, or not a whole one.

    Where the structure of what is returned is made, classes are looked up among those imported: no thread does that.
    """
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode) or (hasattr(os, "getuid") and not _is_own(state)):
            return None
        data = path.read_bytes()
        vouched, rest = data[:_CHECK], data[_CHECK:]
        if _check(path, rest) != vouched:
            return None
        start = _LENGTH + int.from_bytes(rest[:_LENGTH], "little")
        device = jax.devices()[0]
        return device.client.deserialize_executable(rest[start:], (device,)), json.loads(rest[_LENGTH:start])
    except Exception:  # whatever is wrong with it: it is compiled again
        return None


def _is_own(state: os.stat_result) -> bool:
    """Whether a file is the user's, and nobody else may write to it."""
    return state.st_uid == os.getuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def read_program(path: Path) -> Program | None:
    """The program in a file."""
    found = AHEAD.take(path)
    if found is None:
        return None
    executable, said = found
    try:
        if said["lapack"]:
            _find_lapack()
        leaves, structure = tuple(map(tuple, said["leaves"])), structure_from(said["structure"])
        return Program(executable, leaves, structure) if len(leaves) == structure.num_leaves else None
    except Exception:  # as above
        return None


@functools.cache
def _find_lapack() -> None:
    """Let JAX look for LAPACK, which it does when it lowers: programs from files call it without."""
    jax.jit(jax.numpy.linalg.cholesky).lower(np.eye(1, dtype=np.float32))


def write_program(path: Path, traced: Any, lowered: Any, compiled: Any) -> None:
    """Put a program into a file, unless not all of it can be told, or it calls code other than LAPACK."""
    called = _CALLED.findall(lowered.as_text())
    if not all(name.startswith(_LAPACK) for name in called):
        return
    with contextlib.suppress(Exception):
        said = {
            "structure": structure_told(compiled.out_tree),
            "leaves": [_returned(aval) for aval in traced.jaxpr.out_avals],
            "lapack": bool(called),
        }
        head = json.dumps(said).encode()
        if structure_from(json.loads(head)["structure"]) == compiled.out_tree:
            data = len(head).to_bytes(_LENGTH, "little") + head + compiled.runtime_executable().serialize()
            _put(path, _check(path, data) + data)


@functools.cache
def _type_of_keys(name: str) -> Any:
    return jax.eval_shape(lambda: jax.random.wrap_key_data(jax.numpy.zeros(_KEYS[name], np.uint32), impl=name)).dtype


def _returned(aval: Any) -> tuple[bool, str | None]:
    """Of an array that is returned: whether its type is weak, and what kind of key it is."""
    if jax.dtypes.issubdtype(aval.dtype, jax.dtypes.prng_key):
        return False, next(name for name in _KEYS if aval.dtype == _type_of_keys(name))
    return bool(aval.weak_type), None


def _check(path: Path, data: bytes) -> bytes:
    """What vouches for a file: that it is whole, and the one of this name."""
    return hashlib.sha256(path.name.encode() + data).digest()


def _put(path: Path, data: bytes) -> None:
    """Write a file, which appears at once and whole; nothing where there is no room."""
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(name, path)
        except OSError:
            os.unlink(name)
