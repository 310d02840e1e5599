"""Measurements as they come: codes for "no value", rows left out, further columns, and values that look wrong."""

import csv
import io
import json
from importlib import resources

import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech import ProblemError, files
from jaxmech.cli import main
from jaxmech.cli._options import Output
from jaxmech.cli._population import populations
from jaxmech.files import Table
from jaxmech.files._suspicious import suspicions

SECTION = 'sigma = "rows.csv"\ndistributions = ["y", "x"]\ncosts = [[0.1, 0.2]]\n'
KEYS = 'missing = ["", "NA", -999]\nincomplete = "drop"\nignore = ["id", "date"]\n'
LACKING = {2: ("", "1"), 5: (" NA ", "2"), 7: ("-9.99e2", "3"), 11: ("4", "-999.0")}


@pytest.fixture(scope="module")
def patients():
    path = resources.files("jaxmech.catalog") / "problems" / "clinics-patients.csv"
    return np.loadtxt(path.read_text(encoding="utf-8").splitlines(), delimiter=",", skiprows=1)


def column(values):
    return Table("rows.csv", ("x",), (), np.asarray(values, float)[:, None])


def told(values):
    """The values that are told, in order, and whether each sentence names the key that helps."""
    sentences = suspicions(column(values))
    assert all('incomplete = "drop" does so' in sentence for sentence in sentences)
    return [float(sentence.partition(" holds ")[2].partition(" in ")[0]) for sentence in sentences]


def write(folder, keys=KEYS, rows=30, extra=""):
    """A file with identifiers, dates and rows that lack a value; its complete rows as (y, x)."""
    whole = np.random.default_rng(0).normal(50.0, 5.0, size=(rows, 2))
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["id", "x", "date", "y"])
    for i, (x, y) in enumerate(whole):
        writer.writerow([f"P-{i}", *((LACKING[i][0], "2020-01-01", LACKING[i][1]) if i in LACKING else (x, "", y))])
    (folder / "rows.csv").write_text(buffer.getvalue())
    (folder / "mine.toml").write_text(f"[collaboration]\n{SECTION}{keys}{extra}")
    return np.delete(whole, list(LACKING), axis=0)[:, ::-1]


def test_rows_that_lack_a_value_are_left_out_and_counted(tmp_path):
    whole = write(tmp_path, extra='data = "rows.csv"\n')
    case = files.read(str(tmp_path / "mine.toml"))
    np.testing.assert_allclose(case.problem.sigma, whole.std(axis=0, ddof=1), rtol=1e-13)
    np.testing.assert_array_equal(case.data.cells, whole)
    assert case.data.rows[:4] == ("2", "3", "5", "6")
    assert [(entry.count, entry.dropped) for entry in case.estimates] == [(26, 4)] * 2
    assert case.warnings == ("rows.csv: 4 of 30 rows were left out, because a value is missing",)


def test_without_the_keys_nothing_is_left_out(tmp_path):
    write(tmp_path, keys="")
    with pytest.raises(ProblemError, match=r"column = 'id': .*ignore = ..id..") as refused:
        files.read(str(tmp_path / "mine.toml"))
    assert "\n" not in str(refused.value)
    write(tmp_path, keys='ignore = ["id", "date"]')
    with pytest.raises(ProblemError, match=r"sigma\[4\]\[x\] = ''"):
        files.read(str(tmp_path / "mine.toml"))


def test_the_known_file_is_read_as_its_blanks_are_meant(tmp_path):
    (tmp_path / "rows.csv").write_text("Glucose,Insulin,BMI\n148.0,,33.6\n85.0,,26.6\n183.0,,23.3\n89.0,94.0,28.1\n")
    reading = files.Reading(texts=frozenset({""}), drop=True, ignore=("Insulin",))
    table = files.measurements(tmp_path / "rows.csv", "rows.csv", ("Glucose", "BMI"), "sigma", reading)
    assert (len(table.cells), table.dropped) == (4, 0)  # what is ignored need not be complete
    reading = files.Reading(texts=frozenset({""}), drop=True)
    table = files.measurements(tmp_path / "rows.csv", "rows.csv", ("BMI", "Glucose", "Insulin"), "sigma", reading)
    np.testing.assert_array_equal(table.cells, [[28.1, 89.0, 94.0]])
    assert table.dropped == 3


