"""Table 1 recomputed: the algorithms against optima that share no code with them."""

import numpy as np
import pytest

from jaxmech import ProblemError, market
from jaxmech.catalog import experiments
from jaxmech.catalog.experiments._selling import POINTS
from jaxmech.cli._reproduce_selling import recomputed
from jaxmech.market import Pricing


def compared(types, algorithms, short, known=True):
    """Figures that nobody computed."""
    short = np.array(short)
    return experiments.Compared(
        np.array(types), algorithms, short, np.full(short.shape, 0.1), short, np.full(len(types), known)
    )


def best_of_two(problem, most):
    """The most profitable envy-free allocation of two types, by trying all pairs of sizes: prices in closed form."""
    sizes = np.arange(most + 1)
    (v, w), (c, d) = np.asarray(problem.values(sizes), float), np.asarray(problem.counts, float)
    first = np.minimum(v[:, None], w[None, :] + v[:, None] - v[None, :])
    second = np.minimum(w[None, :], v[:, None] + w[None, :] - w[:, None])
    fair = v[:, None] - v[None, :] + w[None, :] - w[:, None] >= 0
    cost = float(np.min(problem.contributor_costs)) * np.maximum(sizes[:, None], sizes[None, :])
    return float(np.max(np.where(fair, c * first + d * second - cost, -np.inf)))


@pytest.mark.long
def test_table_1(tmp_path):
    algorithms = ("exact", "monotone")
    found = experiments.compare_algorithms((2,), (*algorithms, "ordered"))
    mixed = experiments.compare_algorithms((2,), algorithms, mixed=True)
    report = recomputed(found, mixed)
    assert np.all(found.short >= -1e-9)
    assert np.all(found.short[:, [0, 2]] < 1e-9)
    assert mixed.known.all()
    assert all(statement.agrees for statement in report.statements)
    assert [row["promised per buyer"] for row in report.rows] == [0.0, experiments.SHORTFALL, 0.0, 0.0, 0.05]
    assert [row["market"] for row in report.rows] == ["ordered"] * 3 + ["mixed"] * 2
    problem = experiments.many_types(2, mixed=True)
    best, buyers = best_of_two(problem, POINTS), float(np.sum(np.asarray(problem.counts)))
    for algorithm, short in zip(algorithms, mixed.short[0], strict=True):
        profit = market.price(problem, algorithm, epsilon=experiments.SHORTFALL, limit=POINTS).profit
        assert short == pytest.approx((best - profit) / buyers, abs=1e-9)
    report.draw().savefig(tmp_path / "table-1.svg")
    assert (tmp_path / "table-1.svg").stat().st_size > 1000


def test_a_broken_promise_and_what_is_out_of_reach_are_seen():
    found = compared([2, 3], ("exact", "monotone"), [[0.0, 0.2], [np.nan, 0.01]])
    mixed = compared([4], ("heuristic", "exact"), [[0.02, np.nan]], known=False)
    exact, monotone, heuristic = recomputed(found, mixed).statements
    assert exact.agrees
    assert "up to 2 types" in exact.computed
    assert exact.note.endswith("; beyond, out of reach within 20,000 boxes with 3 types")
    assert not monotone.agrees
    assert "types in no order" in heuristic.computed
    assert "what none can exceed" in heuristic.computed
    assert "0.1 s of processor time" in heuristic.note
    slow = recomputed(mixed._replace(seconds=np.array([[7.0, np.nan]])), mixed).statements[0]
    assert "7 s of processor time, compilation included" in slow.note


def test_after_two_numbers_of_types_out_of_reach_no_more_are_tried(monkeypatch):
    tried = []

    def price(problem, algorithm, **settings):
        tried.append((problem.types, algorithm))
        if algorithm == "exact" and problem.types > 2:
            raise ProblemError("max_boxes", 20_000, "out of reach")
        one = np.ones(problem.types)
        return Pricing(one, one, profit=1.0, bound=1.0, allowance=0.0, method=algorithm, guarantee="", steps=1)

    monkeypatch.setattr(market, "price", price)
    found = experiments.compare_algorithms((2, 3, 4, 5, 6), ("exact", "monotone"))
    assert [types for types, algorithm in tried if algorithm == "exact"] == [2, 2, 3, 4]
    assert [types for types, algorithm in tried if algorithm == "monotone"] == [2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    assert np.isnan(found.short[:, 0]).tolist() == [False, True, True, True, True]
    exact, monotone = recomputed(found, compared([4], ("exact",), [[np.nan]])).statements
    assert exact.note.endswith("out of reach within 20,000 boxes with 3 and 4 types, with more not tried")
    assert "out of reach" not in monotone.note
