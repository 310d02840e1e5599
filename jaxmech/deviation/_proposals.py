"""Kernel: which submissions to try, on a grid over discrepancy and count: where an answer jumps or pleases."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.deviation._pieces import in_pieces

# One step along each axis is 3 %, so that no hole wider than that falls between two of them.
_STEP = np.log(1.03)
_SHIFTS = np.exp(np.arange(np.log(0.05), np.log(1.2e5), _STEP))
"""Discrepancies to probe, in σ/√unit or σ, whichever is larger for her; both signs."""
_FRACTIONS = np.exp(np.arange(np.log(1e-8), np.log(1e3), 2 * _STEP))
_WHOLE = np.arange(1.0, 101.0)
"""Numbers of points to probe: parts and multiples of what is recommended, and whole numbers."""

_FEW_COUNTS = (1e-6, 0.1, 0.5, 1.0, 2.0, 10.0)
_FEW_SHIFTS = (1.0, -1.0, 10.0, -10.0, 1e3, -1e4)
"""What is held while the other axis is walked along; of shifts also the typical discrepancy of the honest."""
_HONEST = 2**0.5
"""Standard deviation of the discrepancy between two means of ``unit`` points, in σ/√unit."""

_JUMP = 0.12
"""Relative change from one step to the next that counts as a jump: smooth answers change by less in 3 or 6 %."""

_ALIKE = 0.02
"""Submissions and scores that differ by less, relative, are alike."""

_AIMS_AT_ONCE = 256
"""Aims that are blurred at a time: the weights of all of them together would not fit an accelerator's memory."""


class Walks(NamedTuple):
    """Submissions along one axis, (walks, places) each: points, and shifts in σ/√unit."""

    points: Array
    shifts: Array


class Proposals(NamedTuple):
    """Submissions worth a closer look, (count,): so many points, moved by so many σ/√unit.

    Attributes:
        points: how many.
        shift: by how much.
        score: what the answer seems to leave her to pay.
        there: whether there are as many; if not, all else is arbitrary.
    """

    points: Array
    shift: Array
    score: Array
    there: Array


def rows(unit: Array) -> tuple[Walks, Walks]:
    """Return all walks for an agent who counts in ``unit`` points, along shifts and along counts.

    Args:
        unit: what is recommended to her, in points, a scalar.
    """
    ones = jnp.ones((), unit.dtype)
    root = jnp.sqrt(unit)
    shifts = root * np.concatenate([-_SHIFTS[::-1], [0.0], _SHIFTS]).astype(unit.dtype)
    near = jnp.stack([unit, jnp.ceil(unit), jnp.floor(unit)])
    fixed = jnp.concatenate([jnp.asarray([0.0, *_WHOLE], unit.dtype), unit * _FRACTIONS.astype(unit.dtype), near])
    held = jnp.stack([*(unit * part for part in _FEW_COUNTS), ones])
    aims = jnp.stack([_HONEST * ones, *(root * at for at in _FEW_SHIFTS)])
    return _grid(held[:, None], shifts), _grid(jnp.sort(fixed), aims[:, None])


def best_places(walks: tuple[Walks, Walks], scores: tuple[Array, Array], count: int, alike: Array) -> Proposals:
    """Return the middle of every stretch between two jumps, and of the best part of it; the best of all, all different.

    Args:
        walks: as from :func:`rows`.
        scores: of every place of every walk, what the answer leaves her to pay; less is better.
        count: how many to return.
        alike: no more than one beyond so many of one score.
    """
    blurred = (_blurred(walks[0].shifts[0], scores[0]), scores[1])
    found = [_stretches(*pair) for pair in zip(walks, blurred, strict=True)]
    points, shifts, score, width = (jnp.concatenate(parts) for parts in zip(*found, strict=True))
    return _different(points, shifts, score, width, count, alike)


def _grid(points: Array, shifts: Array) -> Walks:
    return Walks(*jnp.broadcast_arrays(points, shifts))


