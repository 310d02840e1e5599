"""Compiling functions of a mechanism: once for all mechanisms of a kind where they are pytrees, else for each one."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def compiled(function: Callable[..., Any], mechanism: Any, *static: Any) -> Callable[..., Any]:
    """Return ``function(mechanism, *static, ...)`` as a compiled function of the remaining arguments.

    A mechanism whose leaves are arrays is an argument like any other, so that the next one of its kind finds everything
    compiled. What a user writes as a plain class is closed over, and compiled anew.

    Args:
        function: pure, takes the mechanism first.
        mechanism: any.
        static: hashable arguments that come next.

    Example:
        >>> compiled(lambda mechanism, power, x: mechanism * x**power, 3.0, 2)(4.0)
        Array(48., dtype=float...)
    """
    if all(isinstance(leaf, jax.Array | np.ndarray | float) for leaf in jax.tree.leaves(mechanism)):
        return functools.partial(_shared(function, static), mechanism)
    return jax.jit(functools.partial(function, mechanism, *static))


@functools.cache
def _shared(function: Callable[..., Any], static: tuple[Any, ...]) -> Callable[..., Any]:
    shared: Callable[..., Any] = jax.jit(lambda mechanism, *rest: function(mechanism, *static, *rest))
    return shared
