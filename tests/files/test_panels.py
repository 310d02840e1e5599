"""Problem files whose draws measure several values at one cost."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech import ProblemError, collaboration, files
from jaxmech.cli import main

GOOD = """[collaboration]
distributions = ["weight", "lipids"]
costs = [[0.1, 0.2], [0.1, 0.3], [0.2, 0.2]]
sigma = [4.0, 2.0, 1.0, 3.0]
price = [1.0, 0.5, 2.0, 0.1]
panels = { lipids = ["LDL", "HDL", "TG"] }
"""


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text, **tables):
        for name, content in tables.items():
            (tmp_path / f"{name}.csv").write_text(content, encoding="utf-8")
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return files.read("mine.toml")

    return write


def test_a_panel_is_one_distribution_with_the_summed_worth_of_its_values(read):
    case = read(GOOD)
    np.testing.assert_allclose(case.problem.sigma, [4, 1])
    np.testing.assert_allclose(case.problem.price, [1, 0.5 * 4 + 2 * 1 + 0.1 * 9])
    assert case.problem.distributions == ("weight", "lipids")
    assert case.columns == ("weight", "LDL", "HDL", "TG")


def test_what_is_said_by_value_comes_from_tables_too(read):
    generator = np.random.default_rng(0)
    cells = generator.normal(size=(50, 4)) * [4, 2, 1, 3]
    rows = "\n".join(",".join(f"{cell:.6f}" for cell in row) for row in cells)
    prices = "agent,TG,HDL,weight,LDL\n" + "".join(
        f"{name},0.1,2.0,1.0,{w}\n" for name, w in zip("ABC", (0.5, 0, 1), strict=True)
    )
    text = GOOD.replace("[4.0, 2.0, 1.0, 3.0]", '"rows.csv"').replace("[1.0, 0.5, 2.0, 0.1]", '"prices.csv"')
    case = read(text + 'agents = ["A", "B", "C"]\n', rows=f"weight,LDL,HDL,TG\n{rows}\n", prices=prices)
    sigma = cells.std(axis=0, ddof=1)
    expected = [w * sigma[1] ** 2 + 2 * sigma[2] ** 2 + 0.1 * sigma[3] ** 2 for w in (0.5, 0, 1)]
    np.testing.assert_allclose(case.problem.price[:, 1], expected, rtol=1e-5)
    assert [entry.distribution for entry in case.estimates] == ["weight", "LDL", "HDL", "TG"]


def test_values_that_one_draw_measures_may_depend_on_each_other(read):
    generator = np.random.default_rng(0)
    lipids = generator.normal(size=(50, 2))

    def rows(last):
        return "weight,LDL,HDL,TG\n" + "".join(
            f"{w},{x},{y},{z}\n" for w, (x, y), z in zip(weight, lipids, last, strict=True)
        )

    weight = generator.normal(size=50)
    text = GOOD + 'data = "rows.csv"\n'
    assert not read(text, rows=rows(lipids.sum(axis=1))).dependences
    assert read(text, rows=rows(lipids.sum(axis=1) + weight)).dependences


BAD = {
    "twice": ('{ lipids = ["LDL", "LDL"] }', ["panels.lipids[1]", "'LDL'", "must not occur twice"]),
    "in two": (
        '{ lipids = ["a", "b"], weight = ["c", "a"] }',
        ["panels.weight[1]", "'a'", "is a value of lipids, too"],
    ),
    "a distribution": ('{ lipids = ["LDL", "weight"] }', ["panels.lipids[1]", "'weight'", "is a distribution"]),
    "one value": ('{ lipids = ["LDL"] }', ["panels.lipids", "at least 2 values"]),
    "no distribution": ('{ lipid = ["LDL", "HDL"] }', ["panels.lipid", "must be one of", 'did you mean "lipids"']),
    "no table": ("3", ["panels", "must be a table"]),
    "too few values": ('{ lipids = ["LDL", "HDL"] }', ["sigma", "one per value measured (3), but has 4"]),
}


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_sense_is_refused(name, read):
    given, parts = BAD[name]
    with pytest.raises(ProblemError) as refused:
        read(GOOD.replace('{ lipids = ["LDL", "HDL", "TG"] }', given))
    assert all(part in " ".join(str(refused.value).split()) for part in parts), str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("sigma = [4.0, 2.0, 1.0, 3.0]", "sigma = [[1, 1, 1, 1], [2, 2, 2, 2], [1, 1, 1, 1]]", ["sigma", "per value"]),
        ("price = [1.0, 0.5, 2.0, 0.1]", "price = [1.0, 0.5]", ["price", "one per value measured (4), but has 2"]),
        ('distributions = ["weight", "lipids"]\n', "", ["panels", "needs the names of the distributions"]),
        ("sigma = [4.0, 2.0, 1.0, 3.0]", 'sigma = "rows.csv"', ["rows.csv", "TG", 'means "no value"', "drop"]),
    ],
    ids=["sigma by agent", "price too short", "no names", "incomplete rows"],
)
def test_what_does_not_fit_panels_is_refused(old, new, parts, read):
    rows = "weight,LDL,HDL,TG\n" + "".join(f"{i},{i * i},{i % 3},{i % 4 or 'NA'}\n" for i in range(20))
    with pytest.raises(ProblemError) as refused:
        read(GOOD.replace(old, new) + 'missing = ["NA"]\n', rows=rows)
    assert all(part in " ".join(str(refused.value).split()) for part in parts), str(refused.value)


@pytest.mark.long
def test_the_answer_tells_every_value(read):
    read(GOOD)
    done = CliRunner().invoke(main, ["solve", "mine.toml", "--json", "-"])
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["problem"]["panels"] == {"lipids": ["LDL", "HDL", "TG"]}
    assert document["problem"]["sigma"] == [4, 2, 1, 3]
    (panel,) = document["panels"]
    told = np.array([one["standard_error"] for one in panel["coordinates"]])
    unit = np.array(document["accounts"]["standard_error"])[:, 1]
    np.testing.assert_allclose(told, np.outer([2, 1, 3], unit), rtol=1e-12)
    error = np.array(document["accounts"]["error"])[:, 1]
    np.testing.assert_allclose(np.array([0.5, 2, 0.1]) @ told**2, error, rtol=1e-9)


def test_commands_that_do_not_know_panels_say_so(read):
    read(GOOD)
    done = CliRunner().invoke(main, ["price", "mine.toml"])
    assert done.exit_code == 2
    assert "panels = 'lipids'" in done.stderr


def test_panels_of_identical_values_equal_the_scalar_problem_of_summed_price(read):
    text = GOOD.replace("[4.0, 2.0, 1.0, 3.0]", "[4.0, 2.0, 2.0, 2.0]").replace(
        "[1.0, 0.5, 2.0, 0.1]", "[1, 0.5, 0.5, 0.5]"
    )
    panel = read(text).problem
    scalar = collaboration.Problem(panel.costs, [4.0, 2.0], [1.0, 1.5])
    for division in ("rational", "leverage"):
        one, other = (collaboration.solve(problem, division=division).value for problem in (panel, scalar))
        np.testing.assert_allclose(one.samples, other.samples, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(one.penalty, other.penalty, rtol=1e-9)
