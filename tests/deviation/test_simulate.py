"""Simulated play: the two forms agree with each other and with the formulas; standard errors are honest."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxmech import ProblemError, collaboration
from jaxmech.deviation import Empirical, LogNormal, Normal, StudentT, honest, playable, robustness, simulate
from jaxmech.mechanism import Stakes, Submission
from tests.deviation.mechanisms import Hidden, equal
from tests.oracles import deviation as oracle

KEY = jax.random.key(11)


def whole(agents=8):
    """A plan of c3d in whole samples, so that both forms mean the same."""
    problem = collaboration.Problem([[0.01]] * agents, 2.0)
    plan = collaboration.integer_plan(problem, collaboration.solve(problem, mechanism="c3d").value).plan
    return problem, plan, collaboration.mechanism(problem, plan)


def normal(problem, mean=3.0):
    return Normal(jnp.full(problem.sigma.shape, mean), problem.sigma)


def assert_near(outcome, expected, errors=5.0, agents=slice(None)):
    off = (np.asarray(outcome.penalty) - np.asarray(expected))[agents] / np.asarray(outcome.standard_error)[agents]
    assert np.max(np.abs(off)) < errors, off


@pytest.mark.long
def test_honest_play_in_all_forms_brings_what_was_promised():
    problem, plan, machine = whole()
    conditioned = simulate(machine, problem, None, KEY, replications=20_000)
    direct = simulate(Hidden(machine), problem, None, KEY, replications=20_000)
    data = simulate(machine, problem, normal(problem), KEY, replications=4_000)
    for outcome in (conditioned, direct, data):
        assert_near(outcome, plan.penalty)
        np.testing.assert_allclose(outcome.cost, 0.01 * plan.samples[:, 0], rtol=1e-12)
        np.testing.assert_allclose(outcome.penalty, outcome.squared_error[:, 0] + outcome.cost, rtol=1e-9)
    assert np.max(conditioned.standard_error) < 0.3 * np.max(direct.standard_error)
    assert np.max(conditioned.standard_error / plan.penalty) < 1e-3


@pytest.mark.long
def test_unrounded_plans_keep_their_promise_on_statistics():
    problem, plan, machine = equal(10, "c3d")
    assert float(plan.samples[0, 0]) % 1 > 0.1
    assert_near(simulate(machine, problem, None, KEY, replications=60_000), plan.penalty)


@pytest.mark.slow
def test_another_amount_costs_what_the_formula_says_in_both_forms():
    problem, plan, machine = whole()
    n_star, total, alpha = (float(value) for value in (plan.samples[0, 0], plan.total[0], plan.alpha[0, 0]))
    cheat = dataclasses.replace(honest(machine, Stakes.of(problem), 0), log_samples=jnp.log(jnp.array([2.0])))
    expected = oracle.checked_penalty(2 * n_star, n_star, total, alpha, 0.01, 2.0)
    for source, runs in ((None, 40_000), (normal(problem), 6_000)):
        outcome = simulate(machine, problem, source, KEY, {0: cheat}, replications=runs)
        assert_near(outcome, np.full(8, expected), agents=slice(1))
        assert float(outcome.standard_error[0]) < 0.02 * expected


@pytest.mark.long
def test_a_fabricator_in_the_pool_pays_and_harms_the_same_in_both_forms():
    problem = collaboration.Problem([[0.01]] * 6, 1.0)
    n = jnp.full((6, 1), 4.0)
    machine = collaboration.Pool(n, jnp.ones(1))
    cheat = dataclasses.replace(
        honest(machine, Stakes.of(problem), 2), collects=jnp.zeros(1), invents=jnp.ones(1), offset=jnp.array([3.0]),
        discards=jnp.ones(1), keeps=jnp.ones(1),
    )  # fmt: skip
    # True mean 0: her 4 points have mean 3σ/√4, and the others' 20 points move by a sixth of it.
    expected = np.where(np.arange(6) == 2, 1 / 20, (20 / 24) ** 2 / 20 + (1.5 / 6) ** 2 + 0.04)
    for source, runs in ((None, 20_000), (normal(problem, 0.0), 6_000)):
        assert_near(simulate(machine, problem, source, KEY, {2: cheat}, replications=runs), expected)


def test_given_data_sets_are_played_as_they_are():
    problem, plan, _ = whole()
    pool = collaboration.Pool(plan.samples, problem.sigma**2)
    data = Submission.from_ragged([[np.arange(float(3 + i))] for i in range(8)])
    outcome = simulate(pool, problem, data, KEY, replications=3, truth=1.0)
    mean = float(jnp.sum(data.values) / jnp.sum(data.mask))
    np.testing.assert_allclose(outcome.squared_error, (mean - 1.0) ** 2, rtol=1e-12)
    np.testing.assert_allclose(outcome.cost, 0.01 * data.count[:, 0])
    assert np.all(simulate(pool, problem, data, KEY, replications=3).squared_error < 1e-20)


@pytest.mark.parametrize(
    "population",
    [
        Normal(jnp.array([3.0]), jnp.array([2.0])),
        StudentT(jnp.array([3.0]), jnp.array([2.0]), 6.0),
        LogNormal(jnp.array([3.0]), jnp.array([2.0]), 0.5),
        Empirical.of(np.random.default_rng(0).gamma(2.0, 1.0, (50, 1))),
    ],
    ids=lambda population: type(population).__name__,
)
def test_populations_have_their_moments(population):
    drawn = np.asarray(population.sample(KEY, (400, 500)))[..., 0]
    spread = float(np.std(population.values)) if isinstance(population, Empirical) else 2.0
    error = drawn.mean(axis=1).std() / 20
    assert abs(drawn.mean() - float(population.mean[0])) < 5 * error
    assert abs(drawn.var(axis=1).mean() - spread**2 * 499.5 / 500) < 5 * drawn.var(axis=1).std() / 20 + 2e-3 * spread**2


def test_measurements_are_drawn_by_rows():
    values = np.repeat(np.arange(10.0), 2).reshape(10, 2)
    drawn = Empirical.of(values).sample(KEY, (7, 3))
    assert drawn.shape == (7, 3, 2)
    np.testing.assert_array_equal(drawn[..., 0], drawn[..., 1])


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ([[1.0], [np.nan]] * 4, r"data\[1\]\[0\] = nan: must be finite"),
        ([[1.0], [2.0]], "at least 8"),
        ([[1.0]] * 9, "must vary"),
        ([1.0] * 9, "one column per distribution"),
    ],
)
def test_bad_measurements_are_refused(values, rule):
    with pytest.raises(ProblemError, match=rule):
        Empirical.of(values)


@pytest.mark.parametrize("replications", [0, 1, -5, 2.5, True, 10**12, "many"])
def test_replications_that_make_no_sense_are_refused(replications):
    problem, _, machine = whole()
    with pytest.raises(ProblemError, match="replications"):
        simulate(machine, problem, None, KEY, replications=replications)


def test_strangers_are_refused():
    problem, _, machine = whole()
    truth = honest(machine, Stakes.of(problem), 0)
    with pytest.raises(ProblemError, match="strategies = 8"):
        simulate(machine, problem, None, KEY, {8: truth})
    with pytest.raises(ProblemError, match="one mean for each"):
        simulate(machine, problem, Normal(jnp.zeros(2), jnp.ones(2)), KEY)
    with pytest.raises(ProblemError, match="agents and distributions"):
        simulate(machine, problem, Submission.from_ragged([[[1.0]]]), KEY)


@pytest.fixture(scope="module")
def measured():
    """c3d with 30 agents on populations of standard deviation 1, by name."""
    problem, _, machine = crowd()
    zero, one = jnp.zeros(1), jnp.ones(1)
    people = {"normal": Normal(zero, one), "heavy": StudentT(zero, one, 5.0), "skewed": LogNormal(zero, one, 1.0)}
    return {name: robustness(machine, problem, each, 0, KEY, 16384) for name, each in people.items()}


def crowd():
    """Equal agents who collect 20 points each."""
    problem = collaboration.Problem([[1 / (30 * 20**2)]] * 30, 1.0)
    plan = collaboration.integer_plan(problem, collaboration.solve(problem, mechanism="c3d").value).plan
    return problem, plan, collaboration.mechanism(problem, plan)


@pytest.mark.long
def test_normal_data_keep_the_promise(measured):
    _, plan, _ = crowd()
    found = measured["normal"]
    assert abs(found.honest - float(plan.penalty[0])) < 5 * found.honest_error
    assert found.regret <= 5 * found.regret_error + 1e-9 * found.honest
    assert found.honest_error < 0.005 * found.honest


@pytest.mark.long
def test_steady_weights_are_worth_the_same_on_any_population(measured):
    """By hand: 40 clean points, and 560 noisy ones whose average variance is 1 + 2α²/20."""
    problem, plan, _ = crowd()
    alpha = float(plan.alpha[0, 0])
    exact = 1 / (40 + 560 / (1 + alpha**2 * 2 / 20)) + 20 * float(problem.costs[0, 0])
    for found in measured.values():
        assert abs(found.steady - exact) < 5 * found.steady_error + 1e-6 * exact
        assert found.steady_error < 1e-3 * exact


@pytest.mark.long
def test_heavy_tails_leave_little_to_gain_and_skewness_more(measured):
    assert measured["heavy"].regret < 0.02 * measured["heavy"].honest
    skewed = measured["skewed"]
    # Who knows that data are skewed gains by weighing steadily: at least that is found.
    assert skewed.honest - skewed.steady > 5 * skewed.honest_error
    assert skewed.regret > 5 * skewed.regret_error


def test_students_law_is_scipys():
    drawn = np.asarray(StudentT(jnp.ones(1), 2 * jnp.ones(1), 5.0).sample(KEY, (20_000,)))[:, 0]
    law = scipy.stats.t(5.0, loc=1.0, scale=2 / np.sqrt(5 / 3))
    assert scipy.stats.kstest(drawn, law.cdf).pvalue > 1e-5


@pytest.mark.parametrize("mean", [0.0, 50.0])
@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_invented_numbers_lie_around_a_guess_of_the_true_mean_wherever_it_is(mean, wrong):
    """Of N points in a pool, s are invented around a guess that is off by ``wrong`` σ."""
    problem = collaboration.Problem([[0.01]] * 5, 2.0)
    plan = collaboration.solve(problem, division="social", mechanism="pool").value
    plan = collaboration.integer_plan(problem, plan).plan
    pool = collaboration.mechanism(problem, plan)
    truthful, invented = honest(pool, Stakes.of(problem), 0), jnp.ones(1)
    cheat = dataclasses.replace(truthful, collects=0 * invented, invents=invented, jitter=invented)
    s, total = float(plan.samples[0, 0]), float(plan.total[0])
    expected = 4.0 * ((total - s) + s + (wrong * s) ** 2) / total**2
    for source in (None, normal(problem, mean)):
        found = simulate(pool, problem, source, KEY, {0: cheat}, replications=8_000, guess_error=wrong)
        np.testing.assert_allclose(found.squared_error[1:], expected, rtol=0.06)


@pytest.mark.long
def test_strategies_are_played_in_points_that_there_are():
    problem = collaboration.Problem([[0.01, 0.01]] * 4, 1.0)
    found = dataclasses.replace(
        honest(collaboration.mechanism(problem, collaboration.solve(problem).value), Stakes.of(problem), 0),
        collects=jnp.ones(2), unit=jnp.array([5.0, 5.0]), log_samples=jnp.log(jnp.array([1e-5, 0.5])),
        invents=jnp.ones(2), log_report=jnp.zeros(2), submits=jnp.ones(2),
    )  # fmt: skip
    assert playable(found, problem, whole=False).samples.tolist() == pytest.approx([0.0, 2.5])
    whole = playable(found, problem, whole=True)
    assert whole.samples.tolist() == pytest.approx([0.0, 2.0])
    assert whole.submit(jnp.zeros(2), jnp.zeros(2), jnp.ones(2)).count[0].tolist() == pytest.approx([5.0, 5.0])
