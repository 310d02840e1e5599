"""JSON and CSV out: the whole file or nothing."""

import csv
import io
import json
import os
import stat
import subprocess
import sys

import numpy as np
import pytest

from jaxmech import ProblemError, files
from jaxmech._words import one_of


def test_json_has_null_and_inf_and_numbers():
    document = {
        "a": np.array([1.0, np.nan, np.inf, -np.inf]), "b": None, "c": np.float32(0.5), "d": np.bool_(True),
        "e": (1, 2), "f": {}, "g": [], "h": "σ \"quoted\"\n", "i": np.int32(3), "j": [{"x": float("inf")}],
    }  # fmt: skip
    found = json.loads(files.json_text(document))
    assert found == {
        "a": [1.0, None, "inf", "-inf"], "b": None, "c": 0.5, "d": True, "e": [1, 2], "f": {}, "g": [],
        "h": "σ \"quoted\"\n", "i": 3, "j": [{"x": "inf"}],
    }  # fmt: skip


def test_json_keeps_every_digit():
    value = 0.1 + 0.2
    assert json.loads(files.json_text({"x": np.array([value])}))["x"] == [value]


def test_csv_round_trip():
    rows = [{"agent": 'a, "b"', "n": 1.5, "gain": np.nan}, {"agent": "c\nd", "n": np.inf, "gain": 0.1 + 0.2}]
    found = list(csv.DictReader(io.StringIO(files.csv_text(rows))))
    assert [row["agent"] for row in found] == ['a, "b"', "c\nd"]
    assert [row["n"] for row in found] == ["1.5", "inf"]
    assert found[0]["gain"] == ""
    assert float(found[1]["gain"]) == 0.1 + 0.2


def test_write_replaces_the_file_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("old")
    path.chmod(0o640)
    files.write("--json", str(path), "new σ")
    assert path.read_text(encoding="utf-8") == "new σ"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["out.json"]


def test_write_through_a_symbolic_link(tmp_path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    files.write("--json", str(tmp_path / "link.json"), "new")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"


def test_a_device_is_written_to_not_replaced():
    files.write("--json", os.devnull, "gone")
    assert not os.path.isfile(os.devnull)


@pytest.mark.parametrize("failing", ["os.replace", "os.chmod", "os.fdopen"])
def test_failure_leaves_the_old_file_and_nothing_else(failing, tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def refuse(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(failing, refuse)
    with pytest.raises(ProblemError, match=r"--csv = .*cannot be written: no space left on device"):
        files.write("--csv", str(path), "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out.csv"]


def test_json_escapes_what_a_terminal_would_obey_and_loses_nothing():
    document = {"a\x9b": "\x7f\u202e\u200b\U000e0001 Łódź 東京 \udcff"}
    text = files.json_text(document)
    assert text.replace("\n", "").isprintable()
    assert "Łódź 東京" in text
    assert json.loads(text) == document


@pytest.mark.parametrize("name", ["=1+1", "+a", "-a", "@x", "'=x", "''-x", "a=b", "'a", "−1"])
def test_csv_holds_no_formulas_and_names_come_back(name, tmp_path):
    text = files.csv_text([{"agent": name, name: -1.5, "x": -np.inf}])
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    header, row = csv.reader(io.StringIO(text))
    assert not [cell for cell in (*header, row[0]) if cell[0] in "=+-@\t\r"]
    assert row[1:] == ["-1.5", "-inf"]
    found = files.read_table(tmp_path / "a.csv", "a.csv", "costs", row_names=True)
    assert (found.columns, found.rows) == ((name, "x"), (name,))


def test_what_killed_writers_left_is_removed(tmp_path):
    """By the next one who writes the same file; what belongs to living processes and other files stays."""
    path = tmp_path / "out.json"
    script = (
        "import os, signal, sys, pathlib, jaxmech._whole as whole\n"
        "whole.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "whole.write_whole(pathlib.Path(sys.argv[1]), b'half')\n"
    )
    for name in ("out.json", "other.json"):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / name)], check=False, timeout=120)
    left = sorted(entry for entry in os.listdir(tmp_path) if entry.endswith(".part"))
    assert [entry[:7] for entry in left] == [".other.", ".out.js"]
    mine = left[1].replace(left[1].split("-")[1], str(os.getpid()))
    (tmp_path / mine).write_text("being written")
    files.write("--json", str(path), "whole")
    assert sorted(os.listdir(tmp_path)) == sorted([left[0], mine, "out.json"])


