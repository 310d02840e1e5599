"""Groups that would rather leave: known sizes, closed forms, convex programs of CVXPY, and groups that cannot."""

import itertools

import cvxpy as cp
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import collaboration
from jaxmech.collaboration import Problem, blocking, core

TABLE = np.array([[0.3, np.inf, 2.0], [0.9, 0.2, 0.4], [np.inf, np.inf, np.inf], [0.5, 1.1, np.inf], [2.0, 0.7, 0.3]])


@pytest.mark.long
@pytest.mark.parametrize(("m", "least"), [(5, 3), (10, 4), (20, 7), (100, 27)])
def test_the_least_group_that_leaves_c3d_in_closed_form(m, least):
    """s of m equal agents pay 2σ√(c/s) among themselves: section 13 of the mathematics has the sizes."""
    pays = collaboration.solve(Problem([[0.01]] * m, 1.0), mechanism="c3d").value.penalty[0]
    # a hundred agents every time: a group has nothing to do with how many others there are
    problem, stays = Problem([[0.01]] * 100, 1.0), np.full(100, pays)
    for size in (least - 1, least):
        found = blocking(problem, stays, jnp.arange(100) < size)
        expected = 1 - 0.2 / size**0.5 / float(pays)
        assert (expected > 0) == (size == least)
        np.testing.assert_allclose((found.share, found.bound), expected, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.samples[:size, 0], 10 / size**0.5, rtol=1e-6)
        assert (found.samples[size:] == 0).all()


def by_cvxpy(costs, error, pays, members):
    """max t of one group; −∞ where it cannot measure something."""
    inside = np.flatnonzero(members)
    able = np.isfinite(costs[inside])
    if not able.any(axis=0).all():
        return -np.inf
    n, ratio = cp.Variable(able.shape, nonneg=True), cp.Variable()
    mean_error = cp.sum(cp.multiply(error, cp.inv_pos(cp.sum(n, axis=0))))
    spent = cp.sum(cp.multiply(np.where(able, costs[inside], 0), n), axis=1)
    rows = [mean_error + spent[i] <= ratio * pays[j] for i, j in enumerate(inside)]
    found = cp.Problem(cp.Minimize(ratio), [*rows, cp.multiply(~able, n) == 0])
    found.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    return 1 - ratio.value


@pytest.mark.long
def test_every_group_gains_what_cvxpy_says_and_no_more_is_proven():
    problem = Problem(TABLE, sigma=[1.0, 2.0, 1.0], price=[1.0, 0.5, 2.0])
    stays = np.array([3.0, 2.5, 4.0, 3.5, 2.0])
    groups = np.array(list(itertools.product([False, True], repeat=5)))[1:]
    found = jax.vmap(lambda members: blocking(problem, stays, members))(jnp.asarray(groups))
    error = np.asarray(problem.scale) ** 2
    expected = [by_cvxpy(TABLE, error, stays, group) for group in groups]
    np.testing.assert_allclose(found.share, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.bound, found.share, rtol=0, atol=1e-7)
    # every division is the group's own
    assert (np.asarray(found.samples)[~groups] == 0).all()


@pytest.mark.long
def test_all_groups_and_what_is_found_of_them():
    problem = Problem([[0.01], [0.02], [0.02], [0.05]], 1.0)
    plan = collaboration.solve(problem, division="alone", mechanism="cbl").raise_for_status().value
    found = core(problem, plan)
    assert found.groups == 15
    assert found.complete
    assert found.blocked
    assert found.bound == pytest.approx(found.share, abs=1e-8)
    members = np.isin(np.arange(4), found.group)
    paid = np.asarray(collaboration.penalty(problem, jnp.asarray(found.samples)))
    assert (1 - paid[members] / np.asarray(plan.penalty)[members]).min() == pytest.approx(found.share, abs=1e-12)


def test_nobody_leaves_the_best_that_all_can_do_together():
    """A pool at a division on the frontier: no group does better without the others' points."""
    problem = Problem([[0.01], [0.02], [0.02], [0.05]], 1.0)
    plan = collaboration.solve(problem, division="egalitarian", mechanism="pool").raise_for_status().value
    found = core(problem, plan)
    assert not found.blocked
    assert found.complete
    assert found.share == pytest.approx(0, abs=1e-8)


@pytest.mark.long
def test_of_equal_agents_the_descent_misses_nothing():
    problem = Problem([[0.01]] * 20, 1.0)
    found = core(problem, collaboration.solve(problem, mechanism="c3d").value)
    assert len(found.least) == 7
    assert len(found.group) == 20
    assert found.share == pytest.approx(1 - 1 / 1.8158331, abs=1e-6)
    assert found.groups == 1 + sum(range(2, 21))
    assert not found.complete  # others may exist that were not looked at


@pytest.mark.long
def test_who_pays_nothing_or_without_end_has_a_scale_of_her_own():
    problem = Problem([[1.0, np.inf], [np.inf, 1.0]], 1.0)
    both = jnp.array([True, True])
    endless = blocking(problem, np.array([np.inf, np.inf]), both)
    assert endless.share > 0  # alone neither learns everything, together they do
    assert np.isfinite(np.asarray(endless.samples)).all()
    assert blocking(problem, np.array([0.0, 9.0]), both).share == -np.inf
    assert blocking(problem, np.array([9.0, 9.0]), jnp.array([True, False])).share == -np.inf
    assert blocking(problem, np.array([9.0, 9.0]), jnp.array([False, False])).bound == -np.inf
    mixed = blocking(problem, np.array([np.inf, 9.0]), both)
    assert mixed.share > 0
