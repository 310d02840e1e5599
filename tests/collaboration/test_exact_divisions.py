"""Divisions at scales that differ: right per agent and per distribution, alone and in a batch, with exact zeros."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import Status, collaboration
from jaxmech.collaboration import Problem
from jaxmech.numerics import Kind, solve_sharing
from tests.collaboration.families import draw
from tests.oracles import convex, kkt
from tests.oracles.exact_division import exact

RATIONAL = jax.jit(collaboration.rational_optimum)


def _alone_and_in_a_batch(costs, sigma, price=1.0):
    """The amounts of one solve, after checking that a batch gives the same and the same zeros."""
    costs = jnp.asarray(costs)
    sigma = jnp.broadcast_to(jnp.asarray(sigma, float), costs.shape[1:])
    one = RATIONAL(Problem(costs, sigma, price))
    batch = jnp.stack([costs, costs * 1.5])
    many = jax.jit(jax.vmap(lambda c: collaboration.rational_optimum(Problem(c, sigma, price))))(batch)
    assert int(one.status) == int(many.status[0]) == Status.OK
    assert float(one.residual) <= 1e-11
    assert float(many.residual[0]) <= 1e-11
    amounts = np.asarray(one.value)
    np.testing.assert_allclose(np.asarray(many.value[0]), amounts, rtol=1e-9, atol=0)
    np.testing.assert_array_equal(np.asarray(many.value[0]) == 0, amounts == 0)
    return amounts


@pytest.mark.long
def test_each_distribution_is_solved_at_its_own_scale():
    costs = [[0.7859, 0.7262], [0.8123, 0.7629], [0.7696, 0.6837]]
    found = _alone_and_in_a_batch(costs, [1.0, 1e-9])
    # alone in the limit: the first distribution decides the multipliers, and the second follows them
    assert (found[:2, 1] == 0).all()
    assert found[2, 1] == pytest.approx(2.08e-9, rel=5e-3)
    nearby = _alone_and_in_a_batch(costs, [1.0, 1e-3])
    assert found[:, 0] == pytest.approx(nearby[:, 0], rel=1e-2)


@pytest.mark.long
def test_an_automated_laboratory_among_clinics():
    """Targets in extended precision; the file's σ and price."""
    costs = [[0.002, 0.005], [25.0, 40.0], [30.0, 45.0]]
    found = _alone_and_in_a_batch(costs, [11.5, 12.9], 100.0)
    assert found[0] == pytest.approx([2571.79958880936132713, 1824.563478581546], rel=1e-12)
    assert found[1] == pytest.approx([0.0, 4.456583907100937e-5], rel=1e-6, abs=0)
    assert (found[2] == 0).all()


@pytest.mark.long
def test_a_third_agent_collects_nothing_alone_and_in_a_batch():
    costs = [
        [0.00029252589555370793, 0.00043675677998873935],
        [0.8088127553748621, 1.0209194992791544],
        [1.158738184493479, 1.0377859576178885],
    ]
    found = _alone_and_in_a_batch(costs, 1.0)
    assert found[0] == pytest.approx([58.49295420553687, 47.87025520731343], rel=1e-12)
    assert found[1] == pytest.approx([0.0, 1.5910835224420616e-05], rel=1e-6, abs=0)
    assert (found[2] == 0).all()


def _judged(costs, error, amount, multiplier):
    """Largest relative error in the optimality conditions of the rational optimum, one instance, plain NumPy."""
    bounds = 2 * np.sqrt(error * costs).sum(axis=1)
    rows, able = np.isfinite(bounds), np.isfinite(costs)
    weight = 1 + np.where(rows, multiplier, 0)
    reduced = weight[:, None] * costs
    value, totals = reduced.min(axis=0), amount.sum(axis=0)
    paid = (error / totals).sum() + (np.where(able, costs, 0) * amount).sum(axis=1)
    excess = np.where(rows, paid / np.where(rows, bounds, 1) - 1, 0)
    parts = [
        abs(totals / np.sqrt(error * weight.sum() / value) - 1).max(),
        np.where(amount > 0, reduced / value - 1, 0).max(),
        excess.max(),
        (np.where(rows, multiplier / weight, 0) * np.maximum(-excess, 0)).max(),
        max(-amount.min(), -multiplier.min(), 0),
    ]
    return max(parts)


def _drawn(family, rng, count, m, d):
    costs, sigma = np.exp(0.3 * rng.standard_normal((count, m, d))), np.ones((count, d))
    if family == "one cheap":
        costs[:, 0] /= 1000
    elif family == "one very cheap":
        costs[:, 0] /= 1e6
    elif family == "agents":
        costs = 10 ** rng.uniform(-6, 0, (count, m, 1)) * np.exp(0.1 * rng.standard_normal((count, m, d)))
    elif family == "scales":
        sigma = 10 ** rng.uniform(-12, 0, (count, d)) * 10 ** rng.uniform(-6, 0, (count, d))
    elif family == "cannot":
        costs[rng.uniform(size=costs.shape) < 0.5] = np.inf
        costs[:, 0] = 1.0
    return costs, sigma**2


FAMILIES = [("one cheap", 2, 2), ("one cheap", 3, 2), ("one very cheap", 3, 2), ("agents", 2, 2), ("scales", 5, 3)]


