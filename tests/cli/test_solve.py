"""``jaxmech solve``: values, the JSON contract, CSV, plots, exit codes."""

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner, Result

from jaxmech import files
from jaxmech.cli import main
from jaxmech.cli._options import Output
from jaxmech.cli._solve_collaboration import compute

PUBLISHED = {
    "alone": ([55.05, 38.92, 31.62], None),
    "social": ([95.35, 0, 0], [4.195, 1.049, 1.049]),
    "rational": ([71.17, 6.68, 0], [3.633, 1.725, 1.285]),
    "nash": ([35.32, 23.42, 15.73], [2.508, 2.888, 2.916]),
    "egalitarian": ([40.69, 20.35, 13.43], [2.6857, 2.6857, 2.6857]),
    "kalai-smorodinsky": ([27.94, 24.55, 21.98], [2.265, 2.963, 3.541]),
}


def _run(*args: str) -> Result:
    return CliRunner().invoke(main, ["solve", *args])


def _json(*args: str) -> dict:
    result = _run(*args, "--json", "-")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.long
@pytest.mark.parametrize("division", PUBLISHED)
def test_published_values(division):
    samples, penalties = PUBLISHED[division]
    document = _json("three-agents", "--division", division)
    np.testing.assert_allclose(np.ravel(document["target"]["samples"]), samples, atol=0.006)
    if penalties:
        np.testing.assert_allclose(document["target"]["penalty"], penalties, atol=6e-4)
    np.testing.assert_allclose(document["alone"]["penalty"], [3.633, 5.138, 6.325], atol=6e-4)
    assert document["division"] == division


@pytest.fixture(scope="module")
def clinics() -> dict:
    return _json("clinics")


def test_who_writes_an_agreement_is_told_its_fingerprint(tmp_path):
    """In groups, on a line of its own; where nothing is written there is nothing to sign."""
    paths = [tmp_path / "agreement.json", tmp_path / "page.html"]
    for option, path in zip(("--json", "--report"), paths, strict=True):
        told = CliRunner().invoke(main, ["solve", "three-agents", option, str(path)]).stdout.splitlines()[-1]
        seal = told.removeprefix("Fingerprint: ").replace(" ", "")
        assert (len(told), len(seal)) == (80, 64)
        assert seal in path.read_text(encoding="utf-8")
    assert "Fingerprint" not in CliRunner().invoke(main, ["solve", "three-agents"]).stdout


@pytest.mark.parametrize(
    ("document", "told"), [({}, True), ({"integer_plan": {}}, True), ({"integer_plan": None}, False)]
)
def test_nobody_is_asked_to_compare_what_nobody_can_sign(document, told, tmp_path, capsys):
    """Parts of samples are not carried out; a market has no other numbers than those that are."""
    output = Output(json_path=str(tmp_path / "a.json"))
    output.deliver(document=lambda: {**document, "fingerprint": "0" * 64}, text=lambda: "a page\n")
    assert ("Fingerprint" in capsys.readouterr().out) == told


@pytest.mark.long
def test_json_types_and_shapes(clinics):
    m, d = len(clinics["agents"]), len(clinics["distributions"])
    assert clinics["kind"] == "collaboration"
    assert clinics["status"]["name"] == "OK"
    assert clinics["status"]["message"]
    assert set(clinics["settings"]) == {"version", "jax", "device", "dtype", "seed"}
    assert clinics["settings"]["dtype"] == "float64"
    assert clinics["settings"]["seed"] is None
    for part, key in (("alone", "samples"), ("target", "samples"), ("plan", "samples"), ("plan", "alpha")):
        assert np.shape(clinics[part][key]) == (m, d)
    assert np.shape(clinics["plan"]["role"]) == (m, d)
    assert np.shape(clinics["plan"]["penalty"]) == np.shape(clinics["alone"]["penalty"]) == (m,)
    assert isinstance(clinics["plan"]["leverage"], bool)
    assert isinstance(clinics["plan"]["social_penalty"], float)
    assert set(np.ravel(clinics["plan"]["role"])) == {"alone", "receives", "checked"}


