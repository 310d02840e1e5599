"""Reading what a party hands in: a table in one file, or all that is wrong with it. A host shell."""

import dataclasses
import hashlib
import importlib
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxmech._sheets import Row, Sheet, SheetError, canonical, decimal_mark, decoded, is_workbook, open_sheet

SUFFIXES = (".csv", ".xlsx", ".parquet")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_MOST_FAULTS = 1000
"""A file in another format breaks a rule in every cell: so many are told."""


@dataclasses.dataclass(frozen=True, order=True)
class Fault:
    """Something in a file that breaks a rule.

    Attributes:
        file: its name.
        row: line in the file, from 1; 0 where the fault is not in one line.
        column: its name, or an empty text.
        rule: what was found, and what is asked for.
    """

    file: str
    row: int
    column: str
    rule: str

    def __str__(self) -> str:
        """One line."""
        where = [f"row {self.row}"] if self.row else []
        where += [f"column {self.column}"] if self.column else []
        return " ".join(f"{self.file}: {', '.join(where)}{': ' if where else ''}{self.rule}".split())


@dataclasses.dataclass(frozen=True)
class Handed:
    """What one party handed in.

    Attributes:
        file: the file's name, or None where there is none: an empty submission.
        sha256: of its bytes, or None.
        columns: data points by distribution, but for those that are left out.
        left_out: by distribution, how many points are left out because nobody asked for them; empty: none.
    """

    file: str | None
    sha256: str | None
    columns: tuple[np.ndarray, ...]
    left_out: tuple[int, ...] = ()

    @property
    def counts(self) -> list[int]:
        """How many points were handed in, by distribution."""
        return [len(column) + left for column, left in zip(self.columns, self._left, strict=True)]

    @property
    def _left(self) -> tuple[int, ...]:
        return self.left_out or (0,) * len(self.columns)

    def keep(self, columns: tuple[np.ndarray, ...]) -> "Handed":
        """Return it with these of its points, all others left out.

        Args:
            columns: the first points of each distribution, or all.
        """
        pairs = zip(self.counts, columns, strict=True)
        return dataclasses.replace(self, columns=columns, left_out=tuple(n - len(column) for n, column in pairs))


def read_handed(path: Path, distributions: Sequence[str], needed: Sequence[bool]) -> tuple[Handed | None, list[Fault]]:
    """Read a party's file: one column per distribution, shorter ones with blank cells at the end.

    Args:
        path: a table (CSV or .xlsx) or a Parquet file.
        distributions: the names that columns may have.
        needed: which columns must be there, even if empty: a forgotten one is a slip of the hand.

    Returns:
        What was read, and every fault; None if there are any.
    """
    name = unicodedata.normalize("NFC", path.name)
    if not path.is_file():
        return None, [Fault(name, 0, "", "must be a file")]
    try:
        content = path.read_bytes()
    except OSError as error:
        return None, [Fault(name, 0, "", f"cannot be read: {(error.strerror or str(error)).lower()}")]
    if path.suffix.lower() == ".parquet":
        table, faults = _parquet(content, name)
    else:
        quick = _quick(content, distributions)
        table, faults = (quick, []) if quick is not None else _careful(content, name, distributions, needed)
    if not faults:
        faults = _header_faults(name, list(table), distributions, needed)
    if faults:
        return None, faults
    columns = tuple(table.get(distribution, np.zeros(0)) for distribution in distributions)
    return Handed(name, hashlib.sha256(content).hexdigest(), columns), []


def _arrow(module: str) -> Any:
    """A part of pyarrow, or None where it is not installed."""
    try:
        return importlib.import_module(f"pyarrow{module}")
    except ImportError:
        return None


def _quick(content: bytes, distributions: Sequence[str]) -> dict[str, np.ndarray] | None:
    """Read a flawless CSV by pyarrow; None for whatever is to be looked at with care."""
    arrow, reader = _arrow(""), _arrow(".csv")
    if arrow is None or reader is None or not content.strip():
        return None
    kinds = dict.fromkeys(distributions, arrow.float64())
    convert = reader.ConvertOptions(column_types=kinds, null_values=[""], strings_can_be_null=True)
    how = {
        # a pool of threads may be starting still when the program ends
        "read_options": reader.ReadOptions(use_threads=False),
        "parse_options": reader.ParseOptions(ignore_empty_lines=False),
        "convert_options": convert,
    }
    try:
        table = reader.read_csv(arrow.BufferReader(content), **how)
        names = table.column_names
    except (arrow.ArrowInvalid, arrow.ArrowKeyError, UnicodeDecodeError):
        return None
    if len(set(names)) < len(names) or not set(names) <= set(distributions):
        return None
    columns = {name: _filled(table.column(name)) for name in names}
    found = {name: column for name, column in columns.items() if column is not None}
    return found if len(found) == len(columns) else None


def _filled(column: Any) -> np.ndarray | None:
    """The numbers of a column whose empty cells are all at its end, all finite; else None."""
    count = len(column) - column.null_count
    values = np.asarray(column.slice(0, count).to_numpy(), float)
    return values if column.slice(0, count).null_count == 0 and np.isfinite(values).all() else None


