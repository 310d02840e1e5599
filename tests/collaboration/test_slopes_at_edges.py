"""Slopes where numbers are 0 or infinite, or agents alike: those of central differences, forward and reverse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import collaboration
from jaxmech.mechanism import Stakes
from tests.slopes import linearized

INF = np.inf
COSTS = np.array([[INF, 0.037], [0.041, 0.072], [0.034, INF], [0.023, 0.046]])
SIGMA, PRICE = np.array([1.6, 2.2]), np.array([1.1, 0.8])
WORTH = np.array([[1.1, 1.6], [0.0, 0.9], [0.0, 1.6], [1.7, 0.0]])
ABLE = np.where(np.isinf(COSTS), [[0.03, 0.05]], COSTS)
LOW = np.array([[0.0, 0.5], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
BUDGET = np.array([INF, 0.3, 0.5, INF])


def _weighted(tree):
    """The finite numbers of an answer, each with a weight of its own."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.floating)]
    flat = jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])
    return jnp.sum(jnp.where(jnp.isfinite(flat), flat, 0.0) * jnp.cos(jnp.arange(flat.size)))


def _assert_slopes(function, *arguments, step=1e-5, within=1e-6):
    """Reverse, forward and central differences along two directions that leave what is 0 or infinite alone."""

    @jax.jit
    def at(arguments, way):
        value, push, pull = linearized(lambda *given: _weighted(function(*given)), *arguments)
        return value, push(*way), pull(jnp.ones_like(value))

    arguments = tuple(map(jnp.asarray, arguments))
    for seed in range(2):
        draws = np.random.default_rng(seed)
        way = tuple(jnp.where(jnp.isinf(a), 0.0, a) * draws.normal(size=a.shape) for a in arguments)
        ends = [
            at(tuple(a + side * step * part for a, part in zip(arguments, way, strict=True)), way)[0]
            for side in (1, -1)
        ]
        expected = float(ends[0] - ends[1]) / (2 * step)
        _, forward, slopes = at(arguments, way)
        reverse = sum(float(jnp.sum(slope * part)) for slope, part in zip(slopes, way, strict=True))
        assert reverse == pytest.approx(expected, rel=within, abs=1e-9)
        assert float(forward) == pytest.approx(reverse, rel=1e-9, abs=1e-12)


DIVISIONS = {
    "rational": (collaboration.rational_optimum, COSTS),
    "leverage": (collaboration.leverage_optimum, COSTS),
    "social": (collaboration.social_optimum, COSTS),
    "egalitarian": (collaboration.egalitarian_bargaining, COSTS),
    "nash": (collaboration.nash_bargaining, ABLE),
}


@pytest.mark.parametrize("name", DIVISIONS)
@pytest.mark.parametrize("price", [PRICE, WORTH], ids=["one price", "prices of 0"])
def test_divisions(name, price):
    divide, costs = DIVISIONS[name]

    def answer(costs, sigma, price):
        problem = collaboration.Problem(costs, sigma, price)
        amounts = divide(problem).value
        return amounts, collaboration.penalty(problem, amounts), collaboration.first_best(problem)

    _assert_slopes(answer, costs, SIGMA, price, within=1e-5)


def test_a_price_of_0_raises_the_penalty_as_any_other():
    amounts = jnp.array([[0.0, 4.0], [3.0, 1.0], [2.0, 0.0], [5.0, 2.0]])

    def paid(price):
        return jnp.sum(collaboration.penalty(collaboration.Problem(COSTS, SIGMA, price), amounts))

    expected = np.broadcast_to(SIGMA**2 / np.sum(amounts, axis=0), WORTH.shape)
    np.testing.assert_allclose(jax.grad(paid)(jnp.asarray(WORTH)), expected, rtol=1e-14)


@pytest.mark.long
def test_equal_agents_follow_their_own_costs():
    """Kalai and Smorodinsky's ideals of agents who are alike now, and would not be if one of them were dearer."""
    costs = np.array([[0.061562, 0.084238], [0.061562, 0.084238], [0.058345, 0.093745], [0.049293, 0.073098]])

    def answer(costs):
        problem = collaboration.Problem(costs, [0.002085, 0.002121], [1.95462, 0.923725])
        return collaboration.penalty(problem, collaboration.kalai_smorodinsky_bargaining(problem).value)

    _assert_slopes(answer, costs, within=1e-5)


def _plan(costs, sigma, price, mechanism="cbl"):
    problem = collaboration.Problem(costs, sigma, price)
    return problem, collaboration.solve(problem, division="leverage", mechanism=mechanism).value


FACTS = {
    "alone_penalty": lambda *a: collaboration.alone_penalty(collaboration.Problem(*a)),
    "stakes": lambda *a: Stakes.of(collaboration.Problem(*a)).alone,
    "account_alone": lambda *a: collaboration.account_alone(
        collaboration.Problem(*a), jnp.array([[0.0, 9.0], [7.0, 0.0], [3.0, 0.0], [2.0, 4.0]])
    ),
    "temptation": lambda *a: collaboration.temptation(*_plan(*a)),
    "harm": lambda *a: collaboration.harm(*_plan(*a), _plan(*a)[1].samples / 2),
    "pivotal": lambda *a: collaboration.pivotal(*_plan(*a, "pool")),
}


@pytest.mark.parametrize("name", FACTS)
@pytest.mark.parametrize("price", [PRICE, WORTH], ids=["one price", "prices of 0"])
def test_facts(name, price):
    _assert_slopes(FACTS[name], COSTS, SIGMA, price, within=1e-5)


def test_pivotal_where_nobody_else_wants_something():
    price = np.array([[1.1, 1.6], [0.5, 0.0], [0.7, 0.0], [1.7, 0.0]])
    _assert_slopes(FACTS["pivotal"], COSTS, SIGMA, price, within=1e-5)


@pytest.mark.long
@pytest.mark.parametrize("limits", ["least", "budget", "both"])
def test_within_limits_of_some(limits):
    """Who has no most, or no budget, has an infinite one."""
    most = np.array([[INF, 6.0], [INF, INF], [4.0, INF], [INF, INF]])

    def answer(costs, sigma):
        given = {"least": LOW, "most": most} if limits != "budget" else {}
        if limits != "least":
            given["budget"] = BUDGET
        problem = collaboration.Problem(costs, sigma, 2.0, **given)
        return collaboration.alone_samples(problem), collaboration.alone_penalty(problem), _carried(problem)

    _assert_slopes(answer, COSTS, SIGMA, within=1e-5)


@pytest.mark.long
def test_a_budget_that_binds_beside_what_she_cannot_collect():
    costs = np.array([[0.10142888, 0.04530143], [0.04129228, 0.08638536], [0.02654134, INF]])
    sigma, budget = np.array([0.71703707, 1.14272466]), np.array([INF, INF, 0.10028597])

    def answer(costs, sigma, budget):
        plan = collaboration.solve(collaboration.Problem(costs, sigma, 2.0, budget=budget), division="rational").value
        return plan.samples, plan.penalty, plan.social_penalty

    _assert_slopes(answer, costs, sigma, budget, within=1e-5)


def _carried(problem):
    return collaboration.cbl_plan(problem, collaboration.social_optimum(problem).value).value.penalty
