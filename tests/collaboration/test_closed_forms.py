"""Closed forms over twenty decades: OK, right to the last digits, and a residual that measures what it says."""

from fractions import Fraction

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from jaxmech import Status, collaboration
from jaxmech.collaboration import Problem
from jaxmech.collaboration import _leverage as module

# costs on one distribution; every row was ALMOST with a residual from 1e-8 to 1e8, or left the small amount out
WIDE = [
    [1.0, 1e6],
    [1e-6, 1.0, 1.0],
    [1.0, 1e12, 3e12],
    [1e-10, 1e10],
    [3e-16, 2.0, 7.0, 1e4],
    [1.0, 2.0, 1e9, 1e9],
]


def exact_leverage(costs):
    """Fill the cheapest agents up to their caps; the next collects what the best total leaves, in 80 digits (σ = 1)."""
    with mpmath.workdps(80):
        c = [mpmath.mpf(x) for x in sorted(costs)]
        m = len(c)
        for j in range(1, m):
            total = mpmath.sqrt((m - j) / c[j] + mpmath.fsum(1 / x for x in c[:j]))
            caps = [(2 * mpmath.sqrt(x) - 1 / total) / x for x in c[: j + 1]]
            left = total - mpmath.fsum(caps[:j])
            if left < 0:  # the total at which the caps are used up
                roots, squares = (mpmath.fsum(x**-power for x in c[:j]) for power in (mpmath.mpf(0.5), 1))
                total = roots + mpmath.sqrt(roots**2 - squares)
                caps, left = [(2 * mpmath.sqrt(x) - 1 / total) / x for x in c[: j + 1]], mpmath.mpf(0)
            tied = sum(x == c[j] for x in c[j:])
            if left / tied <= caps[j]:
                return [float(x) for x in [*caps[:j], *[left / tied] * tied, *[0] * (m - j - tied)]]
    raise AssertionError("no piece holds the optimum")


@pytest.mark.parametrize("costs", WIDE, ids=str)
def test_leverage_to_the_last_digits_over_twenty_decades(costs):
    found = collaboration.leverage_optimum(Problem(np.array(costs)[:, None], 1.0))
    assert int(found.status) == Status.OK
    assert float(found.residual) <= 1e-14
    np.testing.assert_allclose(np.asarray(found.value)[:, 0], exact_leverage(costs), rtol=1e-13, atol=0)


@pytest.mark.parametrize("division", ["alone", "social", "leverage"])
@pytest.mark.parametrize("mechanism", ["cbl", "pool"])
def test_plans_made_from_closed_forms_are_ok(division, mechanism):
    rng = np.random.default_rng(9)
    costs = jnp.asarray(10 ** rng.uniform(-20, 0, (300, 4, 2)))
    sigma = jnp.asarray(10 ** rng.uniform(-6, 6, (300, 2)))

    def solve(c, s):
        return collaboration.solve(Problem(c, s), division=division, mechanism=mechanism)

    found = jax.jit(jax.vmap(solve))(costs, sigma)
    assert (np.asarray(found.status) == Status.OK).all()
    assert np.asarray(found.residual).max() <= 1e-13


def test_c3d_over_twenty_decades():
    rng = np.random.default_rng(10)
    costs = jnp.asarray(10 ** rng.uniform(-20, 0, (100, 1, 3)) * np.ones((1, 6, 1)))
    found = jax.jit(jax.vmap(lambda c: collaboration.solve(Problem(c, 1e5), mechanism="c3d")))(costs)
    assert (np.asarray(found.status) == Status.OK).all()


@pytest.mark.parametrize("costs", WIDE, ids=str)
def test_the_residual_shows_every_error(costs):
    """A part in 1e5 of any cap, and a tenth of what is left of the best total, where that is a number."""
    cost = jnp.asarray(costs) / min(costs)
    amount = jnp.asarray(exact_leverage(np.asarray(cost)))
    caps = (2 * jnp.sqrt(cost) - 1 / jnp.sum(amount)) / cost
    filled = amount >= caps * (1 - 1e-9)
    able = jnp.ones(len(costs), bool)
    assert float(module._residual(cost, able, filled, amount)) <= 1e-14
    for i in np.flatnonzero(filled):
        for factor in (1 - 1e-5, 1 + 1e-5):
            wrong = amount.at[i].multiply(factor)
            assert float(module._residual(cost, able, filled, wrong)) > 1e-9
    idle = jnp.asarray(filled).at[0].set(False)
    assert float(module._residual(cost, able, idle, amount)) > 0.1


def test_the_social_residual_is_per_distribution():
    """The second distribution is 1e-9 of the first: an error there has to show all the same."""
    problem = Problem([[0.25, 0.5], [1.0, 0.1]], [1.0, 1e-9])
    found = collaboration.social_optimum(problem)
    assert int(found.status) == Status.OK
    assert float(found.residual) <= 1e-14


def test_what_is_left_of_the_total_keeps_its_digits_where_it_is_1e_24_of_it():
    """Two agents, c and 1: S² = 1 + 1/c and the second collects (S − 1)²/S."""
    for decade in (2, 6, 12, 16, 24):
        costs = np.array([[1.0], [10.0**decade]])
        rest = Fraction(1, 10**decade)
        with mpmath.workdps(80):
            total = mpmath.sqrt(1 + mpmath.mpf(rest.numerator) / rest.denominator)
            expected = float((total - 1) ** 2 / total)
        found = float(collaboration.leverage_optimum(Problem(costs, 1.0)).value[1, 0])
        assert found == pytest.approx(expected, rel=1e-13)


@pytest.mark.long
def test_second_derivatives_of_the_leverage_optimum():
    """Forward over reverse and reverse over forward, against differences of the gradient."""
    costs = jnp.array([[1.0, 3.0], [2.0, 1e-3], [30.0, 2.0], [40.0, 2.5]])
    weights = jnp.arange(1.0, 9.0).reshape(4, 2)

    def value(logs):
        problem = Problem(costs * jnp.exp(logs), jnp.array([1.0, 2.0]))
        return jnp.sum(weights * collaboration.leverage_optimum(problem).value)

    zero = jnp.zeros_like(costs)
    gradient = jax.jit(jax.grad(value))
    h = 1e-5
    expected = np.zeros((8, 8))
    for j in range(8):
        step = np.zeros(8)
        step[j] = h
        step = jnp.asarray(step.reshape(4, 2))
        expected[j] = np.asarray((gradient(step) - gradient(-step)) / (2 * h)).ravel()
    for second in (jax.jit(jax.jacfwd(jax.grad(value))), jax.jit(jax.jacrev(jax.jacfwd(value)))):
        np.testing.assert_allclose(np.asarray(second(zero)).reshape(8, 8), expected, rtol=1e-6, atol=1e-6)
