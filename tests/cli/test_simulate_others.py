"""``jaxmech simulate`` on markets and competitors: documents, pages, exit codes, wrong inputs."""

import json

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech import schemas
from jaxmech.cli import main
from tests.cli.test_audit_others import GROWTH, MARKET


def run(*args, code=0):
    result = CliRunner().invoke(main, ["simulate", *[str(arg) for arg in args]])
    assert result.exit_code == code, result.stdout + result.stderr
    return result


def document(*args, code=0):
    found = json.loads(run(*args, "--json", "-", code=code).stdout)
    jsonschema.validate(found, schemas.load("simulation"))
    return found


@pytest.fixture
def write(tmp_path):
    def put(text, name="mine.toml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return put


@pytest.mark.long
def test_market_on_normal_data_and_on_measurements(write, tmp_path):
    path = write(MARKET.format(costs='[0.1, 0.15]\nunit = "EUR"'))
    rows = np.random.default_rng(0).normal(size=400)
    rows = 3.0 + 1.5 * (rows - rows.mean()) / rows.std()
    data = write("value\n" + "".join(f"{row}\n" for row in rows), "data.csv")
    result = run(
        path, "--data", data, "--replications", 500, "--json", tmp_path / "o.json", "--csv", tmp_path / "o.csv",
        "--plot", tmp_path / "o.svg",
    )  # fmt: skip
    found = json.loads((tmp_path / "o.json").read_text())
    jsonschema.validate(found, schemas.load("simulation"))
    assert [play["name"] for play in found["plays"]] == ["normal data", "400 measurements"]
    assert all(play["replications"] == 500 for play in found["plays"])
    assert found["agents"] == ["Ann", "Bo", "lab", "office"]
    assert found["unit"] == "EUR"
    assert [record["claim"] for record in found["certificates"]] == [
        "averages as promised", "never money missing or left over"
    ]  # fmt: skip
    assert any("standard deviation of 1.5" in warning for warning in found["warnings"])
    # Larger scatter than agreed: discrepancies are punished, payments fall.
    paid = [[q["realised"] for q in play["quantities"] if q["quantity"] == "payment"] for play in found["plays"]]
    assert sum(paid[1]) < sum(paid[0])
    lines = (tmp_path / "o.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(len(play["quantities"]) + len(play["chances"]) for play in found["plays"])
    assert "<svg" in (tmp_path / "o.svg").read_text()
    assert "How often: normal data" in result.stdout
    assert "money in EUR" in result.stdout
    few = "are too few to tell the averages of" in result.stdout
    assert few == any("too few runs to tell" in record["witness"] for record in found["certificates"])


@pytest.mark.long
def test_competitors(write):
    found = document("competitors", "--replications", 200)
    assert [play["name"] for play in found["plays"]] == ["these types", "types drawn evenly from nothing to these"]
    assert found["unit"] is None
    assert all(record["holds"] for record in found["certificates"])
    assert document("competitors", "--replications", 200) == found
    other = document("competitors", "--replications", 200, "--seed", 1)
    assert other["plays"][1] != found["plays"][1]
    free = document("competitors", "--replications", 200, "--mechanism", "free", code=1)
    assert not next(row for row in free["certificates"] if row["claim"] == "never a lower report gained")["holds"]
    grown = document(write(GROWTH.format(disparity=5)), "--replications", 200)
    assert all(record["holds"] for record in grown["certificates"])


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (GROWTH.format(disparity=39), [], "no desirable mechanism exists here"),
        (GROWTH.format(disparity=5), ["--data", "x.csv"], "--data = 'x.csv': means nothing for competitors"),
        (GROWTH.format(disparity=5), ["--replications", "1"], "replications = 1"),
        (MARKET.format(costs="[5.0, 6.0]"), [], "nothing can be sold at a profit"),
        (MARKET.format(costs="[0.1, 0.2]"), ["--cheat", "Cy"], "--cheat = 'Cy': must be the name of a contributor"),
        (MARKET.format(costs="[0.1, 0.2]"), ["--data", "nowhere.csv"], "nowhere.csv"),
        (MARKET.format(costs="[0.1, 0.2]"), ["--mechanism", "cbl"], "--mechanism = 'cbl': means nothing"),
    ],
    ids=str,
)
def test_wrong_inputs_are_one_line(write, text, options, message):
    result = run(write(text), *options, "--json", "-", code=2)
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_contributor_who_makes_data_up(write):
    """She is paid less, for the other's data tell on her; what tables of sizes are worth then is not known."""
    found = document(write(MARKET.format(costs="[0.01, 0.02]")), "--cheat", "Ann", "--replications", 5000)
    honest, cheated = found["plays"]
    assert "normal data, Ann" in cheated["name"]
    rows = [{(row["agent"], row["quantity"]): row for row in play["quantities"]} for play in (honest, cheated)]
    assert {quantity for _, quantity in rows[0].keys() - rows[1].keys()} == {"utility"}
    paid = rows[1]["Ann", "payment"]
    assert paid["promised"] == rows[0]["Ann", "payment"]["promised"]
    assert paid["realised"] < paid["promised"] - 5 * paid["standard_error"]
    assert "worth less than paid" not in {chance["event"] for chance in cheated["chances"]}


def test_a_column_of_another_name_is_refused(write):
    data = write("weight\n1\n2\n", "data.csv")
    error = run(write(MARKET.format(costs="[0.1, 0.15]")), "--data", data, code=2).stderr
    assert "column = 'weight'" in error
