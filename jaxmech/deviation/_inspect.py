"""Refusing a mechanism that cannot be right, before any search: wrong shapes, NaN, knowledge that nobody submitted."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._precision import seed_key
from jaxmech._tolerances import tolerances
from jaxmech.deviation._compiled import compiled
from jaxmech.deviation._reading import honest_points, needs_points
from jaxmech.mechanism import Information, Mechanism, Stakes, Statistics, Submission

_PER_DISTRIBUTION = ("clean_count", "clean_mean", "noisy_count", "noisy_mean", "noisy_variance")
FIELDS = (*_PER_DISTRIBUTION, "payment")
_SHIFT = 8.0
"""By how many σ all data are moved to see whether the answer moves along."""
_DEPARTURES = (
    ("submits 1e-3 of what is recommended", 1e-3, 0.0),
    ("submits 100 times what is recommended", 100.0, 0.0),
    ("submits a mean 20 sigma off", 1.0, 20.0),
    ("submits a mean 1000 sigma off", 1.0, -1e3),
)
"""How the first agent departs to see whether numbers stay numbers: in words, by which factor, by how many σ."""
_SINGLE = 1e-5
"""Relative inaccuracy that looks like float32."""
_NOISIER = 1 + 1e-6
"""A noisy point is one that is told to have a variance above σ² times this."""
_REMEDIES: tuple[tuple[type[Exception], str], ...] = (
    (
        jax.errors.TracerBoolConversionError,
        "uses `if`, `and` or `while` on a number that depends on the submissions: use jnp.where, so that it compiles",
    ),
    (
        jax.errors.TracerArrayConversionError,
        "uses NumPy on what is submitted: use jax.numpy (jnp), so that it compiles",
    ),
    (
        jax.errors.TracerIntegerConversionError,
        "uses a number that depends on the submissions as an index or a length: use jnp.take or a mask",
    ),
    (
        jax.errors.NonConcreteBooleanIndexError,
        "selects entries by a mask that depends on the submissions: use jnp.where, which keeps the shape",
    ),
    (
        jax.errors.ConcretizationTypeError,
        "turns what is submitted into a Python number (float, int, round): leave it an array, so that it compiles",
    ),
)
"""Errors of code that cannot be compiled, the special ones first, and what to do about each."""


def inspect_mechanism(mechanism: Any, problem: Any) -> None:
    """Run a mechanism on honest data, on the same data moved, and on none, and refuse what cannot be right.

    The data are counts and means, or whole data sets where a mechanism cannot answer these.

    A mechanism sees submissions and a key. So if everybody's data move by some amount, what comes back must move by the
    same amount; and if nobody submits anything, nothing can come back. Whatever fails one of the two knows the true
    mean from elsewhere, or assumes some means to be more likely than others, and no supremum over all means says
    anything about it. What cannot be told: a mechanism that uses its knowledge only for inputs that are not tried here.

    Args:
        mechanism: what claims to be one.
        problem: anything with costs, sigma and price.

    Raises:
        ProblemError: one line: what came back, for whom, and the rule.

    Source: Clinton et al. 2025, section 2: penalties are suprema over all means, so that nobody may know them.

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
    with _stateless(mechanism):
        _try(mechanism, stakes)


def _try(mechanism: Any, stakes: Stakes) -> None:
    """Ask for answers to honest data, to the same moved, to none, and to one agent's departures."""
    samples = _recommended(mechanism, stakes)
    run = _Run.of(mechanism, stakes, samples)
    key, asked = _questions(stakes, samples)
    answer = run.answer(asked.honest, key)
    _check_numbers(answer, "where all are honest")
    _check_moves(answer, run.answer(asked.moved, key), _SHIFT * np.asarray(stakes.sigma))
    empty = run.answer(asked.nothing, key)
    for name in ("clean_count", "noisy_count"):
        for i, k in np.argwhere(~(empty[name] <= 0)):
            rule = "nobody submitted anything: what comes back must be knowledge from elsewhere"
            raise ProblemError(f"mechanism.respond(...).{name}[{i}][{k}]", float(empty[name][i, k]), rule)
    for (words, factor, _), submitted in zip(_DEPARTURES, asked.departures, strict=True):
        if run.capacity and factor > 1:
            continue  # no room for more points
        _check_numbers(run.answer(submitted, key), f"where agent 1 {words}")


class _Asked(NamedTuple):
    """What is submitted: honest data, the same moved, nothing, and one agent's departures."""

    honest: Statistics
    moved: Statistics
    nothing: Statistics
    departures: tuple[Statistics, ...]


