"""Steady weights: the noise level in closed form, and penalties that hold for every law with the same variance."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import Status
from jaxmech.collaboration import deviation_penalty, steady_penalty, steady_root
from tests.oracles.steady import noise_level, realised

RNG = np.random.default_rng(5)


def _points():
    """Ordinary points, and both ends of the range in which exactly one root exists."""
    points = [(10.0, 0.1, 1.0), (4.5, 0.23, 1.0), (1e4, 1e-4, 1.0), (1e6, 0.2499, 1.0), (50.0, 0.01, 0.3)]
    for _ in range(40):
        z = float(np.exp(RNG.normal())) if RNG.random() < 0.5 else 1.0
        tau = (1 + z) * (1 + 10 ** RNG.uniform(-2, 4))
        low, high = 1 / tau**2, 1 / (1 + z) ** 2
        points.append((tau, low * (high / low) ** RNG.uniform(0.001, 0.999), z))
    return points


@pytest.mark.parametrize(("tau", "kappa", "z"), _points())
def test_root_against_bisection_in_sixty_digits(tau, kappa, z):
    found = steady_root(tau, kappa, z)
    assert found.status == Status.OK
    # the condition of the root itself: how much of an error in κ it makes
    exact, moved = (float(noise_level(tau, k, z)) for k in (kappa, kappa * (1 + 1e-12)))
    assert abs(float(found.value) - exact) <= 1e-13 * exact + 1e-3 * abs(moved - exact)


@pytest.mark.parametrize(
    ("m", "ratio", "regret"),
    [(5, 1.5266, 11.9), (10, 1.6754, 11.9), (20, 1.8036, 9.3), (100, 1.9526, 3.23), (1000, 1.9950, 0.39)],
)
def test_equal_costs_as_derived_by_hand(m, ratio, regret):
    """Penalties over the first best, and what no strategy on normal data falls short of, in per cent."""
    cost, n_star = 0.01, 10 / np.sqrt(m)
    alpha = np.sqrt(float(steady_root(m, 1 / m).value) * n_star)
    paid = float(steady_penalty(n_star, n_star, m * n_star, alpha, cost, 1.0))
    amounts = n_star * jnp.exp(jnp.linspace(-1, 1, 20_001))
    least = float(jnp.min(deviation_penalty(amounts, n_star, m * n_star, alpha, cost, 1.0)))
    assert paid / (2 * np.sqrt(cost / m)) == pytest.approx(ratio, abs=5e-5)
    assert 100 * (paid - least) / paid == pytest.approx(regret, abs=5e-3 if regret < 10 and m >= 100 else 5e-2)


@pytest.mark.parametrize(
    ("tau", "kappa", "z"), [(10.0, 0.1, 1.0), (4.5, 0.23, 0.7), (300.0, 0.001, 1.0), (9.0, 0.05, 3.0)]
)
def test_recommended_amount_is_the_best(tau, kappa, z):
    alpha = jnp.sqrt(steady_root(tau, kappa, z).value)
    amounts = jnp.concatenate([jnp.geomspace(1e-6, 1e4, 4001), jnp.ones(1)])
    paid = steady_penalty(amounts, 1.0, tau, alpha, kappa, 1.0, z)
    assert float(paid[-1]) <= float(paid.min()) * (1 + 1e-14)


@pytest.mark.parametrize("kappa", [0.006, 0.01, 0.015])
def test_of_two_roots_the_smaller_noise(kappa):
    """Beyond κ = 1/A² two noise levels can make n* stationary, if |Z| is more than twice n*."""
    tau, z = 200.0, 12.0
    assert kappa > 1 / (1 + z) ** 2
    found = steady_root(tau, kappa, z)
    assert found.status == Status.OK
    assert float(found.value) == pytest.approx(float(noise_level(tau, kappa, z)), rel=1e-9)


@pytest.mark.parametrize(
    ("tau", "kappa", "z", "status"),
    [
        (10.0, 0.25, 1.0, Status.NO_ROOT),
        (10.0, 0.01, 1.0, Status.NO_ROOT),
        (1.9, 0.2, 1.0, Status.NO_ROOT),
        (10.0, 0.1, 0.0, Status.NO_ROOT),
        (np.nan, 0.1, 1.0, Status.NONFINITE),
        (np.inf, 0.1, 1.0, Status.NONFINITE),
    ],
)
def test_no_answer_where_there_is_none(tau, kappa, z, status):
    found = steady_root(tau, kappa, z)
    assert found.status == status
    assert np.isnan(found.value)


def test_where_both_roots_have_met_there_is_none():
    assert noise_level(200.0, 0.075, 3.0) is None
    assert steady_root(200.0, 0.075, 3.0).status == Status.NO_ROOT


@pytest.mark.long
def test_derivatives_in_two_ways():
    """Forward mode against the implicit function theorem on the first-order condition, and against differences."""

    def slope(ratio, tau, kappa, z):
        return jax.grad(steady_penalty)(1.0, 1.0, tau, jnp.sqrt(ratio), kappa, 1.0, z)

    at = (12.0, 0.07, 0.8)
    root = float(steady_root(*at).value)
    for place in range(3):
        found = float(jax.jacfwd(lambda *a: steady_root(*a).value, place)(*at))
        implicit = -float(jax.grad(slope, place + 1)(root, *at) / jax.grad(slope, 0)(root, *at))
        assert found == pytest.approx(implicit, rel=1e-10)
        step = 1e-5 * at[place]
        moved = [[a + sign * step * (k == place) for k, a in enumerate(at)] for sign in (1, -1)]
        ends = [float(steady_root(*point).value) for point in moved]
        assert found == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-7)
        assert float(jax.grad(lambda *a: steady_root(*a).value, place)(*at)) == pytest.approx(found, rel=1e-12)


def test_batch_is_the_loop_and_failures_stay_alone():
    tau = jnp.array([10.0, 3.0, 100.0, 50.0])
    kappa = jnp.array([0.1, 0.3, 0.01, jnp.nan])
    together = jax.jit(jax.vmap(steady_root))(tau, kappa)
    alone = [steady_root(t, k) for t, k in zip(tau, kappa, strict=True)]
    np.testing.assert_array_equal(together.status, [int(one.status) for one in alone])
    np.testing.assert_allclose(together.value, [float(one.value) for one in alone], rtol=1e-15)
    gradient = jax.grad(lambda k: jnp.nansum(steady_root(tau, k).value))(kappa)
    assert np.isfinite(gradient[:3]).all()


@pytest.mark.parametrize("law", ["normal", "student", "lognormal"])
def test_penalty_on_data_of_any_law(law):
    """Ten agents, five points each: what is promised is what happens, for laws with tails as well."""

    def draw(rng, shape):
        if law == "student":
            return rng.standard_t(5, shape) / np.sqrt(5 / 3)
        if law == "lognormal":
            return (np.exp(rng.standard_normal(shape)) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
        return rng.standard_normal(shape)

    n_star, cost = 5, 1 / 250
    alpha = np.sqrt(float(steady_root(10.0, 0.1).value) * n_star)
    assert float(steady_penalty(5.0, n_star, 50, alpha, cost, 1.0)) == pytest.approx(0.0670, abs=5e-5)
    rng = np.random.default_rng(2)
    for collected in (3, 5, 8):
        error, spread = realised(draw, collected, n_star, 45, alpha, 100_000, rng)
        promised = float(steady_penalty(float(collected), n_star, 50, alpha, cost, 1.0))
        assert abs(error + cost * collected - promised) < 4 * spread
