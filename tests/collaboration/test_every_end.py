"""Prices that are 0 in places, with and without limits: every problem has an end, judged apart from the solver.

Where a distribution is wanted by one agent alone, her row and what she collects determine no multiplier; where nobody
can gain there is no point inside all rows; and where each wants what another is cheap in, there is barter.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import Status, collaboration
from jaxmech.collaboration import Problem
from jaxmech.collaboration._gaining import gaining
from jaxmech.mechanism import Capacity
from tests.oracles import capacity, units

pytestmark = pytest.mark.usefixtures("compile_quickly")

ONE = np.eye(2)  # each wants a distribution of her own


def table(seed, m, d, decades, share):
    """Costs over decades, and prices of which a share is 0."""
    rng = np.random.default_rng(seed)
    costs = 10.0 ** rng.uniform(-decades / 2, decades / 2, (m, d))
    sigma = np.broadcast_to(10 ** rng.uniform(-0.5, 0.5, d), (m, d))
    price = 10.0 ** rng.uniform(-0.5, 0.5, (m, d))
    price = np.where(rng.random((m, d)) < share, 0.0, price)
    return costs, sigma, np.where((price > 0).any(), price, 1.0)


def limited(seed, m, d, wide=False):
    """The same with most, least and budget, most of which bind."""
    rng = np.random.default_rng(seed)
    costs = np.exp(0.3 * rng.normal(size=(m, 1)) + 0.5 * rng.normal(size=(1, d)) + 0.05 * rng.normal(size=(m, d)))
    costs = 10.0 ** rng.uniform(-2, 2, (m, d)) if wide else costs
    sigma = np.broadcast_to(np.exp(rng.normal(size=d)), (m, d))
    price = np.where(rng.random((m, d)) < 0.4, 0.0, 10.0 ** rng.uniform(-0.5, 0.5, (m, d)))
    price = np.where((price > 0).any(), price, 1.0)
    ideal = sigma * np.sqrt(np.where(price > 0, price, 1.0) / costs)
    most = np.where(rng.random((m, d)) < 0.5, ideal * rng.uniform(0.1, 1.2, (m, d)), np.inf)
    least = np.minimum(np.where(rng.random((m, d)) < 0.3, ideal * rng.uniform(0.05, 0.5, (m, d)), 0.0), 0.9 * most)
    budget = (costs * least).sum(axis=1) + rng.uniform(0.1, 1.0, m) * (costs * ideal).sum(axis=1)
    return costs, sigma, price, most, least, budget


def solved(division, draw, seeds, *shape):
    """All instances at once, and their numbers."""
    drawn = [draw(seed, *shape) for seed in seeds]

    def find(costs, sigma, price, *limits):
        held = {"capacity": Capacity(*limits)} if limits else {}
        return getattr(collaboration, division)(Problem.unchecked(costs, sigma, price, **held))

    return drawn, jax.jit(jax.vmap(find))(*(jnp.asarray(np.stack(part)) for part in zip(*drawn, strict=True)))


SHAPES = [(2, 2, 0.3, 0.5), (2, 2, 6, 0.5), (4, 2, 0.3, 0.5), (4, 2, 4, 0.5), (3, 3, 1, 0.3), (3, 3, 2, 0.5)]


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_rational_optimum_is_found(shape):
    """About one in thirty ended STALLED: rows were weighed by what is left of them, which is nothing."""
    drawn, found = solved("rational_optimum", table, range(300), *shape)
    assert np.flatnonzero(found.status).tolist() == []
    for (costs, sigma, price), samples in list(zip(drawn, np.asarray(found.value), strict=True))[:60]:
        assert units.rational_conditions(samples, costs, sigma, price)


@pytest.mark.long
def test_conditions_tell_what_is_no_optimum():
    costs, sigma, price = table(24, 4, 2, 0.3, 0.5)
    samples = np.asarray(collaboration.rational_optimum(Problem(costs, sigma, price)).value)
    assert units.rational_conditions(samples, costs, sigma, price)
    assert not units.rational_conditions(samples * 1.001, costs, sigma, price)
    alone = sigma * np.sqrt(price / costs)
    assert not units.rational_conditions(alone, costs, sigma, price)


@pytest.mark.long
@pytest.mark.parametrize(
    ("division", "wide"), [("nash_bargaining", False), ("nash_bargaining", True), ("rational_optimum", False)]
)
def test_every_division_within_limits_is_found(division, wide):
    """One in ten of two agents ended NONFINITE: with nobody who can gain nothing is left to choose."""
    drawn, found = solved(division, limited, range(200), 2, 2, wide)
    assert np.flatnonzero(found.status).tolist() == []
    kind, checked = division.split("_")[0], 0
    for (costs, sigma, price, *limits), samples in zip(drawn[:40], np.asarray(found.value)[:40], strict=True):
        error = price * sigma**2
        held = Capacity(*map(jnp.asarray, limits))
        own = np.asarray(
            collaboration.alone_penalty(Problem.unchecked(*map(jnp.asarray, (costs, sigma, price)), capacity=held))
        )
        paid = units.penalties(samples, costs, sigma, price)
        assert np.all(paid <= own * (1 + 1e-9) + 1e-12)
        if wide or (own <= 0).any() or (kind == "nash" and (own - paid < 1e-6 * own).any()):
            continue
        best = capacity.division(kind, costs, error, own, *limits)
        mine = np.log(own - paid).sum() if kind == "nash" else paid.sum()
        assert mine == pytest.approx(best, rel=1e-5, abs=1e-5)
        checked += 1
    assert wide or checked > 10


@pytest.mark.parametrize("limits", [{}, {"most": 1e5}, {"most": 5.0, "budget": 50.0}])
@pytest.mark.parametrize(("own", "other"), [(10.0, 1.0), (1.0, 10.0)])
def test_two_who_want_different_things(own, other, limits):
    """By hand: who is dear in what she wants has it collected by the other, and the other way round; else alone."""
    problem = Problem([[own, other], [other, own]], 1.0, ONE, **limits)
    expected = 1 - ONE if own > other else ONE
    for division in ("rational", "nash"):
        found = collaboration.divide(problem, division)
        assert int(found.status) == Status.OK, division
        np.testing.assert_allclose(found.value, expected, atol=1e-9)
    assert gaining(problem.unlimited()).tolist() == [own > other] * 2


@pytest.mark.long
def test_who_gains_is_who_can_pay_less_by_another_solver():
    """By making each agent's penalty as small as the others allow."""
    some = np.zeros(2, int)
    for seed in range(60):
        costs, sigma, price = table(seed, 3, 3, 1, 0.65)
        own = units.alone(costs, sigma, price)
        if (own <= 0).any():
            continue
        gain = 1 - units.ideals(costs, sigma, price) / own
        told = np.asarray(gaining(Problem(costs, sigma, price)))
        clear = (gain > 1e-5) | (gain < 1e-7)
        assert (told == (gain > 1e-6))[clear].all(), (seed, gain, told)
        some += [told.sum(), (~told).sum()]
    assert (some > 3).all()