@jit
def _questions(stakes: Stakes, samples: jax.Array) -> tuple[jax.Array, _Asked]:
    """A key, and all submissions: one program for all."""
    spread = jnp.where(samples > 0, stakes.sigma / jnp.sqrt(jnp.where(samples > 0, samples, 1.0)), 0.0)
    key, data_key = jax.random.split(seed_key(0))
    means = spread * jax.random.normal(data_key, samples.shape, samples.dtype)
    nothing = jnp.zeros_like(samples)
    return key, _Asked(
        Statistics(samples, means),
        Statistics(samples, jnp.where(samples > 0, means + _SHIFT * stakes.sigma, 0.0)),
        Statistics(nothing, nothing),
        tuple(
            Statistics(samples.at[0].multiply(factor), means.at[0].add(shift * stakes.sigma))
            for _, factor, shift in _DEPARTURES
        ),
    )


@contextlib.contextmanager
def _stateless(mechanism: Any) -> Iterator[None]:
    """Refuse a mechanism that remembers: what it keeps from one call would be lost, or stale, in the next."""
    before = dict(getattr(mechanism, "__dict__", {}))
    try:
        yield
    finally:
        for name, value in getattr(mechanism, "__dict__", {}).items():
            kept = isinstance(getattr(type(mechanism), name, None), functools.cached_property)
            if not kept and before.get(name, before) is not value:
                rule = (
                    "changes from call to call: a mechanism must have no state; what comes back must follow from the "
                    "submission and the key alone"
                )
                raise ProblemError(f"mechanism.{name}", value if isinstance(value, int) else "set by respond", rule)


def noise_is_known(mechanism: Any, problem: Any) -> bool:
    """Return whether noise is announced, but does not depend on the key: who knows the mechanism can subtract it.

    The same submissions, at which agents differ from each other, are answered under several keys. Where no answer
    changes though some noisy point is told to be noisier than a clean one, the noise is a function of the data.

    Args:
        mechanism: what :func:`inspect_mechanism` lets pass.
        problem: anything with costs, sigma and price.

    Source: none; a question to a mechanism.

    Example:
        >>> from jaxmech import collaboration
        >>> problem = collaboration.Problem([[0.01]] * 5, 1.0)
        >>> plan = collaboration.solve(problem, mechanism="c3d").value
        >>> noise_is_known(collaboration.mechanism(problem, plan), problem)
        False
    """
    stakes = Stakes.of(problem)
    samples = _recommended(mechanism, stakes)
    counts = np.asarray(samples)
    apart = np.arange(1.0, 1.0 + len(counts), dtype=counts.dtype)[:, None] * np.asarray(stakes.sigma)
    submitted = Statistics(samples, jax.device_put(np.where(counts > 0, apart, np.zeros((), counts.dtype))))
    run = _Run.of(mechanism, stakes, samples)
    told = [run.answer(submitted, seed_key(seed)) for seed in (1, 2)]
    noisy = (told[0]["noisy_count"] > 0) & (told[0]["noisy_variance"] > np.asarray(stakes.sigma) ** 2 * _NOISIER)
    same = np.all(told[0]["noisy_mean"][noisy] == told[1]["noisy_mean"][noisy])
    return bool(np.any(noisy) and same)


def _recommended(mechanism: Any, stakes: Stakes) -> jax.Array:
    name = "mechanism.recommended.samples"
    if not hasattr(mechanism.recommended, "samples"):
        rule = "must be a Strategy with the samples of every agent: mechanism.Strategy(jnp.asarray(samples))"
        raise ProblemError("mechanism.recommended", mechanism.recommended, rule)
    try:
        given = np.asarray(mechanism.recommended.samples, dtype=float)
    except (TypeError, ValueError):
        rule = "must be numbers, one per agent and distribution"
        raise ProblemError(name, mechanism.recommended.samples, rule) from None
    if given.shape != stakes.costs.shape:
        raise ProblemError(name, given.shape, f"must have the shape of the costs, {stakes.costs.shape}")
    costs = np.asarray(stakes.costs)
    for i, k in np.argwhere(~(np.isfinite(given) & (given >= 0))):
        raise ProblemError(f"{name}[{i}][{k}]", float(given[i, k]), "must be 0 or more, and finite")
    for i, k in np.argwhere((given > 0) & ~np.isfinite(costs)):
        raise ProblemError(f"{name}[{i}][{k}]", float(given[i, k]), "must be 0: she cannot sample this (cost inf)")
    return jnp.asarray(given, stakes.costs.dtype)


