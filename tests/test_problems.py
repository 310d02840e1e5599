"""The table of problems holds what it says, by the oracles."""

import numpy as np
import pytest

from tests.oracles import convex
from tests.problems import CASES, FAMILIES, Case, cases, hard_instance

BINDING = 1e-7


def binding_rows(case):
    alone = convex.alone_penalty(case.costs, case.sigma)
    rows = np.isfinite(alone)
    return (convex.rational(case.costs, case.sigma).penalties[rows] / alone[rows] > 1 - BINDING).sum()


def test_names_are_unique():
    assert len({str(case) for case in CASES}) == len(CASES)


def test_every_case_tells_why_it_is_hard():
    assert all(len(case.why) > 20 for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case_is_a_problem(case):
    assert (case.costs > 0).all()
    assert np.isfinite(case.costs).any(axis=0).all()
    assert np.shape(case.sigma) in ((), case.shape[1:])


def test_table_reaches_the_promised_sizes():
    shapes = np.array([case.shape for case in CASES])
    assert shapes.max(axis=0).tolist() == [30, 6]
    assert shapes.min(axis=0).tolist() == [1, 1]


def test_selection_by_family_and_size():
    assert {case.family for case in cases("ties", "hard")} == {"ties", "hard"}
    assert max(case.shape[0] for case in cases(largest=5)) == 5
    assert {case.family for case in cases()} == set(FAMILIES)
    with pytest.raises(KeyError, match="bindings"):
        cases("bindings")


@pytest.mark.parametrize("case", cases("binding", "proportional"), ids=str)
def test_binding_cases_bind(case):
    assert binding_rows(case) >= 1


def test_touching_case_touches():
    (case,) = cases("touching")
    division = convex.rational(case.costs, case.sigma)
    assert division.penalties[0] == pytest.approx(convex.alone_penalty(case.costs, case.sigma)[0], rel=1e-6)
    assert division.multipliers.max() < 1e-4
    assert division.objective == pytest.approx(2 * np.sqrt(2 * case.costs.min(axis=0)).sum(), rel=1e-9)


def test_most_easy_cases_do_not_bind():
    easy = cases("decades")
    assert sum(binding_rows(case) == 0 for case in easy) > len(easy) / 2


@pytest.mark.parametrize("case", cases("ties"), ids=str)
def test_tied_cases_tie(case):
    assert len(np.unique(case.costs, axis=0)) <= case.shape[0] - 1


@pytest.mark.parametrize("case", cases("spectators", "only-one"), ids=str)
def test_spectators_can_measure_nothing(case):
    assert np.isinf(case.costs).all(axis=1).any()


@pytest.mark.parametrize("case", cases("six-decades", largest=12)[2:], ids=str)
def test_costs_spread(case):
    assert case.costs.max() / case.costs.min() > 1e3


@pytest.mark.parametrize("m", [2, 16])
def test_hard_instance_has_the_published_optimum(m):
    division = convex.rational(hard_instance(m, 0.01), 3.0)
    assert division.objective == pytest.approx(4 * 3.0 * np.sqrt(m * 0.01), rel=1e-9)


class TestOracles:
    """The oracles agree with published values, with closed forms, and with their own certificates."""

    COSTS = np.array([[0.033], [0.066], [0.1]])

    @pytest.mark.parametrize(
        ("name", "samples", "penalties"),
        [
            ("rational", (71.1714, 6.6785, 0.0), (3.6332, 1.7253, 1.2845)),
            ("leverage", (71.1714, 6.6785, 0.0), (3.6332, 1.7253, 1.2845)),
            ("nash", (35.3182, 23.4180, 15.7316), (2.5084, 2.8885, 2.9160)),
            ("egalitarian", (40.6928, 20.3464, 13.4286), (2.6857, 2.6857, 2.6857)),
            ("kalai_smorodinsky", (27.9353, 24.5506, 21.9819), (2.2647, 2.9632, 3.5411)),
        ],
    )
    def test_published_example(self, name, samples, penalties):
        division = getattr(convex, name)(self.COSTS, 10.0)
        np.testing.assert_allclose(division.samples[:, 0], samples, atol=1e-4)
        np.testing.assert_allclose(division.penalties, penalties, atol=1e-4)

    @pytest.mark.parametrize("case", [c for c in CASES if c.shape[0] <= 12 and c.family != "only-one"], ids=str)
    def test_rational_optimum_is_certified_by_its_dual(self, case):
        division = convex.rational(case.costs, case.sigma)
        if division.multipliers is None:
            return  # the only feasible point
        bound = convex.dual_bound(case.costs, case.sigma, division.multipliers)
        assert bound <= division.objective * (1 + 1e-9)
        assert bound >= division.objective * (1 - 1e-8)

    @pytest.mark.parametrize("case", cases("only-one", "single"), ids=str)
    def test_only_agent_works_alone(self, case):
        division = convex.rational(case.costs, case.sigma)
        assert division.penalties[0] == pytest.approx(convex.alone_penalty(case.costs, case.sigma)[0])

    @pytest.mark.parametrize("case", cases("binding", "infinite", "spectators", "hard", largest=8), ids=str)
    def test_leverage_optimum_is_feasible_and_no_better(self, case):
        division = convex.leverage(case.costs, case.sigma)
        error = np.asarray(case.sigma) ** 2 / division.samples.sum(axis=0)
        finite = np.isfinite(case.costs)
        paid = (error + np.where(finite, case.costs, 0) * division.samples)[finite]
        alone = (2 * case.sigma * np.sqrt(case.costs))[finite]
        assert (paid <= alone * (1 + 1e-8)).all()
        assert division.objective >= convex.rational(case.costs, case.sigma).objective * (1 - 1e-9)

    def test_egalitarian_optimum_by_its_dual(self):
        """One distribution: 2σ/√(Σ 1/c)."""
        costs = np.array([[0.1], [0.3], [2.0], [0.7]])
        division = convex.egalitarian(costs, 2.0)
        assert division.objective == pytest.approx(4.0 / np.sqrt((1 / costs).sum()), rel=1e-9)

    @pytest.mark.parametrize("case", cases("uniform", "binding", "sigmas", largest=8), ids=str)
    def test_egalitarian_optimum_is_individually_rational(self, case):
        division = convex.egalitarian(case.costs, case.sigma)
        assert (division.penalties <= convex.alone_penalty(case.costs, case.sigma) * (1 + 1e-9)).all()

    @pytest.mark.parametrize("case", cases("uniform", "binding", largest=8), ids=str)
    def test_nash_gains_beat_those_of_other_divisions(self, case):
        alone = convex.alone_penalty(case.costs, case.sigma)
        best = convex.nash(case.costs, case.sigma).objective
        for other in (convex.egalitarian, convex.kalai_smorodinsky):
            gains = alone - other(case.costs, case.sigma).penalties
            assert np.log(gains).sum() <= best + 1e-9

    def test_agents_who_cannot_work_alone_have_no_nash_division(self):
        with pytest.raises(ValueError, match="no finite penalty alone"):
            convex.nash([[1.0], [np.inf]], 1.0)

    def test_dual_bound_refuses_multipliers_without_a_row(self):
        with pytest.raises(ValueError, match="without a bound"):
            convex.dual_bound([[1.0], [np.inf]], 1.0, [0.0, 1.0])

    def test_looser_bounds_and_weights(self):
        """Without rows the optimum is the closed form with the weights' sum in place of m."""
        costs, weights = np.array([[0.2, 1.0], [0.4, 0.5]]), np.array([3.0, 1.0])
        division = convex.rational(costs, 2.0, bounds=[np.inf, np.inf], weights=weights)
        expected = sum(2 * 2.0 * np.sqrt(4.0 * (weights * costs[:, k]).min()) for k in range(2))
        assert division.objective == pytest.approx(expected, rel=1e-9)


def test_case_knows_whether_everybody_can_work_alone():
    assert not Case("a", "b", np.array([[np.inf], [1.0]]), 1.0, "").has_finite_bounds
