"""``jaxmech solve`` for markets: the JSON contract, what the page says, CSV, plots, exit codes, refusals."""

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner, Result

from jaxmech.cli import main
from tests.exchange.trades import MEANS
from tests.files.bad_inputs import GOOD_MARKET


def _run(*args: str) -> Result:
    return CliRunner().invoke(main, ["solve", *args])


@pytest.fixture(scope="module")
def document() -> dict:
    result = _run("data-market", "--json", "-")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def page() -> str:
    result = _run("data-market")
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture
def mine(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(f"[market]\n{text}")
        return str(path)

    return write


@pytest.mark.long
def test_json_is_as_promised(document):
    assert document["kind"] == "market"
    assert document["status"]["name"] == "OK"
    assert set(document["settings"]) == {"version", "jax", "device", "dtype", "seed"}
    for entry in document["contributors"]:
        assert {"name", "cost", "samples"} <= set(entry)
        assert isinstance(entry["samples"], int)
    for entry in document["buyers"]:
        assert {"name", "count", "size", "price", "value", "utility"} <= set(entry)
        assert isinstance(entry["count"], int)
        assert isinstance(entry["size"], int)
        assert entry["utility"] == pytest.approx(entry["value"] - entry["price"], abs=1e-12)
    assert document["total"] == sum(entry["samples"] for entry in document["contributors"])
    assert document["total"] == max(entry["size"] for entry in document["buyers"])
    revenue = sum(entry["count"] * entry["price"] for entry in document["buyers"])
    cost = sum(entry["cost"] * entry["samples"] for entry in document["contributors"])
    assert document["revenue"] == pytest.approx(revenue)
    assert document["profit"] == pytest.approx(revenue - cost)
    assert document["optimum"] == pytest.approx(document["profit"] + 0.0005)
    assert document["profit_bound"] == pytest.approx(document["profit"])
    assert document["method"] == "exact"


def test_certificates_are_records(document):
    assert len(document["certificates"]) == 7
    for record in document["certificates"] + document["facts"]:
        assert set(record) == {"claim", "holds", "known", "margin", "tolerance", "witness", "effort"}
    assert all(record["holds"] for record in document["certificates"])


def test_shipped_market_shows_three_offers_and_who_holds_whom(document):
    sizes = [entry["size"] for entry in document["buyers"]]
    assert len(set(sizes)) == 3
    assert [entry["held_by"] for entry in document["buyers"]] == [None, "student", "engineering office"]
    assert document["frontier"]["second"][0] == 1
    assert np.all(np.diff(document["frontier"]["profit"]) < 0)


def test_page_says_what_matters(page, document):
    assert "All 7 claims hold." in " ".join(page.split())
    assert "Collect 1,047 points and sell them to 58 of 58 buyers" in page
    for title in ("Who collects what", "Who buys what", "Why nobody swaps or leaves", "Why nobody cheats"):
        assert title in page
    for entry in document["buyers"] + document["contributors"]:
        assert entry["name"] in page
    assert "Worth considering" in page
    assert max(len(line) for line in page.splitlines()) <= 100


def test_csv_and_plot(tmp_path):
    table, plot = tmp_path / "market.csv", tmp_path / "market.svg"
    result = _run("data-market", "--quiet", "--csv", str(table), "--plot", str(plot))
    assert (result.exit_code, result.stdout) == (0, "")
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [row["side"] for row in rows] == ["buyer"] * 3 + ["contributor"] * 4
    assert sum(float(row["gains"]) for row in rows if row["side"] == "contributor") == pytest.approx(8.33, abs=0.01)
    assert "safety authority" in plot.read_text()


@pytest.mark.long
def test_other_methods(mine):
    path = mine(GOOD_MARKET.replace("0.001, 0.002", "0.05, 0.06"))
    exact = json.loads(_run(path, "--json", "-").stdout)
    for method in ("approximate", "heuristic"):
        found = json.loads(_run(path, "--method", method, "--json", "-").stdout)
        assert found["method"] == method
        assert found["profit"] <= exact["profit"] + 1e-9 <= found["profit_bound"] + 2e-9


@pytest.mark.parametrize(
    ("costs", "why"),
    [("[0.01]", "nobody could check the only contributor"), ("[5.0, 6.0]", "selling would lose money")],
)
def test_no_trade_is_told(mine, costs, why):
    result = _run(mine(GOOD_MARKET.replace("[0.001, 0.002]", costs)))
    assert result.exit_code == 0
    assert f"No trade: {why}." in result.stdout
    assert "All 7 claims hold." in result.stdout


def test_plot_without_trade(mine, tmp_path):
    plot = tmp_path / "none.png"
    assert _run(mine(GOOD_MARKET.replace("0.001, 0.002", "5.0, 6.0")), "--plot", str(plot), "--quiet").exit_code == 0
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (("", ""), ("--division", "nash"), ("--division", "means nothing", "[market]")),
        (("", ""), ("--method", "exat"), ("--method", 'did you mean "exact"')),
        (("0.001, 0.002", "1e-9, 1e-9"), (), ("N", "use the method approximate")),
        (("sigma = 1.0", "sigma = 1.0\nlimit = 1"), (), ("limit", "at least 2")),
        (("count = 20", "count = 1" + 44 * "0"), (), ("buyers[0].count", "at most 9,007")),
        (("sigma = 1.0", 'sigma = 1.0\nmethod = "approximate"\nepsilon = 1e-12'), (), ("epsilon", "at least")),
        (("sigma = 1.0", "sigma = 1.0\nsecond = 20000"), (), ("second", "half")),
    ],
)
def test_refusals(mine, change, options, words):
    path = mine(GOOD_MARKET.replace(*change, 1))
    result = _run(path, *options, "--json", "-")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert all(word in result.stderr for word in (path.rsplit("/", 1)[-1] if not options else "", *words)), (
        result.stderr
    )


