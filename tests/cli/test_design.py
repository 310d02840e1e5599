"""``jaxmech design``: page, documents from which anybody can recompute the design, audits and simulations of it."""

import json
import math

import jsonschema
import numpy as np
import pytest
from scipy.stats import norm

from jaxmech import schemas
from jaxmech.cli import main

FOUR = """
[collaboration]
title = "Four share two"
agents = ["Ann", "Bob", "Cid", "Dot"]
distributions = ["iron", "zinc"]
sigma = [1000.0, 2000.0]
price = 3.0
costs = [[0.9, 1.1], [1.0, 1.3], [1.1, 1.0], [1.2, 0.9]]
mechanism = "designed"
"""


def run(*args):
    return main([str(arg) for arg in args], standalone_mode=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("design")
    (folder / "four.toml").write_text(FOUR)
    return folder


@pytest.fixture(scope="module")
def document(folder):
    """What one run writes, for all tests that read it."""
    files = [part for kind in ("json", "csv", "plot") for part in (f"--{kind}", folder / f"d.{_SUFFIX[kind]}")]
    assert run("design", folder / "four.toml", *files, "--quiet") == 0
    return json.loads((folder / "d.json").read_text())


_SUFFIX = {"json": "json", "csv": "csv", "plot": "png"}


def recompute(document):
    """Penalties and chances to fail, from the rule alone."""
    rules = document["rule"]
    table = {name: np.array([rule[name] for rule in rules], float).T for name in ("samples", "comparison", "rest")}
    limit = np.array([[math.inf if t == "inf" else t for t in rule["limit"]] for rule in rules]).T
    variance = np.array(document["sigma"]) ** 2 * np.ones(len(rules))
    error = np.array(document["price"]) * variance
    assert all(rule["discrepancy"] == [0, 1, 1] and rule["variance"][:2] == [0, 0] for rule in rules)
    assert all((rule["discrepancy_unit"], rule["variance_unit"]) == ("limit", "sigma^2") for rule in rules)
    (cap,) = {float(rule["variance"][2]) for rule in rules}
    return _pays(table["samples"], table, limit, variance, error, cap, document)


def _pays(samples, table, limit, variance, error, cap, document):
    both = samples + table["comparison"]
    with np.errstate(divide="ignore", invalid="ignore"):  # where nothing is collected or checked
        spread = np.sqrt(variance * (1 / samples + 1 / table["comparison"]))
        within = np.where(np.isfinite(limit), 1 - 2 * norm.sf(limit / spread), 1.0)
        if document["rule"][0]["linked"]:
            within = np.prod(within, axis=1, keepdims=True) * np.ones_like(within)
        clean, spoilt = error / (both + table["rest"]), error / (both + table["rest"] / (1 + cap))
    some = table["rest"] > 0
    mixed = np.where(some, within * clean + (1 - within) * spoilt, clean)
    costs = np.array([[0.0 if cost == "inf" else cost for cost in row] for row in document["costs"]])
    return np.sum(mixed + costs * samples, axis=1), np.where(some, 1 - within, 0.0)


@pytest.mark.long
def test_a_panel_of_equal_values_is_the_distribution_of_their_summed_worth(folder, document):
    text = FOUR.replace("[1000.0, 2000.0]", "[1000.0, 2000.0, 2000.0, 1000.0]").replace(
        "price = 3.0", 'price = [3.0, 1.0, 1.0, 4.0]\npanels = { zinc = ["Zn a", "Zn b", "Zn c"] }'
    )
    (folder / "panel.toml").write_text(text)
    assert run("solve", folder / "panel.toml", "--json", folder / "panel.json", "--quiet") == 0
    found = json.loads((folder / "panel.json").read_text())
    for key in ("samples", "penalty"):
        assert np.array(found["plan"][key]) == pytest.approx(np.array(document["plan"][key]), rel=1e-9)
    limits = [np.array(one["rule"][1]["limit"], float) for one in (document, found)]
    assert limits[0] == pytest.approx(2000 * limits[1], rel=1e-9)
    told = found["panels"][0]["coordinates"]
    for one, sigma in zip(told, (2000, 2000, 1000), strict=True):
        assert np.array(one["limit"], float) == pytest.approx(sigma * limits[1])
    variances = np.array([one["standard_error"] for one in told]) ** 2
    assert pytest.approx(np.array(found["accounts"]["error"])[:, 1], rel=1e-9) == variances.T @ [1, 1, 4]


DIFFERENT = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0], [4.0, 2.0]])
"""By how much the four are less precise than whoever is most; powers of 2, so that nothing is rounded."""


