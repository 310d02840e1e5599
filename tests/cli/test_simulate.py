"""``jaxmech simulate``: promised against realised, on normal data and on measurements."""

import json

import jsonschema
import numpy as np
import pytest

from jaxmech import files, schemas
from jaxmech.cli import main
from jaxmech.cli._simulate import alone_there

pytestmark = pytest.mark.usefixtures("compile_quickly")

PROBLEM = """
[collaboration]
sigma = [1.0, 2.0]
agents = ["Ann", "Bo", "Cy", "Di", "Ed", "Flo"]
distributions = ["x", "y"]
costs = [[0.01, 0.04], [0.01, 0.04], [0.01, 0.04], [0.01, 0.04], [0.01, 0.04], [0.01, 0.04]]
mechanism = "c3d"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulate")
    (folder / "six.toml").write_text(PROBLEM)
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.gamma(4.0, 0.5, 300), rng.standard_normal(300)])
    rows *= np.array([1.0, 2.0]) / rows.std(axis=0)
    table(folder / "data.csv", ["x", "y"], rows)
    return folder


def table(path, names, rows):
    path.write_text("\n".join([",".join(names), *(",".join(f"{cell}" for cell in row) for row in rows)]) + "\n")


def run(*args):
    return main([str(arg) for arg in args], standalone_mode=False)


def alone_by_hand(rng, rows, samples, prices, costs):
    """Average of price·error² + cost for one who draws so many rows and takes their mean."""
    paid = np.zeros(40_000)
    for column, n, price, cost in zip(rows.T, samples, prices, costs, strict=True):
        drawn = rng.choice(column, size=(len(paid), n))
        paid += price * (drawn.mean(axis=1) - column.mean()) ** 2 + cost * n
    return paid.mean(), paid.std() / len(paid) ** 0.5


ALONE = [
    # σ of the problem, prices, costs and panels; points that each draws alone: the best whole numbers by hand
    ("sigma = [1.0, 2.0]\ncosts = [[0.03, 0.5], [0.2, inf]]", np.ones((2, 2)), [(6, 3), None]),
    ("sigma = [1.0, 2.0]\nprice = [[4.0, 0.0], [4.0, 1.0]]\ncosts = [[0.03, 0.5], [0.21, 0.4]]",
     np.array([[4.0, 0.0], [4.0, 1.0]]), [(12, 0), (4, 3)]),
    ("sigma = [1.0, 2.0]\ncosts = [[0.2], [0.05]]\n[collaboration.panels]\nblood = ['x', 'y']", np.ones((2, 2)),
     [(5, 5), (10, 10)]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "prices", "samples"), ALONE)
def test_what_everybody_pays_alone_is_what_drawing_alone_costs(lines, prices, samples, tmp_path):
    """On skewed data of another spread than the problem's. A draw of a panel is paid once."""
    panels = "panels" in lines
    names = 'distributions = ["blood"]' if panels else 'distributions = ["x", "y"]'
    (tmp_path / "p.toml").write_text(f"[collaboration]\n{names}\n{lines}\n")
    case = files.read(str(tmp_path / "p.toml"))
    rng = np.random.default_rng(4)
    rows = rng.lognormal(0.0, 1.0, (200, 2)) * [1.0, 3.0]
    found = alone_there(case, rows.std(axis=0), whole=True)
    costs = np.asarray(case.problem.costs, float)
    for i, counts in enumerate(samples):
        if counts is None:
            assert found[i] == np.inf
            continue
        each = (costs[i, 0], 0.0) if panels else np.where(np.isfinite(costs[i]), costs[i], 0.0)
        some = np.array(counts) > 0  # of what she has use for
        chosen = np.flatnonzero(some).tolist()
        mean, error = alone_by_hand(
            rng, rows[:, some], [counts[k] for k in chosen], prices[i][some], [each[k] for k in chosen]
        )
        assert abs(found[i] - mean) < 5 * error


def test_alone_in_fractions_and_where_points_differ(tmp_path):
    (tmp_path / "p.toml").write_text("[collaboration]\nsigma = [[1.0], [3.0]]\ncosts = [[0.1], [0.2]]\n")
    case = files.read(str(tmp_path / "p.toml"))
    found = alone_there(case, np.array([1.0]), whole=False)
    np.testing.assert_allclose(found, [2 * 0.1**0.5, 2 * 3 * 0.2**0.5], rtol=1e-12)
    twice = alone_there(case, np.array([2.0]), whole=False)  # four times the error, the same samples
    np.testing.assert_allclose(twice, 2.5 * found, rtol=1e-12)