def test_method_means_nothing_without_a_market():
    result = _run("three-agents", "--method", "exact")
    assert result.exit_code == 2
    assert "--method" in result.stderr


@pytest.mark.long
def test_float32():
    result = _run("data-market", "--dtype", "float32", "--json", "-")
    assert result.exit_code == 0, result.stdout
    found = json.loads(result.stdout)
    assert found["profit"] == pytest.approx(8.3312, rel=1e-4)


@pytest.mark.long
def test_bounds_on_chances_decide_about_the_second_sample(mine, tmp_path):
    chances = "chances = { negative_price = 0.2 }\n"
    found = json.loads(_run(mine(chances + GOOD_MARKET), "--json", "-").stdout)
    second = found["problem"]["second"]
    assert second > 1
    assert second == min(entry["samples"] for entry in found["contributors"] if entry["samples"])
    assert max(buyer["negative_price"] for buyer in found["buyers"]) <= 0.2
    for more, key in (("second = 2", "second"), ('limit = "x"', "limit")):
        refused = _run(mine(f"{chances}{more}\n{GOOD_MARKET}"))
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert key in refused.stderr


def test_a_sealed_problem_names_the_menu_that_was_searched(mine):
    for method, grid in (("smooth", "smooth"), ("approximate", "levels")):
        text = f'method = "{method}"\nepsilon = 0.2\n{GOOD_MARKET}'
        assert json.loads(_run(mine(text), "--json", "-").stdout)["problem"]["grid"] == grid


def test_values_that_may_fall_are_read_and_sealed(mine):
    plain = GOOD_MARKET.replace("values = [0.0, 0.5, 0.6]", "values = [0.0, 0.5, 0.3]")
    refused = _run(mine(plain))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "must not be below" in refused.stderr
    found = json.loads(_run(mine(plain + "monotone = false\n"), "--json", "-").stdout)
    assert found["problem"]["buyers"][1]["monotone"] is False
    assert all(record["holds"] for record in found["certificates"])
    assert "means nothing" in _run(mine(GOOD_MARKET.replace("scale = 0.3", "scale = 0.3\nmonotone = true"))).stderr


