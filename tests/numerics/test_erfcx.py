"""erfcx and its remainders against mpmath, for both float types, with derivatives."""

import doctest

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from jax.test_util import check_grads

import jaxmech
import jaxmech.numerics._erfcx as module
from jaxmech.numerics import erfcx, remainders, tails
from tests.oracles import erfcx as oracle

DTYPES = [np.float64, np.float32]
VALUE = {np.float64: 8e-16, np.float32: 3e-7}
DERIVATIVE = {np.float64: 2e-15, np.float32: 9e-7}
SECOND = {np.float64: 5e-15, np.float32: 3e-6}

SLOPE = jax.jit(jax.vmap(jax.grad(erfcx)))
FORWARD_SLOPE = jax.jit(jax.vmap(jax.jacfwd(erfcx)))
BEND = jax.jit(jax.vmap(jax.jacfwd(jax.grad(erfcx))))


def points(dtype, low=-8.0, high=8.0):
    generator = np.random.default_rng(0)
    spread = 10 ** generator.uniform(low, high, 500)
    return np.concatenate([[0.0], spread, generator.uniform(0, 10, 400), [1.124, 1.125, 1.126]]).astype(dtype)


def worst(values, reference):
    pairs = zip(np.asarray(values, dtype=float), reference, strict=True)
    return float(max(abs(value / exact - 1) for value, exact in pairs))


def exact_slopes(x):
    with mpmath.workdps(60):
        return [-2 / mpmath.sqrt(mpmath.pi) * oracle.remainder(float(v), 1) for v in x]


@pytest.mark.parametrize("name", oracle.TERMS)
def test_table_is_what_its_generator_makes(name):
    assert list(getattr(module, f"_{name.upper()}")) == oracle.table(name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_value(dtype):
    x = points(dtype)
    with mpmath.workdps(40):
        assert worst(erfcx(x), [oracle.erfcx(float(v)) for v in x]) < VALUE[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_value_below_zero(dtype):
    limit = {np.float64: 26.0, np.float32: 9.0}[dtype]
    x = -np.random.default_rng(1).uniform(0, limit, 400).astype(dtype)
    with mpmath.workdps(40):
        reference = [oracle.erfcx(float(v)) for v in x]
    assert worst(erfcx(x), reference) < VALUE[dtype]
    with jax.disable_jit():
        assert worst(erfcx(x), reference) < VALUE[dtype]


@pytest.mark.parametrize("dtype", DTYPES)
def test_derivatives(dtype):
    x = points(dtype)
    slopes = exact_slopes(x)
    with mpmath.workdps(40):
        bends = [2 * (oracle.erfcx(float(v)) + float(v) * slope) for v, slope in zip(x, slopes, strict=True)]
    assert worst(SLOPE(x), slopes) < DERIVATIVE[dtype]
    assert worst(FORWARD_SLOPE(x), slopes) < DERIVATIVE[dtype]
    # 2 (erfcx + x erfcx') cancels like x²: the digits above leave enough of it up to 1e8.
    assert worst(BEND(x), bends) < SECOND[dtype]


def test_derivatives_agree_with_differences():
    x = jnp.array([-3.0, -0.5, 0.0, 0.3, 1.1, 1.2, 4.0, 30.0])
    check_grads(jax.jit(erfcx), (x,), order=2, modes=("fwd", "rev"), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_ends(dtype):
    x = jnp.array([np.inf, -np.inf, -30.0, -1e30, np.finfo(dtype).max / 16, 0.0, -0.0], dtype)
    top = 16 / np.sqrt(np.pi) / float(np.finfo(dtype).max)
    np.testing.assert_allclose(np.asarray(erfcx(x), float), [0, np.inf, np.inf, np.inf, top, 1, 1], rtol=1e-6)
    slope = np.asarray(SLOPE(x), float)
    unit = 2 / np.sqrt(np.pi)
    np.testing.assert_allclose(slope, [0, -np.inf, -np.inf, -np.inf, 0, -unit, -unit], rtol=1e-6)
    assert not np.isnan(BEND(x)).any()
    assert np.isnan(erfcx(np.nan))
    assert np.isnan(jax.grad(erfcx)(np.nan))


def test_a_far_lane_does_not_spoil_the_gradient_of_another():
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(erfcx(x))))(jnp.array([1.0, jnp.inf, 0.0]))
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 1)])
def test_shape_and_type(shape):
    for dtype in DTYPES:
        result = erfcx(jnp.ones(shape, dtype))
        assert result.shape == shape
        assert result.dtype == dtype
    assert erfcx(1).dtype == np.float64
    assert jaxmech.erfcx is erfcx