@pytest.mark.long
@pytest.mark.parametrize(("family", "m", "d"), [*FAMILIES, ("cannot", 5, 3)])
def test_all_are_ok_and_right(family, m, d):
    costs, error = _drawn(family, np.random.default_rng([*family.encode(), m, d]), 256, m, d)

    def solve(costs, error):
        bounds = 2 * jnp.sum(jnp.sqrt(error * costs), axis=1)
        return solve_sharing(Kind.WEIGHTED, costs, error, weights=jnp.ones(m), bounds=bounds)

    found = jax.jit(jax.vmap(solve))(costs, error)
    assert (np.asarray(found.status) == Status.OK).all()
    for one in zip(costs, error, np.asarray(found.amount), np.asarray(found.multiplier), strict=True):
        assert _judged(*one) <= 1e-10


def test_nash_with_one_agent_five_thousand_times_cheaper():
    costs = np.array([[1 / 5000], *[[1.0]] * 14])
    solution = collaboration.nash_bargaining(Problem(costs, 1.0)).raise_for_status()
    found = np.asarray(solution.value).ravel()
    assert found == pytest.approx([68.9559890958, *[0.132401055185] * 14], rel=1e-10)
    gains = convex.alone_penalty(costs, 1.0) - convex.penalties(found[:, None], costs, 1.0)
    assert np.log(gains).sum() == pytest.approx(0.738753320568, abs=1e-9)


@pytest.mark.parametrize("cheap", [6.3059e-06, 1e-9])
def test_egalitarian_is_never_infeasible(cheap):
    costs = np.array([[241262.77], [cheap]])
    solution = collaboration.egalitarian_bargaining(Problem(costs, 1.0)).raise_for_status()
    expected = 1 / (costs * np.sqrt((1 / costs).sum()))
    assert np.asarray(solution.value) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("m", "d"), [(3, 2), (5, 3)])
def test_egalitarian_over_sixteen_decades(m, d):
    """Some agents can sample nothing."""
    rng = np.random.default_rng([8, m, d])
    costs = 10 ** rng.uniform(-16, 0, (256, m, d))
    costs[::2, 0] = np.inf
    many = jax.jit(jax.vmap(lambda c: collaboration.egalitarian_bargaining(Problem(c, jnp.ones(d)))))(costs)
    assert (np.asarray(many.status) == Status.OK).all()
    assert kkt.judge("egalitarian", costs, np.ones((256, d)), np.asarray(many.value)).right.all()
    assert (np.asarray(many.value)[::2, 0] == 0).all()
    assert np.asarray(many.residual).max() <= 1e-12


@pytest.mark.long
@pytest.mark.parametrize(("m", "d"), [(10, 5), (6, 4)])
def test_egalitarian_where_the_support_that_is_read_off_has_a_cycle(m, d):
    """One in a thousand of ordinary instances: shares of 1e-5 that should be zero, and close a cycle."""
    rng = np.random.default_rng(2)
    agent, distribution, pair = (rng.standard_normal((4000, *shape)) for shape in ((m, 1), (1, d), (m, d)))
    costs = np.exp(0.3 * agent + 0.5 * distribution + 0.05 * pair)
    many = jax.jit(jax.vmap(lambda c: collaboration.egalitarian_bargaining(Problem(c, jnp.ones(d)))))(costs)
    assert (np.asarray(many.status) == Status.OK).all()
    assert kkt.judge("egalitarian", costs, np.ones((4000, d)), np.asarray(many.value)).right.all()


@pytest.mark.long
def test_egalitarian_equals_many_digits():
    """Where the support is clear, against Newton's method in 60 digits."""
    costs = np.array([[1.00, 0.62], [1.21, 0.55], [0.83, 0.95], [1.44, 1.30]])
    found = collaboration.egalitarian_bargaining(Problem(costs, [2.0, 3.0])).raise_for_status()
    expected = exact("egalitarian", costs, [2.0, 3.0])
    np.testing.assert_allclose(np.asarray(found.value), expected, rtol=1e-12, atol=0)


@pytest.mark.long
def test_agents_with_the_same_costs_collect_the_same():
    """Also where many splits are optimal: five agents with one of two rows each."""
    rng = np.random.default_rng(3)
    costs, sigma, price = draw("equal rows", rng, 50, 5, 3)
    found = jax.vmap(lambda *data: collaboration.rational_optimum(collaboration.Problem(*data)))(costs, sigma, price)
    amounts = np.asarray(found.value)
    assert (np.asarray(found.status) == Status.OK).all()
    twins = (costs[:, :, None] == costs[:, None]).all(axis=3)
    apart = np.abs(amounts[:, :, None] - amounts[:, None]) / amounts.sum(axis=1)[:, None, None]
    assert (apart[twins] <= 1e-14).all()


@pytest.mark.long
@pytest.mark.parametrize(
    "costs",
    [
        [[1.0703164652074406, 1.2561876818751854], [9.548763334810901e-07, 8.776740245024065e-07]],
        [[2.4784135919893996e-09, 4.530723321117028e-20], [1.4740562195369678e-05, 1.2858237157276452e-12]],
        [[3.8206113054756324e-17, 1.2812783953984853e-07], [2.8186866495348375e-08, 0.13719546947976377]],
    ],
)
def test_many_decades_are_solved_and_never_infeasible(costs):
    """Drawn at random, once STALLED or INFEASIBLE in a batch: what others collect is 1e-13 of the total and less."""
    found = _alone_and_in_a_batch(np.array(costs), 1.0)
    assert kkt.judge("rational", np.array(costs)[None], np.ones((1, 2)), found[None]).right.all()