class _Run(NamedTuple):
    """A mechanism that is asked, and what the answers must fit."""

    respond: Callable[..., Any]
    stakes: Stakes
    capacity: int

    @classmethod
    def of(cls, mechanism: Any, stakes: Stakes, samples: jax.Array) -> "_Run":
        """Prepare to ask in the form that a mechanism answers; capacity is 0 for counts and means."""
        points = needs_points(mechanism, stakes)
        room = max(1, int(np.ceil(np.max(np.asarray(samples))))) if points else 0
        return cls(compiled(respond, mechanism), stakes, room)

    def answer(self, submission: Statistics, key: jax.Array) -> dict[str, np.ndarray]:
        """Run it, and return its fields as arrays of the right shapes and precision."""
        handed = honest_points(submission, self.stakes, self.capacity) if self.capacity else submission
        try:
            information = self.respond(handed, key)
        except Exception as error:
            said = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            raise ProblemError("mechanism.respond", said, _remedy(error)) from error
        m, d = self.stakes.costs.shape
        fields: dict[str, np.ndarray] = {}
        for name in FIELDS:
            if name not in information:
                rule = f"must be Information with the fields {', '.join(_PER_DISTRIBUTION)}"
                raise ProblemError("mechanism.respond(...)", f"no {name}", rule)
            expected = (m,) if name == "payment" else (m, d)
            given = np.asarray(information[name])
            _check_precision(name, given, np.dtype(self.stakes.costs.dtype))
            fields[name] = given.astype(float)
            if given.shape != expected:
                what = "(agents,)" if name == "payment" else "(agents, distributions)"
                raise ProblemError(f"mechanism.respond(...).{name}", given.shape, f"must be {what} = {expected}")
        return fields


def respond(mechanism: Any, submission: Statistics | Submission, key: jax.Array) -> dict[str, Any]:
    """Return the fields of an answer that are there, by name."""
    answer: Information = mechanism.respond(submission, key)
    return {name: jnp.asarray(getattr(answer, name)) for name in FIELDS if hasattr(answer, name)}


def _remedy(error: Exception) -> str:
    """What to do about an error that the code of a mechanism raised while it was compiled."""
    for kinds, remedy in _REMEDIES:
        if isinstance(error, kinds):
            return remedy
    return "must answer Statistics(count, mean), reading nothing but count and mean, or Submission(values, mask)"


def _check_precision(name: str, given: np.ndarray, expected: np.dtype) -> None:
    if given.dtype.kind == "f" and given.dtype.itemsize < expected.itemsize:
        rule = f"answers in {given.dtype}: must be {expected}, as what is submitted (no dtype of its own in respond)"
        raise ProblemError(f"mechanism.respond(...).{name}", given.dtype.name, rule)
    if given.dtype.kind not in "biuf":
        raise ProblemError(f"mechanism.respond(...).{name}", given.dtype.name, "must be real numbers")


def _check_numbers(answer: dict[str, np.ndarray], when: str) -> None:
    """Refuse NaN, negative counts, and noisy points without a positive variance."""
    used = {"clean_mean": answer["clean_count"] > 0, "noisy_mean": answer["noisy_count"] > 0}
    used["noisy_variance"] = used["noisy_mean"]
    for name, values in answer.items():
        asked = used.get(name, np.ones(values.shape, bool))
        _refuse(name, values, ~np.isfinite(values) & asked, f"must be finite {when}")
        if name.endswith("count"):
            _refuse(name, values, values < 0, f"must be 0 or more {when}")
        if name == "noisy_variance":
            _refuse(name, values, (values <= 0) & asked, f"must be positive {when}: sigma² + η²")


def _refuse(name: str, values: np.ndarray, bad: np.ndarray, rule: str) -> None:
    for index in np.argwhere(bad):
        where = "".join(f"[{i}]" for i in index)
        raise ProblemError(f"mechanism.respond(...).{name}{where}", float(values[tuple(index)]), rule)


def _check_moves(answer: dict[str, np.ndarray], moved: dict[str, np.ndarray], by: np.ndarray) -> None:
    # Roundings of numbers of the size of the shift.
    slack = 1e4 * tolerances(jnp.result_type(float)).eps
    for name, values in answer.items():
        expected = values + by if name in ("clean_mean", "noisy_mean") else values
        counted = {"clean_mean": "clean_count", "noisy_mean": "noisy_count", "noisy_variance": "noisy_count"}
        used = answer[counted[name]] > 0 if name in counted else np.ones(values.shape, bool)
        size = np.abs(values) + (by if values.ndim == 2 else by.max())
        for index in np.argwhere(used & ~(np.abs(moved[name] - expected) <= slack * size)):
            place = tuple(index)
            where = f"mechanism.respond(...).{name}" + "".join(f"[{i}]" for i in index)
            if abs(moved[name][place] - expected[place]) <= _SINGLE * size[place if values.ndim == 2 else index[0]]:
                rule = "moves with the data to about seven digits only: something in respond is computed in float32"
                raise ProblemError(where, float(values[place]), rule)
            change, due = moved[name][place] - values[place], (expected - values)[place]
            rule = (
                f"moved by {change:.4g} where all data moved by {by[place[-1] if values.ndim == 2 else 0]:.4g}, not by "
                f"{due:.4g}: it knows the true mean from elsewhere, or prefers some means to others"
            )
            raise ProblemError(where, float(values[place]), rule)
