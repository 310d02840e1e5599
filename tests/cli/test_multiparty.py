"""``jaxmech solve`` and ``reproduce`` for competitors: pages, documents, rows, plots, exit codes."""

import csv
import io
import json

import numpy as np
import pytest
from click.testing import CliRunner

from jaxmech.catalog.experiments import payments_by_agents, payments_by_type
from jaxmech.cli import main
from tests.oracles import multiparty as oracle

MARKET = '[multiparty]\nvaluation = "market-growth"\ngrowth = {growth}\nagents = {agents}\ndisparity = {disparity}\n'


def run(*args, code=0):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == code, result.stdout + result.stderr
    return result


def document(*args, code=0):
    return json.loads(run(*args, "--json", "-", code=code).stdout)


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def market(tmp_path, growth, disparity, agents=2):
    return written(tmp_path, MARKET.format(growth=growth, agents=agents, disparity=disparity))


class TestPlans:
    def test_document(self):
        found = document("solve", "competitors")
        assert found["kind"] == "multiparty"
        assert found["status"]["name"] == "OK"
        table = found["externality"]
        reference = oracle.Market(
            3, oracle.linear_market(table), oracle.logistic, oracle.best_where_harmless(oracle.logistic, table)
        )
        types = found["types"]
        for i in range(3):
            assert found["payment"][i] == pytest.approx(reference.exploitation(i, types), abs=1e-12)
            assert found["utility"][i] == pytest.approx(reference.away(i, types), abs=1e-12)
        assert found["welfare"] == pytest.approx(sum(found["value"]))
        assert found["revenue"] == pytest.approx(sum(found["payment"]))
        assert found["quality"][2] == pytest.approx(oracle.logistic(0.3))
        assert found["allocation"][2] == 0
        assert [record["claim"] for record in found["certificates"]] == [
            "as the mechanism prescribes",
            "incentive compatible",
            "individually rational",
            "efficient",
            "largest revenue",
        ]
        assert all(record["holds"] for record in found["certificates"])
        assert found["facts"][0]["claim"] == "weakly budget balanced"

    def test_page(self):
        page = run("solve", "competitors").stdout
        assert "2 of 3 get\nthe best model" in page or "2 of 3 get the best model" in page
        assert "All 5 claims hold." in " ".join(page.split())
        assert "they are left with 0.4667, less than if nobody shared" in " ".join(page.split())
        assert "Copycat is handed no model" in page

    def test_free_among_competitors_fails_its_claim(self):
        found = document("solve", "competitors", "--mechanism", "free", code=1)
        failed = [record["claim"] for record in found["certificates"] if not record["holds"]]
        assert failed == ["incentive compatible"]
        assert found["payment"] == [0, 0, 0]

    def test_an_own_effect_below_zero_fails(self, tmp_path):
        text = "[multiparty]\ntypes = [0.5, 1.0]\nexternality = [[-0.5, 0.1], [0.9, 1.0]]\n"
        page = run("solve", written(tmp_path, text), code=1).stdout
        assert "Fails: incentive compatible." in page
        assert "her own model harms her" in " ".join(page.split())

    @pytest.mark.long
    def test_rows(self):
        rows = list(csv.DictReader(io.StringIO(run("solve", "competitors", "--csv", "-").stdout)))
        assert [row["agent"] for row in rows] == ["Incumbent", "Challenger", "Copycat"]
        assert float(rows[0]["payment"]) == pytest.approx(0.153811, abs=1e-6)

    @pytest.mark.slow
    def test_many_agents_are_cut_short(self, tmp_path):
        n = 50
        text = f"[multiparty]\ntypes = {[0.1] * n}\nexternality = {np.eye(n).tolist()}\n"
        path = written(tmp_path, text)
        assert "10 more: --verbose" in run("solve", path).stdout
        assert "agent 50" in run("solve", path, "--verbose").stdout


