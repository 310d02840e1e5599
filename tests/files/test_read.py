"""Problem files: what is read, and how standard deviations are estimated."""

import numpy as np
import pytest

from jaxmech import files
from tests.files.bad_inputs import CSV, GOOD, ROWS


def _write(folder, section, **others):
    (folder / "mine.toml").write_text(f"[collaboration]\n{section}")
    for name, text in others.items():
        (folder / f"{name}.csv").write_text(text)
    return files.read(str(folder / "mine.toml"))


def test_defaults(tmp_path):
    case = _write(tmp_path, "sigma = 10.0\ncosts = [[0.033], [0.066], [0.1]]\n")
    assert (case.division, case.mechanism, case.title, case.estimates, case.data) == ("rational", "cbl", "", (), None)
    assert case.problem.agents is None
    np.testing.assert_array_equal(case.problem.price, [1.0])
    assert case.source == str(tmp_path / "mine.toml")


def test_everything_given(tmp_path):
    section = GOOD + 'price = [1.0, 2]\ndivision = "nash"\nmechanism = "pool"\ntitle = "T"\nnotes = """N"""\n'
    case = _write(tmp_path, section)
    assert (case.division, case.mechanism, case.title, case.notes) == ("nash", "pool", "T", "N")
    assert case.problem.agents == ("A", "B")
    np.testing.assert_array_equal(case.problem.costs, [[0.1, 0.2], [0.3, np.inf]])
    np.testing.assert_array_equal(case.problem.price, [1.0, 2.0])


def test_agent_who_can_measure_nothing_is_allowed(tmp_path):
    case = _write(tmp_path, "sigma = 1.0\ncosts = [[1.0, 2.0], [inf, inf]]\n")
    assert not np.isfinite(case.problem.costs[1]).any()


@pytest.mark.parametrize("csv", [CSV, "\ufeff" + CSV, CSV.replace("\n", "\r\n"), CSV.replace(",", " , ") + "\n,,\n"])
def test_costs_from_csv(csv, tmp_path):
    case = _write(tmp_path, 'sigma = 1.0\ncosts = "costs.csv"\n', costs=csv)
    assert case.problem.agents == ("A", "B")
    assert case.problem.distributions == ("x", "y")
    np.testing.assert_array_equal(case.problem.costs, [[0.1, 0.2], [0.3, np.inf]])


def test_names_in_the_problem_file_set_the_order(tmp_path):
    section = 'sigma = 1.0\ncosts = "costs.csv"\nagents = ["B", "A"]\ndistributions = ["y", "x"]\n'
    case = _write(tmp_path, section, costs=CSV)
    np.testing.assert_array_equal(case.problem.costs, [[np.inf, 0.3], [0.2, 0.1]])
    assert case.problem.agents == ("B", "A")


def test_float32(tmp_path):
    (tmp_path / "mine.toml").write_text(f"[collaboration]\n{GOOD}")
    problem = files.read(str(tmp_path / "mine.toml"), "float32").problem
    assert {problem.costs.dtype, problem.sigma.dtype, problem.price.dtype} == {np.dtype("float32")}


def test_sigma_from_measurements(tmp_path):
    section = 'sigma = "rows.csv"\ndistributions = ["y", "x"]\ncosts = [[0.1, 0.2]]\n'
    case = _write(tmp_path, section, rows=ROWS)
    values = np.array([[i * i + 0.25, i + 0.5] for i in range(1, 12)])
    np.testing.assert_allclose(case.problem.sigma, values.std(axis=0, ddof=1), rtol=1e-14)
    assert [(entry.distribution, entry.count) for entry in case.estimates] == [("y", 11), ("x", 11)]


@pytest.mark.parametrize("shape", ["normal", "exponential", "uniform", "lognormal"])
def test_standard_error_of_sigma_is_right_for_any_shape(shape):
    draw = np.random.default_rng(7)
    sample = {"normal": draw.normal, "exponential": draw.exponential, "uniform": draw.random,
              "lognormal": lambda size: draw.lognormal(0.0, 0.5, size)}[shape]  # fmt: skip
    many = sample(size=(4000, 400))
    spread = many.std(axis=1, ddof=1).std()
    found = [files.estimate(files.Table("", ("x",), (), row[:, None]))[0].standard_error for row in many[:300]]
    assert np.mean(found) == pytest.approx(spread, rel=0.1)


def test_normal_theory_would_be_wrong_here():
    sample = np.random.default_rng(3).exponential(size=(100_000, 1))
    found = files.estimate(files.Table("", ("x",), (), sample))[0]
    assert found.standard_error / (found.sigma / np.sqrt(2 * (len(sample) - 1))) == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_estimates_scale_with_the_unit(scale):
    values = np.random.default_rng(0).normal(size=(50, 1))
    one, other = (files.estimate(files.Table("", ("x",), (), values * unit))[0] for unit in (1.0, scale))
    assert other.sigma / scale == pytest.approx(one.sigma, rel=1e-12)
    assert other.standard_error / scale == pytest.approx(one.standard_error, rel=1e-10)


def test_two_equally_likely_values_have_a_standard_error_near_zero():
    found = files.estimate(files.Table("", ("x",), (), np.tile([0.0, 1.0], 50)[:, None]))[0]
    assert 0 <= found.standard_error < 1e-2


def test_data_beside_the_problem(tmp_path):
    case = _write(tmp_path, GOOD + 'data = "rows.csv"\n', rows=ROWS)
    assert case.data is not None
    assert case.data.columns == ("x", "y")
    assert case.data.cells.shape == (11, 2)
