"""The proven bound against brute force over all amounts, for sound and for spoilt mechanisms."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.design._linked import Threshold
from jaxmech.design._terms import Stake, Terms
from jaxmech.design.proof._duality import Offer, _bound_at, honest_penalty, least_penalty
from tests.oracles import design as oracle

pytestmark = pytest.mark.usefixtures("compile_quickly")

FIELDS = ("comparison", "rest", "kept", "limit", "costs", "error")


def offers(d, kept, rows, seed):
    """Random mechanisms with levels that make random amounts stationary, and the amounts."""
    rng, drawn = np.random.default_rng([seed, d]), max(400, 32 * rows)
    costs, error = 10 ** rng.uniform(-1, 1, (drawn, d)), np.broadcast_to(10 ** rng.uniform(-1, 1, d), (drawn, d))
    alone = np.sqrt(error / costs)
    samples, comparison = alone * rng.uniform(0.1, 0.8, (drawn, d)), alone * 10 ** rng.uniform(-1, 0, (drawn, d))
    rest = alone * 10 ** rng.uniform(0, 1, (drawn, d))
    terms = Terms(*(jnp.asarray(part) for part in (samples, comparison, rest)), jnp.ones((drawn, d), bool))
    found = Threshold(jnp.asarray(kept)).settle(terms, Stake(jnp.asarray(costs), jnp.asarray(error[0])))
    good = np.all((found.room < 0.5 - 1e-6) & (found.room > 0.01), axis=1) & (np.asarray(found.residual) < 1e-11)
    good = np.flatnonzero(good)[:rows]
    assert len(good) == rows
    limit = np.asarray(found.level) * np.sqrt(1 / samples + 1 / comparison)
    parts = (comparison, rest, np.full(drawn, kept), limit, costs, error)
    return Offer(*(np.asarray(part)[good] for part in parts)), samples[good]


def brute(offer, i, starts=20):
    plain = [np.asarray(getattr(offer, name)[i]) for name in FIELDS]
    comparison, rest, kept, limit, costs, error = plain
    return oracle.least_linked(comparison, rest, limit, costs, error, float(kept), starts)


@pytest.mark.parametrize(
    ("d", "kept", "rows"),
    [
        (1, 0.0, 6),
        (2, 0.2, 2),
        pytest.param(2, 0.2, 6, marks=pytest.mark.slow),
        pytest.param(3, 0.0, 4, marks=pytest.mark.slow),
        pytest.param(1, 0.3, 25, marks=pytest.mark.slow),
        pytest.param(2, 0.0, 15, marks=pytest.mark.slow),
        pytest.param(3, 0.1, 8, marks=pytest.mark.slow),
    ],
)
def test_bounds_are_below_brute_force_and_tight_where_honesty_is_best(d, kept, rows):
    offer, samples = offers(d, kept, rows, seed=1)
    honest, _ = honest_penalty(offer, samples)
    proven = least_penalty(offer, honest * (1 - 1e-8))
    assert proven.complete.all()
    best = 0
    for i in range(rows):
        least = min(brute(offer, i), float(honest[i]))
        assert proven.bound[i] <= least * (1 + 1e-12)
        if least > honest[i] * (1 - 1e-9):
            best += 1
            assert proven.bound[i] > honest[i] * (1 - 1e-7)
    assert best >= 1


def test_honest_penalty_is_that_of_the_oracle():
    offer, samples = offers(3, 0.2, 5, seed=2)
    honest, success = honest_penalty(offer, samples)
    for i in range(5):
        parts = (offer.comparison[i], offer.rest[i], offer.limit[i], offer.costs[i], offer.error[i], 0.2)
        assert honest[i] == pytest.approx(oracle.linked_penalty(samples[i], *parts), rel=1e-12)
        assert success[i] == pytest.approx(np.prod(oracle.passing(samples[i], *parts[0::2][:1], parts[2])), rel=1e-12)


@pytest.mark.parametrize("factor", [3.0, *(pytest.param(f, marks=pytest.mark.slow) for f in (0.3, 0.8, 1.3))])
def test_bounds_stay_below_where_honesty_is_not_best(factor):
    """With other limits there is something to gain: the bound lets it be seen."""
    offer, samples = offers(2, 0.0, 2, seed=3)
    offer = offer._replace(limit=offer.limit * factor)
    honest, _ = honest_penalty(offer, samples)
    proven = least_penalty(offer, honest * (1 - 1e-8))
    assert proven.complete.all()
    for i in range(2):
        least = brute(offer, i)
        assert least < honest[i] * (1 - 1e-4)
        assert proven.bound[i] <= least * (1 + 1e-12)
        assert proven.bound[i] > 0


@pytest.mark.long
def test_unchecked_and_unable_distributions():
    """A column that is not checked, with finite and with infinite costs, withheld with the rest all the same."""
    offer, samples = offers(2, 0.05, 2, seed=4)
    limit, costs, amounts = offer.limit.copy(), offer.costs.copy(), samples.copy()
    limit[:, 1:], costs[:1, 1], amounts[:, 1] = np.inf, np.inf, 0.0
    offer = offer._replace(limit=limit, costs=costs)
    honest, _ = honest_penalty(offer, amounts)
    proven = least_penalty(offer, honest)
    assert proven.complete.all()
    for i in range(2):
        least = brute(offer, i)
        assert proven.bound[i] <= least * (1 + 1e-12)
        assert proven.bound[i] > 0.5 * least


def test_nothing_else_is_had_without_a_comparison():
    """Alone: 2√(ec) is proven; who can sample nothing pays what her comparison leaves."""
    one, nothing = np.ones((1, 1)), np.zeros((1, 1))
    offer = Offer(nothing, nothing, np.zeros(1), one * np.inf, 0.25 * one, 4 * one)
    assert least_penalty(offer, np.array([2.0])).bound[0] == pytest.approx(2.0, rel=1e-9)
    assert least_penalty(offer, np.array([2.5])).bound[0] <= 2.0
    unable = offer._replace(comparison=8 * one, costs=one * np.inf)
    assert least_penalty(unable, np.array([0.5])).bound[0] == pytest.approx(0.5, rel=1e-9)
    assert least_penalty(unable, np.array([0.6])).bound[0] <= 0.5


def test_who_would_rather_submit_nothing_is_seen():
    """A comparison set so large that honest work does not pay: the least is next to n = 0, where no check is passed."""
    one = np.ones((1, 1))
    offer = Offer(100 * one, 5 * one, np.zeros(1), one, one, one)
    honest, _ = honest_penalty(offer, 0.3 * one)
    proven = least_penalty(offer, honest)
    assert brute(offer, 0) == pytest.approx(0.01, rel=1e-4)  # a little is had by luck
    assert 0.009 < proven.bound[0] <= 0.01 * (1 - 3e-6)


@pytest.mark.slow
def test_targets_out_of_reach_do_no_harm():
    """However much is asked for, the answer is a bound."""
    offer, samples = offers(1, 0.0, 3, seed=1)
    honest, _ = honest_penalty(offer, samples)
    for more in (1.001, 100.0):
        proven = least_penalty(offer, more * honest)
        assert np.all(proven.bound <= honest * (1 + 1e-12))


def test_rounding_is_allowed_for_however_large_the_multiplier_is():
    """B_μ(s) is a small difference of terms of the size of μ: what is computed lies below what is exact, and near."""
    offer, _ = offers(2, 0.0, 3, seed=5)
    for power in range(0, 13, 3):
        multiplier, success = np.full(3, 10.0**power), np.linspace(0.9, 0.999, 3)
        found = _bound_at(offer, multiplier, success)
        for i in range(3):
            row = (offer.comparison[i], offer.rest[i], offer.limit[i], offer.costs[i], offer.error[i])
            exact = oracle.lagrangian_minimum(multiplier[i], success[i], row)
            assert found[i] <= exact
            size = float(abs(exact)) + 10.0**power
            assert found[i] >= exact - 1e-6 * float(abs(exact)) - 1e-12 * size
