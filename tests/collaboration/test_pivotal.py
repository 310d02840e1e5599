"""What one agent means to the others, against simulation with her points missing and against plans made without her."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import collaboration, deviation
from jaxmech._errors import ProblemError
from jaxmech.collaboration import Problem, Role, pivotal
from jaxmech.deviation import Deviation
from tests.oracles import deviation as oracle

pytestmark = pytest.mark.usefixtures("compile_quickly")

COSTS = np.array([[0.01], [0.011], [0.012], [0.013], [0.015], [0.02], [0.022], [0.025], [0.03], [0.035]])


@functools.cache
def solved(mechanism="cbl", **rule):
    problem = Problem(COSTS, 1.0)
    plan = collaboration.solve(problem, division="egalitarian", mechanism=mechanism, **rule).raise_for_status().value
    return problem, plan, pivotal(problem, plan)


def check_simulated(j, share, **rule):
    """What the others pay with agent j's points missing, or with her share of them, within five standard errors."""
    problem, plan, tables = solved(**rule)
    strategy = Deviation.truth(share * plan.samples[j])
    rules = collaboration.mechanism(problem, plan)
    outcome = deviation.simulate(rules, problem, None, jax.random.key(3), {j: strategy}, 2**15)
    told = np.array((tables.short if share else tables.absent)[j])
    counts = np.arange(10) != j if share == 0 else np.ones(10, bool)  # who leaves pays what she pays alone
    error = np.asarray(outcome.standard_error)
    assert (np.abs(outcome.penalty - told)[counts] <= 5 * error[counts] + 1e-12).all()
    return (told - tables.pays)[np.arange(10) != j].max() / error.max()


@pytest.mark.long
def test_without_her_points_all_pay_what_is_simulated():
    """Agent 1 works alone, agents 5 to 10 are checked against her points too, and lose when these are missing."""
    _, plan, _ = solved()
    assert [int(plan.role[i, 0]) for i in (0, 4, 9)] == [Role.ALONE, Role.CHECKED, Role.CHECKED]
    assert check_simulated(0, 0.0) > 10


@pytest.mark.slow
@pytest.mark.parametrize("rule", [{}, {"estimate": "steady"}, {"calibrated": True}])
@pytest.mark.parametrize(("j", "share"), [(0, 0.0), (4, 0.5)])
def test_what_is_simulated_under_every_rule(j, share, rule):
    check_simulated(j, share, **rule)


@pytest.mark.parametrize(("j", "share"), [(0, 0.0), (0, 0.5), (4, 0.5)])
def test_who_is_checked_against_fewer_points_pays_what_quadrature_says(j, share):
    _, plan, tables = solved()
    samples, alpha = np.asarray(plan.samples)[:, 0], float(plan.alpha[9, 0])
    left = np.where(np.arange(10) == j, share, 1) * samples
    clean = samples[9]
    noisy = min(float(plan.total[0]) - samples[9], left.sum() - samples[9]) - clean
    expected = oracle.checked_penalty(samples[9], clean, 2 * clean + noisy, alpha, COSTS[9, 0], 1.0)
    table = tables.short if share else tables.absent
    assert float(table[j, 9]) == pytest.approx(expected, rel=1e-9)
    assert noisy < float(plan.total[0]) - 2 * clean


def test_the_last_points_missing_leave_one_with_her_own():
    """Of two agents under a plan written by hand, one is checked against the other's points alone."""
    problem = Problem([[0.01], [0.03]], 1.0)
    plan = collaboration.solve(problem, division="alone", mechanism="pool").value
    role = np.array([[Role.ALONE], [Role.CHECKED]], np.int32)
    amounts, alpha = jnp.array([[10.0], [2.0]]), jnp.array([[jnp.nan], [3.0]])
    told = dataclasses.replace(plan, samples=amounts, role=jnp.asarray(role), alpha=alpha, mechanism="cbl")
    tables = pivotal(problem, told, 0.1)
    assert float(tables.absent[0, 1]) == pytest.approx(1 / 2 + 0.06, rel=1e-12)
    # one point of hers is left: it is compared with two, and nothing is noisy
    assert float(tables.short[0, 1]) == pytest.approx(1 / 3 + 0.06, rel=1e-12)


