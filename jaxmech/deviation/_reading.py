"""Host: whether a mechanism reads whole data sets, or nothing of them but their number and mean."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._precision import seed_key
from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.deviation._compiled import compiled
from jaxmech.deviation._loss import agent_row
from jaxmech.mechanism import Information, Stakes, Statistics, Submission, answers_alone

_ROUNDING = 1e4
"""Answers that differ by so many spacings of numbers are the same."""


def reads_points(mechanism: Any, problem: Any) -> bool:
    """Return whether what an agent gets back depends on more of her points than their number and their mean.

    A mechanism that answers one agent alone from counts and means (:class:`~jaxmech.mechanism.Separate`) does not; one
    that cannot answer counts and means does. Any other is asked: every agent in turn squeezes, stretches, reorders her
    points or moves one of them far off, their number and mean being kept, and what she gets back is compared.

    Args:
        mechanism: what :func:`inspect_mechanism` lets pass.
        problem: anything with costs, sigma and price.

    Source: none; a question to a mechanism.

    Example:
        >>> from jaxmech import collaboration
        >>> problem = collaboration.Problem([[0.01]] * 5, 1.0)
        >>> plan = collaboration.solve(problem, mechanism="c3d").value
        >>> reads_points(collaboration.mechanism(problem, plan), problem)
        False
    """
    if answers_alone(mechanism):
        return False
    stakes = Stakes.of(problem)
    if needs_points(mechanism, stakes):
        return True
    samples = jnp.asarray(mechanism.recommended.samples, stakes.costs.dtype)
    if not _looks_at_points(mechanism, stakes):
        return False
    return _depends_on_points(mechanism, stakes, samples)


def needs_points(mechanism: Any, stakes: Stakes) -> bool:
    """Return whether a mechanism answers data sets, and cannot answer their counts and means.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism`.
        stakes: costs, standard deviations and prices.
    """
    if answers_alone(mechanism):
        return False
    samples = jnp.asarray(mechanism.recommended.samples, stakes.costs.dtype)
    try:
        jax.eval_shape(lambda given, key: mechanism.respond(Statistics(given, given), key), samples, seed_key(0))
    except Exception as error:
        missing = isinstance(error, AttributeError) and getattr(error, "name", None) in ("values", "mask")
        # Whatever fails on both forms is no matter of the form.
        return missing and _answers(mechanism, honest_points(Statistics(samples, jnp.zeros_like(samples)), stakes))
    return False


def honest_points(told: Statistics, stakes: Stakes, capacity: int | None = None) -> Submission:
    """Return data sets of these numbers of points, rounded, and these means, the same ones for the same numbers.

    Args:
        told: counts and means.
        stakes: standard deviations.
        capacity: room for one data set; by default for the largest.
    """
    count = jnp.round(told.count)
    room = capacity or max(1, int(np.max(np.asarray(count))))
    mask = jnp.arange(room) < count[..., None]
    drawn = jax.random.normal(seed_key(1), (*count.shape, room), count.dtype)
    middle = jnp.sum(jnp.where(mask, drawn, 0.0), axis=-1) / jnp.maximum(count, 1.0)
    values = told.mean[..., None] + stakes.sigma[:, None] * (drawn - middle[..., None])
    return Submission(jnp.where(mask, values, 0.0), mask)


class _Watched(Submission):
    """Counts and means that pass for data sets, and remember whether anybody looked at the points."""

    def __init__(self, submission: Submission) -> None:
        vars(self).update(inner=submission, looked_at=False)

    @property
    def values(self) -> Array:
        """The points."""
        vars(self)["looked_at"] = True
        return vars(self)["inner"].values

    @property
    def mask(self) -> Array:
        """Which of them there are."""
        vars(self)["looked_at"] = True
        return vars(self)["inner"].mask

    @property
    def count(self) -> Array:
        """How many."""
        return vars(self)["inner"].count

    @property
    def mean(self) -> Array:
        """Their means."""
        return vars(self)["inner"].mean


def _looks_at_points(mechanism: Any, stakes: Stakes) -> bool:
    samples = jnp.asarray(mechanism.recommended.samples, stakes.costs.dtype)
    seen = []

    def ask(submission: Submission, key: Array) -> Array:
        watched = _Watched(submission)
        seen.append(watched)
        return agent_row(mechanism.respond(watched, key), 0).clean_count

    try:
        jax.eval_shape(ask, honest_points(Statistics(samples, jnp.zeros_like(samples)), stakes), seed_key(0))
    except Exception:
        return False  # it answers counts and means, and not this form
    return bool(vars(seen[0])["looked_at"])


def _depends_on_points(mechanism: Any, stakes: Stakes, samples: Array) -> bool:
    given = honest_points(Statistics(samples, jnp.zeros_like(samples)), stakes)
    key, answer = seed_key(0), compiled(_answer, mechanism)
    before = _fields(answer(given, key))
    slack = _ROUNDING * tolerances(stakes.costs.dtype).eps
    for i in range(len(samples)):
        for values in _changed(given.values[i], given.mask[i], stakes):
            after = _fields(answer(Submission(given.values.at[i].set(values), given.mask), key))
            for one, two in zip(before, after, strict=True):
                if np.any(np.abs(two[i] - one[i]) > slack * (1 + np.abs(one[i]))):
                    return True
    return False


def _changed(values: Array, mask: Array, stakes: Stakes) -> list[Array]:
    """Data sets of one agent with the same numbers and means: squeezed, stretched, reversed, one point far off."""
    count = jnp.sum(mask, axis=-1, keepdims=True)
    middle = jnp.sum(jnp.where(mask, values, 0.0), axis=-1, keepdims=True) / jnp.maximum(count, 1)
    places = jnp.arange(values.shape[-1])
    back = jnp.take_along_axis(values, jnp.where(mask, count - 1 - places, places), axis=-1)
    step = jnp.where(count > 1, 30 * stakes.sigma[:, None], 0.0)
    apart = values + jnp.where(places == 0, step, -step / jnp.maximum(count - 1, 1))
    made = [middle + by * (values - middle) for by in (0.0, 0.5, 10.0)]
    return [jnp.where(mask, one, 0.0) for one in (*made, back, apart)]


def _answer(mechanism: Any, submission: Submission, key: Array) -> Information:
    answer: Information = mechanism.respond(submission, key)
    return answer


def _fields(answer: Information) -> list[np.ndarray]:
    """What came back, agent by agent; 0 for means and variances of nothing."""
    clean, noisy = np.asarray(answer.clean_count) > 0, np.asarray(answer.noisy_count) > 0
    return [
        np.asarray(answer.clean_count, float),
        np.where(clean, answer.clean_mean, 0.0),
        np.asarray(answer.noisy_count, float),
        np.where(noisy, answer.noisy_mean, 0.0),
        np.where(noisy, answer.noisy_variance, 0.0),
        np.asarray(answer.payment, float),
    ]


def _answers(mechanism: Any, given: Submission) -> bool:
    try:
        jax.eval_shape(mechanism.respond, given, seed_key(0))
    except Exception:
        return False
    return True