class TestTargets:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mine.toml").write_text("precious")
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "up.toml").symlink_to("../mine.toml")
        os.link(tmp_path / "mine.toml", tmp_path / "hard.toml")
        (tmp_path / "round").symlink_to("round")
        (tmp_path / "dangling").symlink_to("no/such/file")
        os.mkfifo(tmp_path / "pipe")
        return tmp_path

    @pytest.mark.parametrize("target", ["-", "new.json", "mine.toml", os.devnull, "sub/../new.json"])
    def test_allowed(self, target, folder):
        files.check_targets({"--json": target})

    @pytest.mark.parametrize(
        ("target", "rule"),
        [
            (".", "not a directory"), ("", "not a directory"), ("sub", "not a directory"),
            ("no/new.json", "in a directory that exists"), ("mine.toml/new.json", "in a directory that exists"),
            ("dangling", "in a directory that exists"), ("round", "symbolic links"), ("x" * 300, "too long"),
            ("a\0b", "cannot be written"), ("pipe", "no pipe and no device"), ("/dev/zero", "no pipe and no device"),
            ("/dev/fd/0/x", "directory that exists"),
        ],
    )  # fmt: skip
    def test_refused(self, target, rule, folder):
        with pytest.raises(ProblemError, match=rule) as caught:
            files.check_targets({"--json": target})
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("target", ["printed", "/dev/stdout"])
    def test_a_file_that_is_printed_to_already(self, target, folder):
        """Under whatever name: it would be replaced, and what is printed lost with it."""
        code = "import sys; from jaxmech import files; files.check_targets({'--json': sys.argv[1]})"
        with (folder / "printed").open("w") as printed:
            command = [sys.executable, "-c", code, target]
            found = subprocess.run(command, stdout=printed, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
        assert "is where this command prints already" in found.stderr

    @pytest.mark.parametrize("same", ["out", "./out", "sub/../out", "{}/out", "OUT"])
    def test_two_outputs_in_one_file(self, same, folder):
        targets = {"--json": "out", "--csv": same.format(folder)}
        with pytest.raises(ProblemError, match=r"--csv = .*must not be the file that --json writes"):
            files.check_targets(targets)
        files.check_targets({"--json": "out", "--csv": "out2"})
        files.check_targets({"--json": os.devnull, "--csv": os.devnull})

    @pytest.mark.parametrize(
        "target", ["mine.toml", "./mine.toml", "sub/../mine.toml", "{}/mine.toml", "sub/up.toml", "hard.toml"]
    )
    def test_inputs_are_spared_however_they_are_spelt(self, target, folder):
        with pytest.raises(ProblemError, match="would destroy"):
            files.check_spared({"--json": target.format(folder)}, [folder / "mine.toml"])
        files.check_spared({"--json": "-", "--csv": os.devnull, "--plot": "new.png"}, [folder / "mine.toml"])

    def test_directories_of_results_are_for_results(self, folder):
        with pytest.raises(ProblemError, match="for the results alone"):
            files.check_spared({"--json": "sub/new.json"}, [folder / "sub"])
        with pytest.raises(ProblemError, match="would destroy"):
            files.check_spared({"--json": "new"}, [folder / "new"])
        files.check_spared({"--json": "new.json"}, [folder / "sub"])


@pytest.mark.parametrize("word", ["Nash", "nsh", " nash "])
def test_nearest_word(word):
    with pytest.raises(ProblemError, match='did you mean "nash"'):
        one_of("division", word, ("alone", "nash"))


def test_no_word_is_suggested_where_none_is_near():
    with pytest.raises(ProblemError) as caught:
        one_of("division", "xyz", ("alone", "nash"))
    assert "did you mean" not in str(caught.value)
