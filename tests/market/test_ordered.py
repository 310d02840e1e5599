"""Types in an order: the exact optimum by dynamic programming, against enumeration and the exact search."""

import numpy as np
import pytest

from jaxmech import ProblemError, market
from tests.market.problems import with_tables
from tests.oracles.market import best_allocation


def ordered_values(seed, types, sizes):
    """Every type gains more from every further point than the one before; shuffled, so that the order must be found."""
    generator = np.random.default_rng(seed)
    steps = np.cumsum(generator.exponential(1.0, (types, sizes)) * (generator.random((types, sizes)) < 0.7), axis=0)
    values = np.concatenate([np.zeros((types, 1)), np.cumsum(steps, axis=1)], axis=1)
    return generator.permutation(values / values.max() * 0.95, axis=0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("least", [0, 3])
def test_enumeration(seed, least):
    """All allocations of three types over five sizes, each with its largest envy-free prices."""
    values, counts = ordered_values(seed, 3, 5), np.random.default_rng(seed).integers(1, 5, 3).astype(float)
    cost = 0.05 + 0.4 * (seed % 3)
    expected, _ = best_allocation(values, counts, cost, least=least)
    found = market.price(with_tables(values, counts, [cost]), "ordered", least=least)
    assert found.profit == pytest.approx(max(0.0, expected), abs=1e-9)
    assert found.bound == pytest.approx(found.profit)
    paid = float(np.asarray(found.prices) @ counts)
    spent = cost * max(int(found.sizes.max()), least) if found.sizes.any() else 0.0
    assert paid - spent == pytest.approx(found.profit, abs=1e-9)


def test_many_types():
    """Far beyond enumeration: nobody envies, nobody loses, and no smaller limit brings more."""
    values, counts = ordered_values(0, 30, 40), np.random.default_rng(1).integers(1, 9, 30).astype(float)
    problem = with_tables(values, counts, [0.4])
    found = market.price(problem, "ordered")
    assert found.steps <= 30 * 41
    assert market.price(problem, "ordered", limit=20).profit <= found.profit + 1e-12
    offers = np.concatenate([[0.0], found.prices]), np.concatenate([[0], found.sizes])
    taken = values[np.arange(30), found.sizes] - np.asarray(found.prices)
    np.testing.assert_allclose(taken, (values[:, offers[1]] - offers[0]).max(axis=1), atol=1e-9)
    assert len(set(found.sizes.tolist())) > 2


def test_types_that_are_not_ordered_are_refused():
    values = np.array([[0.0, 0.6, 0.61, 0.62], [0.0, 0.1, 0.5, 0.9]])
    with pytest.raises(ProblemError, match=r"not ordered: from 0 to 1 points buyer 1 gains more than buyer 2"):
        market.price(with_tables(values, [1, 1], [0.01]), "ordered")
