"""Spreadsheets (.xlsx) by openpyxl: values as they were saved in, a table out. A host shell."""

import importlib
import io
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxmech._sheets._fault import SheetError
from jaxmech._sheets._numbers import Exact
from jaxmech._sheets._rows import Row, Sheet

MAX_UNPACKED = 256 * 2**20
"""Bytes that a spreadsheet may take when it is unpacked: a small file can unpack without end."""

_ZIP, _OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_HELP = "spreadsheets need openpyxl: pip install 'jaxmech[excel]', or save the table as CSV"
_UNSAVED = "is a formula whose value was not saved with it: open the file in a spreadsheet program and save it, or type"


def is_workbook(content: bytes) -> bool:
    """Whether a file is a spreadsheet, of the present or the old format, by how it begins.

    Example:
        >>> is_workbook(b"a,b"), is_workbook(workbook_bytes([{"a": 1}]))
        (False, True)
    """
    return content.startswith((_ZIP, _OLD))


def workbook_sheet(content: bytes, name: str | None = None) -> Sheet:
    """Return a sheet of a spreadsheet: what was saved in its cells, formulas by their saved values.

    Args:
        content: of the file.
        name: of the sheet; without one, there must be one sheet alone that holds something.

    Raises:
        SheetError: where there is no such sheet or no one sheet, and for what is no spreadsheet.
    """
    if content.startswith(_OLD):
        raise SheetError(0, "", "is a spreadsheet of the old format, or locked: save it as .xlsx or CSV, unlocked")
    rows = _read(content, name)
    return Sheet(" ", all(isinstance(cell, Exact) for _, row in rows[1:] for cell in row), lambda: iter(rows))


def workbook_bytes(rows: Sequence[Mapping[str, Any]], title: str = "jaxmech") -> bytes:
    """Return a spreadsheet of one sheet: names of columns from the first row's keys, numbers to 16 digits.

    Args:
        rows: numbers, texts, booleans or None by column; infinities are written as texts.
        title: of the sheet.

    Raises:
        SheetError: where openpyxl is not installed.

    Example:
        >>> from jaxmech._sheets import open_sheet
        >>> list(open_sheet(workbook_bytes([{"agent": "=A", "gain": 0.5}])).rows())
        [(1, ['agent', 'gain']), (2, ['=A', '0.5'])]
    """
    excel = _openpyxl()
    book = excel.Workbook()
    sheet = book.active
    sheet.title = title
    names = list(rows[0]) if rows else []
    for place, name in enumerate(names, start=1):
        cell = sheet.cell(1, place)
        cell.value, cell.data_type = name, "s"  # no text becomes a formula
        cell.font = excel.styles.Font(bold=True)
        longest = max([len(name), *(len(str(row[name])) for row in rows[:100])])
        sheet.column_dimensions[excel.utils.get_column_letter(place)].width = min(longest, 40) + 2
    for line, row in enumerate(rows, start=2):
        for place, name in enumerate(names, start=1):
            cell, value = sheet.cell(line, place), row[name]
            cell.value = value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
            if isinstance(value, str):
                cell.data_type = "s"
    sheet.freeze_panes = "A2"
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _openpyxl() -> Any:
    try:
        return importlib.import_module("openpyxl")
    except ImportError:
        raise SheetError(0, "", _HELP) from None


def _read(content: bytes, name: str | None) -> list[Row]:
    excel = _openpyxl()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > MAX_UNPACKED:
            raise SheetError(0, "", f"is too large: at most {MAX_UNPACKED // 2**20} MB are unpacked")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of colours and rules that openpyxl does not know
            return _checked(excel, content, name)
    except SheetError:
        raise
    except Exception:
        # whatever a damaged file makes of zip, XML and openpyxl
        raise SheetError(0, "", "is not a valid .xlsx file") from None


def _checked(excel: Any, content: bytes, name: str | None) -> list[Row]:
    values, formulas = ({sheet.title: list(_cells(sheet)) for sheet in _open(excel, content, saved)}
                        for saved in (True, False))  # fmt: skip
    title = _choose({sheet: any(_filled(row) for _, row in rows) for sheet, rows in formulas.items()}, name)
    width = 0
    read: list[Row] = []
    for (line, row), (_, written) in zip(values[title], formulas[title], strict=True):
        if not width and not _filled(written):
            continue  # the table begins below
        width = width or 1 + max(k for k, value in enumerate(written) if value is not None)
        found = list(_texts(line, row, written))
        while len(found) > width and not found[-1]:
            found.pop()  # cells that are coloured, and empty
        read.append((line, found + [""] * (width - len(found))))
    while read and not any(cell.strip() for cell in read[-1][1]):
        read.pop()
    return read


def _open(excel: Any, content: bytes, saved: bool) -> list[Any]:
    book = excel.load_workbook(io.BytesIO(content), read_only=True, data_only=saved)
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # what a file says of its size need not be true
    return list(book.worksheets)


def _cells(sheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    yield from enumerate(sheet.iter_rows(values_only=True), start=1)


def _filled(row: Sequence[Any]) -> bool:
    return any(value is not None and str(value).strip() for value in row)


def _choose(sheets: Mapping[str, bool], name: str | None) -> str:
    """The sheet that is named, or the only one that holds something."""
    known = ", ".join(f'"{title}"' for title in sheets)
    if name is not None:
        if name not in sheets:
            raise SheetError(0, name, f"must be the name of a sheet ({known})")
        return name
    filled = [title for title, something in sheets.items() if something]
    if len(filled) > 1:
        rule = f"has {len(filled)} sheets: write FILE.xlsx#SHEET for one of {', '.join(filled)}"
        raise SheetError(0, "", rule)
    return (filled or list(sheets))[0]


def _texts(line: int, row: Sequence[Any], written: Sequence[Any]) -> Iterator[str]:
    for column, (value, source) in enumerate(zip(row, written, strict=True)):
        if value is None and source is not None:
            raise SheetError(line, str(source), f"{_UNSAVED} the number", column)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        yield Exact(repr(value)) if number else "" if value is None else str(value)
