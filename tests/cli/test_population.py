"""``--population`` of audits and simulations: laws by name and measurements, in documents and tables."""

import io
import json

import jsonschema
import numpy as np
import pytest
from rich.box import ASCII
from rich.console import Console

from jaxmech import ProblemError, schemas
from jaxmech.cli import main
from jaxmech.cli._choice import Choice
from jaxmech.cli._options import Output
from jaxmech.cli._play import carry_out
from jaxmech.cli._population import check_populations, measure, populations
from jaxmech.report.audit._populations import populations_document, populations_in_words, populations_table

PROBLEM = """
[collaboration]
sigma = [1.0, 2.0]
agents = ["Ann", "Bo", "Cy", "Di"]
distributions = ["x", "y"]
costs = [[0.01, 0.04], [0.01, 0.04], [0.01, 0.04], [0.01, 0.04]]
division = "social"
mechanism = "pool"
"""
NAMES = ["Ann", "Bo", "Cy", "Di"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("population")
    (folder / "four.toml").write_text(PROBLEM)
    rows = np.random.default_rng(0).gamma(2.0, 1.0, (60, 2))
    (folder / "data.csv").write_text("y,x\n" + "\n".join(f"{a},{b}" for a, b in rows) + "\n")
    return folder


def run(*args):
    return main([str(arg) for arg in args], standalone_mode=False)


REFUSED = {
    "studnt-t:3": 'did you mean "student-t"?',
    "student-t:2": "variance is infinite",
    "normal:1": "takes no parameter",
    "lognormal:x": "finite number after the colon",
    "nowhere.csv": "no such file",
}


@pytest.mark.parametrize("text", REFUSED)
@pytest.mark.parametrize("command", ["audit", "simulate"])
def test_what_is_no_population_is_refused_in_one_line(command, text, folder, capsys):
    assert run(command, folder / "four.toml", "--population", text, "--json", "-") == 2
    page, error = capsys.readouterr()
    assert page == ""
    assert error.count("\n") == 1
    assert "--population" in error or "nowhere.csv" in error
    assert REFUSED[text] in error


def test_a_population_is_named_once_and_never_written_over(folder):
    with pytest.raises(ProblemError, match="must be given once"):
        check_populations(["laplace", "laplace"], Output(quiet=True))
    data = str(folder / "data.csv")
    with pytest.raises(ProblemError):
        check_populations([data], Output(quiet=True, csv_path=data))


@pytest.mark.long
def test_regrets_are_told_by_population_in_document_and_table(folder):
    """A pool: everybody pays σ²/T + c n on every law, and gains by collecting half."""
    output = Output(quiet=True)
    carried = carry_out(str(folder / "four.toml"), Choice(), output)
    asked = populations(["laplace", str(folder / "data.csv")], carried.case, output)
    assert [one.name for one in asked] == ["laplace", "data.csv"]
    assert asked[0].law.kurtosis.tolist() == [3.0, 3.0]
    measured = tuple(measure(carried, asked, 0, 512, output))
    laplace, data = populations_document(measured, NAMES)
    assert [agent["name"] for agent in laplace["agents"]] == NAMES
    for agent in laplace["agents"]:
        assert agent["penalty"] == pytest.approx(agent["promised"], rel=0.02)
        assert agent["regret_found"] > 0.05 * agent["promised"]
        assert agent["amount"] == pytest.approx(0.5, abs=0.11)
    assert data["replications"] == 512
    schema = schemas.load("audit")["properties"]["populations"]
    jsonschema.validate([laplace, data], {**schema, "$defs": schemas.load("audit")["$defs"]})
    buffer = io.StringIO()
    Console(file=buffer, width=80).print(populations_table(measured, NAMES, ASCII, 40))
    assert all(name in buffer.getvalue() for name in ("laplace", "data.csv", *NAMES))
    assert "On laplace 4 of 4 would gain by cheating" in populations_in_words(measured, NAMES)[0]
    few = io.StringIO()
    Console(file=few, width=80).print(populations_table(measured, NAMES, ASCII, 2))
    assert sum(name in few.getvalue() for name in NAMES) == 1


def test_simulations_tell_what_happens_on_every_law(folder, capsys):
    args = ("--population", "laplace", "--population", "lognormal:0.5", "--replications", 200, "--json", "-")
    assert run("simulate", folder / "four.toml", *args) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, schemas.load("simulation"))
    normal, laplace, skewed = document["plays"]
    assert (normal["name"], laplace["name"], skewed["name"]) == ("normal data", "laplace", "lognormal:0.5")
    assert document["amounts"] == "whole samples"
    assert laplace["kurtosis"] == [3.0, 3.0]
    np.testing.assert_allclose(laplace["sigma"], [1.0, 2.0])
    np.testing.assert_allclose(skewed["penalty"], skewed["promised"], rtol=0.5)
