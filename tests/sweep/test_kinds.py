"""Sweeps over markets and competitors: rows against solves one by one, and what is refused."""

import numpy as np
import pytest

from jaxmech import ProblemError, market, multiparty
from jaxmech.sweep import Sweep, run
from jaxmech.sweep._market import Market
from jaxmech.sweep._multiparty import Competitors
from tests.oracles import multiparty as oracle
from tests.sweep.sweeps import content, frame

BUYERS = [
    market.Buyer(market.exponential(0.5, 0.3), 3, "lab"),
    market.Buyer(market.table([0.0, 0.4, 0.7, 0.9]), 2, "office"),
]
SHOP = market.Problem([0.02, 0.03, 0.05], 1.0, BUYERS, ["A", "B", "C"])
TABLE = np.array([[1.0, -0.4, -0.7], [-0.3, 1.0, -0.6], [0.1, -0.1, 0.9]])
FIRMS = multiparty.Problem([1.2, 0.8, 0.3], multiparty.Linear(TABLE), agents=["A", "B", "C"])
SPREAD = {"distribution": "lognormal", "spread": 0.3}


class TestMarkets:
    @pytest.fixture(scope="class")
    @classmethod
    def rows(cls, tmp_path_factory):
        varies = {
            "sigma": [0.8, 1.2],
            "contributor_costs": SPREAD,
            "scale": {"distribution": "uniform", "from": 0.3, "to": 0.6},
            "value[lab]": [0.3, 0.9],
            "count[office]": [2.0],
        }
        directory = tmp_path_factory.mktemp("market")
        sweep = Sweep(SHOP, varies, draws=6, seed=2, keep=Market.keep, shard=10, sizes=1000)
        assert run(sweep, directory).statuses == {"OK": 24}
        return directory, sweep, frame(directory)

    @pytest.mark.long
    def test_are_those_of_a_solve_of_each(self, rows):
        _, _, found = rows
        for index in range(0, 24, 5):
            row = {name: values[index] for name, values in found.items()}
            buyers = [
                market.Buyer(market.exponential(row["scale"], row["value[lab]"]), 3, "lab"),
                market.Buyer(market.table([0.0, 0.4, 0.7, 0.9]), 2, "office"),
            ]
            costs = [row[f"contributor_costs[{name}]"] for name in "ABC"]
            problem = market.Problem(costs, row["sigma"], buyers)
            plan = market.solve(problem).value  # every size, by another search
            for name in ("profit", "revenue", "total", "optimum", "profit_bound"):
                assert row[name] == pytest.approx(float(getattr(plan, name)), rel=1e-9), name
            for j, name in enumerate(("lab", "office")):
                assert row[f"prices[{name}]"] == pytest.approx(float(plan.prices[j]), rel=1e-9)
            assert row["sizes[lab]"] == plan.sizes[0]  # for the office many sizes are worth the same
            for i, name in enumerate("ABC"):
                assert row[f"samples[{name}]"] == plan.samples[i]

    @pytest.mark.long
    def test_tables_keep_their_values(self, rows):
        _, sweep, found = rows
        assert "scale" in sweep.parameter_names  # of the one buyer who has any
        assert not any("office" in name and name.startswith("scale") for name in found)

    def test_resumed_ends_with_the_same_bytes(self, rows, tmp_path):
        directory, sweep, _ = rows
        before = content(directory)
        (directory / "part-00001.parquet").unlink()
        summary = run(sweep, directory)
        assert summary.found == 14
        assert content(directory) == before
        assert summary.worst == int(np.argmin(frame(directory)["profit"]))
        assert set(summary.quantiles) == {"profit", "revenue"}
        assert np.isnan(summary.leverage)

    @pytest.mark.long
    def test_a_menu_that_ends_too_early_is_told(self, tmp_path):
        """A cost that falls by a hundred makes more points pay than the menu has: that row alone says so."""
        summary = run(Sweep(SHOP, {"contributor_costs[A]": [0.02, 2e-4]}, sizes=400), tmp_path)
        assert frame(tmp_path)["status"].tolist() == ["OK", "MAX_STEPS"]
        assert summary.failed == 1

    def test_long_menus_are_spread_evenly_in_their_logarithm(self):
        menu = Market(SHOP, sizes=20).menu
        assert menu[:3].tolist() == [0, 1, 2]
        assert menu[-1] == 4 * market.most_useful(SHOP)
        assert len(menu) <= 22
        assert Market(SHOP, sizes=20, limit=7).menu.tolist() == list(range(8))

    def test_values_may_exceed_1_where_money_has_a_unit(self):
        varies = {"value[lab]": [0.3, 20.0]}
        with pytest.raises(ProblemError, match=r"must be in \(0, 1\]"):
            Sweep(SHOP, varies)
        assert Sweep(SHOP, varies, most=np.inf).instances == 2
        with pytest.raises(ProblemError, match="must be positive and finite"):
            Sweep(SHOP, {"value[lab]": [np.inf]}, most=np.inf)
        with pytest.raises(ProblemError, match="means nothing for a problem of kind"):
            Sweep(FIRMS, {"types": [0.5]}, most=np.inf)