@pytest.mark.long
def test_alpha_is_null_where_nothing_is_corrupted_and_infinity_is_a_word(clinics):
    for alphas, roles in zip(clinics["plan"]["alpha"], clinics["plan"]["role"], strict=True):
        for alpha, role in zip(alphas, roles, strict=True):
            assert (alpha is None) == (role != "checked")
    assert clinics["alone"]["penalty"][clinics["agents"].index("Zennor")] == "inf"
    assert "NaN" not in json.dumps(clinics)
    assert "Infinity" not in json.dumps(clinics)


def test_certificates(clinics):
    assert clinics["certificates"]
    for record in (*clinics["certificates"], *clinics["facts"]):
        assert isinstance(record["holds"], bool)
        assert isinstance(record["claim"], str)
        assert isinstance(record["witness"], str)
        assert record["margin"] is None or isinstance(record["margin"], (float, int, str))
        assert record["tolerance"] >= 0
    assert all(record["holds"] for record in clinics["certificates"])


def test_efficiency_and_integer_plan(clinics):
    found = clinics["efficiency"]
    assert set(found) >= {"ratio", "bound", "baseline", "first_best"}
    assert found["ratio"] * found["baseline"] == pytest.approx(clinics["plan"]["social_penalty"])
    assert found["first_best"] <= found["baseline"] <= clinics["plan"]["social_penalty"]
    samples = np.array(clinics["integer_plan"]["samples"])
    np.testing.assert_array_equal(samples, np.round(samples))


def test_csv_holds_the_same_as_json(clinics):
    result = _run("clinics", "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["agent"] for row in rows] == clinics["agents"]
    for k, name in enumerate(clinics["distributions"]):
        assert [float(row[f"{name}: samples"]) for row in rows] == [row[k] for row in clinics["plan"]["samples"]]
        assert [row[f"{name}: role"] for row in rows] == [row[k] for row in clinics["plan"]["role"]]
    assert [float(row["plan penalty"]) for row in rows] == clinics["plan"]["penalty"]
    assert [float(row["alone penalty"]) for row in rows] == [float(p) for p in clinics["alone"]["penalty"]]


def test_a_written_csv_table_of_costs_can_be_read_back(tmp_path, clinics):
    rows = [dict(zip(["name", *clinics["distributions"]], [name, *map(float, costs)], strict=True))
            for name, costs in zip(clinics["agents"], clinics["costs"], strict=True)]  # fmt: skip
    (tmp_path / "costs.csv").write_text(files.csv_text(rows))
    (tmp_path / "mine.toml").write_text('[collaboration]\nsigma = 1.0\ncosts = "costs.csv"\n')
    np.testing.assert_array_equal(
        files.read(str(tmp_path / "mine.toml")).problem.costs, files.read("clinics").problem.costs
    )


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("SVG", b"<?xml"), ("pdf", b"%PDF")])
def test_outputs_are_written_together(suffix, magic, tmp_path):
    targets = [tmp_path / name for name in ("out.json", "out.csv", f"out.{suffix}")]
    flags = [
        part for flag, path in zip(("--json", "--csv", "--plot"), targets, strict=True) for part in (flag, str(path))
    ]
    result = _run("three-agents", *flags)
    assert result.exit_code == 0
    assert "Who collects what" in result.stdout
    assert json.loads(targets[0].read_text())["kind"] == "collaboration"
    assert targets[1].read_text().startswith("agent,")
    assert targets[2].read_bytes().startswith(magic)


def test_quiet_prints_nothing_and_verbose_says_where_the_time_goes(tmp_path):
    assert _run("three-agents", "--quiet").output == ""
    result = _run("three-agents", "--verbose")
    assert "compile + solve" in result.stderr
    assert "Who collects what" in result.stdout


@pytest.mark.long
def test_page_at_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = _run("clinics")
    assert max(len(line) for line in result.stdout.splitlines()) <= 80
    assert "\x1b" not in result.stdout
    for word in ("Northgate", "Zennor", "Why nobody cheats", "Certificates", "The target, in fractions of samples"):
        assert word in result.stdout


