"""Running a sweep: what is missing, shard by shard, and a summary of all."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxmech import _batch
from jaxmech._errors import ProblemError
from jaxmech._status import Status
from jaxmech.sweep._instance import make_columns, make_instance
from jaxmech.sweep._store import Store
from jaxmech.sweep._sweep import Sweep

if TYPE_CHECKING:
    from jaxmech.sweep._cluster import Cluster

MAX_CHUNK = 512
CHUNK_ENTRIES = 65_536
"""Costs in a compiled call on a CPU, whatever the number of cores and devices: so that all round alike."""

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a sweep has come.

    Attributes:
        done: instances whose results are there or, in the shard at work, computed.
        instances: all of them.
        found: instances whose results an earlier run left.
        seconds: since the first call of this run began, compilation not included.
    """

    done: int
    instances: int
    found: int
    seconds: float

    def __str__(self) -> str:
        """In words, with rate and time left."""
        new = self.done - self.found
        rate = new / self.seconds if self.seconds > 0 else 0.0
        left = f", {(self.instances - self.done) / rate:.0f} s left" if rate and self.done < self.instances else ""
        return f"{self.done:,} of {self.instances:,}, {rate:,.0f} a second{left}"


@dataclasses.dataclass(frozen=True)
class Summary:
    """What came of a sweep; the results are in the directory.

    Attributes:
        directory: where.
        instances: how many there are.
        found: of these, how many an earlier run had left.
        shards: number of files.
        seconds: that this run took, compilation included.
        statuses: how many instances ended with which status; only those that occur.
        quantiles: of the columns that matter most ("ratio" and "social_penalty" of a collaboration): pairs of a
            fraction and a value, over the instances that have one.
        worst: number of the instance with the largest ratio or regret, or the least profit, revenue or margin; or None.
        shares: of the instances with status OK, how many say yes: "leverage" of a collaboration, "exists" of a grid.
    """

    directory: Path
    instances: int
    found: int
    shards: int
    seconds: float
    statuses: dict[str, int]
    quantiles: dict[str, tuple[tuple[float, float], ...]]
    worst: int | None
    shares: dict[str, float]

    @property
    def leverage(self) -> float:
        """Share of the plans that use leverage; NaN where there is no such thing."""
        return self.shares.get("leverage", float("nan"))

    @property
    def failed(self) -> int:
        """Instances with a status other than OK."""
        return self.instances - self.statuses.get(Status.OK.name, 0)


def run(
    sweep: Sweep,
    directory: str | Path,
    progress: Callable[[Progress], None] | None = None,
    *,
    scheduler: str | None = None,
) -> Summary:
    """Compute what is missing of a sweep, on all cores and devices or on a cluster, and sum up all of it.

    The results are Parquet files ``part-00000.parquet`` and so on, with a row per instance, failures included, and a
    manifest ``_manifest.json``. Each file is written whole, so that a run that was killed goes on where it was when it
    is called again, and ends with the same bytes as one that was not.

    Args:
        sweep: what varies.
        directory: of the results; new, empty, or of the same sweep.
        progress: what to call with a :class:`Progress`, several times per shard; of a cluster, after each.
        scheduler: address of a Dask scheduler, or the file that it wrote: its workers compute the shards then, each of
            them on its own; this process checks and writes what they return. The bytes are the same.

    Returns:
        The summary, of earlier runs' shards as well.

    Raises:
        ProblemError: for a directory that holds anything else, or files that are damaged; if pyarrow is missing; in
            one of several processes of ``jax.distributed``; and for a cluster that cannot be used or fails.

    Example:
        >>> import tempfile
        >>> from jaxmech import collaboration
        >>> problem = collaboration.Problem(costs=[[1.0], [1.0]], sigma=1.0)
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     run(Sweep(problem, {"sigma": [1.0, 2.0]}, mechanism="pool"), directory).statuses
        {'OK': 2}
    """
    began = time.perf_counter()
    _refuse_many_processes()
    with contextlib.ExitStack() as stack:
        cluster = None if scheduler is None else stack.enter_context(_connected(scheduler))
        store = Store(directory, sweep, cluster.platform if cluster else jax.default_backend())
        stack.enter_context(store.locked())
        store.start()
        tables: list[Any] = [_digest(sweep, store.read(shard)) for shard in range(sweep.shards)]
        missing = [shard for shard, table in enumerate(tables) if table is None]
        store.check_room(len(missing))
        found = sum(len(table["status"]) for table in tables if table is not None)
        done = found

        started: list[float] = []

        def report(part: int, seconds: float) -> None:
            now = time.perf_counter()
            started[:] = started or [now - seconds]
            if progress:
                progress(Progress(done + part, sweep.instances, found, now - started[0]))

        begun = time.perf_counter()
        for shard, table in _there(sweep, store, missing, cluster) if cluster else _here(sweep, store, missing, report):
            tables[shard] = table
            done += len(table["status"])
            if cluster:
                report(0, time.perf_counter() - begun)
    return _sum_up(sweep, Path(directory), tables, found, time.perf_counter() - began)


