"""Noise rules and what they cost: against quadrature in many digits; convexity; limits for many agents."""

import inspect

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from jaxmech import ProblemError
from jaxmech import design as package
from jaxmech.design import (
    Deal,
    Rule,
    monotone_rule,
    noise_at,
    power_rule,
    ramp_rule,
    stationary_level,
    table_penalty,
    threshold_rule,
)

pytestmark = pytest.mark.usefixtures("compile_quickly")

penalty, stationary = jax.jit(table_penalty), jax.jit(stationary_level)
ONE = Deal(*(jnp.array(number) for number in (1.0, 2.0, 5.0, 0.08, 1.0)))


def random_rule(seed):
    """Jumps, flat pieces and lines over some decades; every third one ends in ∞."""
    rng = np.random.default_rng([7, seed])
    places = np.sort(np.concatenate([[0.0], rng.uniform(0.2, 2.5, 4)]))
    places = np.insert(places, 3, places[3])
    increments = np.where(rng.uniform(size=6) < 0.3, 0.0, 10 ** rng.uniform(-2, 2, 6))
    increments[0] = 0.0
    if seed % 3 == 0:
        increments[-1] = np.inf
    return monotone_rule(places, increments)


RULES = {
    "threshold": threshold_rule(),
    "capped threshold": threshold_rule(30.0),
    "ramp": ramp_rule(0.5, 100.0),
    "long ramp": ramp_rule(5.0, 1e3),
    "square": power_rule(2.0, entries=10),
    **{f"random {seed}": random_rule(seed) for seed in range(3)},
}


def exact(rule, samples, comparison, rest, cost, error, limit):
    """q(n) by quadrature in 20 digits, piece by piece, with a limit in σ."""
    places = [mpmath.mpf(float(place)) for place in rule.discrepancy]
    variance = [mpmath.mpf(float(value)) for value in rule.variance]
    own = samples + comparison
    level = limit * mpmath.sqrt(samples * comparison / own)
    places, variance = [mpmath.mpf(0), *places, mpmath.inf], [variance[0], *variance, variance[-1]]
    total = mpmath.mpf(0)
    for left, right, low, high in zip(places, places[1:], variance, variance[1:], strict=False):
        if right == left:
            continue

        def integrand(x, left=left, right=right, low=low, high=high):
            u = x / level
            noise = low if low == high else mpmath.inf
            if low != high and mpmath.isfinite(high):
                noise = low + (high - low) * (u - left) / (right - left)
            return mpmath.npdf(x) * 2 / (own + rest / (1 + noise))

        total += mpmath.quad(
            integrand, [level * left, *[i for i in (1, 4) if level * left < i < level * right], min(level * right, 12)]
        )
        if level * right >= 12:
            break
    return cost * samples + error * total


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("level", [0.4, 2.5])
def test_penalty_and_slope_agree_with_quadrature_in_many_digits(name, level):
    rule = RULES[name]
    found = penalty(rule, ONE, jnp.array(level))
    with mpmath.workdps(20):
        numbers = [mpmath.mpf(float(number)) for number in ONE]
        limit = mpmath.mpf(level) / mpmath.sqrt(mpmath.mpf(2) / 3)
        value = exact(rule, *numbers, limit)
        step = mpmath.mpf(10) ** -5
        ahead, behind = (exact(rule, numbers[0] + by, *numbers[1:], limit) for by in (step, -step))
        slope = (ahead - behind) / (2 * step)
    assert abs(float(found.value - float(value))) < 1e-12 + float(found.error)
    assert abs(float(found.slope - float(slope))) < 1e-9 + float(found.slope_error)
    assert float(found.error) < 1e-9
    assert float(found.slope_error) < 1e-8