@pytest.mark.long
def test_who_is_cheated_in_a_pool_ends_worse_than_alone(tmp_path, capsys):
    """Two pool σ√(2/c) points; if one collects none, the other pays (√2 + 1/√2) σ√c instead of 2 σ√c alone."""
    (tmp_path / "two.toml").write_text(
        "[collaboration]\nagents = ['A', 'B']\nsigma = 1.0\ncosts = [[0.01], [0.01]]\nmechanism = 'pool'\n"
    )
    code = run("simulate", tmp_path / "two.toml", "--division", "social", "--cheat", "A", "--json", tmp_path / "s.json")
    said = " ".join(capsys.readouterr().out.split())
    assert code == 0
    assert "1 of 2 ends worse than alone on normal data, B by 6.1 % (standard error" in said
    document = json.loads((tmp_path / "s.json").read_text())
    (record,) = document["worse_than_alone"]
    assert record["alone"] == pytest.approx(0.2, rel=1e-9)
    assert record["penalty"] == pytest.approx((2**0.5 + 0.5**0.5) * 0.1, abs=5 * record["standard_error"])


@pytest.mark.slow
def test_promises_are_kept_on_normal_data_and_on_measurements(folder, capsys):
    code = run(
        "simulate", folder / "six.toml", "--data", folder / "data.csv", "--replications", 2000,
        "--json", folder / "s.json", "--plot", folder / "s.svg", "--csv", folder / "s.csv",
    )  # fmt: skip
    page, error = capsys.readouterr()
    assert (code, error) == (0, "")
    assert "The one claim holds." in " ".join(page.split())
    document = json.loads((folder / "s.json").read_text())
    normal, data = document["plays"]
    assert normal["replications"] == 2048
    assert data["replications"] == 2000
    off = np.abs(np.subtract(normal["penalty"], normal["promised"])) / np.array(normal["standard_error"])
    assert np.max(off) < 5
    # The measurements have the problem's standard deviations, but one of them is skewed.
    np.testing.assert_allclose(data["penalty"], data["promised"], rtol=0.15)
    assert np.max(np.array(data["standard_error"]) / data["promised"]) < 0.05
    assert np.array(data["samples"]).tolist() == np.round(data["samples"]).tolist()
    assert len((folder / "s.csv").read_text().splitlines()) == 13
    assert "<svg" in (folder / "s.svg").read_text()


@pytest.mark.slow
def test_a_cheat_gains_and_the_others_pay(folder, capsys):
    code = run(
        "simulate", folder / "six.toml", "--mechanism", "pool", "--division", "social", "--cheat", "Cy", "--json", "-"
    )
    page, error = capsys.readouterr()
    assert (code, error) == (0, "")
    document = json.loads(page)
    (play,) = document["plays"]
    assert document["cheat"].startswith("Cy cheats, the best found:")
    change = np.array(play["penalty"]) / np.array(play["promised"]) - 1
    # She collects nothing: the others' five shares are left. Half of a penalty is error, and that rises by a fifth.
    assert change[2] == pytest.approx(0.6 - 1, abs=0.01)
    np.testing.assert_allclose(np.delete(change, 2), 0.1, atol=0.01)
    assert document["certificates"] == []


@pytest.mark.long
@pytest.mark.parametrize(("count", "told"), [(10, "10 % lower"), (300, "")])
def test_few_rows_scatter_less_than_promised_by_what_is_said(tmp_path, capsys, count, told):
    """σ with n − 1 in its divisor is promised; rows that are drawn from scatter with n: by 1/n of all error less."""
    rows = np.random.default_rng(1).standard_normal((count, 1))
    rows /= rows.std(ddof=1)
    table(tmp_path / "pilot.csv", ["x"], rows)
    (tmp_path / "pilot.toml").write_text(
        '[collaboration]\nsigma = 1.0\ndistributions = ["x"]\ncosts = [[0.01], [0.02], [0.04]]\nmechanism = "pool"\n'
    )
    asked = ("simulate", tmp_path / "pilot.toml", "--data", tmp_path / "pilot.csv", "--replications", 20_000)
    assert run(*asked, "--json", tmp_path / "s.json") == 0
    page, document = " ".join(capsys.readouterr().out.split()), json.loads((tmp_path / "s.json").read_text())
    jsonschema.validate(document, schemas.load("simulation"))
    normal, data = document["plays"]
    assert (normal["rows"], data["rows"]) == (0, count)
    assert (f"these {count} rows" in page) is bool(told)
    assert f"divides by {count - 1}: for that reason alone what remains of errors comes out {told}" in page or not told
    cost = np.array([0.01, 0.02, 0.04]) * np.array(data["samples"])[:, 0]
    left, promised = np.array(data["penalty"]) - cost, np.array(data["promised"]) - cost
    off = np.abs(left - promised * (1 - 1 / count)) / data["standard_error"]
    assert np.max(off) < 5
    if told:  # and not as much as promised
        assert np.max(np.abs(left - promised) / data["standard_error"]) > 8


