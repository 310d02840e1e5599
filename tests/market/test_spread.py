"""How prices vary: formulas against simulation; the frontier against plans with larger second samples."""

import jax
import numpy as np
import pytest

from jaxmech import ProblemError, market
from tests.market.problems import lab_market, with_tables

RUNS = 200_000


@pytest.mark.parametrize(
    ("costs", "second", "exact"),
    [
        ((0.004, 0.006), 1, True),
        ((0.004, 0.006), 25, True),
        ((0.004, 0.004), 1, True),
        ((0.004,) * 3, 1, None),
        ((0.004,) * 7, 1, None),
    ],
)
def test_spread_is_that_of_a_simulation(costs, second, exact):
    problem = lab_market(costs)
    plan = market.solve(problem, second=second).value
    found = market.spread(problem, plan)
    prices, payments = market.simulate(problem, plan, jax.random.key(1), RUNS)
    even = np.ptp(np.asarray(plan.samples)) == 0
    assert (found.standard_error == 0) == (even if exact is None else exact)
    for runs, expected in ((prices, found.price_deviation), (payments, found.payment_deviation)):
        fourth = np.mean((runs - runs.mean(axis=0)) ** 4, axis=0)
        error = np.sqrt((fourth - runs.var(axis=0) ** 2) / RUNS) / (2 * runs.std(axis=0))
        assert np.all(np.abs(runs.std(axis=0) - expected) <= 5 * error)
    for runs, chance in ((prices, found.negative_price), (payments, found.negative_payment)):
        error = np.sqrt(np.maximum(chance * (1 - chance), 1e-5) / RUNS)
        assert np.all(np.abs(np.mean(runs < 0, axis=0) - chance) <= 5 * (error + found.standard_error))


def test_frontier_is_that_of_plans():
    problem = lab_market((0.004, 0.006))
    plan = market.solve(problem).value
    found = market.frontier(problem, plan)
    assert found.second.tolist() == list(range(1, int(plan.total) // 2 + 1))
    for second in (1, 2, 17):
        other = market.solve(problem, second=second).value
        spread = market.spread(problem, other)
        assert found.profit[second - 1] == pytest.approx(float(other.profit), rel=1e-12)
        assert found.price_deviation[second - 1] == pytest.approx(spread.price_deviation.max(), rel=1e-12)
        assert found.negative_price[second - 1] == pytest.approx(spread.negative_price.max(), rel=1e-9)
    assert np.all(np.diff(found.profit) < 0)
    assert np.all(np.diff(found.price_deviation[:30]) < 0)  # near one half the dearer points tell


def test_frontier_of_tied_contributors_is_one_point():
    problem = lab_market((0.004, 0.004))
    plan = market.solve(problem).value
    found = market.frontier(problem, plan)
    assert len(found.second) == 1
    assert found.profit[0] == float(plan.profit)


def test_without_trade_nothing_varies():
    problem = with_tables(np.array([[0.0, 0.5]]), [1], [0.1])
    plan = market.solve(problem).value
    found = market.spread(problem, plan)
    assert not np.any(found.price_deviation)
    assert not np.any(found.negative_price)
    with pytest.raises(ProblemError, match="plan with trade"):
        market.frontier(problem, plan)
