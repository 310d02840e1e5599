"""Money in any unit: values above 1 where they are asked for, and the same market in another unit."""

import numpy as np
import pytest

from jaxmech import ProblemError, market
from jaxmech.market._problem import rescaled
from tests.market.problems import lab_market

UNIT = 2500.0


@pytest.mark.parametrize("method", ["exact", "approximate", "heuristic"])
def test_the_unit_changes_money_and_nothing_else(method):
    small = lab_market((0.02, 0.03))
    large = rescaled(small, UNIT)
    one, other = market.price(small, method, epsilon=0.05), market.price(large, method, epsilon=0.05 * 0.9 * UNIT / 0.9)
    np.testing.assert_array_equal(one.sizes, other.sizes)
    np.testing.assert_allclose(UNIT * one.prices, other.prices, rtol=1e-9)
    assert other.profit == pytest.approx(UNIT * one.profit, rel=1e-9)
    assert other.bound >= other.profit * (1 - 1e-9)
    assert other.bound == pytest.approx(UNIT * one.bound, rel=1e-2)


def test_a_market_in_another_unit_holds_all_its_claims():
    small, large = lab_market((0.02, 0.03)), rescaled(lab_market((0.02, 0.03)), UNIT)
    plan = market.solve(large).raise_for_status().value
    assert float(plan.profit) == pytest.approx(UNIT * float(market.solve(small).value.profit), rel=1e-9)
    audits = market.certify(large, plan)
    before = {audit.claim: audit for audit in market.certify(small, market.solve(small).value)}
    assert all(audit.holds for audit in audits if audit.claimed)
    assert {audit.claim: audit.holds for audit in audits} == {claim: audit.holds for claim, audit in before.items()}


@pytest.mark.long
def test_on_a_menu_too():
    small = lab_market((0.02, 0.03))
    one, other = (market.solve(problem, sizes=range(33)).value for problem in (small, rescaled(small, UNIT)))
    assert float(other.profit) == pytest.approx(UNIT * float(one.profit), rel=1e-9)


def test_values_above_one_are_asked_for():
    with pytest.raises(ProblemError, match="value"):
        market.exponential(0.3, 50.0)
    assert float(market.exponential(0.3, 50.0, most=np.inf).largest) == 50
    assert float(market.table([0.0, 7.0], most=10.0).largest) == 7
    with pytest.raises(ProblemError, match=r"\[0, 10\]"):
        market.table([0.0, 11.0], most=10.0)
    assert float(market.by_error(lambda e: 30 * np.exp(-1) + 0 * e, most=100.0).largest) > 11