NO = np.inf


@pytest.mark.parametrize("limits", [{}, {"most": 5.0}, {"most": 5.0, "budget": 20.0}])
@pytest.mark.parametrize(
    ("costs", "price", "expected"),
    [
        # she wants what she cannot sample, and pays for it with what the other wants
        ([[NO, 4.0], [1.0, 1.0]], ONE, [[0, 0.5], [0.5, 0.5]]),
        # she takes what the other, who can gain nothing, collects for herself
        ([[NO, 1.0], [1.0, NO]], [[1.0, 1.0], [1.0, 0.0]], [[0, 1], [1, 0]]),
    ],
)
def test_who_cannot_sample_what_she_wants_is_served(costs, price, expected, limits):
    found = collaboration.rational_optimum(Problem(costs, 1.0, price, **limits))
    assert int(found.status) == Status.OK
    np.testing.assert_allclose(found.value, expected, atol=1e-9)


def test_who_can_be_served_by_nobody_has_no_optimum():
    found = collaboration.rational_optimum(Problem([[NO, NO], [1.0, 1.0]], 1.0, ONE))
    assert int(found.status) == Status.INFEASIBLE


@pytest.mark.long
def test_nobody_who_cannot_sample_is_left_without():
    """She may live on what others collect who can gain nothing, and collects for others whatever it costs her."""

    def draw(seed):
        costs, sigma, price = table(seed, 3, 3, 2, 0.5)
        off = np.random.default_rng(seed + 10_000).random((3, 3)) < 0.3
        return np.where(off & ~off.all(axis=0), NO, costs), sigma, price

    drawn, found = solved("rational_optimum", draw, range(300))
    status, fine = np.asarray(found.status), 0
    assert np.isin(status, [Status.OK, Status.INFEASIBLE, Status.STALLED]).all()
    assert (status == Status.STALLED).sum() < 10
    for one, samples, code in zip(drawn, np.asarray(found.value), status, strict=True):
        if code != Status.OK:
            continue
        paid = units.penalties(samples, *one)
        assert np.isfinite(paid).all()
        assert (paid <= units.alone(*one) * (1 + 1e-8)).all()
        if fine < 40:
            assert paid.sum() == pytest.approx(units.penalties(units.solve("rational", *one), *one).sum(), rel=1e-6)
        fine += 1
    assert fine > 200
