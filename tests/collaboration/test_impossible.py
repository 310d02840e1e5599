"""What no mechanism can do, against the theorems' own instance and against the plans that there are."""

import numpy as np
import pytest

from jaxmech import collaboration, files
from jaxmech.collaboration import Problem, unavoidable


@pytest.mark.parametrize("m", [4, 25, 100])
def test_the_instance_of_theorem_4_costs_root_m_over_4_times_the_optimum(m):
    gamma, inf = 0.25, np.inf
    found = unavoidable(Problem([[gamma, inf]] + [[inf, gamma]] * (m - 1), sigma=2.0))
    assert found.single.tolist() == [True, False]
    assert found.most.tolist() == [2 / gamma**0.5, inf]  # σ/√γ
    assert float(found.social) == pytest.approx((m + 1) * 2 * gamma**0.5 + 2 * 2 * (m * gamma) ** 0.5, rel=1e-12)
    assert float(found.social) / (4 * 2 * (m * gamma) ** 0.5) >= m**0.5 / 4
    np.testing.assert_allclose(found.each, [2.0] + [1.0] * (m - 1), rtol=1e-12)
    assert (found.dominant == 0).all()  # nobody can sample everything


def test_who_can_sample_everything_pays_half_of_what_she_pays_alone_at_least():
    costs = np.array([[0.04, 1.0], [0.09, np.inf], [0.25, 0.16]])
    found = unavoidable(Problem(costs, sigma=[10.0, 1.0], price=[1.0, 4.0]))
    # Σ_k c n_IND, what she spends
    np.testing.assert_allclose(found.dominant, [10 * 0.2 + 2 * 1.0, 0, 10 * 0.5 + 2 * 0.4], rtol=1e-12)
    assert not found.single.any()
    assert (found.each == 0).all()


def test_one_agent_by_herself_is_her_own_supplier():
    problem = Problem([[0.25, 1.0]], sigma=2.0)
    found = unavoidable(problem)
    np.testing.assert_allclose(found.each, collaboration.alone_penalty(problem), rtol=1e-12)
    assert float(found.social) == pytest.approx(float(found.each[0]), rel=1e-12)


@pytest.mark.parametrize("name", ["hard-instance", "clinics", "three-agents"])
def test_no_plan_of_the_package_beats_it(name):
    problem = files.read(name).problem
    plan = collaboration.solve(problem, division="leverage", mechanism="cbl").raise_for_status().value
    found = unavoidable(problem)
    assert plan.social_penalty >= found.social * (1 - 1e-12)
    assert (plan.penalty >= found.each * (1 - 1e-12)).all()
    total = np.asarray(plan.samples).sum(axis=0)
    assert (total <= np.asarray(found.most) * (1 + 1e-12)).all()
    single = np.asarray(found.single)
    np.testing.assert_allclose(total[single], np.asarray(found.most)[single], rtol=1e-12)


def test_it_stands_beside_the_efficiency_of_a_plan():
    alone_for_one = Problem([[0.25, np.inf], [np.inf, 0.25], [0.5, np.inf]], 2.0)
    plan = collaboration.solve(alone_for_one).value
    theory, limits = collaboration.efficiency(alone_for_one, plan), collaboration.unavoidable(alone_for_one)
    assert theory.any_equilibrium == pytest.approx(float(limits.social))
    assert theory.first_best < theory.any_equilibrium <= float(plan.social_penalty) * (1 + 1e-9)
    equal = Problem([[0.01]] * 10, 1.0)
    theory = collaboration.efficiency(equal, collaboration.solve(equal, mechanism="c3d").value)
    assert theory.any_equilibrium == pytest.approx(theory.first_best)
    assert theory.dominant == pytest.approx(10 * 0.1)  # half of 2σ√c each
