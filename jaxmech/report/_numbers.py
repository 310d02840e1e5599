"""Numbers as a person reads them: one precision per column, no false digits, signs that line up."""

import math
from collections.abc import Sequence

import numpy as np

from jaxmech._tolerances import tolerances

INFINITY = "∞"
MISSING = "?"


def relative(part: float | np.ndarray, whole: float | np.ndarray) -> np.ndarray:
    """Return part/whole; nothing of nothing is 0, as of who needs nothing and pays nothing.

    Example:
        >>> relative(np.array([1.0, 0.0]), np.array([2.0, 0.0])).tolist()
        [0.5, 0.0]
    """
    above, below = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    nothing = (below == 0) & (above == 0)
    return np.asarray(np.where(nothing, 0.0, above) / np.where(nothing, 1.0, below))


def column(values: Sequence[float] | np.ndarray, significant: int = 4) -> list[str]:
    """Return numbers with the decimals that give a typical one ``significant`` digits.

    Example:
        >>> column([3.63318, 12.5, float("inf")])
        ['3.633', '12.500', '∞']
    """
    entries = np.asarray(values, dtype=float).ravel()
    places = decimals(entries, significant)
    return [single(value, places) for value in entries.tolist()]


def decimals(values: np.ndarray, significant: int = 4) -> int:
    """Return how many decimals a column needs: those of its median magnitude, for zeros have none."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if not len(sizes):
        return 0
    return int(np.clip(significant - 1 - math.floor(math.log10(float(np.median(sizes)))), 0, 9))


def single(value: float, places: int) -> str:
    """Return one number with so many decimals; in powers of ten where those would hide or drown it."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return INFINITY if value > 0 else f"−{INFINITY}"
    if value == 0:
        return "0"
    if abs(value) >= 1e7 or (abs(value) < 10.0**-places and abs(value) < 0.5):
        return f"{value:.1e}"
    return f"{value:,.{places}f}"


def short(value: float, significant: int = 3) -> str:
    """Return one number on its own, for use in a sentence.

    Example:
        >>> short(0.0123456), short(1234567.0)
        ('0.0123', '1,234,567')
    """
    return column([value], significant)[0]


def percent(fraction: float) -> str:
    """Return a fraction as a percentage, with a decimal only where it says something.

    Example:
        >>> percent(0.583), percent(0.0042)
        ('58 %', '0.4 %')
    """
    if not math.isfinite(fraction):
        return MISSING if math.isnan(fraction) else INFINITY
    value = 100 * fraction
    if abs(value) < 0.05:
        return "0 %"
    return f"{value:.1f} %" if abs(value) < 9.95 else f"{value:,.0f} %"


def settle(differences: np.ndarray, scale: np.ndarray, dtype: str) -> np.ndarray:
    """Return differences, with 0 for those that the accuracy of the solve explains.

    Args:
        differences: of numbers as large as ``scale``.
        scale: not negative, or infinite.
        dtype: in which was solved.

    Example:
        >>> settle(np.array([4e-16, 0.1, np.inf]), np.array([0.3, 0.3, np.inf]), "float64").tolist()
        [0.0, 0.1, inf]
    """
    return np.where(np.abs(differences) < tolerances(dtype).optimality * scale, 0.0, differences)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Example:
        >>> counted(1, "agent"), counted(1200, "agent")
        ('1 agent', '1,200 agents')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
