"""The directory of a sweep: a manifest, and results in shards that are written whole."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._whole import TEMPORARY, write_whole
from jaxmech.sweep._sweep import Sweep
from jaxmech.sweep._worker import PACKAGES

MANIFEST = "_manifest.json"
"""Readers of a directory of Parquet pass over names that begin with an underscore or a dot."""

FORMAT = 1
_COMPRESSION = "zstd"
_ELSEWHERE = "give another directory"


class Store:
    """Results of one sweep in a directory.

    Args:
        directory: where; made if it is missing.
        sweep: what the results are of.
        platform: "cpu", "gpu" or "tpu": they round differently.

    Raises:
        ProblemError: if the directory holds anything else, or a sweep of another input or other versions.
    """

    def __init__(self, directory: str | Path, sweep: Sweep, platform: str) -> None:
        require_pyarrow()
        self.directory, self.sweep = Path(directory), sweep
        self.manifest = {
            "kind": "sweep",
            "format": FORMAT,
            "fingerprint": sweep.fingerprint,
            "versions": {name: version(name) for name in PACKAGES},
            "platform": platform,
            "shards": sweep.shards,
            **sweep.description(),
        }
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._check_directory()
        except OSError as error:
            raise _refused(self.directory, error) from None

    def path(self, shard: int) -> Path:
        """Where a shard is, or will be."""
        return self.directory / f"part-{shard:05d}.parquet"

    def start(self) -> None:
        """Write the manifest, if it is not there, and remove what a process left that was killed while writing."""
        try:
            if not (self.directory / MANIFEST).exists():
                text = json.dumps(self.manifest, indent=2, ensure_ascii=False, allow_nan=False)
                write_whole(self.directory / MANIFEST, f"{text}\n".encode())
            for name in (MANIFEST, "part-"):
                for entry in self.directory.glob(f".{name}*{TEMPORARY}"):
                    entry.unlink()
        except OSError as error:
            raise _refused(self.directory, error) from None

    def check_room(self, shards: int) -> None:
        """Refuse, before any work is done, results that the disk has no room for.

        Args:
            shards: how many are missing.

        Raises:
            ProblemError: saying how much is needed and how much is free.
        """
        needed = min(shards * self.sweep.shard, self.sweep.instances) * self.sweep.bytes_each
        free = shutil.disk_usage(self.directory).free
        if needed > free:
            rule = f"has too little room: the results take up to {needed / 1e9:,.1f} GB, {free / 1e9:,.1f} GB are free"
            raise ProblemError("directory", str(self.directory), rule)

    def write(self, shard: int, columns: Mapping[str, np.ndarray]) -> None:
        """Write a shard whole.

        Raises:
            ProblemError: if the operating system refuses.
        """
        self._put(shard, file_bytes(self.sweep, self.manifest["fingerprint"], shard, columns))

    def accept(self, shard: int, data: bytes) -> Any:
        """Write a shard that another machine has computed, and return it as an Arrow table.

        Args:
            shard: which.
            data: the content of its file.

        Raises:
            ProblemError: if it is damaged or not of this sweep, or if the operating system refuses.
        """
        table = self._table(shard, data, "came damaged from a worker: run the same command again")
        self._put(shard, data)
        return table

    def read(self, shard: int) -> Any:
        """Return a shard as an Arrow table, or None if it is not there.

        Raises:
            ProblemError: if the file is unreadable, damaged, or not of this sweep.
        """
        path = self.path(shard)
        if not path.exists():
            return None
        try:
            data = path.read_bytes()
        except OSError as error:  # what cannot be read now may be whole
            rule = f"cannot be read: {(error.strerror or str(error)).lower()}; it may be whole, so make it readable"
            raise self._foreign(path.name, rule) from None
        return self._table(shard, data, "is damaged: delete it and run the same command again, to compute it anew")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes of the same machine out; a process that is killed leaves no lock behind.

        Raises:
            ProblemError: if another one is at work.
        """
        if sys.platform == "win32":
            yield
            return
        import fcntl

        handle = os.open(self.directory, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise ProblemError(
                "directory", str(self.directory), "another process is at work in this directory"
            ) from None
        except OSError:
            pass  # a file system without locks
        try:
            yield
        finally:
            os.close(handle)

    def _put(self, shard: int, data: bytes) -> None:
        try:
            write_whole(self.path(shard), data)
        except OSError as error:
            raise _refused(self.path(shard), error) from None

    def _table(self, shard: int, data: bytes, damaged: str) -> Any:
        """A file's content as an Arrow table, if it is whole and of this sweep."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        name = self.path(shard).name
        try:
            table = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read()
            # Pages have checksums, names and statistics have none: whole is what would be written again just so.
            whole = _content(self.sweep, table) == data
        except MemoryError:  # of Arrow too: sizes in a damaged file may be any number
            rule = "does not fit into memory, or is damaged: try again before you delete it"
            raise self._foreign(name, rule) from None
        except (pa.ArrowException, OSError, ValueError, KeyError):
            table, whole = None, False
        if not whole:
            raise self._foreign(name, damaged)
        if table.schema.metadata != _label(self.manifest["fingerprint"], shard) or table.num_rows != self._rows(shard):
            raise self._foreign(name, "is not of this sweep: move it away, or give another directory")
        return table

    def _foreign(self, name: str, rule: str) -> ProblemError:
        return ProblemError(f"{self.directory}: file", name, rule)

    def _rows(self, shard: int) -> int:
        return min(self.sweep.shard, self.sweep.instances - shard * self.sweep.shard)

    def _check_directory(self) -> None:
        known = {self.path(shard).name for shard in range(self.sweep.shards)}
        visible = sorted(entry.name for entry in self.directory.iterdir() if entry.name[0] not in "._")
        strange = [name for name in visible if name not in known]
        path = self.directory / MANIFEST
        if not path.exists():
            if visible:
                raise self._foreign(visible[0], f"is not of a sweep: {_ELSEWHERE}")
            return
        self._check_manifest(path)
        if strange:
            rule = "is not of this sweep, and whoever reads the directory would read it too: move it away"
            raise self._foreign(strange[0], rule)

    def _check_manifest(self, path: Path) -> None:
        try:
            found = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or found.get("kind") != "sweep" or found.get("format") != FORMAT:
            raise self._foreign(MANIFEST, f"is not the manifest of a sweep: {_ELSEWHERE}")
        for key in ("versions", "platform"):
            if found.get(key) != self.manifest[key]:
                there, here = _words(found.get(key)), _words(self.manifest[key])
                rule = f"holds results of {there}, this is {here}: they would differ; {_ELSEWHERE}"
                raise ProblemError("directory", str(self.directory), rule)
        if found != self.manifest:
            changed = [key for key in self.manifest if found.get(key) != self.manifest[key] and key != "fingerprint"]
            what = f" ({', '.join(changed)} changed)" if changed else ""
            rule = f"holds results of another sweep{what}: {_ELSEWHERE}, or take the file as it was"
            raise ProblemError("directory", str(self.directory), rule)


def file_bytes(sweep: Sweep, fingerprint: str, shard: int, columns: Mapping[str, np.ndarray]) -> bytes:
    """Return a shard as the content of its file, the same bytes for the same columns.

    Args:
        sweep: what varies.
        fingerprint: its own, which takes time to find.
        shard: which.
        columns: the results.
    """
    import pyarrow as pa

    # Without a number there is nothing, which averages and counts pass over.
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    return _content(sweep, table.replace_schema_metadata(_label(fingerprint, shard)))


def require_pyarrow() -> None:
    """Refuse to sweep where the package is missing that writes Parquet.

    Raises:
        ProblemError: saying how to install it.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ProblemError("pyarrow", "missing", "sweeps need it: pip install 'jaxmech[sweep]'") from None


def _content(sweep: Sweep, table: Any) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    words = [field.name for field in table.schema if pa.types.is_string(field.type)]
    # Numbers hardly repeat: a dictionary of them takes three times as long to write, and more room.
    layout = {"row_group_size": sweep.shard, "compression": _COMPRESSION, "use_dictionary": words}
    pq.write_table(table, buffer, write_page_checksum=True, **layout)
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def _label(fingerprint: str, shard: int) -> dict[bytes, bytes]:
    return {b"jaxmech.sweep": fingerprint.encode(), b"jaxmech.shard": str(shard).encode()}


def _words(value: Any) -> str:
    return " ".join(f"{key} {entry}" for key, entry in value.items()) if isinstance(value, dict) else str(value)


def _refused(path: Path, error: OSError) -> ProblemError:
    return ProblemError(
        "directory", str(error.filename or path), f"cannot be used: {(error.strerror or str(error)).lower()}"
    )
