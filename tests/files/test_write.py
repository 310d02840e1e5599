"""JSON and CSV out: the whole file or nothing."""

import csv
import io
import json
import os
import stat

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


def test_check_writable(tmp_path):
    files.check_writable("--json", "-")
    files.check_writable("--json", str(tmp_path / "new.json"))
    with pytest.raises(ProblemError, match="not a directory"):
        files.check_writable("--json", str(tmp_path))
    with pytest.raises(ProblemError, match="in a directory that exists"):
        files.check_writable("--json", str(tmp_path / "no" / "new.json"))


@pytest.mark.parametrize("word", ["Nash", "nsh", " nash "])
def test_nearest_word(word):
    with pytest.raises(ProblemError, match='did you mean "nash"'):
        one_of("division", word, ("alone", "nash"))


def test_no_word_is_suggested_where_none_is_near():
    with pytest.raises(ProblemError) as caught:
        one_of("division", "xyz", ("alone", "nash"))
    assert "did you mean" not in str(caught.value)
