"""Many instances from the host: in chunks, on all cores and devices, with progress."""

import dataclasses
import math
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._checks import plain_array, whole
from jaxmech._errors import ProblemError
from jaxmech._programs import Program, trace

Result = TypeVar("Result")

CHUNK_BYTES, DEVICE_CHUNK_BYTES = 6 << 20, 2 << 30
"""What inputs and results of a chunk may occupy, on a processor and on an accelerator; a solver needs a small multiple
of it while it runs, and more than 32 MiB at once the C library asks of the system anew in every call."""

WORK_BYTES, DEVICE_WORK_BYTES = 64 << 20, 4 << 30
"""What the largest array that the instances of a chunk make on their way may occupy: of a search for best responses it
is a thousand times inputs and results."""

LARGEST_CHUNK = 8192
"""Instances in a chunk on a processor: more gain nothing, and report progress less often."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a batch has come.

    Attributes:
        done: instances finished.
        instances: all of them.
        seconds: since the start of the first chunk, compilation not counted.
    """

    done: int
    instances: int
    seconds: float

    def __str__(self) -> str:
        """In words, with rate and time left."""
        rate = self.done / self.seconds if self.seconds > 0 else 0.0
        left = f", {(self.instances - self.done) / rate:.0f} s left" if 0 < self.done < self.instances else ""
        return f"{self.done:,} of {self.instances:,}, {rate:,.0f} a second{left}"


