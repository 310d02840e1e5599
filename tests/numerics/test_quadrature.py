"""Expectations over a normal variable against mpmath; the error estimate must not flatter."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from jaxmech.numerics import _quadrature as quadrature
from jaxmech.numerics import half_normal_expectation

FUNCTIONS = {
    "jump": (lambda e: (e <= 0.3).astype(e.dtype), lambda e: mpmath.mpf(e <= 0.3), 0.3),
    "kink": (lambda e: jnp.maximum(1 - e, 0.0), lambda e: max(1 - e, mpmath.mpf(0)), 1.0),
    "square": (lambda e: e**2, lambda e: e**2, 1.0),
    "smooth": (lambda e: 1 / (1 + e**2), lambda e: 1 / (1 + e**2), 1.0),
    "steep": (lambda e: jnp.exp(-50 * e), lambda e: mpmath.exp(-50 * e), 0.02),
    "root": (lambda e: jnp.sqrt(e), lambda e: mpmath.sqrt(e), 1.0),
}
SCALES = (0.003, 0.0271, 0.111, 0.3333, 1.0, 7.3)


def exact(function, corner, scale):
    cuts = sorted({mpmath.mpf(0), mpmath.mpf(corner) / scale, *(mpmath.mpf(k) for k in (0.05, 0.5, 1, 3, 6, 14))})
    cuts = [cut for cut in cuts if cut <= 14]
    with mpmath.workdps(25):
        return float(
            mpmath.sqrt(2 / mpmath.pi) * mpmath.quad(lambda z: function(scale * z) * mpmath.exp(-(z**2) / 2), cuts)
        )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_value_and_honest_error(name):
    function, oracle, corner = FUNCTIONS[name]
    found = jax.jit(lambda scale: half_normal_expectation(function, scale))(jnp.array(SCALES))
    expected = np.array([exact(oracle, corner, mpmath.mpf(scale)) for scale in SCALES])
    miss = np.abs(np.asarray(found.value) - expected)
    assert np.all(miss <= 10 * np.asarray(found.error) + 1e-14 * np.maximum(1, expected))
    assert np.all(miss <= 1e-9)


def test_rules_integrate_polynomials_exactly():
    nodes = quadrature._NODES
    for weights, degree in ((quadrature._SEVEN, 9), (quadrature._THIRTEEN, 17)):
        for power in range(degree + 1):
            assert weights @ nodes**power == pytest.approx((1 + (-1) ** power) / (power + 1), abs=1e-14)


def test_jumps_beside_the_ends_of_intervals_are_seen():
    """A jump that no point of a coarser rule sees must not pass for a small error."""
    scales = jnp.asarray(0.3 / np.linspace(0.55, 0.58, 301))
    found = half_normal_expectation(lambda e: (e <= 0.3).astype(e.dtype), scales)
    expected = [float(mpmath.erf(0.3 / float(scale) / mpmath.sqrt(2))) for scale in scales]
    np.testing.assert_allclose(found.value, expected, atol=1e-10)


@pytest.mark.long
def test_derivative_by_scale():
    """d/ds E f(s|Z|) = E |Z| f'(s|Z|), and by finite differences."""

    def smooth(scale):
        return half_normal_expectation(lambda e: jnp.exp(-e), jnp.asarray(scale)).value

    slope = jax.grad(smooth)(0.7)
    direct = half_normal_expectation(lambda z: -z * jnp.exp(-0.7 * z), jnp.array(1.0)).value
    assert float(slope) == pytest.approx(float(direct), abs=1e-12)
    assert float(slope) == pytest.approx(float((smooth(0.7 + 1e-5) - smooth(0.7 - 1e-5)) / 2e-5), abs=1e-9)


def test_derivative_of_a_jump():
    """d/ds P(s|Z| <= t) = −2 t/s² φ(t/s), though the function itself has no derivative but 0."""

    def chance(scale):
        return half_normal_expectation(lambda e: (e <= 0.3).astype(e.dtype), scale).value

    for scale in (0.1, 0.4, 2.0):
        expected = -2 * 0.3 / scale**2 * np.exp(-((0.3 / scale) ** 2) / 2) / np.sqrt(2 * np.pi)
        assert float(jax.grad(chance)(jnp.asarray(scale))) == pytest.approx(expected, rel=1e-9)


def test_float32():
    found = half_normal_expectation(lambda e: e**2, jnp.array([1.0, 2.0], jnp.float32))
    assert found.value.dtype == jnp.float32
    np.testing.assert_allclose(found.value, [1.0, 4.0], rtol=1e-5)
