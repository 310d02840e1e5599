"""A proven bound on what any amounts can bring an agent under any noise rule that never falls: a tangent, by scipy.

The penalty q of one distribution is convex in n (:mod:`jaxmech.design._table_penalty` has the proof), so it lies above
its tangent at n*; and an agent who pays no more than q(n*) collects at most n_max = q(n*)/c. So no amount, 0 and whole
ones included, costs less than

    min over 0 ≤ n ≤ n_max of q(n*) + q'(n*) (n − n*).

q and q' are recomputed with adaptive quadrature piece by piece, in the discrepancy itself; its error bounds are taken
off. Nothing here is shared with the optimiser.
"""

import itertools
from typing import NamedTuple

import numpy as np
import scipy

from jaxmech.design._plan import Rule

_ACCURACY = 1e-12
_FAR = 12.0
"""Standard deviations beyond which nothing is left, at double precision."""


class Tangents(NamedTuple):
    """Per row: the honest penalty, the chance to be within the limit, and what no amounts cost less than."""

    honest: np.ndarray
    success: np.ndarray
    least: np.ndarray


class Row(NamedTuple):
    """One agent and distribution: n*, z, D, t/σ (∞: not checked), c (∞: cannot sample), price σ²."""

    samples: float
    comparison: float
    rest: float
    limit: float
    costs: float
    error: float


def tangents(rule: Rule, rows: np.ndarray) -> Tangents:
    """Recompute penalties and prove bounds.

    Args:
        rule: the noise; if it falls somewhere, nothing is proven: the bounds are −∞.
        rows: (rows, 6), see :class:`Row`.
    """
    places, variance = np.asarray(rule.discrepancy, float), np.asarray(rule.variance, float)
    sound = bool((variance[1:] >= variance[:-1]).all() and variance[0] >= 0 and (places[1:] >= places[:-1]).all())
    found = [_checked(places, variance, row) if np.isfinite(row.limit) else _free(row) for row in map(_row, rows)]
    honest, success, least = (np.array(column, float) for column in zip(*found, strict=True))
    return Tangents(honest, success, least if sound else np.full_like(least, -np.inf))


def _row(numbers: np.ndarray) -> Row:
    return Row(*map(float, numbers))


def _free(row: Row) -> tuple[float, float, float]:
    """Who is not checked gets everything clean: closed forms."""
    given = row.comparison + row.rest
    able = np.isfinite(row.costs)
    points = row.samples + given
    spent = row.costs * row.samples if row.samples > 0 else 0.0
    honest = (row.error / points if points > 0 else np.inf) + spent
    best = max(np.sqrt(row.error / row.costs) - given, 0.0) if able else 0.0
    least = (row.error / (best + given) if best + given > 0 else np.inf) + (row.costs * best if able else 0.0)
    return honest, 1.0, least


def _checked(places: np.ndarray, variance: np.ndarray, row: Row) -> tuple[float, float, float]:
    """Value and tangent at n*, with the errors of the quadrature on the safe side."""
    n, z = row.samples, row.comparison
    if not (n > 0 and z > 0 and np.isfinite(row.costs)):
        return np.inf, 0.0, -np.inf
    level = row.limit * np.sqrt(n * z / (n + z))
    clean = 1 / (n + z + row.rest)

    def extra(x: float, low: tuple[float, float], high: tuple[float, float]) -> tuple[float, float]:
        """By how much f exceeds f₀ between two entries, and its factor for squares."""
        (left, start), (right, end) = low, high
        part = (x - left) / (right - left) if right > left else 0.0
        noise = start + part * (end - start) if np.isfinite(end) else np.inf
        noisy = 1 / (n + z + row.rest / (1 + noise))
        return noisy - clean, noisy + clean

    edges = [(0.0, variance[0]), *zip(places * level, variance, strict=True), (np.inf, variance[-1])]
    total, slack = np.zeros(2), np.zeros(2)
    pull = z / (2 * n * (n + z))
    for low, high in itertools.pairwise(edges):
        begin, end = min(low[0], _FAR), min(high[0], _FAR)
        if end <= begin or high[1] == 0:
            continue
        # a piece of constant noise is a line between equal entries, of any length
        ends = (low, high) if np.isfinite(high[0]) else ((begin, high[1]), (end, high[1]))

        def value(x: float, ends: tuple[tuple[float, float], tuple[float, float]] = ends) -> float:
            return _half_normal(x) * extra(x, *ends)[0]

        def slope(x: float, ends: tuple[tuple[float, float], tuple[float, float]] = ends) -> float:
            more, factor = extra(x, *ends)
            return _half_normal(x) * more * (factor + pull * (x * x - 1))

        for i, function in enumerate((value, slope)):
            found, error = scipy.integrate.quad(function, begin, end, epsabs=0.0, epsrel=_ACCURACY, limit=200)
            total[i] += found
            slack[i] += error
    honest = row.costs * n + row.error * (clean + total[0])
    steep = row.costs - row.error * (clean**2 + total[1])
    blur = row.error * slack
    largest = honest / row.costs
    least = honest - blur[0] - max((steep + blur[1]) * n, (blur[1] - steep) * (largest - n), 0.0)
    return honest, float(scipy.special.erf(level / np.sqrt(2))), least


def _half_normal(x: float) -> float:
    return float(np.sqrt(2 / np.pi) * np.exp(-x * x / 2))
