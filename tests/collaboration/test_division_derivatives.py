"""Derivatives of the divisions: finite differences, and the envelope theorem with an oracle's multipliers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import collaboration
from jaxmech.collaboration import Problem
from tests.oracles import convex
from tests.slopes import directions, linearized

pytestmark = pytest.mark.usefixtures("compile_quickly")

DIVISIONS = {
    "social": collaboration.social_optimum,
    "rational": collaboration.rational_optimum,
    "leverage": collaboration.leverage_optimum,
    "egalitarian": collaboration.egalitarian_bargaining,
    "nash": collaboration.nash_bargaining,
    "kalai-smorodinsky": collaboration.kalai_smorodinsky_bargaining,
}
# no ties, several rows bind, agents inside and outside the optimal face
COSTS = jnp.asarray(
    [[1.00, 0.62], [1.21, 0.55], [0.83, 0.95], [1.44, 1.30]],
)
SIGMA = jnp.asarray([2.0, 3.0])


def division(name):
    return lambda costs, sigma: DIVISIONS[name](Problem(costs, sigma)).value


def differences(function, point, step=1e-5):
    columns = []
    flat = np.asarray(point, float).ravel()
    for j in range(flat.size):
        moved = [flat.copy(), flat.copy()]
        width = step * flat[j]
        moved[0][j] += width
        moved[1][j] -= width
        up, down = (np.asarray(function(jnp.asarray(x.reshape(point.shape)))) for x in moved)
        columns.append((up - down) / (2 * width))
    return np.stack(columns, axis=-1).reshape(*np.shape(up), *point.shape)


def _ways(costs, sigma):
    """All directions of one argument, the other held; then the other way round."""
    in_costs, in_sigma = directions(costs), directions(sigma)
    return (in_costs, jnp.zeros((costs.size, *sigma.shape))), (jnp.zeros((sigma.size, *costs.shape)), in_sigma)


@pytest.mark.long
@pytest.mark.parametrize("name", DIVISIONS)
def test_jacobians_in_costs_and_sigma(name):
    """Forward against finite differences, reverse against forward, and Euler's relation n(tc) = n(c)/√t."""

    @jax.jit
    def slopes(costs, sigma):
        value, push, pull = linearized(division(name), costs, sigma)
        return value, pull(jnp.asarray(weights)), [jax.vmap(push, 0, -1)(*ways) for ways in _ways(costs, sigma)]

    weights = np.arange(1.0, 9.0).reshape(4, 2)
    value, pulled, found = slopes(COSTS, SIGMA)
    found = [
        np.reshape(part, (*COSTS.shape, *argument.shape)) for part, argument in zip(found, (COSTS, SIGMA), strict=True)
    ]
    expected = (
        differences(lambda c: slopes(c, SIGMA)[0], COSTS),
        differences(lambda s: slopes(COSTS, s)[0], SIGMA),
    )
    for argument in (0, 1):
        scale = np.abs(expected[argument]).max()
        assert np.abs(np.asarray(found[argument]) - expected[argument]).max() <= 2e-6 * scale
        pushed = np.tensordot(weights, np.asarray(found[argument]), axes=2)
        assert np.asarray(pulled[argument]) == pytest.approx(pushed, rel=1e-7, abs=1e-7 * scale)
    along = np.tensordot(np.asarray(found[0]), np.asarray(COSTS), axes=2)
    assert along == pytest.approx(-np.asarray(value) / 2, rel=1e-7, abs=1e-7)


@pytest.mark.long
def test_jacobian_in_bounds_equals_finite_differences():
    bounds = 0.97 * np.asarray(collaboration.alone_penalty(Problem(COSTS, SIGMA)))

    @jax.jit
    def slopes(bounds):
        optimum = lambda b: collaboration.rational_optimum(Problem(COSTS, SIGMA), b).value  # noqa: E731
        value, push, _ = linearized(optimum, bounds)
        return value, jax.vmap(push, out_axes=-1)(directions(bounds))

    expected = differences(lambda b: slopes(b)[0], jnp.asarray(bounds))
    found = np.asarray(slopes(jnp.asarray(bounds))[1])
    assert np.abs(found - expected).max() <= 2e-6 * np.abs(expected).max()


