"""What a lie costs the liar under a design: half of her points, none, or numbers that she made up. NumPy only."""

import math
from typing import NamedTuple

import numpy as np

from jaxmech.collaboration import Problem, Role
from jaxmech.design._carried_out import is_whole
from jaxmech.design._plan import Design
from jaxmech.design._signed import Signed, signed

_HALVINGS = 50
_FAR = 64.0
"""Off by so many limits and standard errors, a made-up mean passes no check."""


class Lies(NamedTuple):
    """What one agent pays in all who lies about one distribution, all others honest; NaN where there is nothing to lie.

    Attributes:
        honest: (agents,) what she pays if she does as agreed.
        half: (agents, distributions) if she collects half and hands that in as it is, rounded up where all numbers of
            the design are whole; where she is asked for something, and half is less.
        nothing: if she collects nothing there, and hands in nothing, or numbers that are far off; ∞ where she works
            alone and then knows nothing.
        within: how near to the true mean that of made-up numbers has to be to save her anything, in σ, if she counts
            them as points of hers or not at all. Where she is checked.
    """

    honest: np.ndarray
    half: np.ndarray
    nothing: np.ndarray
    within: np.ndarray


def lies(problem: Problem, design: Design) -> Lies | None:
    """Return what a lie costs the liar, her error priced like everybody's.

    Fewer points have the chance P(|N| ≤ t/(σ√(1/n + 1/z))) to pass, and none at all none. Made-up numbers, off by δσ,
    pass where |δσ − e| ≤ t, e ~ N(0, σ²/z) being the error of z̄; she estimates by the mean of what she gets, with
    her numbers as w points, w = n or 0, as is better for her if she passes, and if she fails. The squared error is
    (z²e² + Dσ² + 2zw e δσ + w²δ²σ²)/(z + D + w)² if she passes, with the e that passed.

    Args:
        problem: the problem.
        design: whose rule is a threshold, as :func:`design` makes them.

    Returns:
        None within limits, where limits of checks follow the data, checks lie in an ellipsoid, or agents differ in
        precision.

    Source: this package; moments of the truncated normal law are textbook.

    Example:
        >>> from jaxmech.design import design
        >>> equals = Problem(costs=[[1.0]] * 10, sigma=100.0)
        >>> told = lies(equals, design(equals).value)
        >>> bool(told.half[1, 0] > told.honest[1]), bool(told.nothing[1, 0] > told.honest[1])
        (True, True)
    """
    terms = None if problem.capacity is not None else signed(problem, design)
    if terms is None:
        return None
    honest = terms.penalty()
    half, nothing, within = (np.full(terms.n.shape, np.nan) for _ in range(3))
    checked = np.isfinite(terms.limit)
    alone = np.asarray(design.role) == Role.ALONE
    whole = is_whole(design)
    for i, k in zip(*np.nonzero((terms.n > 0) & (checked | alone)), strict=True):
        amounts = np.repeat(terms.n[i][None], 2, axis=0)
        less = terms.n[i, k] / 2
        amounts[:, k] = math.ceil(less) if whole else less, 0.0
        half[i, k], nothing[i, k] = terms.of(int(i), amounts).penalty()
        if amounts[0, k] == terms.n[i, k]:
            half[i, k] = math.nan
        if checked[i, k]:
            within[i, k] = _within(terms, int(i), int(k), float(honest[i]))
    return Lies(honest, half, nothing, within)


def invented(terms: Signed, i: int, k: int, off: float, counted: tuple[float, ...] | None = None) -> float:
    """Return what an agent pays in all whose n points of one distribution are made up, off by some σ.

    Args:
        terms: the design.
        i: her index.
        k: the distribution, on which she is checked.
        off: δ.
        counted: as how many points her own numbers may count in her estimate; by default as none, and as n.

    Source: see :func:`lies`.
    """
    z, rest, limit = (float(part[i, k]) for part in (terms.z, terms.rest, terms.limit))
    chance, cross, square = _passing(limit, off, z)
    row = terms.of(i, terms.n[i][None])
    passes, (clean, other) = row.passes(1.0)[0], row.errors()
    elsewhere = float(np.delete(passes, k).prod()) if terms.linked else 1.0
    kept = 1 / (1 + terms.beyond)
    both, crossed, squares = (part * elsewhere for part in (chance, cross, square))
    weights = (0.0, float(terms.n[i, k])) if counted is None else counted

    def error(chance: float, first: float, second: float, more: float) -> float:
        return min(
            (z**2 * second + more * chance + 2 * z * w * off * first + (w * off) ** 2 * chance) / (z + more + w) ** 2
            for w in weights
        )

    missed = error(both, crossed, squares, rest) + error(1 - both, -crossed, 1 / z - squares, kept * rest)
    paid = terms.worth[i, k] * missed
    for j in np.delete(np.arange(len(passes)), k):
        success = both if terms.linked else passes[j]
        failing = (1 - success) * other[0, j] if success < 1 else 0.0
        paid += terms.worth[i, j] * (success * clean[0, j] + failing) if terms.worth[i, j] > 0 else 0.0
        paid += terms.costs[i, j] * terms.n[i, j] if terms.n[i, j] > 0 else 0.0
    return float(paid)


def _passing(limit: float, off: float, z: float) -> tuple[float, float, float]:
    """P(|δ − e| ≤ t), E[e; |δ − e| ≤ t] and E[e²; |δ − e| ≤ t] of e ~ N(0, 1/z)."""
    low, high = (off - limit) * math.sqrt(z), (off + limit) * math.sqrt(z)
    chance = (math.erf(high / 2**0.5) - math.erf(low / 2**0.5)) / 2
    density = [math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in (low, high)]
    return chance, (density[0] - density[1]) / math.sqrt(z), (chance - high * density[1] + low * density[0]) / z


def _within(terms: Signed, i: int, k: int, honest: float) -> float:
    """The δ up to which inventing saves her something, by bisection: at 0 she has points without an error."""
    low, high = 0.0, float(terms.limit[i, k]) + _FAR / math.sqrt(float(terms.z[i, k]))
    if invented(terms, i, k, high) < honest:
        return math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if invented(terms, i, k, middle) < honest else (low, middle)
    return (low + high) / 2
