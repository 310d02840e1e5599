"""Thresholds: chances, pulls and levels against mpmath over many decades; derivatives in two ways."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from jaxmech.design._threshold import LARGEST_PULL, chance, level_of_pull, log_pull, log_pull_slope

mpmath.mp.dps = 40
LEVELS = np.concatenate([np.geomspace(1e-6, 1, 13), np.linspace(1.1, 12, 12), [20.0, 38.0]])
PULLS = np.concatenate([np.geomspace(1e-36, 0.2, 30), [0.24, 0.26, 0.3, 0.4, 0.45, 0.49, 0.4999]])


def exact_pull(level):
    level = mpmath.mpf(float(level))
    return level * mpmath.npdf(level) / mpmath.erf(level / mpmath.sqrt(2))


def exact_level(pull):
    """The root of log g, by bisection in mpmath."""
    low, high, target = mpmath.mpf("1e-9"), mpmath.mpf(40), mpmath.log(mpmath.mpf(float(pull)))
    for _ in range(130):
        middle = (low + high) / 2
        value = mpmath.log(middle * mpmath.npdf(middle) / mpmath.erf(middle / mpmath.sqrt(2)))
        low, high = (middle, high) if value > target else (low, middle)
    return float(low)


def test_chance():
    exact = [float(mpmath.erf(mpmath.mpf(float(t)) / mpmath.sqrt(2))) for t in LEVELS]
    np.testing.assert_allclose(chance(jnp.asarray(LEVELS)), exact, rtol=4e-15)


def test_log_pull():
    exact = np.array([float(mpmath.log(exact_pull(t))) for t in LEVELS])
    np.testing.assert_allclose(log_pull(jnp.asarray(LEVELS)), exact, rtol=1e-13, atol=1e-14)


def test_log_pull_slope():
    """Against mpmath's derivative; for small levels what is left of 1/τ − 1/τ is rounding of 1/τ."""
    levels = LEVELS[LEVELS > 1e-3]
    exact = np.array([float(mpmath.diff(lambda t: mpmath.log(exact_pull_of(t)), float(t))) for t in levels])
    found = np.asarray(log_pull_slope(jnp.asarray(levels)))
    assert np.all(np.abs(found - exact) < 1e-12 * np.abs(exact) + 1e-14 / levels)
    assert np.all(found < 0)


def exact_pull_of(level):
    return level * mpmath.npdf(level) / mpmath.erf(level / mpmath.sqrt(2))


def test_levels_over_the_decades():
    found = np.asarray(level_of_pull(jnp.asarray(PULLS)))
    exact = np.array([exact_level(pull) for pull in PULLS])
    # near 1/2 the level is the root of a difference: half of the digits are lost there
    np.testing.assert_allclose(found, exact, rtol=1e-9)
    ordinary = PULLS < 0.3
    np.testing.assert_allclose(found[ordinary], exact[ordinary], rtol=1e-13)


def test_levels_fall_and_stay_finite_outside():
    outside = jnp.array([0.0, -1.0, 0.5, 0.7, 1e-300])
    assert np.all(np.isfinite(level_of_pull(outside)))
    found = np.asarray(level_of_pull(jnp.asarray(np.sort(PULLS))))
    assert np.all(np.diff(found) < 0)


@pytest.mark.parametrize("pull", [1e-30, 1e-12, 1e-4, 0.02, 0.2, 0.3, 0.45])
def test_derivative_of_the_level_in_two_ways(pull):
    """JAX forwards and backwards, against the inverse function's rule and against differences in mpmath."""
    slope = float(jax.grad(level_of_pull)(jnp.asarray(pull)))
    forwards = jax.jvp(level_of_pull, (jnp.asarray(pull),), (jnp.asarray(1.0),))[1]
    assert float(forwards) == slope
    level = exact_level(pull)
    assert slope == pytest.approx(1 / float(mpmath.diff(exact_pull_of, level)), rel=1e-9)
    step = 1e-5 * pull
    difference = (exact_level(pull + step) - exact_level(pull - step)) / (2 * step)
    assert slope == pytest.approx(difference, rel=1e-6)


def test_lanes_and_compiled():
    pulls = jnp.asarray(PULLS)
    one_by_one = [float(level_of_pull(pull)) for pull in pulls]
    np.testing.assert_allclose(jax.jit(jax.vmap(level_of_pull))(pulls), one_by_one, rtol=1e-14)
    assert LARGEST_PULL == 0.5
