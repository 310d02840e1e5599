"""The bounds of the proof within least and most: against SciPy, against a grid, and where they must be exact."""

import numpy as np
import pytest

from jaxmech.design.proof._bound import _on_interval
from jaxmech.design.proof._columns import least_apart, outside
from jaxmech.design.proof._duality import honest_penalty, least_penalty
from tests.design.proof.test_duality import FIELDS, offers
from tests.oracles import boxed

pytestmark = pytest.mark.usefixtures("compile_quickly")


def boxes(samples, seed):
    """Limits around amounts: some at their most, some at what they must, some fixed, some in between."""
    rng = np.random.default_rng([seed, 5])
    down, up = (rng.choice([0.0, 0.3, 1.0], samples.shape), rng.choice([1.0, 1.5, 4.0, np.inf], samples.shape))
    return samples * down, samples * up


@pytest.mark.parametrize(
    ("d", "kept", "rows"), [(1, 0.0, 8), (2, 0.2, 4), pytest.param(3, 0.0, 8, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("seed", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_bounds_are_below_all_amounts_in_the_box_and_tight(d, kept, rows, seed):
    offer, samples = offers(d, kept, rows, seed)
    least, most = boxes(samples, seed)
    honest, _ = honest_penalty(offer, samples)
    free = least_penalty(offer, honest * (1 - 1e-8))
    proven = least_penalty(offer._replace(least=least, most=most), honest * (1 - 1e-8))
    assert proven.complete.all()
    assert np.all(proven.bound >= free.bound * (1 - 3e-8))  # a box has fewer amounts
    for i in range(rows):
        plain = [np.asarray(getattr(offer, name)[i]) for name in FIELDS]
        comparison, rest, share, limit, costs, error = plain
        best = boxed.least_real((comparison, rest, limit, costs, error, float(share)), least[i], most[i], starts=8)
        assert proven.bound[i] <= min(best, float(honest[i])) * (1 + 1e-12)
        if best >= honest[i] * (1 - 1e-9):
            assert proven.bound[i] == pytest.approx(honest[i], rel=2e-8)


def test_one_amount_only_is_its_own_bound():
    """least = most: nothing can be chosen, and the bound is what these amounts cost, whatever the mechanism."""
    offer, samples = offers(2, 0.1, 5, seed=7)
    for factor in (0.2, 1.0, 3.0):
        at = factor * samples
        paid, _ = honest_penalty(offer, at)
        proven = least_penalty(offer._replace(least=at, most=at), paid * (1 - 1e-8))
        assert proven.bound == pytest.approx(paid, rel=3e-8)
        assert np.all(proven.bound <= paid)


@pytest.mark.parametrize("unit", [None, 1.0])
def test_alone_and_receiving_by_every_amount(unit):
    rng = np.random.default_rng(3)
    costs, error, given = 10 ** rng.uniform(-1, 0, 300), 10 ** rng.uniform(1, 3, 300), rng.choice([0.0, 3.0, 40.0], 300)
    least = np.floor(rng.uniform(1, 20, 300))
    most = least + rng.choice([0.0, 1.0, 7.0, 60.0], 300)
    size = None if unit is None else np.ones(300)
    found = least_apart(given, costs, error, size, (least, most))
    for j in range(300):
        some = np.linspace(least[j], most[j], 4001) if unit is None else np.arange(least[j], most[j] + 1)
        best = np.min(error[j] / (given[j] + some) + costs[j] * some)
        assert found[j] <= best * (1 + 1e-12)
        assert found[j] == pytest.approx(best, rel=1e-6)


def test_amounts_outside_are_measured():
    bounds = np.array([[1.0, 2.0]]), np.array([[4.0, np.inf]])
    assert outside(np.array([[4.0, 2.0]]), bounds).tolist() == [[0, 0]]
    assert outside(np.array([[5.0, 1.0]]), bounds).tolist() == [[0.2, 1.0]]


@pytest.mark.parametrize("slope", [1.1, 1.4, 1.72, 3.0])
@pytest.mark.parametrize("most", [0.02, 0.1, 0.2, 0.6])
def test_the_family_with_bounded_counts_by_brute_force(slope, most):
    for total in (1.05, 2.0, 9.0):
        brute = boxed.least_checked(slope, total, most)
        level = np.linspace(0.05, 7, 1400)
        slopes, v, can = (np.full(len(level), value) for value in (slope, 1 / total, most))
        found = np.min(_on_interval(slopes, v, v, level, level, can))
        assert found <= brute + 1e-9
        assert found == pytest.approx(brute, abs=5e-3 if slope * most > 1 else 2e-3)
        between = np.min(_on_interval(slopes[1:], v[1:], v[1:], level[:-1], level[1:], can[1:]))
        assert between <= found + 1e-12  # what is between two levels counts as well
