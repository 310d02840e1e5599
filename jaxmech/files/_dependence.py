"""Which columns of a table of measurements can be computed from the others (a pure function of numpy arrays)."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import numpy as np

from jaxmech._words import some
from jaxmech.files._read import Table

TOLERANCE = 0.03
"""Residual, in standard deviations of the column, below which a column counts as computed from others.

Calculated values are rounded as they are written down: whole numbers with a standard deviation of 10 to 30, as
laboratories report lipids, leave 0.01 to 0.03. What is measured separately leaves far more: 0.03 is an R² of 0.9991.
"""

DEGREES_OF_FREEDOM = 8
"""Rows to spare, beyond the coefficients that are fitted: with fewer, a small residual can be an accident."""

MOST_NAMED = 12
"""Most columns that a dependence names; a column that takes more depends on all others together."""

MAX_DEPENDENT_COLUMNS = 500
"""Tables of more columns are not examined: it would take longer than solving the problem."""

Form: TypeAlias = Literal["linear", "product"]
"""Linear function (with a constant), or product of powers (quotients among them): linear in logarithms."""


@dataclasses.dataclass(frozen=True)
class Dependence:
    """A column that can be computed from others, so that a party can hand it in without having measured it.

    Attributes:
        column: its name.
        on: the columns that suffice, in the table's order, none of them superfluous.
        form: "linear" (a linear function with a constant) or "product" (a product of powers, times a constant).
        residual: standard deviation of what is left of the column (of its logarithm for a product), in units of its
            own standard deviation.
        source: the table's file.
    """

    column: str
    on: tuple[str, ...]
    form: Form
    residual: float
    source: str


def dependences(table: Table) -> tuple[Dependence, ...]:
    """Return the columns that are, up to :data:`TOLERANCE`, functions of others; independent of order and units.

    Columns are standardised. All others leave 1/√(C⁻¹)ₖₖ of column k's standard deviation, C being the correlations,
    inverted by their eigenvalues; which others are needed is found by orthogonal matching pursuit, and what turns out
    to be superfluous is dropped. The same is done for the logarithms of the columns that are positive. Where a table
    has too few rows to fit all columns, only functions of a single other one are told; nothing is told of columns that
    do not vary. Functions of other forms are not looked for.

    Args:
        table: measurements, finite.

    Returns:
        One record per dependent column, in the table's order: first what is linear, then what is a product only.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 2))
        >>> found = dependences(Table("a.csv", ("x", "y", "sum"), (), np.c_[x, x.sum(axis=1)]))
        >>> [(record.column, record.on) for record in found]
        [('x', ('y', 'sum')), ('y', ('x', 'sum')), ('sum', ('x', 'y'))]
    """
    n, d = table.cells.shape
    if d > MAX_DEPENDENT_COLUMNS or n < DEGREES_OF_FREEDOM + 2:
        return ()
    cells = np.asarray(table.cells, float)
    linear = _of_form(table, cells, range(d), "linear")
    known = {record.column for record in linear}
    positive = [k for k in range(d) if np.all(cells[:, k] > 0)]
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.log(cells)
    products = _of_form(table, logarithms, positive, "product")
    return (*linear, *(record for record in products if record.column not in known))


def dependence_warnings(found: Iterable[Dependence]) -> tuple[str, ...]:
    """Return one sentence per set of columns that determine each other: what, and why it matters.

    Example:
        >>> pairs = (("a", ("b",)), ("b", ("a",)))
        >>> found = [Dependence(column, on, "linear", 0.001, "x.csv") for column, on in pairs]
        >>> dependence_warnings(found)[0].partition(": a party")[0]
        'x.csv: each of a, b is a linear function of the other, to within 0.1 % of its standard deviation'
    """
    groups: dict[tuple[str, str, frozenset[str]], list[Dependence]] = {}
    for record in found:
        key = (record.source, record.form, frozenset((record.column, *record.on)))
        groups.setdefault(key, []).append(record)
    sentences: list[str] = []
    for records in groups.values():
        first = records[0]
        if len(records) == len(first.on) + 1:
            who, others = f"each of {some([first.column, *first.on])}", f"the other{'s' if len(first.on) > 1 else ''}"
            sentences.append(_sentence(first, who, others, max(record.residual for record in records)))
        else:
            sentences += [_sentence(record, record.column, some(record.on), record.residual) for record in records]
    return tuple(sentences)


def _sentence(record: Dependence, who: str, others: str, residual: float) -> str:
    linear = record.form == "linear"
    what = "a linear function" if linear else "a product or quotient of powers"
    within = max(math.ceil(1000 * residual) / 10, 0.1)
    unit = "standard deviation" if linear else "logarithm's standard deviation"
    return (
        f"{record.source}: {who} is {what} of {others}, to within {within:g} % of its {unit}: a party can compute it "
        "instead of measuring it, and honesty is promised only for distributions that do not determine each other"
    )


def _of_form(table: Table, cells: np.ndarray, columns: Iterable[int], form: Form) -> tuple[Dependence, ...]:
    """The dependences among some columns of a transformed table."""
    kept = [k for k in columns if _varies(cells[:, k])]
    if len(kept) < 2:
        return ()
    names = [table.columns[k] for k in kept]
    standard = _standardised(cells[:, kept])
    rows = len(standard)
    correlations = standard.T @ standard / rows
    left = _left_by_all(correlations, rows)
    records = []
    for k in np.flatnonzero(~(left > TOLERANCE)).tolist():
        few = _needed(correlations, k, names, rows)
        on = few or [j for j in range(len(kept)) if j != k and np.isfinite(left[k])]
        if on:
            residual = _residual(standard, k, on) if few else float(left[k])
            records.append(Dependence(names[k], tuple(names[j] for j in on), form, residual, table.source))
    return tuple(records)


def _varies(values: np.ndarray) -> bool:
    return bool(np.ptp(values) > 64 * np.finfo(float).eps * np.max(np.abs(values)))


def _standardised(cells: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and mean square 1, without overflow on the way."""
    scaled = cells / np.max(np.abs(cells), axis=0)
    centred = scaled - np.mean(scaled, axis=0)
    return np.asarray(centred / np.sqrt(np.mean(centred**2, axis=0)))


