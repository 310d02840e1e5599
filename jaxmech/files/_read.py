"""Reading bytes and comma-separated tables, with errors that name the file, the row and the column."""

import csv
import dataclasses
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from jaxmech._errors import ProblemError

MAX_BYTES = 128 * 2**20
"""Largest file that is read. A cell takes two bytes at least, so this also bounds the table that is allocated."""

MAX_ENTRIES = 4_000_000
"""Largest table of costs or measurements: a solve holds some dozens of arrays of this size in memory."""

_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|nan)", re.ASCII | re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Table:
    """A comma-separated table.

    Attributes:
        source: the file's name, for messages.
        columns: the names in the first row, without the corner above the row names.
        rows: the names in the first column; numbers from 2 (the line of the first data row) where there are none.
        cells: (rows, columns) numbers; inf and NaN as written.
    """

    source: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: np.ndarray


def read_text(path: Path, name: str, key: str = "file") -> str:
    """Return the text of a file of at most :data:`MAX_BYTES` bytes of UTF-8.

    Args:
        path: where it is.
        name: what messages call it.
        key: the key that named it, for messages.

    Raises:
        ProblemError: if it is missing, a directory, unreadable, too large or not text.
    """
    try:
        size = path.stat().st_size  # 0 for a pipe or a device, which does not tell
        content = b""
        if size <= MAX_BYTES:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ProblemError(key, name, f"cannot be read: {reason(error)}") from None
    if max(size, len(content)) > MAX_BYTES:
        raise ProblemError(key, name, f"is too large: at most {MAX_BYTES // 2**20} MB are read")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ProblemError(key, name, f"must be UTF-8 text (line {line} is not)") from None


def read_table(path: Path, name: str, key: str, *, row_names: bool) -> Table:
    """Return a table with column names in the first row and, if asked for, row names in the first column.

    Args:
        path: where it is.
        name: what messages call it.
        key: what messages call an entry, e.g. ``costs`` in ``costs[Clinic A][glucose]``.
        row_names: whether the first column holds names.

    Raises:
        ProblemError: naming file, row and column of what is missing, empty, not a number, ragged or repeated.
    """
    lines = _lines(read_text(path, name, key), name)
    header = [cell.strip() for cell in next(lines, (1, []))[1]]
    if not header:
        raise ProblemError(key, name, "is empty: the first row must hold the names of the columns")
    columns = tuple(header[1:] if row_names else header)
    _check_header(name, header, columns)
    rows: list[str] = []
    cells: list[np.ndarray] = []
    for line_number, line in lines:
        if len(line) != len(header):
            rule = f"must have as many cells as the first row ({len(header)}), but has {len(line)}"
            raise ProblemError(f"{name}: line {line_number}", ",".join(line), rule)
        if (len(rows) + 1) * len(columns) > MAX_ENTRIES:
            rule = f"the table is too large: at most {MAX_ENTRIES:,} numbers"
            raise ProblemError(f"{name}: {key}: line", line_number, rule)
        rows.append(line[0].strip() if row_names else str(line_number))
        where = f"{name}: {key}[{rows[-1]}]"
        numbers = line[1:] if row_names else line
        cells.append(np.array([_cell(where, columns[k], cell) for k, cell in enumerate(numbers)]))
    if not rows:
        raise ProblemError(key, name, "has no rows of numbers below the names of the columns")
    _check_names(name, "row", rows)
    return Table(name, columns, tuple(rows), np.stack(cells))


def number(argument: str, value: object) -> float:
    """Return a number from a problem file as a float.

    Raises:
        ProblemError: for booleans, texts, lists, dates and integers beyond the range of a float.
    """
    if isinstance(value, bool):
        raise ProblemError(argument, value, "must be a number, not a boolean")
    if not isinstance(value, (int, float)):
        raise ProblemError(argument, value, "must be a number")
    try:
        return float(value)
    except OverflowError:
        raise ProblemError(argument, value, "is too large a number") from None


def _lines(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that are not blank, with their numbers."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for line in reader:
            if any(cell.strip() for cell in line):
                yield reader.line_num, line
    except csv.Error as error:
        raise ProblemError(f"{name}: line", reader.line_num, f"is not valid CSV: {error}") from None


def _check_header(name: str, header: list[str], columns: tuple[str, ...]) -> None:
    if not columns:
        hint = " (separate the cells with commas)" if any(";" in cell or "\t" in cell for cell in header) else ""
        raise ProblemError(f"{name}: first row", ",".join(header), f"must name at least one column of numbers{hint}")
    _check_names(name, "column", columns)


def _check_names(name: str, kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for position, entry in enumerate(names, start=1):
        if not entry:
            raise ProblemError(f"{name}: {kind} {position}", entry, "must have a name, not be empty")
        if entry in seen:
            raise ProblemError(f"{name}: {kind} {position}", entry, "must not occur twice")
        seen.add(entry)


def _cell(row: str, column: str, cell: str) -> float:
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    argument = f"{row}[{column}]"
    if text in ("", "-", "–", "—"):
        # An empty cell may be a slip of the hand, and an agent who cannot sample changes the whole plan.
        raise ProblemError(argument, text, 'must not be left empty (for a cost that is none: "inf", cannot sample)')
    raise ProblemError(argument, text, "must be a number")


def reason(error: Exception) -> str:
    """Return in a few words why the operating system refused."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "is a directory"
    return " ".join(str(getattr(error, "strerror", None) or error).split()).lower()
