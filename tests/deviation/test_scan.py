"""Places that a scan proposes, and the least squares behind an estimate, against plain numpy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.deviation import Deviation
from jaxmech.deviation._draws import draw
from jaxmech.deviation._estimate import FEATURES, Estimate, Evidence
from jaxmech.deviation._families import Candidate
from jaxmech.deviation._fit import fitted, solve_regularised
from jaxmech.deviation._proposals import best_places, rows
from jaxmech.deviation._scan import probes_tried
from jaxmech.mechanism import Information, Stakes, Strategy
from tests.deviation.exploitable import problem

UNIT = 20**0.5


def proposed(score, count=8):
    """Places for an answer that leaves ``score(points, shift in σ)`` to pay."""
    walks = rows(jnp.asarray(UNIT))
    scores = tuple(
        jnp.asarray(score(np.asarray(walk.points), np.asarray(walk.shifts) / np.sqrt(UNIT))) for walk in walks
    )
    found = jax.jit(best_places, static_argnums=2)(walks, scores, count, count // 3)
    return [(float(n), float(s), float(x)) for n, s, x, there in zip(*found, strict=True) if there]


def test_walks_have_the_same_places_for_everybody():
    for one, other in zip(rows(jnp.asarray(0.02)), rows(jnp.asarray(3e5)), strict=True):
        assert one.points.shape == other.points.shape == one.shifts.shape
    points = np.concatenate([np.ravel(walk.points) for walk in rows(jnp.asarray(UNIT))])
    assert probes_tried() == len(points)
    assert {0.0, 1.0, 2.0, 7.0, 100.0, UNIT, 4.0, 5.0} <= set(points)
    assert points[points > 0].min() <= 1e-8 * UNIT
    assert points.max() >= 900 * UNIT


@pytest.mark.parametrize(
    "hole",
    [
        lambda n, s: s < -50,
        lambda n, s: (s > 300) & (s < 320),
        lambda n, s: n == 7,
        lambda n, s: n == 61,
        lambda n, s: (n > 0) & (n < 1e-6),
        lambda n, s: (n > 200 * UNIT) & (n < 260 * UNIT),
        lambda n, s: (n < 0.01) & (s > 5),
    ],
)
def test_a_hole_is_among_the_first_places(hole):
    """Against a smooth background that is best nearby, as with noise that grows with the discrepancy."""

    def score(points, shifts):
        return np.where(hole(points, shifts), 0.05, 0.22 - 0.1 / (1 + 10 * shifts**2))

    assert any(hole(points, shift / np.sqrt(UNIT)) for points, shift, _ in proposed(score)[:2])


def test_places_are_different_and_few():
    places = proposed(lambda points, shifts: np.where(points % 2 == 1, 0.05, 0.2), count=6)
    assert len(places) <= 6
    assert len({place[:2] for place in places}) == len(places)
    assert any(score > 0.1 for _, _, score in places)  # not all of one kind


def test_the_elimination_solves():
    generator = np.random.default_rng(0)
    half = generator.normal(size=(FEATURES, 3 * FEATURES)) * np.logspace(-3, 4, FEATURES)[:, None]
    matrix, right = half @ half.T, generator.normal(size=FEATURES)
    np.testing.assert_allclose(
        solve_regularised(jnp.asarray(matrix), jnp.asarray(right)), np.linalg.solve(matrix, right), rtol=1e-6
    )
    matrix[2], matrix[:, 2] = 0.0, 0.0  # a feature that is not there
    solved = np.asarray(solve_regularised(jnp.asarray(matrix), jnp.asarray(right)))
    assert solved[2] == 0.0
    rest = [0, 1, 3, 4]
    np.testing.assert_allclose(solved[rest], np.linalg.solve(matrix[np.ix_(rest, rest)], right[rest]), rtol=1e-6)


def test_corrections_do_not_move_with_the_true_mean():
    """What is added to a weighted mean is the same wherever the data lie."""
    row = jnp.ones(1)

    def corrected(place):
        weighted = Estimate(0.6 * place * row + 0.1, 0.4 * row, row > 0)
        evidence = Evidence(
            (place + 0.3) * row, row > 0, (place - 0.2) * row, row > 0, row > 0, 3.0 * row, row, 4.0 * row
        )
        weights = jnp.arange(1.0, FEATURES + 1)[None]
        return evidence.correct(weighted, weights, 0.1 * weights).at((place + 0.7) * row) - place

    np.testing.assert_allclose(corrected(0.0), corrected(1e4), rtol=1e-8)


class Announced:
    """Everybody gets the others' mean, off by 5 times her discrepancy and by 0.8 times its size."""

    recommended = Strategy(jnp.full((5, 1), UNIT))

    def respond(self, submission, key):
        count, mean = submission.count, submission.mean
        others = (mean.sum(axis=0) - mean) / 4
        gap = mean - others
        noisy = others + 5 * gap + 0.8 * jnp.abs(gap)
        return Information(count, mean, 4 * UNIT + 0 * count, noisy, 1 + gap**2)


@pytest.mark.long
def test_known_noise_is_subtracted_by_signed_weights():
    """What is left is the mean of all 5 n* points: 1/(5 n*), up to what the sizes of the fit allow."""
    stakes, truth = Stakes.of(problem()), Deviation.truth(jnp.array([UNIT]))
    start = dataclasses.replace(truth, offset=jnp.array([40.0]))
    still = jax.tree.map(jnp.zeros_like, start)
    candidate = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], Candidate(start, still, np.asarray(False)))
    draws = draw(jax.random.key(0), 4096, 5, 1)
    done, parts = fitted(Announced(), stakes, jnp.zeros(1, int), candidate, draws, jnp.array([0.0, 3.0]))
    assert float(parts[0, 0]) - 0.01 * UNIT == pytest.approx(1 / (5 * UNIT), rel=0.05)
    assert float(jnp.min(done.fitted)) < 0 < float(jnp.max(done.fitted))
