"""Counts and means in place of data sets: the same answers, the right laws; stakes and payments."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, collaboration
from jaxmech.mechanism import Information, Outcome, Stakes, Statistics, Submission, priced, subset_variance


@pytest.mark.parametrize(("drawn", "among"), [(3, 8), (1, 2), (7, 7)])
def test_means_of_subsets_have_the_stated_variance(drawn, among):
    """Given the mean of all, the mean of the first few of independent normal points."""
    points = np.random.default_rng(1).normal(0, 2, (100_000, among))
    rest = points[:, :drawn].mean(axis=1) - points.mean(axis=1)
    expected = float(subset_variance(jnp.array(float(drawn)), jnp.array(float(among)), jnp.array(4.0)))
    assert rest.var() == pytest.approx(expected, abs=5 * expected * np.sqrt(2 / len(rest)) + 1e-12)


def test_a_submission_has_statistics():
    data = Submission.from_ragged([[[1.0, 3.0]], [[]]])
    np.testing.assert_array_equal(data.statistics.count, [[2.0], [0.0]])
    np.testing.assert_array_equal(data.statistics.mean, [[2.0], [0.0]])


@pytest.mark.parametrize("mechanism", ["pool", "counted-pool"])
def test_pools_answer_both_forms_alike(mechanism):
    problem = collaboration.Problem([[0.01]] * 3, 1.0)
    plan = collaboration.solve(problem, mechanism=mechanism).value
    plan = dataclasses.replace(plan, samples=jnp.array([[2.0], [1.0], [3.0]]))
    machine = collaboration.mechanism(problem, plan)
    data = Submission.from_ragged([[[1.0, 3.0]], [[]], [[6.0, 7.0, 8.0]]])
    key = jax.random.key(0)
    for one, other in zip(
        jax.tree.leaves(machine.respond(data, key)),
        jax.tree.leaves(machine.respond(data.statistics, key)),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-14)


@pytest.mark.long
def test_both_forms_of_a_checked_submission_have_one_law():
    """Mean and variance of every agent's estimate, given the same honest data: over draws of data and of noise."""
    problem = collaboration.Problem([[0.01]] * 7, 1.0)
    plan = collaboration.integer_plan(problem, collaboration.solve(problem, mechanism="c3d").value).plan
    machine = collaboration.mechanism(problem, plan)
    counts = plan.samples
    mask = jnp.arange(int(counts.max())) < counts[..., None]

    def both(key):
        data_key, first, second = jax.random.split(key, 3)
        data = Submission(jax.random.normal(data_key, mask.shape), mask)
        return tuple(
            machine.respond(form, key).estimate(problem.sigma**2)[0, 0]
            for form, key in ((data, first), (data.statistics, second))
        )

    found = np.asarray(jax.jit(jax.vmap(both))(jax.random.split(jax.random.key(4), 20_000)))
    for moment in (2, 4):
        values = found**moment
        error = np.hypot(*(values.std(axis=1) / np.sqrt(values.shape[1])))
        assert abs(values[0].mean() - values[1].mean()) < 5 * error


@pytest.mark.long
def test_one_agent_alone_is_answered_as_among_all():
    """respond_to against respond, given the same clean mean of others: everything but the noise."""
    problem = collaboration.Problem([[0.01]] * 6, 1.0)
    for name in collaboration.MECHANISMS:
        plan = collaboration.solve(problem, mechanism=name, division="social").value
        machine = collaboration.mechanism(problem, plan)
        means = jnp.full(plan.samples.shape, 2.0).at[1].set(5.0)
        everything = machine.respond(Statistics(plan.samples, means), jax.random.key(0))
        own = Statistics(plan.samples[1][None], means[1][None])
        alone = machine.respond_to(jnp.asarray(1), own, jnp.full((1, 1), 2.0))
        np.testing.assert_allclose(alone.clean_count[0], everything.clean_count[1], rtol=1e-12)
        np.testing.assert_allclose(alone.noisy_count[0], everything.noisy_count[1], rtol=1e-12)
        if name in ("pool", "counted-pool"):
            np.testing.assert_allclose(alone.clean_mean[0], everything.clean_mean[1], rtol=1e-12)


def test_payments_are_zero_unless_given():
    one = jnp.ones((3, 2))
    assert Information(one, one, one, one, one).payment.tolist() == [0.0] * 3
    assert Information(one, one, one, one, one, jnp.arange(3.0)).payment.tolist() == [0.0, 1.0, 2.0]
    many = jax.vmap(lambda x: Information(x, x, x, x, x))(jnp.ones((5, 3, 2)))
    assert many.payment.shape == (5, 3)


def test_errors_without_a_price_are_not_looked_at():
    assert float(priced(jnp.array([[2.0, jnp.nan]]), jnp.array([3.0, 0.0]))[0]) == 6.0
    slope = jax.grad(lambda price: priced(jnp.array([2.0, 1.0]), price).sum())(jnp.array([3.0, 1.0]))
    assert np.all(np.isfinite(slope))


def test_outcomes_batch():
    one = jnp.ones((4, 2))
    outcome = Outcome(one, one[:, 0], one[:, 0], one[:, 0], one[:, 0], jnp.asarray(3))
    assert jax.tree.map(lambda leaf: leaf[None], outcome).cost.shape == (1, 4)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"costs": [[0.0]]}, r"costs\[0\]\[0\] = 0.0: must be positive"),
        ({"costs": [0.1]}, "must be a table"),
        ({"sigma": -1.0}, r"sigma\[0\] = -1.0: must be positive and finite"),
        ({"price": -0.5}, r"price\[0\] = -0.5: must be 0 or more and finite"),
        ({"sigma": [1.0, 2.0]}, r"one number, or one per distribution \(1\)"),
    ],
)
def test_stakes_are_checked(changes, rule):
    problem = dataclasses.make_dataclass("Problem", ["costs", "sigma", "price"])
    good = {"costs": [[0.1], [np.inf]], "sigma": 1.0, "price": 0.0}
    assert Stakes.of(problem(**good)).alone.tolist() == [0.0, 0.0]
    with pytest.raises(ProblemError, match=rule):
        Stakes.of(problem(**{**good, **changes}))
