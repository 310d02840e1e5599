"""What misstating one's costs gains, against plans solved one by one and an oracle's quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import collaboration
from jaxmech._errors import ProblemError
from jaxmech.collaboration import Problem, Role, cost_misreport
from tests.oracles import deviation as oracle

pytestmark = pytest.mark.usefixtures("compile_quickly")

COSTS = np.array([[0.01], [0.011], [0.012], [0.013], [0.015], [0.02]])


def told(costs, agent, report):
    """The plan for one report, solved by itself."""
    said = np.array(costs)
    said[agent] = report
    return collaboration.solve(Problem(said, 1.0), division="egalitarian").raise_for_status().value


def by_hand(costs, plan, agent):
    """What she pays at her true cost if she obeys, and at best, in the closed forms of the unchecked roles."""
    samples, cost = np.asarray(plan.samples)[:, 0], costs[agent, 0]
    n, others = samples[agent], samples.sum() - samples[agent]
    if plan.role[agent, 0] == Role.ALONE:
        return 1 / n + cost * n, 2 * np.sqrt(cost)
    best = max(0.0, cost**-0.5 - others)
    return 1 / others, 1 / (others + best) + cost * best


@pytest.mark.parametrize("agent", [0, 5])
def test_every_report_brings_what_its_plan_brings_her_at_her_true_cost(agent):
    found = cost_misreport(Problem(COSTS, 1.0), agent, division="egalitarian")
    checked = []
    for report, obeying, least in zip(found.reports, found.obeying, found.least, strict=True):
        plan = told(COSTS, agent, report)
        if plan.role[agent, 0] == Role.CHECKED:
            checked.append((plan, float(obeying), float(least)))
            continue
        np.testing.assert_allclose((obeying, least), by_hand(COSTS, plan, agent), rtol=1e-9)
    # quadrature takes a second: one of them
    plan, obeying, least = checked[len(checked) // 2]
    asked, cost = float(plan.samples[agent, 0]), float(COSTS[agent, 0])
    deal = (asked, float(plan.total[0]), float(plan.alpha[agent, 0]), cost, 1.0)
    assert obeying == pytest.approx(oracle.checked_penalty(asked, *deal), rel=1e-8)
    assert least == pytest.approx(oracle.best_checked(*deal)[0], rel=1e-8)


@pytest.mark.parametrize("agent", [0, 5])
def test_the_best_report_is_no_worse_than_any_scanned_and_worth_what_it_says(agent):
    problem = Problem(COSTS, 1.0)
    found = cost_misreport(problem, agent, division="egalitarian")
    honest = collaboration.solve(problem, division="egalitarian").value
    assert float(found.pays) == pytest.approx(float(honest.penalty[agent]), rel=1e-9)
    assert float(found.pays - found.gain) <= np.nanmin(found.least) * (1 + 1e-12)
    plan = told(COSTS, agent, found.report)
    assert plan.role[agent, 0] == Role.RECEIVES  # who says that she cannot gets everything for nothing
    assert float(found.pays - found.gain) == pytest.approx(by_hand(COSTS, plan, agent)[1], rel=1e-9)


def test_in_a_pool_she_complies_and_overstates_up_to_where_somebody_else_works():
    costs = np.array([[0.25], [0.3], [1.0]])
    found = cost_misreport(Problem(costs, 1.0), 0, division="social", mechanism="pool")
    # the cheapest alone collects √(3/c); once she is not, she pays nothing and gets √(3/0.3)
    assert float(found.pays) == pytest.approx(0.25 * np.sqrt(12) + 1 / np.sqrt(12), rel=1e-12)
    assert float(found.pays - found.gain) == pytest.approx(np.sqrt(0.3 / 3), rel=1e-12)
    assert found.report[0] > 0.3
    assert found.amount[0] == 0
    # below 0.3 she works, the more the less she says: the best of it is the edge, which is no gain of its own
    works = found.reports[:, 0] < 0.3
    amounts = np.sqrt(3 / found.reports[works, 0])
    np.testing.assert_allclose(found.obeying[works], 0.25 * amounts + 1 / amounts, rtol=1e-12)


def test_the_closer_look_finds_what_lies_between_the_factors():
    """Of two in a pool one works: the cheap one at the amount that she seems to want, best for her is 1/√c."""
    costs = np.array([[1.0], [100.0]])
    found = cost_misreport(Problem(costs, 1.0), 0, division="social", mechanism="pool")
    assert float(found.report[0]) == pytest.approx(2.0, rel=1e-3)  # √(2/ĉ) = 1
    assert float(found.pays - found.gain) == pytest.approx(2.0, rel=1e-7)
    assert np.nanmin(found.least) > 2.0 * (1 + 1e-4)


def test_several_distributions_and_one_whom_nobody_replaces():
    costs = np.array([[1.0, 1.0], [np.inf, 1.5], [np.inf, 2.0]])
    found = cost_misreport(Problem(costs, 1.0), 0, division="social", mechanism="pool")
    cannot = np.isinf(found.reports)
    assert found.reports.shape == (3 * 34, 2)
    # without the first distribution there is no plan, without the second there is one
    np.testing.assert_array_equal(np.isnan(found.obeying), cannot[:, 0])
    assert (cannot[:, 1] & ~cannot[:, 0]).sum() == 1
    # the second is left to others as soon as she seems dearer; of the first she collects 1/√c as if for herself
    expected = 2.0 + 1 / np.sqrt(3 / 1.5)
    dearer = (found.reports[:, 0] == 1) & (found.reports[:, 1] > 1.5)
    np.testing.assert_allclose(found.obeying[dearer], 1 / np.sqrt(3) + np.sqrt(3) + 1 / np.sqrt(2), rtol=1e-9)
    assert float(found.pays - found.gain) >= expected * (1 - 1e-9)
    # who cannot sample the first never says that she can
    theirs = cost_misreport(Problem(costs, 1.0), 1, division="social", mechanism="pool")
    assert np.isinf(theirs.reports[:, 0]).all()
    assert theirs.gain == 0
    np.testing.assert_array_equal(theirs.report, costs[1])


@pytest.mark.slow
@pytest.mark.parametrize("rule", [{"estimate": "steady"}, {"calibrated": True}])
def test_what_she_says_sets_the_noise_and_what_is_true_her_costs(rule):
    """Whoever obeys pays what the plan promises whom she claims to be, but for the price of her points."""
    costs = np.repeat(COSTS, 4, axis=0)
    found = cost_misreport(Problem(costs, 1.0), 23, division="egalitarian", **rule)
    roles = set()
    for report, obeying, least in list(zip(found.reports, found.obeying, found.least, strict=True))[8:-1:5]:
        said = np.array(costs)
        said[23] = report
        plan = collaboration.solve(Problem(said, 1.0), division="egalitarian", **rule).value
        promised = float(plan.penalty[23]) + float((costs[23, 0] - report[0]) * plan.samples[23, 0])
        assert float(obeying) == pytest.approx(promised, rel=1e-9)
        assert least <= obeying
        roles.add(int(plan.role[23, 0]))
    assert Role.CHECKED in roles
    assert found.gain > 0


def test_an_agent_may_be_traced():
    problem = Problem(COSTS, 1.0)
    each = [float(cost_misreport(problem, i, division="social", mechanism="pool").gain) for i in range(2)]
    all_of_them = jax.vmap(lambda i: cost_misreport(problem, i, division="social", mechanism="pool").gain)
    np.testing.assert_allclose(all_of_them(jnp.arange(2)), each, rtol=1e-9)


@pytest.mark.parametrize(
    ("agent", "options", "word"),
    [(6, {}, "agent"), (-1, {}, "agent"), (0, {"mechanism": "c3d"}, "equal"), (0, {"division": "rationl"}, "rational")],
)
def test_nonsense_is_refused(agent, options, word):
    with pytest.raises(ProblemError, match=word):
        cost_misreport(Problem(COSTS, 1.0), agent, **options)
