"""Mechanisms on data sets: exact where nothing is drawn, by simulation with fixed seeds where something is.

Simulated figures are allowed four standard errors.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import collaboration
from jaxmech.collaboration import Plan, Problem, Role, deviation_penalty, integer_plan
from jaxmech.mechanism import Mechanism, Submission
from tests.oracles import enforceable as oracle

REPLICATIONS = 4000
MEAN = 5.0


def whole_plan(problem, **words):
    return integer_plan(problem, collaboration.solve(problem, **words).value).plan


def truthful(key, counts, sigma, capacity):
    """Normal data sets with as many points as recommended."""
    values = MEAN + sigma[:, None] * jax.random.normal(key, (*counts.shape, capacity))
    return Submission(values, jnp.arange(capacity) < counts[..., None])


def simulate(problem, plan, counts=None, replications=REPLICATIONS):
    """Squared errors of the accepted estimates, (replications, agents, distributions)."""
    counts = plan.samples if counts is None else counts
    machine = collaboration.mechanism(problem, plan)
    capacity = int(counts.max())

    def once(key):
        data_key, own_key = jax.random.split(key)
        submission = truthful(data_key, counts, problem.sigma, capacity)
        return (machine.respond(submission, own_key).estimate(problem.sigma**2) - MEAN) ** 2

    keys = jax.random.split(jax.random.key(20260730), replications)
    return np.asarray(jax.jit(lambda keys: jax.lax.map(once, keys, batch_size=200))(keys))


def by_hand(role, samples, alpha=2.0, total=8.0, mechanism="cbl"):
    """A plan for two distributions with chosen roles; only what a mechanism reads."""
    shape = np.shape(samples)
    return Plan(
        samples=jnp.asarray(samples, float),
        role=jnp.asarray(role, jnp.int32),
        alpha=jnp.full(shape, alpha),
        total=jnp.full(shape[1], total),
        leverage=jnp.array(True),
        penalty=jnp.ones(shape[0]),
        social_penalty=jnp.array(1.0),
        target=jnp.asarray(samples, float),
        division="leverage",
        mechanism=mechanism,
    )


PROBLEM = Problem([[1.0], [1.0], [1.0]], 1.0)
DATA = Submission.from_ragged([[[1.0, 3.0]], [[5.0]], [[6.0, 7.0, 8.0]]])


@pytest.mark.parametrize("mechanism", collaboration.MECHANISMS)
def test_all_mechanisms_follow_the_protocol(mechanism):
    plan = collaboration.solve(PROBLEM, division="leverage", mechanism=mechanism).value
    machine = collaboration.mechanism(PROBLEM, plan)
    assert isinstance(machine, Mechanism)
    np.testing.assert_array_equal(machine.recommended.samples, plan.samples)
    information = run(machine, DATA, jax.random.key(0))
    assert information.clean_count.shape == (3, 1)


run = jax.jit(lambda machine, submission, key: machine.respond(submission, key))


# Nothing drawn


def test_pool_returns_everything_to_everybody():
    information = collaboration.Pool(jnp.ones((3, 1)), jnp.ones(1)).respond(DATA, jax.random.key(0))
    assert information.clean_count.ravel().tolist() == [6.0] * 3
    np.testing.assert_allclose(information.clean_mean, 5.0)
    assert np.all(information.noisy_count == 0)


def test_counted_pool_refuses_whoever_submits_too_little():
    machine = collaboration.CountedPool(jnp.array([[2.4], [1.6], [3.0]]), jnp.ones(1))
    information = machine.respond(DATA, jax.random.key(0))
    assert information.clean_count.ravel().tolist() == [6.0, 0.0, 6.0]
    estimates = information.estimate(jnp.ones(1)).ravel()
    np.testing.assert_allclose(estimates[jnp.array([0, 2])], 5.0)
    assert np.isnan(estimates[1])


def test_alone_gets_her_own_and_receives_gets_the_others():
    plan = by_hand([[Role.ALONE], [Role.RECEIVES], [Role.ALONE]], [[2.0], [0.0], [3.0]])
    information = run(collaboration.mechanism(PROBLEM, plan), DATA, jax.random.key(0))
    assert information.clean_count.ravel().tolist() == [2.0, 5.0, 3.0]
    np.testing.assert_allclose(information.clean_mean.ravel(), [2.0, 5.0, 7.0])
    assert np.all(information.noisy_count == 0)


def test_who_receives_is_not_swayed_by_what_she_submits_however_large():
    plan = by_hand([[Role.ALONE], [Role.RECEIVES], [Role.ALONE]], [[2.0], [0.0], [3.0]])
    lie = Submission(DATA.values.at[1].set(1e300), DATA.mask)
    information = run(collaboration.mechanism(PROBLEM, plan), lie, jax.random.key(0))
    np.testing.assert_allclose(information.clean_mean[1, 0], 5.0)


# Checked


CHECKED = by_hand([[Role.CHECKED]] * 3, [[2.0], [2.0], [2.0]], alpha=3.0, total=5.0)


def respond(data):
    submission = Submission.from_ragged(data)
    pad = ((0, 0), (0, 0), (0, 5 - submission.mask.shape[-1]))
    padded = Submission(jnp.pad(submission.values, pad), jnp.pad(submission.mask, pad))
    return run(collaboration.mechanism(PROBLEM, CHECKED), padded, jax.random.key(0))


def test_a_perfect_match_is_not_corrupted():
    information = respond([[[4.0, 4.0]]] * 3)
    assert information.clean_count.ravel().tolist() == [4.0] * 3
    assert information.noisy_count.ravel().tolist() == [1.0] * 3
    np.testing.assert_allclose(information.noisy_variance, 1.0)
    np.testing.assert_allclose(information.noisy_mean, 4.0)


def test_the_variance_is_that_of_the_discrepancy():
    information = respond([[[0.0, 2.0]], [[4.0, 4.0]], [[4.0, 4.0]]])
    assert float(information.noisy_variance[0, 0]) == pytest.approx(1 + 9 * 3.0**2)
    assert float(information.clean_mean[0, 0]) == pytest.approx(2.5)


@pytest.mark.parametrize(("others", "clean", "noisy"), [(5, 2, 1), (3, 2, 1), (2, 2, 0), (1, 1, 0), (0, 0, 0)], ids=str)
def test_if_others_submit_too_little_there_is_less_noisy_and_then_less_clean(others, clean, noisy):
    information = respond([[[1.0, 2.0, 6.0]], [[4.0] * others], [[]]])
    assert float(information.clean_count[0, 0]) == 3 + clean
    assert float(information.noisy_count[0, 0]) == noisy
    assert np.isfinite(information.estimate(jnp.ones(1))[0, 0])


def test_who_submits_nothing_gets_only_the_comparison_set():
    information = respond([[[]], [[4.0, 4.0]], [[4.0, 4.0]]])
    assert float(information.clean_count[0, 0]) == 2
    assert float(information.noisy_count[0, 0]) == 0
    assert float(information.noisy_variance[0, 0]) == np.inf
    assert float(information.estimate(jnp.ones(1))[0, 0]) == 4.0


def test_nobody_submits():
    information = respond([[[]], [[]], [[]]])
    assert np.all(information.clean_count == 0)
    assert np.all(information.noisy_count == 0)


def test_her_own_points_are_never_drawn_and_no_point_is_drawn_twice():
    data = Submission.from_ragged([[[1e6, 1e6]], [[1.0, 2.0]], [[4.0, 8.0]]])
    machine = collaboration.mechanism(PROBLEM, by_hand(*_all_checked(), 0.0, 6.0))
    information = jax.jit(jax.vmap(lambda key: machine.respond(data, key)))(jax.random.split(jax.random.key(5), 200))
    drawn = 4 * information.clean_mean[:, 0, 0] - 2e6 + 2 * information.noisy_mean[:, 0, 0]
    np.testing.assert_allclose(drawn, 15.0, atol=1e-6)
    assert len(np.unique(information.clean_mean[:, 0, 0])) == 6


def _all_checked():
    return [[Role.CHECKED]] * 3, [[2.0]] * 3


def test_every_point_of_the_others_is_drawn_equally_often():
    data = Submission.from_ragged([[[0.0]], [[1.0, 10.0]], [[100.0, 1000.0]]])
    machine = collaboration.mechanism(PROBLEM, by_hand([[Role.CHECKED]] * 3, [[1.0]] * 3, 0.0, 2.0))
    keys = jax.random.split(jax.random.key(1), 8000)
    drawn = jax.jit(jax.vmap(lambda key: machine.respond(data, key).clean_mean[0, 0]))(keys) * 2
    counts = np.array([np.sum(np.isclose(drawn, value)) for value in (1, 10, 100, 1000)])
    assert counts.sum() == 8000
    assert np.all(np.abs(counts - 2000) < 4 * np.sqrt(8000 * 3 / 16))


def test_real_amounts_are_rounded_and_at_least_one_point_is_compared():
    machine = collaboration.mechanism(PROBLEM, by_hand(*_all_checked()[:1], [[0.2], [1.6], [2.4]], total=7.3))
    information = machine.respond(Submission.from_ragged([[[1.0] * 5]] * 3), jax.random.key(0))
    assert (information.clean_count.ravel() - 5).tolist() == [1.0, 2.0, 2.0]
    assert information.noisy_count.ravel().tolist() == [6.0, 4.0, 3.0]


# Promises kept

EQUAL = Problem([[0.02, 0.03]] * 8, sigma=[2.0, 1.0], price=[1.0, 4.0])


def different_costs():
    """Two distributions, twenty agents, all three roles."""
    rng = np.random.default_rng(4)
    costs = 0.04 * np.exp(rng.normal(0, 0.12, (20, 2)))
    costs[3, 1] = np.inf
    return Problem(costs, sigma=[1.0, 3.0], price=[2.0, 0.5])


def even_division(problem):
    """Nearly even amounts, so that many agents are checked; the cheapest collects most."""
    able = np.isfinite(problem.costs)
    amounts = np.where(able, 1.0, 0.0) * np.linspace(0.5, 1.5, 20)[:, None]
    amounts[5:8] = 0.0
    total = np.asarray(problem.scale * np.sqrt(20 / jnp.min(problem.costs, axis=0)))
    return jnp.asarray(amounts / amounts.sum(axis=0) * total)


def promise(name):
    """A problem and a plan in whole samples."""
    if name == "c3d":
        return EQUAL, whole_plan(EQUAL, mechanism="c3d")
    problem = different_costs()
    if name == "cbl":
        over = jax.jit(lambda n: collaboration.cbl_plan(problem, n).value)
        return problem, integer_plan(problem, over(even_division(problem))).plan
    return problem, whole_plan(problem, division="social", mechanism={"no leverage": "cbl"}.get(name, name))


@pytest.mark.long
@pytest.mark.parametrize("name", ["c3d", "cbl", "no leverage", "pool"])
def test_truthful_agents_pay_what_was_promised(name):
    problem, plan = promise(name)
    if name == "cbl":
        assert np.all(np.bincount(np.ravel(plan.role), minlength=3)[[Role.RECEIVES, Role.CHECKED]] > 3)
    squared = simulate(problem, plan, replications=REPLICATIONS // 2) * np.asarray(problem.price)
    paid = squared.sum(axis=-1) + _collection(problem, plan)
    error = paid.std(axis=0) / np.sqrt(len(paid))
    deviation = (paid.mean(axis=0) - plan.penalty) / error
    assert np.max(np.abs(deviation)) < 4, deviation
    assert np.max(error / plan.penalty) < 0.04


def _collection(problem, plan):
    costs = np.where(plan.samples > 0, problem.costs, 0)
    return (costs * plan.samples).sum(axis=-1)


@pytest.mark.long
def test_who_collects_another_amount_pays_the_deviation_penalty():
    """One agent of C3D collects 2n*, the others comply."""
    problem = Problem([[0.01]] * 8, 2.0)
    plan = whole_plan(problem, mechanism="c3d")
    n_star = float(plan.samples[0, 0])
    n = 2 * n_star
    squared = simulate(problem, plan, plan.samples.at[0].set(n), 2 * REPLICATIONS)[:, 0, 0]
    expected = deviation_penalty(n, n_star, plan.total[0], plan.alpha[0, 0], 0.01, 2.0)
    error = squared.std() / np.sqrt(len(squared))
    assert abs(squared.mean() + 0.01 * n - float(expected)) < 4 * error


def test_estimates_are_distributed_as_in_the_algorithm_as_printed():
    """The same data through a transcription of Algorithm 2: mean and variance of every agent's estimate."""
    problem = Problem([[0.01]] * 6, 2.0)
    plan = by_hand([[0], [1], [2], [2], [2], [2]], [[4.0], [0.0], [2.0], [3.0], [2.0], [4.0]], alpha=1.5, total=11.0)
    rng = np.random.default_rng(8)
    data = [rng.normal(0, 2, int(n)) for n in (4, 1, 2, 3, 2, 4)]
    machine = collaboration.mechanism(problem, plan)
    submission = Submission.from_ragged([[points] for points in data])
    keys = jax.random.split(jax.random.key(3), REPLICATIONS)
    many = jax.jit(jax.vmap(lambda key: machine.respond(submission, key).estimate(problem.sigma**2)[:, 0]))
    ours = np.asarray(many(keys))
    columns = (np.asarray(table)[:, 0] for table in (plan.samples, plan.role, plan.alpha))
    amounts, roles, alphas = columns
    theirs = np.array([oracle.algorithm_2(rng, data, amounts, roles, alphas, 11.0, 2.0) for _ in range(REPLICATIONS)])
    np.testing.assert_allclose(ours[:, :2] - theirs[0, :2], 0, atol=1e-12)
    for moment in (1, 2):
        a, b = ours[:, 2:] ** moment, theirs[:, 2:] ** moment
        error = np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b))
        assert np.all(np.abs(a.mean(axis=0) - b.mean(axis=0)) < 4 * error)


def test_many_agents_in_little_memory():
    """300 agents with 200 points each: their points once per agent at a time, not 300 copies."""
    problem = Problem(np.full((300, 1), 1e-6), 1.0)
    plan = by_hand([[Role.CHECKED]] * 300, [[200.0]] * 300, total=60_000.0)
    values = jax.random.normal(jax.random.key(0), (300, 1, 200))
    submission = Submission(values, jnp.ones(values.shape, bool))
    machine = collaboration.mechanism(problem, plan)
    compiled = run.lower(machine, submission, jax.random.key(1)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes < 40 * values.nbytes
