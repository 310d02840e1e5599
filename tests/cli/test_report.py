"""``--report``: from a problem, or from an exchange, to a page."""

import json
import os
import re
import stat

import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech.cli import main
from jaxmech.report import short
from tests.report.pages import Read


def run(*args):
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """Ten equal agents, solved, with a page."""
    folder = tmp_path_factory.mktemp("signed")
    found = run("solve", "equal-agents", "--quiet", "--json", folder / "a.json", "--report", folder / "a.html")
    assert (found.exit_code, found.output) == (0, "")
    return folder


@pytest.mark.long
def test_the_page_carries_the_fingerprint_of_the_agreement(signed):
    document = json.loads((signed / "a.json").read_text())
    text = Read((signed / "a.html").read_text(encoding="utf-8")).text
    assert text.count(document["fingerprint"]) == 12  # at the top, above the signatures, and on ten sheets
    assert document["title"] in text
    assert text.count("signature") == 22  # of each, where all sign and on her sheet; of operator and arbiter


@pytest.mark.long
def test_all_that_is_signed_is_of_the_plan_in_whole_samples(tmp_path):
    """Fractions stand in one section, which says that nobody owes them; the sheets add up to integer_plan."""
    costs = [[factor] for factor in (0.7, 0.75, *[0.9] * 12, 1.0, 1.1, 1.2, 1.3)]
    file = tmp_path / "twenty.toml"
    file.write_text(f'[collaboration]\nsigma = 48.0\ncosts = {costs}\ndivision = "leverage"\n', encoding="utf-8")
    found = run("solve", file, "--quiet", "--json", tmp_path / "a.json", "--report", tmp_path / "a.html")
    assert found.exit_code == 0, found.output
    document, page = (
        json.loads((tmp_path / "a.json").read_text()),
        (tmp_path / "a.html").read_text(encoding="utf-8"),
    )
    target = page[page.index("<h2>The target, in fractions") :]
    target = target[: target.index("</section>")]
    signed, told = Read(page.replace(target, "")).text, Read(target).text
    plan, whole, differ = document["plan"], document["integer_plan"], 0
    for i, name in enumerate(document["agents"]):
        if f"{plan['penalty'][i]:.2f}" != f"{whole['penalty'][i]:.2f}":
            assert not re.search(rf"\b{plan['penalty'][i]:.2f}\b", signed)
            differ += 1
        assert f"{whole['penalty'][i]:.2f}" in signed, name
        count, real = whole["samples"][i][0], plan["samples"][i][0]
        if count:
            assert f"You hand in {count} samples" in signed
            assert count == round(real, 2) or not re.search(rf"\b{real:.2f}\b", signed)
            assert f"{real:.2f}" in told
    assert differ >= 4  # or else the test says nothing
    assert f"In fractions all would pay {short(plan['social_penalty'], 4)}." in told
    assert not re.search(rf"\b{short(plan['social_penalty'], 4)}\b", signed)
    assert "checked" in {role for row in whole["role"] for role in row}
    both = (short(amount, 4) for amount in (whole["social_penalty"], sum(whole["alone_penalty"])))
    assert "pay {} instead of {} alone".format(*both) in signed
    assert all(record["witness"] in signed for record in whole["certificates"])
    assert "nobody owes the numbers of this section" in told


def test_without_a_plan_in_whole_samples_there_is_no_line_to_sign(tmp_path):
    file = tmp_path / "large.toml"
    file.write_text("[collaboration]\nsigma = 1e17\ncosts = [[0.5], [0.6]]\n", encoding="utf-8")
    found = run("solve", file, "--quiet", "--report", tmp_path / "a.html", "--json", tmp_path / "a.json")
    assert found.exit_code == 0, found.output
    text = Read((tmp_path / "a.html").read_text(encoding="utf-8")).text
    assert "signature" not in text
    assert text.count("There is nothing to sign: only a plan in whole samples can be carried out") == 2
    told = json.loads((tmp_path / "a.json").read_text())["warnings"]
    assert [line for line in told if line.startswith("there is no plan in whole samples")]


@pytest.mark.parametrize(
    "command", [["data-market"], ["competitors"], ["market-growth"], ["equal-agents", "--mechanism", "pool"]]
)
def test_every_kind_of_problem_has_a_page(command, tmp_path):
    found = run("solve", *command, "--quiet", "--report", tmp_path / "p.html")
    assert found.exit_code == 0, found.output
    read = Read((tmp_path / "p.html").read_text(encoding="utf-8"))
    assert (read.open, read.broken) == ([], [])
    assert "What is not promised" in read.text
    assert "svg" in read.tags


