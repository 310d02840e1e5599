"""Values in measurements that look like codes for "no value" (a pure function of numpy arrays)."""

import math

import numpy as np

from jaxmech.files._read import Table

MIN_DISTINCT = 5
"""Fewest different values beside a code that is in use, as 9999: with fewer, nothing can be called far away."""

MANY_DISTINCT = 10
"""The same beside any other number, so that answers on a short scale are left alone."""

MOST_CODES = 3
"""Most different codes at one end of a column."""

CODES = frozenset(sign * float("9" * k) for k in range(1, 7) for sign in (-1, 1)) - {9.0}
"""Numbers that are in use for "no value"; 9 alone is too common a measurement."""

LONG = 999.0
"""Smallest of :data:`CODES` that is told though it occurs once: shorter ones are ordinary measurements too often."""

FAR_ZERO = 0.1
"""How far from 0 the nearest other value must be, in medians, for zeros to be suspicious."""

SPACINGS = 8
"""The same in average distances between the lowest values: in a tail, or above a limit of detection, they are alike."""

STEPS = 5
"""The same in units of the last digit."""

ODDS = 1e-4
"""Zeros among measurements that are rounded: the chance of a run of that many at 0 and none in the gap above."""

_LOWEST = 20


def suspicions(table: Table) -> tuple[str, ...]:
    """Return a sentence for every value that looks like a code for "no value": repeated, and far from all others.

    A number at one end of a column is told if it occurs three times or more and the gap to the others exceeds their
    whole range. For the numbers in :data:`CODES` a smaller gap suffices (:func:`_factor`), and those of three digits
    or more need not be repeated. Zeros are told if all others have one sign and are away from 0 by more than a tail,
    rounding or a limit of detection explains.

    Args:
        table: measurements, finite.

    Example:
        >>> cells = np.r_[100.0 + np.arange(30), -999.0, -999.0][:, None]
        >>> suspicions(Table("a.csv", ("x",), (), cells))[0].partition(":")[2].partition(",")[0]
        ' column x holds -999 in 2 of 32 rows'
    """
    found = []
    for k, column in enumerate(table.columns):
        values = np.asarray(table.cells[:, k], float)
        with np.errstate(over="ignore", invalid="ignore"):  # what is near the largest number is not told
            codes = _sentinels(values)
            codes += _zeros(values[~np.isin(values, codes)])
            found += [_sentence(table.source, column, values, code, codes) for code in codes]
    return tuple(found)


def _sentinels(values: np.ndarray) -> list[float]:
    """Codes at the ends of a column, the farthest first."""
    found: list[float] = []
    rest = values
    while True:
        codes = _at_one_end(rest, 1.0) or _at_one_end(rest, -1.0)
        if not codes:
            return found
        found += codes
        rest = rest[~np.isin(rest, codes)]


def _at_one_end(values: np.ndarray, sign: float) -> list[float]:
    """Codes among the lowest values (``sign`` −1: the highest); the fewest that stand apart from the others."""
    signed = sign * values
    distinct, counts = np.unique(signed, return_counts=True)
    for size in range(1, MOST_CODES + 1):
        nearest = distinct[size - 1] if len(distinct) >= size + MIN_DISTINCT else 0.0
        if nearest == 0:  # zeros have a rule of their own
            break
        rest = signed[signed > nearest]
        gap, least = _halves(nearest, np.min(rest)), int(np.min(counts[:size]))
        many = least > 2 and len(distinct) - size >= MANY_DISTINCT
        known = all(sign * code in CODES for code in distinct[:size])
        factor = _factor(least, nearest, float(np.min(rest)))
        if many and gap > _halves(np.min(rest), np.max(rest)):
            return [sign * float(code) for code in distinct[:size]]
        if known and gap > factor * _halves(np.min(rest), np.median(rest)):
            return [sign * float(code) for code in distinct[:size]]
    return []


def _factor(count: int, code: float, lowest: float) -> float:
    """How far from the others a number of :data:`CODES` must be to be told, in their distance from median to end."""
    alone_in_sign = code < 0 < lowest
    if count > 2:
        return 0.25 if alone_in_sign else 0.5
    if count == 2:
        return 1.0 if alone_in_sign else 3.0
    return 3.0 if abs(code) >= LONG else math.inf


def _halves(low: float, high: float) -> float:
    """Half of a difference: it cannot overflow."""
    return float(high / 2 - low / 2)


def _zeros(values: np.ndarray) -> list[float]:
    """[0.0] if zeros stand apart from all others, else nothing."""
    others = np.abs(values[values != 0])
    count = len(values) - len(others)
    distinct = np.unique(others)
    if count < 2 or len(distinct) < MIN_DISTINCT or np.ptp(np.sign(values[values != 0])) > 0:
        return []
    low = np.sort(others)[:_LOWEST]
    gap, spacing = low[0], (low[-1] - low[0]) / (len(low) - 1)
    step = np.min(np.diff(distinct))
    # A smooth density that rises from 0 puts no more than step/gap of what lies in the gap into the first step.
    unlikely = (count - 1) * math.log(max(gap / step, 1.0)) >= -math.log(ODDS)
    typical = np.median(others)
    away = gap >= FAR_ZERO * typical and gap >= SPACINGS * spacing and gap >= STEPS * step
    beyond = gap > typical - gap and gap >= 4 * STEPS * step and gap >= SPACINGS * spacing / 2
    return [0.0] if (unlikely and away) or beyond else []


def _sentence(source: str, column: str, values: np.ndarray, code: float, codes: list[float]) -> str:
    rest = values[~np.isin(values, codes)]
    held, without = np.std(values, ddof=1), np.std(rest, ddof=1)
    remedy = f'in [collaboration], missing = [{code:.12g}] with incomplete = "drop" does so'
    return (
        f"{source}: column {column} holds {code:.12g} in {np.sum(values == code):,} of {len(values):,} rows, far from "
        f"all other values ({np.min(rest):g} to {np.max(rest):g}), which makes the standard deviation {held:.3g} "
        f'instead of {without:.3g}: if it means "no value", leave these rows out ({remedy})'
    )