def _blurred(aims: Array, score: Array) -> Array:
    """What she can expect who aims at a shift: nobody hits a discrepancy better than the honest do."""
    step = jnp.diff(aims)
    width = jnp.concatenate([step[:1], (step[1:] + step[:-1]) / 2, step[-1:]])

    def at(some: Array) -> Array:
        weight = jnp.exp(-0.5 * ((some[:, None] - aims) / _HONEST) ** 2) * width
        return (weight / jnp.sum(weight, axis=1, keepdims=True)) @ score.T

    return in_pieces(at, aims, _AIMS_AT_ONCE).T


def _stretches(walks: Walks, score: Array) -> tuple[Array, Array, Array, Array]:
    """Points, shifts, scores and widths of the middles of all stretches and of their best parts; width 0: none."""
    places, widths = jax.vmap(_middles)(score)

    def at(table: Array) -> Array:
        return jnp.take_along_axis(table, places, axis=1).ravel()

    return at(walks.points), at(walks.shifts), at(score), widths.ravel()


def _middles(score: Array) -> tuple[Array, Array]:
    """Places, (2 · places,), and how many around each are answered alike: 0 where there is no stretch to stand for."""
    count = len(score)
    place = jnp.arange(count)
    largest = jnp.maximum(jnp.abs(score[1:]), jnp.abs(score[:-1]))
    first = jnp.concatenate([jnp.ones(1, bool), ~(jnp.abs(jnp.diff(score)) <= _JUMP * largest)])
    low, high = _ends(first)
    # The best place of each stretch, and around it where the score is nearly the best.
    least = jax.ops.segment_min(score, jnp.cumsum(first) - 1, count)[jnp.cumsum(first) - 1]
    where = jnp.where(score == least, place, count)
    best = jax.ops.segment_min(where, jnp.cumsum(first) - 1, count)[jnp.cumsum(first) - 1]
    near = score <= least + _ALIKE * jnp.abs(least)
    start, stop = _ends(first | jnp.concatenate([jnp.zeros(1, bool), near[1:] != near[:-1]]))
    middles = jnp.concatenate([(low + high - 1) // 2, (start + stop - 1) // 2])
    widths = jnp.concatenate([jnp.where(first, high - low, 0), jnp.where(place == best, stop - start, 0)])
    return middles, widths


def _ends(first: Array) -> tuple[Array, Array]:
    """Where the stretch of every place begins, and where the next one does."""
    place, count = jnp.arange(len(first)), len(first)
    low = jax.lax.cummax(jnp.where(first, place, 0))
    later = jax.lax.cummin(jnp.where(first, place, count), reverse=True)
    return low, jnp.concatenate([later[1:], jnp.full(1, count, later.dtype)])


def _different(points: Array, shifts: Array, score: Array, width: Array, count: int, alike: Array) -> Proposals:
    """The first few that are neither alike in what they submit nor all of one score.

    Of equal answers, those come first that are the hardest to miss.
    """
    rounded = _rounded(score)

    def pick(state: tuple[Array, Array], turn: Array) -> tuple[tuple[Array, Array], Proposals]:
        free, taken = state
        least = jnp.min(jnp.where(free, rounded, jnp.inf))
        equal = free & (rounded == least)
        i = jnp.argmax(jnp.where(equal, width, -1))
        taken = taken.at[turn].set(least)
        enough = (rounded == least) & (jnp.sum(taken == least) > alike)
        close = _close(points, points[i]) & _close(shifts, shifts[i])
        return (free & ~close & ~enough, taken), Proposals(points[i], shifts[i], score[i], jnp.any(free))

    begin = (width > 0, jnp.full(count, jnp.nan, score.dtype))
    picked: Proposals = jax.lax.scan(pick, begin, jnp.arange(count))[1]
    return picked


def _close(some: Array, one: Array) -> Array:
    return jnp.abs(some - one) <= _ALIKE * jnp.maximum(jnp.abs(some), jnp.abs(one))


def _rounded(score: Array) -> Array:
    """To two digits."""
    size = jnp.where(score == 0, 1.0, jnp.abs(score))
    exponent = jnp.floor(jnp.log10(size)) - 1
    unit = 10.0**exponent
    return jnp.where(score == 0, 0.0, jnp.round(score / unit) * unit)