def test_who_loses_whom():
    problem, plan, tables = solved()
    alone = np.asarray(plan.role)[:, 0] == Role.ALONE
    own = np.asarray(collaboration.alone_penalty(problem))
    for table in (tables.absent, tables.anew):
        np.testing.assert_allclose(np.diag(table), own, rtol=1e-12)
    off = ~np.eye(10, dtype=bool)
    # fewer points harm nobody who works alone and somebody who is checked, and less than none
    for i in np.flatnonzero(alone):
        np.testing.assert_allclose(np.asarray(tables.absent)[:, i], own[i], rtol=1e-12)
    assert (np.asarray(tables.absent - tables.short)[off] >= -1e-12).all()
    assert (np.asarray(tables.short - tables.pays)[off] >= -1e-12).all()
    # she who delivers less than asked loses too, as the mechanism promises
    assert (np.diag(tables.short) >= np.asarray(tables.pays) * (1 - 1e-12)).all()


def test_plans_made_anew_are_those_of_the_rest():
    _, _, tables = solved()
    rest = np.arange(10) != 2
    plan = collaboration.solve(Problem(COSTS[rest], 1.0), division="egalitarian").value
    np.testing.assert_allclose(tables.anew[2][rest], plan.penalty, rtol=1e-9)


def test_pools_in_closed_form():
    costs = np.array([[1.0, np.inf], [4.0, 0.25], [np.inf, 1.0]])
    problem = Problem(costs, sigma=2.0, price=[1.0, 2.0])
    plan = collaboration.solve(problem, division="leverage", mechanism="counted-pool").value
    samples, error = np.asarray(plan.samples), np.array([4.0, 8.0])
    tables = pivotal(problem, plan, 0.25)
    spent = np.where(np.isfinite(costs), costs, 0) * samples
    for j in range(3):
        for share, table in ((0.0, tables.absent), (0.25, tables.short)):
            left = samples * np.where(np.arange(3) == j, share, 1)[:, None]
            for i in {0, 1, 2} - {j}:
                assert table[j, i] == pytest.approx((error / left.sum(axis=0) + spent[i]).sum(), rel=1e-12)
    pair = collaboration.solve(
        Problem(costs[1:], sigma=2.0, price=[1.0, 2.0]), division="leverage", mechanism="counted-pool"
    )
    np.testing.assert_allclose(tables.anew[0, 1:], pair.value.penalty, rtol=1e-9)


def test_who_cannot_be_replaced():
    problem = Problem([[1.0, np.inf], [np.inf, 1.0], [np.inf, 2.0]], sigma=1.0)
    plan = collaboration.solve(problem, division="social", mechanism="pool").value
    tables = pivotal(problem, plan)
    assert np.isinf(tables.anew[0]).all()
    assert np.isinf(tables.absent[0]).all()
    assert np.isfinite(tables.anew[1, [0, 2]]).all()
    assert np.isinf(tables.absent[1]).all()  # agent 2 collected all of it, until a new plan is made
    assert np.isfinite(tables.absent[2, :2]).all()


def test_who_is_short_in_a_counted_pool_gets_nothing_back():
    problem = Problem([[0.25], [0.25]], sigma=10.0)
    short = {}
    for mechanism in ("pool", "counted-pool"):
        plan = collaboration.solve(problem, division="egalitarian", mechanism=mechanism).value
        short[mechanism] = np.asarray(pivotal(problem, plan).short)
    n = 200**0.5
    assert short["pool"][0, 0] == pytest.approx(100 / (1.5 * n) + 0.25 * n / 2, rel=1e-12)
    assert short["counted-pool"][0, 0] == pytest.approx(100 / (0.5 * n) + 0.25 * n / 2, rel=1e-12)
    assert short["counted-pool"][0, 1] == short["pool"][0, 1]


@pytest.mark.parametrize("share", [0.0, 1.5, float("nan"), [0.5, 0.5]])
def test_a_share_is_a_share(share):
    problem, plan, _ = solved()
    with pytest.raises(ProblemError, match="share"):
        pivotal(problem, plan, share)
