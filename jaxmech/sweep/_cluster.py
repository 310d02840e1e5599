"""A sweep on the workers of a Dask cluster: every file of results is a task of its own. Host shell.

Workers get texts and numbers, and return bytes. What they return is checked and written here, so that a directory is
the same as after a run on one machine, and is gone on with alike.
"""

import asyncio
import contextlib
import json
import logging
import queue
import socket
import time
import uuid
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jaxmech import _progress
from jaxmech._errors import ProblemError
from jaxmech.sweep import _worker
from jaxmech.sweep._plain import to_text
from jaxmech.sweep._sweep import Sweep

PATIENCE = 10.0
"""Seconds until a scheduler that does not answer is given up."""

RETRIES = 2
"""How often a file whose computation failed is tried again; of one whose workers die Dask itself counts four."""

MOST_FAILED = 3
"""Files that cannot be computed before no more are begun: a few do not hold up the others."""

AHEAD, FEWEST = 2, 16
"""Files handed out for each thread of the cluster, so that nobody waits, and at least: what is done waits in memory."""

_TICK = 0.2
_ON = "the same command goes on from here"


@contextlib.contextmanager
def connected(address: str) -> Iterator["Cluster"]:
    """Connect to a cluster; what is not done when the context ends is called off.

    Args:
        address: of the scheduler, as "tcp://10.0.0.1:8786", or the file that it wrote with ``--scheduler-file``.

    Raises:
        ProblemError: if ``distributed`` is not installed, the scheduler does not answer, or a worker has other
            versions.
    """
    try:
        import distributed
    except ImportError:
        raise ProblemError(
            "scheduler", address, "needs the package distributed, which is missing: pip install 'jaxmech[dask]'"
        ) from None
    with _silent():
        client = _client(distributed, address)
        try:
            yield Cluster(client, address)
        except (OSError, TimeoutError):  # of Dask's connection; what else may fail says what it is
            if client.status == "running":
                raise
            raise _lost(address) from None
        finally:
            with contextlib.suppress(OSError, TimeoutError):
                client.close(timeout=PATIENCE)


