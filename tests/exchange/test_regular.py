"""Data that nobody measured: constants, two values, equal steps and copies are remarked on, rounded data are not."""

import itertools

import numpy as np
import pytest

from jaxmech.exchange import _regular
from jaxmech.exchange._regular import CHANCE, collision, common_steps, copied, too_regular

SIGMA = 12.0


@pytest.mark.parametrize("step", [0.1, 1.0, 5.0, 10.0])
def test_no_number_is_likelier_than_said(step):
    """Against Monte Carlo, with the mean where it is worst: on a multiple of the step."""
    points = np.round(np.random.default_rng(0).normal(100, SIGMA, 200_000) / step) * step
    seen = np.unique(points, return_counts=True)[1].max() / len(points)
    bound = collision(step, SIGMA)
    assert seen <= bound + 5 * np.sqrt(bound / len(points))
    assert seen >= 0.9 * bound or step < 1  # of many bins the fullest is by chance


@pytest.mark.parametrize(("n", "d"), [(3, 1), (4, 1), (4, 2), (5, 2)])
def test_few_values_are_no_likelier_than_said(n, d):
    """Against all outcomes: bins of a normal law, enumerated."""
    step = 18.0
    edges = (np.arange(-6, 7) - 0.5) * step / SIGMA
    mass = np.diff([0.5 * (1 + _regular.math.erf(edge / np.sqrt(2))) for edge in edges])
    seen = sum(np.prod(mass[list(row)]) for row in itertools.product(range(len(mass)), repeat=n) if len(set(row)) == d)
    ways = {1: 1, 2: (n - 1) * 2 ** (n - 2)}[d]
    assert seen <= ways * collision(step, SIGMA) ** (n - d)


REGULAR = {
    "7 in all 6 rows": [7.0] * 6,
    "2.2 in all 5 rows": [2.2] * 5,
    "2.213 in all 3 rows": [2.213] * 3,
    "2.2 and 2.31 by turns in all 8 rows": [2.2, 2.31] * 4,
    "2.2 and 2.31 alone in all 8 rows": [2.2, 2.31, 2.31, 2.31, 2.2, 2.2, 2.31, 2.2],
    "every one of 8 rows is 0.7 more than the one before": (2.2 + 0.7 * np.arange(8)).tolist(),
    "every one of 8 rows is 0.7 less than the one before": (2.2 - 0.7 * np.arange(8)).tolist(),
}


@pytest.mark.parametrize("what", REGULAR)
def test_what_is_invented_is_named(what):
    found = too_regular(np.array(REGULAR[what]), SIGMA, 0.001)
    assert found is not None
    assert found.what == what
    assert found.chance < CHANCE


@pytest.mark.parametrize(
    ("points", "step"),
    [
        ([7.0] * 5, 1.0),  # likelier than one in a million where values are whole numbers
        ([120.0] * 6, 10.0),  # and of tens
        ([2.2] * 2, 0.1),
        ([90.0, 100.0] * 3, 1.0),  # rounded to tens, as it seems
        ([1.0, 2.0, 3.0], 1.0),
        ([], 0.1),
    ],
)
def test_what_may_be_chance_is_not(points, step):
    assert too_regular(np.array(points), SIGMA, step) is None


def test_quarters_may_be_the_unit_of_an_instrument():
    quarters = np.array([2.25, 2.5, 2.5, 2.25, 2.5, 2.25, 2.25, 2.5])
    assert too_regular(quarters, 0.3, 0.01) is None
    assert too_regular(np.where(quarters > 2.3, 2.31, 2.25), 0.3, 0.01) is not None


@pytest.mark.parametrize("step", [0.001, 1.0, 10.0, 50.0])
@pytest.mark.parametrize("n", [3, 4, 8, 40])
def test_honest_rounded_data_raise_no_alarm(step, n):
    """None in 400 pairs of honest data sets, however coarse the rounding is beside σ."""
    generator = np.random.default_rng(n)
    for _ in range(400):
        first, second = np.round(generator.normal(100, SIGMA, (2, n)) / step) * step
        shared = common_steps([first, second])[0]
        assert too_regular(first, SIGMA, shared) is None
        assert copied(first, second, SIGMA, shared, 1) is None


@pytest.mark.parametrize(("step", "n"), [(0.001, 3), (1.0, 5), (1.0, 60), (10.0, 60)])
def test_copies_are_named(step, n):
    generator = np.random.default_rng(0)
    first = np.round(generator.normal(100, SIGMA, n) / step) * step
    assert copied(first, first, SIGMA, step, 1).what == "handed in the same points"
    if n != 5 and step < 10:  # else another order of so few, or so coarse, may be chance
        assert copied(np.sort(first), first, SIGMA, step, 1).what == "handed in the same points"
    if step < 1:
        longer = np.concatenate([first, [3.25]])
        assert copied(first, longer, SIGMA, step, 1).what == "handed in 3 points that are all among the other's"
    assert copied(first[:2], first[:2], SIGMA, step, 1) is None
    other = first.copy()
    other[1] += 7 * step
    assert copied(first, other, SIGMA, step, 1) is None


@pytest.mark.parametrize(
    ("columns", "step"),
    [
        ([], 0), ([[120, 80]], 0), ([[], [120, 80]], 0), ([[0], [0.0]], 0),
        ([[120, 80, 100], [90, 75]], 5), ([[120, 80], [0.25, 0.75]], 0.25), ([[100], [150, 100]], 50),
        ([[101] * 3, [101] * 4], 1), ([[95.5], [100]], 0.5), ([[95.5], [101]], 0.5), ([[2500], [7500]], 2500),
        ([[1e300, 2], [4]], 1),
        ([[1e300, 1 / 3], [4]], 1e-15),
        ([[1000], [1000]], 1000), ([[-30], [60]], 10), ([[14], [28]], 2), ([[0.3], [0.6]], 0.1),
    ],
)  # fmt: skip
def test_steps_are_round_and_common_to_all(columns, step):
    """Nothing is told of who is alone: her own decimals say all there is."""
    found = common_steps([np.array(column, float) for column in columns])
    alone = sum(map(bool, columns)) < 2
    assert found == pytest.approx([step if column or not alone else found[k] for k, column in enumerate(columns)])


@pytest.mark.parametrize("others", [0, 1, 3])
def test_constants_are_named_whoever_else_hands_in(others):
    """Alone, beside somebody who invents too, and beside honest parties."""
    generator = np.random.default_rng(0)
    honest = [np.round(generator.normal(100, SIGMA, 20), 1) for _ in range(max(others - 1, 0))]
    columns = [np.full(20, 95.5), *[np.full(20, 101.0)] * (others > 0), *honest]
    steps = common_steps(columns)
    assert too_regular(columns[0], SIGMA, steps[0]).what == "95.5 in all 20 rows"
