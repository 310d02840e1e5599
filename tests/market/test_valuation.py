"""Values by size against integrals by mpmath, and the checks on what a person hands in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import ProblemError, market
from tests.oracles.market import value_by_integral

FORMS = {"threshold": market.threshold, "exponential": market.exponential, "linear": market.linear}


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize(("scale", "value", "sigma"), [(0.3, 1.0, 1.0), (0.02, 0.4, 3.0), (50.0, 0.9, 0.5)])
def test_closed_forms_are_the_integrals(kind, scale, value, sigma):
    sizes = np.array([1, 2, 10, 1000, 10**6])
    found = FORMS[kind](scale, value).by_size(jnp.asarray(sizes), sigma)
    expected = [value_by_integral(kind, scale, value, sigma, int(size)) for size in sizes]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", FORMS)
def test_quadrature_agrees_with_the_closed_form_within_its_error(kind):
    closed = FORMS[kind](0.3, 0.8)
    sizes = jnp.arange(0, 400, 7)
    found, error = market.by_error(closed.of_error).with_error(sizes, 2.0)
    miss = np.abs(np.asarray(found - closed.by_size(sizes, 2.0)))
    assert np.all(miss <= 10 * np.asarray(error) + 1e-15)
    assert np.all(miss < 1e-10)
    assert found[0] == 0


def test_monte_carlo():
    generator = np.random.default_rng(0)
    errors = np.abs(generator.standard_normal((200_000, 9)).mean(axis=1))
    for make in FORMS.values():
        valuation = make(0.3, 0.9)
        drawn = np.asarray(valuation.of_error(errors))
        standard_error = drawn.std() / np.sqrt(len(drawn))
        assert abs(float(valuation.by_size(jnp.array(9), 1.0)) - drawn.mean()) < 5 * standard_error


@pytest.mark.parametrize("kind", FORMS)
def test_values_grow_from_nothing_to_the_largest(kind):
    valuation = FORMS[kind](0.3, 0.8)
    values = np.asarray(valuation.by_size(jnp.arange(3000), 1.0))
    assert values[0] == 0
    assert np.all(np.diff(values) >= 0)
    assert float(valuation.by_size(jnp.array(10**12), 1.0)) == pytest.approx(0.8, rel=1e-4)


@pytest.mark.parametrize("kind", FORMS)
def test_only_the_ratio_of_scale_and_sigma_counts(kind):
    sizes = jnp.arange(1, 50)
    one, other = FORMS[kind](0.3).by_size(sizes, 1.5), FORMS[kind](0.6).by_size(sizes, 3.0)
    np.testing.assert_allclose(one, other, rtol=1e-14)


@pytest.mark.parametrize("kind", FORMS)
def test_derivatives(kind):
    """By the scale: finite differences, and through the quadrature of the same function."""

    def closed(scale):
        return FORMS[kind](scale, 0.8).by_size(jnp.array(30.0), 1.0)

    slope = float(jax.grad(closed)(0.3))
    assert slope == pytest.approx(float(closed(0.3 + 1e-6) - closed(0.3 - 1e-6)) / 2e-6, rel=1e-7)
    if kind == "exponential":
        by_rule = jax.grad(lambda t: market.by_error(lambda e: 0.8 * jnp.exp(-e / 0.3)).by_size(jnp.array(30.0), t))(
            1.0
        )
        assert float(by_rule) == pytest.approx(-0.3 * slope, rel=1e-9)  # homogeneous of degree 0 in scale and σ


def test_table_beyond_its_end():
    values = market.table([0.0, 0.2, 0.7]).by_size(jnp.array([0, 1, 2, 3, 100]), 1.0)
    assert values.tolist() == [0.0, 0.2, 0.7, 0.7, 0.7]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: market.exponential(0.0), ("scale", "0.0", "positive")),
        (lambda: market.linear(np.inf), ("scale", "inf", "positive and finite")),
        (lambda: market.threshold(1.0, 1.5), ("value", "1.5", "(0, 1]")),
        (lambda: market.threshold(1.0, 0.0), ("value", "0.0", "(0, 1]")),
        (lambda: market.threshold(True), ("scale", "True", "booleans")),
        (lambda: market.threshold("wide"), ("scale", "wide", "real numbers")),
        (lambda: market.table([0.0, 0.5, 0.4]), ("values[2]", "0.4", "below the value of less data")),
        (lambda: market.table([0.0, 1.2]), ("values[1]", "1.2", "[0, 1]")),
        (lambda: market.table([0.0, -0.1]), ("values[1]", "-0.1", "[0, 1]")),
        (lambda: market.table([0.0, np.nan]), ("values[1]", "nan", "finite")),
        (lambda: market.table([0.1, 0.5]), ("values[0]", "0.1", "must be 0")),
        (lambda: market.table([0.0, 0.0]), ("values[1]", "0.0", "wants something")),
        (lambda: market.table([]), ("values", "not empty")),
        (lambda: market.by_error(lambda e: 2 - e), ("function(0)", "2.0", "(0, 1]")),
    ],
)
def test_bad_valuations(make, words):
    with pytest.raises(ProblemError) as error:
        make()
    assert "\n" not in str(error.value)
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda e: jnp.where(e < 0.5, 0.2, 0.9), ("value of odd", "below the value of less data")),
        (lambda e: 0.5 - 3 * e, ("value of odd", "[0, 1]")),
    ],
)
def test_functions_that_break_the_rules_are_found_out(function, words):
    problem = market.Problem([0.01, 0.01], 1.0, [market.Buyer(market.by_error(function), name="odd")])
    with pytest.raises(ProblemError) as error:
        market.solve(problem)
    assert all(word in str(error.value) for word in words), str(error.value)


@pytest.mark.long
def test_shape_is_measured():
    buyers = [
        market.Buyer(market.exponential(0.3), name="a"),
        market.Buyer(market.threshold(0.1), name="b"),
        market.Buyer(market.table([0.0, 0.1, 0.5, 0.6]), name="c"),
    ]
    problem = market.Problem([0.05], 1.0, buyers)
    found = market.shape(problem)
    assert found.largest == market.most_useful(problem) == int((1 + 1 + 0.6) / 0.05)
    values = np.asarray(problem.values(jnp.arange(found.largest + 1)))
    rises = np.diff(values, axis=1)
    assert found.diminishing.tolist() == [bool(np.all(np.diff(row) <= 1e-15)) for row in rises] == [True, True, False]
    np.testing.assert_allclose(found.steepest, rises.max(axis=1))
    np.testing.assert_allclose(found.returns, (rises[:, 1:] * np.arange(1, rises.shape[1])).max(axis=1))