@pytest.mark.long
def test_division_and_mechanism_of_the_file_are_the_default(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[collaboration]\nsigma = 10.0\ncosts = [[0.033], [0.066]]\ndivision = "nash"\nmechanism = "pool"\n'
    )
    document = _json(str(path))
    assert (document["division"], document["mechanism"]) == ("nash", "pool")
    assert document["agents"] == ["agent 1", "agent 2"]
    assert document["title"] is None
    other = _json(str(path), "--division", "egalitarian", "--mechanism", "counted-pool")
    assert (other["division"], other["mechanism"]) == ("egalitarian", "counted-pool")


@pytest.mark.long
def test_float32():
    document = _json("three-agents", "--dtype", "float32", "--division", "nash")
    assert document["settings"]["dtype"] == "float32"
    np.testing.assert_allclose(np.ravel(document["target"]["samples"]), PUBLISHED["nash"][0], rtol=1e-3)


@pytest.mark.long
def test_names_with_brackets_are_names(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[collaboration]\nsigma = 10.0\nagents = ["[red]A", "B[/]"]\ncosts = [[0.033], [0.066]]\n')
    result = _run(str(path))
    assert result.exit_code == 0
    assert "[red]A" in result.stdout
    assert "B[/]" in result.stdout


def test_nash_without_work_alone_is_one_line_naming_the_agent():
    result = _run("clinics", "--division", "nash", "--json", "-")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "Thornbury" in result.stderr


def test_failed_status_is_exit_code_1(monkeypatch):
    import dataclasses

    from jaxmech import Status

    def failing(*args):
        return dataclasses.replace(compute(*args), status=Status.STALLED)

    monkeypatch.setattr("jaxmech.cli._solve_collaboration.compute", failing)
    result = _run("three-agents")
    assert result.exit_code == 1
    assert "STALLED" in result.stdout


def test_failed_claim_is_exit_code_1_and_failed_fact_is_not(monkeypatch):
    import dataclasses

    from jaxmech.mechanism import Audit

    for claimed, code in ((True, 1), (False, 0)):
        record = Audit("a claim", False, -1.0, 1e-6, "agent 1", "a formula evaluated", claimed)

        def failing(*args, record=record):
            return dataclasses.replace(compute(*args), certificates=(record,))

        monkeypatch.setattr("jaxmech.cli._solve_collaboration.compute", failing)
        assert _run("three-agents").exit_code == code


def test_sigma_from_measurements_is_reported(tmp_path):
    rows = "\n".join(str(value) for value in np.random.default_rng(0).normal(5.0, 10.0, 200))
    (tmp_path / "rows.csv").write_text(f"x\n{rows}\n")
    section = 'sigma = "rows.csv"\ndistributions = ["x"]\ncosts = [[0.033], [0.066]]\n'
    (tmp_path / "mine.toml").write_text(f"[collaboration]\n{section}")
    document = _json(str(tmp_path / "mine.toml"))
    (found,) = document["sigma_estimates"]
    assert found["count"] == 200
    assert found["sigma"] == document["sigma"][0] == pytest.approx(10.0, rel=0.15)
    assert 0 < found["standard_error"] < 1
    assert "standard error" in _run(str(tmp_path / "mine.toml")).stdout


def test_output_refuses_what_it_could_not_deliver(tmp_path):
    assert Output(plot_path=str(tmp_path / "a.PNG")).suffix == "png"


def test_amounts_too_large_to_be_whole_are_told(tmp_path):
    """No amount is cast to −9223372036854775808."""
    path = tmp_path / "huge.toml"
    path.write_text("[collaboration]\nsigma = 1e19\ncosts = [[0.9], [1.0], [1.1]]\n")
    result = _run(str(path), "--json", str(tmp_path / "huge.json"))
    assert result.exit_code == 0
    assert "too large to be whole numbers of samples" in result.stdout
    assert json.loads((tmp_path / "huge.json").read_text())["integer_plan"] is None
    assert "-9223372036854775808" not in (tmp_path / "huge.json").read_text()


@pytest.mark.slow
def test_equals_under_cbl_are_told_first_what_treats_them_alike():
    text = " ".join(_run("equal-agents", "--mechanism", "cbl").stdout.split())
    told = text.index("All costs are equal")
    assert told < text.index("Who collects what")
    assert "--mechanism designed" in text
    assert "--mechanism c3d" in text
    assert "All costs are equal" not in _run("three-agents").stdout + _run("equal-agents").stdout
