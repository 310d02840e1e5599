"""The judge himself: he accepts what is optimal to the last digit and rejects every planted error."""

import jax
import numpy as np
import pytest

from jaxmech import Status
from jaxmech.collaboration import Problem, rational_optimum
from tests.collaboration.families import FAMILIES, draw
from tests.oracles import convex, exact_division, kkt

SMALL = 1e-5  # the second distribution matters as little as this


def problem(seed, shape=(3, 2)):
    rng = np.random.default_rng(seed)
    costs = draw("binding", rng, 1, *shape)[0][0]
    return costs, np.array([2.0, 2.0 * SMALL, *[1.0] * (shape[1] - 2)])[: shape[1]]


def verdict(division, costs, sigma, samples, ideal=None):
    return kkt.judge(division, costs[None], sigma[None], samples[None], None if ideal is None else ideal[None])


def test_what_is_lost_in_its_total_is_nothing():
    """Compiled with the least optimisation, the second agent was to collect 6e-23 of a total, at 1e-6 of all costs."""
    costs = np.array([[7.516892367809907e-20, 8.955626111799928e-18], [6.580860557340284e-03, 5.192802175389798e-01]])
    sigma = np.full(2, 1.3575247267411104)
    found = jax.jit(rational_optimum)(Problem(costs, sigma))
    assert int(found.status) == Status.OK
    judged = verdict("rational", costs, sigma, np.asarray(found.value))
    assert judged.right[0], judged.reasons(0)
    assert np.all(np.asarray(found.value)[1] == 0)


SEEDS = range(4)
DIVISIONS = ("rational", "egalitarian", "nash")


@pytest.mark.parametrize("division", DIVISIONS)
def test_accepts_the_optimum_in_many_digits(division):
    for seed in SEEDS:
        costs, sigma = problem(seed)
        found = verdict(division, costs, sigma, exact_division.exact(division, costs, sigma))
        assert found.worst[0] < 1e-3, found.reasons(0)


def planted(division):
    """Optimal amounts of instances with somebody on the small distribution."""
    for seed in SEEDS:
        costs, sigma = problem(seed)
        yield costs, sigma, exact_division.exact(division, costs, sigma)


@pytest.mark.parametrize("division", DIVISIONS)
def test_rejects_one_part_in_a_million_of_a_distribution_that_hardly_matters(division):
    for costs, sigma, samples in planted(division):
        for sign in (1, -1):
            wrong = samples * [1.0, 1 + sign * 1e-6]
            assert not verdict(division, costs, sigma, wrong).right[0]


@pytest.mark.parametrize("division", DIVISIONS)
@pytest.mark.parametrize("tiny", [1e-9, 1e-14])
def test_rejects_a_tiny_amount_where_none_is_meant(division, tiny):
    for costs, sigma, samples in planted(division):
        for i, k in np.argwhere(samples == 0):
            wrong = samples.copy()
            wrong[i, k] = tiny * samples[:, k].sum()
            assert "stationarity" in verdict(division, costs, sigma, wrong).reasons(0) or division == "rational"
            assert not verdict(division, costs, sigma, wrong).right[0]


@pytest.mark.parametrize("division", DIVISIONS)
def test_rejects_the_wrong_agent(division):
    """The same total from somebody else."""
    for costs, sigma, samples in planted(division):
        wrong = samples.copy()
        wrong[:, 1] = np.roll(samples[:, 1], 1)
        assert not verdict(division, costs, sigma, wrong).right[0]


@pytest.mark.parametrize("division", DIVISIONS)
def test_rejects_what_is_optimal_for_another_division(division):
    for costs, sigma, samples in planted(division):
        others = {"social", *DIVISIONS} - {division}
        assert not any(verdict(other, costs, sigma, samples).right[0] for other in others)


def test_rejects_a_row_that_is_exceeded_and_a_row_with_needless_room():
    """Half a millionth of the cheapest agent's work is moved to another who collects the same."""
    costs, sigma = np.array([[0.033], [0.066], [0.1]]), np.array([10.0])
    samples = exact_division.exact("rational", costs, sigma)
    assert verdict("rational", costs, sigma, samples).right[0]
    for moved in (1e-6, -1e-6):
        wrong = samples + moved * samples[0, 0] * np.array([[1.0], [-1.0], [0.0]])
        assert "row" in verdict("rational", costs, sigma, wrong).parts
        assert not verdict("rational", costs, sigma, wrong).right[0]


