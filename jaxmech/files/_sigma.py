"""Standard deviations from measurements, with their standard errors."""

import dataclasses
from pathlib import Path

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._tolerances import tolerances
from jaxmech._words import some, suggestion
from jaxmech.files._read import Table, read_table
from jaxmech.numerics import spread

MIN_ROWS = 8
"""Fewest measurements from which a standard deviation is estimated: below, its standard error means nothing."""

_INCOMPLETE = "(leave out the whole row: who lacks one measurement cannot be compared in the others)"


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A standard deviation estimated from measurements.

    Attributes:
        distribution: its name.
        sigma: sample standard deviation (divisor n − 1), in the unit of the measurements.
        standard_error: of ``sigma``, in the same unit, valid for measurements of any shape with a fourth moment.
        count: number of measurements.
    """

    distribution: str
    sigma: float
    standard_error: float
    count: int


def measurements(path: Path, name: str, distributions: tuple[str, ...], key: str) -> Table:
    """Return the measurements in a file, one column per distribution, in the problem's order.

    Args:
        path: where it is.
        name: what messages call it.
        distributions: the names that the columns must have.
        key: the key that named the file, for messages.

    Raises:
        ProblemError: for columns that are unknown or missing, and values that are not finite.
    """
    table = read_table(path, name, key, row_names=False, blank=_INCOMPLETE)
    known, found = set(distributions), {column: k for k, column in enumerate(table.columns)}
    for column in table.columns:
        if column not in known:
            rule = f"must be one of the distributions {some(distributions)}{suggestion(column, distributions)}"
            raise ProblemError(f"{name}: column", column, rule)
    for distribution in distributions:
        if distribution not in found:
            raise ProblemError(f"{name}: columns", some(table.columns), f'must include "{distribution}"')
    order = [found[distribution] for distribution in distributions]
    for i, k in np.argwhere(~np.isfinite(table.cells)):
        where = f"{name}: line {table.rows[i]}, column {table.columns[k]}"
        raise ProblemError(where, float(table.cells[i, k]), "must be finite")
    return dataclasses.replace(table, columns=distributions, cells=table.cells[:, order])


def estimate(table: Table) -> tuple[Estimate, ...]:
    """Return the sample standard deviation of every column with its standard error, as :func:`numerics.spread` does.

    Args:
        table: one column per distribution, finite.

    Raises:
        ProblemError: for fewer than :data:`MIN_ROWS` rows, and for columns that do not vary.

    Example:
        >>> table = Table("a.csv", ("x",), ("2", "3"), np.arange(1.0, 10.0)[:, None])
        >>> round(estimate(table)[0].sigma, 4)
        2.7386
    """
    n = len(table.cells)
    if n < MIN_ROWS:
        rule = f"must be at least {MIN_ROWS} to estimate a standard deviation"
        raise ProblemError(f"{table.source}: number of rows", n, rule)
    return tuple(_estimate(table, k) for k in range(len(table.columns)))


def _estimate(table: Table, k: int) -> Estimate:
    values = table.cells[:, k]
    n, name = len(values), table.columns[k]
    # Measurements that differ by rounding alone are constant too: their spread is an accident of the last digit.
    accuracy = tolerances("float64")
    if np.ptp(values) <= accuracy.root * accuracy.eps * float(np.max(np.abs(values))):
        raise ProblemError(f"{table.source}: column {name}", float(values[0]), "must vary, but all values are equal")
    sigma, error = spread(values)
    return Estimate(name, float(sigma), float(error), n)
