"""Divisions of work that a user gives in amounts."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, Status
from jaxmech.collaboration import (
    TARGET,
    Problem,
    advise,
    certify,
    divide,
    integer_plan,
    penalty,
    pivotal,
    questions,
    solve,
)

COSTS = np.array([[0.5, 2.0], [1.0, 0.7], [0.9, np.inf], [1.4, 1.1]])
PROBLEM = Problem(COSTS, [2.0, 1.0])


def _same(ours, theirs):
    """Two plans, whatever the division is called."""
    pairs = zip(*(jax.tree.leaves(dataclasses.replace(plan, division="")) for plan in (ours, theirs)), strict=True)
    for our, other in pairs:
        np.testing.assert_array_equal(our, other)


@pytest.mark.parametrize("mechanism", ["cbl", "pool"])
@pytest.mark.parametrize("division", ["leverage", "social"])
def test_amounts_of_a_named_division_give_its_plan(division, mechanism):
    named = solve(PROBLEM, division=division, mechanism=mechanism).value
    given = solve(PROBLEM, division=named.target, mechanism=mechanism)
    assert Status.of(int(given.status)) == Status.OK
    assert given.value.division == TARGET
    _same(given.value, named)


@pytest.mark.long
def test_every_agent_keeps_lemma_5_and_theorem_5():
    """An eightfold penalty at most, on every distribution, wherever (8) holds; the numbers are recomputed here."""
    rng, leveraged = np.random.default_rng(5), 0
    for _ in range(8):
        amounts = rng.uniform(size=COSTS.shape) / np.sqrt(np.where(np.isinf(COSTS), 1, COSTS)) * [2.0, 1.0]
        amounts[np.isinf(COSTS)] = 0
        plan = solve(PROBLEM, division=amounts).raise_for_status().value
        audits = {audit.claim: audit for audit in certify(PROBLEM, plan)}
        assert all(audit.holds for audit in audits.values() if audit.claimed)
        ratio = np.asarray(plan.penalty) / np.asarray(penalty(PROBLEM, jnp.asarray(amounts)))
        if plan.leverage:
            leveraged += 1
            assert 1 - audits["at most 8 times the division's penalty"].margin == pytest.approx(ratio.max() / 8)
            each = audits["at most 8 times on each distribution"]
            assert each.holds
            assert not each.claimed
            assert 8 * (1 - each.margin) >= ratio.max() - 1e-9  # a mean of ratios is at most the largest
    assert leveraged >= 3


def test_a_division_that_is_no_good_to_somebody_is_told_apart_under_the_pool():
    """Nobody promises of given amounts that all gain by them: it is a fact, and false."""
    amounts = np.array([[9.0, 0.0], [0.0, 9.0], [0.0, 0.0], [0.0, 0.0]])
    plan = solve(PROBLEM, division=amounts, mechanism="pool").value
    rational = next(audit for audit in certify(PROBLEM, plan) if audit.claim == "individually rational")
    assert not rational.holds
    assert not rational.claimed


def test_own_points_of_agents_who_differ():
    """Amounts count everybody's own points, as those that come out do."""
    problem = Problem(COSTS, [[2.0, 1.0], [4.0, 1.0], [2.0, 1.0], [1.0, 0.5]])
    named = solve(problem, division="leverage").value
    given = solve(problem, division=named.target).value
    for field in ("samples", "target", "penalty", "role"):
        np.testing.assert_allclose(getattr(given, field), getattr(named, field), rtol=1e-12)


@pytest.mark.long
def test_batches_and_slopes():
    """vmap is a loop, and penalties have slopes in the amounts that differences confirm."""
    base = np.asarray(divide(PROBLEM, "leverage").value)
    several = jnp.asarray(base * np.array([1.0, 1.1, 1.3])[:, None, None])

    def social(amounts):
        return solve(PROBLEM, division=amounts).value.social_penalty

    np.testing.assert_allclose(jax.vmap(social)(several), [social(one) for one in several], rtol=1e-12)
    step = jnp.asarray(base * 1e-6)
    difference = (social(several[2] + step) - social(several[2] - step)) / 2
    slope = jnp.sum(jax.grad(social)(several[2]) * step)
    np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=1e-13)


@pytest.mark.long
def test_advice_pivotal_and_whole_samples():
    amounts = divide(PROBLEM, "egalitarian").value
    plan = solve(PROBLEM, division=amounts).value
    advice = advise(PROBLEM, solve(PROBLEM, division=amounts, mechanism="pool").value)
    assert advice.honest[TARGET] == pytest.approx(float(plan.social_penalty))
    assert np.all(np.asarray(integer_plan(PROBLEM, plan).plan.samples) % 1 == 0)
    anew = np.asarray(pivotal(PROBLEM, plan).anew)
    rest = np.array([0, 1, 2])
    without = solve(Problem(COSTS[rest], [2.0, 1.0]), division=amounts[rest]).value
    np.testing.assert_allclose(anew[3, rest], without.penalty, rtol=1e-9)


@pytest.mark.parametrize(
    ("amounts", "parts"),
    [
        (np.ones((4, 3)), ("(4, 3)", "(4, 2)")),
        (np.where(np.isinf(COSTS), 0, -1.0), ("agent 1", "-1", "0 or more")),
        (np.where(np.isinf(COSTS), 0, np.nan), ("agent 1", "finite")),
        (np.ones((4, 2)), ("agent 3", "distribution 2", "cannot sample")),
    ],
)
def test_bad_amounts(amounts, parts):
    with pytest.raises(ProblemError) as caught:
        solve(PROBLEM, division=amounts)
    assert all(part in str(caught.value) for part in parts)


def test_what_amounts_mean_nothing_for():
    equal = Problem(np.ones((6, 1)), 1.0)
    with pytest.raises(ProblemError, match="a division of its own"):
        solve(equal, division=np.ones((6, 1)), mechanism="c3d")
    plan = solve(equal, division=np.full((6, 1), 0.4)).value
    with pytest.raises(ProblemError, match="other costs and names"):
        questions(equal, plan, jax.random.key(0))
