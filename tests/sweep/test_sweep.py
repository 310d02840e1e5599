"""What a sweep means: which instances there are, what is drawn, and what is refused."""

import itertools

import numpy as np
import pytest
import scipy.stats

from jaxmech import ProblemError, collaboration
from jaxmech.collaboration import Problem, Role
from jaxmech.sweep import KEEP, Sweep, run
from tests.oracles import convex
from tests.sweep.sweeps import COSTS, RANDOM, SPREAD, frame, small

LOGNORMAL = {"distribution": "lognormal", "spread": 0.3}
TWO = {"costs": [[1.0, 2.0], [3.0, np.inf]], "names": ("A", "B"), "distributions": ("x", "y")}


class TestInstances:
    def test_are_rows_times_grids_times_draws(self):
        parameters = {"sigma": [1.0, 2.0, 4.0], "costs": LOGNORMAL, "price": {"from": 1, "to": 3, "steps": 2}}
        sweep = small(parameters, draws=5, columns=("costs[A][x]",), table=np.array([[0.1], [0.2]]))
        expected = list(itertools.product([0.1, 0.2], [1.0, 2.0, 4.0], [1.0, 3.0], range(5)))
        assert sweep.instances == len(expected) == 60
        found = sweep.fixed_values(np.arange(60))
        np.testing.assert_array_equal(found, [row[:3] for row in expected])
        assert sweep.parameter_names == ("costs[A][x]", "sigma", "price", "costs[B][x]", "costs[C][x]")

    def test_of_ranges(self):
        linear = small({"sigma": {"from": 1.0, "to": 3.0, "steps": 5}})
        log = small({"sigma": {"from": 1.0, "to": 100.0, "steps": 3, "spacing": "log"}})
        assert linear.grids == ((1.0, 1.5, 2.0, 2.5, 3.0),)
        np.testing.assert_allclose(log.grids[0], [1.0, 10.0, 100.0], rtol=1e-14)

    def test_files_hold_so_many_costs_at_most(self):
        large = Problem(costs=np.ones((100, 100)), sigma=1.0)
        assert Sweep(large, {"sigma": [1.0]}).shard == 209
        assert small(shard=None).shard == 16_384

    def test_fingerprint_is_that_of_the_input(self):
        changes = [
            *({}, {"seed": 1}, {"draws": 201}, {"shard": 65}, {"keep": ["alone"]}, {"division": "social"}),
            *({"mechanism": "cbl"}, {"sigma": 10.5}, {"costs": COSTS * 2}, {"names": ("A", "B", "D")}),
            {"parameters": {**RANDOM, "sigma": [1.0]}},
            {"parameters": {"costs": {**LOGNORMAL, "spread": 0.2}}},
            {"columns": ("sigma",), "table": np.ones((2, 1))},
            {"columns": ("sigma",), "table": np.full((2, 1), 3.0)},
        ]
        assert len({small(**change).fingerprint for change in changes}) == len(changes)
        assert small().fingerprint == small().fingerprint


class TestDraws:
    @pytest.fixture(scope="class")
    @classmethod
    def drawn(cls, tmp_path_factory):
        parameters = {
            "costs": LOGNORMAL,
            "sigma": {"distribution": "uniform", "from": 2.0, "to": 6.0},
            "price": {"distribution": "loguniform", "from": 0.1, "to": 10.0},
        }
        directory = tmp_path_factory.mktemp("drawn")
        run(small(parameters, draws=4000, shard=4000, seed=3), directory)
        return frame(directory)

    def test_follow_their_distributions(self, drawn):
        """Kolmogorov and Smirnov, at a fixed seed: a wrong distribution has a p-value of zero with 4,000 draws."""
        logs = [np.log(drawn[f"costs[{name}][x]"] / COSTS[i, 0]) / SPREAD for i, name in enumerate("ABC")]
        tested = [(log, scipy.stats.norm()) for log in logs]
        tested += [(drawn["sigma"], scipy.stats.uniform(2.0, 4.0)), (drawn["price"], scipy.stats.loguniform(0.1, 10.0))]
        for values, law in tested:
            assert scipy.stats.kstest(values, law.cdf).pvalue > 1e-4

    def test_are_independent(self, drawn):
        columns = [np.log(drawn[f"costs[{name}][x]"]) for name in "ABC"] + [drawn["sigma"], np.log(drawn["price"])]
        correlations = np.corrcoef(columns)[np.triu_indices(5, 1)]
        assert np.abs(correlations).max() < 5 / np.sqrt(4000)
        assert all(len(np.unique(values)) == 4000 for values in columns)

    def test_depend_on_seed_number_and_key_alone(self, drawn, tmp_path):
        run(small({"costs": LOGNORMAL}, draws=100, shard=30, seed=3), tmp_path / "less")
        run(small({"costs": LOGNORMAL}, draws=100, shard=30, seed=4), tmp_path / "other")
        less, other = frame(tmp_path / "less"), frame(tmp_path / "other")
        for name in ("costs[A][x]", "costs[C][x]"):
            np.testing.assert_array_equal(less[name], drawn[name][:100])
            assert not np.isin(other[name], drawn[name]).any()


