"""Programs that batch keeps are never stale, and are not made twice: every way in which a function can change."""

import dataclasses
import functools
import gc
import random
import sys
import threading
import time
import types
from collections import defaultdict, namedtuple
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from beartype import beartype
from jaxtyping import Array, Float, jaxtyped

import jaxmech as jm
from jaxmech import _programs
from jaxmech._code import loads
from jaxmech._content import MOST_BYTES, MOST_PARTS, callables, content

X = np.array([1.0, 2.0, 3.0])

SCALE = 2.0
TABLE = {"scale": 2.0}
LIST = [[2.0]]
ARRAY = np.array([2.0, 0.0])
CONFIG = types.ModuleType("config")
CONFIG.scale = 2.0
LOCAL = types.ModuleType("a_module_of_the_user")
LOCAL.scale = 2.0
sys.modules[LOCAL.__name__] = LOCAL
Pair = namedtuple("Pair", ("scale", "rest"))


@dataclasses.dataclass
class Settings:
    scale: float = 2.0


class Slots:
    __slots__ = ("scale",)

    def __init__(self):
        self.scale = 2.0


class Model:
    """State in the object, in the class, and behind a property."""

    shared = 2.0

    def __init__(self):
        self.own = 2.0

    def by_own(self, x):
        return x * self.own

    def by_class(self, x):
        return x * self.shared

    @property
    def scale(self):
        return SCALE

    def by_property(self, x):
        return x * self.scale

    def __call__(self, x):
        return x * self.own


SETTINGS, SLOTS, MODEL = Settings(), Slots(), Model()


def by_global(x):
    return x * SCALE


def by_other(x):
    return by_global(x)


def by_itself(x, times=1):
    return x if times == 0 else by_itself(x * SCALE, times - 1)


def by_default(x, table=TABLE):
    return x * table["scale"]


def by_keyword(x, *, array=ARRAY):
    return x * array[0]


def by_code(x):
    return x * 2.0


def by_code_and_default(x, scale=2.0):
    return x * scale


def by_import(x):
    import a_module_of_the_user as user

    return x * user.scale


def handed(config, x):
    return x * config.scale


def step(carry, _):
    return carry * SCALE, None


by_jit = jax.jit(by_global)


@jax.custom_jvp
def by_rule(x):
    return x * SCALE


by_rule.defjvp(lambda primals, tangents: (by_rule(*primals), tangents[0] * SCALE))


def set_global(value):
    globals()["SCALE"] = value


def closure():
    cell = [2.0]
    return (lambda x: x * cell[0]), lambda value: cell.__setitem__(0, value)


def held():
    """Functions in attributes of functions."""

    def function(x):
        return x * function.scale

    function.scale = 2.0
    return function, lambda value: setattr(function, "scale", value)


def setter(thing, name="scale"):
    return lambda value: setattr(thing, name, value)


WAYS = {
    "a global": (by_global, set_global),
    "a global of a function that it calls": (by_other, set_global),
    "a global of a recursion": (by_itself, set_global),
    "a lambda": (lambda x: x * SCALE, set_global),
    "a nested function": (lambda x: sum(x * SCALE for _ in range(1)), set_global),
    "a global of the body of a scan": (lambda x: jax.lax.scan(step, x, None, length=1)[0], set_global),
    "a global of a function that is jitted": (by_jit, set_global),
    "a global of a function that is jitted inside": (lambda x: by_jit(x) + 0, set_global),
    "a global of a function with a rule": (by_rule, set_global),
    "a global behind a gradient": (jax.grad(lambda x: by_global(x) * x / 2), set_global),
    "a global behind checkpoint": (jax.checkpoint(by_global), set_global),
    "a global behind a property": (MODEL.by_property, set_global),
    "a dictionary": (lambda x: x * TABLE["scale"], lambda value: TABLE.__setitem__("scale", value)),
    "a list in a list": (lambda x: x * LIST[0][0], lambda value: LIST[0].__setitem__(0, value)),
    "an array": (lambda x: x * ARRAY[0], lambda value: ARRAY.__setitem__(0, value)),
    "an attribute of a module": (lambda x: x * CONFIG.scale, setter(CONFIG)),
    "an attribute of a module that it imports": (by_import, setter(LOCAL)),
    "an attribute of a module that it hands on": (lambda x: handed(CONFIG, x), setter(CONFIG)),
    "a dataclass": (lambda x: x * SETTINGS.scale, setter(SETTINGS)),
    "slots": (lambda x: x * SLOTS.scale, setter(SLOTS)),
    "the object that it is bound to": (MODEL.by_own, setter(MODEL, "own")),
    "the class of that object": (MODEL.by_class, setter(Model, "shared")),
    "an object that can be called": (MODEL, setter(MODEL, "own")),
    "a closure": closure(),
    "an attribute of a function": held(),
    "a default": (by_default, lambda value: TABLE.__setitem__("scale", value)),
    "a default by keyword": (by_keyword, lambda value: ARRAY.__setitem__(0, value)),
    "its code": (by_code, lambda value: setattr(by_code, "__code__", eval(f"lambda x: x * {value}").__code__)),
    "its defaults": (by_code_and_default, lambda value: setattr(by_code_and_default, "__defaults__", (value,))),
    "a partial": (functools.partial(lambda a, x: x * a["scale"], TABLE), lambda value: TABLE.update(scale=value)),
    "a set": (lambda x, s={2.0}: x * next(iter(s)), None),
    "a named tuple": (lambda x: x * LIST[0][0].scale, lambda value: LIST[0].__setitem__(0, Pair(value, ()))),
    "a type": (lambda x: x * LIST[0][0]().scale, lambda value: LIST[0].__setitem__(0, type("A", (), {"scale": value}))),
    "an array of JAX": (lambda x: x * LIST[0][0], lambda value: LIST[0].__setitem__(0, jnp.float64(value))),
    "an array above the limit": (lambda x: x * LIST[0][0][0], None),
    "a wrapped dictionary": (lambda x: x * LIST[0][0]["scale"], None),
}


