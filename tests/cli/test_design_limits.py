"""Designs within limits on the command line: signed, carried out, verified, audited; refused in one line."""

import csv
import json
import shutil

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech import schemas
from jaxmech._json import fingerprint, json_text
from jaxmech.cli import main

pytestmark = pytest.mark.usefixtures("compile_quickly")

PROBLEM = """
[collaboration]
title = "Four within limits"
agents = ["Ann", "Bob", "Cid", "Dot"]
distributions = ["iron"]
sigma = 1.0
costs = [[0.001], [0.002], [0.003], [0.004]]
most = [5, 7, 40, 40]
least = [[0], [0], [0], [12]]
mechanism = "designed"
"""


def run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


def write(folder, parties, counts, seed=0, more=()):
    """Files of everybody; ``more``: parties who hand in one point too many."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for name, (count,) in zip(parties, counts, strict=True):
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["iron"])
            rows.writerows([[f"{value:.6f}"] for value in rng.normal(3.0, 1.0, count + (name in more))])


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits")
    (folder / "four.toml").write_text(PROBLEM)
    files = "--json", folder / "agreement.json", "--report", folder / "page.html", "--csv", folder / "rows.csv"
    found = run("design", folder / "four.toml", "--whole", *files)
    assert found.exit_code == 0, found.output
    return folder, json.loads((folder / "agreement.json").read_text(encoding="utf-8")), found.output


@pytest.mark.long
def test_the_document_and_the_page_keep_the_limits(signed):
    folder, document, page = signed
    jsonschema.validate(document, schemas.load("design"))
    samples = np.array(document["integer_plan"]["samples"])
    assert np.all(samples[:, 0] <= [5, 7, 40, 40])
    assert samples[3, 0] >= 12
    assert document["problem"]["most"] == [[5], [7], [40], [40]]
    assert document["problem"]["least"] == [[0], [0], [0], [12]]
    assert all(row["holds"] for row in document["certificates"])
    assert (
        document["efficiency"]["first_best"]
        <= document["plan"]["social_penalty"]
        <= document["published"]["social_penalty"] * (1 + 1e-6)
    )
    assert document["family_bound"] <= document["plan"]["social_penalty"] * (1 + 1e-9)
    assert "Receives everything clean and collects some all the same" in page
    assert "collects some all the same" in (folder / "page.html").read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.parametrize("more", [(), ("Cid",)], ids=["as agreed", "one point more"])
def test_it_is_carried_out_and_verified(signed, tmp_path, more):
    folder, document, _ = signed
    agreement, given, returns = folder / "agreement.json", tmp_path / "given", tmp_path / "returns"
    write(given, document["agents"], document["integer_plan"]["samples"], more=more)
    done = run("run", agreement, given, "-o", returns, "--seed", 3)
    assert done.exit_code == 0, done.output
    checked = run("verify", returns, agreement, "--submissions", given)
    assert checked.exit_code == 0, checked.output
    for name in document["agents"]:
        mine = tmp_path / f"of {name}"
        mine.mkdir()
        shutil.copy(given / f"{name}.csv", mine)
        hers = run("verify", returns, agreement, "--party", name, "--submissions", mine)
        assert hers.exit_code == 0, hers.output


@pytest.mark.long
def test_who_verifies_notices_amounts_outside_the_limits(signed, tmp_path):
    folder, document, _ = signed
    given, returns = tmp_path / "given", tmp_path / "returns"
    write(given, document["agents"], document["integer_plan"]["samples"])
    forged = json.loads((folder / "agreement.json").read_text(encoding="utf-8"))
    forged["problem"]["most"] = [[4], [7], [40], [40]]
    forged["fingerprint"] = fingerprint(forged)
    (tmp_path / "forged.json").write_text(json_text(forged), encoding="utf-8")
    run("run", tmp_path / "forged.json", given, "-o", returns, "--seed", 3)
    checked = run("verify", returns, tmp_path / "forged.json", "--submissions", given)
    assert checked.exit_code == 1
    assert "Ann is asked for more or less than most, least and budget allow" in checked.output


@pytest.mark.slow
def test_audit_and_simulation_know_the_limits(signed):
    folder, _, _ = signed
    audited = run("audit", folder / "four.toml", "--json", folder / "audit.json", "--quiet")
    assert audited.exit_code == 0, audited.output
    document = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    assert all(row["regret_found"] <= row["regret_bound"] + 4 * 1e-4 for row in document["agents"])
    assert all(row["regret_bound"] <= 1e-7 for row in document["agents"])
    assert run("simulate", folder / "four.toml", "--quiet").exit_code == 0


PANEL = """
[collaboration]
distributions = ["weight", "lipids"]
panels = { lipids = ["LDL", "HDL", "TG"] }
sigma = 1.0
costs = [[0.01, 0.02], [0.02, 0.01]]
most = 5
"""
TWO = """
[collaboration]
sigma = 1.0
costs = [[0.01, 0.01], [0.02, 0.01]]
"""


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        (TWO + "budget = [0.1, inf]\n", (), "budget[0] = 0.1"),
        (TWO + "most = 5\nprice = [[1.0, 2.0], [1.0, 1.0]]\n", (), "price ="),
        (TWO.replace("sigma = 1.0", "sigma = [[1.0, 2.0], [1.0, 1.0]]") + "most = 5\n", (), "sigma ="),
        (TWO + "most = 5\n", ("--calibrated",), "most ="),
        (TWO + "most = 5\n", ("--ellipsoid",), "ellipsoid ="),
        (TWO + "most = 5.5\nleast = 5.2\n", (), "most[0][0] = 5.5"),
        (PANEL, (), "most ="),
    ],
    ids=["budget", "price", "sigma", "calibrated", "ellipsoid", "whole", "panel"],
)
def test_what_goes_with_no_limits_is_refused_in_one_line(tmp_path, text, options, told):
    (tmp_path / "p.toml").write_text(text, encoding="utf-8")
    found = run("design", tmp_path / "p.toml", "--json", "-", *options)
    assert found.exit_code == 2, found.output
    assert found.stdout == ""
    (line,) = found.stderr.strip().splitlines()
    assert told in line