class TestExistence:
    def test_document(self):
        found = document("solve", "market-growth")
        assert found["exists"] is True
        assert found["disparity"] == 30
        assert found["witness"] is None
        assert found["margin"] > 0
        assert found["deciding"]["types"] == [30, 0]
        assert found["deciding"]["chain"]["types"] == [1, 2, 3, 5, 9, 17, 30]
        assert np.shape(found["payment"]) == (2, 31, 31)
        assert len(found["certificates"]) == 4
        assert all(record["holds"] for record in found["certificates"])

    def test_no_mechanism_is_an_answer(self, tmp_path):
        """Exit code 0: nothing that is claimed fails."""
        found = document("solve", market(tmp_path, -0.7, 39))
        assert found["exists"] is False
        assert found["witness"] == [39, 0]
        assert found["deciding"]["revenue"] < 0
        assert [record["claim"] for record in found["facts"]] == ["weakly budget balanced"]
        assert not found["facts"][0]["holds"]
        page = run("solve", market(tmp_path, -0.7, 39)).stdout
        assert "No desirable mechanism exists: at sizes (39, 0)" in page
        assert "must be paid at least 0.384" in " ".join(page.split())

    @pytest.mark.slow
    def test_numbers_that_overflow_give_no_verdict(self, tmp_path):
        for extra in ((), ("--boundary",)):
            found = document("solve", market(tmp_path, 1e308, 3), *extra, code=1)
            assert found["status"]["name"] == "NONFINITE"
            assert found["exists"] is None
            assert found["witness"] is None

    @pytest.mark.long
    def test_many_profiles_have_certificates_too(self, tmp_path):
        found = document("solve", market(tmp_path, -0.6, 250))
        assert [record["claim"] for record in found["certificates"]] == [
            "incentive compatible",
            "individually rational",
            "efficient",
            "weakly budget balanced",
        ]
        assert all(record["holds"] for record in found["certificates"])
        assert "of 15,876,252 downward reports" in " ".join(found["certificates"][0]["effort"].split())

    def test_three_agents(self, tmp_path):
        found = document("solve", market(tmp_path, -0.8, 10, agents=3))
        assert found["exists"] is False
        assert found["witness"] == [10, 0, 0]

    def test_rows(self, tmp_path):
        rows = list(csv.DictReader(io.StringIO(run("solve", market(tmp_path, -1, 2), "--csv", "-").stdout)))
        assert len(rows) == 9
        assert sum(float(row["revenue"]) < -1e-12 for row in rows) == 2

    def test_too_many_profiles(self, tmp_path):
        message = run("solve", market(tmp_path, -0.7, 20_000), code=2).stderr
        assert "6.0 GB" in message
        assert "--boundary" in message
        assert message.count("\n") == 1

    def test_missing_disparity(self, tmp_path):
        text = MARKET.format(growth=-0.7, agents=2, disparity=1).replace("disparity = 1\n", "")
        path = written(tmp_path, text)
        assert "disparity" in run("solve", path, code=2).stderr
        assert document("solve", path, "--boundary")["largest_disparity"] == 38


