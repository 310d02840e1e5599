"""A panel against the program that is not reduced: values with the same number of draws behind them."""

import cvxpy as cp
import numpy as np
import pytest

from jaxmech import collaboration
from jaxmech.collaboration import Values, mechanism_by_value, problem_by_value, reduce_panels

COSTS = np.array([[0.02, 0.05], [0.04, 0.03], [0.03, 0.08], [0.05, 0.04]])
SIGMA, PRICE, DRAWS = np.array([2.0, 1.0, 0.5, 3.0]), np.array([1.0, 0.7, 2.0, 0.1]), (0, 1, 1, 1)
VALUES = Values(("w", "a", "b", "c"), DRAWS, SIGMA, PRICE, {"panel": ("a", "b", "c")})


@pytest.fixture(scope="module")
def problem():
    reduced = reduce_panels(SIGMA, PRICE, DRAWS)
    return collaboration.Problem(COSTS, reduced.sigma, reduced.price, distributions=["w", "panel"])


def unreduced():
    """Least sum of penalties at which nobody pays more than alone; a column per value, those of a panel tied."""
    amounts = cp.Variable((4, len(DRAWS)), nonneg=True)
    draws = [DRAWS.index(k) for k in range(2)]
    spent = cp.sum(cp.multiply(COSTS, amounts[:, draws]), axis=1)
    errors = sum(PRICE[k] * SIGMA[k] ** 2 * cp.inv_pos(cp.sum(amounts[:, k])) for k in range(len(DRAWS)))
    own = cp.Variable((4, len(DRAWS)), nonneg=True)
    alone = cp.sum(cp.multiply(cp.inv_pos(own), (PRICE * SIGMA**2)[None, :]), axis=1)
    alone = alone + cp.sum(cp.multiply(COSTS, own[:, draws]), axis=1)
    tied = [table[:, k] == table[:, DRAWS.index(DRAWS[k])] for table in (amounts, own) for k in range(len(DRAWS))]
    cp.Problem(cp.Minimize(cp.sum(alone)), tied).solve(solver="CLARABEL")
    limits = alone.value
    cp.Problem(cp.Minimize(4 * errors + cp.sum(spent)), [*tied, errors + spent <= limits]).solve(solver="CLARABEL")
    return amounts.value[:, draws], (errors + spent).value, limits


def test_the_division_is_that_of_the_unreduced_program(problem):
    samples, penalties, alone = unreduced()
    np.testing.assert_allclose(collaboration.alone_penalty(problem), alone, rtol=1e-6)
    found = collaboration.divide(problem, "rational").value
    totals = np.asarray(found).sum(axis=0)
    np.testing.assert_allclose(totals, samples.sum(axis=0), rtol=1e-4)  # flat at the optimum
    assert collaboration.social_penalty(problem, found) == pytest.approx(penalties.sum(), rel=1e-6)


def test_values_add_up_to_what_the_panel_costs(problem):
    plan = collaboration.solve(problem, division="social", mechanism="pool").value
    wide, machine = mechanism_by_value(problem, plan, VALUES)
    by_value = problem_by_value(problem, VALUES)
    np.testing.assert_allclose(collaboration.penalty(by_value, wide.samples), plan.penalty, rtol=1e-12)
    assert machine.recommended.samples.shape == (4, 4)


def test_a_calibrated_rule_compares_every_value_with_its_own_spread():
    reduced = reduce_panels(SIGMA, PRICE, DRAWS)
    equals = collaboration.Problem(np.full((10, 2), 1e-3), reduced.sigma, reduced.price)
    plan = collaboration.solve(equals, mechanism="c3d", calibrated=True).value
    wide, machine = mechanism_by_value(equals, plan, VALUES)
    kappa = np.asarray(machine.worth / SIGMA**2)
    np.testing.assert_allclose(kappa, 0.1, rtol=1e-12)
    np.testing.assert_allclose(wide.alpha, np.asarray(plan.alpha)[:, DRAWS])


def test_who_knows_the_correlation_gains_what_simulated_data_say():
    """Rows of two values: means and noise drawn, weighed by generalised least squares, at the amount that is told."""
    tau, kappa, ratio, n_star = 10.0, 0.1, 2.57573664058, 50
    correlation = np.array([[1.0, 0.9], [0.9, 1.0]])
    found = collaboration.joint_estimation(tau, kappa, ratio, np.ones(2), correlation)
    generator, runs = np.random.default_rng(3), 20_000
    n, rest = round(found.samples * n_star), 8 * n_star
    root, inverse = np.linalg.cholesky(correlation), np.linalg.inv(correlation)
    own, clean, others = (generator.standard_normal((runs, 2)) @ root.T / np.sqrt(size) for size in (n, n_star, rest))
    added = ratio * n_star * (own - clean) ** 2
    noisy = others + np.sqrt(added / rest) * generator.standard_normal((runs, 2))
    precise = rest * np.linalg.inv(correlation + added[:, :, None] * np.eye(2))
    known = (n + n_star) * inverse
    heard = (n * own + n_star * clean) @ inverse + np.einsum("rij,rj->ri", precise, noisy)
    errors = np.einsum("rij,rj->ri", np.linalg.inv(known + precise), heard) ** 2
    paid = n_star * errors.mean(axis=1) + kappa * n / n_star
    promised = float(collaboration.checked_penalty(tau, kappa, ratio))
    slack = 4 * paid.std() / np.sqrt(runs) / promised
    assert 0.10 < found.saving < 0.12
    assert found.samples == pytest.approx(0.81, abs=0.05)
    assert 1 - paid.mean() / promised == pytest.approx(found.saving, abs=slack + 0.01)
    assert collaboration.joint_estimation(tau, kappa, ratio, np.ones(2), np.eye(2)).saving < 1e-3
