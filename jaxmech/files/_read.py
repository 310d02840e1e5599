"""Reading bytes and tables, with errors that name the file, the row and the column."""

import dataclasses
import itertools
import math
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from jaxmech._errors import ProblemError, reason
from jaxmech._printable import clean_name
from jaxmech._sheets import Row, Sheet, SheetError, canonical, decimal_mark, decoded, open_sheet, split_sheet
from jaxmech._words import suggestion

MAX_BYTES = 128 * 2**20
"""Largest file that is read. A cell takes two bytes at least, so this also bounds the table that is allocated."""

MOST_TOLD = 8
"""Of many faults of the same names, so many are told beside the first."""

MAX_ENTRIES = 4_000_000
"""Largest table of costs or measurements: a solve holds some dozens of arrays of this size in memory."""

NO_COST = "(where an agent cannot measure it, write inf)"
"""What to write instead of an empty cell in a table of costs."""

FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How texts begin that spreadsheets take for formulas, or that were kept from being taken for one."""

_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|nan)", re.ASCII | re.IGNORECASE)
_SMALLEST = float(np.finfo(float).tiny)
_NOTHING = re.compile(r"n[./]?a\.?|none|null|nil|nothing|missing|unknown|not offered|no|[?*.xX]+", re.IGNORECASE)
"""What people write where there is no number."""
_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table from a file: CSV in any dialect, or a spreadsheet.

    Attributes:
        source: the file's name, for messages.
        columns: the names in the first row, without the corner above the row names.
        rows: the names in the first column; numbers from 2 (the line of the first data row) where there are none.
        cells: (rows, columns) numbers; inf and NaN as written.
        dropped: number of rows that were left out because they lack a value.
    """

    source: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    cells: np.ndarray
    dropped: int = 0


@dataclasses.dataclass(frozen=True)
class Reading:
    """How measurements are written down: what the keys ``missing``, ``incomplete`` and ``ignore`` say.

    Attributes:
        texts: cells that mean "no value", without the blanks around them.
        numbers: the same for cells that are numbers, however these are written.
        drop: whether rows that lack a value are left out and counted; else they are refused.
        ignore: names of columns that are not measurements.

    Example:
        >>> reading = Reading(texts=frozenset({"", "NA"}), numbers=frozenset({-999.0}))
        >>> [reading.is_missing(cell) for cell in (" NA ", "-9.99e2", "na", "999")]
        [True, True, False, False]
    """

    texts: frozenset[str] = frozenset()
    numbers: frozenset[float] = frozenset()
    drop: bool = False
    ignore: tuple[str, ...] = ()

    def is_missing(self, cell: str) -> bool:
        """Return whether a cell means "no value"."""
        text = cell.strip()
        if text in self.texts:
            return True
        return bool(self.numbers) and _NUMBER.fullmatch(text) is not None and float(text) in self.numbers


AS_WRITTEN = Reading()
"""Every cell must hold a number, and every column is read."""


def read_text(path: Path, name: str, key: str = "file") -> str:
    """Return the text of a file of at most :data:`MAX_BYTES` bytes of UTF-8.

    Args:
        path: where it is.
        name: what messages call it.
        key: the key that named it, for messages.

    Raises:
        ProblemError: if it is missing, no regular file, unreadable, too large or not text.
    """
    content = _read_bytes(path, name, key)
    try:
        return decoded(content)
    except SheetError as error:
        raise ProblemError(key, name, error.rule) from None


def _read_bytes(path: Path, name: str, key: str) -> bytes:
    try:
        status = path.stat()
        content, size = b"", status.st_size
        if stat.S_ISREG(status.st_mode) and size <= MAX_BYTES:
            with path.open("rb") as file:
                content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ProblemError(key, name, f"cannot be read: {reason(error)}") from None
    if not stat.S_ISREG(status.st_mode):
        # A pipe that nobody writes to, or a device without end, would never be read.
        kind = "is a directory" if stat.S_ISDIR(status.st_mode) else "is a pipe or a device: must be a regular file"
        raise ProblemError(key, name, f"cannot be read: {kind}")
    if max(size, len(content)) > MAX_BYTES:
        raise ProblemError(key, name, f"is too large: at most {MAX_BYTES // 2**20} MB are read")
    return content


def _open(path: Path, name: str, key: str) -> Sheet:
    """The table in a file, or in the sheet of a spreadsheet that ``FILE.xlsx#SHEET`` names."""
    file, sheet = split_sheet(str(path))
    try:
        return open_sheet(_read_bytes(Path(file), name, key), sheet)
    except SheetError as error:
        placed = (f"{name}: line {error.line}", error.value) if error.line and error.value else (key, name)
        raise ProblemError(*placed, error.rule) from None


