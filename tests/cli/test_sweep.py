"""``jaxmech sweep``: from a file to a directory of results."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner, Result

from jaxmech import catalog, files
from jaxmech.cli import main
from jaxmech.sweep import KEEP, Sweep
from tests.sweep.sweeps import content, frame

SECTION = '[sweep]\nproblem = "three-agents"\nmechanism = "pool"\n'
RANDOM = '[sweep.parameters]\ncosts = { distribution = "lognormal", spread = 0.3 }\n'
GOOD = f"{SECTION}draws = 40\nshard = 16\n{RANDOM}"
COMMAND = "from jaxmech.cli import main; main()"


def _run(*args: object) -> Result:
    return CliRunner().invoke(main, ["sweep", *map(str, args)])


@pytest.fixture
def write(tmp_path):
    def put(text, name="mine.toml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return put


class TestRun:
    @pytest.fixture(scope="class")
    @classmethod
    def done(cls, tmp_path_factory):
        folder = tmp_path_factory.mktemp("sweep")
        (folder / "mine.toml").write_text(f"{GOOD}\nsigma = [5.0, 10.0]\n")
        return folder, _run(folder / "mine.toml", "-o", folder / "out", "--json", folder / "out.json", "--verbose")

    def test_report(self, done):
        _, result = done
        assert result.exit_code == 0
        for part in ("80 instances of three-agents (rational, pool), seed 0", "5 files of results", "OK", "largest"):
            assert part in result.stdout
        assert "\x1b" not in result.output
        assert "compile + solve" in result.stderr
        assert result.stderr.count("\n") == 1

    def test_json_is_of_the_rows(self, done):
        folder, _ = done
        document, rows = json.loads((folder / "out.json").read_text()), frame(folder / "out")
        assert document["kind"] == "sweep"
        assert document["settings"]["seed"] == 0
        assert document["statuses"] == {"OK": 80}
        assert (document["instances"], document["failed"], document["found"], document["shards"]) == (80, 0, 0, 5)
        assert document["parameters"][0] == "sigma"
        assert all(name in rows for name in document["parameters"])
        largest = document["quantiles"]["social_penalty"][-1]
        assert largest == {"fraction": 1.0, "value": rows["social_penalty"].max()}

    def test_again_computes_nothing_and_goes_on_where_files_are_missing(self, done):
        folder, _ = done
        before = content(folder / "out")
        (folder / "out" / "part-00002.parquet").unlink()
        for found in (64, 80):
            result = _run(folder / "mine.toml", "-o", folder / "out", "--json", "-")
            assert json.loads(result.stdout)["found"] == found
            assert content(folder / "out") == before

    def test_quiet(self, done):
        folder, _ = done
        assert _run(folder / "mine.toml", "-o", folder / "out", "--quiet").output == ""


def test_problem_and_table_beside_the_file(write, tmp_path):
    write(
        '[collaboration]\nsigma = 2.0\nagents = ["A", "B"]\ndistributions = ["x"]\ncosts = [[1.0], [4.0]]\n', "own.toml"
    )
    write("costs[A][x],sigma\n1.0,3.0\ninf,1.0\n", "rows.csv")
    path = write('[sweep]\nproblem = "own.toml"\ninstances = "rows.csv"\nmechanism = "pool"\ndivision = "alone"\n')
    assert _run(path, "-o", tmp_path / "out").exit_code == 0
    rows = frame(tmp_path / "out")
    assert rows["costs[A][x]"].tolist() == [1.0, np.inf]
    np.testing.assert_allclose(rows["first_best"], [2 * 3.0 * 2**0.5, 2 * 1.0 * 8**0.5], rtol=1e-12)


def test_failures_are_counted_and_only_all_of_them_are_exit_code_1(write, tmp_path):
    write("costs[agent 1][mean],costs[agent 2][mean],costs[agent 3][mean]\n1,1,1\ninf,inf,inf\n", "some.csv")
    write("costs[agent 1][mean],costs[agent 2][mean],costs[agent 3][mean]\ninf,inf,inf\n", "all.csv")
    for name, code in (("some", 0), ("all", 1)):
        path = write(f'{SECTION}instances = "{name}.csv"\n')
        result = _run(path, "-o", tmp_path / name, "--json", tmp_path / "out.json")
        assert result.exit_code == code
        assert json.loads((tmp_path / "out.json").read_text())["failed"] == 1
        assert re.search(r"^NONFINITE +1 +a number that is not finite", result.stdout, re.MULTILINE)


def test_float32(write, tmp_path):
    assert _run(write(GOOD), "-o", tmp_path / "out", "--dtype", "float32").exit_code == 0
    assert frame(tmp_path / "out")["ratio"].dtype == np.float32
    assert "dtype changed" in _run(write(GOOD), "-o", tmp_path / "out").stderr


@pytest.mark.long
def test_bar_on_a_terminal_and_none_in_a_pipe(write, tmp_path):
    path = write(GOOD)
    shown, terminal = pty.openpty()
    at_once = f"from jaxmech.cli import _waiting; _waiting.PATIENCE = 0.0; {COMMAND}"
    arguments = [sys.executable, "-c", at_once, "sweep", str(path), "-o", str(tmp_path / "out")]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(arguments, env=environment, stderr=terminal, stdout=subprocess.DEVNULL) as process:
        os.close(terminal)
        text = _everything(shown)
    assert process.returncode == 0
    assert re.search(r"\d+ s so far; compile \+ solve(: \d+ of 40 instances done, \d+ left)?", text)
    assert text.endswith("\r\x1b[K")
    found = subprocess.run(arguments, check=True, capture_output=True, timeout=120)
    assert found.stderr == b""
    assert b"\x1b" not in found.stdout


def _everything(terminal: int) -> str:
    """What comes out of a terminal until it is closed, which Linux tells by an error."""
    parts = []
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 10_000):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()


class TestShipped:
    @pytest.mark.parametrize("name", catalog.sweeps())
    def test_reads_and_makes_a_sweep(self, name):
        found = files.read_sweep(name)
        assert found.title == catalog.describe(name)
        sweep = Sweep(found.case.problem, found.parameters, **found.options)
        assert sweep.instances == 4500
        assert sweep.parameter_names == ("costs[agent 1][mean]", "costs[agent 2][mean]", "costs[agent 3][mean]")

    @pytest.mark.parametrize("name", catalog.sweeps())
    def test_is_listed_and_printed(self, name):
        assert f"{name}  {catalog.describe(name)}" in CliRunner().invoke(main, ["examples"]).stdout
        assert CliRunner().invoke(main, ["examples", name]).stdout == catalog.text(name)
        assert all(word in catalog.text(name) for word in KEEP)

    @pytest.mark.parametrize("name", catalog.sweeps())
    def test_is_not_for_solve(self, name):
        result = CliRunner().invoke(main, ["solve", str(catalog.path(name))])
        assert result.exit_code == 2
        assert "is for jaxmech sweep FILE -o DIR" in result.stderr
        assert result.stderr.count("\n") == 1


def _with(text, replaced="shard = 16\n"):
    return GOOD.replace(replaced, text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (_with("drwas = 3\n"), ("drwas", 'did you mean "draws"')),
        ("", ("section", "must have a section [sweep]")),
        (_with("", 'problem = "three-agents"\n'), ("problem", "must be given in [sweep]")),
        (_with("three-agnets", "three-agents"), ("three-agnets", 'did you mean "three-agents"')),
        (_with("competitors", "three-agents"), ("mechanism", "'pool'", "exploitation, free")),
        (_with("3", '"three-agents"'), ("problem", "3", "must be a file")),
        (_with("uncertain-costs", "three-agents"), ("uncertain-costs", "is a sweep", "must be a problem")),
        (_with('"cblx"', '"pool"'), ("mechanism", 'did you mean "cbl"')),
        (_with('division = "nahs"\n'), ("division", 'did you mean "nash"')),
        (_with("keep = 3\n"), ("keep", "must be a list")),
        (_with("keep = [3]\n"), ("keep", "must be a list of names")),
        (_with('keep = ["penalties"]\n'), ("keep[0]", 'did you mean "penalty"')),
        (_with("title = 3\n"), ("title", "must be text")),
        (_with('instances = "no.csv"\n'), ("instances", "no such file")),
        (_with("instances = 3\n"), ("instances", "must be the name of a table")),
        (_with('instances = "nan.csv"\n'), ("row 1, column sigma", "nan", "must be positive")),
        (_with('instances = "names.csv"\n'), ("instances: column", "'sgima'", 'did you mean "sigma"')),
        (_with("draws = -1\n", "draws = 40\n"), ("draws", "-1", "whole number")),
        (_with("", "draws = 40\n"), ("draws", "must be given")),
        (_with("seed = 1.5\n"), ("seed", "1.5", "whole number")),
        (_with("sigma = 3.0\ncosts", "costs"), ("parameters.sigma", "3.0", "write [3.0]")),
        (_with("csots", "costs"), ("parameters", "'csots'", 'did you mean "costs"')),
        (SECTION + "parameters = 3\n", ("parameters", "must be a section")),
        (SECTION, ("parameters", "must name what varies")),
        ("draws = 3\n" + GOOD, ("draws", "must stand below the line [sweep]")),
        (GOOD + "[collaboration]\nsigma = 1.0\n", ("[collaboration]", "below a line [sweep]")),
        ("[sweeep]\n", ("[sweeep]", 'did you mean "sweep"')),
        ("[sweep]\ndraws = = 1\n", ("line 2", "is not valid TOML")),
    ],
)
def test_bad_files(text, parts, write, tmp_path):
    path = write(text)
    write("sigma\nnan\n", "nan.csv")
    write("sgima\n1\n", "names.csv")
    result = _run(path, "-o", tmp_path / "out", "--json", "-")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    for part in (*parts, "mine.toml"):
        assert part in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (["uncertain-costs"], ["Missing option '-o'"]),
        (["uncertan-costs", "-o", "out"], ["'uncertan-costs'", 'did you mean "uncertain-costs"']),
        (["three-agents", "-o", "out"], ["three-agents", "is a problem: jaxmech solve three-agents"]),
        (["uncertain-costs", "-o", "out", "--dtype", "float46"], ["--dtype", "float64"]),
        (["uncertain-costs", "-o", "out", "--json", "no/such/file"], ["--json", "directory that exists"]),
    ],
)
def test_bad_usage(args, parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = _run(*args)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    for part in parts:
        assert part in result.stderr


def test_changed_file_in_the_same_directory_is_one_line(write, tmp_path):
    assert _run(write(GOOD), "-o", tmp_path / "out", "--quiet").exit_code == 0
    before = content(tmp_path / "out")
    result = _run(write(GOOD.replace("0.3", "0.4")), "-o", tmp_path / "out")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "another sweep (distributions changed)" in result.stderr
    assert content(tmp_path / "out") == before


def test_interrupted_is_one_line(write, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxmech.sweep.run", interrupted)
    result = _run(write(GOOD), "-o", tmp_path / "out", "--json", "-")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "jaxmech: interrupted: the same command goes on from here\n"


def test_without_pyarrow_nothing_else_is_lost(write, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = _run(write(GOOD), "-o", tmp_path / "out")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "pip install 'jaxmech[sweep]'" in result.stderr
    assert CliRunner().invoke(main, ["sweep", "--help"]).exit_code == 0