@pytest.mark.slow
def test_skewed_measurements_are_named_where_they_break_promises(folder, capsys):
    """Few samples per party of a law with skewness 6: the same promises as on normal data, and a sentence."""
    rng = np.random.default_rng(0)
    rows = np.column_stack([np.exp(1.2 * rng.standard_normal(400)), rng.standard_normal(400)])
    table(folder / "skewed.csv", ["x", "y"], rows * np.array([1.0, 2.0]) / rows.std(axis=0))
    names = ", ".join(f'"P{i}"' for i in range(1, 13))
    costs = ", ".join(["[0.03, 0.2]"] * 12)
    (folder / "few.toml").write_text(
        f'[collaboration]\nsigma = [1.0, 2.0]\nagents = [{names}]\ndistributions = ["x", "y"]\ncosts = [{costs}]\n'
        'mechanism = "c3d"\n'
    )
    asked = ("simulate", folder / "few.toml", "--data", folder / "skewed.csv", "--replications", 4000)
    assert run(*asked, "--json", folder / "few.json") == 0
    page, document = capsys.readouterr().out, json.loads((folder / "few.json").read_text())
    jsonschema.validate(document, schemas.load("simulation"))
    normal, data = document["plays"]
    assert data["promised"] == normal["promised"]
    assert data["samples"] == normal["samples"]
    assert {one["distribution"] for one in document["above_promise"]} == {"x"}
    assert max(one["change"] for one in document["above_promise"]) > 0.1
    assert " ".join(document["remarks"]) in " ".join(page.split())
    assert "x is skewed and heavy-tailed (skewness 6" in document["remarks"][0]
    assert run(*asked, "--mechanism", "pool", "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["above_promise"] == []


@pytest.mark.slow
def test_a_cheat_on_measurements_does_what_it_does_on_normal_data(folder, capsys):
    """Whose numbers are invented knows roughly where the data lie, here 20 standard deviations from 0."""
    rows = 20.0 + np.random.default_rng(0).standard_normal((300, 2))
    table(folder / "far.csv", ["x", "y"], (rows - 20.0) / rows.std(axis=0) * np.array([1.0, 2.0]) + 20.0)
    asked = ("--data", folder / "far.csv", "--mechanism", "counted-pool", "--cheat", "Cy", "--replications", 4000)
    assert run("simulate", folder / "six.toml", *asked, "--json", "-") == 0
    document = json.loads(capsys.readouterr().out)
    change = [np.array(play["penalty"]) / np.array(play["promised"]) - 1 for play in document["plays"]]
    np.testing.assert_allclose(change[0], change[1], atol=0.08)
    assert np.all(np.delete(change[1], 2) < 0.6)
    assert np.all(np.delete(change[1], 2) > 0.1)
    assert document["remarks"] == []


@pytest.mark.parametrize(
    ("names", "rows", "message"),
    [
        (["x", "z"], [[1, 2]] * 9, "column = 'z'"),
        (["x"], [[1]] * 9, 'must include "y"'),
        (["x", "y"], [[1, 2], [3, 4]], "must be at least 8"),
        (["x", "y"], [[1, 2 + i] for i in range(9)], "must vary"),
        (["x", "y"], [[i, "nan" if i == 4 else i] for i in range(9)], "must be finite"),
    ],
    ids=["unknown column", "missing column", "too few rows", "constant column", "nan"],
)
def test_bad_measurements_are_one_line(folder, capsys, names, rows, message):
    table(folder / "bad.csv", names, rows)
    assert run("simulate", folder / "six.toml", "--data", folder / "bad.csv", "--json", "-") == 2
    page, error = capsys.readouterr()
    assert page == ""
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--replications", "0"], "replications = 0"),
        (["--seed", "99999999999"], "--seed = 99999999999"),
        (["--cheat", "Bob"], 'did you mean "Bo"'),
        (["--data", "nowhere.csv"], "nowhere.csv"),
    ],
    ids=str,
)
def test_bad_options_are_one_line(folder, capsys, options, message):
    assert run("simulate", folder / "six.toml", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
