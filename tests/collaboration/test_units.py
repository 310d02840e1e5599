"""Agents who measure with different precision: the same as equal ones with other costs, in everybody's own points."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmech as jm
from jaxmech import audit, collaboration, deviation
from jaxmech.collaboration import Problem
from jaxmech.mechanism import Stakes, Statistics, Submission
from tests.oracles import units

pytestmark = pytest.mark.usefixtures("compile_quickly")

COSTS = np.array([[0.3, 1.1], [0.9, 0.2], [0.5, 0.7]])
SIGMA = np.array([[1.0, 3.0], [0.5, 2.0], [2.0, 2.5]])
PRICE = np.array([1.0, 2.0])
EVERYBODY_ABLE = ("rational", "leverage", "egalitarian", "nash", "kalai-smorodinsky")


def twins(costs=COSTS, sigma=SIGMA, price=PRICE):
    """The problem as it is, the same with points that are alike, and how many of these one of hers counts."""
    able = np.isfinite(costs)
    reference = np.where(able, sigma, np.inf).min(axis=0)
    precision = np.where(able, (reference / np.where(able, sigma, 1)) ** 2, 1.0)
    return Problem(costs, sigma, price), Problem(costs / precision, reference, price), precision


DEAR = pytest.param("kalai-smorodinsky", marks=pytest.mark.long)
CHEAP = [division for division in EVERYBODY_ABLE if division not in DEAR.values]


@pytest.mark.parametrize("division", ["alone", "social", *CHEAP, DEAR])
def test_divisions_are_those_of_the_problem_with_equal_points(division):
    problem, alike, precision = twins()
    found, expected = (collaboration.divide(one, division) for one in (problem, alike))
    np.testing.assert_allclose(found.value * precision, expected.value, rtol=1e-9, atol=1e-12)
    assert int(found.status) == int(expected.status) == 0


@pytest.mark.parametrize("division", ["social", "rational", "egalitarian", "nash", "kalai-smorodinsky"])
def test_penalties_are_those_that_cvxpy_finds_in_everybodys_own_points(division):
    """Where several divisions are best, penalties are the same."""
    price = np.broadcast_to(PRICE, COSTS.shape)
    ours = np.asarray(collaboration.divide(twins()[0], division).value)
    theirs = units.solve(division, COSTS, SIGMA, price)
    paid = units.penalties(ours, COSTS, SIGMA, price)
    np.testing.assert_allclose(paid, collaboration.penalty(twins()[0], ours), rtol=1e-12)
    others = units.penalties(theirs, COSTS, SIGMA, price)
    np.testing.assert_allclose(paid, others, rtol=1e-5)
    # to first order amounts make no difference to what is optimised
    np.testing.assert_allclose(
        *(units.worth_of(division, one, COSTS, SIGMA, price) for one in (paid, others)), rtol=1e-6
    )


def test_sigma_of_an_agent_who_cannot_sample_is_ignored():
    costs = np.where(np.eye(3, 2, dtype=bool), np.inf, COSTS)
    plans = []
    for nothing in (np.nan, 0.0, 7.0):
        problem = Problem(costs, np.where(np.isfinite(costs), SIGMA, nothing), PRICE)
        assert np.isinf(np.asarray(collaboration.alone_penalty(problem))[:2]).all()
        plans.append(collaboration.solve(problem, division="leverage").value)
    assert plans[0] == plans[1] == plans[2]
    assert np.isfinite(plans[0].penalty).all()


def judged(audits):
    return [(one.claim, one.holds, one.claimed) for one in audits]


@pytest.mark.long
@pytest.mark.parametrize("mechanism", ["cbl", "pool"])
def test_plans_and_all_that_is_said_of_them(mechanism):
    problem, alike, precision = twins()
    plan, same = (collaboration.solve(one, division="leverage", mechanism=mechanism).value for one in (problem, alike))
    for name in ("samples", "target"):
        np.testing.assert_allclose(getattr(plan, name) * precision, getattr(same, name), rtol=1e-12)
    for name in ("penalty", "alpha", "total", "role"):
        np.testing.assert_allclose(getattr(plan, name), getattr(same, name), rtol=1e-12)
    assert judged(collaboration.certify(problem, plan)) == judged(collaboration.certify(alike, same))
    told = [
        lambda *both: collaboration.account(*both),
        lambda *both: collaboration.pivotal(*both),
        lambda *both: collaboration.truthful_penalty(both[0], both[1], both[1].samples),
        lambda *both: collaboration.advise(*both).saving,
        lambda *both: dataclasses.astuple(collaboration.efficiency(*both)),
        lambda *both: collaboration.core(*both).share,
        lambda one, _: collaboration.unavoidable(one),
        lambda one, _: collaboration.cost_misreport(one, 1, division="leverage", mechanism=mechanism).gain,
    ]
    for function in told:
        for one, other in zip(
            *(jax.tree.leaves(function(*both)) for both in ((problem, plan), (alike, same))), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_a_misreport_is_told_in_costs_of_her_own_points():
    problem, alike, precision = twins()
    hers, same = (
        collaboration.cost_misreport(one, 1, division="leverage", mechanism="pool") for one in (problem, alike)
    )
    np.testing.assert_allclose(hers.report / precision[1], same.report)
    np.testing.assert_allclose(hers.amount * precision[1], same.amount, atol=1e-9)


@pytest.mark.long
def test_whole_samples_are_her_own_and_the_plan_is_an_equilibrium():
    sigma = np.array([[1.0], [1.0], [2.0], [2.0], [4.0], [1.5], [3.0]])
    problem = Problem(0.002 / sigma**2, sigma)
    for mechanism in ("c3d", "pool"):
        plan = collaboration.solve(problem, mechanism=mechanism, division="social").value
        whole = collaboration.integer_plan(problem, plan)
        samples = np.asarray(whole.plan.samples)
        assert (samples == np.round(samples)).all()
        assert np.abs(samples - np.asarray(plan.samples)).max() <= 1
        assert (np.asarray(whole.alone_samples) == np.asarray(collaboration.best_whole_alone(problem))).all()
        assert 0 <= float(whole.loss) < 0.02
        assert all(one.holds for one in collaboration.certify(problem, whole) if one.claimed)


def test_slopes_in_every_sigma_are_finite_differences():
    def social(sigma):
        plan = collaboration.solve(Problem(COSTS, sigma, PRICE), division="leverage", mechanism="pool").value
        return plan.social_penalty + jnp.sum(plan.samples * jnp.arange(6.0).reshape(3, 2))

    slope = jax.grad(social)(jnp.asarray(SIGMA))
    for place in np.ndindex(SIGMA.shape):
        step = np.zeros(SIGMA.shape)
        step[place] = 1e-5
        np.testing.assert_allclose(
            slope[place], (social(SIGMA + step) - social(SIGMA - step)) / 2e-5, rtol=1e-6, atol=1e-7
        )


def test_batches_are_loops():
    sigmas = np.stack([SIGMA, SIGMA * [[1.0], [1.3], [0.9]]])
    many = Problem.unchecked(jnp.stack([COSTS, COSTS]), jnp.asarray(sigmas), jnp.stack([PRICE, PRICE]))
    found = jm.batch(collaboration.leverage_optimum, many)
    for i, sigma in enumerate(sigmas):
        expected = collaboration.leverage_optimum(Problem(COSTS, sigma, PRICE)).value
        np.testing.assert_allclose(found.value[i], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("sigma", "where"), [(np.ones((2, 3)), "sigma = (2, 3)"), (np.array([[1, 1], [1, -1.0], [1, 1]]), "sigma[1][1]")]
)
def test_what_is_no_matrix_of_standard_deviations_is_refused(sigma, where):
    with pytest.raises(jm.ProblemError, match="must be") as refused:
        Problem(COSTS, sigma)
    assert where in str(refused.value)


SPREADS = np.array([[1.0], [1.0], [2.0], [2.0], [4.0], [1.5]])


@pytest.fixture(scope="module")
def checked():
    """Six agents who are checked, their plan and its mechanism."""
    problem = Problem(0.002 / SPREADS**2, SPREADS)
    plan = collaboration.solve(problem, mechanism="c3d").value
    return problem, plan, collaboration.mechanism(problem, plan)


@pytest.mark.long
def test_promises_are_kept_on_statistics_and_on_data_sets(checked):
    problem, plan, machine = checked
    exact = deviation.simulate(machine, problem, None, jax.random.key(0), replications=20_000)
    np.testing.assert_allclose(exact.penalty, plan.penalty, rtol=1e-3)
    # in whole points of her own: those who are less precise collect more of them, and all know as much
    data = deviation.simulate(
        machine, problem, deviation.Normal(jnp.zeros(1), jnp.ones(1)), jax.random.key(0), None, 3000
    )
    np.testing.assert_allclose(data.cost, 0.002 / SPREADS[:, 0] ** 2 * np.round(plan.samples[:, 0]), rtol=1e-12)
    assert (abs(data.penalty - plan.penalty) < 5 * data.standard_error + 0.01 * plan.penalty).all()


def test_means_of_data_sets_are_weighted_by_precision(checked):
    problem, _, machine = checked
    rng = np.random.default_rng(0)
    counts = [4, 3, 9, 2, 20, 5]
    values = [rng.normal(size=n) for n in counts]
    data = Submission.from_ragged([[row] for row in values])
    weights = SPREADS[:, 0] ** -2.0
    pool = collaboration.mechanism(problem, collaboration.solve(problem, mechanism="pool", division="social").value)
    told = pool.respond(data, jax.random.key(0))
    totals = np.array([w * row.sum() for w, row in zip(weights, values, strict=True)])
    np.testing.assert_allclose(told.clean_count[:, 0], weights @ counts, rtol=1e-12)
    np.testing.assert_allclose(told.clean_mean[:, 0], totals.sum() / (weights @ counts), rtol=1e-12)
    # who is checked gets her own points and about as much of the others' as she is asked for
    got = machine.respond(data, jax.random.key(1))
    clean = np.asarray(got.clean_count)[:, 0] - weights * counts
    others = (weights @ counts) - weights * counts
    assert (clean > 0).all()
    assert (abs(clean - np.minimum(np.asarray(machine.samples)[:, 0], others)) <= 0.5 + 1e-12).all()
    assert (clean + np.asarray(got.noisy_count)[:, 0] <= others + 1e-12).all()
    assert machine.respond(Statistics(machine.samples, jnp.zeros((6, 1))), jax.random.key(0)).clean_count.shape == (
        6,
        1,
    )


@pytest.mark.slow
def test_audits_count_in_equivalent_points_and_tell_strategies_in_her_own(checked):
    problem, plan, machine = checked
    quick = deviation.SearchSettings(draws=16, steps=2, polish_draws=16, polish_steps=2, batches=4, batch=64)
    found = audit.examine(machine, problem, agents=[4], settings=quick)
    assert all(one.holds for one in found.audits if one.claimed)
    np.testing.assert_allclose(found.deviation.unit[0], plan.samples[4], rtol=1e-12)
    np.testing.assert_allclose(Stakes.of(problem).alone, collaboration.alone_penalty(problem), rtol=1e-12)


def test_what_needs_points_that_are_alike_says_so(checked):
    problem, _, machine = checked
    people = deviation.Normal(jnp.zeros(1), jnp.ones(1))
    with pytest.raises(jm.ProblemError, match="calibrated"):
        collaboration.solve(problem, mechanism="c3d", calibrated=True)
    with pytest.raises(jm.ProblemError, match="sigma = 'a table by agent'"):
        deviation.robustness(machine, problem, people, 0, jax.random.key(0), 1000)