def _change(way, function, change):
    """Ways that change in place what a list above holds, or a default."""
    if way == "a set":
        return lambda value: (function.__defaults__[0].clear(), function.__defaults__[0].add(value))
    if way == "an array above the limit":
        LIST[0][0] = np.full(MOST_BYTES // 8 + 1, 2.0)
        return lambda value: LIST[0][0].__setitem__(0, value)
    if way == "a wrapped dictionary":
        inner = defaultdict(float, scale=2.0)
        LIST[0][0] = types.MappingProxyType(inner)
        return lambda value: inner.__setitem__("scale", value)
    return change


@pytest.mark.parametrize("way", WAYS)
def test_what_a_function_reads_is_read_anew(way):
    function, change = WAYS[way]
    change = _change(way, function, change)
    for value in (2.0, 20.0, 2.0, 5.0):
        change(value)
        np.testing.assert_array_equal(jm.batch(function, X), X * value)
    change(2.0)


def test_functions_in_the_static_part_of_problems_count():
    """Static parts of the problems count as well: the quality of a problem of competitors is a function."""
    cell = [2.0]

    @jax.tree_util.register_pytree_node_class
    class Held:
        def __init__(self, x, function):
            self.x, self.function = x, function

        def tree_flatten(self):
            return (self.x,), self.function

        @classmethod
        def tree_unflatten(cls, function, leaves):
            return cls(*leaves, function)

    def quality(x):
        return x * cell[0]

    for cell[0] in (2.0, 20.0):
        found = jm.batch(lambda held: held.function(held.x), Held(X, quality))
        np.testing.assert_array_equal(found, X * cell[0])


def _imports_something_new(x):
    import a_module_that_nobody_has

    return x * a_module_that_nobody_has.scale


def _sets_a_global(x):
    global SCALE
    SCALE = 2.0
    return x


def _reads(part):
    return lambda x: (part, x)[1]


UNTOLD = {
    "chance of NumPy": lambda x: x + np.random.normal(),  # noqa: NPY002
    "chance": lambda x: x + random.random(),
    "the clock": lambda x: x + time.perf_counter(),
    "a generator of NumPy": _reads(np.random.default_rng(0)),
    "an iterator": _reads(iter(range(100))),
    "a generator": _reads(number for number in range(3)),
    "identity": lambda x: x + id(x),
    "all globals": lambda x: x + globals()["SCALE"],
    "computed names": lambda x, name="scale": x + getattr(CONFIG, name),
    "reflection": lambda x: x + CONFIG.__dict__["scale"],
    "a file": lambda x: x + float(Path("/proc/uptime").read_text().split()[0]),
    "an array in a file": lambda x: x + np.load("array.npy"),
    "an object of C": _reads(threading.Lock()),
    "a great many parts": _reads([[] for _ in range(MOST_PARTS)]),
    "an import that has not happened": _imports_something_new,
    "a global that it sets": _sets_a_global,
}


@pytest.mark.parametrize("what", UNTOLD)
def test_what_cannot_be_told_is_said_so(what):
    assert content(UNTOLD[what]) is None


def test_random_numbers_are_drawn_again():
    generator = np.random.default_rng(0)
    first, second = (jm.batch(lambda x: x + generator.normal(), X) for _ in range(2))
    assert (first != second).all()


def test_loads_finds_names_with_their_attributes():
    def outer(x):
        return [np.linalg.norm(x) * SCALE for _ in range(2)]

    assert {("np", "linalg", "norm"), ("SCALE",), ("range",)} == set(loads(outer.__code__))


def test_callables_are_those_of_the_user():
    assert set(map(id, callables(lambda x: by_other(jnp.sum(x))))) == {id(by_other), id(by_global)}
    assert by_itself in callables(by_itself)


class Counter:
    """How often JAX traced one instance, and compiled."""

    def __init__(self, monkeypatch):
        self.traced = self.compiled = 0
        real_trace, real_runner = _programs.Traced.__init__, _programs._OneDevice.runner

        def traced(*arguments):
            self.traced += 1
            real_trace(*arguments)

        def runner(*arguments):
            self.compiled += 1
            return real_runner(*arguments)

        monkeypatch.setattr(_programs.Traced, "__init__", traced)
        monkeypatch.setattr(_programs._OneDevice, "runner", runner)

    def __call__(self, function, problems=X):
        before = self.traced, self.compiled
        jm.batch(function, problems)
        return self.traced - before[0], self.compiled - before[1]


@pytest.fixture
def counted(monkeypatch):
    return Counter(monkeypatch)


def test_equal_content_is_neither_traced_nor_compiled_again(counted):
    weight = np.arange(3.0)
    assert counted(lambda x: x @ weight, np.eye(3)) == (1, 1)
    assert counted(lambda x: x @ weight, np.ones((3, 3))) == (0, 0), "another code object"
    made = [lambda x: x @ weight for _ in range(5)]
    assert [counted(function, np.eye(3)) for function in made] == [(0, 0)] * 5
    assert counted(made[0], np.ones((9, 3)))[0] == 0, "another size"
    weight[0] = 7.0
    assert counted(made[0], np.eye(3)) == (1, 1)
    weight[0] = 0.0
    assert counted(made[0], np.eye(3)) == (0, 0), "what it was before is still there"


def test_equal_programs_are_not_compiled_again(counted):
    def make(unused):
        return lambda x: (unused, x - 4711.0)[1]

    assert counted(make(0)) == (1, 1)
    assert [counted(make(unused)) for unused in (1, "a", threading.Lock(), threading.Lock())] == [(1, 0)] * 4
    assert counted(lambda x: x - 4712.0) == (1, 1)


def test_an_object_that_has_changed_does_not_speak_for_an_equal_one(counted):
    """The first of two equal objects is traced; what it becomes later must not be what the second one is."""
    first, second = Model(), Model()
    assert jm.batch(first.by_own, X)[0] == 2.0
    first.own = 20.0
    assert jm.batch(second.by_own, np.ones((3, 2)))[0, 0] == 2.0


def test_precision_and_other_settings_are_part_of_the_key(counted):
    numbers = np.arange(1, 4)

    def third(x):
        return x / 3

    for double, precision in ((False, np.float32), (True, np.float64), (False, np.float32)):
        with jax.enable_x64(double):
            found = jm.batch(third, numbers)
        assert found.dtype == precision
        np.testing.assert_array_equal(found, numbers.astype(precision) / precision(3))
    with jax.default_matmul_precision("highest"):
        assert counted(third, numbers)[0] == 1


def test_calls_to_the_host_reach_the_function_that_was_handed_in():
    def make(seen):
        def note(x):
            jax.debug.callback(lambda value: seen.append(float(value)), x)
            return x

        return note

    first, second = [], []
    jm.batch(make(first), X)
    jm.batch(make(second), X)
    jax.effects_barrier()
    assert set(first) == set(second) == {1.0, 2.0, 3.0}


@pytest.mark.long
def test_what_is_kept_is_bounded():
    for kept in (_programs._TRACED, _programs._PLACED, _programs._PROGRAMS):
        kept._kept.clear()
    for i in range(_programs.MOST_KEPT + 5):
        jm.batch(eval(f"lambda x: x + {i}.5"), X)
    gc.collect()
    assert {len(kept._kept) for kept in (_programs._TRACED, _programs._PLACED, _programs._PROGRAMS)} == {
        _programs.MOST_KEPT
    }


def test_attributes_that_fail_are_no_failure():
    class Touchy:
        def __getattr__(self, name):
            raise KeyError(name)

    np.testing.assert_array_equal(jm.batch(_reads(Touchy()), X), X)


def test_what_checks_types_only_is_the_function_that_it_checks():
    def plain(x, shift):
        return x + shift

    def checked(shift):
        @jaxtyped(typechecker=beartype)
        def function(x: Float[Array, " n"]) -> Float[Array, " n"]:
            return plain(x, shift)

        return function

    assert content(checked(1.0)) == content(checked(1.0))
    assert content(checked(1.0)) not in (None, content(checked(2.0)))
