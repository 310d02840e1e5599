"""Designs for agents who differ in precision: points that are alike inside, everybody's own outside."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.collaboration import Problem, Role
from jaxmech.design import (
    Design,
    Origin,
    Rule,
    account,
    carried_out,
    certify,
    departure,
    designed_mechanism,
    is_whole,
    prove,
)
from jaxmech.design._linked import Threshold
from jaxmech.design._terms import Stake, Terms
from jaxmech.deviation import Normal, simulate
from jaxmech.mechanism import Stakes, Submission, split_points

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIGMA = np.array([[1.0, 2.0], [2.0, 2.0], [1.0, 3.0], [1.5, 4.0], [2.0, 2.0]])
PRECISION = SIGMA.min(axis=0) ** 2 / SIGMA**2
OWN = np.array([[6.0, 5.0], [24.0, 5.0], [6.0, 11.0], [13.0, 20.0], [24.0, 5.0]])


@pytest.fixture(scope="module")
def made():
    """Whole amounts of everybody's own for five agents and two linked distributions, with the levels that belong."""
    inside = OWN * PRECISION
    z, theirs = np.full((5, 2), 3.3), inside.sum(axis=0) - inside
    problem = Problem(0.006 * PRECISION, SIGMA, [1.0, 0.25])
    told = problem.in_equivalent_points()
    terms = Terms(*map(jnp.asarray, (inside, z, theirs - z)), jnp.ones((5, 2), bool))
    found = Threshold(jnp.asarray(0.0)).settle(terms, Stake(told.costs, told.price * told.sigma**2))
    assert np.all((found.spare > 0) & (found.room > 0))
    design = Design(
        samples=jnp.asarray(OWN),
        comparison=jnp.asarray(z),
        rest=terms.rest,
        limit=found.level * SIGMA.min(axis=0) * np.sqrt(1 / inside + 1 / z),
        role=jnp.full((5, 2), Role.CHECKED, jnp.int32),
        rule=Rule(jnp.array([0.0, 1.0, 1.0]), jnp.array([0.0, 0.0, jnp.inf])),
        failure=jnp.broadcast_to(1 - found.success[:, None], (5, 2)),
        penalty=found.penalty,
        social_penalty=found.penalty.sum(),
        published=2 * found.penalty.sum(),
        family=found.penalty.sum(),
        linked=jnp.asarray(True),
        origin_code=jnp.asarray(Origin.LINKED, jnp.int32),
        rival_code=jnp.asarray(0, jnp.int32),
        precision=told.precision,
    )
    return problem, told, design


def test_what_is_proven_is_that_of_the_transformed_problem(made):
    problem, told, design = made
    same = Problem(told.costs, told.sigma, told.price)
    alike = Design(**{**vars(design), "samples": design.equivalent, "precision": None})
    for one, other in zip(prove(problem, design), prove(same, alike), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    assert np.all(prove(problem, design).least > np.asarray(design.penalty) * (1 - 1e-6))
    for one, other in zip(account(problem, design)[:2], account(same, alike)[:2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    np.testing.assert_allclose(np.sum(account(problem, design).bill, axis=1), (problem.costs * OWN).sum(axis=1))


def test_whole_numbers_of_her_own_points_are_whole(made):
    problem, _, design = made
    assert is_whole(design)
    assert departure(problem, design) < 1e-9
    claims = {audit.claim: audit for audit in certify(problem, design)}
    assert claims["feasible"].holds
    assert claims["kept on whole data"].holds
    assert "whole samples" in claims["no worse than the published mechanisms"].effort
    some = Design(**{**vars(design), "samples": design.samples * 1.02})
    assert not is_whole(some)
    rounded = carried_out(some)
    np.testing.assert_array_equal(rounded.samples, np.round(np.asarray(some.samples)))
    given = np.asarray(rounded.comparison + rounded.rest)
    assert np.all(given <= (rounded.equivalent.sum(axis=0) - rounded.equivalent) * (1 + 1e-12))


def test_penalties_on_data_sets_are_as_promised(made):
    problem, told, design = made
    machine = designed_mechanism(problem, design)
    people = Normal(jnp.zeros(2), jnp.asarray(told.sigma))
    found = simulate(machine, problem, people, jax.random.key(0), {}, 4_000)
    assert np.all(np.abs(found.penalty - design.penalty) < 4 * found.standard_error)
    assert np.all(found.standard_error < 0.05 * design.penalty)


def test_split_points_are_parts_of_the_size_that_is_asked_for():
    """Means of both parts: variances σ²/size, independent, and together the mean of all."""
    generator, runs, sigma = np.random.default_rng(0), 4_000, 1.5
    mask = np.zeros((3, 1, 9), bool)
    mask[0, :, :2], mask[1, :, :9], mask[2, :, :4] = True, True, True
    precision = jnp.array([[1.0], [0.16], [0.5]])
    values = sigma * generator.standard_normal((runs, 3, 1, 9)) / np.sqrt(np.asarray(precision))[..., None]
    clean, total = jnp.full((3, 1), 1.3), jnp.full((3, 1), 2.9)

    def one(rows, key):
        return split_points(Submission(rows, jnp.asarray(mask)), clean, total, jnp.array([sigma**2]), key, precision)

    drawn = jax.jit(jax.vmap(one))(jnp.asarray(values), jax.random.split(jax.random.key(1), runs))
    available = np.array([1.44 + 2.0, 2.0 + 2.0, 2.0 + 1.44])
    np.testing.assert_allclose(drawn.available[0, :, 0], available)
    np.testing.assert_allclose(drawn.clean_count, 1.3, rtol=1e-12)
    np.testing.assert_allclose(drawn.rest_count, 1.6, rtol=1e-12)
    parts = np.asarray(jnp.concatenate([drawn.clean_mean, drawn.rest_mean], axis=2))
    for i in range(3):
        covariance = np.cov(parts[:, i].T)
        np.testing.assert_allclose(np.diag(covariance), [sigma**2 / 1.3, sigma**2 / 1.6], rtol=0.1)
        assert abs(covariance[0, 1]) < 4 * sigma**2 / np.sqrt(1.3 * 1.6 * runs)
    everything = split_points(
        Submission(jnp.asarray(values[0]), jnp.asarray(mask)), clean, jnp.full((3, 1), 99.0), jnp.array([sigma**2]),
        jax.random.key(2), precision,
    )  # fmt: skip
    np.testing.assert_allclose(everything.rest_count[:, 0], available - 1.3)
    together = (1.3 * everything.clean_mean + everything.rest_count * everything.rest_mean) / available[:, None]
    np.testing.assert_allclose(together, everything.mean, rtol=1e-9)


def test_the_best_whole_number_alone_is_of_her_own_points():
    stakes = Stakes.of(Problem(0.3 * PRECISION, SIGMA, [1.0, 0.5]))
    own = np.arange(1.0, 200.0)[:, None, None]
    paid = [1.0, 0.5] * SIGMA**2 / own + 0.3 * PRECISION * own
    np.testing.assert_allclose(stakes.alone_in_whole_points(), paid.min(axis=0).sum(axis=1), rtol=1e-12)
