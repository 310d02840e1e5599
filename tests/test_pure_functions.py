"""What is called pure is: every function on the list compiles, batches, nests, differentiates and lowers."""

import inspect
import re
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from jaxmech import audit, collaboration, design, deviation, federated, market, mechanism, multiparty, numerics
from tests.pure import HOST, PURE
from tests.slopes import linearized

pytestmark = pytest.mark.usefixtures("compile_quickly")

PACKAGES = (numerics, mechanism, collaboration, market, multiparty, deviation, audit, design, federated)
CASES = [pytest.param(name, marks=pytest.mark.slow if case.slow else ()) for name, case in PURE.items()]
FACTORS = np.array([1.0, 1.02, 0.97, 1.05])

# Whoever runs the tests compiles and lowers every function; batches and slopes take a compilation more each.
IN_CI = [pytest.param(name, marks=pytest.mark.slow if case.slow else pytest.mark.long) for name, case in PURE.items()]

every = pytest.mark.parametrize("name", CASES)
every_in_ci = pytest.mark.parametrize("name", IN_CI)


def _batch(case, *shape):
    """The arguments, times a factor for each instance."""
    factors = FACTORS[: int(np.prod(shape))].reshape(shape)
    return tuple(jnp.asarray(np.multiply.outer(factors, argument)) for argument in case.arguments)


def _at(batched, i):
    return tuple(argument[i] for argument in batched)


def _floats(tree):
    """The numbers of an answer that can have a derivative, infinite ones left out: where nobody is checked, say."""
    leaves = [
        jnp.asarray(leaf) for leaf in jax.tree.leaves(tree) if not jax.dtypes.issubdtype(leaf, jax.dtypes.prng_key)
    ]
    return [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]


def _assert_same(one, other, within):
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(np.asarray(left), np.asarray(right), rtol=within, atol=within, equal_nan=True)


@cache
def _compiled(name):
    """The function compiled: one object, so that what takes it again finds it traced."""
    return jax.jit(PURE[name].function)


@cache
def _compiled_for_batches(name):
    return jax.jit(jax.vmap(PURE[name].function))


@cache
def _alone(name):
    """The answers of instances one by one, compiled."""
    batched = _batch(PURE[name], 4)
    return [jax.device_get(_compiled(name)(*_at(batched, i))) for i in range(4)]


def _numbers(answer):
    """Amounts and prices, not residuals and steps: those count the work, which batches do in another order."""
    return answer.value if hasattr(answer, "steps") and hasattr(answer, "value") else answer


@every
def test_compiled_as_not_compiled(name):
    case = PURE[name]
    eager = case.function(*map(jnp.asarray, case.arguments))
    _assert_same(_numbers(_alone(name)[0]), _numbers(eager), case.within)


def _assert_a_loop(name, function, shape):
    """Instances side by side are those one by one."""
    case = PURE[name]
    many = function(*_batch(case, *shape))
    for i, alone in enumerate(_alone(name)):
        index = np.unravel_index(i, shape)
        _assert_same([leaf[index] for leaf in jax.tree.leaves(_numbers(many))], _numbers(alone), case.within)


@every_in_ci
def test_batches_as_a_loop(name):
    _assert_a_loop(name, _compiled_for_batches(name), (4,))


@every_in_ci
def test_nested_batches_as_a_loop(name):
    _assert_a_loop(name, jax.jit(jax.vmap(jax.vmap(_compiled(name)))), (2, 2))


def _total(name):
    """A scalar of every answer's numbers, each with a weight of its own, and of residuals, which are constants."""

    def scalar(arguments):
        numbers = _floats(_compiled(name)(*arguments))
        parts = [
            jnp.where(jnp.isfinite(leaf), leaf, 0.0) * jnp.cos(jnp.arange(leaf.size).reshape(leaf.shape))
            for leaf in numbers
        ]
        return sum(jnp.sum(part) for part in parts)

    return scalar


@every_in_ci
def test_slopes_in_batches_forward_and_reverse(name):
    case = PURE[name]
    scalar, batched = _total(name), _batch(case, 2)

    def slopes(arguments):
        value, push, pull = linearized(scalar, arguments)
        return push(arguments), pull(jnp.ones_like(value))[0]

    if case.derivative != "reverse":
        assert len(case.derivative) > len("forward")
        return
    forward, reverse = jax.jit(jax.vmap(slopes))(batched)
    along = sum(np.sum(np.asarray(s * a).reshape(2, -1), axis=1) for s, a in zip(reverse, batched, strict=True))
    assert np.all(np.isfinite(along))
    np.testing.assert_allclose(forward, along, rtol=1e-6, atol=1e-9)


def _assert_lowers(name, function, arguments):
    module = export.export(function, platforms=["cuda", "tpu"])(*map(jnp.asarray, arguments)).mlir_module()
    assert set(re.findall(r"custom_call @([^(]+)", module)) <= set(PURE[name].calls)


@every
def test_lowers_for_accelerators_without_calls_of_libraries(name):
    _assert_lowers(name, _compiled(name), PURE[name].arguments)


@every_in_ci
def test_batches_lower_for_accelerators_without_calls_of_libraries(name):
    _assert_lowers(name, _compiled_for_batches(name), _batch(PURE[name], 4))


def test_every_public_function_is_on_one_of_the_lists():
    public = {
        f"{package.__name__.rpartition('.')[2]}.{name}"
        for package in PACKAGES
        for name in package.__all__
        if inspect.isfunction(getattr(package, name))
    }
    assert public - set(PURE) - set(HOST) == set()
    assert set(PURE) & set(HOST) == set()
    assert {name for name in HOST if name not in public} == set()