def _parquet(content: bytes, name: str) -> tuple[dict[str, np.ndarray], list[Fault]]:
    arrow, reader = _arrow(""), _arrow(".parquet")
    if arrow is None or reader is None:
        return {}, [Fault(name, 0, "", "Parquet needs pyarrow: pip install 'jaxmech[exchange]'")]
    try:
        table = reader.read_table(arrow.BufferReader(content), use_threads=False, pre_buffer=False)
    except (arrow.ArrowException, OSError):
        return {}, [Fault(name, 0, "", "is not a valid Parquet file")]
    columns, faults = {}, []
    for column in table.column_names:
        kind = table.schema.field(column).type
        if not (arrow.types.is_floating(kind) or arrow.types.is_integer(kind)):
            faults.append(Fault(name, 0, column, f"must hold numbers, not {kind}"))
            continue
        values = _filled(table.column(column))
        if values is None:
            faults.append(Fault(name, 0, column, "must be finite numbers, with empty cells at the end alone"))
        else:
            columns[column] = values
    return columns, faults


def _careful(
    content: bytes, name: str, distributions: Sequence[str], needed: Sequence[bool]
) -> tuple[dict[str, np.ndarray], list[Fault]]:
    """Read a table of any dialect or a spreadsheet cell by cell, and say everything that is wrong with it."""
    try:
        sheet = open_sheet(content)
        rows = sheet.rows()
        header = [cell.strip() for cell in next(rows, (1, []))[1]]
        faults = _header_faults(name, header, distributions, needed)
        if faults:
            return {}, faults
        columns, faults = _cells(name, header, rows, _decimal(sheet))
        if len(header) == 1 and (line := _blank_line(content)):
            faults = [Fault(name, line, header[0], "must not be left empty above numbers"), *faults]
        return columns, faults
    except SheetError as error:
        # a row may be longer than the first: unquoted decimal commas part cells
        column = "" if error.column is None else dict(enumerate(header)).get(error.column, str(error.column + 1))
        found = f"{error.value[:40]!r} " if error.value else ""
        return {}, [Fault(name, error.line, column, f"{found}{error.rule}")]


def _blank_line(content: bytes) -> int:
    """The first blank line between others, or 0: readers pass over it, but in one column it is a missing value."""
    if is_workbook(content):
        return 0
    lines = decoded(content).rstrip().splitlines()
    first = next((k for k, line in enumerate(lines) if line.strip()), 0)
    return next((k + 1 for k, line in enumerate(lines) if k > first and not line.strip()), 0)


def _decimal(sheet: Sheet) -> str:
    """What stands before the decimals in all cells below the first row."""
    if sheet.plain:
        return "."
    rows = itertools.islice(sheet.rows(), 1, None)
    return decimal_mark(((line, k, cell) for line, row in rows for k, cell in enumerate(row)), sheet.separator)


def _header_faults(name: str, header: list[str], distributions: Sequence[str], needed: Sequence[bool]) -> list[Fault]:
    """Everything that is wrong with a first row, in one line."""
    known = ", ".join(distributions)
    if not header:
        return [Fault(name, 1, "", f"is empty: the first row must name the distributions ({known})")]
    faults = []
    for k, column in enumerate(header):
        if column not in distributions:
            faults.append(Fault(name, 1, column or str(k + 1), f"must be the name of a distribution ({known})"))
        elif column in header[:k]:
            faults.append(Fault(name, 1, column, "must not occur twice"))
    faults += [
        Fault(name, 1, distribution, "must be there, even if it is empty")
        for distribution, must in zip(distributions, needed, strict=True)
        if must and distribution not in header
    ]
    if len(faults) < 2:
        return faults
    rules: dict[str, list[str]] = {}
    for fault in faults:
        rules.setdefault(fault.rule, []).append(fault.column)
    several = "must be the name of a distribution", "must be names of distributions"
    told = (
        f"columns {', '.join(columns)} {rule.replace(*several)}" if len(columns) > 1 else f"column {columns[0]} {rule}"
        for rule, columns in rules.items()
    )
    return [Fault(name, 1, "", "; ".join(told))]


def _cells(
    name: str, header: list[str], rows: Iterator[Row], decimal: str
) -> tuple[dict[str, np.ndarray], list[Fault]]:
    points: list[list[float]] = [[] for _ in header]
    blank = [0] * len(header)
    faults: list[Fault] = []
    for line, row in rows:
        if len(faults) >= _MOST_FAULTS:
            faults.append(Fault(name, line, "", f"there may be more faults: {_MOST_FAULTS} are told"))
            break
        if len(row) != len(header):
            faults.append(Fault(name, line, "", f"must have {len(header)} cells, but has {len(row)}"))
            continue
        for k, cell in enumerate(row):
            text = (canonical(cell, decimal) or cell).strip()
            if not text:
                blank[k] = blank[k] or line
                continue
            if blank[k] > 0:
                faults.append(Fault(name, blank[k], header[k], "must not be left empty above numbers"))
                blank[k] = -1  # told once
            faults += _check(name, line, header[k], text, points[k])
    return {column: np.array(values) for column, values in zip(header, points, strict=True)}, faults


def _check(name: str, line: int, column: str, text: str, points: list[float]) -> list[Fault]:
    """Take a cell into the points, or return what is wrong with it."""
    if not _NUMBER.fullmatch(text):
        return [Fault(name, line, column, f"must be a number, not {text[:40]!r}")]
    value = float(text)
    if not np.isfinite(value):
        return [Fault(name, line, column, f"must be finite, not {text[:40]!r}")]
    points.append(value)
    return []
