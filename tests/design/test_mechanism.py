"""The mechanism of a design: noise tables, statistics and data sets, what is proven of it, and what a search finds."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.collaboration import Problem, Role
from jaxmech.design import Design, Origin, Rule, certify, design, designed_mechanism, noise_at, proven_least
from jaxmech.design._linked import Threshold
from jaxmech.design._terms import Stake, Terms
from jaxmech.deviation import Normal, SearchSettings, best_response, simulate
from jaxmech.mechanism import Guaranteed, Mechanism, Separate, Stakes, Statistics, Submission
from tests.oracles import design as oracle

pytestmark = pytest.mark.usefixtures("compile_quickly")

AGENTS, COST = 4, 0.01
SMALL = SearchSettings(draws=32, steps=30, polished=2, polish_draws=256, polish_steps=20, batches=8, batch=2048)


def made_by_hand(samples=4.0, comparison=2.0):
    """Whole amounts for four equal agents and two linked distributions, with the levels that belong to them."""
    shape = (AGENTS, 2)
    n, z = np.full(shape, samples), np.full(shape, comparison)
    rest = (AGENTS - 1) * samples - z
    problem = Problem(np.full(shape, COST), 1.0)
    terms = Terms(jnp.asarray(n), jnp.asarray(z), jnp.asarray(rest), jnp.ones(shape, bool))
    found = Threshold(jnp.asarray(0.0)).settle(terms, Stake(problem.costs, jnp.ones(2)))
    assert np.all((found.spare > 0) & (found.room > 0))
    total = float(found.penalty.sum())
    made = Design(
        samples=jnp.asarray(n),
        comparison=jnp.asarray(z),
        rest=jnp.asarray(rest),
        limit=found.level * np.sqrt(1 / samples + 1 / comparison),
        role=jnp.full(shape, Role.CHECKED, jnp.int32),
        rule=Rule(jnp.array([0.0, 1.0, 1.0]), jnp.array([0.0, 0.0, jnp.inf])),
        failure=jnp.broadcast_to(1 - found.success[:, None], shape),
        penalty=found.penalty,
        social_penalty=jnp.asarray(total),
        published=jnp.asarray(2 * total),
        family=jnp.asarray(total),
        linked=jnp.asarray(True),
        origin_code=jnp.asarray(Origin.LINKED, jnp.int32),
        rival_code=jnp.asarray(0, jnp.int32),
    )
    return problem, made


@pytest.fixture(scope="module")
def whole():
    problem, made = made_by_hand()
    assert all(audit.holds for audit in certify(problem, made))
    return problem, made, designed_mechanism(problem, made)


TABLES = [
    ([0.0, 1.0, 1.0], [0.0, 0.0, np.inf]),
    ([0.0, 1.0, 1.0], [0.0, 0.0, 4.0]),
    ([0.5, 1.0, 2.0, 2.0, 3.0], [0.1, 0.4, 0.4, 2.0, np.inf]),
    ([0.0, 0.5, 0.5, 1.5], [0.0, 1.0, 3.0, 3.5]),
    ([0.0], [2.0]),
    ([1.0, 2.0], [np.inf, np.inf]),
]


@pytest.mark.parametrize(("places", "values"), TABLES)
def test_noise_of_a_table(places, values):
    apart = np.concatenate([np.linspace(0, 4, 41), places, np.nextafter(places, 9), np.nextafter(places, -9), [np.inf]])
    apart = np.maximum(apart, 0.0)
    expected = [oracle.noise_at(places, values, x) for x in apart]
    rule = Rule(jnp.asarray(places), jnp.asarray(values))
    found = np.asarray(noise_at(rule, jnp.asarray(apart)))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    compiled = jax.jit(noise_at)(rule, jnp.asarray(apart).reshape(-1, 1))
    np.testing.assert_allclose(np.asarray(compiled)[:, 0], found, rtol=1e-14)


@pytest.mark.long
def test_it_is_a_mechanism(whole):
    _, made, machine = whole
    assert isinstance(machine, Mechanism)
    assert isinstance(machine, Separate)
    assert isinstance(machine, Guaranteed)
    assert machine.recommended.samples.tolist() == made.samples.tolist()
    assert machine.clean_others.tolist() == made.comparison.tolist()
    role = made.role.at[0, 0].set(Role.ALONE)
    more = made.comparison.at[1].set(1e9)
    machine = dataclasses.replace(machine, role=role, comparison=more)
    assert float(machine.clean_others[0, 0]) == 0.0
    assert machine.clean_others[1].tolist() == [12.0, 12.0]  # no more than there are


@pytest.mark.long
def test_promised_penalties_come_true(whole):
    """By counts and means, as one agent against the law of the others and all together; and on data sets."""
    problem, made, machine = whole
    for source, replications in ((None, 20_000), (Normal(jnp.array([3.0, -100.0]), jnp.ones(2)), 6_000)):
        outcome = simulate(machine, problem, source, jax.random.key(1), replications=replications)
        gap = np.abs(np.asarray(outcome.penalty - made.penalty))
        assert np.all(gap <= 5 * np.asarray(outcome.standard_error) + 1e-3 * np.asarray(made.penalty))
        assert np.all(np.asarray(outcome.standard_error) < 0.02 * np.asarray(made.penalty))


def test_who_fails_anywhere_gets_no_rest(whole):
    """The largest of all discrepancies counts; unlinked, each distribution stands for itself."""
    _, made, machine = whole
    means = jnp.zeros((AGENTS, 2)).at[0, 1].set(1e4)
    data = Statistics(made.samples, means)
    got = machine.respond(data, jax.random.key(0))
    assert got.noisy_count[0].tolist() == [0.0, 0.0]
    apart = dataclasses.replace(machine, linked=jnp.asarray(False)).respond(data, jax.random.key(0))
    assert apart.noisy_count[0].tolist() == [float(made.rest[0, 0]), 0.0]
    assert got.clean_count[0].tolist() == [6.0, 6.0]
    near = Statistics(made.samples, jnp.zeros((AGENTS, 2)).at[0].set(0.8 * made.limit[0]))
    counts = [
        dataclasses.replace(machine, ellipsoid=jnp.asarray(round_)).respond_to(jnp.asarray(0), one, jnp.zeros((1, 2)))
        for one in [jax.tree.map(lambda leaf: leaf[:1], near)]
        for round_ in (False, True)
    ]
    assert [one.noisy_count[0, 0] > 0 for one in counts] == [True, False]  # 0.8² + 0.8² > 1
    compiled = jax.jit(lambda m, s, k: m.respond(s, k))(machine, data, jax.random.key(0))
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(compiled), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_who_submits_nothing_fails(whole):
    _, made, machine = whole
    data = Submission.from_ragged([[[], [0.0] * 4], *[[[0.0] * 4, [0.0] * 4]] * 3])
    got = machine.respond(data, jax.random.key(0))
    assert got.noisy_count[0].tolist() == [0.0, 0.0]
    assert got.clean_count[0].tolist() == [2.0, 6.0]
    assert np.all(np.asarray(got.noisy_count[1:]) > 0)
    alone = machine.respond_to(jnp.asarray(0), Statistics(jnp.zeros((1, 2)), jnp.zeros((1, 2))), jnp.zeros((1, 2)))
    assert alone.noisy_count.tolist() == [[0.0, 0.0]]
    honest = machine.respond_to(jnp.asarray(1), Statistics(made.samples[1:2], jnp.zeros((1, 2))), jnp.zeros((1, 2)))
    assert honest.noisy_count.tolist() == [made.rest[1].tolist()]


@pytest.mark.long
def test_capped_noise_is_what_the_table_says(whole):
    """Who is beyond the limit gets the rest with noise of the stated variance."""
    _, made, machine = whole
    rule = Rule(jnp.array([0.0, 1.0, 1.0]), jnp.array([0.0, 0.0, 4.0]))
    machine = dataclasses.replace(machine, rule=rule)
    data = Statistics(made.samples, jnp.zeros((AGENTS, 2)).at[0].set(1e4))
    draw = jax.jit(jax.vmap(lambda key: machine.respond(data, key)))(jax.random.split(jax.random.key(2), 20_000))
    assert np.all(np.asarray(draw.noisy_variance[:, 0]) == 5.0)
    # given everybody's data: the subset's own variance (1/10 − 1/12) and the noise
    rest = float(made.rest[0, 0])
    expected = (1 / rest - 1 / 12) + 4 / rest
    assert np.asarray(draw.noisy_mean[:, 0]).var() == pytest.approx(expected, rel=0.05)


@pytest.mark.long
def test_guarantees_are_for_the_stakes_that_were_proven(whole):
    problem, made, machine = whole
    proven = machine.guarantee(Stakes.of(problem))
    np.testing.assert_allclose(proven.least, made.penalty, rtol=1e-7)
    assert np.all(np.asarray(proven.regret) < 1e-7)
    others = (Problem(problem.costs * 1.01, 1.0), Problem(problem.costs, 1.1), Problem(problem.costs, 1.0, 2.0))
    for other in others:
        assert np.all(np.asarray(machine.guarantee(Stakes.of(other)).least) == -np.inf)
    given = designed_mechanism(problem, made, least=proven_least(problem, made))
    np.testing.assert_array_equal(given.least, machine.least)


@pytest.mark.slow
def test_a_search_finds_nothing_unless_limits_are_too_wide(whole):
    problem, made, machine = whole
    found = best_response(machine, 0, problem, jax.random.key(3), SMALL)
    assert float(found.found[0]) <= 2e-3 * float(made.penalty[0])
    loose = dataclasses.replace(machine, limit=machine.limit * 3)
    found = best_response(loose, 0, problem, jax.random.key(3), SMALL)
    assert float(found.found[0]) > 0.02 * float(made.penalty[0])


@pytest.mark.slow
def test_a_design_comes_true():
    """A design with all its roles, in whole numbers or not, by counts and means."""
    problem = Problem(np.random.default_rng(0).uniform(0.5, 1.5, (4, 2)), 100.0)
    made = design(problem).raise_for_status().value
    machine = designed_mechanism(problem, made)
    outcome = simulate(machine, problem, None, jax.random.key(1), replications=100_000)
    gap = np.abs(np.asarray(outcome.penalty - made.penalty))
    assert np.all(gap <= 5 * np.asarray(outcome.standard_error) + 1e-6)
    found = best_response(machine, 3, problem, jax.random.key(0), SMALL)
    assert float(found.found[0]) <= 2e-3 * float(made.penalty[3])
