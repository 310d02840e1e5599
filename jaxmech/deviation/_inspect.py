"""Refusing a mechanism that cannot be right, before any search: wrong shapes, NaN, knowledge that nobody submitted."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._precision import seed_key
from jaxmech._tolerances import tolerances
from jaxmech.deviation._compiled import compiled
from jaxmech.mechanism import Information, Mechanism, Stakes, Statistics

_PER_DISTRIBUTION = ("clean_count", "clean_mean", "noisy_count", "noisy_mean", "noisy_variance")
_SHIFT = 8.0
"""By how many σ all data are moved to see whether the answer moves along."""


def inspect_mechanism(mechanism: Any, problem: Any) -> None:
    """Run a mechanism on honest data, on the same data moved, and on none, and refuse what cannot be right.

    A mechanism sees submissions and a key. So if everybody's data move by some amount, what comes back must move by the
    same amount; and if nobody submits anything, nothing can come back. Whatever fails one of the two knows the true
    mean from elsewhere, or assumes some means to be more likely than others, and no supremum over all means says
    anything about it. What cannot be told: a mechanism that uses its knowledge only for inputs that are not tried here.

    Args:
        mechanism: what claims to be one.
        problem: anything with costs, sigma and price.

    Raises:
        ProblemError: one line: what came back, for whom, and the rule.

    Example:
        >>> from jaxmech import collaboration
        >>> problem = collaboration.Problem([[0.01]] * 5, 1.0)
        >>> plan = collaboration.solve(problem, mechanism="c3d").value
        >>> inspect_mechanism(collaboration.mechanism(problem, plan), problem)
    """
    stakes = Stakes.of(problem)
    if not isinstance(mechanism, Mechanism):
        rule = "must have recommended (with samples) and respond(submission, key)"
        raise ProblemError("mechanism", type(mechanism).__name__, rule)
    samples = _recommended(mechanism, stakes)
    spread = jnp.where(samples > 0, stakes.sigma / jnp.sqrt(jnp.where(samples > 0, samples, 1.0)), 0.0)
    key, data_key = jax.random.split(seed_key(0))
    means = spread * jax.random.normal(data_key, samples.shape, samples.dtype)
    moved_by = _SHIFT * stakes.sigma
    answer = _answer(mechanism, stakes, Statistics(samples, means), key)
    _check_finite(answer)
    moved = _answer(mechanism, stakes, Statistics(samples, jnp.where(samples > 0, means + moved_by, 0.0)), key)
    _check_moves(answer, moved, np.asarray(moved_by))
    nothing = jnp.zeros_like(samples)
    empty = _answer(mechanism, stakes, Statistics(nothing, nothing), key)
    for name in ("clean_count", "noisy_count"):
        for i, k in np.argwhere(~(empty[name] <= 0)):
            rule = "nobody submitted anything: what comes back must be knowledge from elsewhere"
            raise ProblemError(f"mechanism.respond(...).{name}[{i}][{k}]", float(empty[name][i, k]), rule)


def _recommended(mechanism: Any, stakes: Stakes) -> jax.Array:
    name = "mechanism.recommended.samples"
    try:
        given = np.asarray(mechanism.recommended.samples, dtype=float)
    except (AttributeError, TypeError, ValueError):
        rule = "must be numbers, one per agent and distribution"
        raise ProblemError("mechanism.recommended", mechanism.recommended, f"samples {rule}") from None
    if given.shape != stakes.costs.shape:
        raise ProblemError(name, given.shape, f"must have the shape of the costs, {stakes.costs.shape}")
    costs = np.asarray(stakes.costs)
    for i, k in np.argwhere(~(np.isfinite(given) & (given >= 0))):
        raise ProblemError(f"{name}[{i}][{k}]", float(given[i, k]), "must be 0 or more, and finite")
    for i, k in np.argwhere((given > 0) & ~np.isfinite(costs)):
        raise ProblemError(f"{name}[{i}][{k}]", float(given[i, k]), "must be 0: she cannot sample this (cost inf)")
    return jnp.asarray(given, stakes.costs.dtype)


def _answer(mechanism: Any, stakes: Stakes, submission: Statistics, key: jax.Array) -> dict[str, np.ndarray]:
    """Run it, and return its fields as arrays of the right shapes."""
    try:
        information = compiled(_respond, mechanism)(submission, key)
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        said = f"{type(error).__name__}: {error}"
        rule = "must answer Statistics(count, mean), reading nothing but count and mean"
        raise ProblemError("mechanism.respond", said, rule) from error
    m, d = stakes.costs.shape
    fields: dict[str, np.ndarray] = {}
    for name in (*_PER_DISTRIBUTION, "payment"):
        if name not in information:
            rule = f"must be Information with the fields {', '.join(_PER_DISTRIBUTION)}"
            raise ProblemError("mechanism.respond(...)", f"no {name}", rule)
        expected = (m,) if name == "payment" else (m, d)
        fields[name] = np.asarray(information[name], dtype=float)
        if fields[name].shape != expected:
            what = "(agents,)" if name == "payment" else "(agents, distributions)"
            raise ProblemError(f"mechanism.respond(...).{name}", fields[name].shape, f"must be {what} = {expected}")
    return fields


def _respond(mechanism: Any, submission: Statistics, key: jax.Array) -> dict[str, Any]:
    answer: Information = mechanism.respond(submission, key)
    return {name: getattr(answer, name) for name in (*_PER_DISTRIBUTION, "payment") if hasattr(answer, name)}


def _check_finite(answer: dict[str, np.ndarray]) -> None:
    used = {"clean_mean": answer["clean_count"] > 0, "noisy_mean": answer["noisy_count"] > 0}
    used["noisy_variance"] = used["noisy_mean"]
    for name, values in answer.items():
        bad = ~np.isfinite(values) & used.get(name, np.ones(values.shape, bool))
        for index in np.argwhere(bad):
            where = "".join(f"[{i}]" for i in index)
            value = float(values[tuple(index)])
            raise ProblemError(f"mechanism.respond(...).{name}{where}", value, "must be finite where all are honest")
    for name in ("clean_count", "noisy_count"):
        for i, k in np.argwhere(answer[name] < 0):
            raise ProblemError(
                f"mechanism.respond(...).{name}[{i}][{k}]", float(answer[name][i, k]), "must be 0 or more"
            )


def _check_moves(answer: dict[str, np.ndarray], moved: dict[str, np.ndarray], by: np.ndarray) -> None:
    # Roundings of numbers of the size of the shift.
    slack = 1e4 * tolerances(jnp.zeros(()).dtype).eps
    for name, values in answer.items():
        expected = values + by if name in ("clean_mean", "noisy_mean") else values
        counted = {"clean_mean": "clean_count", "noisy_mean": "noisy_count", "noisy_variance": "noisy_count"}
        used = answer[counted[name]] > 0 if name in counted else np.ones(values.shape, bool)
        size = np.abs(values) + (by if values.ndim == 2 else by.max())
        for index in np.argwhere(used & ~(np.abs(moved[name] - expected) <= slack * size)):
            place = tuple(index)
            where = f"mechanism.respond(...).{name}" + "".join(f"[{i}]" for i in index)
            change, due = moved[name][place] - values[place], (expected - values)[place]
            rule = (
                f"moved by {change:.4g} where all data moved by {by[place[-1] if values.ndim == 2 else 0]:.4g}, not by "
                f"{due:.4g}: it knows the true mean from elsewhere, or prefers some means to others"
            )
            raise ProblemError(where, float(values[place]), rule)