class TestBoundary:
    def test_document(self):
        found = document("solve", "market-growth", "--boundary")
        assert found["largest_disparity"] == 38
        assert found["searched_to"] == 39
        assert found["exists"] is True
        assert found["witness"] == [39, 0]
        assert found["chain"] == [1, 2, 3, 5, 8, 14, 23, 39]
        assert found["margin"] > 0 > found["margin_beyond"]
        assert found["critical_growth"] == pytest.approx(-0.660911, abs=1e-6)
        assert [record["holds"] for record in found["certificates"]] == [True]

    def test_nothing_found(self, tmp_path):
        path = market(tmp_path, -0.663, 500)
        found = document("solve", path, "--boundary", "--up-to", 300)
        assert found["largest_disparity"] is None
        assert found["searched_to"] == 300
        assert found["unbounded"] is False
        assert found["exists"] is None
        assert found["witness"] is None
        printed = run("solve", path, "--boundary", "--up-to", 300).stdout
        assert "--up-to searches further" in " ".join(printed.split())

    def test_every_disparity(self, tmp_path):
        path = market(tmp_path, -0.5, 500)
        found = document("solve", path, "--boundary", "--up-to", 300)
        assert found["largest_disparity"] is None
        assert found["unbounded"] is True
        assert found["exists"] is True
        assert "at every disparity, however large" in run("solve", path, "--boundary", "--up-to", 300).stdout

    def test_rows(self):
        rows = list(csv.DictReader(io.StringIO(run("solve", "market-growth", "--boundary", "--csv", "-").stdout)))
        assert len(rows) == 39
        assert float(rows[-1]["revenue over market"]) < 0 < float(rows[-2]["revenue over market"])


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("competitors", "--boundary"), "--boundary"),
        (("competitors", "--division", "nash"), "--division"),
        (("competitors", "--mechanism", "cbl"), "exploitation, free"),
        (("market-growth", "--mechanism", "free"), "--mechanism"),
        (("market-growth", "--up-to", "5"), "--up-to"),
        (("market-growth", "--boundary", "--up-to", "0"), "--up-to = 0: must be a whole number from 1"),
        (("clinics", "--boundary"), "--boundary"),
        (("clinics", "--up-to", "5"), "--up-to"),
    ],
)
def test_options_that_mean_nothing(arguments, part):
    result = run("solve", *arguments, code=2)
    assert part in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [("competitors",), ("market-growth",), ("market-growth", "--boundary")])
def test_plots(arguments, tmp_path):
    for suffix in ("png", "svg"):
        path = tmp_path / f"plot.{suffix}"
        run("solve", *arguments, "--plot", path, "--quiet")
        assert path.stat().st_size > 5000


@pytest.mark.long
def test_plots_of_three_agents_show_two(tmp_path):
    path = tmp_path / "plot.svg"
    run("solve", market(tmp_path, -0.9, 4, agents=3), "--plot", path, "--quiet")
    assert "all others at 0" in path.read_text(encoding="utf-8")


def test_float32():
    found = document("solve", "competitors", "--dtype", "float32")
    assert found["revenue"] == pytest.approx(document("solve", "competitors")["revenue"], abs=1e-5)


class TestFigures:
    def test_by_agents(self):
        """The mean quality by a second way: sums of uniform types."""
        found = payments_by_agents(own_harmless=True, draws=500)
        generator = np.random.default_rng(9)
        for n in (2, 12):
            quality = np.tanh(generator.uniform(0, 1, (40_000, n)).sum(axis=1) / 2)
            where = found.axis == n
            assert found.mean["quality"][where][0] == pytest.approx(
                quality.mean(), abs=5 * found.error["quality"][where][0] + 5 * quality.std() / 200
            )

    def test_by_type(self):
        """Against means in closed form: E[a_ii] = 1/2, so that agent 1 of type 1 is left Q(1)/2 when 2 has nothing."""
        found = payments_by_type(own_harmless=True, draws=3000)
        assert found.mean["uti_1"][0] == pytest.approx(np.tanh(0.5) / 2, abs=5 * found.error["uti_1"][0])
        assert abs(found.mean["uti_2"][0]) < 5 * found.error["uti_2"][0] + 1e-12
        last = np.tanh(1.0) / 2
        assert found.mean["uti_2"][-1] == pytest.approx(last, abs=5 * found.error["uti_2"][-1])

    @pytest.mark.parametrize("name", ["competitors-figure-1", "competitors-figure-2"])
    def test_the_paper_is_confirmed(self, name, tmp_path):
        path = tmp_path / "figure.svg"
        found = document("reproduce", name, "--plot", path)
        assert found["agrees"] is True
        assert len(found["statements"]) >= 2
        assert path.stat().st_size > 5000

    @pytest.mark.slow
    def test_figure_3(self, tmp_path):
        path = tmp_path / "figure.svg"
        found = document("reproduce", "competitors-figure-3", "--plot", path)
        assert found["agrees"] is True
        largest = {(row["agents"], row["growth"]): row["largest disparity"] for row in found["points"]}
        assert largest[2, -0.668] == 2974
        assert largest[2, -0.664] == 30355
        assert largest[3, -0.722] == 96186
