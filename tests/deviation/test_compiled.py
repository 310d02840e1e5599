"""Plain classes are compiled once for what comes to the same program, and never stale."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxmech.deviation import _compiled
from jaxmech.deviation._compiled import compiled

FACTOR = 2.0
TABLE = jnp.arange(400.0)


def asked(mechanism, power, x):
    return mechanism.respond(x) ** power


class Plain:
    def __init__(self, alpha, words=("one",)):
        self.alpha, self.inner, self.words = alpha, {"offsets": [np.ones(3)], "name": "inner"}, list(words)

    def respond(self, x):
        return self.alpha * x + self.inner["offsets"][0].sum()


class Branching(Plain):
    def respond(self, x):
        return x if self.alpha > 1 else -x


class Outside(Plain):
    def respond(self, x):
        return FACTOR * x + TABLE[3]


class Nested:
    def __init__(self, inner):
        self.inner, self.itself = inner, self

    def respond(self, x):
        return self.inner.respond(x) + 1


@pytest.fixture
def programs(monkeypatch):
    """How many programs have been compiled since, as a function."""
    monkeypatch.setattr(_compiled, "_programs", type(_compiled._programs)())
    return lambda: len(_compiled._programs)


def test_other_numbers_are_the_same_program(programs):
    assert [float(compiled(asked, Plain(a), 2)(4.0)) for a in (2.0, 3.0, 3.0)] == [121.0, 225.0, 225.0]
    assert programs() == 1
    one = Plain(jnp.asarray(2.0))
    assert float(compiled(asked, one, 1)(4.0)) == 11.0
    one.alpha = jnp.asarray(5.0)
    one.inner["offsets"][0] = np.zeros(3)
    assert float(compiled(asked, one, 1)(4.0)) == 20.0
    assert programs() == 2


def test_what_its_code_reads_elsewhere_is_never_stale(programs, monkeypatch):
    answers = [float(compiled(asked, Outside(1.0), 1)(4.0))]
    monkeypatch.setitem(globals(), "FACTOR", 10.0)
    answers.append(float(compiled(asked, Outside(1.0), 1)(4.0)))
    monkeypatch.setitem(globals(), "TABLE", -TABLE)
    answers.append(float(compiled(asked, Outside(1.0), 1)(4.0)))
    monkeypatch.setattr(Outside, "respond", lambda self, x: x)
    answers.append(float(compiled(asked, Outside(1.0), 1)(4.0)))
    assert answers == [11.0, 43.0, 37.0, 4.0]
    assert programs() == 4


def test_code_that_needs_plain_numbers_gets_them(programs):
    assert [float(compiled(asked, Branching(a), 1)(4.0)) for a in (2.0, 0.5, 3.0)] == [4.0, -4.0, 4.0]
    assert programs() == 2


def test_mechanisms_within_mechanisms_and_circles(programs):
    assert float(compiled(asked, Nested(Plain(2.0)), 1)(4.0)) == 12.0
    assert float(compiled(asked, Nested(Plain(3.0)), 1)(4.0)) == 16.0
    assert programs() == 1


def test_a_plain_class_is_traced_once_for_arguments_of_one_shape(programs):
    traced = []

    class Counting(Plain):
        def respond(self, x):
            traced.append(x.shape)
            return super().respond(x)

    run = compiled(asked, Counting(2.0), 1)
    for x in (jnp.ones(3), jnp.zeros(3), jnp.ones(2), jnp.ones(3)):
        np.testing.assert_allclose(run(x), 2 * x + 3)
    assert traced == [(3,), (2,)]


def test_the_least_recently_used_programs_go_first(programs, monkeypatch):
    monkeypatch.setattr(_compiled, "_MOST", 2)
    for power in (1, 2, 1, 3):
        compiled(asked, Plain(1.0), power)(1.0)
    assert programs() == 2
    assert float(compiled(asked, Plain(1.0), 2)(1.0)) == 16.0


def test_keys_and_pytrees():
    class Keyed:
        key = None

        def __init__(self, seed):
            self.key = jax.random.key(seed)

        def respond(self, x):
            return x + jax.random.normal(self.key)

    first, second = (float(compiled(asked, Keyed(seed), 1)(0.0)) for seed in (0, 1))
    assert first == pytest.approx(float(jax.random.normal(jax.random.key(0))))
    assert first != second
    assert float(compiled(lambda pair, x: pair[0] * x + pair[1], (2.0, np.ones(())))(3.0)) == 7.0