def test_the_same_problem_gives_the_same_page(signed, tmp_path):
    run("solve", "equal-agents", "--quiet", "--report", tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == (signed / "a.html").read_bytes()


@pytest.mark.parametrize("name", ["page.txt", "page", "-", "page.html.gz"])
def test_what_no_browser_takes_for_a_page_is_refused(name, tmp_path):
    found = run("solve", "three-agents", "--report", name)
    assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (2, "", 1)
    assert "--report" in found.stderr


def test_the_page_replaces_nothing_that_is_read_and_no_other_output(tmp_path):
    problem = tmp_path / "mine.html"
    problem.write_text(run("examples", "three-agents").stdout)
    before = problem.read_bytes()
    found = run("solve", problem, "--report", problem)
    assert (found.exit_code, problem.read_bytes()) == (2, before)
    both = tmp_path / "both.html"
    found = run("solve", "three-agents", "--json", both, "--report", both)
    assert (found.exit_code, both.exists()) == (2, False)


def hand_in(folder, names):
    (folder / "in").mkdir()
    draws = {name: np.random.default_rng(i).normal(123.0, 1.0, 4).tolist() for i, name in enumerate(names[:-1])}
    for name, values in draws.items():
        (folder / "in" / f"{name}.csv").write_text("mean\n" + "".join(f"{value!r}\n" for value in values))
    return draws


def test_an_exchange_has_a_page_without_a_value_that_anybody_measured(signed, tmp_path):
    document = json.loads((signed / "a.json").read_text())
    draws = hand_in(tmp_path, document["agents"])
    found = run("run", signed / "a.json", tmp_path / "in", "-o", tmp_path / "out", "--report", tmp_path / "r.html")
    assert found.exit_code == 0, found.output
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    text = Read(page).text
    assert stat.S_IMODE(os.stat(tmp_path / "r.html").st_mode) == 0o600
    assert page.count('class="party"') == len(document["agents"])
    assert "3 (agreed: 3; 1 left out)" in text
    assert f"{document['agents'][-1]} handed in nothing" in text
    assert "123." not in text
    for values in draws.values():
        assert not any(repr(value)[:6] in page for value in values)
    assert json.loads((tmp_path / "out" / "operator.json").read_text())["secret"] not in page


@pytest.mark.parametrize("target", ["in/page.html", "out/page.html"])
def test_the_page_of_an_exchange_goes_neither_to_the_files_nor_to_the_returns(target, signed, tmp_path):
    hand_in(tmp_path, json.loads((signed / "a.json").read_text())["agents"])
    found = run("run", signed / "a.json", tmp_path / "in", "-o", tmp_path / "out", "--report", tmp_path / target)
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_an_audit_has_a_page(tmp_path):
    found = run("audit", "three-agents", "--replications", 512, "--quiet", "--report", tmp_path / "p.html")
    assert found.exit_code in (0, 1)
    text = Read((tmp_path / "p.html").read_text(encoding="utf-8")).text
    assert "Regret: what each agent could gain" in text
    assert "what was not tried is not excluded" in text


@pytest.mark.long
def test_limits_are_told_to_all_and_to_whom_they_bind_and_nothing_saved_is_nothing(tmp_path):
    """Birch works alone and saves nothing: 0, not a rounding error; her sheet says which amount is her best."""
    file = tmp_path / "limits.toml"
    file.write_text(
        '[collaboration]\nagents = ["Aspen", "Birch", "Cedar", "Damson", "Elm"]\ndistributions = ["x", "y"]\n'
        "sigma = [3.0, 0.4]\nprice = 1000.0\n"
        "costs = [[2.0, 2.5], [2.2, 2.2], [2.4, inf], [3.0, 3.0], [3.5, 2.0]]\n"
        'most = [inf, inf, inf, inf, 40]\nleast = [[5, 0], [0, 0], [0, 0], [0, 0], [0, 0]]\ndivision = "leverage"\n',
        encoding="utf-8",
    )
    assert run("solve", file, "--quiet", "--report", tmp_path / "a.html").exit_code == 0
    page = Read((tmp_path / "a.html").read_text(encoding="utf-8")).text
    assert "Aspen: at least 5 samples of x; Elm: at most 40 samples of x, at most 40 samples of y" in page
    assert page.count("Agreed for you:") == 2
    assert "Birch is alone on everything: gets back only what she collects, and 9 of y is her own best" in page
    assert not re.search(r"\de-1\d", page)
