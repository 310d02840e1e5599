"""What plans cost, and whom they tempt, under another σ: against drawn points and an oracle's quadrature."""

import numpy as np
import pytest
from scipy import optimize

from jaxmech import collaboration
from jaxmech.collaboration import Problem, misjudged
from tests.oracles import deviation as oracle

TEN = Problem(costs=[[1 / 250]] * 10, sigma=2.0)


@pytest.fixture(scope="module")
def plan():
    return collaboration.solve(TEN, division="social", mechanism="c3d").raise_for_status().value


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_points_of_another_spread_cost_what_is_told(plan, factor):
    """Points drawn one by one, noise as the plan sets it, and an estimate that weighs by the agreed σ."""
    n, total, alpha = (float(np.ravel(part)[0]) for part in (plan.samples, plan.total, plan.alpha))
    assert (n, total) == pytest.approx((10.0, 100.0))
    draw, sigma, runs = np.random.default_rng(3), 2.0 * factor, 20_000
    own, theirs = (draw.normal(0.0, sigma / np.sqrt(10), runs) for _ in range(2))
    spread = alpha * np.abs(own - theirs)
    rest = draw.normal(0.0, np.sqrt((sigma**2 + spread**2) / 80))
    weights = 20 / 4.0, 80 / (4.0 + spread**2)
    squared = ((weights[0] * (own + theirs) / 2 + weights[1] * rest) / sum(weights)) ** 2
    found = float(misjudged(TEN, plan, factor).penalty[0]) - 10 / 250
    assert abs(squared.mean() - found) < 4 * squared.std() / np.sqrt(runs)


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_who_knows_the_spread_saves_what_the_best_amount_saves(plan, factor):
    n, total, alpha = (float(np.ravel(part)[0]) for part in (plan.samples, plan.total, plan.alpha))

    def pays(amount):
        return oracle.checked_penalty(amount, n, total, alpha, 1 / 250, 2.0 * factor)

    best = optimize.minimize_scalar(pays, bounds=(0.5, 30.0), method="bounded", options={"xatol": 1e-4}).fun
    saving = float(misjudged(TEN, plan, factor).saving[0])
    assert 0.96 * (pays(n) - best) < saving <= (pays(n) - best) * (1 + 1e-6)


def test_at_the_agreed_spread_all_is_as_promised(plan):
    found = misjudged(TEN, plan, 1.0)
    np.testing.assert_allclose(found.penalty, plan.penalty, rtol=1e-12)
    assert np.max(found.saving) < 1e-12


@pytest.mark.parametrize("more", [{"mechanism": "pool"}, {"mechanism": "c3d", "estimate": "steady"}])
def test_errors_alone_grow_where_weights_do_not_depend_on_the_spread(more):
    plan = collaboration.solve(TEN, division="social", **more).value
    spent = np.asarray(plan.samples)[:, 0] / 250
    grown = spent + 1.44 * (np.asarray(plan.penalty) - spent)
    np.testing.assert_allclose(misjudged(TEN, plan, 1.2).penalty, grown, rtol=1e-9)


def test_a_plan_for_another_spread_costs_in_proportion_and_a_calibrated_one_is_not_judged(plan):
    other = collaboration.solve(Problem(TEN.costs, 2.4), division="social", mechanism="c3d").value
    np.testing.assert_allclose(other.penalty, 1.2 * np.asarray(plan.penalty), rtol=1e-9)
    calibrated = collaboration.solve(TEN, division="social", mechanism="c3d", calibrated=True).value
    assert np.isnan(misjudged(TEN, calibrated, 1.2)).all()