def test_jit_and_vmap_agree_with_eager():
    x = points(np.float64)
    np.testing.assert_array_max_ulp(np.asarray(jax.jit(erfcx)(x)), np.asarray(erfcx(x)), 4)
    np.testing.assert_array_max_ulp(np.asarray(jax.vmap(erfcx)(x)), np.asarray(erfcx(x)), 4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_remainders(dtype):
    y = points(dtype, -8, 8)[1:]
    eps = float(np.finfo(dtype).eps)
    found = remainders(jnp.asarray(y))
    with mpmath.workdps(120):
        q1, q2, q3, q4 = ([oracle.remainder(float(v), k) for v in y] for k in (1, 2, 3, 4))
        rows = list(zip(q1, q2, q3, q4, strict=True))
        exact = {
            "r": [1 - a for a, *_ in rows],
            "s": [1 - b for _, b, *_ in rows],
            "p": q1,
            "q": q2,
            "r1": [b - a for a, b, *_ in rows],
            "s1": [3 * (c - b) for _, b, c, _ in rows],
        }
        for name, values in exact.items():
            assert worst(getattr(found, name), values) < 50 * eps, name
        # The second derivatives pass through zero: measured against what they are sums of.
        bends = {
            "r2": [(b - a) - 3 * (c - b) for a, b, c, _ in rows],
            "s2": [9 * (c - b) - 15 * (d - c) for _, b, c, d in rows],
        }
        for name, values in bends.items():
            size = [15 * abs(c - b) + abs(b - a) for a, b, c, _ in rows]
            errors = zip(np.asarray(getattr(found, name), float), values, size, strict=True)
            assert max(abs(value - true) / scale for value, true, scale in errors) < 50 * eps, name


def test_derivatives_of_remainders():
    y = jnp.array([0.01, 0.5, 1.1, 1.2, 3.0, 50.0])
    h = 1e-5 * y
    _, tangents = jax.jit(lambda y, dy: jax.jvp(remainders, (y,), (dy,)))(y, h)
    ahead, behind = remainders(y + h), remainders(y - h)
    for name in remainders(y)._fields[1:]:
        difference = (getattr(ahead, name) - getattr(behind, name)) / 2
        np.testing.assert_allclose(getattr(tangents, name), difference, rtol=1e-5, atol=1e-14, err_msg=name)


def test_slope_of_remainders_at_zero():
    assert float(jax.grad(lambda y: remainders(y).r)(jnp.array(0.0))) == pytest.approx(np.sqrt(np.pi))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tails(dtype):
    """p and q as functions of x = 1/(2y²) and two derivatives in x, differentiated by mpmath."""
    x = (10 ** np.linspace(-12, 8, 61)).astype(dtype)
    x = np.concatenate([x, np.array([9.99e-4, 1.001e-3], dtype)])
    found = jax.jit(tails)(jnp.asarray(x))
    # just above 1e-3 a second difference still cancels to a thousandth
    allowed = {"p": 8, "q": 8, "p1": 16, "q1": 16, "p2": 4000, "q2": 4000}
    with mpmath.workdps(80):
        for name, ulps in allowed.items():
            k, order = (1 if name[0] == "p" else 2), int(name[1:] or 0)
            exact = [
                mpmath.diff(lambda v, k=k: oracle.remainder(1 / mpmath.sqrt(2 * v), k), mpmath.mpf(float(v)), order)
                if v > 1e-6
                else _start_of_tail(k, order, float(v))
                for v in x
            ]
            assert worst(getattr(found, name), exact) < ulps * float(np.finfo(dtype).eps), name


def _start_of_tail(k, order, x):
    """p = x − 3x² + 15x³ − 105x⁴, q = 3x − 15x² + 105x³ − 945x⁴."""
    terms = np.polynomial.Polynomial({1: [0, 1, -3, 15, -105], 2: [0, 3, -15, 105, -945]}[k]).deriv(order)
    return mpmath.fsum(mpmath.mpf(c) * mpmath.mpf(x) ** power for power, c in enumerate(terms.coef.tolist()))


@pytest.mark.long
def test_derivatives_of_tails_at_both_ends():
    ends = jnp.array([0.0, jnp.inf])
    np.testing.assert_array_equal(jax.vmap(jax.grad(lambda x: tails(x).p))(ends), [1, 0])
    np.testing.assert_array_equal(jax.vmap(jax.grad(jax.grad(lambda x: tails(x).p)))(ends), [-6, 0])
    np.testing.assert_array_equal(jax.vmap(jax.jacfwd(jax.grad(lambda x: tails(x).q)))(ends), [-30, 0])


def test_other_float_types_are_refused():
    with pytest.raises(TypeError, match="float16"):
        erfcx(jnp.ones(2, jnp.float16))


def test_examples():
    assert doctest.testmod(module).failed == 0