def compute(
    sweep: Sweep, instance: Callable[[Any], Any], shard: int, report: Callable[[int, float], None]
) -> dict[str, np.ndarray]:
    """Return all columns of a shard; it is filled up to whole chunks, so that one compilation serves all.

    Args:
        sweep: what varies.
        instance: from the number of an instance to its row.
        shard: which.
        report: what to call with how many instances of it are done, and the seconds that they took.
    """
    start = shard * sweep.shard
    index = np.arange(start, min(start + sweep.shard, sweep.instances))
    count = len(index)
    chunk = _chunk(sweep)
    filled = np.concatenate([index, np.repeat(index[-1:], -count % (chunk * jax.device_count()))])
    fixed = sweep.fixed_values(filled).astype(sweep.kind.dtype)
    rows = _batch.batch(
        instance,
        (filled.astype(np.uint32), fixed),
        chunk=chunk,
        progress=lambda state: report(min(state.done, count), state.seconds),
    )
    return make_columns(sweep, index, sweep.kind.finish(jax.tree.map(lambda leaf: leaf[:count], rows)))


def _here(
    sweep: Sweep, store: Store, shards: Iterable[int], report: Callable[[int, float], None]
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Compute and write shards in this process."""
    instance = make_instance(sweep)
    for shard in shards:
        columns = compute(sweep, instance, shard, report)
        store.write(shard, columns)
        yield shard, {name: columns[name] for name in _summarised(sweep)}


def _there(sweep: Sweep, store: Store, shards: list[int], cluster: "Cluster") -> Iterator[tuple[int, Any]]:
    """Write the shards that others have computed, as they come."""
    for shard, data in cluster.compute(sweep, shards):
        yield shard, _digest(sweep, store.accept(shard, data))


def _connected(scheduler: str) -> contextlib.AbstractContextManager["Cluster"]:
    from jaxmech.sweep._cluster import connected  # only who has a cluster has its package

    return connected(scheduler)


def _refuse_many_processes() -> None:
    if jax.process_count() > 1:
        rule = "all would write the same files: run the sweep in one process, or give a Dask cluster as scheduler"
        raise ProblemError("jax.process_count()", jax.process_count(), rule)


def _chunk(sweep: Sweep) -> int:
    """Instances that a device computes in one call."""
    whole = min(sweep.shard, sweep.instances)
    if jax.default_backend() != "cpu":
        return -(-whole // jax.device_count())
    return min(whole, MAX_CHUNK, sweep.kind.chunk or max(1, CHUNK_ENTRIES // sweep.kind.size))


def _summarised(sweep: Sweep) -> tuple[str, ...]:
    return ("status", *dict(sweep.kind.labels), *sweep.kind.shares)


def _digest(sweep: Sweep, table: Any) -> dict[str, np.ndarray] | None:
    """What the summary needs of a shard that was there."""
    if table is None:
        return None
    return {name: table[name].to_numpy() for name in _summarised(sweep)}


def _sum_up(sweep: Sweep, directory: Path, tables: list[Any], found: int, seconds: float) -> Summary:
    kind, columns = sweep.kind, {}
    for name in _summarised(sweep):
        columns[name] = np.concatenate([table[name] for table in tables])
    status = columns["status"]
    counts = {member.name: int(np.sum(status == member.name)) for member in Status}
    solved = status == Status.OK.name
    name, end = kind.worst
    told = np.asarray(columns[name], float)
    nothing = np.isnan(told).all() or (end == "largest" and np.nanmax(told) <= 0)
    place = None if nothing else int((np.nanargmax if end == "largest" else np.nanargmin)(told))
    return Summary(
        directory=directory,
        instances=sweep.instances,
        found=found,
        shards=sweep.shards,
        seconds=seconds,
        statuses={name: count for name, count in counts.items() if count},
        quantiles={name: _quantiles(columns[name]) for name, _ in kind.labels},
        worst=place,
        shares={name: float(np.mean(columns[name][solved])) if solved.any() else float("nan") for name in kind.shares},
    )


def _quantiles(values: np.ndarray) -> tuple[tuple[float, float], ...]:
    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    if not len(known):
        return tuple((fraction, float("nan")) for fraction in QUANTILES)
    return tuple(zip(QUANTILES, np.quantile(known, QUANTILES, method="nearest").tolist(), strict=True))