def _of_agents_who_differ(folder, sigma, name):
    """The same problem, where the first are less precise, and cheaper by as much."""
    rows = [[s * f for s, f in zip(sigma, row, strict=True)] for row in DIFFERENT.tolist()]
    costs = np.array([[0.9, 1.1], [1.0, 1.3], [1.1, 1.0], [1.2, 0.9]]) / DIFFERENT**2
    text = FOUR.replace("[1000.0, 2000.0]", str(rows))
    text = text.replace("[[0.9, 1.1], [1.0, 1.3], [1.1, 1.0], [1.2, 0.9]]", str(costs.tolist()))
    (folder / f"{name}.toml").write_text(text)
    return folder / f"{name}.toml"


@pytest.mark.long
def test_sigma_by_agent_is_the_transformed_problem(folder, document):
    file = _of_agents_who_differ(folder, (1000.0, 2000.0), "differ")
    assert run("design", file, "--json", folder / "differ.json", "--quiet") == 0
    found = json.loads((folder / "differ.json").read_text())
    jsonschema.validate(found, schemas.load("design"))
    for key, factor in (("samples", DIFFERENT**2), ("penalty", 1.0)):
        assert np.array(found["plan"][key]) == pytest.approx(np.array(document["plan"][key]) * factor, rel=1e-9)
    for one, other in zip(found["rule"], document["rule"], strict=True):
        for key in ("comparison", "rest", "limit"):
            assert np.array(one[key], float) == pytest.approx(np.array(other[key], float), rel=1e-9)
    assert found["accounts"]["bill"] == pytest.approx(np.array(document["accounts"]["bill"]), rel=1e-9)
    assert found["integer_plan"] is None


@pytest.mark.long
def test_whole_samples_are_everybodys_own(folder):
    file = _of_agents_who_differ(folder, (10.0, 20.0), "whole")
    assert run("design", file, "--whole", "--json", folder / "whole.json", "--quiet") == 0
    found = json.loads((folder / "whole.json").read_text())
    samples = np.array(found["plan"]["samples"])
    assert np.array_equal(samples, np.round(samples))
    assert found["whole_data"] == {"exact": True, "departure": 0.0}
    assert all(one["holds"] for one in found["certificates"])
    own = np.array(found["alone"]["penalty"])  # in whole samples as well: rounding is nobody's loss by signing
    assert np.array_equal(found["alone"]["samples"], np.round(found["alone"]["samples"]))
    assert np.all(np.array(found["plan"]["penalty"]) <= own * (1 + 1e-6))
    penalty, _ = recompute(_alike(found))
    assert penalty == pytest.approx(found["plan"]["penalty"], rel=1e-7)


def _alike(document):
    """The document in points of whoever is most precise."""
    sigma = np.array(document["sigma"])
    precision = (sigma.min(axis=0) / sigma) ** 2
    rules = [{**rule, "samples": rule["samples"] * precision[:, k]} for k, rule in enumerate(document["rule"])]
    return {**document, "sigma": sigma.min(axis=0), "costs": document["costs"] / precision, "rule": rules}


