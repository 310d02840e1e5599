"""What agents with equal costs are told: the mechanisms that treat equals alike come first."""

import numpy as np
import pytest

from jaxmech import collaboration, design
from jaxmech.collaboration import Problem, advise, has_equal_costs, solve

pytestmark = pytest.mark.usefixtures("compile_quickly")

TEN = Problem([[0.01]] * 10, 1.0)


def test_equals_are_told_of_c3d_and_of_the_design():
    plan = solve(TEN).value
    found = advise(TEN, plan, 0.7)
    first_best = 2 * 10**0.5 * 0.1
    assert float(plan.social_penalty) / first_best == pytest.approx(2.2316, abs=1e-4)
    assert found.equals["c3d"] / first_best == pytest.approx(1.697948, abs=1e-6)
    assert found.equals == {"designed": 0.7, "c3d": found.equals["c3d"]}


@pytest.mark.parametrize("costs", [[[0.01], [0.02]], [[0.01, 0.5], [0.01, np.inf]]], ids=["unequal", "unable"])
def test_others_are_not(costs):
    problem = Problem(costs, 1.0)
    assert not has_equal_costs(problem)
    assert advise(problem, solve(problem, mechanism="pool").value).equals == {}


def test_nor_are_those_who_have_c3d_already():
    assert advise(TEN, solve(TEN, mechanism="c3d").value).equals == {}


@pytest.mark.slow
def test_among_equals_a_design_costs_what_it_costs_with_many_points():
    """The number of agents alone decides: other costs, prices and standard deviations change the unit."""
    many = Problem([[0.5, 8.0]] * 10, [30.0, 200.0], [3.0, 0.5])
    ratio = design.cost_among_equals(many) / float(collaboration.first_best(many))
    direct = design.design(many, design.Wishes(linked=False)).raise_for_status().value
    assert float(direct.social_penalty) == pytest.approx(ratio * float(collaboration.first_best(many)), rel=2e-3)
    assert ratio == pytest.approx(1.2136, abs=2e-4)
