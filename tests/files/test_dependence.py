"""Columns that can be computed from others are told, those of the shipped patients are not."""

from importlib import resources

import numpy as np
import pytest

from jaxmech import files
from jaxmech.files import Table, dependence_warnings, dependences

LIPIDS = ("total cholesterol", "triglycerides", "HDL", "LDL")


@pytest.fixture(scope="module")
def patients():
    path = resources.files("jaxmech.catalog") / "problems" / "clinics-patients.csv"
    return np.loadtxt(path.read_text(encoding="utf-8").splitlines(), delimiter=",", skiprows=1)


def table(columns, cells, source="rows.csv"):
    return Table(source, tuple(columns), tuple(map(str, range(2, len(cells) + 2))), np.asarray(cells, float))


def told(found):
    return {(record.column, frozenset(record.on), record.form) for record in found}


def left_by_regression(cells, k, others):
    """Residual of column k on others and a constant, in its standard deviations, by the textbook."""
    design = np.column_stack([np.ones(len(cells)), cells[:, others]])
    design = design / np.linalg.norm(design, axis=0)
    left = cells[:, k] - design @ np.linalg.lstsq(design, cells[:, k])[0]
    return np.sqrt(left @ left / (len(cells) - design.shape[1])) / cells[:, k].std(ddof=1)


def with_ldl(patients, decimals=1):
    """The study's LDL is not measured, but calculated from three other columns."""
    _, total, triglycerides, hdl = patients.T
    return np.column_stack([patients, np.round(total - hdl - triglycerides / 5, decimals)])


class TestPatients:
    def test_the_four_do_not_determine_each_other(self, patients):
        assert dependences(table(("glucose", *LIPIDS[:3]), patients)) == ()
        assert files.read("clinics").dependences == ()
        assert files.read("clinics").warnings == ()

    @pytest.mark.parametrize(("transform", "where"), [(np.array, "of their variance"), (np.log, "in logarithms")])
    def test_the_others_explain_as_much_of_each_as_the_notes_say(self, patients, transform, where):
        cells, n = transform(patients), len(patients)
        left = [left_by_regression(cells, k, [j for j in range(4) if j != k]) for k in range(4)]
        first, second, third, last = (round(100 * (1 - part**2 * (n - 4) / (n - 1))) for part in left)
        assert f"{first}, {second}, {third} and {last} % {where}" in files.read("clinics").notes

    @pytest.mark.parametrize("decimals", [0, 1, 6])
    def test_calculated_ldl_is_told_however_it_is_rounded(self, patients, decimals):
        cells = with_ldl(patients, decimals)
        found = dependences(table(("glucose", *LIPIDS), cells))
        assert {(record.column, record.form) for record in found} == {(name, "linear") for name in LIPIDS}
        for record in found:
            assert record.on == tuple(name for name in LIPIDS if name != record.column)
            k = ("glucose", *LIPIDS).index(record.column)
            expected = left_by_regression(cells, k, [j for j in range(1, 5) if j != k])
            assert record.residual == pytest.approx(expected, rel=1e-6)
        (sentence,) = dependence_warnings(found)
        assert sentence.startswith(f"rows.csv: each of {', '.join(LIPIDS)} is a linear function of the others")

    def test_a_quotient_is_told_as_a_product(self, patients):
        ratio = np.round(patients[:, 1] / patients[:, 3], 2)
        found = dependences(table(("glucose", *LIPIDS[:3], "ratio"), np.column_stack([patients, ratio])))
        three = {"total cholesterol", "HDL", "ratio"}
        assert told(found) == {(name, frozenset(three - {name}), "product") for name in three}
        assert "product or quotient" in dependence_warnings(found)[0]


def independent(rows, columns, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns))


def test_duplicates_and_multiples():
    x = independent(40, 3)
    cells = np.column_stack([x, x[:, 0], 7 - 2.5 * x[:, 1]])
    found = dependences(table("abcde", cells))
    assert [(record.column, record.on) for record in found] == [
        ("a", ("d",)), ("b", ("e",)), ("d", ("a",)), ("e", ("b",))
    ]  # fmt: skip
    assert all(record.residual < 1e-12 for record in found)
    assert len(dependence_warnings(found)) == 2


