"""Designs where one draw measures several values: found by draw, carried out value by value."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.collaboration import Problem, Role, Values, problem_by_value, reduce_panels
from jaxmech.design import Design, Origin, Rule, companions, designed_by_value
from jaxmech.design._linked import Threshold
from jaxmech.design._terms import Stake, Terms
from jaxmech.deviation import simulate
from jaxmech.mechanism import Statistics

pytestmark = pytest.mark.usefixtures("compile_quickly")

SIGMA, PRICE, DRAWS = np.array([3.0, 2.0, 0.5]), np.array([1 / 9, 0.5, 4.0]), (0, 1, 1)
VALUES = Values(("w", "a", "b"), DRAWS, SIGMA, PRICE, {"panel": ("a", "b")})
AGENTS, SAMPLES, COMPARED = 5, 8.0, 4.0


def made_by_hand(linked):
    """Whole amounts for five agents, equal but in what they need of the panel, with the levels that belong to them."""
    price = np.tile(PRICE, (AGENTS, 1))
    price[0, 1] = 0.0
    reduced, shape = reduce_panels(SIGMA, price, DRAWS), (AGENTS, 2)
    problem = Problem(np.full(shape, 0.003), reduced.sigma, reduced.price)
    n, z = np.full(shape, SAMPLES), np.full(shape, COMPARED)
    terms = Terms(*map(jnp.asarray, (n, z, (AGENTS - 1) * n - z)), jnp.ones(shape, bool))
    stake = Stake(problem.costs, problem.price * problem.sigma**2)
    if linked:
        found = Threshold(jnp.asarray(0.0)).settle(terms, stake)
    else:
        each = [
            Threshold(jnp.asarray(0.0)).settle(*jax.tree.map(lambda leaf, k=k: leaf[:, [k]], (terms, stake)))
            for k in range(2)
        ]
        level = jnp.concatenate([one.level for one in each], axis=1)
        success = jnp.stack([one.success for one in each], axis=1)
        found = each[0]._replace(level=level, success=success, penalty=sum(one.penalty for one in each))
    success = np.broadcast_to(np.reshape(found.success, (AGENTS, -1)), shape)
    made = Design(
        samples=terms.samples,
        comparison=terms.comparison,
        rest=terms.rest,
        limit=found.level * np.asarray(problem.sigma) * np.sqrt(1 / SAMPLES + 1 / COMPARED),
        role=jnp.full(shape, Role.CHECKED, jnp.int32),
        rule=Rule(jnp.array([0.0, 1.0, 1.0]), jnp.array([0.0, 0.0, jnp.inf])),
        failure=jnp.asarray(1 - success),
        penalty=found.penalty,
        social_penalty=found.penalty.sum(),
        published=found.penalty.sum(),
        family=found.penalty.sum(),
        linked=jnp.asarray(linked),
        origin_code=jnp.asarray(Origin.LINKED if linked else Origin.THRESHOLDS, jnp.int32),
        rival_code=jnp.asarray(0, jnp.int32),
    )
    return problem, made, price


@pytest.fixture(scope="module", params=[True, False], ids=["linked", "one at a time"])
def made(request):
    problem, design, price = made_by_hand(request.param)
    values = dataclasses.replace(VALUES, price=price)
    return problem, design, values, *designed_by_value(problem, design, values)


def by_hand(made, agent, samples, generator, runs, correlation):
    """What one agent pays who collects so much while the others comply: rows drawn, means compared, no library."""
    problem, design, values, wide, _ = made
    limit, price = np.asarray(wide.limit)[agent], values.price[agent]
    root = np.linalg.cholesky(correlation + 1e-12 * np.eye(3))
    own, clean, rest = (
        SIGMA * (generator.standard_normal((runs, 3)) @ root.T) / np.sqrt(size)
        for size in (samples, COMPARED, (AGENTS - 1) * SAMPLES - COMPARED)
    )
    within = np.abs(own - clean) <= limit
    beside = [(0, 1), (1, 0), (2, 0)] if bool(design.linked) else [(0, 0), (1, 1), (2, 2)]
    passed = np.stack([within[:, a] & within[:, b] for a, b in beside], axis=1)
    count = np.stack([np.full((runs, 3), size) for size in (samples, COMPARED)] + [passed * (4 * SAMPLES - COMPARED)])
    errors = (np.sum(count * np.stack([own, clean, rest]), axis=0) / count.sum(axis=0)) ** 2
    return errors @ price + float(problem.costs[agent].sum()) * samples


@pytest.mark.parametrize("rho", [0.0, 1.0], ids=["independent values", "values that are the same"])
def test_promises_hold_whatever_the_joint_law_of_the_values(made, rho):
    correlation = np.eye(3)
    correlation[1, 2] = correlation[2, 1] = rho
    for agent in (0, 1):
        paid = by_hand(made, agent, SAMPLES, np.random.default_rng(agent), 200_000, correlation)
        error = paid.std() / np.sqrt(len(paid))
        promised = float(made[1].penalty[agent])
        assert abs(paid.mean() - promised) < 4 * error
        assert error < 0.004 * promised


@pytest.mark.parametrize("samples", [4.0, 6.0, 11.0])
def test_no_other_number_of_draws_is_cheaper(made, samples):
    correlation = np.array([[1.0, 0, 0], [0, 1, 0.95], [0, 0.95, 1]])
    paid = by_hand(made, 1, samples, np.random.default_rng(5), 200_000, correlation)
    assert paid.mean() > float(made[1].penalty[1]) + 3 * paid.std() / np.sqrt(len(paid))


def test_the_mechanism_releases_what_the_rule_says(made):
    _, design, _, wide, machine = made
    generator, shape = np.random.default_rng(2), (AGENTS, 3)
    mean = 0.6 * SIGMA * generator.standard_normal(shape)
    back = machine.respond(Statistics(wide.samples, jnp.asarray(mean)), jax.random.key(1))
    clean = (np.asarray(back.clean_count * back.clean_mean) - SAMPLES * mean) / COMPARED
    within = np.abs(mean - clean) <= np.asarray(wide.limit)
    expected = within
    if bool(design.linked):
        expected = np.stack([within[:, 0] & within[:, 1], within[:, 1] & within[:, 0], within[:, 2] & within[:, 0]], 1)
    assert np.array_equal(np.asarray(back.noisy_count) > 0, expected)
    assert 0 < expected.sum() < expected.size


def test_simulated_penalties_are_as_promised(made):
    problem, design, values, _, machine = made
    found = simulate(machine, problem_by_value(problem, values), None, jax.random.key(0), {}, 30_000)
    assert np.all(np.abs(found.penalty - design.penalty) < 4 * found.standard_error)
    assert np.all(found.standard_error < 0.02 * design.penalty)


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        ((0, 1, 2), [[0, 1, 2]] * 3),
        ((0, 0), [[0], [1]]),
        ((0, 0, 0, 1, 1), [[0, 3], [1, 4], [2, 3], [0, 3], [1, 4]]),
    ],
)
def test_every_value_stands_beside_one_of_every_other_draw(draws, expected):
    assert [np.flatnonzero(row).tolist() for row in companions(draws)] == expected
