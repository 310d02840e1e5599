"""Warnings go to standard error and into the JSON document, never to standard output, and an error stands alone."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech.cli import main

PROBLEM = """
[collaboration]
sigma = 10.0
distributions = ["x", "y"]
costs = [[0.033, 0.1], [0.066, 0.2], [0.1, 0.05]]
data = "rows.csv"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    draws = np.random.default_rng(0).normal(0.0, 10.0, (50, 2))
    (folder / "mine.toml").write_text(PROBLEM)
    (folder / "good.toml").write_text(PROBLEM.replace("rows.csv", "good.csv"))
    (folder / "rows.csv").write_text("x,y\n" + "".join(f"{x},{3 - x}\n" for x, _ in draws))
    (folder / "good.csv").write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y in draws))
    return folder


def run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.mark.long
def test_json_is_clean_and_holds_what_standard_error_says(folder):
    found = run("solve", folder / "mine.toml", "--json", "-")
    document = json.loads(found.stdout)
    assert found.exit_code == 0
    (sentence,) = document["warnings"]
    assert found.stderr == f"jaxmech: warning: {sentence}\n"
    assert "each of x, y is a linear function of the other" in sentence
    assert "instead of measuring it" in sentence


def test_the_page_does_not_hold_it(folder):
    found = run("solve", folder / "mine.toml")
    assert "warning" not in found.stdout
    assert found.stderr.count("warning") == 1


def test_quiet_is_quiet_and_keeps_it_in_the_document(folder, tmp_path):
    found = run("solve", folder / "mine.toml", "--quiet", "--json", tmp_path / "out.json")
    assert found.output == ""
    assert len(json.loads((tmp_path / "out.json").read_text())["warnings"]) == 1


def test_nothing_to_warn_of_is_an_empty_list(folder):
    found = run("solve", folder / "good.toml", "--json", "-")
    assert (json.loads(found.stdout)["warnings"], found.stderr) == ([], "")


def test_an_error_stands_alone(folder):
    found = run("solve", folder / "mine.toml", "--division", "nahs")
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert "warning" not in found.stderr


@pytest.mark.long
def test_data_of_the_command_line(folder):
    found = run("simulate", folder / "good.toml", "--data", folder / "rows.csv", "--replications", 100, "--json", "-")
    document = json.loads(found.stdout)
    assert [str(folder / "rows.csv") in sentence for sentence in document["warnings"]] == [True]
    assert found.stderr.count("\n") == 1


@pytest.mark.long
@pytest.mark.parametrize(("price", "warned"), [(1.0, True), (4e4, False)])
def test_solve_warns_of_skewed_measurements_where_few_points_are_compared(tmp_path, price, warned):
    values = np.exp(1.2 * np.random.default_rng(0).standard_normal(400))
    rows = "\n".join(f"{value}" for value in values / values.std())
    (tmp_path / "skewed.csv").write_text(f"x\n{rows}\n")
    (tmp_path / "few.toml").write_text(
        f'[collaboration]\nsigma = 1.0\ndistributions = ["x"]\ncosts = {[[0.03]] * 12}\nprice = {price}\n'
        'mechanism = "c3d"\ndata = "skewed.csv"\n'
    )
    found = CliRunner().invoke(main, ["solve", str(tmp_path / "few.toml"), "--json", "-"])
    assert found.exit_code == 0
    told = "is far from normal (skewness 6" in found.stderr
    assert told is warned
    pooled = CliRunner().invoke(main, ["solve", str(tmp_path / "few.toml"), "--mechanism", "pool", "--json", "-"])
    assert "far from normal" not in pooled.stderr


@pytest.mark.long
def test_limits_that_no_whole_numbers_keep_are_told_in_document_and_page_alike(tmp_path):
    """What is found only while solving stands in the JSON document as well, once."""
    (tmp_path / "tight.toml").write_text(
        '[collaboration]\nsigma = 10.0\ndistributions = ["x"]\ncosts = [[0.033], [0.066], [0.1]]\n'
        "most = [inf, 5.5, inf]\nleast = [0, 5.2, 0]\n"
    )
    found = run("solve", tmp_path / "tight.toml", "--json", tmp_path / "out.json", "--report", tmp_path / "out.html")
    document = json.loads((tmp_path / "out.json").read_text())
    assert found.exit_code == 0, found.output
    (sentence,) = document["warnings"]
    assert "there is no plan in whole samples: " in sentence
    assert document["integer_plan"] is None
    assert found.stderr == f"jaxmech: warning: {sentence}\n"
    assert "there is no plan in whole samples" in (tmp_path / "out.html").read_text(encoding="utf-8")
