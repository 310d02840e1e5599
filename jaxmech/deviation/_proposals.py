"""Which submissions to try: a grid over discrepancy and count, and the places where an answer jumps or pleases."""

import functools
from typing import NamedTuple

import numpy as np

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


class Row(NamedTuple):
    """Submissions along one axis, (places,) each: points, and shifts in σ/√unit."""

    points: np.ndarray
    shifts: np.ndarray


class Proposal(NamedTuple):
    """A submission worth a closer look: so many points, moved by so many σ/√unit.

    Attributes:
        points: how many.
        shift: by how much.
        score: what the answer seems to leave her to pay.
        width: how many places around it are answered alike.
    """

    points: float
    shift: float
    score: float
    width: int


def rows(unit: float) -> list[Row]:
    """Return all walks for an agent who counts in ``unit`` points: the same number of places for every agent.

    Args:
        unit: what is recommended to her, in points.
    """
    shifts = np.sqrt(unit) * np.concatenate([-_SHIFTS[::-1], [0.0], _SHIFTS])
    counts = np.sort(np.concatenate([[0.0], unit * _FRACTIONS, _WHOLE, [unit, np.ceil(unit), np.floor(unit)]]))
    by_shift = [Row(np.full(len(shifts), unit * part), shifts) for part in _FEW_COUNTS]
    by_shift.append(Row(np.full(len(shifts), 1.0), shifts))
    by_count = [Row(counts, np.full(len(counts), at)) for at in (_HONEST, *(np.sqrt(unit) * x for x in _FEW_SHIFTS))]
    return [*by_shift, *by_count]


def best_places(walks: list[Row], scores: list[np.ndarray], count: int) -> list[Proposal]:
    """Return the middle of every stretch between two jumps, and of the best part of it; the best of all, all different.

    Args:
        walks: as from :func:`rows`.
        scores: of every place of every walk, what the answer leaves her to pay; less is better.
        count: how many to return at most.
    """
    found: list[Proposal] = []
    for walk, exact in zip(walks, scores, strict=True):
        score = _blurred(walk, exact)
        near = np.abs(np.diff(score)) <= _JUMP * np.maximum(np.abs(score[1:]), np.abs(score[:-1]))
        ends = (np.flatnonzero(~near) + 1).tolist()
        for low, high in zip([0, *ends], [*ends, len(score)], strict=True):
            for start, stop in {(low, high), _flat(score, low, high)}:
                p = (start + stop - 1) // 2
                found.append(Proposal(float(walk.points[p]), float(walk.shifts[p]), float(score[p]), stop - start))
    # Of equal answers, those that are the hardest to miss.
    return _different(sorted(found, key=lambda one: (_rounded(one.score), -one.width)), count)


def _blurred(walk: Row, score: np.ndarray) -> np.ndarray:
    """What she can expect who aims at a shift: nobody hits a discrepancy better than the honest do."""
    if walk.shifts[0] == walk.shifts[-1]:
        return score
    blurred: np.ndarray = _kernel(tuple(walk.shifts)) @ score
    return blurred


@functools.lru_cache(maxsize=32)
def _kernel(shifts: tuple[float, ...]) -> np.ndarray:
    """Weights of all places for every aim, (places, places)."""
    at = np.asarray(shifts)
    weight = np.exp(-0.5 * ((at[:, None] - at) / _HONEST) ** 2) * np.gradient(at)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def _flat(score: np.ndarray, low: int, high: int) -> tuple[int, int]:
    """The part of a stretch around its best place where the score is nearly the best."""
    best = low + int(np.argmin(score[low:high]))
    near = score <= score[best] + _ALIKE * abs(score[best])
    before, after = np.flatnonzero(~near[low:best]), np.flatnonzero(~near[best:high])
    return (low + int(before[-1]) + 1 if len(before) else low), (best + int(after[0]) if len(after) else high)


def _different(ranked: list[Proposal], count: int) -> list[Proposal]:
    """The first few that are neither alike in what they submit nor all of one score."""
    kept: list[Proposal] = []
    alike: dict[float, int] = {}
    for one in ranked:
        score = _rounded(one.score)
        if alike.get(score, 0) <= count // 3 and not any(_close(one, other) for other in kept):
            kept.append(one)
            alike[score] = alike.get(score, 0) + 1
        if len(kept) == count:
            break
    return kept


def _close(one: Proposal, other: Proposal) -> bool:
    pairs = ((one.points, other.points), (one.shift, other.shift))
    return all(abs(a - b) <= _ALIKE * max(abs(a), abs(b)) for a, b in pairs)


def _rounded(score: float) -> float:
    return float(f"{score:.2g}")
