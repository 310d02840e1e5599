"""``jaxmech`` for agents who differ in precision and in what accuracy is worth to them, end to end."""

import json

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech import files, schemas
from jaxmech.cli import main
from jaxmech.cli._without import leave

FILE = """[collaboration]
sigma = [[10.0, 5.0], [20.0, 5.0], [10.0, nan]]
agents = ["A", "B", "C"]
distributions = ["glucose", "HDL"]
costs = [[0.033, 0.1], [0.066, 0.2], [0.05, inf]]
price = [[1.0, 4.0], [2.0, 0.0], [0.5, 4.0]]
division = "leverage"
"""


def _run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """The file, its document, and the page in words."""
    folder = tmp_path_factory.mktemp("differ")
    (folder / "mine.toml").write_text(FILE, encoding="utf-8")
    result = _run("solve", folder / "mine.toml", "--json", folder / "plan.json", "--report", folder / "page.html")
    assert result.exit_code == 0, result.output
    return folder, json.loads((folder / "plan.json").read_text(encoding="utf-8")), result.output


@pytest.mark.long
def test_document_and_pages(solved):
    folder, document, page = solved
    jsonschema.validate(document, schemas.load("collaboration"))
    assert document["sigma"] == document["problem"]["sigma"] == [[10.0, 5.0], [20.0, 5.0], [10.0, None]]
    assert document["price"] == [[1.0, 4.0], [2.0, 0.0], [0.5, 4.0]]
    assert document["alone"]["samples"][1][0] == pytest.approx(20 * np.sqrt(2 / 0.066))
    assert document["plan"]["samples"][1][1] == document["alone"]["samples"][1][1] == 0
    assert document["integer_plan"]["comparison"] is None
    assert all(row["holds"] for row in document["certificates"])
    assert "Nobody" in page or "nobody" in page
    assert "10 to 20 by agent" in (folder / "page.html").read_text(encoding="utf-8")


def test_who_needs_nothing_is_told_so_and_pays_nothing(solved):
    folder = solved[0]
    file = folder / "needless.toml"
    file.write_text(FILE.replace("[2.0, 0.0]", "[0.0, 0.0]"), encoding="utf-8")
    result = _run(
        "solve", file, "--json", folder / "other.json", "--report", folder / "other.html", "--plot", folder / "a.svg"
    )
    assert result.exit_code == 0, result.output
    document = json.loads((folder / "other.json").read_text(encoding="utf-8"))
    assert document["warnings"][0].startswith("B: the price is 0 everywhere")
    assert document["plan"]["penalty"][1] == document["alone"]["penalty"][1] == 0
    assert document["plan"]["samples"][1] == document["integer_plan"]["samples"][1] == [0, 0]
    assert all(row["holds"] for row in document["certificates"])


def test_without_somebody_takes_her_row_with_her(solved):
    left = leave(files.read(str(solved[0] / "mine.toml")), ["B"]).problem
    assert left.agents == ("A", "C")
    np.testing.assert_array_equal(left.measured_sigma, [[10.0, 5.0], [10.0, np.nan]])
    np.testing.assert_array_equal(left.price, [[1.0, 4.0], [0.5, 4.0]])


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("run", "plan.json", "."), "problem.sigma"),
        (("price", "mine.toml", "--standard-error", "1"), "price"),
        (("audit", "mine.toml", "--population", "laplace"), "price"),
        (("audit", "mine.toml", "--questions"), "mine.toml: price"),
    ],
)
def test_what_cannot_be_done_yet_is_one_line_that_names_the_key(solved, command, key, tmp_path):
    arguments = [str(solved[0] / part) if "." in part else part for part in command]
    more = ["-o", tmp_path / "out", "--seed", "1"] if command[0] == "run" else []
    if command[0] == "audit":
        more = ["--replications", "16"]
    result = _run(*arguments, *more)
    assert result.exit_code == 2, result.output
    assert f"{key} = 'a " in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_whole_points_of_who_is_less_precise_are_not_searched_for_and_the_file_is_named(solved):
    result = _run("simulate", str(solved[0] / "mine.toml"), "--cheat", "B", "--population", "laplace")
    assert result.exit_code == 2, result.output
    assert "mine.toml: --cheat = 'B': is played on data sets where sigma is no table by agent" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_nothing_is_recommended_or_told_that_is_refused(solved):
    folder, _, page = solved
    html = (folder / "page.html").read_text(encoding="utf-8")
    for text in (page, html):
        assert "jaxmech run" not in text
    assert "cannot be carried out yet" in html
