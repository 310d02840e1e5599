"""The numbers of a design that proofs are about, and what is had apart from all checks, in plain NumPy."""

import numpy as np

from jaxmech.collaboration import Problem
from jaxmech.design._plan import Design, alike
from jaxmech.design.proof._duality import over

_SLACK = 1e-9
"""Bounds that are whole but for rounding are whole."""


def columns(problem: Problem, design: Design) -> tuple[np.ndarray, ...]:
    """Samples, comparison, rest, limit in σ, costs and error, (agents, distributions) each; points are alike."""
    told = alike(problem)
    sigma = np.asarray(told.sigma, float)
    error = np.broadcast_to(np.asarray(told.price, float) * sigma**2, told.shape)
    limit = np.asarray(design.limit, float) / sigma
    parts = design.equivalent, design.comparison, design.rest
    samples, comparison, rest = (np.asarray(part, float) for part in parts)
    return samples, comparison, rest, limit, np.asarray(told.costs, float), error


def box(problem: Problem) -> tuple[np.ndarray, ...]:
    """What agents must and can collect, (agents, distributions) each; nothing without limits."""
    told = alike(problem)
    if told.capacity is None:
        return ()
    return np.asarray(told.capacity.least, float), np.asarray(told.capacity.most, float)


def outside(samples: np.ndarray, bounds: tuple[np.ndarray, ...]) -> np.ndarray:
    """How far amounts lie outside least and most, relatively; 0 where they keep within them, but for rounding."""
    least, most = bounds
    excess = np.maximum(samples - most, least - samples)
    return np.where(excess > _SLACK * samples, excess / np.maximum(samples, 1e-300), 0.0)


def whole_points(design: Design, *, whole: bool) -> np.ndarray | None:
    """What whole points count, (agents, distributions); None if fractions of them are collected, too."""
    if not whole:
        return None
    return np.ones(design.samples.shape) if design.precision is None else np.asarray(design.precision, float)


def apart(
    table: tuple[np.ndarray, ...], alone: np.ndarray, unit: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What agents pay where nothing depends on checks, the least that they could, by agent; and where that is."""
    samples, comparison, rest, limit, costs, error, *bounds = table
    free = alone | ((rest <= 0) & ~np.isfinite(limit))
    given = np.where(alone, 0.0, comparison)
    spent = np.where(samples > 0, np.where(np.isfinite(costs), costs, np.inf), 0.0) * np.where(samples > 0, samples, 1)
    paid = np.where(free, over(error, samples + given) + spent, 0.0)
    least = np.where(free, least_apart(given, costs, error, unit, tuple(bounds)), 0.0)
    return paid.sum(axis=1), least.sum(axis=1), free


def least_apart(
    given: np.ndarray,
    costs: np.ndarray,
    error: np.ndarray,
    unit: np.ndarray | None,
    bounds: tuple[np.ndarray, ...] = (),
) -> np.ndarray:
    """min_n (e/(N + n) + cn) with N points given, over multiples of ``unit`` or all; e/N where she cannot sample.

    Where she has no use for the distribution (e = 0) she collects nothing and pays nothing. With ``bounds``, least and
    most, over amounts between them: the sum is convex, so the best lies next to the best of all, or at a bound.
    """
    able = np.isfinite(costs) & (error > 0)
    safe = np.where(able, costs, 1.0)
    best = np.where(able, np.maximum(np.sqrt(error / safe) - given, 0.0), 0.0)

    def paid(samples: np.ndarray) -> np.ndarray:
        return over(error, given + samples) + safe * samples

    if bounds:
        least, most = bounds
        if unit is None:
            return paid(np.where(able, np.clip(best, least, most), 0.0))
        first, last = np.ceil(least / unit * (1 - _SLACK)), np.floor(np.where(able, most, 0.0) / unit * (1 + _SLACK))
        down = np.floor(best / unit)
        low, high = (np.where(able, np.clip(count, first, last), 0.0) * unit for count in (down, down + 1))
        return np.minimum(paid(low), paid(high))
    if unit is None:
        return paid(best)
    down = np.floor(best / unit) * unit
    return np.where(able, np.minimum(paid(down), paid(down + unit)), paid(down))