@pytest.mark.long
def test_anybody_can_recompute_the_design(document):
    penalty, failure = recompute(document)
    assert penalty == pytest.approx(document["plan"]["penalty"], rel=1e-7)
    assert failure == pytest.approx(np.array(document["failure"]), abs=1e-7)
    assert 0 < failure.max() < 0.5
    assert sum(penalty) == pytest.approx(document["plan"]["social_penalty"], rel=1e-7)


@pytest.mark.long
def test_other_amounts_cost_more(document):
    rules, draw = document["rule"], np.random.default_rng(0)
    honest = np.array(document["plan"]["penalty"])
    kept = [list(rule["samples"]) for rule in rules]
    for _ in range(400):
        for rule, amounts in zip(rules, kept, strict=True):
            rule["samples"] = [n * draw.choice([0.0, draw.lognormal(0, 0.5), 1.0]) + 1e-12 for n in amounts]
        penalty, _ = recompute(document)
        assert np.all(penalty >= honest * (1 - 1e-6))
    for rule, amounts in zip(rules, kept, strict=True):
        rule["samples"] = amounts


def test_document(document):
    assert document["kind"] == "collaboration"
    assert document["status"]["name"] == "OK"
    assert document["mechanism"] == "designed"
    assert document["division"] is None
    assert document["plan"]["leverage"] is None
    assert document["plan"]["alpha"] == [[None, None]] * 4
    assert {role for row in document["plan"]["role"] for role in row} <= {"alone", "receives", "checked"}
    assert document["agents"] == ["Ann", "Bob", "Cid", "Dot"]
    assert {record["claim"] for record in document["certificates"]} >= {"Nash incentive compatible", "feasible"}
    assert all(record["holds"] for record in document["certificates"])
    found, social = document["efficiency"], document["plan"]["social_penalty"]
    assert found["bound"] is None
    assert found["first_best"] <= found["baseline"] * (1 + 1e-9) <= social * (1 + 2e-9)
    assert found["ratio"] == pytest.approx(social / found["baseline"])
    assert social < document["published"]["social_penalty"]
    assert document["published"]["name"].startswith("cbl")
    assert document["family_bound"] > 0
    assert all(a >= b for a, b in zip(document["alone"]["penalty"], document["plan"]["penalty"], strict=True))


def test_plot_and_table(document, folder):
    assert (folder / "d.png").read_bytes().startswith(b"\x89PNG")
    header, *lines = (folder / "d.csv").read_text().splitlines()
    assert header.startswith("agent,iron: samples,iron: role,iron: comparison,iron: rest,iron: limit,iron: failure")
    assert [line.split(",")[0] for line in lines] == document["agents"]
    assert [float(line.split(",")[-2]) for line in lines] == pytest.approx(document["plan"]["penalty"])


@pytest.mark.slow
def test_solve_shows_the_design(document, folder, capsys):
    assert run("solve", folder / "four.toml", "--json", folder / "s.json") == 0
    page, error = capsys.readouterr()
    assert error == ""
    said = " ".join(page.split())
    assert said.startswith("Four share two")
    for words in ("less than with the best published mechanism", "times the first best", "All 6 claims hold."):
        assert words in said
    for title in ("Who collects what", "What each gets back", "Alone against together", "Why nobody cheats"):
        assert title in page
    assert f"{100 * np.max(document['failure']):.2g} %" in page
    again = json.loads((folder / "s.json").read_text())
    assert again["rule"] == document["rule"]


