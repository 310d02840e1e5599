"""Questions that nobody promises, of agents with limits: against Clarabel, brute force, and plans solved one by one."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import collaboration, deviation
from jaxmech.collaboration import Problem, Role
from jaxmech.collaboration._misreport import _playing
from tests.oracles import capacity as oracle

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("compile_quickly")]

COSTS = np.array([[1.0, 1.3], [1.2, np.inf], [0.8, 1.0], [1.1, 0.9]])
MOST = np.array([[9.0, 4.0], [3.0, np.inf], [5.0, 6.0], [np.inf, 3.0]])
LEAST = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
BUDGET = np.array([11.0, np.inf, 9.0, 14.0])


@pytest.fixture(scope="module")
def asked():
    problem = Problem(COSTS, 20.0, most=MOST, least=LEAST, budget=BUDGET)
    plan = collaboration.solve(problem).raise_for_status().value
    return problem, plan, collaboration.questions(problem, plan, jax.random.key(0))


def test_every_group_gains_what_its_members_limits_allow_and_no_more_is_proven(asked):
    problem, plan, answers = asked
    groups = np.array(list(itertools.product([False, True], repeat=4)))[1:]
    stays = np.asarray(plan.penalty)
    found = jax.jit(jax.vmap(lambda members: collaboration.blocking(problem, stays, members)))(jnp.asarray(groups))
    for group, share, bound in zip(groups, found.share, found.bound, strict=True):
        if not np.isfinite(COSTS[group]).any(axis=0).all():
            assert share == bound == -np.inf
            continue
        unit = stays[group, None]
        error = np.full_like(COSTS, 400.0)[group] / unit
        limits = np.where(np.isfinite(COSTS), MOST, 0)[group], LEAST[group], BUDGET[group] / unit[:, 0]
        worst = oracle.division("egalitarian", COSTS[group] / unit, error, None, *limits)
        assert share == pytest.approx(1 - worst, abs=1e-6)
        assert bound == pytest.approx(float(share), abs=1e-8)
    assert (np.asarray(found.samples)[~groups] == 0).all()
    assert answers.core.complete
    assert answers.core.share == pytest.approx(float(found.share.max()), abs=1e-12)


def test_who_leaves_is_missed_by_those_with_limits(asked):
    problem, plan, answers = asked
    found = answers.pivotal
    np.testing.assert_allclose(np.diag(found.absent), collaboration.alone_penalty(problem), rtol=1e-12)
    rest = np.array([0, 1, 2])
    anew = Problem(COSTS[rest], 20.0, most=MOST[rest], least=LEAST[rest], budget=BUDGET[rest])
    np.testing.assert_allclose(found.anew[3, :3], collaboration.solve(anew).value.penalty, rtol=1e-8)
    # half of what she is asked for, but no less than she must
    delivered = np.maximum(np.asarray(plan.samples[1]) / 2, LEAST[1])
    pays = collaboration.truthful_penalty(problem, plan, jnp.asarray(plan.samples).at[1].set(delivered))
    assert float(found.short[1, 1]) == pytest.approx(float(pays[1].sum()), rel=1e-12)


def by_force(problem, plan, i):
    """Her best amounts within her limits under a plan."""
    samples, capacity = np.asarray(plan.samples), problem.capacity
    names = {int(role): role.name.lower() for role in Role}
    told = [np.asarray(part) for part in (plan.total, plan.alpha[i])]
    limits = [np.asarray(part[i]) for part in (capacity.most, capacity.least, capacity.budget)]
    roles, others = [names[int(code)] for code in plan.role[i]], samples.sum(axis=0) - samples[i]
    error = np.asarray(problem.sigma) ** 2
    return oracle.best_by_force(roles, samples[i], *told, np.asarray(problem.costs[i]), error, others, *limits)


def test_reports_of_costs_keep_within_true_limits(asked):
    problem, plan, answers = asked
    found = jax.tree.map(lambda leaf: leaf[2], answers.misreport)
    assert float(found.pays) == pytest.approx(float(plan.penalty[2]), rel=1e-9)
    assert bool(problem.capacity.allows(problem.costs, jnp.broadcast_to(found.amount, COSTS.shape))[2])
    # two of the second she must collect: she cannot say that she cannot, nor that they cost more than she has
    np.testing.assert_array_equal(np.isnan(found.least), 2 * found.reports[:, 1] > BUDGET[2])
    for at in (3, 20, 40, 75):
        said = COSTS.copy()
        said[2] = found.reports[at]
        told = Problem(said, 20.0, most=MOST, least=LEAST, budget=BUDGET)
        best = by_force(problem, collaboration.solve(told).value, 2)
        assert float(found.least[at]) == pytest.approx(best, rel=1e-6)


@pytest.mark.parametrize("agent", [0, 3])
def test_nobody_spends_what_she_does_not_have_whatever_she_said(agent):
    """Her best amounts on one distribution, and what she is asked on another, may be too dear together."""
    problem = Problem(COSTS, 20.0, most=MOST, least=LEAST, budget=BUDGET)
    play = jax.jit(_playing)
    for factors in itertools.product([0.3, 0.45, 1.0, 2.0], repeat=2):
        said = COSTS.copy()
        said[agent] *= factors
        told = Problem(said, 20.0, most=MOST, least=LEAST, budget=BUDGET)
        plan = collaboration.solve(told).raise_for_status().value
        _, least, amount = play(problem, told, jnp.array(agent), plan)
        assert bool(problem.capacity.allows(problem.costs, jnp.broadcast_to(amount, COSTS.shape))[agent]), factors
        # one multiplier for a budget misses little, and a grid that does not meet its edge less
        assert float(least) == pytest.approx(by_force(problem, plan, agent), rel=1e-3), factors


def test_who_said_that_points_are_cheap_may_lack_the_money_for_them():
    """In a pool of what each would collect alone, √(36/ĉ) of hers have to cost no more than 3 in truth."""
    problem = Problem([[1.0], [9.0]], 6.0, budget=[3.0, np.inf])
    found = collaboration.cost_misreport(problem, 0, division="alone", mechanism="pool")
    said = np.asarray(found.reports[:-1, 0])
    amount = np.minimum(6 / said**0.5, 3 / said)
    expected = np.where(amount <= 3 * (1 + 1e-9), amount + 36 / (amount + 2), np.inf)
    np.testing.assert_allclose(found.obeying[:-1], expected, rtol=1e-9)
    assert np.isinf(expected).any()


def test_groups_collect_within_the_sum_of_their_limits():
    """In a pool the cheaper collects what she can, then the other; together at least what they must."""
    problem = Problem([[0.01], [0.02], [0.04]], 1.0, most=[[4.0], [3.0], [9.0]], least=[[0.0], [2.0], [1.0]])
    plan = collaboration.solve(problem, mechanism="pool").value
    n = np.asarray(plan.samples)[:, 0]
    pool = collaboration.mechanism(problem, plan)
    found = jax.jit(lambda key: deviation.group_response(pool, problem, jnp.array([0, 1]), key, 256))(jax.random.key(3))

    def paid(total):
        first = min(total - 2, 4)
        return 2 / (n[2] + total) + 0.01 * first + 0.02 * (total - first)

    tried = np.clip(np.array([0, 0.25, 0.5, 0.75, 1, 1.25]) * (n[0] + n[1]), 2, 7)
    assert abs(float(found.pays) - min(map(paid, tried))) <= 5 * float(found.standard_error)


def test_two_names_share_one_budget_and_answers_are_facts(asked):
    problem, _, answers = asked
    costs = np.asarray(problem.costs)
    for i, collected in enumerate(np.asarray(answers.second_name.collected)):
        some = collected > 1e-9
        assert (collected <= np.where(np.isfinite(costs[i]), MOST[i], 0) * (1 + 1e-9)).all()
        assert (collected >= LEAST[i] * (1 - 1e-9)).all()
        assert costs[i][some] @ collected[some] <= BUDGET[i] * (1 + 1e-9)
    facts = {fact.claim: fact for fact in collaboration.facts(problem, answers)}
    assert len(facts) == 5
    assert not any(fact.claimed for fact in facts.values())