def read_table(
    path: Path,
    name: str,
    key: str,
    *,
    row_names: bool,
    blank: str = "",
    reading: Reading = AS_WRITTEN,
    choose: Callable[[tuple[str, ...]], Sequence[int]] | None = None,
) -> Table:
    """Return a table with column names in the first row and, if asked for, row names in the first column.

    Args:
        path: where it is.
        name: what messages call it.
        key: what messages call an entry, e.g. ``costs`` in ``costs[Clinic A][glucose]``.
        row_names: whether the first column holds names.
        blank: what to do about an empty cell, for the message.
        reading: which cells mean "no value", and whether their rows are left out.
        choose: names of the columns → places of those that are read, in the order wanted; all if left out.

    Names are cleaned: composed (NFC), blanks and line breaks as single blanks, and without the apostrophe that keeps
    spreadsheets from taking a name for a formula.

    Raises:
        ProblemError: naming file, row and column of what is missing, empty, not a number, ragged or repeated.
    """
    sheet = _open(path, name, key)
    lines = _rows(sheet, name)
    header = [_name(cell) for cell in next(lines, (1, []))[1]]
    if not header:
        raise ProblemError(key, name, "is empty: the first row must hold the names of the columns")
    columns = tuple(header[1:] if row_names else header)
    _check_header(name, header, columns)
    chosen = range(len(columns)) if choose is None else choose(columns)
    places, columns = [k + row_names for k in chosen], tuple(columns[k] for k in chosen)
    decimal = _decimal(sheet, name, places, header)
    rows: list[str] = []
    cells: list[np.ndarray] = []
    dropped = 0
    for line_number, line in lines:
        if len(line) != len(header):
            rule = f"must have as many cells as the first row ({len(header)}), but has {len(line)}"
            raise ProblemError(f"{name}: line {line_number}", ",".join(line), rule)
        if (len(rows) + 1) * len(columns) > MAX_ENTRIES:
            rule = f"the table is too large: at most {MAX_ENTRIES:,} numbers"
            raise ProblemError(f"{name}: {key}: line", line_number, rule)
        measured = [canonical(line[k], decimal) or line[k] for k in places]
        if reading.drop and any(reading.is_missing(cell) for cell in measured):
            dropped += 1
            continue
        rows.append(_name(line[0]) if row_names else str(line_number))
        where = f"{name}: {key}[{rows[-1]}]"
        given = zip(columns, measured, strict=True)
        cells.append(np.array([_cell(where, column, cell, blank, reading) for column, cell in given]))
    if not rows:
        left_out = f": all {dropped} lack a value" if dropped else ""
        raise ProblemError(key, name, f"has no rows of numbers below the names of the columns{left_out}")
    _check_names(name, "row", rows)
    return Table(name, columns, tuple(rows), np.stack(cells), dropped)


def column_names(path: Path, name: str) -> tuple[str, ...]:
    """Return the names in the first row of a table.

    Args:
        path: where it is.
        name: what messages call it.

    Raises:
        ProblemError: if it cannot be read.
    """
    return tuple(_name(cell) for cell in next(_rows(_open(path, name, "file"), name), (1, []))[1])


def row_names(path: Path, name: str, key: str) -> tuple[str, ...]:
    """Return what stands in the first column of a table below its first row.

    Args:
        path: where it is.
        name: what messages call it.
        key: the key that named it, for messages.

    Raises:
        ProblemError: if it cannot be read.
    """
    return tuple(_name(line[0]) for _, line in itertools.islice(_rows(_open(path, name, key), name), 1, None))


class OutOfRange(float):
    """A number in a problem file that no float can hold: it must not become infinity or zero unnoticed."""

    literal: str

    def __float__(self) -> float:
        """Refuse to be converted; whoever reads numbers catches it."""
        raise OverflowError(out_of_range(self.literal))

    def __repr__(self) -> str:
        """As it was written."""
        return self.literal


def parse_float(text: str) -> float:
    """Return a number as TOML writes it, or an :class:`OutOfRange`.

    Example:
        >>> parse_float("1_000.5"), parse_float("1e400")
        (1000.5, 1e400)
    """
    if not out_of_range(text):
        return float(text)
    refused = OutOfRange("nan")
    refused.literal = text
    return refused


def out_of_range(text: str) -> str:
    """Return what is wrong with a number that floats would round to infinity or to zero, else an empty text.

    Example:
        >>> out_of_range("1e400"), out_of_range("0e5"), out_of_range("inf"), out_of_range("-1e-400")
        ('is too large a number: at most 1.8e308', '', '', 'is too small a number: at least 2.2e-308, or 0')
    """
    value, lower = float(text), text.lower()
    if math.isinf(value) and "inf" not in lower:
        return "is too large a number: at most 1.8e308"
    # Below the normal numbers digits are lost, one after the other.
    if abs(value) < _SMALLEST and re.search("[1-9]", lower.partition("e")[0]):
        return "is too small a number: at least 2.2e-308, or 0"
    return ""


