"""A batch equals a loop: to rounding, in status, and whoever the neighbours are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech import Status
from jaxmech.numerics import Kind, solve_sharing
from jaxmech.numerics._stream import DEVICE_LANES, Method, lanes_for, lanes_that_fit, stream


def _costs(instances, m=4, d=2, seed=0):
    """Binding instances: agents differ by a factor common to their costs."""
    rng = np.random.default_rng(seed)
    draw = rng.standard_normal
    return np.exp(0.3 * draw((instances, m, 1)) + 0.5 * draw((instances, 1, d)) + 0.05 * draw((instances, m, d)))


def _rational(costs):
    bounds = 2 * jnp.sum(jnp.sqrt(costs), axis=1)
    return solve_sharing(Kind.WEIGHTED, costs, jnp.ones(costs.shape[1]), weights=jnp.ones(len(costs)), bounds=bounds)


def _nash(costs):
    return solve_sharing(Kind.PRODUCT, costs, jnp.ones(costs.shape[1]), bounds=2 * jnp.sum(jnp.sqrt(costs), axis=1))


def _egalitarian(costs):
    return solve_sharing(Kind.MINIMAX, costs, jnp.ones(costs.shape[1]), direction=jnp.ones(len(costs)))


_ONE = {solve: jax.jit(solve) for solve in (_rational, _nash, _egalitarian)}
_MANY = {solve: jax.jit(jax.vmap(solve)) for solve in _ONE}


@pytest.mark.long
@pytest.mark.parametrize("solve", list(_ONE))
def test_batch_equals_loop(solve):
    costs = _costs(40)
    costs[5, 1, 0] = np.inf if solve is not _nash else 1.0  # who cannot sample
    many = _MANY[solve](costs)
    for i in range(0, 40, 5):
        one = _ONE[solve](costs[i])
        np.testing.assert_allclose(many.amount[i], one.amount, rtol=1e-6, atol=1e-9)
        assert int(many.status[i]) == int(one.status) == Status.OK
        assert abs(int(many.steps[i]) - int(one.steps)) <= 1
        assert float(many.residual[i]) < 1e-9


@pytest.mark.long
def test_neighbours_do_not_matter():
    costs = _costs(900)  # more than there are lanes
    assert lanes_for(4, 2, 8) < 900
    alone = _MANY[_rational](costs)
    spoilt = costs.copy()
    spoilt[7] = np.nan
    spoilt[99] = 1e300
    spoilt[300] *= 1e-200
    mixed = _MANY[_rational](spoilt)
    others = np.delete(np.arange(900), [7, 99, 300])
    np.testing.assert_array_equal(np.asarray(mixed.amount)[others], np.asarray(alone.amount)[others])
    np.testing.assert_array_equal(np.asarray(mixed.steps)[others], np.asarray(alone.steps)[others])
    assert int(mixed.status[7]) == Status.NONFINITE
    order = np.random.default_rng(1).permutation(900)
    shuffled = _MANY[_rational](costs[order])
    np.testing.assert_allclose(shuffled.amount, np.asarray(alone.amount)[order], rtol=1e-12, atol=1e-15)


@pytest.mark.slow
@pytest.mark.usefixtures("compile_quickly")
def test_nested_batches_and_unbatched_arguments():
    costs = _costs(6).reshape(2, 3, 4, 2)
    flat = _MANY[_rational](costs.reshape(6, 4, 2))
    nested = jax.jit(jax.vmap(jax.vmap(_rational)))(costs)
    np.testing.assert_allclose(nested.amount.reshape(6, 4, 2), flat.amount, rtol=1e-12, atol=1e-15)
    same = jnp.asarray(costs[0, 0])
    shared = jax.jit(jax.vmap(lambda scale: _rational(same * scale).amount))(jnp.array([1.0, 4.0]))
    np.testing.assert_allclose(2 * shared[1], shared[0], rtol=1e-8, atol=1e-12)


@pytest.mark.long
def test_derivatives_in_a_batch_are_differences():
    costs, direction = _costs(3), np.random.default_rng(5).standard_normal((4, 2))
    amount = jax.jit(jax.vmap(lambda c: _rational(c).amount))
    slopes = jax.jvp(amount, (costs,), (np.broadcast_to(direction, costs.shape),))[1]
    step = 1e-6
    differences = (amount(costs + step * direction) - amount(costs - step * direction)) / (2 * step)
    np.testing.assert_allclose(slopes, differences, rtol=1e-5, atol=1e-6)
    pulled = jax.vjp(amount, costs)[1](jnp.ones_like(costs))[0]
    np.testing.assert_allclose(jnp.sum(pulled * direction), jnp.sum(slopes), rtol=1e-8)


def _count_down() -> Method:
    """Each instance needs as many steps as its number says."""
    return Method(
        start=lambda data: (data, jnp.zeros(data.shape, jnp.int32)),
        advance=lambda data, state, active: (state[0] - active, state[1] + active),
        going=lambda state: state[0] > 0,
        result=lambda state: state[1],
    )


@pytest.mark.parametrize("lanes", [1, 3, 64])
def test_stream_gives_every_instance_its_own_number_of_steps(lanes):
    needed = jnp.asarray(np.random.default_rng(0).integers(0, 9, 50), jnp.int32)
    skip = jnp.arange(50) % 7 == 0
    steps = stream(_count_down(), needed, skip, lanes)
    np.testing.assert_array_equal(steps, np.where(skip, 1, needed))
    assert (np.asarray(stream(_count_down(), needed, jnp.ones(50, bool), lanes)) == 1).all()


@pytest.mark.parametrize("instances", [255, 256, 512, 700])
def test_rows_of_lanes_do_not_alias(instances):
    needed = jnp.asarray(np.random.default_rng(1).integers(0, 9, instances), jnp.int32)
    widths, method = [], _count_down()
    seen = method._replace(start=lambda data: widths.append(data.shape[-1]) or method.start(data))
    np.testing.assert_array_equal(stream(seen, needed, jnp.zeros(instances, bool), 512), needed)
    assert widths
    assert all(width % 256 for width in widths)


def test_lanes_follow_from_what_an_instance_occupies(monkeypatch):
    assert [lanes_that_fit(size, 16, 512) for size in (1, 1 << 13, 1 << 30)] == [512, 128, 16]
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    sizes = [lanes_that_fit(1 << power, 16, 512) for power in range(31)]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[-1], sizes[0]) == DEVICE_LANES
    assert lanes_that_fit(1 << 13, 16, 512) == 1 << 15
    assert all(size & (size - 1) == 0 for size in sizes)
