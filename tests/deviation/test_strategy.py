"""Strategies: what they submit, what they estimate, and whether they move with the data."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.deviation import Deviation
from jaxmech.deviation._draws import draw
from jaxmech.deviation._families import ANYWHERE, candidates, sketches, starts_for
from jaxmech.deviation._loss import average_loss, losses
from jaxmech.mechanism import Information, Stakes, Statistics
from tests.deviation.mechanisms import equal

SIGMA = jnp.array([2.0])


def strategy(**changes):
    truth = Deviation.truth(jnp.array([4.0]))
    return dataclasses.replace(truth, **{name: jnp.array([value]) for name, value in changes.items()})


def told(one, mean=3.0, private=0.5):
    submitted = one.submit(jnp.array([mean]), jnp.array([private]), SIGMA)
    return float(submitted.count[0, 0]), float(submitted.mean[0, 0])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (4.0, 3.0)),
        ({"log_samples": np.log(2.0)}, (8.0, 3.0)),
        ({"log_report": np.log(0.25)}, (1.0, 3.0)),
        ({"log_samples": np.log(0.25), "invents": 1.0}, (4.0, 3.0)),
        ({"submits": 0.0}, (0.0, 0.0)),
        ({"gain": 0.5}, (4.0, 1.5)),
        ({"offset": 1.0}, (4.0, 4.0)),
        ({"jitter": 1.0}, (4.0, 3.5)),
        ({"collects": 0.0, "invents": 1.0, "offset": -1.0}, (4.0, -1.0)),
    ],
    ids=str,
)
def test_what_is_submitted(changes, expected):
    assert told(strategy(**changes)) == pytest.approx(expected)


def test_the_truth_accepts_the_estimate():
    one = jnp.ones((1, 1))
    information = Information(6 * one, 2 * one, 3 * one, 5 * one, 8 * one)
    accepted = strategy().estimate(jnp.array([9.0]), Statistics(4 * one, 9 * one), information, SIGMA**2)
    assert float(accepted.at(jnp.array([5.0]))[0]) == pytest.approx(float(information.estimate(SIGMA**2)[0, 0]))


def test_who_discards_her_invention_learns_the_others_mean():
    """What the paper's fabricator does: 4 invented points among 20, taken out again."""
    one = jnp.ones((1, 1))
    others, invented = 2.5, -70.0
    pooled = Information(20 * one, (16 * others + 4 * invented) / 20 * one, 0 * one, 0 * one, one)
    cheat = strategy(collects=0.0, invents=1.0, discards=1.0, keeps=1.0)
    estimate = cheat.estimate(jnp.zeros(1), Statistics(4 * one, invented * one), pooled, SIGMA**2)
    assert float(estimate.at(jnp.zeros(1))[0]) == pytest.approx(others, rel=1e-12)


def test_own_data_are_weighed_by_their_precision():
    one = jnp.ones((1, 1))
    clean = Information(12 * one, 1.0 * one, 0 * one, 0 * one, one)
    keeper = strategy(submits=0.0, keeps=1.0)
    estimate = keeper.estimate(jnp.array([5.0]), Statistics(0 * one, 0 * one), clean, SIGMA**2)
    assert float(estimate.at(jnp.zeros(1))[0]) == pytest.approx((12 * 1.0 + 4 * 5.0) / 16)


def test_nothing_to_estimate_from():
    one = jnp.ones((1, 1))
    nothing = Information(0 * one, 0 * one, 0 * one, 0 * one, one)
    estimate = strategy().estimate(jnp.array([5.0]), Statistics(4 * one, 5 * one), nothing, SIGMA**2)
    assert np.isnan(estimate.at(jnp.zeros(1))[0])


def test_families_that_claim_to_move_with_the_data_do():
    """Their losses do not depend on the true mean; those of the others do, where they rest on a guess."""
    problem, plan, machine = equal(10, "c3d")
    starts = candidates(plan.samples[0], jnp.array([True]), sketches(1, 1))
    draws = draw(jax.random.key(0), 64, 1, 1)
    stakes = Stakes.of(problem)

    @jax.jit
    @jax.vmap
    def at(deviation):
        return jax.vmap(
            lambda place: average_loss(machine, stakes, jnp.asarray(0), deviation, draws, place).parts.sum()
        )(jnp.array([0.0, -7.0, 1000.0]))

    totals = np.asarray(at(starts.deviation))
    anywhere = len(ANYWHERE)
    np.testing.assert_allclose(totals[:anywhere, 1:], totals[:anywhere, :1] * np.ones(2), rtol=1e-6)
    moved = np.ptp(totals[anywhere:], axis=1) / totals[anywhere:, 0] > 1e-3
    # What comes after "submit nothing", until the fabricators who discard, rests on a guess.
    expected = [start.at.get("gain", 1.0) != 1.0 or start.samples == 0.0 for start in starts_for(1)[anywhere + 1 :]]
    assert moved[1:].sum() >= sum(expected) - 6
    assert not moved[0]
    np.testing.assert_array_equal(np.asarray(starts.guesses), np.arange(len(starts_for(1))) >= anywhere)


@pytest.mark.long
def test_a_wrong_price_is_no_price():
    """Where errors have no price the estimate is not looked at, whatever it is."""
    problem, _, machine = equal(10, "c3d")
    stakes = dataclasses.replace(Stakes.of(problem), price=jnp.zeros(1))
    silent = strategy(submits=0.0, collects=0.0)
    rows = losses(machine, stakes, jnp.asarray(0), silent, draw(jax.random.key(0), 16, 1, 1), jnp.zeros(16))
    assert np.all(rows.parts == 0)
