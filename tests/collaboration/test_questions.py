"""Questions that go beyond what is claimed: against closed forms, and what a director is told."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxmech import collaboration
from jaxmech._errors import ProblemError
from jaxmech.collaboration import Problem

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compile_quickly")]

COSTS = np.array([[0.033], [0.066], [0.1]])


@pytest.fixture(scope="module")
def asked():
    problem = Problem(COSTS, 10.0)
    plan = collaboration.solve(problem).raise_for_status().value
    return problem, plan, collaboration.questions(problem, plan, jax.random.key(0))


def free(cost, others):
    """What one pays who gets all points of others for nothing and collects what she still wants."""
    n = max(0.0, (100 / cost) ** 0.5 - others)
    return 100 / (others + n) + cost * n


def test_a_second_name_that_can_measure_nothing_gets_everything(asked):
    _, plan, answers = asked
    paid = np.asarray(plan.penalty)
    for i in range(3):
        costs = np.vstack([COSTS, [[np.inf]]])
        anew = collaboration.solve(Problem(costs, 10.0)).value
        others = float(np.delete(np.asarray(anew.samples)[:, 0], i).sum())
        found = answers.second_name
        gain, error = float(found.gain[i]), float(found.standard_error[i])
        best = max(paid[i] - free(COSTS[i, 0], others), 0.0)
        # parts of what she is asked for are tried, so that nearly all of it is found
        assert gain <= best + 5 * error
        assert gain >= 0.95 * best - 5 * error
    assert answers.second_name_share.round(1).tolist() == [0.4, 0.6, 0.0]
    assert answers.second_name.unable[:2].all()


def test_pairs_save_what_pooling_behind_one_back_saves(asked):
    _, plan, answers = asked
    paid, samples = np.asarray(plan.penalty), np.asarray(plan.samples)[:, 0]
    assert answers.groups.complete
    for members, gain, error in zip(
        answers.groups.members, answers.groups.found.gain, answers.groups.found.standard_error, strict=True
    ):
        if len(members) == 2 and 2 in members:  # the third receives everything, and so her ally does
            ally = members[0]
            others = samples.sum() - samples[ally]
            totals = np.linspace(0, 200, 20001)[1:]
            best = np.min(2 * 100 / (others + totals) + COSTS[ally, 0] * totals)
            best = min(best, 2 * 100 / others)
            assert gain <= paid[list(members)].sum() - best + 5 * error
            assert gain >= 0.9 * (paid[list(members)].sum() - best) - 5 * error


def test_a_director_is_told_what_is_wrong_in_one_sentence_each(asked):
    problem, _, answers = asked
    facts = collaboration.facts(problem, answers)
    assert [fact.holds for fact in facts] == [False] * 5
    assert not any(fact.claimed for fact in facts)
    told = " | ".join(fact.witness for fact in facts)
    assert "agent 2 saves 78 % by saying that her cost is 1.54 times what it is" in told
    assert "agent 2 saves 65 % by a second name that can measure nothing" in told
    assert "agent 1 and agent 2, who trust each other, would each save 28 % at least by leaving" in told
    assert "if agent 1 leaves and the others follow the plan, agent 3 pays 141 % more" in told
    every = 2 ** len(answers.pays) - 1
    for groups, complete, words in (
        (every, True, f"all {every:,} groups"),
        (every, False, f"all {every:,} groups, of which some are not proven"),
        (every - 1, False, f"{every - 1:,} groups, not all"),
    ):
        core = dataclasses.replace(answers.core, groups=groups, complete=complete)
        again = collaboration.facts(problem, dataclasses.replace(answers, core=core))
        assert [fact.effort for fact in again if fact.claim == "no group would rather leave"] == [words]


def test_who_is_alone_is_asked_without_allies():
    problem = Problem([[0.04]], 1.0)
    plan = collaboration.solve(problem, mechanism="pool").value
    answers = collaboration.questions(problem, plan, jax.random.key(0))
    facts = collaboration.facts(problem, answers)
    assert answers.groups is None
    assert all(fact.holds for fact in facts), facts


@pytest.mark.parametrize("key", ["sigma", "price"])
def test_agents_who_differ_are_refused(key):
    problem = Problem([[0.01], [0.02]], **{"sigma": 1.0, key: [[1.0], [2.0]]})
    plan = collaboration.solve(problem, division="alone", mechanism="pool").value
    with pytest.raises(ProblemError, match=key):
        collaboration.questions(problem, plan, jax.random.key(0))


def test_allies_of_a_calibrated_rule_hand_in_points_far_apart_and_meet_no_noise():
    """They then share all points of the others, as if nobody checked them, and collect a quarter or more of theirs."""
    problem = Problem([[0.004]] * 10, 1.0)
    plan = collaboration.solve(problem, mechanism="c3d", calibrated=True).value
    answers = collaboration.questions(problem, plan, jax.random.key(0))
    found, promised = answers.groups.found, float(plan.penalty[0])
    for at, size in ((0, 2), (1, 3)):
        best = min(size / ((10 - size + size * part) * 5) + 0.004 * size * part * 5 for part in (0.25, 0.5, 0.75, 1))
        gain, error = float(found.gain[at]), float(found.standard_error[at])
        assert gain <= size * promised - best + 5 * error
        assert gain >= 0.8 * (size * promised - best) - 5 * error
        assert found.spread[at, 0] > 1
    told = [fact.witness for fact in collaboration.facts(problem, answers)]
    assert any("times as far apart" in witness for witness in told)
    assert collaboration.solve(problem, mechanism="c3d").value.penalty[0] < promised