@pytest.mark.long
def test_envelope_theorem_with_the_multipliers_of_clarabel():
    """dP*/du_i = −λ_i and dP*/dc = (1 + λ_i) n − λ_i dp_IND/dc, with λ from the oracle."""
    oracle = convex.rational(np.asarray(COSTS), np.asarray(SIGMA))
    lam = oracle.multipliers

    def least(costs, sigma, shift):
        problem = Problem(costs, sigma)
        bounds = collaboration.alone_penalty(problem) + shift
        return collaboration.social_penalty(problem, collaboration.rational_optimum(problem, bounds).value)

    in_costs, in_sigma, in_bounds = jax.jit(jax.grad(least, argnums=(0, 1, 2)))(COSTS, SIGMA, jnp.zeros(4))
    costs, sigma = np.asarray(COSTS), np.asarray(SIGMA)
    own = (1 + lam)[:, None] * oracle.samples - lam[:, None] * sigma / np.sqrt(costs)
    totals = oracle.samples.sum(axis=0)
    risk = (4 + lam.sum()) * 2 * sigma / totals - (lam[:, None] * 2 * np.sqrt(costs)).sum(axis=0)
    assert np.asarray(in_bounds) == pytest.approx(-lam, rel=1e-5, abs=1e-5)
    assert np.asarray(in_costs) == pytest.approx(own, rel=1e-5, abs=1e-4)
    assert np.asarray(in_sigma) == pytest.approx(risk, rel=1e-5, abs=1e-5)


@pytest.mark.slow
def test_second_derivative():
    def least(t):
        problem = Problem(COSTS * jnp.asarray([[1 + t], [1], [1], [1]]), SIGMA)
        return collaboration.social_penalty(problem, collaboration.rational_optimum(problem).value)

    second = jax.jit(jax.value_and_grad(jax.grad(least)))
    step = 1e-4
    slopes = [float(second(t)[0]) for t in (step, -step)]
    found = float(second(0.0)[1])
    assert found == pytest.approx((slopes[0] - slopes[1]) / (2 * step), rel=1e-4)


@pytest.mark.slow
def test_hessian_of_kalai_smorodinsky():
    """Of Σ_ik weights log(1 + n_ik) in the costs, against differences of its gradient."""
    weights = jnp.arange(1.0, 9.0).reshape(4, 2)

    def value(costs):
        return jnp.sum(weights * jnp.log1p(division("kalai-smorodinsky")(costs, SIGMA)))

    @jax.jit
    def bends(costs):
        gradient, push, _ = linearized(jax.grad(value), costs)
        return gradient, jax.vmap(push, out_axes=-1)(directions(costs))

    expected = differences(lambda costs: bends(costs)[0], COSTS, 1e-4)
    found = np.asarray(bends(COSTS)[1]).reshape(expected.shape)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.long
def test_non_binding_and_failed_instances_have_no_part_in_the_others_gradients():
    easy = jnp.asarray([[1.0, 9.0], [9.0, 1.0], [9.0, 9.0], [9.0, 9.0]])
    batch = jnp.stack([COSTS, easy, jnp.full_like(COSTS, jnp.inf)])

    def total(costs):
        many = jax.vmap(lambda c: collaboration.rational_optimum(Problem(c, SIGMA)).value)(costs)
        return jnp.sum(many[:2] ** 2)

    gradient = np.asarray(jax.jit(jax.grad(total))(batch))
    one_by_one = jax.jit(jax.grad(lambda c: jnp.sum(division("rational")(c, SIGMA) ** 2)))
    alone = [np.asarray(one_by_one(c)) for c in batch[:2]]
    assert gradient[:2] == pytest.approx(np.stack(alone), rel=1e-8)
    assert np.isfinite(gradient[:2]).all()