class Cluster:
    """The workers behind a scheduler.

    Args:
        client: of Dask.
        address: as it was given, for messages.

    Attributes:
        platform: on what the workers compute: "cpu", "gpu" or "tpu".
    """

    def __init__(self, client: Any, address: str) -> None:
        self._client, self._address = client, address
        self._wanted = _worker.settings()
        with _progress.stage(f"waiting for a worker of {address}"):
            self._wait_for_workers()
            self._check_versions()
            self.platform = self._ask_platform()

    def compute(self, sweep: Sweep, shards: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """Yield numbers of files and their bytes, as they come.

        Args:
            sweep: what varies.
            shards: numbers of the files that are wanted.

        Raises:
            ProblemError: in the end, if some could not be computed; at once, if the scheduler is lost.
        """
        wanted = {**self._wanted, "platform": self.platform, "fingerprint": sweep.fingerprint}
        with warnings.catch_warnings():  # a table of instances may be large, and goes there once
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            text = self._submit(str, to_text(sweep))
        come: queue.SimpleQueue[Any] = queue.SimpleQueue()
        left = iter(shards)
        at_work: dict[str, int] = {}
        failed: dict[int, str] = {}
        while True:
            room = 0 if len(failed) >= MOST_FAILED else self._room() - len(at_work)
            for shard in _some(left, room):
                future = self._submit(_worker.part, text, shard, wanted)
                at_work[future.key] = shard
                future.add_done_callback(come.put)
            if not at_work:
                break
            future = self._next(come)
            shard = at_work.pop(future.key)
            data, why = self._outcome(future)
            if why:
                failed[shard] = why
            else:
                yield shard, data
        if failed:
            raise self._undone(failed)

    def _submit(self, function: Any, *arguments: Any) -> Any:
        key = f"jaxmech-{function.__name__}-{uuid.uuid4().hex}"
        return self._client.submit(function, *arguments, key=key, pure=False, retries=RETRIES)

    def _room(self) -> int:
        return max(FEWEST, AHEAD * sum(self._client.nthreads().values()))

    def _next(self, come: "queue.SimpleQueue[Any]") -> Any:
        while True:
            _stop_if_asked()
            with contextlib.suppress(queue.Empty):
                return come.get(timeout=_TICK)

    def _outcome(self, future: Any) -> tuple[Any, str]:
        """What a task returned, or why it did not."""
        if future.cancelled():
            raise _lost(self._address)
        error = future.exception()
        if error is not None:
            return b"", _words(error)
        found = future.result()
        return (b"", f"a worker {found}") if isinstance(found, str) else (found, "")

    def _wait_for_workers(self) -> None:
        while not self._client.nthreads():
            _stop_if_asked()
            time.sleep(_TICK)

    def _check_versions(self) -> None:
        """Ask by the standard library alone: whoever lacks jaxmech can answer, too."""
        found: dict[str, dict[str, str]] = {}
        for name in self._wanted["versions"]:
            for worker, answer in self._client.run(version, name, on_error="return").items():
                found.setdefault(worker, {})
                if isinstance(answer, str):
                    found[worker][name] = answer
                elif not isinstance(answer, ImportError):  # gone since; whoever comes later is asked by every task
                    found.pop(worker)
        for worker, versions in found.items():
            why = _worker.differing(self._wanted["versions"], versions)
            if why:
                raise ProblemError("scheduler", self._address, f"its worker {worker} {why}")

    def _ask_platform(self) -> str:
        come: queue.SimpleQueue[Any] = queue.SimpleQueue()
        future = self._submit(_worker.platform, self._wanted)
        future.add_done_callback(come.put)
        answer, why = self._outcome(self._next(come))
        if why or "refused" in answer:
            raise ProblemError("scheduler", self._address, why or f"a worker {answer['refused']}")
        platform: str = answer["platform"]
        return platform

    def _undone(self, failed: dict[int, str]) -> ProblemError:
        first = min(failed)
        count = f"{len(failed)} files" if len(failed) > 1 else "a file"
        rule = f"{count} could not be computed, part-{first:05d}.parquet for one: {failed[first]}"
        return ProblemError("scheduler", self._address, f"{rule}; what is done is kept, {_ON}")


def _client(distributed: Any, address: str) -> Any:
    try:
        where = _where(address)
        if not where.startswith("inproc://"):
            _probe(distributed, where)
        with warnings.catch_warnings():  # workers with another Python or Dask do as well: they get plain data
            warnings.simplefilter("ignore", distributed.versions.VersionMismatchWarning)
            return distributed.Client(where, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, KeyError, TypeError, TimeoutError):
        rule = "no scheduler answers there: start one by `dask scheduler`, and give the address that it prints"
        raise ProblemError("scheduler", address, rule) from None


def _probe(distributed: Any, where: str) -> None:
    """Shake hands with a scheduler: Dask's own client tries for long, and may wait for ever for what is none."""
    socket.create_connection(distributed.comm.get_address_host_port(where), PATIENCE).close()

    async def shake() -> None:
        arguments = distributed.Security().get_connection_args("client")
        comm = await asyncio.wait_for(distributed.core.connect(where, timeout=PATIENCE, **arguments), PATIENCE)
        await comm.close()

    with ThreadPoolExecutor(1) as thread:  # a notebook runs a loop of its own in this one
        thread.submit(asyncio.run, shake()).result()


def _where(address: str) -> str:
    """The address, out of the file in which the scheduler has written it if it is one."""
    if not Path(address).is_file():
        return address
    return str(json.loads(Path(address).read_text(encoding="utf-8"))["address"])


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Say in one line what is wrong, not in Dask's log as well."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in ("distributed", *names)}
    for name in before:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _some(items: Iterator[int], count: int) -> Iterator[int]:
    for _ in range(count):
        for item in items:
            yield item
            break


def _stop_if_asked() -> None:
    if _progress.is_stopped():
        raise KeyboardInterrupt


def _lost(address: str) -> ProblemError:
    return ProblemError("scheduler", address, f"was lost on the way; what is done is kept, {_ON}")


def _words(error: BaseException) -> str:
    if type(error).__name__ == "KilledWorker":
        return "every worker that tried died; give them more memory, or the sweep a smaller `shard`"
    return f"{type(error).__name__}: {error}"
