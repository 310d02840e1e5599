"""Sums, products and eliminations along lanes, against numpy, one lane at a time."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.numerics._lanes import by_column, by_row, factorise, gram, others, solve_factorised

LANES = 5


def _matrix(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).uniform(0.1, 2.0, shape))


@pytest.mark.parametrize("shape", [(3, 2), (2, 7), (30, 4)])
def test_products_are_those_of_numpy_in_every_lane(shape):
    matrix, row, column = _matrix(*shape, LANES), _matrix(shape[1], LANES, seed=1), _matrix(shape[0], LANES, seed=2)
    for lane in range(LANES):
        one = matrix[..., lane]
        np.testing.assert_allclose(by_row(matrix, row)[:, lane], one @ row[:, lane], rtol=1e-14)
        np.testing.assert_allclose(by_column(matrix, column)[:, lane], column[:, lane] @ one, rtol=1e-14)
        expected = np.asarray(one).T @ np.diag(column[:, lane]) @ np.asarray(one)
        np.testing.assert_allclose(gram(matrix, column)[..., lane], expected, rtol=1e-13)
        np.testing.assert_allclose(gram(one, column[:, lane]), expected, rtol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 5, 24, 31])
def test_linear_systems(n):
    root = np.random.default_rng(n).standard_normal((n, n, LANES))
    matrix = np.einsum("ikl,jkl->ijl", root, root) + 0.1 * np.eye(n)[..., None]
    right = _matrix(n, LANES)
    found = solve_factorised(factorise(jnp.asarray(matrix)), jnp.asarray(right))
    for lane in range(LANES):
        exact = np.linalg.solve(matrix[..., lane], right[:, lane])
        np.testing.assert_allclose(found[:, lane], exact, rtol=1e-8)
        alone = solve_factorised(factorise(jnp.asarray(matrix[..., lane])), jnp.asarray(right[:, lane]))
        np.testing.assert_allclose(alone, exact, rtol=1e-8)


def test_a_matrix_that_is_not_positive_definite_gives_nan_in_its_own_lane():
    matrix = np.stack([np.eye(3), np.diag([1.0, -1.0, 1.0]), 2 * np.eye(3)], axis=-1)
    found = solve_factorised(factorise(jnp.asarray(matrix)), jnp.ones((3, 3)))
    np.testing.assert_array_equal(np.isnan(found).any(axis=0), [False, True, False])


@pytest.mark.parametrize("axis", [0, 1])
def test_sums_of_others_lose_nothing_beside_a_giant(axis):
    values = _matrix(4, 6, LANES)
    values = values.at[2, 3].set(1e18)  # a sum less this entry would be zero or rounding
    rest = 0.25 * jnp.ones((values.shape[1 - axis], LANES))
    found = others(values, values.sum(axis) + rest, rest, axis)
    for place in range(values.shape[axis]):
        without = np.delete(np.asarray(values), place, axis).sum(axis) + rest
        np.testing.assert_allclose(np.take(np.asarray(found), place, axis), without, rtol=1e-13)