class TestRows:
    @pytest.mark.parametrize(("division", "mechanism"), [("rational", "pool"), ("leverage", "cbl")])
    def test_are_what_solve_says_of_each_instance(self, division, mechanism, tmp_path):
        sweep = small(
            {"sigma": [5.0, 10.0], "costs": LOGNORMAL}, draws=20, division=division, mechanism=mechanism, keep=KEEP
        )
        assert run(sweep, tmp_path).statuses == {"OK": 40}
        rows = frame(tmp_path)
        for index in (0, 7, 39):
            row = {name: values[index] for name, values in rows.items()}
            costs = np.array([[row[f"costs[{name}][x]"]] for name in "ABC"])
            problem = Problem(costs=costs, sigma=row["sigma"])
            solution = collaboration.solve(problem, division=division, mechanism=mechanism)
            plan, efficiency = solution.value, collaboration.efficiency(problem, solution.value)
            expected = {"social_penalty": plan.social_penalty, "ratio": efficiency.ratio,
                        "baseline": efficiency.baseline, "first_best": efficiency.first_best}  # fmt: skip
            for name, value in expected.items():
                assert row[name] == pytest.approx(float(value), rel=1e-9)
            for i, agent in enumerate("ABC"):
                assert row[f"penalty[{agent}]"] == pytest.approx(float(plan.penalty[i]), rel=1e-8)
                assert row[f"alone_penalty[{agent}]"] == pytest.approx(2 * row["sigma"] * costs[i, 0] ** 0.5)
                assert row[f"samples[{agent}][x]"] == pytest.approx(float(plan.samples[i, 0]), rel=1e-7, abs=1e-9)
                assert row[f"target[{agent}][x]"] == pytest.approx(float(plan.target[i, 0]), rel=1e-7, abs=1e-9)
                np.testing.assert_allclose(row[f"alpha[{agent}][x]"], float(plan.alpha[i, 0]), rtol=1e-7)
                assert row[f"role[{agent}][x]"] == Role(int(plan.role[i, 0])).name.lower()
            assert row["leverage"] == bool(plan.leverage)
            assert row["residual"] < 1e-8

    def test_agree_with_a_convex_solver(self, tmp_path):
        run(small(draws=5), tmp_path)
        rows = frame(tmp_path)
        for index in range(5):
            costs = np.array([[rows[f"costs[{name}][x]"][index]] for name in "ABC"])
            found = convex.rational(costs, 10.0)
            assert rows["baseline"][index] == pytest.approx(np.sum(found.penalties), rel=1e-6)
            assert rows["ratio"][index] == pytest.approx(1.0, abs=1e-12)

    def test_status_of_the_baseline_where_it_is_a_solve_of_its_own(self, tmp_path):
        run(small({"sigma": [1.0]}), tmp_path / "own")
        run(small({"sigma": [1.0]}, division="social"), tmp_path / "other")
        assert "baseline_status" not in frame(tmp_path / "own")
        assert frame(tmp_path / "other")["baseline_status"].tolist() == ["OK"]

    def test_that_fail_are_kept_and_change_nothing_else(self, tmp_path):
        columns = ("costs[A][x]", "costs[B][x]", "costs[C][x]")
        good = np.tile(COSTS.T, (50, 1)) * np.linspace(0.5, 2.0, 50)[:, None]
        bad = good.copy()
        bad[[3, 49]] = np.inf
        found = [run(small({}, columns=columns, table=table), tmp_path / name)
                 for name, table in (("good", good), ("bad", bad))]  # fmt: skip
        assert found[0].statuses == {"OK": 50}
        assert found[1].statuses == {"OK": 48, "NONFINITE": 2}
        assert found[1].failed == 2
        rows, others = frame(tmp_path / "bad"), frame(tmp_path / "good")
        assert rows["status"][[3, 49]].tolist() == ["NONFINITE"] * 2
        assert np.isnan(rows["social_penalty"][[3, 49]]).all()
        kept = np.delete(np.arange(50), [3, 49])
        for name in ("social_penalty", "ratio", "penalty[B]", "residual"):
            np.testing.assert_array_equal(rows[name][kept], others[name][kept])

    @pytest.mark.long
    def test_special_keys_win_and_infinite_costs_stay(self, tmp_path):
        parameters = {"costs[B]": [7.0], "costs[A][y]": [5.0, 6.0], "costs": LOGNORMAL, "sigma[y]": [3.0]}
        sweep = small(parameters, draws=2, **TWO)
        assert sweep.parameter_names == ("costs[B]", "costs[A][y]", "sigma[y]", "costs[A][x]", "costs[B][x]")
        run(sweep, tmp_path)
        rows = frame(tmp_path)
        assert rows["costs[A][y]"].tolist() == [5.0, 5.0, 6.0, 6.0]
        assert rows["costs[B][x]"].tolist() == [7.0] * 4
        assert len(np.unique(rows["costs[A][x]"])) == 4
        # B cannot sample y, so the first best of y is A's alone; x is the cheaper one's.
        x = 2 * np.sqrt(2 * np.minimum(rows["costs[A][x]"], 7.0)) * 10.0
        np.testing.assert_allclose(rows["first_best"], x + 2 * np.sqrt(2 * rows["costs[A][y]"]) * 3.0, rtol=1e-12)

    def test_single_key_puts_a_cost_where_there_was_none(self, tmp_path):
        costs = np.array([[1.0], [2.0], [np.inf]])
        run(small({"costs[C][x]": [0.5, np.inf]}, costs=costs, keep=["samples"]), tmp_path)
        rows = frame(tmp_path)
        assert rows["status"].tolist() == ["OK", "OK"]
        assert rows["costs[C][x]"].tolist() == [0.5, np.inf]
        assert rows["samples[C][x]"][0] > 0
        assert rows["samples[C][x]"][1] == 0

    def test_c3d_of_equal_costs(self, tmp_path):
        equal = {"costs": np.full((6, 1), 0.01), "names": None, "distributions": None, "sigma": 1.0}
        run(small({"costs": [0.01, 0.04]}, mechanism="c3d", **equal), tmp_path)
        rows = frame(tmp_path)
        np.testing.assert_allclose(rows["first_best"], 2 * np.sqrt(6 * np.array([0.01, 0.04])), rtol=1e-12)
        assert (rows["ratio"] < 2).all()

    def test_float32(self, tmp_path):
        parameters = {**RANDOM, "price": {"distribution": "loguniform", "from": 0.5, "to": 2.0}, "sigma": [10.0]}
        run(small(parameters, costs=COSTS.astype(np.float32), draws=25), tmp_path)
        rows = frame(tmp_path)
        numbers = [values for values in rows.values() if values.dtype.kind == "f"]
        assert {values.dtype for values in numbers} == {np.dtype(np.float32)}
        assert set(rows["status"]) == {"OK"}
        costs = np.array([[rows[f"costs[{name}][x]"][0]] for name in "ABC"], float)
        problem = Problem(costs=costs, sigma=10.0, price=float(rows["price"][0]))
        expected = collaboration.solve(problem, mechanism="pool").value.social_penalty
        assert rows["social_penalty"][0] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"parameters": {"cost": [1.0]}}, ("'cost'", "cannot vary", 'did you mean "costs"')),
        ({"parameters": {"costs[D]": [1.0]}}, ("'costs[D]'", "costs[AGENT]", "did you mean")),
        ({"parameters": {"sigma": []}}, ("parameters.sigma", "one value at least")),
        ({"parameters": {"sigma": [1.0, -1.0]}}, ("parameters.sigma[1]", "-1.0", "positive and finite")),
        ({"parameters": {"sigma": [np.inf]}}, ("parameters.sigma[0]", "inf", "positive and finite")),
        ({"parameters": {"costs": [np.inf]}}, ("parameters.costs[0]", "inf", "positive and finite")),
        ({"parameters": {"costs[A]": [np.nan]}}, ("parameters.costs[A][0]", "nan", "must be positive (inf where")),
        ({"parameters": {"sigma": [True]}}, ("parameters.sigma[0]", "True", "must be a number")),
        ({"parameters": {"costs": [[1.0], [2.0]]}}, ("parameters.costs[0]", "must be a number")),
        ({"parameters": {"sigma": [10**400]}}, ("parameters.sigma[0]", "too large a number")),
        ({"parameters": {"sigma": {"from": 1.0, "to": 2.0}}}, ("parameters.sigma.steps", "must be given")),
        ({"parameters": {"sigma": {"from": 1, "to": 2, "steps": 1}}}, ("sigma.steps", "from 2 to")),
        ({"parameters": {"sigma": {"from": 1, "to": 2, "steps": 2.0}}}, ("sigma.steps", "whole number")),
        ({"parameters": {"sigma": {"from": 2, "to": 1, "steps": 2}}}, ("sigma.to", "larger than from (2)")),
        ({"parameters": {"sigma": {"from": 0, "to": 1, "steps": 2}}}, ("sigma.from", "positive and finite")),
        ({"parameters": {"sigma": {"from": 1, "to": 2, "steps": 2, "spacing": "lin"}}}, ("'lin'", "linear, log")),
        ({"parameters": {"sigma": {"from": 1, "to": 2, "stepps": 2}}}, ("sigma.stepps", 'did you mean "steps"')),
        ({"parameters": {"sigma": {}}}, ("parameters.sigma", "must be a list of numbers (a grid)")),
        ({"parameters": {"sigma": {"distribution": "normal", "spread": 1}}}, ("'normal'", "of positive numbers")),
        ({"parameters": {"sigma": {"distribution": "lognormal"}}}, ("sigma.spread", "must be given")),
        ({"parameters": {"sigma": {"distribution": "lognormal", "spread": 0}}}, ("sigma.spread", "positive")),
        ({"parameters": {"sigma": {"distribution": "lognormal", "spread": 1, "to": 2}}}, ("sigma.to", "unknown")),
        ({"parameters": {"sigma": {"distribution": "uniform", "from": 2, "to": 2}}}, ("sigma.to", "larger than")),
        ({"draws": 0}, ("draws", "0", "whole number")),
        ({"draws": True}, ("draws", "True", "whole number")),
        ({"draws": None}, ("draws", "must be given", "costs is drawn")),
        ({"draws": 10**9}, ("draws", "1000000000", "to 200,000,000")),
        ({"draws": 0x10**5000}, ("draws", "too large to print")),
        ({"parameters": {"sigma": [16**5000]}}, ("parameters.sigma[0]", "too large a number")),
        ({"draws": 10**8, "columns": ("sigma",), "table": np.ones((3, 1))}, ("too many instances",)),
        ({"seed": -1}, ("seed", "-1", "whole number from 0")),
        ({"seed": 2**32}, ("seed", "whole number from 0")),
        ({"shard": 0}, ("shard", "0", "whole number from 1")),
        ({"keep": ["penalties"]}, ("keep[0]", "'penalties'", 'did you mean "penalty"')),
        ({"keep": ["alone", "alone"]}, ("keep", "twice")),
        ({"division": "nahs"}, ("division", 'did you mean "nash"')),
        ({"mechanism": "c3d"}, ("parameters.costs", "c3d needs equal costs")),
        ({"columns": ("costs",), "table": np.ones((2, 1))}, ("costs", "varies already")),
        ({"columns": ("sigma", "sigma"), "table": np.ones((2, 2))}, ("sigma", "varies already")),
        ({"columns": ("sgima",), "table": np.ones((2, 1))}, ("instances: column", 'did you mean "sigma"')),
        ({"columns": ("sigma",), "table": np.array([[1.0], [0.0]])}, ("row 2, column sigma", "0.0", "positive")),
        ({"columns": ("sigma",), "table": np.ones((0, 1))}, ("instances", "one row at least")),
    ],
)  # fmt: skip
def test_refused(change, parts):
    with pytest.raises(ProblemError) as caught:
        small(**change)
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("parameters", "options", "parts"),
    [
        ({}, {}, ("parameters", "must name what varies")),
        ({"sigma": 3.0}, {}, ("parameters.sigma", "write [3.0]")),
        ({"sigma": [3.0]}, {"draws": 5}, ("draws", "5", "no parameter has a distribution")),
        ({"costs[B][y]": LOGNORMAL}, {"draws": 1}, ("parameters.costs[B][y]", "infinite")),
        ({"sigma": [3.0]}, {"division": "nash"}, ("costs[1][1]", "nash needs agents who can work alone")),
        ({"sigma": [3.0]}, {"mechanism": "c3d"}, ("c3d needs equal costs",)),
        ({"costs[A][x]": [3.0]}, {"mechanism": "c3d"}, ("parameters.costs[A][x]", "c3d needs equal costs")),
    ],
)
def test_refused_for_two_distributions(parameters, options, parts):
    problem = Problem(costs=TWO["costs"], sigma=1.0, agents=("A", "B"), distributions=("x", "y"))
    with pytest.raises(ProblemError) as caught:
        Sweep(problem, parameters, **options)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"parameters": {"sigma": [1.0, 1e300]}}, "parameters.sigma = 1e+300"),
        ({"columns": ("sigma", "price"), "table": np.array([[1.0, 1e-300]])}, "instances: column price = 1e-300"),
        ({"parameters": {"sigma": {"distribution": "uniform", "from": 1.0, "to": 1e39}}}, "parameters.sigma = 1e+39"),
    ],
)
def test_what_float32_cannot_hold_is_refused(change, where):
    small(**change)
    with pytest.raises(ProblemError) as caught:
        small(costs=COSTS.astype(np.float32), **change)
    assert str(caught.value) == f"{where}: is outside the range of float32"


