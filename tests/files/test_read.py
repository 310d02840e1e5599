"""Problem files: what is read, and how standard deviations are estimated."""

import numpy as np
import pytest

from jaxmech import ProblemError, collaboration, files, market, multiparty
from jaxmech.files._keys import names_of
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


COMPOSED, APART = "Z\u00fcrich", "Zu\u0308rich"


@pytest.mark.parametrize(("toml", "table"), [(COMPOSED, APART), (APART, COMPOSED), (f" {COMPOSED} ", f"{APART}\u00a0")])
def test_names_match_however_they_are_written(toml, table, tmp_path):
    (tmp_path / "costs.csv").write_text(f"clinic,{table}\nBasel,2.0\n{table},1.0\n", encoding="utf-8")
    text = (
        f'[collaboration]\nsigma = 1.0\ncosts = "costs.csv"\nagents = ["{toml}", "Basel"]\ndistributions = ["{toml}"]\n'
    )
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    problem = files.read(str(tmp_path / "mine.toml")).problem
    assert problem.agents == (COMPOSED, "Basel")
    assert problem.distributions == (COMPOSED,)
    np.testing.assert_array_equal(problem.costs, [[1.0], [2.0]])


def test_one_name_written_in_two_ways_occurs_twice(tmp_path):
    (tmp_path / "costs.csv").write_text(f"clinic,x\n{COMPOSED},2.0\n{APART},1.0\n", encoding="utf-8")
    with pytest.raises(ProblemError, match="must not occur twice"):
        _write(tmp_path, 'sigma = 1.0\ncosts = "costs.csv"\n')


def test_all_names_of_a_table_that_are_wrong_are_told_at_once(tmp_path):
    """Whoever mends one should not be told the next only then."""
    given = 'sigma = 1.0\ncosts = "costs.csv"\ndistributions = ["x", "y", "z"]\n'
    wrong = {"name,u,v,z": "must be a name in costs.csv; so must 'y'; not in distributions, but there: 'u', 'v'",
             "name,x,x,": "must not occur twice; column 3 ('') must have a name, not be empty"}  # fmt: skip
    for header, words in wrong.items():
        with pytest.raises(ProblemError) as refused:
            _write(tmp_path, given, costs=f"{header}\nA,1.0,2.0,3.0\n")
        assert words in str(refused.value)


def test_line_breaks_in_the_names_of_a_table_are_blanks(tmp_path):
    case = _write(tmp_path, 'sigma = 1.0\ncosts = "costs.csv"\n', costs='clinic,"glucose\r\n (mg/dl)"\n"A\nB",1\n')
    assert case.problem.distributions == ("glucose (mg/dl)",)
    assert case.problem.agents == ("A B",)


def test_infinity_is_written_as_such_and_zero_in_any_way(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,inf\n0e-999,Infinity\n".replace("Infinity", "-INF"))
    found = files.read_table(tmp_path / "a.csv", "a.csv", "a", row_names=False)
    np.testing.assert_array_equal(found.cells, [[1.0, np.inf], [0.0, -np.inf]])


def test_inputs_are_all_files_that_were_read(tmp_path):
    section = 'sigma = "rows.csv"\ncosts = "costs.csv"\ntitle = "no.csv"\n'
    case = _write(tmp_path, section, costs="clinic,x,y\nA,1,2\n", rows=ROWS)
    assert {path.name for path in case.inputs} == {"mine.toml", "costs.csv", "rows.csv"}


class Counted(str):
    """A name that counts how often it is compared."""

    __slots__ = ()
    comparisons = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Counted.comparisons += 1
        return str.__eq__(self, other)


@pytest.mark.parametrize("kind", ["collaboration", "market", "multiparty", "file"])
def test_names_are_not_compared_with_each_other(kind):
    """Of 60,000 names there are two thousand million pairs."""
    names = [Counted(f"clinic {i}") for i in range(300)]
    Counted.comparisons = 0
    if kind == "collaboration":
        collaboration.Problem(np.ones((300, 1)), 1.0, agents=names)
    elif kind == "market":
        market.Problem(np.ones(300), 1.0, [market.Buyer(market.linear(1.0))], contributors=names)
    elif kind == "multiparty":
        multiparty.Problem(np.ones(300), multiparty.Linear(np.eye(300)), agents=names)
    else:
        assert names_of("agents", names) == tuple(map(str, names))
    assert Counted.comparisons < 1_000


@pytest.mark.long
def test_many_names_are_found_in_a_table(tmp_path):
    """In whatever order; a search from the beginning for each would take minutes."""
    names = [f"clinic {i}" for i in range(60_000)]
    costs = "clinic,x\n" + "".join(f"{name},{i + 1}\n" for i, name in enumerate(names))
    section = f'sigma = 1.0\ncosts = "costs.csv"\nagents = [{", ".join(map(repr, names[::-1]))}]\n'
    problem = _write(tmp_path, section, costs=costs).problem
    np.testing.assert_array_equal(problem.costs[:, 0], np.arange(60_000, 0, -1))


def test_sigma_by_agent_from_lists_and_from_a_file(tmp_path):
    """In any order of rows and columns; what stands for an agent who cannot sample is not looked at."""
    costs = "name,x,y\nA,0.1,0.2\nB,0.3,inf\n"
    section = 'sigma = {}\ncosts = "costs.csv"\n'
    listed = _write(tmp_path, section.format("[[1.0, 2.0], [3.0, nan]]"), costs=costs)
    (tmp_path / "sigma.csv").write_text("name,y,x\nB,0,3\nA,2,1\n", encoding="utf-8")
    filed = _write(tmp_path, section.format('"sigma.csv"'), costs=costs)
    for case in (listed, filed):
        np.testing.assert_array_equal(case.problem.measured_sigma, [[1.0, 2.0], [3.0, np.nan]])
        assert not case.estimates
        assert not case.problem.counted_alike
    assert {path.name for path in filed.inputs} >= {"costs.csv", "sigma.csv"}


def test_price_by_agent_and_what_is_said_of_zeros(tmp_path):
    section = GOOD + "price = [[1.0, 0.0], [0.0, 0.0]]\n"
    case = _write(tmp_path, section)
    np.testing.assert_array_equal(case.problem.price, [[1.0, 0.0], [0.0, 0.0]])
    assert len(case.warnings) == 2
    assert case.warnings[0].startswith("B: the price is 0 everywhere")
    assert case.warnings[1].startswith("y: the price is 0 for everybody")
    assert not _write(tmp_path, GOOD + "price = [[1.0, 0.0], [0.0, 1.0]]\n").warnings
