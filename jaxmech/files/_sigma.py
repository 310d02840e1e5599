"""Standard deviations from measurements, with their standard errors."""

import dataclasses
from pathlib import Path

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._tolerances import tolerances
from jaxmech._words import some, suggestion
from jaxmech.files._read import AS_WRITTEN, Reading, Table, read_table
from jaxmech.numerics import spread

MIN_ROWS = 8
"""Fewest measurements from which a standard deviation is estimated: below, its standard error means nothing."""

_INCOMPLETE = (
    "(if it means no value, leave out the whole row: who lacks one measurement cannot be compared in the others; "
    'in [collaboration], missing = [""] with incomplete = "drop" does so)'
)


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A standard deviation estimated from measurements.

    Attributes:
        distribution: its name.
        sigma: sample standard deviation (divisor n − 1), in the unit of the measurements.
        standard_error: of ``sigma``, in the same unit, valid for measurements of any shape with a fourth moment.
        count: number of measurements.
        dropped: number of rows that were left out because they lack a value.
    """

    distribution: str
    sigma: float
    standard_error: float
    count: int
    dropped: int = 0


def measurements(
    path: Path, name: str, distributions: tuple[str, ...], key: str, reading: Reading = AS_WRITTEN
) -> Table:
    """Return the measurements in a file, one column per distribution, in the problem's order.

    Args:
        path: where it is.
        name: what messages call it.
        distributions: the names that the columns must have.
        key: the key that named the file, for messages.
        reading: which cells mean "no value", what becomes of their rows, and which columns are left out.

    Raises:
        ProblemError: for columns that are unknown or missing, and values that are missing or not finite.
    """

    def places(columns: tuple[str, ...]) -> list[int]:
        return _places(columns, name, distributions, reading.ignore)

    table = read_table(path, name, key, row_names=False, blank=_INCOMPLETE, reading=reading, choose=places)
    for i, k in np.argwhere(~np.isfinite(table.cells)):
        where = f"{name}: line {table.rows[i]}, column {table.columns[k]}"
        raise ProblemError(where, float(table.cells[i, k]), "must be finite")
    return table


def _places(columns: tuple[str, ...], name: str, distributions: tuple[str, ...], ignore: tuple[str, ...]) -> list[int]:
    """Where the distributions stand among the columns, all of which are known or to be left out."""
    for column in columns:
        if column not in distributions and column not in ignore:
            near = suggestion(column, distributions)
            rule = f"must be one of the distributions {some(distributions)}{near}"
            toml = column.replace("\\", r"\\").replace('"', r"\"")
            raise ProblemError(
                f"{name}: column", column, f'{rule}; ignore = ["{toml}"] in [collaboration] leaves it out'
            )
    for distribution in distributions:
        if distribution not in columns:
            raise ProblemError(f"{name}: columns", some(columns), f'must include "{distribution}"')
    return [columns.index(distribution) for distribution in distributions]


def dropped_warnings(*tables: Table) -> tuple[str, ...]:
    """Return one sentence per table of which rows were left out: how many.

    Example:
        >>> dropped_warnings(Table("a.csv", ("x",), ("2", "4"), np.ones((2, 1)), dropped=1))
        ('a.csv: 1 of 3 rows was left out, because a value is missing',)
    """
    return tuple(
        f"{table.source}: {table.dropped:,} of {table.dropped + len(table.cells):,} rows "
        f"{'was' if table.dropped == 1 else 'were'} left out, because a value is missing"
        for table in tables
        if table.dropped
    )


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
    return Estimate(name, float(sigma), float(error), n, table.dropped)
