"""Designs with other rules than thresholds: proven, played, tampered with; the best rule is a threshold."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError
from jaxmech._status import Status
from jaxmech.collaboration import Problem, Role
from jaxmech.design import (
    Deal,
    Rule,
    Wishes,
    best_rule,
    certify,
    design,
    designed_mechanism,
    monotone_rule,
    power_rule,
    prove,
    ramp_rule,
    smooth_design,
    table_penalty,
    threshold_rule,
)
from jaxmech.deviation import simulate

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compile_quickly")]

RAMP, POWER = ramp_rule(0.3, 100.0), power_rule(4.0, entries=12)
PROBLEMS = {
    "equal": Problem(costs=[[1.0]] * 8, sigma=1000.0),
    "different": Problem(costs=[[0.8, 0.01], [1.0, 0.012], [1.1, 0.013], [1.2, np.inf]], sigma=[1000.0, 3000.0]),
}
CASES = {
    "equal, ramp": (PROBLEMS["equal"], RAMP),
    "equal, power": (PROBLEMS["equal"], POWER),
    "different, ramp": (PROBLEMS["different"], RAMP),
}


@pytest.fixture(scope="module", params=list(CASES))
def made(request):
    """A problem and its design, with everything proven."""
    problem, rule = CASES[request.param]
    return problem, smooth_design(problem, rule).raise_for_status().value


def held(problem, found):
    return {audit.claim: audit.holds for audit in certify(problem, found) if audit.claimed}


def test_designs_are_proven_and_better_than_the_published_and_no_better_than_the_family(made):
    problem, found = made
    assert all(held(problem, found).values())
    assert np.any(np.asarray(found.role) == Role.CHECKED)
    assert float(found.family) * (1 - 1e-3) < float(found.social_penalty) < float(found.published)
    assert not found.linked


def test_play_brings_what_was_promised(made):
    problem, found = made
    outcome = simulate(designed_mechanism(problem, found), problem, None, jax.random.key(3), replications=20_000)
    off = (np.asarray(outcome.penalty) - np.asarray(found.penalty)) / np.maximum(outcome.standard_error, 1e-12)
    assert np.max(np.abs(off)) < 5
    checked = np.any(np.asarray(found.role) == Role.CHECKED, axis=1)
    assert np.max((outcome.standard_error / found.penalty)[checked]) < 0.01


def test_no_amount_is_better_than_what_is_asked(made):
    """On a fine grid of amounts and of whole numbers, with limits as they are."""
    problem, found = made
    sigma = np.broadcast_to(problem.sigma, problem.shape)
    i, k = (int(index) for index in np.argwhere(np.asarray(found.role) == Role.CHECKED)[-1])
    cost, error = problem.costs[i, k], sigma[i, k] ** 2
    counts = jnp.concatenate([found.samples[i, k] * jnp.geomspace(1e-3, 30, 2000), jnp.arange(1.0, 40.0)])
    z, limit = found.comparison[i, k], found.limit[i, k] / sigma[i, k]

    def paid(counts):
        deal = Deal(*jnp.broadcast_arrays(counts, z, found.rest[i, k], cost, error))
        return table_penalty(found.rule, deal, limit * jnp.sqrt(counts * z / (counts + z))).value

    honest = float(paid(found.samples[i, k][None])[0])
    assert np.min(paid(counts)) >= honest * (1 - 1e-9)
    assert np.max(paid(counts)) > 1.1 * honest


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_tampered_limits_are_noticed(made, factor):
    problem, found = made
    verdict = held(problem, dataclasses.replace(found, limit=factor * found.limit))
    assert not verdict["Nash incentive compatible"]
    assert not verdict["penalties as promised"]


def test_rules_that_fall_are_not_proven(made):
    problem, found = made
    fallen = Rule(jnp.append(found.rule.discrepancy, 50.0), jnp.append(found.rule.variance, 0.0))
    assert np.any(np.isinf(prove(problem, dataclasses.replace(found, rule=fallen)).least))
    assert not held(problem, dataclasses.replace(found, rule=fallen))["Nash incentive compatible"]


def test_the_proof_by_tangents_agrees_with_the_proof_by_duality():
    """A threshold with one entry more is the same rule, and is proven in the other way."""
    problem = PROBLEMS["equal"]
    found = design(problem).raise_for_status().value
    longer = Rule(jnp.array([0.0, 0.5, 1.0, 1.0]), jnp.array([0.0, 0.0, 0.0, jnp.inf]))
    one, other = prove(problem, found), prove(problem, dataclasses.replace(found, rule=longer))
    assert one.intervals > 0
    assert other.intervals == 0
    for name in ("honest", "failure"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(other.least, one.least, rtol=1e-7)


def test_linked_distributions_with_other_rules_are_refused(made):
    problem, found = made
    with pytest.raises(ProblemError, match="must be a threshold if distributions are linked"):
        prove(problem, dataclasses.replace(found, linked=jnp.asarray(True)))


@pytest.mark.slow
def test_a_threshold_as_a_shape_gives_the_design_of_thresholds_and_steeper_rules_are_better():
    problem = PROBLEMS["equal"]
    social = [
        float(smooth_design(problem, rule).raise_for_status().value.social_penalty)
        for rule in (threshold_rule(100.0), ramp_rule(0.1, 100.0), RAMP, ramp_rule(1.0, 100.0))
    ]
    assert social == sorted(social)
    assert social[-1] < 1.02 * social[0]
    thresholds = float(design(problem, Wishes(noise=100.0)).raise_for_status().value.social_penalty)
    assert abs(social[0] / thresholds - 1) < 1e-4


@pytest.mark.slow
def test_whole_amounts_are_whole_and_proven():
    problem = Problem(costs=[[1.0]] * 8, sigma=20.0)
    found = smooth_design(problem, RAMP, Wishes(whole=True)).raise_for_status().value
    for amounts in (found.samples, found.comparison, found.rest):
        np.testing.assert_array_equal(amounts, np.round(amounts))


@pytest.mark.slow
def test_failures_are_as_rare_as_is_wished_for():
    found = smooth_design(PROBLEMS["equal"], RAMP, Wishes(failure=0.01)).raise_for_status().value
    assert 0 < float(jnp.max(found.failure)) <= 0.01 + 1e-9


def test_rules_that_reward_nothing_are_infeasible():
    found = smooth_design(PROBLEMS["equal"], monotone_rule([0.0, 1.0, 2.0], [3.0, 0.0, 0.0]))
    assert int(found.status) == Status.INFEASIBLE
    assert np.isnan(found.value.social_penalty)


def test_the_best_rule_is_a_threshold():
    """Seven eighths of the way in log(1 + v) is one jump, though the search began with equal jumps."""
    found = best_rule(PROBLEMS["equal"], entries=4).raise_for_status().value
    jumps = np.diff(np.log1p(np.asarray(found.variance)))
    assert np.max(jumps) > 7 / 8 * np.sum(jumps)
    assert float(found.variance[-1]) > 1e4


@pytest.mark.slow
@pytest.mark.parametrize("agents", [10, 100])
def test_the_best_rule_comes_within_a_hundredth_of_thresholds(agents):
    problem = Problem(costs=[[1.0]] * agents, sigma=1000.0)
    found = smooth_design(problem, best_rule(problem, entries=12).raise_for_status().value).raise_for_status().value
    assert 1 - 1e-3 < float(found.social_penalty) / float(found.family) < 1.01


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: smooth_design(PROBLEMS["equal"], RAMP, Wishes(noise=10.0)), "more noise than is wished for"),
        (lambda: smooth_design(PROBLEMS["equal"], Rule(jnp.arange(2.0), jnp.array([1.0, 0.0]))), "never fall"),
        (lambda: best_rule(PROBLEMS["different"]), "must be finite and equal"),
        (lambda: best_rule(PROBLEMS["equal"], entries=1), "entries = 1: must be a whole number, at least 2"),
    ],
)
def test_bad_requests_are_refused_in_one_line(ask, said):
    with pytest.raises(ProblemError) as caught:
        ask()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
