"""``jaxmech price``: from a file to a price, on the page and in the document."""

import json

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech import schemas
from jaxmech.cli import main

PROBLEM = """[collaboration]
agents = ["Ada", "Bo", "Cleo"]
distributions = ["x", "y"]
costs = [[0.2, 0.1], [0.2, 0.1], [0.2, inf]]
sigma = [3.0, 2.0]
price = [7.0, 5.0]
currency = "EUR"
division = "social"
mechanism = "pool"
"""


def run(*args):
    return CliRunner().invoke(main, ["price", *map(str, args)])


@pytest.fixture
def file(tmp_path):
    (tmp_path / "mine.toml").write_text(PROBLEM)
    return tmp_path / "mine.toml"


def test_a_wanted_standard_error_by_hand(file):
    """Three pool N = σ√(3p/c) points of x: p = σ² c/(3 X⁴)."""
    found = run(file, "--standard-error", 0.5, "--distribution", "x", "--json", "-")
    assert found.exit_code == 0, found.output
    document = json.loads(found.stdout)
    jsonschema.validate(document, schemas.load("price"))
    assert document["price"] == pytest.approx([9 * 0.2 / (3 * 0.5**4), 5.0], rel=1e-8)
    assert document["line"] == "price = [9.6, 5.0]"
    assert document["status"]["residual"] < 1e-9
    pooled = 3.0 / np.sqrt(np.sum(document["accounts"]["samples"], axis=0)[0])
    assert document["accounts"]["standard_error"][0][0] == pytest.approx(pooled)


def test_the_page_says_what_to_write_and_in_which_unit(file):
    text = " ".join(run(file, "--standard-error", 0.5, "--distribution", "x").stdout.split())
    assert "For a standard error of 0.5 on x, the largest of all parties" in text
    assert "9.600 EUR; in the file it is 7.000 EUR" in text
    assert "Write into the file: price = [9.6, 5.0]" in text


def test_a_wrong_decision(file):
    document = json.loads(run(file, "--wrong-decision", 100, "--margin", 5, "--json", "-").stdout)
    assert document["price"] == [4.0, 4.0]
    assert document["line"] == "price = 4.0"
    assert "Chebyshev" in run(file, "--wrong-decision", 100, "--margin", 5).stdout


def test_without_a_question_the_page_shows_the_way(file):
    found = run(file)
    text = " ".join(found.stdout.split())
    assert "How to choose" in text
    assert "Other prices" in text
    document = json.loads(run(file, "--json", "-").stdout)
    assert document["price"] == document["price_before"] == [7.0, 5.0]
    one, four = (next(rung for rung in document["ladder"] if rung["factor"] == factor) for factor in (1.0, 4.0))
    assert four["bill"] == pytest.approx(2 * one["bill"])
    assert four["standard_error"] == pytest.approx(np.divide(one["standard_error"], np.sqrt(2)))


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--standard-error", "0"], "--standard-error"),
        (["--standard-error", "inf"], "--standard-error"),
        (["--standard-error", "x"], "not a number"),
        (["--wrong-decision", "5"], "--margin"),
        (["--margin", "5"], "--wrong-decision"),
        (["--standard-error", "1", "--wrong-decision", "5", "--margin", "1"], "only one"),
        (["--distribution", "x"], "--distribution"),
        (["--standard-error", "1", "--distribution", "z"], "x, y"),
        (["--mechanism", "designed"], "--mechanism cbl"),
    ],
)
def test_questions_that_make_no_sense_are_one_line(file, args, told):
    found = run(file, *args)
    assert found.exit_code == 2
    assert found.stdout == ""
    assert found.stderr.count("\n") == 1
    assert told in found.stderr


@pytest.mark.parametrize("args", [[], ["--standard-error", 1], ["--wrong-decision", 100, "--margin", 2]])
def test_prices_that_differ_between_agents_are_refused_in_one_line(file, args):
    file.write_text(PROBLEM.replace("[7.0, 5.0]", "[[7.0, 5.0], [0.0, 5.0], [7.0, 6.0]]"))
    found = run(file, *args)
    assert found.exit_code == 2
    assert found.output.count("\n") == 1
    assert "price = 'a table by agent': must be one number, or one per distribution" in found.output


def test_other_kinds_have_no_price_of_errors():
    found = run("data-market")
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert "[collaboration]" in found.stderr
