"""``examples``, ``doctor`` and ``reproduce``."""

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner, Result

from jaxmech import catalog, files
from jaxmech._sheets import open_sheet
from jaxmech.cli import main


def _run(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


def test_examples_lists_what_is_shipped():
    result = _run("examples")
    assert result.exit_code == 0
    shipped = (*catalog.names(), *catalog.sweeps())
    for name in shipped:
        assert f"{name}  " in result.stdout
        assert catalog.describe(name) in " ".join(result.stdout.split())  # lines that are too long are broken
    listed = json.loads(_run("examples", "--json", "-").stdout)["examples"]
    assert [entry["name"] for entry in listed] == list(shipped)
    rows = list(csv.DictReader(io.StringIO(_run("examples", "--csv", "-").stdout)))
    assert [row["name"] for row in rows] == list(shipped)


def test_a_table_goes_out_as_a_spreadsheet_too(tmp_path):
    """The same rows; a name that says otherwise is refused before any work is done."""
    table, sheet = tmp_path / "all.csv", tmp_path / "all.xlsx"
    assert _run("examples", "--quiet", "--csv", str(table), "--xlsx", str(sheet)).exit_code == 0
    rows = list(csv.reader(io.StringIO(table.read_text(encoding="utf-8"))))
    assert [row for _, row in open_sheet(sheet.read_bytes()).rows()] == rows
    for option, path, rule in (("--xlsx", table, "must end in one of xlsx"), ("--csv", sheet, "--xlsx")):
        refused = _run("examples", option, str(path))
        assert refused.exit_code == 2
        assert rule in refused.stderr


@pytest.mark.parametrize("name", catalog.names())
def test_a_printed_example_is_ready_to_edit(name, tmp_path):
    result = _run("examples", name)
    assert result.stdout == catalog.text(name)
    (tmp_path / "mine.toml").write_text(result.stdout, encoding="utf-8")
    for line in result.stderr.splitlines():
        file = line.split()[-1]
        assert f"jaxmech examples {file} > {file}" in line
        (tmp_path / file).write_text(_run("examples", file).stdout, encoding="utf-8")
    case = files.read(str(tmp_path / "mine.toml"))
    shipped = files.read(name)
    assert case.title == shipped.title
    if isinstance(case, files.CollaborationCase):
        np.testing.assert_array_equal(case.problem.costs, shipped.problem.costs)


def test_doctor():
    result = _run("doctor")
    assert result.exit_code == 0, result.stdout
    assert "All 6 checks pass." in result.stdout
    assert result.stdout.count("\nOK") == 6
    document = json.loads(_run("doctor", "--json", "-").stdout)
    assert document["healthy"] is True
    assert set(document["versions"]) >= {"python", "jaxmech", "jax", "jaxlib", "numpy"}


def test_doctor_finds_what_is_wrong(monkeypatch):
    monkeypatch.setattr("jaxmech.numerics.erfcx", lambda x: np.zeros_like(x))
    monkeypatch.setattr("jaxmech.collaboration.corruption_root", lambda *_: 1 / 0)
    result = _run("doctor")
    assert result.exit_code == 1
    assert "FAIL  erfcx" in result.stdout
    assert "FAIL  noise level α      ZeroDivisionError: division by zero" in result.stdout
    assert "2 of 6 checks fail." in result.stdout


@pytest.mark.long
def test_doctor_in_float32():
    assert _run("doctor", "--dtype", "float32").exit_code == 0


@pytest.mark.parametrize("name", [(), ("appendix-c",), ("figure-1",)], ids=" ".join)
def test_reproduce_shows_published_and_computed_side_by_side(name):
    result = _run("reproduce", *name)
    assert result.exit_code == 0, result.stdout
    text = " ".join(result.stdout.split())
    assert "nash 1 samples 35 35.32 +0.32" in text
    assert "alone 3 penalty 6.23 6.3246" in text
    assert "misprint for 6.32" in text
    assert "2σ√(m c) should be σ√(m/c)" in text
    assert "All 30 values agree" in text


def test_reproduce_as_files(tmp_path):
    targets = {option: tmp_path / f"out.{option}" for option in ("json", "csv")}
    flags = [part for option, path in targets.items() for part in (f"--{option}", str(path))]
    assert _run("reproduce", "--quiet", *flags, "--plot", str(tmp_path / "figure.svg")).output == ""
    document = json.loads(targets["json"].read_text(encoding="utf-8"))
    assert document["agrees"] is True
    assert len(document["values"]) == 30
    assert len(document["misprints"]) == 2
    rows = list(csv.DictReader(io.StringIO(targets["csv"].read_text(encoding="utf-8"))))
    assert len(rows) == 30
    assert {"published", "computed", "difference"} <= set(rows[0])
    assert "(d) Nash bargaining" in (tmp_path / "figure.svg").read_text(encoding="utf-8")


def test_reproduce_fails_where_a_value_differs(monkeypatch):
    import dataclasses

    first, *others = catalog.APPENDIX_C
    wrong = dataclasses.replace(first, samples=(55, 39, 34))
    monkeypatch.setattr("jaxmech.catalog.APPENDIX_C", (wrong, *others))
    result = _run("reproduce", "appendix-c")
    assert result.exit_code == 1
    assert "differs" in result.stdout
    assert "1 of 30 differ by more than the last digit" in result.stdout
