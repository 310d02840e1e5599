"""The spread of measurements: a pure function, of arrays of NumPy and of JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.numerics import spread

VALUES = np.random.default_rng(4).gamma(2.0, size=(40, 3))


def test_against_the_resampled_spread():
    draws = np.random.default_rng(5).integers(0, 400, (4000, 400))
    sample = np.random.default_rng(6).gamma(2.0, size=400)
    assert float(spread(sample).standard_error) == pytest.approx(sample[draws].std(axis=1, ddof=1).std(), rel=0.1)


def test_numpy_and_jax_agree_and_both_keep_their_kind():
    plain, traced = spread(VALUES), jax.jit(spread)(jnp.asarray(VALUES))
    assert isinstance(plain.sigma, np.ndarray)
    np.testing.assert_allclose(plain.sigma, VALUES.std(axis=0, ddof=1), rtol=1e-14)
    for one, other in zip(plain, traced, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_batch_and_slope():
    batch = jnp.stack([jnp.asarray(VALUES), 2 * jnp.asarray(VALUES)])
    both = jax.jit(jax.vmap(spread))(batch)
    np.testing.assert_allclose(both.standard_error[1], 2 * both.standard_error[0], rtol=1e-12)
    slope = jax.grad(lambda values: spread(values).sigma)(jnp.asarray(VALUES[:, 0]))
    centred = VALUES[:, 0] - VALUES[:, 0].mean()
    np.testing.assert_allclose(slope, centred / (39 * VALUES[:, 0].std(ddof=1)), rtol=1e-10, atol=1e-13)
