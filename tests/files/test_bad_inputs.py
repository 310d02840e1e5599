"""Every refusal is one line that names the file, the key, the value and the rule."""

import os

import pytest

from jaxmech import ProblemError, files
from tests.files.bad_inputs import BAD_INPUTS, GOOD, GOOD_MARKET, Bad


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda bad: bad.name)
def test_refusal_names_file_key_value_and_rule(bad: Bad, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(bad.text)
    for name, text in bad.files:
        (tmp_path / name).write_text(text)
    with pytest.raises(ProblemError) as caught:
        files.read(str(path))
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    for part in bad.parts:
        assert part in message


def test_the_table_starts_from_a_good_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f"[collaboration]\n{GOOD}")
    assert files.read(str(path)).problem.shape == (2, 2)
    path.write_text(f"[market]\n{GOOD_MARKET}")
    case = files.read(str(path))
    assert case.problem.buyers == ("a", "b")
    assert case.problem.counts.tolist() == [20, 1]
    assert (case.method, case.second, case.limit, case.grid) == ("exact", 1, None, "levels")


@pytest.mark.parametrize(
    ("name", "part"),
    [("clinic", 'did you mean "clinics"'), ("clinics.tml", 'did you mean "clinics"'), ("no/such.toml", "no such file"),
     ("a\0b", "no such file|cannot be read"), ("x" * 5000, "cannot be read"), ("", "is a directory")],
)  # fmt: skip
def test_missing_file(name, part):
    with pytest.raises(ProblemError, match=part):
        files.read(name)


def test_directory(tmp_path):
    with pytest.raises(ProblemError, match="is a directory"):
        files.read(str(tmp_path))


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"[collaboration]\nsigma = \xff\xfe\n")
    with pytest.raises(ProblemError, match=r"UTF-8 text \(line 2 is not\)"):
        files.read(str(path))


def test_a_device_without_end():
    with pytest.raises(ProblemError, match="must be a regular file"):
        files.read("/dev/zero")


def test_a_pipe_that_nobody_writes_to(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "mine.toml").write_text('[collaboration]\nsigma = 1.0\ncosts = "pipe"\n')
    for name in ("pipe", "mine.toml"):
        with pytest.raises(ProblemError, match="must be a regular file"):
            files.read(str(tmp_path / name))


def test_a_link_to_itself(tmp_path):
    (tmp_path / "round.toml").symlink_to("round.toml")
    with pytest.raises(ProblemError, match=r"cannot be read: .*symbolic links"):
        files.read(str(tmp_path / "round.toml"))


def test_file_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[collaboration]\nsigma = 1.0\ncosts = "costs.csv"\n')
    with (tmp_path / "costs.csv").open("wb") as file:
        file.truncate(4 * 10**9)  # sparse: it takes no room
    with pytest.raises(ProblemError, match=r"costs = 'costs.csv': is too large: at most 128 MB"):
        files.read(str(path))


def test_table_with_too_many_entries(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxmech.files._read.MAX_ENTRIES", 3)
    path = tmp_path / "mine.toml"
    path.write_text('[collaboration]\nsigma = 1.0\ncosts = "costs.csv"\n')
    (tmp_path / "costs.csv").write_text("name,x,y\nA,1,2\nB,3,4\n")
    with pytest.raises(ProblemError, match="too large: at most 3 numbers"):
        files.read(str(path))


def test_lists_nested_without_end(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f"[collaboration]\nsigma = 1.0\ncosts = {'[' * 100_000}\n")
    with pytest.raises(ProblemError, match="is not valid TOML"):
        files.read(str(path))


@pytest.mark.parametrize("cost", ["1e-60", "1e60"])
def test_cost_outside_the_range_of_float32(cost, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f"[collaboration]\nsigma = 1.0\ncosts = [[1.0], [{cost}]]\n")
    assert files.read(str(path), "float64").problem.costs[1, 0] == float(cost)
    with pytest.raises(ProblemError, match=r"costs\[1\]\[0\] = .*outside the range of float32"):
        files.read(str(path), "float32")
