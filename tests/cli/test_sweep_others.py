"""``jaxmech sweep`` on markets and competitors: documents, pages, wrong inputs."""

import json

import jsonschema
import pytest
from click.testing import CliRunner

from jaxmech import schemas
from jaxmech.cli import main
from tests.cli.test_audit_others import GROWTH, MARKET
from tests.sweep.sweeps import frame


def run(*args, code=0):
    result = CliRunner().invoke(main, ["sweep", *[str(arg) for arg in args]])
    assert result.exit_code == code, result.stdout + result.stderr
    return result


@pytest.fixture
def write(tmp_path):
    def put(text, name="mine.toml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return put


def swept(write, problem, rest):
    write(problem, "problem.toml")
    return write(f'[sweep]\nproblem = "problem.toml"\n{rest}')


@pytest.mark.long
def test_market(write, tmp_path):
    rest = '[sweep.parameters]\nsigma = [1.0, 2.0]\n"contributor_costs[Ann]" = [0.05, 0.1, 5.0]\n'
    path = swept(write, MARKET.format(costs="[0.1, 0.15]"), rest)
    result = run(path, "-o", tmp_path / "out", "--json", tmp_path / "o.json")
    document = json.loads((tmp_path / "o.json").read_text())
    jsonschema.validate(document, schemas.load("sweep"))
    assert (document["division"], document["mechanism"], document["leverage"]) == (None, None, None)
    assert document["parameters"] == ["sigma", "contributor_costs[Ann]"]
    assert document["statuses"] == {"OK": 6}
    assert set(document["quantiles"]) == {"profit", "revenue"}
    assert "6 instances of problem.toml (exact on a menu" in " ".join(result.stdout.split()).replace(
        str(tmp_path) + "/", ""
    )
    assert set(frame(tmp_path / "out")) >= {"profit", "sizes[lab]", "prices[office]"}
    assert json.loads(run(path, "-o", tmp_path / "out", "--json", "-").stdout)["found"] == 6


def test_growth(write, tmp_path):
    path = swept(write, GROWTH.format(disparity=5), "[sweep.parameters]\ngrowth = [-1.0, -0.5]\n")
    result = run(path, "-o", tmp_path / "out", "--json", tmp_path / "o.json")
    document = json.loads((tmp_path / "o.json").read_text())
    jsonschema.validate(document, schemas.load("sweep"))
    assert document["shares"] == {"exists": 0.5}
    assert "exists: 50 % of those with status OK" in " ".join(result.stdout.split())


@pytest.mark.long
def test_a_market_with_a_unit_has_any_values(write, tmp_path):
    market = MARKET.format(costs='[1.0, 2.0]\nunit = "EUR"')
    market = market.replace(
        'valuation = "table"\nvalues = [0.0, 0.5, 0.6]', 'valuation = "linear"\nscale = 0.5\nvalue = 50.0'
    )
    path = swept(write, market, 'sizes = 20\n[sweep.parameters]\n"value[lab]" = [5.0, 50.0]\n')
    run(path, "-o", tmp_path / "out")
    low, high = frame(tmp_path / "out")["revenue"]
    assert 1 < low < high


@pytest.mark.parametrize(
    ("problem", "rest", "message"),
    [
        (MARKET.format(costs="[0.1, 0.2]"), "[sweep.parameters]\nprice = [1.0]\n", "cannot vary"),
        (MARKET.format(costs="[0.1, 0.2]"), 'division = "nash"\n[sweep.parameters]\nsigma = [1.0]\n', "means nothing"),
        (MARKET.format(costs="[0.1, 0.2]"), "sizes = 2\n[sweep.parameters]\nsigma = [1.0]\n", "sizes = 2"),
        (
            MARKET.format(costs='[0.1, 0.2]\nmethod = "heuristic"'),
            "[sweep.parameters]\nsigma = [1.0]\n",
            "solves markets exactly",
        ),
        (
            MARKET.format(costs="[0.1, 0.2]\nchances = { negative_price = 0.3 }"),
            "[sweep.parameters]\nsigma = [1.0]\n",
            "problem.toml: chances = {'negative_price': 0.3}: bounds on chances are not swept: give second",
        ),
        (
            MARKET.format(costs="[0.1, 0.2]") + "monotone = false\n",
            "[sweep.parameters]\nsigma = [1.0]\n",
            "problem.toml: value of office = 'monotone = false'",
        ),
        (GROWTH.format(disparity=5), "[sweep.parameters]\ngrowth = [-2.0]\n", "at least -1"),
        (GROWTH.replace("disparity = {disparity}\n", ""), "[sweep.parameters]\ngrowth = [-0.5]\n", "must be given"),
    ],
    ids=str,
)
def test_wrong_inputs_are_one_line(write, tmp_path, problem, rest, message):
    result = run(swept(write, problem, rest), "-o", tmp_path / "out", "--json", "-", code=2)
    assert result.stdout == ""
    assert message in result.stderr
    assert "mine.toml" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