def test_money_has_a_unit(mine):
    text = GOOD_MARKET.replace("0.001, 0.002", "1.0, 2.0").replace("value = 1.0", "value = 1000.0")
    text = text.replace("[0.0, 0.5, 0.6]", "[0.0, 500.0, 600.0]")
    refused = _run(mine(text))
    assert (refused.exit_code, refused.stdout) == (2, "")
    found = json.loads(_run(mine('unit = "EUR"\n' + text), "--json", "-").stdout)
    plain = json.loads(_run(mine(GOOD_MARKET), "--json", "-").stdout)
    assert found["unit"] == found["problem"]["unit"] == "EUR"
    assert found["profit"] == pytest.approx(1000 * plain["profit"])
    assert all(record["holds"] for record in found["certificates"])


@pytest.mark.long
def test_a_point_may_measure_several_means(mine, tmp_path):
    file = tmp_path / "means.toml"
    file.write_text(MEANS, encoding="utf-8")
    page = " ".join(_run(str(file), "--json", str(tmp_path / "answer.json")).stdout.split())
    answer = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    assert (answer["sigma"], answer["means"]) == ([2.0, 10.0], ["iron", "zinc, total"])
    assert [entry["what"] for entry in answer["sensitivity"]][:2] == ["σ (iron)", "σ (zinc, total)"]
    assert "each point measures 2 means" in page
    assert "a point of the second contributor is 2 numbers that check the first" in page
    assert "the more her means differ from those of the others' 3 points" in page
    sweep = tmp_path / "sweep.toml"
    sweep.write_text('[sweep]\nproblem = "means.toml"\n[sweep.parameters]\n"scale[office]" = [1.0, 2.0]\n')
    refused = CliRunner().invoke(main, ["sweep", str(sweep), "-o", str(tmp_path / "out")])
    assert refused.exit_code == 2
    assert "what can is contributor_costs, contributor_costs[NAME], sigma, sigma[NAME], and of buyers" in refused.stderr
    sweep.write_text(sweep.read_text().replace("scale[office]", "sigma[iron]"))
    done = CliRunner().invoke(main, ["sweep", str(sweep), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    assert "OK" in done.stdout


@pytest.mark.long
def test_measurements_of_several_means_are_read_by_name(tmp_path):
    file, data = tmp_path / "means.toml", tmp_path / "data.csv"
    file.write_text(MEANS, encoding="utf-8")
    rng = np.random.default_rng(0)
    rows = "".join(f"{zinc!r},{iron!r}\n" for zinc, iron in (rng.standard_normal((200, 2)) * [20, 2]).tolist())
    data.write_text(f'"zinc, total",iron\n{rows}', encoding="utf-8")
    found = CliRunner().invoke(main, ["simulate", str(file), "--data", str(data), "--replications", "50"])
    assert found.exit_code == 0, found.stderr
    assert "the data of zinc, total have a standard deviation of" in " ".join(found.stderr.split())
    assert "error of zinc, total" in found.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('means = ["iron", "zinc, total"]', 'means = ["iron"]'), "must have 2 names"),
        (("sigma = [2.0, 10.0]", "sigma = 2.0"), "are named where there are several"),
        (("scale = [0.6, 3.0]", "scale = [0.6, 3.0, 1.0]"), "buyers[0].value"),
        (("value = [2.0, 0.0]", "value = [2.0, -1.0]"), "buyers[1].value[1]"),
        (("value = [2.0, 0.0]", "value = [0.0, 0.0]"), "must add up to a number"),
        (("sigma = [2.0, 10.0]", "sigma = []"), "sigma"),
        (("sigma = [2.0, 10.0]", 'sigma = [2.0, "x"]'), "sigma[1]"),
    ],
)
def test_refusals_of_several_means(tmp_path, change, words):
    file = tmp_path / "means.toml"
    file.write_text(MEANS.replace(*change), encoding="utf-8")
    found = _run(str(file))
    assert found.exit_code == 2
    assert words in found.stderr
    assert found.stderr.count("\n") == 1
