"""Agents who are alike get alike, however many there are."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech.numerics import _sharing
from jaxmech.numerics._program import Kind
from tests.numerics.programs import inside, program


def test_groups_are_those_of_equal_rows():
    data = np.random.default_rng(0).choice([0.5, 1.0, np.inf], (300, 4))
    found = np.asarray(_sharing._groups(jnp.asarray(data)))
    _, expected = np.unique(data, axis=0, return_inverse=True)
    np.testing.assert_array_equal(found[:, None] == found, expected[:, None] == expected)
    assert set(found) == set(range(found.max() + 1))


def test_means_by_groups_are_those_by_pairs():
    rng = np.random.default_rng(1)
    data = jnp.asarray(rng.choice([0.5, 1.0], (40, 3)))
    alone = jnp.concatenate([data, jnp.full((1, 3), 7.0)])
    by_groups, by_pairs = jax.jit(_sharing._by_groups(alone)), jax.jit(_sharing._by_pairs(alone))
    for shape in ((41,), (41, 2)):
        values = jnp.asarray(rng.standard_normal(shape))
        np.testing.assert_allclose(by_groups(values), by_pairs(values), rtol=1e-13)
        assert (by_groups(values)[-1] == values[-1]).all()


def test_many_agents_as_few(monkeypatch):
    """Those who are alike get the same to the last bit; who is like nobody keeps what she has."""
    data = program(Kind.WEIGHTED, 6, 2)
    twice = jnp.array([0, 1, 0, 3, 4, 0])
    rows = ("costs", "weights", "bounds", "direction", "able", "bounded")
    data = dataclasses.replace(data, **{name: getattr(data, name)[twice] for name in rows})
    point = inside(data)
    few = _sharing._alike(data, point)
    monkeypatch.setattr(_sharing, "MANY", 4)
    many = _sharing._alike(data, point)
    for one, other, own in zip(*map(jax.tree.leaves, (many, few, point)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)
        if np.ndim(one) and len(one) == 6:
            assert (one[0] == one[2]).all()
            assert (one[0] == one[5]).all()
            np.testing.assert_array_equal(one[jnp.array([1, 3, 4])], own[jnp.array([1, 3, 4])])
    different = program(Kind.WEIGHTED, 6, 2)
    for one, own in zip(*map(jax.tree.leaves, (_sharing._alike(different, point), point)), strict=True):
        np.testing.assert_array_equal(one, own)