@pytest.mark.parametrize("seed", range(5))
def test_order_of_columns_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    x = np.exp(0.3 * rng.normal(size=(60, 4)))
    cells = np.column_stack([x, x[:, 0], x[:, 0], x[:, 1] + x[:, 2], x[:, 2] / x[:, 3]])
    names = np.array(list("hgfedcba"))
    order = rng.permutation(8)
    first = {record.column: record for record in dependences(table(names, cells))}
    second = {record.column: record for record in dependences(table(names[order], cells[:, order]))}
    assert told(first.values()) == told(second.values())
    for name, record in first.items():
        assert second[name].residual == pytest.approx(record.residual, abs=1e-12)
    assert first["h"].on == ("c",)  # of two that are equal to it, the first by name
    assert first["b"].form == "linear"
    assert first["a"].form == "product"


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1e3, 1e150])
def test_units_do_not_matter(patients, scale):
    cells = with_ldl(patients)
    one = dependences(table(("glucose", *LIPIDS), cells))
    other = dependences(table(("glucose", *LIPIDS), cells * [1, scale, 1, 1 / scale, scale]))
    assert told(one) == told(other)
    for a, b in zip(one, other, strict=True):
        assert b.residual == pytest.approx(a.residual, rel=1e-9)


@pytest.mark.parametrize(("rows", "columns"), [(8, 2), (10, 2), (12, 4), (12, 60), (20, 12), (40, 20), (300, 30)])
def test_nothing_is_told_of_independent_columns(rows, columns):
    names = [f"x{k}" for k in range(columns)]
    for seed in range(20):
        cells = independent(rows, columns, seed)
        assert dependences(table(names, cells)) == ()
        assert dependences(table(names, np.exp(cells))) == ()


def test_with_few_rows_equal_columns_are_told_all_the_same():
    x = independent(12, 30)
    found = dependences(table([f"x{k:02}" for k in range(31)], np.column_stack([x, x[:, 7]])))
    assert [(record.column, record.on) for record in found] == [("x07", ("x30",)), ("x30", ("x07",))]


def test_what_takes_many_depends_on_all_others():
    x = independent(200, 20)
    found = dependences(table([f"x{k}" for k in range(21)], np.column_stack([x, x.sum(axis=1)])))
    assert len(found) == 21
    assert all(len(record.on) == 20 for record in found)
    assert all(record.residual < 1e-6 for record in found)


def test_strong_correlation_is_no_dependence():
    """An R² of 0.99 is far from a calculated value."""
    x = independent(500, 2)
    assert dependences(table("ab", np.column_stack([x[:, 0], x[:, 0] + 0.1 * x[:, 1]]))) == ()
    assert len(dependences(table("ab", np.column_stack([x[:, 0], x[:, 0] + 0.01 * x[:, 1]])))) == 2


def test_columns_that_do_not_vary_are_left_to_others():
    x = independent(30, 1)
    assert dependences(table("abc", np.column_stack([np.ones(30), x, np.zeros(30)]))) == ()


def test_wide_tables_are_not_examined():
    x = np.repeat(independent(10, 1), files.MAX_DEPENDENT_COLUMNS + 1, axis=1)
    assert dependences(table([f"x{k}" for k in range(x.shape[1])], x)) == ()


def test_a_file_is_read_with_its_warnings_and_examined_once(tmp_path):
    x = independent(20, 1)[:, 0]
    (tmp_path / "rows.csv").write_text("x,y\n" + "".join(f"{v},{2 * v + 1}\n" for v in x))
    section = 'sigma = "rows.csv"\ndata = "rows.csv"\ndistributions = ["x", "y"]\ncosts = [[0.1, 0.2]]\n'
    (tmp_path / "mine.toml").write_text(f"[collaboration]\n{section}")
    case = files.read(str(tmp_path / "mine.toml"))
    assert [(record.column, record.on, record.source) for record in case.dependences] == [
        ("x", ("y",), "rows.csv"), ("y", ("x",), "rows.csv")
    ]  # fmt: skip
    assert len(case.warnings) == 1