def test_rejects_a_tenth_of_an_amount_too_small_to_show_in_any_sum():
    """One agent a thousand times cheaper: the other's 4e-5 samples beside 1,825 decide what she herself pays."""
    costs = np.array([[0.00029252589555370793, 0.00043675677998873935], [0.8088127553748621, 1.0209194992791544]])
    costs = np.vstack([costs, [1.158738184493479, 1.0377859576178885]])
    samples = np.array([[58.49295420553687, 47.87025520731343], [0, 1.5910835224420616e-05], [0, 0]])
    sigma = np.ones(2)
    assert verdict("rational", costs, sigma, samples).right[0]
    for factor in (0.9, 1.1):
        wrong = samples * np.array([[1.0, 1.0], [1.0, factor], [1.0, 1.0]])
        assert not verdict("rational", costs, sigma, wrong).right[0]


@pytest.mark.parametrize("bad", [np.nan, -1.0, np.inf])
def test_rejects_what_is_no_amount(bad):
    costs, sigma, samples = next(planted("rational"))
    samples[0, 0] = bad
    assert not verdict("rational", costs, sigma, samples).right[0]


def test_rejects_amounts_of_those_who_cannot_sample():
    costs, sigma = np.array([[1.0, 1.0], [np.inf, 2.0]]), np.ones(2)
    assert verdict("social", costs, sigma, np.array([[2**0.5, 2**0.5], [0.0, 0.0]])).right[0]
    assert not verdict("social", costs, sigma, np.array([[2**0.5, 2**0.5], [1e-300, 0.0]])).right[0]


def test_rejects_ties_that_are_broken():
    costs, sigma = np.array([[1.0], [1.0], [3.0]]), np.ones(1)
    even = np.array([[0.5], [0.5], [0.0]]) * 3**0.5
    assert verdict("social", costs, sigma, even).right[0]
    for other in ([[1.0], [0.0], [0.0]], [[0.500001], [0.499999], [0.0]]):
        assert "equal rows" in verdict("social", costs, sigma, np.array(other) * 3**0.5).reasons(0)


def test_leverage_is_judged_distribution_by_distribution():
    costs, sigma = problem(1)
    samples = convex.leverage(costs, sigma).samples
    exact = np.concatenate([exact_division.exact("rational", costs[:, [k]], sigma[[k]]) for k in range(2)], axis=1)
    assert np.abs(exact / samples.sum(axis=0) - samples / samples.sum(axis=0)).max() < 1e-4
    assert verdict("leverage", costs, sigma, exact).right[0]
    assert not verdict("leverage", costs, sigma, exact * [1.0, 1 + 1e-6]).right[0]
    assert not verdict("leverage", costs, sigma, exact_division.exact("rational", costs, sigma)).right[0]


def test_alone():
    costs, sigma = np.array([[0.25, np.inf]]), np.array([10.0, 1.0])
    assert verdict("alone", costs, sigma, np.array([[20.0, 0.0]])).right[0]
    assert not verdict("alone", costs, sigma, np.array([[20.0001, 0.0]])).right[0]
    assert not verdict("alone", costs, sigma, np.array([[20.0, 1.0]])).right[0]


def test_kalai_smorodinsky():
    """Two equal agents: each would like the other to collect up to her bound; both gain the same share."""
    costs, sigma = np.ones((2, 1)), np.ones(1)
    # the second collects at most 2 − 1/S, which leaves S − 2 + 1/S to the first, whose penalty is least at S = √2
    first, second = 1.5 * 2**0.5 - 2, 2 - 0.5**0.5
    ideal = np.array([[[first], [second]], [[second], [first]]])
    even = np.full((2, 1), 2**-0.5)
    assert verdict("kalai-smorodinsky", costs, sigma, even, ideal).right[0]
    uneven = np.array([[0.5], [2**0.5 - 0.5]])
    assert not verdict("kalai-smorodinsky", costs, sigma, uneven, ideal).right[0]
    half = np.array([[[0.5], [0.5]], [[0.5], [0.5]]])
    assert not verdict("kalai-smorodinsky", costs, sigma, even, half).right[0]


def test_every_family_can_be_drawn():
    for family in FAMILIES:
        costs, sigma, price = draw(family, np.random.default_rng(0), 50, 4, 3)
        assert costs.shape == (50, 4, 3)
        assert sigma.shape == price.shape == (50, 3)
        assert (costs > 0).all()
        assert np.isfinite(costs).any(axis=1).all()
