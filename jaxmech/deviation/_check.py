"""Host: whether a mechanism that somebody wrote keeps to the protocol, check by check, before anything is searched."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._precision import seed_key
from jaxmech.deviation._inspect import inspect_mechanism, noise_is_known, respond
from jaxmech.deviation._reading import honest_points, needs_points
from jaxmech.mechanism import Stakes, Statistics

_ALIKE = 1e-9
"""Compiled, batched and called as it is, a mechanism answers the same up to this part of σ or of the answer."""


def check_mechanism(mechanism: Any, problem: Any, key: Any = None) -> tuple[str, ...]:
    """Check that a mechanism can be simulated, searched and audited, as ``check_estimator`` of scikit-learn does.

    - It has ``recommended`` and ``respond``; answers have the right shapes and precision, are finite, move along with
      the data, and know nothing that nobody submitted; nothing is remembered between calls.
    - The same submission and key give the same answer; compiled and batched it is that of a plain call.
    - Noise that is announced depends on the key.

    Whether anybody would gain by cheating is another question: :func:`jaxmech.audit.audit`.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism`.
        problem: anything with costs, sigma and price.
        key: random key of the data that are tried.

    Returns:
        What was checked, in words; all of it holds.

    Raises:
        ProblemError: for the first that does not: what came back, and the rule.

    Source: none; the protocol is this package's.

    Example:
        >>> from jaxmech import collaboration
        >>> problem = collaboration.Problem([[0.01]] * 5, 1.0)
        >>> plan = collaboration.solve(problem, mechanism="c3d").value
        >>> len(check_mechanism(collaboration.mechanism(problem, plan), problem))
        5
    """
    inspect_mechanism(mechanism, problem)
    stakes, key = Stakes.of(problem), seed_key(0) if key is None else key
    submission = _submission(mechanism, stakes, key)
    answer = _asked(lambda one: respond(mechanism, submission, one))
    plain = answer(key)
    _same("twice", plain, answer(key), stakes, "must answer alike to the same submission and key")
    _same("compiled", plain, jax.jit(answer)(key), stakes, "must answer compiled as it answers called as it is")
    pair = jnp.stack([key, jax.random.fold_in(key, 1)])
    first = jax.tree.map(lambda leaf: leaf[0], jax.vmap(answer)(pair))
    _same("batched", plain, first, stakes, "must answer in a batch as it answers alone: no sums over the whole batch")
    if noise_is_known(mechanism, problem):
        rule = "is announced, but does not depend on the key: whoever knows the mechanism subtracts it"
        raise ProblemError("mechanism.respond(...).noisy_mean", "the same under two keys", rule)
    return (
        "answers have the right shapes, are finite, and follow from what is submitted",
        "the same submission and key give the same answer",
        "compiled it answers the same",
        "batched it answers the same",
        "noise depends on the key",
    )


def _submission(mechanism: Any, stakes: Stakes, key: Any) -> Any:
    """Honest data of everybody, in the form that the mechanism reads."""
    samples = jnp.asarray(mechanism.recommended.samples, stakes.costs.dtype)
    spread = jnp.where(samples > 0, stakes.sigma / jnp.sqrt(jnp.where(samples > 0, samples, 1.0)), 0.0)
    told = Statistics(samples, spread * jax.random.normal(key, samples.shape, samples.dtype))
    if not needs_points(mechanism, stakes):
        return told
    return honest_points(told, stakes, max(1, int(np.ceil(np.max(np.asarray(samples))))))


def _asked(run: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """The same; an error of the mechanism's code is one line."""

    def ask(key: Any) -> dict[str, Any]:
        try:
            return run(key)
        except Exception as error:
            said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            raise ProblemError("mechanism.respond", said, "must answer under jit and vmap over keys") from error

    return ask


def _same(how: str, one: dict[str, Any], other: dict[str, Any], stakes: Stakes, rule: str) -> None:
    scale = float(jnp.max(stakes.sigma))
    for name, values in one.items():
        left, right = np.asarray(values, float), np.asarray(other[name], float)
        off = ~(np.abs(left - right) <= _ALIKE * (scale + np.abs(left))) & ~(left == right)
        off &= ~(np.isnan(left) & np.isnan(right))
        if np.any(off):
            place = "".join(f"[{i}]" for i in np.argwhere(off)[0])
            raise ProblemError(f"mechanism.respond(...).{name}{place}, {how}", float(right[off][0]), rule)
