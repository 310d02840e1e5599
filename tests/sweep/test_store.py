"""What a sweep leaves on disk: the same bytes whatever happened on the way, and nothing that is not its own."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from jaxmech import ProblemError
from jaxmech.sweep import run
from jaxmech.sweep._store import Store
from tests.sweep.sweeps import content, frame, small

ENVIRONMENT = {**os.environ, "JAX_ENABLE_X64": "1", "XLA_FLAGS": os.environ.get("XLA_FLAGS", "")}

CHILD = """
import os, signal, sys, time
from tests.sweep.sweeps import small
from jaxmech.sweep import run

directory, killed_at, hold_at = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
renamed, replace = [], os.replace

def killing(source, target):
    if len(renamed) == killed_at:
        os.kill(os.getpid(), signal.SIGKILL)
    renamed.append(target)
    replace(source, target)

os.replace = killing
run(small(shard=20), directory, lambda state: time.sleep(600) if state.done > hold_at >= 0 else None)
"""


def child(directory, killed_at=-1, hold_at=-1, flags=""):
    """A process that runs a sweep of ten shards.

    It is killed when it is about to rename its n-th file, or waits with more than ``hold_at`` instances computed.
    """
    environment = {**ENVIRONMENT, "XLA_FLAGS": f"{ENVIRONMENT['XLA_FLAGS']} {flags}".strip()}
    command = [sys.executable, "-c", CHILD, str(directory), str(killed_at), str(hold_at)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    directory = tmp_path_factory.mktemp("uninterrupted")
    run(small(shard=20), directory)
    return content(directory)


class TestSameBytes:
    def test_layout(self, uninterrupted):
        assert list(uninterrupted) == ["_manifest.json", *(f"part-{shard:05d}.parquet" for shard in range(10))]

    @pytest.mark.parametrize(("killed_at", "parts"), [(0, 0), (4, 3)])
    def test_after_a_kill_between_writing_and_renaming(self, killed_at, parts, uninterrupted, tmp_path):
        process = child(tmp_path, killed_at)
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL
        left = content(tmp_path)
        temporary = [name for name in left if name.endswith(".part")]
        assert len(temporary) == 1
        assert len([name for name in left if name.startswith("part-")]) == parts
        summary = run(small(shard=20), tmp_path)
        assert (summary.found, summary.instances) == (20 * parts, 200)
        assert content(tmp_path) == uninterrupted

    @pytest.mark.long
    def test_after_kills_while_computing(self, uninterrupted, tmp_path):
        """Twice, from outside, between the computing of a shard and its writing; then finished by a third process."""
        for wanted in (2, 5):
            process = child(tmp_path, hold_at=20 * wanted)
            end = time.monotonic() + 120
            while len(list(tmp_path.glob("*.parquet"))) < wanted and time.monotonic() < end:
                time.sleep(0.01)
            process.kill()
            process.communicate(timeout=120)
            assert len(list(tmp_path.glob("*.parquet"))) == wanted
        run(small(shard=20), tmp_path)
        assert content(tmp_path) == uninterrupted

    @pytest.mark.long
    def test_on_two_devices(self, uninterrupted, tmp_path):
        process = child(tmp_path, flags="--xla_force_host_platform_device_count=2")
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert content(tmp_path) == uninterrupted

    def test_whatever_shards_are_missing(self, uninterrupted, tmp_path):
        for name in ("_manifest.json", "part-00001.parquet", "part-00009.parquet"):
            (tmp_path / name).write_bytes(uninterrupted[name])
        seen = []
        summary = run(small(shard=20), tmp_path, seen.append)
        assert summary.found == 40
        assert seen[0].done > 40
        assert (seen[-1].done, seen[-1].instances, seen[-1].found) == (200, 200, 40)
        assert "200 of 200" in str(seen[-1])
        assert content(tmp_path) == uninterrupted

    def test_finished_sweep_is_only_read(self, uninterrupted, tmp_path, monkeypatch):
        for name, data in uninterrupted.items():
            (tmp_path / name).write_bytes(data)
        first = run(small(shard=20), tmp_path)
        monkeypatch.setattr("jaxmech.sweep._run._batch.batch", None)
        again = run(small(shard=20), tmp_path)
        assert (again.found, again.instances) == (200, 200)
        assert (again.statuses, again.quantiles, again.worst) == (first.statuses, first.quantiles, first.worst)


class TestFiles:
    @pytest.fixture(scope="class")
    @classmethod
    def done(cls, tmp_path_factory):
        directory = tmp_path_factory.mktemp("done")
        return directory, run(small(), directory)

    def test_can_be_read_as_one_table(self, done):
        directory, _ = done
        table = pq.read_table(directory)
        assert table["index"].to_pylist() == list(range(200))
        expected = ["index", "costs[A][x]", "costs[B][x]", "costs[C][x]", "status", "residual", "steps",
                    "social_penalty", "baseline", "first_best", "ratio", "leverage", "penalty[A]", "penalty[B]",
                    "penalty[C]"]  # fmt: skip
        assert table.schema.names == expected
        assert pq.ParquetFile(directory / "part-00000.parquet").num_row_groups == 1

    def test_summary_is_of_the_rows(self, done):
        directory, summary = done
        rows = frame(directory)
        assert summary.statuses == {"OK": 200}
        assert summary.failed == 0
        values = dict(summary.quantiles["social_penalty"])
        assert values[0.0] == rows["social_penalty"].min()
        assert values[1.0] == rows["social_penalty"].max()
        assert np.mean(rows["social_penalty"] <= values[0.5]) == pytest.approx(0.5, abs=0.01)
        assert summary.worst == int(np.argmax(rows["ratio"]))
        assert summary.leverage == np.mean(rows["leverage"])

    def test_manifest(self, done):
        directory, _ = done
        manifest = json.loads((directory / "_manifest.json").read_text())
        sweep = small()
        assert manifest["fingerprint"] == sweep.fingerprint
        assert manifest["seed"] == 0
        assert manifest["instances"] == 200
        assert set(manifest["versions"]) == {"jaxmech", "jax", "jaxlib", "pyarrow"}
        assert manifest["problem"]["costs"] == [[0.033], [0.066], [0.1]]

    def test_infinite_costs_in_the_manifest(self, tmp_path):
        run(small({"costs[C][x]": [1.0, np.inf]}, costs=np.array([[1.0], [2.0], [np.inf]])), tmp_path)
        manifest = json.loads((tmp_path / "_manifest.json").read_text())
        assert manifest["problem"]["costs"] == [[1.0], [2.0], ["inf"]]
        assert manifest["grids"] == {"costs[C][x]": [1.0, "inf"]}


class TestRefused:
    @pytest.fixture
    def directory(self, uninterrupted, tmp_path):
        for name, data in uninterrupted.items():
            (tmp_path / name).write_bytes(data)
        return tmp_path

    def refused(self, directory, *parts, **options):
        before = content(directory) if directory.is_dir() else {}
        with pytest.raises(ProblemError) as caught:
            run(small(**{"shard": 20, **options}), directory)
        for part in parts:
            assert part in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not directory.is_dir() or content(directory) == before

    def test_other_input(self, directory):
        self.refused(directory, "another sweep (seed changed)", "another directory", seed=1)
        self.refused(directory, "problem changed", sigma=9.0)

    @pytest.mark.parametrize("change", [{"versions": {"jax": "0.1"}}, {"platform": "gpu"}])
    def test_other_versions_and_platforms(self, change, directory):
        manifest = json.loads((directory / "_manifest.json").read_text())
        (directory / "_manifest.json").write_text(json.dumps({**manifest, **change}))
        self.refused(directory, "holds results of", "they would differ")

    @pytest.mark.parametrize("text", ["", "[1]", '{"kind": "else"}', "\xff", '{"kind": "sweep", "format": 99}'])
    def test_damaged_manifest(self, text, directory):
        (directory / "_manifest.json").write_bytes(text.encode("latin-1"))
        self.refused(directory, "_manifest.json", "is not the manifest of a sweep")

    def test_flipped_bits_in_a_shard(self, directory):
        """Wherever they are: in data, in names, in statistics."""
        store, path = Store(directory, small(shard=20), "cpu"), directory / "part-00003.parquet"
        whole = path.read_bytes()
        assert store.read(3).num_rows == 20
        for position in (*range(0, len(whole), 61), len(whole) - 1):
            path.write_bytes(whole[:position] + bytes([whole[position] ^ 16]) + whole[position + 1 :])
            with pytest.raises(ProblemError, match=r"file = 'part-00003\.parquet'"):
                store.read(3)

    @pytest.mark.parametrize("size", [0, 3, 1000])
    def test_shard_cut_short(self, size, directory):
        path = directory / "part-00003.parquet"
        path.write_bytes(path.read_bytes()[:size])
        self.refused(directory, "part-00003.parquet", "is damaged: delete it")

    def test_shard_that_cannot_be_read_is_not_called_damaged(self, directory, monkeypatch):
        """It may be whole: whoever deletes it loses work."""
        real = Path.read_bytes

        def refuse(path):
            if path.name == "part-00003.parquet":
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        monkeypatch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(ProblemError, match=r"'part-00003\.parquet': cannot be read: permission denied") as caught:
            run(small(shard=20), directory)
        assert "delete" not in str(caught.value)

    def test_directory_in_the_place_of_a_shard(self, directory):
        (directory / "part-00003.parquet").unlink()
        (directory / "part-00003.parquet").mkdir()
        with pytest.raises(ProblemError, match=r"'part-00003\.parquet': cannot be read: is a directory"):
            run(small(shard=20), directory)

    @pytest.mark.long
    def test_disk_with_too_little_room(self, tmp_path, monkeypatch):
        usage = shutil.disk_usage(tmp_path)._replace(free=10**4)
        monkeypatch.setattr("jaxmech.sweep._store.shutil.disk_usage", lambda _: usage)
        with pytest.raises(ProblemError, match=r"too little room: the results take up to 1\.3 GB"):
            run(small(draws=10**7), tmp_path)

    def test_room_is_not_underestimated(self, directory):
        columns = len(pq.read_schema(directory / "part-00000.parquet").names)
        assert 8 * columns <= small().bytes_each <= 8 * (columns + 3)

    def test_shard_in_the_wrong_place(self, directory):
        (directory / "part-00003.parquet").write_bytes((directory / "part-00002.parquet").read_bytes())
        self.refused(directory, "part-00003.parquet", "is not of this sweep")

    @pytest.mark.parametrize("name", ["part-00010.parquet", "notes.txt"])
    def test_foreign_file(self, name, directory):
        (directory / name).write_text("mine")
        self.refused(directory, name, "move it away")
        (directory / "_manifest.json").unlink()
        self.refused(directory, "is not of a sweep", "another directory")

    def test_hidden_files_are_nobodys_business(self, directory, uninterrupted):
        (directory / "_notes.txt").write_text("mine")
        assert run(small(shard=20), directory).found == 200
        assert content(directory) == {**uninterrupted, "_notes.txt": b"mine"}

    def test_directory_that_cannot_be(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        self.refused(tmp_path / "file", "directory", "cannot be used")
        self.refused(tmp_path / "file" / "below", "directory", "cannot be used")

    def test_two_at_a_time(self, directory):
        import fcntl

        handle = os.open(directory, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self.refused(directory, "another process is at work")
        finally:
            os.close(handle)

    def test_disk_that_is_full(self, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("jaxmech.sweep._store.write_whole", full)
        with pytest.raises(ProblemError, match="no space left"):
            run(small(shard=20), tmp_path)

    def test_without_pyarrow(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with contextlib.suppress(FileNotFoundError):
            self.refused(tmp_path / "new", "pyarrow", "pip install 'jaxmech[sweep]'")
        assert not (tmp_path / "new").exists()
