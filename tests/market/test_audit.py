"""What contributors and buyers could gain: found, bounded, and by brute force."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import deviation, market
from tests.market.problems import lab_market, with_tables
from tests.market.test_certificate import _Miscounting, _Scaled
from tests.oracles import market as oracle

pytestmark = pytest.mark.usefixtures("compile_quickly")

VALUES = [[0.0, 0.5, 0.6, 0.65], [0.0, 0.3, 0.7, 1.0], [0.0, 0.1, 0.3, 0.8]]


@pytest.fixture(scope="module")
def solved():
    problem = lab_market((0.004, 0.006))
    return problem, market.solve(problem, second=3).value


@pytest.mark.long
def test_nobody_gains_and_all_is_bounded(solved):
    problem, plan = solved
    found = market.examine(problem, plan)
    assert found.names == (*problem.contributors, *problem.buyers)
    assert found.roles == ("contributor",) * 2 + ("buyer",) * 3
    assert np.all(found.found == 0)
    assert np.all(found.bound >= 0)
    assert np.all(found.bound < 1e-9 * found.stake)
    share = np.asarray(plan.samples) / float(plan.total) * float(plan.profit)
    np.testing.assert_allclose(found.promised[:2], share, rtol=1e-9)
    np.testing.assert_allclose(found.promised[2:], market.utility(problem, plan.sizes, plan.prices), atol=1e-12)
    assert set(found.family) == {"the truth"}
    claims = market.certify(problem, plan)
    assert found.audits == claims


@pytest.mark.long
@pytest.mark.parametrize("factor", [0.3, 2.5])
def test_a_contributor_finds_what_brute_force_finds(solved, factor):
    problem, plan = solved
    fooled = _Scaled(**vars(market.mechanism(problem, plan)), factor=jnp.asarray(factor))
    found = market.examine(problem, plan, broker=fooled)
    total = int(plan.total)
    for i in range(2):
        asked, cost = int(plan.samples[i]), float(problem.contributor_costs[i])
        tried = range(1, 6 * total)
        best = max(oracle.contributor_gain(asked, total - asked, cost, 1.0, factor, n) for n in tried)
        assert found.found[i] == pytest.approx(best, rel=0.02)
        assert found.found[i] <= best + 1e-12
        assert found.family[i] == "other amount"
        assert np.isinf(found.bound[i])  # the theorem is about other payments
    assert not next(record.holds for record in found.audits if record.claim.startswith("Nash"))


def test_paying_for_a_wrong_number_of_points_is_found(solved):
    problem, plan = solved
    broker = _Miscounting(**vars(market.mechanism(problem, plan)), extra=jnp.asarray(0.01))
    found = market.examine(problem, plan, broker=broker)
    assert {"other count", "leaves"} & set(found.family)
    assert np.all(found.found[:2] > 0)


@pytest.mark.parametrize("shift", [[0.0, 0.0, 0.0], [0.2, 0.0, 0.0], [0.0, 0.3, -0.1], [-0.2, 0.1, 0.4]])
def test_buyers_find_the_best_offer(shift):
    problem = with_tables(VALUES, [2, 1, 3], [0.05, 0.06])
    plan = market.solve(problem).value
    plan = dataclasses.replace(plan, prices=plan.prices + jnp.asarray(shift) * (plan.sizes > 0))
    found = market.examine(problem, plan)
    sizes, prices = np.asarray(plan.sizes, int).tolist(), np.asarray(plan.prices).tolist()
    best = [oracle.offer_gain(VALUES, sizes, prices, j) for j in range(3)]
    np.testing.assert_allclose(found.found[2:], best, atol=1e-12)
    np.testing.assert_allclose(found.bound[2:], best, atol=1e-12)


def test_types_that_are_taken_for_others_change_the_market():
    problem = with_tables(VALUES, [2, 1, 3], [0.05, 0.06])
    plan = market.solve(problem).value
    found = market.examine(problem, plan, solve_again=lambda other: market.solve(other).value)
    (fact,) = [record for record in found.audits if record.claim == "types need not be known"]
    changes = []
    for j in range(3):
        own = VALUES[j][int(plan.sizes[j])] - float(plan.prices[j])
        for k in {0, 1, 2} - {j}:
            counts = np.array([2, 1, 3]) + np.eye(3, dtype=int)[k] - np.eye(3, dtype=int)[j]
            kept = [i for i in range(3) if counts[i] > 0]
            tables = [VALUES[i] for i in kept]
            _, sizes = oracle.best_allocation(np.array(tables), counts[kept], 0.05, least=2)
            prices = oracle.largest_prices(np.array(tables), sizes)
            place = kept.index(k)
            changes.append((VALUES[j][sizes[place]] - prices[place] - own) / VALUES[j][-1])
    assert -fact.margin == pytest.approx(max(changes), abs=1e-9)
    assert not fact.claimed


def test_without_trade_nobody_has_anything_to_gain():
    problem = with_tables([[0.0, 0.1]], [1], [5.0, 6.0])
    found = market.examine(problem, market.solve(problem).value, jax.random.key(0))
    assert np.all(found.promised == 0)
    assert np.all(found.found == 0)
    assert np.all(found.bound == 0)


@pytest.mark.slow
def test_the_search_finds_made_up_data_where_nothing_is_compared(solved):
    problem, plan = solved
    few = deviation.SearchSettings(steps=30, polish_steps=10, batches=4, batch=4096)
    fooled = _Scaled(**vars(market.mechanism(problem, plan)), factor=jnp.asarray(0.0))
    found = market.examine(problem, plan, jax.random.key(0), settings=few, broker=fooled)
    spent = np.asarray(problem.contributor_costs * plan.samples)
    assert np.all(found.found[:2] > 0.9 * spent)
    off = np.abs(found.honest - found.promised)[:2]  # nothing is random in these payments
    assert np.all(off < 1e-6 * spent)
    assert "families" in found.effort
