"""The key ``target`` of problem files, end to end."""

import json

import jsonschema
import pytest
from click.testing import CliRunner

from jaxmech import schemas
from jaxmech.cli import main

FILE = """[collaboration]
sigma = 10.0
agents = ["A", "B", "C"]
distributions = ["x", "y"]
costs = [[0.033, 0.1], [0.066, 0.2], [0.05, inf]]
"""
TABLE = "target = [[20.0, 15.0], [12.0, 9.5], [14.0, 0.0]]\n"


def _run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def _words(result):
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("target")
    (folder / "plain.toml").write_text(FILE, encoding="utf-8")
    (folder / "given.toml").write_text(FILE + TABLE, encoding="utf-8")
    result = _run("solve", folder / "given.toml", "--json", folder / "given.json", "--report", folder / "given.html")
    assert result.exit_code == 0, result.output
    assert "division target, mechanism cbl" in _words(result)
    return folder


def test_document_and_page(folder):
    document = json.loads((folder / "given.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schemas.load("collaboration"))
    assert document["division"] == "target"
    assert document["problem"]["division"] is None
    assert document["target"]["samples"] == document["problem"]["target"] == [[20.0, 15.0], [12.0, 9.5], [14.0, 0.0]]
    assert "the amounts that the parties gave themselves" in (folder / "given.html").read_text(encoding="utf-8")


def test_a_table_that_solve_wrote_is_read(folder):
    """Its columns of amounts are; so the pool over a plan's amounts costs what the plan says they do."""
    result = _run("solve", folder / "plain.toml", "--mechanism", "pool", "--quiet", "--csv", folder / "plan.csv")
    assert result.exit_code == 0
    (folder / "again.toml").write_text(FILE + 'target = "plan.csv"\nmechanism = "pool"\n', encoding="utf-8")
    result = _run("solve", folder / "again.toml", "--quiet", "--csv", folder / "again.csv")
    assert result.exit_code == 0, result.output
    assert (folder / "plan.csv").read_bytes() == (folder / "again.csv").read_bytes()


def test_names_in_a_table_are_matched(folder):
    (folder / "mixed.csv").write_text("name,y,x\nC,0,14\nA,15,20\nB,9.5,12\n", encoding="utf-8")
    (folder / "mixed.toml").write_text(FILE + 'target = "mixed.csv"\n', encoding="utf-8")
    result = _run("solve", folder / "mixed.toml", "--quiet", "--json", folder / "mixed.json")
    assert result.exit_code == 0, result.output
    plans = [json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["plan"] for name in ("given", "mixed")]
    assert plans[0] == plans[1]


@pytest.mark.parametrize(
    ("args", "lines", "parts"),
    [
        (("solve",), 'division = "nash"\n' + TABLE, ("division", "nash", "beside target")),
        (("solve",), 'mechanism = "c3d"\n' + TABLE, ("target", "c3d", "a division of its own")),
        (("solve",), "most = 30\n" + TABLE, ("most", "30", "beside target")),
        (("solve",), "target = 3.0\n", ("target", "3.0", "a row per agent")),
        (("solve",), "target = [[1.0, 1.0], [1.0, 1.0]]\n", ("target", "one row per agent (3)")),
        (("solve",), "target = [[1.0, 1.0], [1.0, 1.0], [1.0, 2.0]]\n", ("target[2][1]", "2.0", "cannot measure")),
        (("solve",), "target = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]\n", ("target", "for y", "somebody must")),
        (("solve",), "target = [[1.0, -1.0], [1.0, 1.0], [1.0, 0.0]]\n", ("target[0][1]", "-1.0", "0 or more")),
        (("solve",), 'target = "nowhere.csv"\n', ("nowhere.csv",)),
        (("solve", "--mechanism", "c3d"), TABLE, ("c3d", "a division of its own")),
        (("price",), TABLE, ("target", "--division")),
        (("audit", "--questions"), TABLE, ("other costs and names",)),
    ],
)
def test_one_line_says_what_is_wrong(folder, args, lines, parts):
    file = folder / "bad.toml"
    file.write_text(FILE + lines, encoding="utf-8")
    result = _run(args[0], file, *args[1:])
    assert result.exit_code == 2
    message = result.stderr.strip()
    assert "\n" not in message
    assert all(part in message for part in parts), message


def test_a_sweep_says_that_given_amounts_are_not_swept(folder):
    file = folder / "sweep.toml"
    file.write_text('[sweep]\nproblem = "given.toml"\n\n[sweep.parameters]\nsigma = [1.0, 2.0]\n', encoding="utf-8")
    result = _run("sweep", file, "-o", folder / "swept")
    assert result.exit_code == 2
    assert "has a target" in result.stderr


@pytest.mark.long
def test_another_division_on_the_command_line(folder):
    result = _run("solve", folder / "given.toml", "--division", "leverage", "--quiet", "--json", folder / "other.json")
    assert result.exit_code == 0
    document = json.loads((folder / "other.json").read_text(encoding="utf-8"))
    assert document["division"] == document["problem"]["division"] == "leverage"
    assert "target" not in document["problem"]
    result = _run("solve", folder / "plain.toml", "--division", "target")
    assert result.exit_code == 2
    assert "must be one of" in result.stderr


@pytest.mark.long
def test_leavers_and_simulation(folder):
    result = _run("solve", folder / "given.toml", "--without", "C", "--quiet")
    assert result.exit_code == 0, result.output
    result = _run("simulate", folder / "given.toml", "--replications", "256")
    assert result.exit_code == 0, result.output
    assert "division target" in _words(result)
