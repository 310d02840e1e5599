"""Steady weights and calibrated noise from a file to a document, and where they are refused."""

import json

import jsonschema
import pytest
from click.testing import CliRunner

from jaxmech import schemas
from jaxmech.cli import main

TEN = "[collaboration]\nsigma = 1.0\nmechanism = 'c3d'\ncosts = [" + ", ".join(["[0.001]"] * 10) + "]\n"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A function that writes a problem with more keys."""
    folder = tmp_path_factory.mktemp("rules")

    def write(more):
        path = folder / "mine.toml"
        path.write_text(TEN + more, encoding="utf-8")
        return str(path)

    return write


def _run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def _document(*arguments):
    found = _run("solve", *arguments, "--json", "-")
    assert found.exit_code == 0, found.stderr
    document = json.loads(found.stdout)
    jsonschema.validate(document, schemas.load("collaboration"))
    return document


@pytest.mark.long
def test_steady_weights_in_a_document(file):
    document = _document(file('estimate = "steady"\n'))
    assert (document["plan"]["estimate"], document["plan"]["calibrated"]) == ("steady", False)
    assert document["problem"]["estimate"] == "steady"
    nash = next(record for record in document["certificates"] if record["claim"] == "Nash incentive compatible")
    assert nash["holds"]
    assert nash["tolerance"] == pytest.approx(0.119286, abs=1e-5)
    assert "every law with variance at most σ²" in nash["witness"]
    asked = _document(file(""), "--estimate", "steady")
    assert asked["plan"] == document["plan"]
    published = _document(file(""))
    assert (published["plan"]["estimate"], published["problem"]["sigma_range"]) == ("drawn", None)
    assert published["plan"]["penalty"][0] > document["plan"]["penalty"][0]


@pytest.mark.long
def test_calibrated_noise_in_a_document_and_on_the_page(file):
    path = file("calibrated = true\nsigma_range = [0.8, 1.2]\n")
    document = _document(path)
    assert document["plan"]["calibrated"]
    assert document["problem"]["sigma_range"] == [0.8, 1.2]
    facts = {record["claim"]: record for record in document["facts"]}
    assert -1e-3 < facts["incentives over sigma_range"]["margin"] < 0
    page = " ".join(_run("solve", path).stdout.split())
    assert "mechanism c3d (calibrated noise)" in page
    assert "σ need not be known to keep everybody honest" in page


@pytest.mark.long
def test_robustly_calibrated_noise_in_a_document_and_on_the_page(file):
    path = file('calibrated = "robust"\nsigma_range = [0.8, 1.2]\n')
    document = _document(path)
    assert (document["plan"]["calibrated"], document["problem"]["calibrated"]) == ("robust", "robust")
    facts = {record["claim"]: record for record in document["facts"]}
    assert -0.05 < facts["no ally can lift the check"]["margin"] < -0.02
    page = " ".join(_run("solve", path).stdout.split())
    assert "mechanism c3d (robustly calibrated noise)" in page
    assert "follows the median of the spreads within the others' submissions" in page
    assert "One party can weaken it: agent 1 saves 4% of her penalty" in page


@pytest.mark.long
def test_simulations_keep_the_promises_of_both_rules(file):
    for more in ('estimate = "steady"\n', "calibrated = true\n", 'calibrated = "robust"\n'):
        found = _run("simulate", file(more), "--replications", "512", "--json", "-")
        assert found.exit_code == 0, found.stderr
        assert json.loads(found.stdout)["kind"]


@pytest.mark.parametrize(
    ("arguments", "more", "words"),
    [
        (("solve", "--mechanism", "pool", "--estimate", "steady"), "", "--estimate = 'steady': means nothing for pool"),
        (
            ("solve", "--mechanism", "designed", "--estimate", "steady"),
            "",
            "means nothing for designed: it is for c3d, cbl",
        ),
        (("solve", "--estimate", "steddy"), "", 'did you mean "steady"'),
        (("audit", "--population", "student-t:3"), "calibrated = true\n", "jaxmech simulate --population"),
        (("design", "--calibrated", "--noise", "9"), "", "--noise = 9.0: is for designs that take σ to be known"),
        (("design",), 'calibrated = "robust"\n', "is for c3d and cbl: write calibrated = true for a design"),
        (("design", "--failure", "0.1"), "calibrated = true\n", "--failure = 0.1: is for designs that take σ"),
        (
            ("design", "--calibrated"),
            'panels = { a = ["x", "y"] }\ndistributions = ["a"]\n',
            "not for designs with panels",
        ),
        (("price", "--standard-error", "0.5"), 'estimate = "steady"\n', "under the published rule"),
    ],
)
def test_refusals_take_one_line(file, arguments, more, words):
    command, *options = arguments
    found = _run(command, file(more), *options)
    assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    assert words in found.stderr


def test_the_pool_of_a_steady_problem_is_the_pool(file):
    """To compare with: nothing is weighed there."""
    document = _document(file('estimate = "steady"\n'), "--mechanism", "pool", "--quiet")
    assert document["plan"]["estimate"] == "drawn"
    assert document["warnings"] == ["estimate in the file means nothing for pool: it is for c3d, cbl"]


@pytest.mark.long
def test_sweeps_refuse_other_rules(file, tmp_path):
    path = file('estimate = "steady"\n')
    sweep = tmp_path / "sweep.toml"
    sweep.write_text(f'[sweep]\nproblem = "{path}"\n[sweep.parameters]\nsigma = [1.0, 2.0]\n', encoding="utf-8")
    found = _run("sweep", str(sweep), "-o", str(tmp_path / "out"))
    assert found.exit_code == 2
    assert "leave estimate and calibrated out" in found.stderr
