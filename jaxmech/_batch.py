"""Many instances from the host: in chunks, on all cores and devices, with progress."""

import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from jaxmech._errors import ProblemError

Result = TypeVar("Result")

CHUNK_BYTES, DEVICE_CHUNK_BYTES = 32 << 20, 2 << 30
"""What inputs and results of a chunk may occupy, on a processor and on an accelerator; a solver needs a small multiple
of it while it runs."""

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

    One compilation serves all chunks. On one CPU device the chunks run from one thread per core; on several devices
    each chunk is sharded over all of them with ``shard_map``, so that each device stops on its own; with
    ``jax.distributed`` over those of all processes, each of which gets all results. Memory beyond inputs and results is
    that of the chunks at work.

    Args:
        function: of one instance, e.g. :func:`jaxmech.collaboration.rational_optimum`; traced once.
        problems: a pytree of numpy or JAX arrays with the batch as leading axes, e.g.
            ``jax.vmap(lambda c: Problem(c, 10.0))(costs)``, or simply ``costs``.
        dims: how many leading axes are the batch's.
        chunk: instances per chunk; by default as many as fit the memory set aside, and enough chunks for all cores.
        progress: whether to report to standard error after each chunk, or what to call with a :class:`Progress`.

    Returns:
        What ``function`` returns, in numpy arrays with the same leading axes.

    Raises:
        ProblemError: if leaves disagree about the batch, or it is empty.

    Example:
        >>> import jax.numpy as jnp
        >>> batch(lambda x: x**2, jnp.arange(3.0)).tolist()
        [0.0, 1.0, 4.0]
    """
    shape = _shape(problems, dims)
    instances = int(np.prod(shape))
    rows = jax.tree.map(lambda leaf: np.asarray(leaf).reshape(instances, *np.shape(leaf)[dims:]), problems)
    devices = jax.devices()
    one = jax.tree.map(_shape_of_one, rows)
    outcome = jax.eval_shape(function, one)
    cores = os.cpu_count() or 1
    if len(devices) == 1:
        size = min(chunk or _chunk_size(instances, (one, outcome), cores), instances)
        run, workers = _on_one_device(function, *_hashable(one), size)
    else:
        share = chunk or _chunk_size(instances, (one, outcome), len(devices))
        size = min(share, -(-instances // len(devices))) * len(devices)
        run, workers = _on_all_devices(function, tuple(devices)), 1
    results = jax.tree.map(lambda leaf: np.empty((instances, *leaf.shape), leaf.dtype), outcome)
    _run_chunks(run, rows, results, size, workers, _reporter(progress))
    return jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), results)


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


def _chunk_size(instances: int, shapes: Any, workers: int) -> int:
    width = max(1, sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes)))
    fair = -(-instances // workers)
    if jax.default_backend() != "cpu":
        return max(1, min(DEVICE_CHUNK_BYTES // width, fair))
    return max(1, min(CHUNK_BYTES // width, LARGEST_CHUNK, fair))


def _hashable(one: Any) -> tuple[Any, tuple[Any, ...]]:
    """Shapes and types of one instance as a key, so that a second batch of the same kind is not compiled again."""
    leaves, tree = jax.tree.flatten(one)
    return tree, tuple(leaves)


@lru_cache(maxsize=32)
def _on_one_device(
    function: Callable[[Any], Any], tree: Any, leaves: tuple[Any, ...], size: int
) -> tuple[Callable[[Any], Any], int]:
    """Compile for one device; return what runs a chunk, and how many threads may do so at a time."""
    shapes = tree.unflatten([_struct((size, *leaf.shape), leaf.dtype) for leaf in leaves])
    lowered = jax.jit(jax.vmap(function)).lower(shapes)
    compiled = lowered.compile()
    # Batched calls of LAPACK from several threads can hang in jaxlib 0.10 and 0.11.
    alone = jax.default_backend() != "cpu" or "lapack" in lowered.as_text()
    return lambda rows: jax.tree.map(np.asarray, compiled(rows)), 1 if alone else os.cpu_count() or 1


@lru_cache(maxsize=32)
def _on_all_devices(function: Callable[[Any], Any], devices: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Return what runs a chunk on all devices of all processes; its size must be a multiple of their number."""
    mesh = jax.sharding.Mesh(np.array(devices), ("instances",))
    spec = PartitionSpec("instances")  # type: ignore[no-untyped-call]
    sharding = NamedSharding(mesh, spec)
    many = jax.jit(jax.shard_map(jax.vmap(function), mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False))

    def run(rows: Any) -> Any:
        placed = jax.tree.map(
            lambda leaf: jax.make_array_from_callback(leaf.shape, sharding, lambda index: leaf[index]), rows
        )
        results = many(placed)
        if jax.process_count() == 1:
            return jax.tree.map(np.asarray, results)
        from jax.experimental import multihost_utils

        return multihost_utils.process_allgather(results, tiled=True)

    return run


def _run_chunks(
    run: Callable[[Any], Any], rows: Any, results: Any, size: int, workers: int, report: Callable[[Progress], None]
) -> None:
    """Run all chunks, the last one filled up with copies of the last instance, and put the results in their places."""
    instances = jax.tree.leaves(rows)[0].shape[0]
    started, done = time.perf_counter(), 0
    double = jax.dtypes.canonicalize_dtype(float) == np.float64

    def work(start: int) -> int:
        stop = min(start + size, instances)
        with jax.enable_x64(double):  # a caller's context does not reach other threads by itself
            found = run(jax.tree.map(lambda leaf: _padded(leaf[start:stop], size), rows))
        jax.tree.map(lambda leaf, new: leaf.__setitem__(slice(start, stop), new[: stop - start]), results, found)
        return stop - start

    starts = range(0, instances, size)
    if workers == 1 or len(starts) == 1:
        for start in starts:
            done += work(start)
            report(Progress(done, instances, time.perf_counter() - started))
        return
    with ThreadPoolExecutor(workers) as pool:
        for finished in _completed(pool, work, iter(starts), 2 * workers):
            done += finished
            report(Progress(done, instances, time.perf_counter() - started))


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