@pytest.mark.slow
def test_wishes_are_met(document, folder, capsys):
    assert run("design", folder / "four.toml", "--noise", 20, "--failure", 0.001, "--unlinked", "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    assert not any(rule["linked"] for rule in found["rule"])
    assert {rule["variance"][2] for rule in found["rule"]} == {20.0}
    assert np.max(found["failure"]) <= 0.001 * (1 + 1e-6)
    assert recompute(found)[0] == pytest.approx(found["plan"]["penalty"], rel=1e-7)
    assert found["plan"]["social_penalty"] > document["plan"]["social_penalty"]


@pytest.mark.slow
def test_whole_samples_and_a_code_that_says_whether_it_is_proven(document, folder, capsys):
    code = run("design", folder / "four.toml", "--whole", "--json", "-")
    found = json.loads(capsys.readouterr().out)
    samples = np.array(found["plan"]["samples"])
    assert np.array_equal(samples, np.round(samples))
    assert np.any(samples > 0)
    assert recompute(found)[0] == pytest.approx(found["plan"]["penalty"], rel=1e-7)
    proven = found["status"]["name"] == "OK" and all(record["holds"] for record in found["certificates"])
    assert code == (0 if proven else 1)


@pytest.mark.slow
def test_simulate_keeps_the_promise(document, folder, capsys):
    assert run("simulate", folder / "four.toml", "--replications", 20_000, "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["mechanism"].startswith("mechanism designed")
    (claim,) = found["certificates"]
    assert claim["holds"]


@pytest.mark.slow
def test_audit_finds_no_gain(document, folder, capsys):
    assert run("audit", folder / "four.toml", "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["certificates"]) == 4
    for agent, promised in zip(found["agents"], document["plan"]["penalty"], strict=True):
        assert agent["promised"] == pytest.approx(promised, rel=1e-9)
        assert agent["regret_found"] == 0
        assert 0 <= agent["regret_bound"] < 1e-6 * promised


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("four.toml", ["--failure", "0"], "--failure = 0.0: must be a chance above 0, at most 1"),
        ("four.toml", ["--noise", "-1"], "--noise = -1.0: must be positive"),
        ("four.toml", ["--noise", "nan"], "--noise = nan: must be positive"),
        ("four.toml", ["--noise", "much"], "is not a number"),
        ("data-market", [], "only [collaboration] can be designed"),
        ("competitors", [], "only [collaboration] can be designed"),
        ("four.toml", ["--dtype", "float46"], 'did you mean "float64"'),
    ],
    ids=str,
)
def test_bad_input_is_one_line(folder, capsys, monkeypatch, file, options, message):
    monkeypatch.setattr("jaxmech.cli._solve_design.solve_design", None)  # refused before any work is done
    where = folder / file if file.endswith(".toml") else file
    assert run("design", where, "--json", "-", *options) == 2
    page, error = capsys.readouterr()
    assert page == ""
    assert message in error
    assert error.count("\n") == 1


def test_names_are_checked_before_anything_is_designed(folder, capsys, monkeypatch):
    monkeypatch.setattr("jaxmech.cli._solve_design.find_design", None)
    for command in ("solve", "audit", "simulate"):
        assert run(command, folder / "four.toml", "--division", "fair") == 2
        assert "--division = 'fair'" in capsys.readouterr().err
    assert run("solve", folder / "four.toml", "--mechanism", "desinged") == 2
    assert 'did you mean "designed"' in capsys.readouterr().err


@pytest.mark.long
def test_a_sweep_of_a_problem_with_designs_designs(folder, capsys):
    """Costs that differ and do not vary are none that c3d could refuse."""
    head = '[sweep]\nproblem = "four.toml"\n'
    (folder / "sweep.toml").write_text(f"{head}[sweep.parameters]\nprice = [1.0, 2.0]\n")
    assert run("sweep", folder / "sweep.toml", "-o", folder / "results", "--json", "-") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["work"], found["mechanism"], found["statuses"]) == ("design", None, {"OK": 2})
    (folder / "sweep.toml").write_text(f'{head}work = "audit"\n[sweep.parameters]\nprice = [1.0, 2.0]\n')
    assert run("sweep", folder / "sweep.toml", "-o", folder / "results") == 2
    error = capsys.readouterr().err
    assert 'work = \'audit\': must be "design" where the problem\'s mechanism is "designed"' in error
    assert error.count("\n") == 1
