"""Strategies on whole data sets: what they hand in, who is asked for them, and that they find what there is to gain."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import audit
from jaxmech.deviation import (
    DataSetDeviation,
    Deviation,
    SearchSettings,
    best_response,
    inspect_mechanism,
    penalty,
    reads_points,
    simulate,
)
from jaxmech.mechanism import Statistics
from tests.deviation.data_sets import ASKED, COST, FACTOR, LIMIT, OTHERS, PROBLEM, on_data_sets
from tests.deviation.mechanisms import Hidden, Naive, equal
from tests.oracles import data_sets as oracle

FEW = SearchSettings(scan_draws=128, batches=8, batch=512, means=(0.0, 1000.0))
EXPLOITABLE = {
    "noise by the variance of what one submits": (
        {"factor": FACTOR},
        oracle.spread_gain(ASKED, OTHERS, COST, FACTOR),
    ),
    "nothing for points that lie far apart": ({"limit": LIMIT}, oracle.range_gain(ASKED, OTHERS, COST, LIMIT)),
}


@pytest.mark.long
@pytest.mark.parametrize("name", EXPLOITABLE)
def test_what_only_data_sets_exploit_is_found(name):
    pieces, true = EXPLOITABLE[name]
    found = best_response(on_data_sets(**pieces), 0, PROBLEM, jax.random.key(0), FEW)
    assert true > 0.05
    assert 0.85 * true < float(found.found[0]) < true + float(found.half_width[0])
    assert isinstance(found.deviation, DataSetDeviation)
    numbers = audit.parameters(found.deviation, 0)
    assert numbers["submitted"] == [ASKED]
    assert "whole data sets" in found.effort


@pytest.mark.long
def test_audit_tells_them_and_finds_nothing_against_c3d():
    safe = audit.examine(on_data_sets(checked=1.0), PROBLEM, agents=[2], settings=FEW)
    verdict = {record.claim: record for record in safe.audits}[audit.NASH]
    assert verdict.holds
    assert safe.found[0] == 0
    assert "search only" in verdict.effort
    caught = audit.audit(on_data_sets(limit=LIMIT), PROBLEM, agents=[2], settings=FEW)
    verdict = {record.claim: record for record in caught}[audit.NASH]
    assert not verdict.holds
    assert "agent 3 would save" in verdict.witness


@pytest.mark.long
def test_who_reads_points():
    equals, _, c3d = equal(5, "c3d")
    assert not reads_points(c3d, equals)
    assert not reads_points(Hidden(c3d), equals)  # points of hers make no difference to what comes back
    assert not reads_points(Naive(np.full((5, 1), 4.0), 1.0), equals)
    assert all(reads_points(on_data_sets(**pieces), PROBLEM) for pieces, _ in EXPLOITABLE.values())
    assert reads_points(_Median(), PROBLEM)
    inspect_mechanism(_Median(), PROBLEM)


class _Median(Naive):
    """Answers both forms, and looks at medians where there are points."""

    def __init__(self):
        super().__init__(np.full((5, 1), 4.0), 1.0)

    def respond(self, submission, key):
        if isinstance(submission, Statistics):
            return super().respond(submission, key)
        increasing = jnp.sort(jnp.where(submission.mask, submission.values, jnp.inf), axis=-1)
        middle = jnp.maximum(submission.count - 1, 0).astype(int) // 2
        median = jnp.take_along_axis(increasing, middle[..., None], axis=-1)[..., 0]
        median = jnp.where(submission.count > 0, median, 0.0)
        return super().respond(Statistics(submission.count, median), key)


OWN = jnp.array([[3.0, -1.0, 0.5, 2.0, 0.0, 0.0, 0.0, 0.0]])
PRIVATE = jax.random.normal(jax.random.key(3), OWN.shape)


def handed_in(submitted=4.0, offset=0.0, **handling):
    one = dataclasses.replace(Deviation.truth(jnp.array([4.0])), offset=jnp.array([offset]))
    one = DataSetDeviation.of(one, **{name: jnp.array([value]) for name, value in handling.items()})
    told = Statistics(jnp.array([[submitted]]), jnp.array([[1.125 + offset / 2]]))
    points, mask = one.hand_in(OWN, jnp.array([4.0]), told, PRIVATE, jnp.ones(1))
    assert int(jnp.sum(mask)) == submitted
    return np.asarray(points[0][mask[0]])


KEPT = {"moved": 0.0}


@pytest.mark.parametrize(
    ("handling", "expected"),
    [
        ({}, [3, -1, 0.5, 2]),
        ({"submitted": 6.0, **KEPT}, [3, -1, 0.5, 2, 3, -1]),
        ({"submitted": 2.0, "selected": 0.5, **KEPT}, [0.5, 2]),
        ({"submitted": 2.0, "selected": 0.5, "direction": 1.0, **KEPT}, [3, 2]),
        ({"submitted": 2.0, "selected": 0.5, "direction": -1.0, **KEPT}, [-1, 0.5]),
        ({"ordered": 1.0}, [-1, 0.5, 2, 3]),
        ({"stretch": 0.0}, [1.125] * 4),
        ({"stretch": 2.0}, [4.875, -3.125, -0.125, 2.875]),
        ({"apart": 3.0}, [6, -2, -0.5, 1]),
        ({"offset": 2.0}, [4, 0, 1.5, 3]),
    ],
)
def test_points_are_handed_in_as_the_strategy_says(handling, expected):
    np.testing.assert_allclose(handed_in(**handling), expected)


def test_points_are_clipped_drawn_again_and_invented():
    spread = np.std([3, -1, 0.5, 2], ddof=1)
    clipped = handed_in(limit=0.5, **KEPT)
    np.testing.assert_allclose(clipped, np.clip([3, -1, 0.5, 2], 1.125 - spread / 2, 1.125 + spread / 2))
    again = handed_in(submitted=8.0, resampled=1.0, **KEPT)
    assert set(again) <= {3.0, -1.0, 0.5, 2.0}
    made = handed_in(invented=1.0, **KEPT)
    np.testing.assert_allclose(made, 1.125 + spread * PRIVATE[0, :4])
    assert np.mean(handed_in(invented=1.0)) == pytest.approx(1.125)


@pytest.mark.long
def test_a_strategy_on_data_sets_is_played_as_it_was_searched():
    """What a simulation of the strategy brings is what the search said it would."""
    machine = on_data_sets(factor=FACTOR)
    truth = DataSetDeviation.of(Deviation.truth(jnp.array([4.0])), stretch=jnp.zeros(1))
    played = simulate(machine, PROBLEM, None, jax.random.key(0), {0: truth}, 4000)
    due = 1 / (ASKED + OTHERS) + COST * ASKED
    assert abs(float(played.penalty[0]) - due) < 5 * float(played.standard_error[0])
    assert float(played.penalty[1]) > 1.2 * due
    paid = [float(penalty(machine, PROBLEM, 0, truth, jax.random.key(seed), 2048)) for seed in range(4)]
    assert np.mean(paid) == pytest.approx(due, rel=0.05)
