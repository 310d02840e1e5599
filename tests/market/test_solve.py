"""Plans: who collects, what it brings, and the cases in which there is nothing to trade."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxmech import ProblemError, Status, market
from jaxmech.market import envy_free_prices
from tests.market.problems import lab_market, rough, with_tables
from tests.oracles.market import best_allocation


@pytest.mark.parametrize("seed", range(6))
def test_profit_is_the_best_that_two_contributors_can_bring(seed):
    values, counts = rough(seed, 2, 7), np.array([2.0, 3.0])
    low, high = 0.03, 0.05
    plan = market.solve(with_tables(values, counts, [high, 0.5, low])).raise_for_status().value
    optimum, _ = best_allocation(values, counts, low)
    expected, _ = best_allocation(values, counts, low, least=2)
    assert float(plan.optimum) == pytest.approx(optimum, abs=1e-9)
    assert float(plan.profit) == pytest.approx(max(0.0, expected - (high - low)), abs=1e-9)
    assert float(plan.profit_bound) == pytest.approx(float(plan.profit), abs=1e-9)
    assert plan.samples.tolist() == [1, 0, plan.total - 1]
    assert float(plan.profit) == pytest.approx(float(plan.revenue) - float(plan.samples @ jnp.array([high, 0.5, low])))


def test_hardness_bound_is_met():
    plan = market.solve(lab_market()).value
    assert float(plan.profit) == pytest.approx(float(plan.optimum) - 0.001, abs=1e-12)


def test_an_optimum_of_one_point_becomes_two():
    """OPT sells one point; nobody could check it, so two are collected, and sold if that brings more."""
    values = np.array([[0.0, 0.8, 0.85]])
    plan = market.solve(with_tables(values, [1], [0.1, 0.1])).value
    assert float(plan.optimum) == pytest.approx(0.7)
    assert plan.total == 2
    assert plan.sizes.tolist() == [2]
    assert float(plan.profit) == pytest.approx(0.65)


@pytest.mark.parametrize(
    ("values", "costs"),
    [
        (np.array([[0.0, 0.5, 0.6]]), [0.1]),  # one contributor: nobody can check her
        (np.array([[0.0, 0.5, 0.6]]), [0.1, 0.9]),  # the second point costs more than all is worth
        (np.array([[0.0, 0.01, 0.02]]), [1.0, 1.0]),  # not even one point pays for itself
    ],
)
def test_no_trade(values, costs):
    problem = with_tables(values, [1], costs)
    solution = market.solve(problem)
    plan = solution.value
    assert int(solution.status) == Status.OK
    assert plan.total == 0
    assert plan.profit == plan.revenue == plan.profit_bound == 0
    assert not np.any(plan.sizes)
    assert not np.any(plan.prices)
    assert not np.any(plan.samples)
    assert float(plan.optimum) == pytest.approx(max(0.0, max(values[0, n] - costs[0] * n for n in range(3))))
    assert all(audit.holds for audit in market.certify(problem, plan))


@pytest.mark.parametrize(
    ("costs", "total", "second", "expected"),
    [
        ([0.2, 0.1, 0.3], 10, 1, [1, 9, 0]),
        ([0.2, 0.1, 0.3], 10, 4, [4, 6, 0]),
        ([0.1, 0.1], 11, 1, [6, 5]),
        ([0.1, 0.2, 0.1, 0.1], 11, 1, [4, 0, 4, 3]),
        ([0.1] * 5, 3, 1, [1, 1, 1, 0, 0]),
        ([0.1, 0.2, 0.2], 5, 1, [4, 1, 0]),
        ([0.1], 5, 1, [0]),
    ],
)
def test_work_is_divided(costs, total, second, expected):
    problem = market.Problem(costs, 1.0, [market.Buyer(market.exponential(0.3))])
    assert market.divide_work(problem, total, second).tolist() == expected


@pytest.mark.long
def test_tied_contributors_reach_the_optimum_and_lower_the_variance():
    tied, apart = (market.solve(lab_market(costs)).value for costs in ((0.001,) * 4, (0.001, 0.001 + 1e-9)))
    assert float(tied.profit) == pytest.approx(float(tied.optimum), rel=1e-12)
    assert np.ptp(tied.samples) <= 1
    even = market.spread(lab_market((0.001,) * 4), tied).price_deviation.max()
    uneven = market.spread(lab_market((0.001, 0.001 + 1e-9)), apart).price_deviation.max()
    assert even < uneven / 50


def test_second_sample_costs_its_difference():
    one, many = (market.solve(lab_market(), second=second).value for second in (1, 20))
    assert float(one.profit - many.profit) == pytest.approx(19 * 0.001, abs=1e-12)
    assert many.samples.tolist() == [many.total - 20, 20]
    with pytest.raises(ProblemError, match=r"second = 5000.*half"):
        market.solve(lab_market(), second=5000)


def test_limit():
    plan = market.solve(lab_market(), limit=50).value
    assert plan.total <= 50
    assert float(plan.optimum) <= float(market.solve(lab_market()).value.optimum)
    assert market.solve(lab_market(), limit=2).value.total == 2
    for few in (0, 1):
        with pytest.raises(ProblemError, match=r"limit.*at least 2"):
            market.solve(lab_market(), limit=few)


def test_prices_that_are_not_finite_are_no_plan(monkeypatch):
    def broken(problem, sizes):
        found = envy_free_prices(problem, sizes)
        return dataclasses.replace(found, price=found.price * jnp.nan)

    monkeypatch.setattr("jaxmech.market._pricing.envy_free_prices", broken)
    solution = market.solve(lab_market((0.004, 0.006)))
    assert int(solution.status) == Status.NONFINITE
    assert all(np.all(np.isnan(leaf)) for leaf in jax.tree.leaves(solution.value))


def test_prices_that_buyers_envy_are_not_ok(monkeypatch):
    def dear(problem, sizes):
        found = envy_free_prices(problem, sizes)
        return dataclasses.replace(found, price=found.price * (1 + 1e-5))

    monkeypatch.setattr("jaxmech.market._pricing.envy_free_prices", dear)
    solution = market.solve(lab_market((0.004, 0.006)))
    assert int(solution.status) == Status.ALMOST
    assert 1e-9 < float(solution.residual) < 1e-4


@pytest.mark.long
def test_a_bound_below_the_profit_is_seen(monkeypatch):
    """A wrong bound of the heuristic must not be replaced by what it was to bound."""
    monkeypatch.setattr("jaxmech.market._pricing.profit_bound", lambda problem, menu, index: 1.0)
    problem = lab_market((0.004, 0.006))
    solution = market.solve(problem, "heuristic")
    assert float(solution.value.optimum_bound) == 1.0 < float(solution.value.profit)
    assert int(solution.status) == Status.ALMOST
    (verdict,) = [audit for audit in market.certify(problem, solution.value) if audit.claim == "profit-optimal"]
    assert not verdict.holds


@pytest.mark.long
@pytest.mark.parametrize("method", ["approximate", "heuristic"])
def test_other_methods_make_plans_too(method):
    problem = lab_market((0.004, 0.005))
    plan, best = market.solve(problem, method).value, market.solve(problem).value
    assert plan.method == method
    assert 0.95 * best.profit <= plan.profit <= best.profit + 1e-9
    assert best.profit <= plan.profit_bound + 1e-9
    assert all(audit.holds for audit in market.certify(problem, plan) if audit.claimed)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6))
def test_permutation_of_buyers_and_contributors(seed):
    values, counts = rough(seed, 3, 8), np.array([2.0, 1.0, 3.0])
    plan = market.solve(with_tables(values, counts, [0.02, 0.03])).value
    order = np.random.default_rng(seed).permutation(3)
    other = market.solve(with_tables(values[order], counts[order], [0.03, 0.02])).value
    assert float(plan.profit) == pytest.approx(float(other.profit), abs=1e-12)
    assert plan.total == other.total or plan.profit == pytest.approx(float(other.profit))


@pytest.mark.long
def test_float32():
    with jax.enable_x64(False):
        problem = lab_market((0.004, 0.005))
        solution = market.solve(problem)
        audits = market.certify(problem, solution.value)
    assert solution.value.profit.dtype == jnp.float32
    best = market.solve(lab_market((0.004, 0.005))).value
    assert float(solution.value.profit) == pytest.approx(float(best.profit), rel=1e-4)
    assert all(audit.holds for audit in audits if audit.claimed)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: market.Problem([0.1, 0.0], 1.0, _buyers()), ("contributor_costs[1]", "0.0", "positive and finite")),
        (lambda: market.Problem([0.1, -1.0], 1.0, _buyers()), ("contributor_costs[1]", "-1.0", "positive")),
        (lambda: market.Problem([0.1, np.inf], 1.0, _buyers()), ("contributor_costs[1]", "inf", "finite")),
        (lambda: market.Problem([], 1.0, _buyers()), ("contributor_costs", "not empty")),
        (lambda: market.Problem(0.1, 1.0, _buyers()), ("contributor_costs", "list of numbers")),
        (lambda: market.Problem([True, 0.1], 1.0, _buyers()), ("contributor_costs", "booleans")),
        (lambda: market.Problem(["a"], 1.0, _buyers()), ("contributor_costs", "real numbers")),
        (lambda: market.Problem([0.1], 0.0, _buyers()), ("sigma", "0.0", "positive")),
        (lambda: market.Problem([0.1], [1.0, -2.0], _buyers()), ("sigma[1]", "-2.0", "positive")),
        (lambda: market.Problem([0.1], [[1.0, 2.0]], _buyers()), ("sigma", "list of numbers")),
        (lambda: market.Problem([0.1], [1.0, 2.0], _buyers(), means=["a"]), ("means", "1", "for each of the 2")),
        (lambda: market.Problem([0.1], 1.0, []), ("buyers", "at least one")),
        (lambda: market.Problem([0.1], 1.0, _buyers(), ["a", "b"]), ("contributors", "2", "for each of the 1")),
        (lambda: market.Problem([0.1, 0.1], 1.0, _buyers(), ["a", "a"]), ("contributors[1]", "twice")),
        (lambda: market.Problem([0.1, 0.1], 1.0, _buyers(), ["a", " "]), ("contributors[1]", "empty")),
        (lambda: market.Problem([0.1], 1.0, [*_buyers("x"), *_buyers("x")]), ("buyers[1]", "x", "twice")),
        (lambda: market.Buyer(market.exponential(1.0), 0), ("count", "0", "at least 1")),
        (lambda: market.Buyer(market.exponential(1.0), -3), ("count", "-3", "at least 1")),
        (lambda: market.Buyer(market.exponential(1.0), 1.5), ("count", "1.5", "whole number")),
        (lambda: market.Buyer(market.exponential(1.0), 10**44), ("count", "at most 9,007,199,254,740,992")),
        (lambda: market.Buyer(market.exponential(1.0), 1e44), ("count", "at most")),
        (lambda: market.Buyer(market.exponential(1.0), float("nan")), ("count", "nan", "whole number")),
        (lambda: market.Buyer(market.exponential(1.0), True), ("count", "True", "whole number")),
    ],
)
def test_bad_input(make, words):
    with pytest.raises(ProblemError) as error:
        make()
    assert "\n" not in str(error.value)
    assert all(word in str(error.value) for word in words), str(error.value)


def _buyers(name=None):
    return [market.Buyer(market.exponential(1.0), name=name)]


def test_problems_are_pytrees():
    problem = lab_market()
    leaves, structure = jax.tree.flatten(problem)
    again = jax.tree.unflatten(structure, leaves)
    assert again.buyers == problem.buyers
    doubled = jax.tree.map(lambda leaf: 2 * leaf, problem)
    assert doubled.contributor_costs.tolist() == [0.002, 0.004]
    assert market.most_useful(problem) == int((20 * 0.3 + 4 * 0.9 + 8 * 0.6) / 0.001 + 1e-6)
