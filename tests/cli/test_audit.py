"""``jaxmech audit``: intervals, verdicts, documents, exit codes."""

import json
import math
import re

import jsonschema
import pytest

from jaxmech import audit, collaboration, schemas
from jaxmech.cli import main
from jaxmech.cli._audit import within_limits
from jaxmech.deviation import SearchSettings

pytestmark = pytest.mark.usefixtures("compile_quickly")

EQUAL = """
[collaboration]
title = "Ten alike"
sigma = 1.0
costs = [[0.01], [0.01], [0.01], [0.01], [0.01], [0.01], [0.01], [0.01], [0.01], [0.01]]
mechanism = "c3d"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    (folder / "equal.toml").write_text(EQUAL)
    return folder


def run(*args):
    return main([str(arg) for arg in args], standalone_mode=False)


@pytest.mark.slow
def test_published_mechanism(folder, capsys):
    code = run(
        "audit",
        folder / "equal.toml",
        "--json",
        folder / "a.json",
        "--plot",
        folder / "a.png",
        "--csv",
        folder / "a.csv",
        "--population",
        "lognormal:1",
    )
    page, error = capsys.readouterr()
    assert (code, error) == (0, "")
    said = " ".join(page.split())
    assert "On lognormal:1 10 of 10 would gain by cheating" in said
    assert "it is proven that nobody can, as long as the others comply." in said
    assert "All 4 claims hold." in said
    document = json.loads((folder / "a.json").read_text())
    assert document["kind"] == "audit"
    jsonschema.validate(document, schemas.load("audit"))
    assert [one["name"] for one in document["populations"]] == ["lognormal:1"]
    assert document["settings"]["seed"] == 0
    assert len(document["agents"]) == 10
    for agent in document["agents"]:
        assert agent["promised"] == pytest.approx(0.10738764558, rel=1e-9)
        assert agent["regret_found"] == 0
        assert 0 <= agent["regret_bound"] < 1e-6 * agent["promised"]
        assert {"family", "parameters", "standard_error"} <= set(agent["deviation"])
        assert 4.1 * agent["deviation"]["standard_error"] < 0.005 * agent["promised"]
    assert {record["claim"] for record in document["certificates"]} >= {"Nash incentive compatible", "efficient"}
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")
    assert len((folder / "a.csv").read_text().splitlines()) == 11


@pytest.mark.slow
def test_pools_are_refuted_but_claim_nothing(folder, capsys):
    code = run(
        "audit", folder / "equal.toml", "--mechanism", "pool", "--division", "social", "--seed", 5, "--json", "-"
    )
    page, error = capsys.readouterr()
    assert (code, error) == (0, "")
    document = json.loads(page)
    for agent in document["agents"]:
        assert agent["regret_found"] == pytest.approx(4 / 9 * agent["promised"], rel=0.01)
        assert agent["regret_bound"] == pytest.approx(4 / 9 * agent["promised"], rel=1e-9)
        assert math.isfinite(agent["simulated"])
    facts = {record["claim"]: record for record in document["facts"]}
    assert not facts["Nash incentive compatible"]["holds"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "-1"], "--seed = -1: must be a whole number from 0"),
        (["--seed", "one"], "is not a valid integer"),
        (["--replications", "1"], "replications = 1: must be a whole number"),
        (["--mechanism", "poool"], 'did you mean "pool"'),
        (["--mechanism", "c3d", "--division", "fair"], "--division = 'fair'"),
    ],
    ids=str,
)
def test_bad_options_are_one_line(folder, capsys, options, message):
    assert run("audit", folder / "equal.toml", "--json", "-", *options) == 2
    page, error = capsys.readouterr()
    assert page == ""
    assert message in error
    assert error.count("\n") == 1


def test_a_missing_file_is_one_line(capsys):
    assert run("audit", "clincs") == 2
    assert 'did you mean "clinics"' in capsys.readouterr().err


@pytest.mark.slow
def test_what_nobody_promises_is_told_if_somebody_asks(folder, capsys):
    code = run("audit", "three-agents", "--questions", "--json", folder / "asked.json", "--replications", 16384)
    said = " ".join(capsys.readouterr().out.split())
    assert code == 0
    assert (
        "All 4 claims hold. No claim rules out what follows: agent 2 saves 78 % by saying that her cost is 1.54 times "
        "what it is; agent" in said
    )
    assert "agent 2 saves 65 % by a second name that can measure nothing" in said
    document = json.loads((folder / "asked.json").read_text())
    jsonschema.validate(document, schemas.load("audit"))
    told = document["questions"]
    assert [fact["holds"] for fact in told["facts"]] == [False] * 5
    assert told["core"]["least"] == [0, 1]
    assert told["pivotal"]["absent"][2][2] == pytest.approx(6.325, abs=1e-3)  # she works alone


@pytest.mark.slow
def test_what_nobody_promises_of_a_signed_design(folder, capsys):
    """The agreement says what the problem file says, and the design is the one that was signed."""
    assert run("design", "three-agents", "--whole", "--quiet", "--json", folder / "signed.json") == 0
    code = run("audit", folder / "signed.json", "--questions", "--json", folder / "of.json", "--replications", 16384)
    said = " ".join(capsys.readouterr().out.split())
    assert code == 0
    assert "agent 1 saves 37 % by saying that her cost is" in said
    assert "without agent 1 nobody tells agent 2 something" in said
    assert re.search(r"Tried for misstated costs: \d+ new designs: 11 factors from 1/32 to 32 on each", said)
    document = json.loads((folder / "of.json").read_text())
    jsonschema.validate(document, schemas.load("audit"))
    signed = json.loads((folder / "signed.json").read_text())
    assert [agent["promised"] for agent in document["agents"]] == signed["integer_plan"]["penalty"]
    told = document["questions"]
    assert len(told["misreport"]["gain"]) == 3
    assert told["core"]["samples"] == [[round(amount) for amount in row] for row in told["core"]["samples"]]
    assert run("audit", folder / "signed.json", "--mechanism", "pool") == 2
    assert "says what was agreed" in capsys.readouterr().err


REFUSED = [
    ("calibrated = true", "takes σ to be known"),
    ("most = 30", "most, least or budget"),
    ("price = [[1.0], [2.0], [1.0]]", "price"),
    ("sigma = [[1.0], [2.0], [1.0]]", "sigma"),
    ("[collaboration.panels]\nblood = ['a', 'b']", "measured one by one"),
]


@pytest.mark.parametrize(("lines", "word"), REFUSED)
def test_designs_without_answers_are_refused_at_once(lines, word, folder, capsys, monkeypatch):
    monkeypatch.setattr("jaxmech.cli._solve_design.design", None)  # which nobody may call
    sigma = "" if "sigma" in lines else "sigma = [1.0, 2.0]\n" if "panels" in lines else "sigma = 1.0\n"
    names = 'distributions = ["blood"]\n' if "panels" in lines else ""
    text = f"[collaboration]\n{sigma}{names}costs = [[0.01], [0.02], [0.03]]\n{lines}\n"
    (folder / "refused.toml").write_text(text)
    assert run("audit", folder / "refused.toml", "--mechanism", "designed", "--questions") == 2
    said = capsys.readouterr().err
    assert word in said
    assert said.count("\n") == 1


def test_what_is_no_agreement_to_share_is_one_line(folder, capsys):
    (folder / "market.json").write_text('{"kind": "market"}')
    assert run("audit", folder / "market.json") == 2
    said = capsys.readouterr().err
    assert "audit the problem file" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("file", ["data-market", "competitors"])
def test_questions_are_about_sharing(file, capsys):
    assert run("audit", file, "--questions") == 2
    assert "--questions" in capsys.readouterr().err


@pytest.mark.long
def test_plans_within_limits_are_compared_with_the_first_best_within_them():
    """The cheapest collects all she can, ten points; the next as many more as make 3/T² = 0.02."""
    problem = collaboration.Problem([[0.01], [0.02], [0.03]], 1.0, most=10.0)
    total = (3 / 0.02) ** 0.5
    found = within_limits(problem)
    assert found.baseline == pytest.approx(3 / total + 0.1 + 0.02 * (total - 10), rel=1e-6)
    assert "within the same limits" in found.name
    assert within_limits(collaboration.Problem([[0.01], [0.02], [0.03]], 1.0)) is None
    told = audit.examine(
        collaboration.mechanism(problem, collaboration.solve(problem, mechanism="pool").value),
        problem,
        baseline=found,
        settings=SearchSettings(draws=16, steps=2, polish_draws=16, polish_steps=2, batches=4, batch=64),
    )
    fact = next(record for record in told.audits if record.claim == "efficient")
    assert "the first best of compliant agents within the same limits" in fact.witness
    assert not fact.claimed
