"""Prices from a wanted standard error: closed forms, laws of scale, and what cannot be reached."""

import math

import numpy as np
import pytest

from jaxmech import ProblemError, Status, collaboration
from tests.problems import cases

COSTS = [[0.033, 0.2], [0.066, 0.1], [0.1, 0.3]]


@pytest.mark.parametrize("wanted", [0.01, 0.5, 30.0])
def test_pool_of_equals_by_hand(wanted):
    """m agents who pool the social optimum have N = σ√(m p/c) points: p = σ² c/(m x⁴) for a standard error of x."""
    m, c, sigma = 5, 0.2, 3.0
    problem = collaboration.Problem([[c]] * m, sigma=sigma, price=7.0)
    found = collaboration.price_of_standard_error(problem, wanted, division="social", mechanism="pool")
    assert Status.of(int(found.status)) is Status.OK
    assert found.value == pytest.approx([sigma**2 * c / (m * wanted**4)], rel=1e-8)


def test_one_distribution_by_its_own_price_by_hand():
    """Alone, n = σ√(p/c): the dearest agent decides, p = σ² c/x⁴; the other price stays."""
    problem = collaboration.Problem(COSTS, sigma=[2.0, 5.0], price=[3.0, 4.0])
    found = collaboration.price_of_standard_error(problem, 0.7, division="alone", distribution=1)
    assert found.value == pytest.approx([3.0, 25 * 0.3 / 0.7**4], rel=1e-8)


@pytest.mark.parametrize("division", ["rational", "leverage", "egalitarian"])
@pytest.mark.parametrize("distribution", [None, 0])
def test_the_plan_at_the_price_reaches_what_is_wanted(division, distribution):
    problem = collaboration.Problem(np.outer(np.linspace(1, 1.4, 9), [0.1, 0.3]), sigma=[1.0, 2.0])
    found = collaboration.price_of_standard_error(problem, 0.2, division=division, distribution=distribution)
    assert Status.of(int(found.status)) is Status.OK
    priced = collaboration.with_price(problem, found.value)
    plan = collaboration.solve(priced, division=division).value
    errors = np.asarray(collaboration.account(priced, plan).standard_error)
    assert errors[:, slice(None) if distribution is None else distribution].max() == pytest.approx(0.2, rel=1e-8)
    assert found.value[1] == (1.0 if distribution == 0 else found.value[0])


@pytest.mark.parametrize("case", cases("uniform", "binding", "infinite", "sigmas", largest=8), ids=str)
@pytest.mark.parametrize("factor", [0.05, 40.0])
def test_all_prices_together_scale_everything(case, factor):
    problem = collaboration.Problem(case.costs, case.sigma)
    solved = collaboration.solve(problem, division="leverage")
    other = collaboration.with_price(problem, np.asarray(problem.price) * factor)
    again = collaboration.solve(other, division="leverage").value
    predicted = collaboration.rescaled(collaboration.account(problem, solved.value), factor)
    found = collaboration.account(other, again)
    for one, two in zip(predicted, found, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6)


@pytest.mark.long
def test_what_the_plan_jumps_over_is_said():
    """A little more price changes who works alone: no price brings what lies between."""

    def error(price):
        priced = collaboration.with_price(problem, np.array([price, 1.0]))
        plan = collaboration.solve(priced, division="egalitarian").value
        return float(np.max(collaboration.account(priced, plan).standard_error[:, 0]))

    generator = np.random.default_rng(0)
    generator.random((5, 2))
    problem = collaboration.Problem(0.5 + generator.random((6, 2)), sigma=10.0)
    prices = np.geomspace(4.0, 7.0, 12)
    errors = np.array([error(price) for price in prices])
    jumps = np.flatnonzero(errors[1:] / errors[:-1] < 0.9)
    assert len(jumps) == 1
    between = math.sqrt(errors[jumps[0]] * errors[jumps[0] + 1])
    found = collaboration.price_of_standard_error(problem, between, division="egalitarian", distribution=0)
    assert Status.of(int(found.status)) is Status.STALLED
    assert float(found.residual) > 0.01
    assert prices[jumps[0]] <= found.value[0] <= prices[jumps[0] + 1]
    assert error(float(found.value[0])) <= between


@pytest.mark.parametrize("law", ["normal", "two points"])
def test_the_price_of_a_decision_bounds_what_wrong_ones_cost(law):
    """By drawing errors: cost × P(|error| ≥ margin) ≤ price × E error², with equality for errors of 0 and ± margin."""
    cost, margin, draws = 500.0, 0.2, 100_000
    generator = np.random.default_rng(0)
    errors = generator.normal(0, 0.12, draws) if law == "normal" else margin * generator.integers(-1, 2, draws)
    price = collaboration.price_of_decision(cost, margin)
    wrong, priced = cost * np.mean(np.abs(errors) >= margin), price * np.mean(errors**2)
    assert wrong <= priced * (1 + 1e-12)
    if law == "two points":
        assert wrong == pytest.approx(priced)


@pytest.mark.parametrize("wanted", [0.0, -1.0, math.inf, math.nan, 1e-120])
def test_what_no_price_reaches_is_refused(wanted):
    problem = collaboration.Problem([[1.0]], sigma=1.0)
    with pytest.raises(ProblemError, match="standard_error"):
        collaboration.price_of_standard_error(problem, wanted)


@pytest.mark.parametrize(("cost", "margin"), [(0.0, 1.0), (1.0, 0.0), (math.inf, 1.0), (1.0, math.nan), (1e300, 1e-9)])
def test_decisions_without_a_price_are_refused(cost, margin):
    with pytest.raises(ProblemError):
        collaboration.price_of_decision(cost, margin)