@pytest.mark.long
def test_the_command_line_reads_by_the_same_keys_and_tells(tmp_path):
    write(tmp_path, extra='mechanism = "pool"\n')
    problem, rows = str(tmp_path / "mine.toml"), str(tmp_path / "rows.csv")
    result = CliRunner().invoke(main, ["solve", problem, "--json", str(tmp_path / "out.json")])
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "out.json").read_text())
    assert [entry["dropped"] for entry in document["sigma_estimates"]] == [4, 4]
    assert any("4 of 30 rows were left out" in sentence for sentence in document["warnings"])
    assert "a value is missing: 4." in " ".join(result.stdout.split())
    output = Output()
    (measured,) = populations([rows], files.read(problem), output)
    np.testing.assert_allclose(measured.law.sigma, document["sigma"], rtol=0.05)
    assert output.warnings == [f"{rows}: 4 of 30 rows were left out, because a value is missing"]


def test_a_sentinel_that_turned_sigma_10_into_301_is_told(patients):
    glucose = patients[:, 0].copy()
    glucose[7::34] = -999.0
    (sentence,) = suspicions(column(glucose))
    count = np.sum(glucose == -999.0)
    assert count == 13
    clean = glucose[glucose != -999.0]
    assert f"column x holds -999 in 13 of 442 rows, far from all other values ({clean.min():g} to" in sentence
    assert f"{glucose.std(ddof=1):.3g} instead of {clean.std(ddof=1):.3g}" in sentence


@pytest.mark.parametrize("code", [-9, -99, -999, -9999, 999, 9999, 0, -12345, 77777])
def test_codes_among_the_patients_are_told_in_every_column(patients, code):
    for k in range(4):
        values = patients[:, k].copy()
        values[20:33] = code
        assert told(values) == [code]


def test_several_codes_are_told_at_once(patients):
    values = patients[:, 0].copy()
    values[:3], values[3:6], values[6:9], values[9:14] = -999, -998, 9999, 0
    assert sorted(told(values)) == [-999, -998, 0, 9999]
    assert told(np.where(np.arange(442) == 5, -999.0, patients[:, 0])) == [-999]  # once is enough for three digits


LAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "positive normal": lambda rng, n: rng.normal(5.0, 1.0, n),
    "log-normal": lambda rng, n: np.exp(rng.normal(size=n)),
    "wide log-normal": lambda rng, n: np.exp(2 * rng.normal(size=n)),
    "Student-t(3)": lambda rng, n: rng.standard_t(3, size=n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "uniform": lambda rng, n: rng.uniform(size=n),
    "counts": lambda rng, n: rng.poisson(3.0, size=n).astype(float),
    "two values": lambda rng, n: 5.0 * rng.integers(0, 2, size=n),
    "short scale": lambda rng, n: rng.integers(1, 6, size=n).astype(float),
}


@pytest.mark.parametrize("law", LAWS)
def test_honest_data_of_many_laws_and_sizes_are_not_told(law):
    """However they are rounded: to none, to two digits after the point, to tenths and to whole standard deviations."""
    for n in (8, 20, 100, 442):
        for seed in range(25):
            values = LAWS[law](np.random.default_rng((seed, n)), n)
            assert told(values) == []
            for step in (0.01, 0.1, 1.0):
                assert told(np.round(values / step)) == []


def test_neither_the_patients_nor_huge_numbers_are_told(patients):
    for k in range(4):
        assert told(patients[:, k]) == []
    assert told(1.7e308 * np.linspace(-1.0, 1.0, 50)) == []
    assert told(np.r_[np.linspace(1.0, 2.0, 50) * 1e307, [-1.7e308] * 3]) == [-1.7e308]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_zeros_are_told_in_any_unit(patients, scale):
    values = scale * patients[:, 1]
    values[:5] = 0.0
    assert told(values) == [0.0]
    assert told(-values) == [0.0]
