"""Values that may fall with the number of points, and the rows of Table 1 by name."""

import numpy as np
import pytest

from jaxmech import ProblemError, market
from jaxmech.market._search import Menu, search
from tests.market.problems import rough, smooth, with_tables
from tests.oracles.market import best_allocation, best_curve, best_of_any

COUNTS = np.array([3.0, 1.0, 2.0])


def falling(seed, types, columns, steps=None):
    """Values that rise and fall at random, (types, columns), nothing for nothing."""
    values = np.random.default_rng([seed, types]).uniform(0.0, 1.0, (types, columns))
    values = np.round(values * steps) / steps if steps else values
    values[:, 0] = 0.0
    values[:, 1] = np.maximum(values[:, 1], 0.25)
    return values


def found_for(values, counts, cost):
    return search(Menu(np.arange(values.shape[1]), values, counts, cost, monotone=False))


@pytest.mark.parametrize(("types", "columns"), [(1, 9), (2, 9), (3, 6)])
def test_every_allocation_is_tried_in_vain(types, columns):
    for seed in range(100):
        values, counts, cost = falling(seed, types, columns), COUNTS[:types], (0.001, 0.05, 0.2)[seed % 3]
        found = found_for(values, counts, cost)
        assert found.finished
        assert found.profit == pytest.approx(best_of_any(values, counts, cost), abs=1e-9)


@pytest.mark.long
@pytest.mark.parametrize(("types", "largest"), [(1, 9), (2, 9), (3, 5)])
def test_every_allocation_is_tried_in_vain_where_values_rise(types, largest):
    for seed in range(100):
        make, cost = (rough, smooth)[seed % 2], (0.001, 0.05, 0.2)[seed % 3]
        values, counts = make(seed, types, largest), COUNTS[:types]
        found = search(Menu(np.arange(largest + 1), values, counts, cost))
        assert found.finished
        assert found.profit == pytest.approx(best_of_any(values, counts, cost), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_no_posted_curve_brings_more(seed):
    values, counts = falling(seed, 3, 5, steps=8), COUNTS
    assert found_for(values, counts, 0.05).profit == pytest.approx(best_curve(values, counts, 0.05, 8), abs=1e-9)


def test_the_oracle_is_that_of_linear_programs():
    values = falling(7, 2, 5)
    assert best_of_any(values, COUNTS[:2], 0.05) == pytest.approx(best_allocation(values, COUNTS[:2], 0.05)[0])


def test_a_monotone_market_is_solved_alike():
    values = rough(3, 3, 12)
    assert found_for(values, COUNTS, 0.02).profit == pytest.approx(
        search(Menu(np.arange(13), values, COUNTS, 0.02)).profit, abs=1e-9
    )


@pytest.fixture(scope="module")
def busy():
    """A buyer who cannot leave points out, and one who can."""
    buyers = [market.Buyer(market.table([0.0, 0.5, 0.9, 0.4, 0.2], monotone=False), 4)]
    return market.Problem([0.05, 0.06], 1.0, [*buyers, market.Buyer(market.table([0.0, 0.1, 0.2, 0.7, 1.0]), 3)])


@pytest.mark.long
def test_such_a_market_is_solved_with_all_claims(busy):
    plan = market.solve(busy).raise_for_status().value
    assert plan.sizes.tolist() == [2, 4]
    values = np.array([[0.0, 0.5, 0.9, 0.4, 0.2], [0.0, 0.1, 0.2, 0.7, 1.0]])
    expected = best_of_any(values, np.array([4.0, 3.0]), 0.05)
    assert float(plan.optimum) == pytest.approx(expected, abs=1e-9)
    assert all(audit.holds for audit in market.certify(busy, plan) if audit.claimed)


@pytest.mark.parametrize("method", ["approximate", "heuristic", "monotone"])
def test_other_methods_refuse_it(busy, method):
    with pytest.raises(ProblemError, match="buyer 1"):
        market.price(busy, method)
    with pytest.raises(ProblemError, match="buyer 1"):
        market.price(busy, sizes=range(5))


def test_a_table_that_falls_is_refused_unless_it_says_so():
    with pytest.raises(ProblemError, match="must not be below"):
        market.table([0.0, 0.5, 0.4])
    assert float(market.table([0.0, 0.5, 0.4], monotone=False).largest) == 0.5


@pytest.mark.parametrize("method", market.GRID_OF)
def test_rows_of_table_1_keep_their_promise(method):
    values, counts, epsilon = smooth(1, 2, 60), COUNTS[:2], 0.1
    problem = with_tables(values, counts, [0.004])
    best, found = market.price(problem, limit=60), market.price(problem, method, epsilon=epsilon, limit=60)
    assert best.profit - epsilon * counts.sum() <= found.profit <= best.profit + 1e-9
    assert found.profit <= found.bound
    assert (found.method, found.allowance) == (method, pytest.approx(epsilon * counts.sum()))