def batch(
    function: Callable[[Any], Result],
    problems: Any,
    *,
    dims: int = 1,
    chunk: int | None = None,
    progress: bool | Callable[[Progress], None] = False,
) -> Result:
    """Apply a function of one instance to many: ``jax.vmap`` in chunks, on all cores or devices.

    One compilation serves all chunks, and later batches of the same function as long as it reads what it read: code,
    closure, globals, attributes and arrays count by value, whatever the object. Where that cannot be told (it draws
    random numbers with NumPy, reads a file, the clock or arrays above 64 MB) it is traced again, and compiled again if
    another program comes out; if it calls back to the host, always.

    On one CPU device the chunks run from one thread per core; on several devices each chunk is sharded over all of them
    with ``shard_map``, so that each device stops on its own; with ``jax.distributed`` over those of all processes, each
    of which gets all results. Memory beyond inputs and results is that of the chunks at work. An interrupt (Ctrl-C)
    ends the batch after the chunks at work. Do not call it, nor anything else of JAX, in a process that was forked
    after JAX had been used: threads do not survive a fork, and it may hang; start such processes with "spawn".

    Args:
        function: of one instance, e.g. :func:`jaxmech.collaboration.rational_optimum`.
        problems: a pytree of numpy or JAX arrays with the batch as leading axes, e.g.
            ``jax.vmap(lambda c: Problem(c, 10.0))(costs)``, or simply ``costs``.
        dims: how many leading axes are the batch's.
        chunk: instances per chunk; by default as many as fit the memory set aside for inputs, results and the largest
            array between, and enough chunks for all cores.
        progress: whether to report to standard error after each chunk, or what to call with a :class:`Progress`.

    Returns:
        What ``function`` returns, in numpy arrays with the same leading axes.

    Raises:
        ProblemError: if leaves disagree about the batch, it is empty or masked, or ``dims`` or ``chunk`` is not a
            whole number of at least 1.

    Example:
        >>> import jax.numpy as jnp
        >>> batch(lambda x: x**2, jnp.arange(3.0)).tolist()
        [0.0, 1.0, 4.0]
    """
    chunk = None if chunk is None else whole("chunk", chunk)
    dims = whole("dims", dims)
    problems = _plain(problems)
    shape = _shape(problems, dims)
    instances = math.prod(shape)
    rows = [leaf.reshape(instances, *leaf.shape[dims:]) for leaf in jax.tree.leaves(problems)]
    one = [_shape_of_one(leaf) for leaf in rows]
    traced = trace(function, jax.tree.unflatten(jax.tree.structure(problems), one))
    outcome = jax.tree.leaves(traced.outcome)
    devices = tuple(jax.devices())
    cores = (os.cpu_count() or 1) if len(devices) == 1 else len(devices)
    share = chunk or _chunk_size(instances, (one, outcome), traced.largest, cores)
    size = min(share, -(-instances // len(devices))) * len(devices)
    results = [np.empty((instances, *leaf.shape), leaf.dtype) for leaf in outcome]
    _run_chunks(traced.program(size, devices), rows, results, size, _reporter(progress))
    whole_results = [leaf.reshape(*shape, *leaf.shape[1:]) for leaf in results]
    return cast(Result, jax.tree.unflatten(jax.tree.structure(traced.outcome), whole_results))


_WIDEST = defaultdict(lambda: 8, c=16)
"""Bytes of the widest numbers that JAX computes with, by kind."""


def _plain(problems: Any) -> Any:
    """The same with arrays of NumPy for leaves, as JAX takes them."""

    def plain(path: Any, leaf: Any) -> np.ndarray:
        where = f"problems{jax.tree_util.keystr(path)}"
        if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.extended):
            raise ProblemError(where, leaf.dtype.name, "must be numbers; of keys, hand in jax.random.key_data")
        array = plain_array(where, leaf)
        if (
            not (array.dtype == bool or jnp.issubdtype(array.dtype, jnp.number))
            or array.dtype.itemsize > _WIDEST[array.dtype.kind]
        ):
            raise ProblemError(where, array.dtype.name, "must be of a type that JAX computes with, such as float64")
        return array

    return jax.tree_util.tree_map_with_path(plain, problems)


def _shape_of_one(leaf: np.ndarray) -> jax.ShapeDtypeStruct:
    return _struct(leaf.shape[1:], jax.dtypes.canonicalize_dtype(leaf.dtype))


def _struct(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]


def _shape(problems: Any, dims: int) -> tuple[int, ...]:
    leaves = jax.tree_util.tree_leaves_with_path(problems)
    shapes = [tuple(np.shape(leaf))[:dims] for _, leaf in leaves]
    if not leaves:
        raise ProblemError("problems", "no arrays", "must hold arrays with the batch as leading axis")
    for (path, leaf), shape in zip(leaves, shapes, strict=True):
        if shape != shapes[0] or len(shape) != dims:
            where = f"problems{jax.tree_util.keystr(path)}"
            rule = f"must have the leading axes {shapes[0]} of the batch, like the first array"
            raise ProblemError(where, tuple(np.shape(leaf)), rule)
    if 0 in shapes[0]:
        raise ProblemError("problems", shapes[0], "must hold one instance at least")
    return shapes[0]


def _chunk_size(instances: int, shapes: Any, largest: int, workers: int) -> int:
    """As many as there is room for, but each worker gets as many chunks, all of one size: what fills up costs time."""
    width = max(1, sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes)))
    fair = -(-instances // workers)
    on_cpu = jax.default_backend() == "cpu"
    room = min(CHUNK_BYTES // width, LARGEST_CHUNK) if on_cpu else DEVICE_CHUNK_BYTES // width
    room = min(room, (WORK_BYTES if on_cpu else DEVICE_WORK_BYTES) // max(1, largest))
    chunks = -(-fair // max(1, room))
    return -(-fair // chunks)


def _run_chunks(
    program: Program,
    rows: list[np.ndarray],
    results: list[np.ndarray],
    size: int,
    report: Callable[[Progress], None],
) -> None:
    """Run all chunks, the last one filled up with copies of the last instance, and put the results in their places."""
    instances = len(rows[0])
    started, done = time.perf_counter(), 0
    double = jax.dtypes.canonicalize_dtype(float) == np.float64

    def work(start: int) -> int:
        stop = min(start + size, instances)
        with jax.enable_x64(double):  # a caller's context does not reach other threads by itself
            found = program.run([_padded(leaf[start:stop], size) for leaf in rows])
        for leaf, new in zip(results, found, strict=True):
            leaf[start:stop] = new[: stop - start]
        return stop - start

    starts = range(0, instances, size)
    if program.workers == 1 or len(starts) == 1:
        for start in starts:
            done += work(start)
            report(Progress(done, instances, time.perf_counter() - started))
        return
    pool = ThreadPoolExecutor(program.workers)
    try:
        for finished in _completed(pool, work, iter(starts), 2 * program.workers):
            done += finished
            report(Progress(done, instances, time.perf_counter() - started))
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt waits for the chunks at work, not for those that wait


def _completed(
    pool: ThreadPoolExecutor, work: Callable[[int], int], starts: Iterator[int], ahead: int
) -> Iterator[int]:
    """Results as they come; the first error ends everything that has not begun."""
    waiting: set[Future[int]] = {pool.submit(work, start) for start in islice(starts, ahead)}
    while waiting:
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in finished:
            yield future.result()
        waiting |= {pool.submit(work, start) for start in islice(starts, len(finished))}


def _padded(leaf: np.ndarray, size: int) -> np.ndarray:
    missing = size - len(leaf)
    return np.concatenate([leaf, np.repeat(leaf[-1:], missing, axis=0)]) if missing else leaf


def _reporter(progress: bool | Callable[[Progress], None]) -> Callable[[Progress], None]:
    if callable(progress):
        return progress
    if not progress:
        return lambda _: None

    def write(state: Progress) -> None:
        end = "\n" if state.done == state.instances or not sys.stderr.isatty() else "\r"
        sys.stderr.write(f"{state}\x1b[K{end}" if sys.stderr.isatty() else f"{state}{end}")
        sys.stderr.flush()

    return write
