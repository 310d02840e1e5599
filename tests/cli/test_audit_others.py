"""``jaxmech audit`` on markets and competitors: documents, pages, exit codes, wrong inputs."""

import json

import jsonschema
import pytest
from click.testing import CliRunner

from jaxmech import ProblemError, files, market, schemas
from jaxmech.cli import main
from jaxmech.cli._solve_market import plan_of, solution_of

pytestmark = pytest.mark.usefixtures("compile_quickly")

MARKET = """
[market]
sigma = 1.0
contributor_costs = {costs}
contributors = ["Ann", "Bo"]
[[market.buyers]]
name = "lab"
count = 3
valuation = "table"
values = [0.0, 0.5, 0.6]
[[market.buyers]]
name = "office"
valuation = "table"
values = [0.0, 0.3, 0.9]
"""
BOUNDED = """
[market]
sigma = 1.0
contributor_costs = [0.01, 0.02]
chances = { negative_price = 0.1 }
[[market.buyers]]
name = "lab"
count = 3
valuation = "exponential"
scale = 0.3
[[market.buyers]]
name = "office"
valuation = "exponential"
scale = 0.2
value = 0.6
"""
GROWTH = '[multiparty]\nvaluation = "market-growth"\ngrowth = -0.7\ndisparity = {disparity}\n'


def run(*args, code=0):
    result = CliRunner().invoke(main, ["audit", *[str(arg) for arg in args]])
    assert result.exit_code == code, result.stdout + result.stderr
    return result


def document(*args, code=0):
    found = json.loads(run(*args, "--json", "-", code=code).stdout)
    jsonschema.validate(found, schemas.load("audit"))
    return found


@pytest.fixture
def write(tmp_path):
    def put(text):
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return tmp_path / "mine.toml"

    return put


class TestCompetitors:
    def test_document(self):
        found = document("competitors")
        assert (found["problem"], found["measure"], found["settings"]["seed"]) == ("multiparty", "gain", None)
        assert found["unit"] is None
        assert [agent["name"] for agent in found["agents"]] == ["Incumbent", "Challenger", "Copycat"]
        for agent in found["agents"]:
            assert agent["role"] == "competitor"
            assert (agent["regret_found"], agent["regret_bound"]) == (0, pytest.approx(0, abs=1e-15))
            assert agent["deviation"]["family"] == "the truth"
            assert agent["deviation"]["standard_error"] == 0

    def test_free_models_are_refuted(self, tmp_path):
        paths = {option: tmp_path / f"out.{option}" for option in ("csv", "html", "svg")}
        result = run(
            "competitors", "--mechanism", "free", "--json", tmp_path / "out.json", "--csv", paths["csv"],
            "--report", paths["html"], "--plot", paths["svg"], code=1,
        )  # fmt: skip
        found = json.loads((tmp_path / "out.json").read_text())
        first = found["agents"][0]
        # She reports nothing and uses her own model: then the others' models, which harm her, are worse.
        assert first["deviation"]["parameters"] == {"report": 0, "type": 1.2, "model": "her own model"}
        assert first["regret_found"] == pytest.approx(first["regret_bound"], rel=1e-2)
        assert first["regret_found"] > 0.05
        page = " ".join(result.stdout.split())
        assert "1 of 3 would gain by cheating, most of all Incumbent" in page
        assert "simulated" not in page
        assert len(paths["csv"].read_text().splitlines()) == 4
        assert "<svg" in paths["svg"].read_text()
        assert "Incumbent" in paths["html"].read_text()

    def test_the_witness_of_existence(self, write):
        found = document(write(GROWTH.format(disparity=5)))
        assert [agent["regret_found"] for agent in found["agents"]] == [0, 0]
        assert [agent["regret_bound"] for agent in found["agents"]] == [0, 0]
        assert len(found["certificates"]) == 4


class TestMarkets:
    def test_no_trade(self, write):
        found = document(write(MARKET.format(costs='[5.0, 6.0]\nunit = "EUR"')))
        assert found["unit"] == "EUR"
        assert [agent["role"] for agent in found["agents"]] == ["contributor"] * 2 + ["buyer"] * 2
        assert all(agent["regret_found"] == 0 for agent in found["agents"])

    def test_bounds_on_chances_are_about_the_market_itself(self, write):
        """With a lab taken for an office none keeps 0.1; the second sample is that of the plan, where it fits."""
        case = files.read(str(write(BOUNDED)))
        plan = solution_of(case, "exact").value
        second = int(plan.samples.min())
        costs, buyers = case.problem.contributor_costs, [market.Buyer(case.problem.valuations[0], 2, "lab")]
        taken = market.Problem(costs, 1.0, [*buyers, market.Buyer(case.problem.valuations[1], 2, "office")])
        with pytest.raises(ProblemError, match="no second sample keeps it so low"):
            market.second_within(market.frontier(taken, market.solve(taken).value), case.chances)
        assert second > 1
        assert int(plan_of(case, "exact", taken, second).samples.min()) == second
        most = plan_of(case, "exact", taken, 10**6)
        assert int(most.samples.min()) == int(most.total) // 2

    @pytest.mark.long
    def test_a_market_with_bounds_is_solved_again_for_names(self, write, monkeypatch):
        examine = market.examine

        def without_search(problem, plan, key, *, settings, solve_again):
            return examine(problem, plan, solve_again=solve_again)

        monkeypatch.setattr(market, "examine", without_search)
        found = document(write(BOUNDED))
        assert "types need not be known" in {fact["claim"] for fact in found["facts"]}

    @pytest.mark.slow
    def test_document_and_page(self, write, tmp_path):
        path = write(MARKET.format(costs="[0.1, 0.15]"))
        result = run(path, "--replications", 2048, "--seed", 3, "--json", tmp_path / "out.json")
        found = json.loads((tmp_path / "out.json").read_text())
        jsonschema.validate(found, schemas.load("audit"))
        assert found["settings"]["seed"] == 3
        assert "types need not be known" in {fact["claim"] for fact in found["facts"]}
        assert "no profitable deviation found" in {record["claim"] for record in found["certificates"]}
        for agent in found["agents"]:
            assert agent["regret_found"] == 0
            assert agent["regret_bound"] == pytest.approx(0, abs=1e-9)
        for agent in found["agents"][:2]:
            off = abs(agent["simulated"] - agent["promised"])
            assert off < 5 * agent["simulated_standard_error"]
        assert "it is proven that nobody can" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (GROWTH.format(disparity=39), [], "no desirable mechanism exists here"),
        (GROWTH.format(disparity=39).replace("disparity = 39", ""), [], "disparity = 'nothing': must be given"),
        (GROWTH.format(disparity=5), ["--mechanism", "free"], "--mechanism = 'free': means nothing"),
        (GROWTH.format(disparity=5), ["--replications", "512"], "--replications = 512: means nothing here"),
        (MARKET.format(costs="[0.1, 0.2]"), ["--division", "nash"], "--division = 'nash': means nothing"),
        (MARKET.format(costs="[0.1, -0.2]"), [], "contributor_costs[1] = -0.2"),
        (MARKET.format(costs="[0.1, 0.2]"), ["--seed", "-1"], "--seed = -1"),
    ],
    ids=str,
)
def test_wrong_inputs_are_one_line(write, text, options, message):
    result = run(write(text), *options, "--json", "-", code=2)
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_unknown_mechanism_is_named():
    assert 'did you mean "free"' in run("competitors", "--mechanism", "fre", code=2).stderr
