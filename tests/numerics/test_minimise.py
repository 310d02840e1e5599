"""A descent that survives walls: against SciPy, in lanes, compiled, and where the function has no value."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from jaxmech.numerics import minimise


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def barrier(x, wall=0.3):
    """min Σ (x − 2)² above the wall −log(wall − Σ x²/10); infinite outside."""
    room = wall - jnp.sum(x**2) / 10
    inside = room > 0
    return jnp.where(inside, jnp.sum((x - 2) ** 2) - 1e-3 * jnp.log(jnp.where(inside, room, 1.0)), jnp.inf)


@pytest.mark.parametrize("size", [2, 6])
def test_rosenbrock(size):
    start = jnp.full(size, -1.2)
    found = jax.jit(lambda x: minimise(rosenbrock, x, 2000))(start)
    least = optimize.minimize(optimize.rosen, np.asarray(start), method="BFGS", jac=optimize.rosen_der).fun
    assert float(found.value) < least + 1e-12
    if size == 2:
        np.testing.assert_allclose(found.point, 1.0, rtol=1e-6)
    assert float(found.value) == pytest.approx(float(rosenbrock(found.point)), rel=1e-12)
    assert 0 < int(found.steps) < 2000


def test_a_barrier_is_not_crossed():
    found = minimise(barrier, jnp.zeros(3), 500)

    def plain(x):
        return float(barrier(jnp.asarray(x)))

    reference = optimize.minimize(
        plain, np.full(3, 0.5), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-13}
    )
    assert float(found.value) == pytest.approx(reference.fun, rel=1e-9)
    np.testing.assert_allclose(found.point, reference.x, rtol=1e-5)
    assert float(jnp.sum(found.point**2)) < 3.0


def test_slope_is_the_gradient_there():
    """Whatever the search says of itself is recomputed, at the end and in mid-air."""

    def raised(x):
        return 1 + rosenbrock(x)

    find = jax.jit(lambda steps: minimise(raised, jnp.array([-1.2, 1.0]), steps))
    early, late = find(7), find(500)
    for found in (early, late):
        largest = float(jnp.max(jnp.abs(jax.grad(raised)(found.point))))
        assert float(found.slope) == pytest.approx(largest / float(raised(found.point)), rel=1e-6, abs=1e-12)
    assert float(early.slope) > 1e-2
    assert float(late.slope) < 1e-5
    assert int(early.steps) == 7
    flat = minimise(lambda x: jnp.sum(x**2), jnp.zeros(2), 5)
    assert float(flat.value) == float(flat.slope) == 0.0


def test_lanes_are_as_one_by_one_and_compiled_as_not():
    starts = jnp.asarray(np.random.default_rng(0).uniform(-0.5, 0.5, (5, 3)))
    together = jax.jit(jax.vmap(lambda x: minimise(barrier, x, 300)))(starts)
    one = jax.jit(lambda x: minimise(barrier, x, 300))
    for i, start in enumerate(starts):
        alone = one(start)
        np.testing.assert_allclose(together.point[i], alone.point, rtol=1e-7)
        assert float(together.value[i]) == pytest.approx(float(alone.value), rel=1e-12)
    assert float(minimise(barrier, starts[0], 300).value) == pytest.approx(float(together.value[0]), rel=1e-12)


@pytest.mark.parametrize("nowhere", [jnp.inf, jnp.nan])
def test_infinite_at_the_start(nowhere):
    start = jnp.array([3.0, -1.0])
    found = minimise(lambda x: jnp.where(x[0] > 2, nowhere, jnp.sum(x**2)), start)
    assert found.point.tolist() == start.tolist()
    assert not np.isfinite(float(found.value))
    assert float(found.slope) == np.inf  # no claim to have arrived


def test_a_region_without_values_is_stepped_back_from():
    """√(x − 1) is NaN left of 1, its gradient infinite at 1: the least is next to the edge."""
    found = minimise(lambda x: jnp.sum((x + 1) ** 2) - 8 * jnp.sum(jnp.sqrt(x - 1)), jnp.array([5.0, 1.5]), 400)
    # (x + 1)√(x − 1) = 2
    root = optimize.brentq(lambda x: 2 * (x + 1) - 4 / np.sqrt(x - 1), 1 + 1e-12, 5)
    np.testing.assert_allclose(found.point, root, rtol=1e-6)
    assert np.isfinite(float(found.value))


def test_never_worse_than_the_start_and_never_beyond_the_steps():
    rng = np.random.default_rng(1)
    starts, turns = jnp.asarray(rng.normal(size=(50, 2)) * 3), jnp.asarray(rng.uniform(1, 20, 50))

    def rough(x, turn):
        return jnp.sum(x**2) + jnp.sum(jnp.sin(turn * x)) + 3

    found = jax.jit(jax.vmap(lambda x, turn: minimise(lambda y: rough(y, turn), x, 25)))(starts, turns)
    assert np.all(np.asarray(found.value) <= np.asarray(jax.vmap(rough)(starts, turns)))
    assert int(found.steps.max()) <= 25


def test_units_of_the_value_do_not_matter():
    """Values of 1e-20 and 1e20 take the same way; a constant function ends at once."""
    start = jnp.array([0.4, -0.2])
    found = jax.vmap(lambda unit: minimise(lambda x: unit * (1 + rosenbrock(x)), start, 500))(jnp.array([1e-20, 1e20]))
    np.testing.assert_allclose(found.point, 1.0, rtol=1e-5)
    flat = minimise(lambda x: 5.0 + 0 * jnp.sum(x), start)
    assert flat.point.tolist() == start.tolist()
    assert int(flat.steps) < 10


def test_single_precision_stays_single():
    found = minimise(lambda x: 1 + rosenbrock(x), jnp.array([-0.5, 0.5], jnp.float32), 500)
    assert found.point.dtype == found.value.dtype == jnp.float32
    assert float(found.value) == pytest.approx(1.0, rel=1e-5)