def test_estimated_errors_cover_true_ones_where_the_quadrature_is_poor():
    rule = ramp_rule(10.0, 1e4)
    found = penalty(rule, ONE, jnp.array(1.0))
    with mpmath.workdps(20):
        numbers = [mpmath.mpf(float(number)) for number in ONE]
        value = exact(rule, *numbers, 1 / mpmath.sqrt(mpmath.mpf(2) / 3))
    assert 1e-12 < float(found.error) < 1e-5
    assert abs(float(found.value) - float(value)) < float(found.error)


def slopes(rule, comparison, rest, limit, counts):
    """dq/dn at one limit, along n."""
    level = limit * jnp.sqrt(counts * comparison / (counts + comparison))
    deal = Deal(*jnp.broadcast_arrays(counts, comparison, rest, 0.1, 1.0))
    return np.asarray(penalty(rule, deal, level).slope)


@pytest.mark.parametrize("seed", range(12))
def test_penalties_are_convex_whatever_the_rule_that_never_falls(seed):
    rng = np.random.default_rng([8, seed])
    rule, counts = random_rule(seed), jnp.geomspace(1e-2, 30, 300)
    for _ in range(5):
        comparison, rest, limit = 10 ** rng.uniform((-2, -1, -1), (2, 2, 1))
        found = slopes(rule, comparison, rest, limit, counts)
        assert np.all(np.diff(found) >= -1e-9 * np.abs(found[1:]))


def test_penalties_need_not_be_convex_if_the_rule_falls():
    falls = Rule(jnp.array([0.0, 0.5, 0.5, 1.0, 1.0]), jnp.array([0.0, 0.0, 1e3, 1e3, 0.0]))
    found = slopes(falls, 1.0, 30.0, 2.0, jnp.geomspace(1e-2, 30, 300))
    assert np.min(np.diff(found)) < -1e-3


@pytest.mark.parametrize("name", ["ramp", "random 1"])
@pytest.mark.slow
def test_slope_is_the_derivative_of_the_value_and_levels_carry_derivatives(name):
    rule = RULES[name]

    def value(samples):
        level = 2.0 * jnp.sqrt(samples * 2.0 / (samples + 2.0))
        return penalty(rule, ONE._replace(samples=samples), level)

    samples = jnp.array(1.3)
    np.testing.assert_allclose(jax.jit(jax.grad(lambda n: value(n).value))(samples), value(samples).slope, rtol=1e-9)

    def level(comparison):
        return stationary(rule, ONE._replace(comparison=comparison)).level

    ahead, behind = (level(jnp.array(2.0 + by)) for by in (1e-4, -1e-4))
    np.testing.assert_allclose(jax.jit(jax.grad(level))(jnp.array(2.0)), (ahead - behind) / 2e-4, rtol=1e-5)


@pytest.mark.parametrize("name", RULES)
def test_levels_are_stationary_and_the_largest_such(name):
    rule = RULES[name]
    found = stationary(rule, ONE)
    assert bool(found.found)
    assert abs(float(penalty(rule, ONE, found.level).slope)) < 1e-10
    beyond = found.level * jnp.geomspace(1.001, 30, 200)
    deal = Deal(*(jnp.broadcast_to(part, beyond.shape) for part in ONE))
    assert np.all(np.asarray(penalty(rule, deal, beyond).slope) > 0)


@pytest.mark.long
def test_levels_of_many_agents_are_those_of_each():
    rule = RULES["ramp"]
    many = Deal(*(jnp.stack([part, 1.1 * part]) for part in ONE))
    one = jax.jit(jax.vmap(lambda deal: stationary_level(rule, deal).level))(many)
    np.testing.assert_allclose(stationary(rule, many).level, one, rtol=1e-12)


def test_no_level_where_nothing_or_everything_is_reason_enough_to_collect():
    assert not bool(stationary(monotone_rule([0.0], [3.0]), ONE).found)  # noise whatever she does
    assert not bool(stationary(threshold_rule(), ONE._replace(costs=jnp.array(0.01))).found)  # so cheap
    assert not bool(stationary(threshold_rule(), ONE._replace(costs=jnp.array(10.0))).found)  # so dear