def _left_by_all(correlations: np.ndarray, rows: int) -> np.ndarray:
    """What all others together leave of every column; NaN where the rows do not suffice to tell."""
    d = len(correlations)
    if rows - d < DEGREES_OF_FREEDOM:
        return np.full(d, np.nan)
    values, vectors = np.linalg.eigh(correlations)
    inverse_diagonal = np.sum(vectors**2 / np.maximum(values, np.finfo(float).eps), axis=1)
    return np.asarray(np.sqrt((rows - 1) / (rows - d) / inverse_diagonal))


def _needed(correlations: np.ndarray, k: int, names: Sequence[str], rows: int) -> list[int]:
    """The few columns that determine column k, none of them superfluous; none if it takes many, or nothing does."""
    d = len(correlations)
    most = min(MOST_NAMED, d - 1) if rows - d >= DEGREES_OF_FREEDOM else 1
    chosen: list[int] = []
    left = np.abs(correlations[k])
    while len(chosen) < most:
        left[[k, *chosen]] = -1.0
        rounded = np.round(left, 6)  # ties are broken by name: the order of the columns must not matter
        chosen.append(min(np.flatnonzero(rounded == rounded.max()).tolist(), key=lambda j: names[j]))
        weights, residual = _fit(correlations, k, chosen, rows)
        if residual < TOLERANCE:
            return sorted(_pruned(correlations, k, chosen, names, rows))
        left = np.abs(correlations[k] - weights @ correlations[chosen])
    return []


def _pruned(correlations: np.ndarray, k: int, chosen: list[int], names: Sequence[str], rows: int) -> list[int]:
    """Without what is superfluous, the last in the alphabet first."""
    kept = list(chosen)
    for j in sorted(chosen, key=lambda j: names[j], reverse=True):
        fewer = [i for i in kept if i != j]
        if fewer and _fit(correlations, k, fewer, rows)[1] < TOLERANCE:
            kept = fewer
    return kept


def _fit(correlations: np.ndarray, k: int, on: list[int], rows: int) -> tuple[np.ndarray, float]:
    """Weights of the columns that fit column k best, and what they leave, good to the root of rounding errors."""
    weights = np.linalg.lstsq(correlations[np.ix_(on, on)], correlations[on, k])[0]
    left = max(1.0 - float(weights @ correlations[on, k]), 0.0)
    return weights, _unbiased(left, rows, len(on))


def _residual(standard: np.ndarray, k: int, on: list[int]) -> float:
    """What columns leave of column k, computed from the measurements themselves."""
    weights = np.linalg.lstsq(standard[:, on], standard[:, k])[0]
    left = standard[:, k] - standard[:, on] @ weights
    return _unbiased(float(np.mean(left**2)), len(standard), len(on))


def _unbiased(mean_square: float, rows: int, fitted: int) -> float:
    """Standard deviation of what a fit with a constant leaves, in those of the column."""
    return math.sqrt(mean_square * (rows - 1) / (rows - 1 - fitted))