def test_agent_who_can_measure_nothing_has_no_costs_to_vary():
    problem = Problem(costs=[[1.0], [np.inf]], sigma=1.0)
    with pytest.raises(ProblemError, match="no finite cost"):
        Sweep(problem, {"costs[agent 2]": [1.0]})


def test_failed_instances_have_no_roles(tmp_path):
    columns = ("costs[agent 1][distribution 1]", "costs[agent 2][distribution 1]")
    table = np.array([[1.0, 1.0], [np.inf, np.inf]])
    problem = Problem(costs=[[1.0], [1.0]], sigma=1.0)
    run(Sweep(problem, {}, columns=columns, table=table, keep=("role",)), tmp_path)
    rows = frame(tmp_path)
    assert rows["status"].tolist() == ["OK", "NONFINITE"]
    for agent in ("agent 1", "agent 2"):
        known, unknown = rows[f"role[{agent}][distribution 1]"]
        assert known in {"alone", "receives", "checked"}
        assert unknown == ""


def test_prices_of_an_agent_go_down_to_zero(tmp_path):
    """Of a table alone: who needs nothing of it pays nothing, alone and together."""
    table = collaboration.Problem([[0.01], [0.02], [0.03]], 1.0, [[1.0], [1.0], [2.0]], ["A", "B", "C"], ["x"])
    run(Sweep(table, {"price[B][x]": [0.0, 1.0]}, keep=("penalty", "alone")), tmp_path)
    rows = frame(tmp_path)
    assert rows["status"].tolist() == ["OK", "OK"]
    assert rows["penalty[B]"][0] == rows["alone_penalty[B]"][0] == 0 < rows["penalty[B]"][1]
    row = collaboration.Problem([[0.01], [0.02]], 1.0)
    with pytest.raises(ProblemError, match="positive and finite"):
        Sweep(row, {"price": [0.0]})