@pytest.mark.parametrize("agents", [1e4, 1e6])
@pytest.mark.parametrize(
    ("p", "scale", "ratio", "expected"),
    [
        (2.0, 1.0, 1.0, 2.0),  # published amounts σ/√(cm), compared with as many
        (2.0, 3.0, 1.0, 3**0.5),
        (2.0, 2.0, None, 2**0.5),  # compared with many more
        (4.0, 1.5, None, 1.5**0.5),
        (8.0, 1.25, None, 1.25**0.5),
    ],
)
def test_powers_reach_their_limits_for_many_agents(agents, p, scale, ratio, expected):
    """√(1 + (2/p)(1 + n/z)) at the best n, which is σ/√(cm) divided by that root."""
    samples = 1 / np.sqrt(scale * agents)
    theirs = (agents - 1) * samples
    comparison = samples * (agents**0.5 if ratio is None else ratio)
    deal = Deal(*(jnp.array(number) for number in (samples, comparison, theirs - comparison, 1.0, 1.0)))
    rule = power_rule(p)
    found = stationary(rule, deal)
    paid = penalty(rule, deal, found.level)
    assert bool(found.found)
    assert float(paid.error / paid.value) < 1e-9
    distance = abs(float(paid.value) * np.sqrt(agents) / 2 / expected - 1)
    assert distance < 1e-3 + (0.0 if ratio else 4 * agents**-0.5)


def test_rules_are_what_they_are_called():
    apart = jnp.array([0.0, 0.7, 1.0, 1.2, 1.5, 9.0])
    np.testing.assert_allclose(noise_at(threshold_rule(5.0), apart), [0, 0, 0, 5, 5, 5])
    np.testing.assert_allclose(noise_at(ramp_rule(0.5, 100.0), apart), [0, 0, 0, 40, 100, 100], atol=1e-9)
    for p in (1.0, 2.0, 8.0):
        power = np.asarray(noise_at(power_rule(p, largest=1e3), apart))
        wanted = np.minimum(np.asarray(apart) ** p, 1e3)
        assert np.all(power >= wanted - 1e-9)
        np.testing.assert_allclose(power, wanted, rtol=3e-3, atol=1e-4)
    assert monotone_rule([0.0, 1.0], [0.0, np.inf]).variance.tolist() == [0.0, np.inf]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: threshold_rule(0.0), "noise = 0.0: must be positive"),
        (lambda: ramp_rule(0.0, 1.0), "width = 0.0: must be positive"),
        (lambda: ramp_rule(1.0, np.inf), "noise = inf: must be positive and finite"),
        (lambda: power_rule(-1.0), "p = -1.0: must be positive"),
        (lambda: power_rule(2.0, largest=0.5), "largest = 0.5: must be finite and at least 1"),
        (lambda: power_rule(2.0, entries=3), "entries = 3: must be a whole number, at least 8"),
        (lambda: monotone_rule([0.0, 1.0], [0.0, -1.0]), "must not be negative"),
        (lambda: monotone_rule([0.0, 1.0], [0.0, np.nan]), "must not be negative"),
        (lambda: monotone_rule([0.0, 1.0], [0.0]), "must be 2 numbers"),
        (lambda: monotone_rule([1.0, 0.0], [0.0, 1.0]), "must be finite, from 0 on, and never fall"),
        (lambda: monotone_rule([], []), "must be a row of numbers"),
    ],
)
def test_bad_rules_are_refused_in_one_line(make, said):
    with pytest.raises(ProblemError) as caught:
        make()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_function_of_design_has_a_source():
    functions = [thing for name in package.__all__ if inspect.isfunction(thing := getattr(package, name))]
    assert functions
    assert [thing.__name__ for thing in functions if "Source:" not in thing.__doc__] == []