class TestCompetitors:
    @pytest.fixture(scope="class")
    @classmethod
    def rows(cls, tmp_path_factory):
        varies = {
            "externality": {"distribution": "uniform", "from": -1, "to": 1},
            "externality[A]": [-0.5, 0.0, 0.5],
            "types[C]": [0.0, 0.3],
        }
        directory = tmp_path_factory.mktemp("firms")
        assert run(Sweep(FIRMS, varies, draws=4, keep=Competitors.keep), directory).statuses == {"OK": 24}
        return frame(directory)

    def test_are_those_of_an_oracle(self, rows):
        for index in range(0, 24, 3):
            row = {name: values[index] for name, values in rows.items()}
            table = [[row.get(f"externality[{i}][{j}]", row["externality[A]"]) for j in "ABC"] for i in "ABC"]
            types = [1.2, 0.8, row["types[C]"]]
            quality = oracle.logistic
            firms = oracle.Market(3, oracle.linear_market(table), quality, oracle.best_where_harmless(quality, table))
            for i, name in enumerate("ABC"):
                assert row[f"payment[{name}]"] == pytest.approx(firms.exploitation(i, types), abs=1e-12)
                assert row[f"utility[{name}]"] == pytest.approx(firms.away(i, types), abs=1e-12)
                best, _ = oracle.best_report(firms, i, types, firms.exploitation, 400)
                assert row[f"regret[{name}]"] == pytest.approx(best, abs=1e-4)
            welfare = sum(firms.value(i, types, types) for i in range(3))
            assert row["welfare"] == pytest.approx(welfare, abs=1e-12)
            assert row["apart"] == pytest.approx(sum(firms.earn([quality(t) for t in types])), abs=1e-12)

    def test_free(self, tmp_path):
        run(Sweep(FIRMS, {"types": [0.5, 1.0]}, mechanism="free"), tmp_path)
        assert np.all(frame(tmp_path)["revenue"] == 0)


class TestGrowth:
    def test_existence_by_growth(self, tmp_path):
        space = multiparty.market_growth(-0.7, 2, 30)
        growth = [-1.0, -0.75, -0.7, -0.5]
        summary = run(Sweep(space, {"growth": growth}), tmp_path)
        rows = frame(tmp_path)
        for i, rate in enumerate(growth):
            one = multiparty.existence(multiparty.market_growth(rate, 2, 30)).value
            assert rows["exists"][i] == bool(one.exists)
            assert rows["margin"][i] == pytest.approx(float(one.margin), rel=1e-9)
            assert rows["witness[agent 1]"][i] == one.witness[0]
        assert rows["exists"].tolist() == [False, False, True, True]
        assert summary.shares == {"exists": 0.5}


GRID = multiparty.market_growth(-0.7, 2, 5)


@pytest.mark.parametrize(
    ("problem", "parameters", "options", "parts"),
    [
        (SHOP, {"costs": [1.0]}, {}, ("parameters = 'costs'", "contributor_costs", "cannot vary")),
        (SHOP, {"scal[lab]": [1.0]}, {}, ('did you mean "scale[lab]"',)),
        (SHOP, {"scale[office]": [1.0]}, {}, ("cannot vary",)),
        (SHOP, {"value": [1.5]}, {}, ("parameters.value[0] = 1.5", "must be in (0, 1]")),
        (SHOP, {"value": SPREAD}, {"draws": 3}, ("distribution = 'lognormal'", "cannot be drawn so")),
        (SHOP, {"count": [2.5]}, {}, ("must be a whole number",)),
        (SHOP, {"count": {"distribution": "uniform", "from": 1, "to": 2}}, {"draws": 3}, ("give a list",)),
        (SHOP, {"sigma": [0.0]}, {}, ("must be positive and finite",)),
        (SHOP, {"sigma": [1.0]}, {"division": "nash"}, ("division = 'nash'", "means nothing")),
        (SHOP, {"sigma": [1.0]}, {"keep": ["penalty"]}, ("keep[0] = 'penalty'", "samples, sizes, prices, utility")),
        (SHOP, {"sigma": [1.0]}, {"sizes": 2}, ("sizes = 2", "on the menu")),
        (FIRMS, {"types": [-1.0]}, {}, ("must be a data size",)),
        (FIRMS, {"externality": {"distribution": "loguniform", "from": -1, "to": 1}}, {"draws": 2}, ("positive",)),
        (FIRMS, {"types[D]": [1.0]}, {}, ('did you mean "types[',)),
        (FIRMS, {"types": [1.0]}, {"mechanism": "cbl"}, ("mechanism = 'cbl'",)),
        (FIRMS, {"types": [1.0]}, {"sizes": 9}, ("sizes = 9", "means nothing")),
        (GRID, {"growth": [-1.5]}, {}, ("at least -1",)),
        (GRID, {"growth": SPREAD}, {"draws": 3}, ("what can be is uniform",)),
        (GRID, {"disparity": [3.0]}, {}, ("the disparity is what the problem says",)),
    ],
)
def test_refused(problem, parameters, options, parts):
    with pytest.raises(ProblemError) as caught:
        Sweep(problem, parameters, **options)
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
