"""One way into every table: text in any dialect, or a sheet of a spreadsheet."""

import re
from pathlib import Path

from jaxmech._sheets._dialect import text_sheet
from jaxmech._sheets._fault import SheetError
from jaxmech._sheets._rows import Sheet
from jaxmech._sheets._text import decoded
from jaxmech._sheets._workbook import is_workbook, workbook_sheet

TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx")
"""How the names of files end that hold tables."""

_NAMED = re.compile(r"(?P<file>.*\.xlsx)#(?P<sheet>.+)", re.IGNORECASE | re.DOTALL)


def split_sheet(name: str) -> tuple[str, str | None]:
    """Return the file, and the sheet in it, that a text names.

    Example:
        >>> split_sheet("costs.xlsx#2026"), split_sheet("costs.csv")
        (('costs.xlsx', '2026'), ('costs.csv', None))
    """
    found = _NAMED.fullmatch(name)
    return (found["file"], found["sheet"]) if found else (name, None)


def is_table(name: str) -> bool:
    """Whether a text is the name of a table by its ending.

    Example:
        >>> is_table("a.CSV"), is_table("b.xlsx#Costs"), is_table("normal")
        (True, True, False)
    """
    return Path(split_sheet(name)[0]).suffix.lower() in TABLE_SUFFIXES


def open_sheet(content: bytes, sheet: str | None = None) -> Sheet:
    """Return the table in a file, whatever its format, which shows by how the file begins.

    Args:
        content: of the file.
        sheet: the name of a sheet, for spreadsheets.

    Raises:
        SheetError: for what is neither text nor a spreadsheet, and where nobody could say which table is meant.
    """
    if content.startswith(b"PAR1"):
        raise SheetError(0, "", "is a Parquet file: must be CSV or .xlsx")
    return workbook_sheet(content, sheet) if is_workbook(content) else text_sheet(decoded(content))