def number(argument: str, value: object) -> float:
    """Return a number from a problem file as a float.

    Raises:
        ProblemError: for booleans, texts, lists, dates, and numbers beyond the range of a float.
    """
    if isinstance(value, bool):
        raise ProblemError(argument, value, "must be a number, not a boolean")
    if not isinstance(value, (int, float)):
        raise ProblemError(argument, value, f"must be a number{_unquoted(value)}")
    try:
        return float(value)
    except OverflowError as error:
        rule = str(error) if isinstance(value, OutOfRange) else "is too large a number: at most 1.8e308"
        raise ProblemError(argument, value, rule) from None


def _unquoted(value: object) -> str:
    """Return what to write instead of a text, if a number was meant."""
    if not isinstance(value, str):
        return ""
    text = value.strip()
    if _NUMBER.fullmatch(text) and not out_of_range(text):
        return f": write {text.lower() if 'inf' in text.lower() else text}, without quotation marks"
    if _COMMA.fullmatch(text):
        return f": write {text.replace(',', '.')}, with a point and without quotation marks"
    if _NOTHING.fullmatch(text):
        return ": where there is none, as for a cost of who cannot measure it, write inf without quotation marks"
    return ""


def _rows(sheet: Sheet, name: str) -> Iterator[Row]:
    """Yield the rows that are not blank, with the numbers of their lines."""
    try:
        yield from ((line, row) for line, row in sheet.rows() if any(cell.strip() for cell in row))
    except SheetError as error:
        raise ProblemError(f"{name}: line", error.line, error.rule) from None


def _decimal(sheet: Sheet, name: str, places: Sequence[int], header: Sequence[str]) -> str:
    """What stands before the decimals, as the cells that are read say it."""
    if sheet.plain:
        return "."
    rows = itertools.islice(_rows(sheet, name), 1, None)
    cells = ((line, k, row[k]) for line, row in rows for k in places if k < len(row))
    try:
        return decimal_mark(cells, sheet.separator)
    except SheetError as error:
        column = "" if error.column is None else f", column {header[error.column]}"
        raise ProblemError(f"{name}: line {error.line}{column}", error.value, error.rule) from None


def _name(cell: str) -> str:
    """A name as it is meant: cleaned, and without the apostrophe of :func:`csv_text`."""
    name = clean_name(cell)
    return name[1:] if name.startswith("'") and FORMULA.match(name) else name


def _check_header(name: str, header: list[str], columns: tuple[str, ...]) -> None:
    if not columns:
        raise ProblemError(f"{name}: first row", ",".join(header), "must name at least one column of numbers")
    _check_names(name, "column", columns)


def _check_names(name: str, kind: str, names: Iterable[str]) -> None:
    """Refuse names that are missing, unprintable or repeated: the first with what is wrong, the others after it."""
    seen: set[str] = set()
    faults: list[tuple[int, str, str]] = []
    for position, entry in enumerate(names, start=1):
        if not entry:
            faults.append((position, entry, "must have a name, not be empty"))
        elif not entry.isprintable():
            faults.append((position, entry, "must have a name that is printable text"))
        elif entry in seen:
            faults.append((position, entry, "must not occur twice"))
        seen.add(entry)
    if faults:
        (position, entry, rule), *others = faults
        also = "".join(f"; {kind} {place} ({other!r}) {why}" for place, other, why in others[:MOST_TOLD])
        also += f"; and {len(others) - MOST_TOLD:,} more" if len(others) > MOST_TOLD else ""
        raise ProblemError(f"{name}: {kind} {position}", entry, rule + also)


def _cell(row: str, column: str, cell: str, blank: str, reading: Reading) -> float:
    text = cell.strip()
    if reading.is_missing(text):
        rule = 'means "no value": incomplete = "drop" leaves out the rows that lack one, and counts them'
        raise ProblemError(f"{row}[{column}]", text, rule)
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isinf(value) or abs(value) < _SMALLEST:
            wrong = out_of_range(text)
            if wrong:
                raise ProblemError(f"{row}[{column}]", text, wrong)
        return value
    argument = f"{row}[{column}]"
    if text in ("", "-", "–", "—"):
        # An empty cell may be a slip of the hand, and an agent who cannot sample changes the whole plan.
        raise ProblemError(argument, text, f"must not be left empty {blank}".rstrip())
    hint = f", with a decimal point: {text.replace(',', '.')}" if _COMMA.fullmatch(text) else ""
    near = suggestion(text, sorted(reading.texts)) if reading.texts else ""
    if _NOTHING.fullmatch(text) and not near:
        hint = f" {blank}".replace('missing = [""]', f'missing = ["{text}"]')
    raise ProblemError(argument, text, f"must be a number{hint}{near}".rstrip())
