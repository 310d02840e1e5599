"""CSV in its dialects: what separates the cells shows in the first row, or is refused."""

import csv
import io
import itertools
import re
from collections.abc import Iterator

from jaxmech._sheets._fault import SheetError
from jaxmech._sheets._numbers import canonical
from jaxmech._sheets._rows import Row, Sheet

_SIGNS = {"\t": "tabs", ";": "semicolons", ",": "commas"}
_LOOKED_AT = 200
"""So many rows say whether a sign separates cells: all have the same number of them then."""
_SAID = re.compile(r"\s*\"?sep=(?P<sign>.)\"?\s*")  # how spreadsheets let a file say it


def text_sheet(text: str) -> Sheet:
    r"""Return a table that is written as text, with commas, semicolons or tabs between its cells.

    Args:
        text: of the file.

    Raises:
        SheetError: where more than one of these could be meant; when rows are read, for text that is not CSV.

    Example:
        >>> list(text_sheet("name;x\nA;3,5\n").rows())
        [(1, ['name', 'x']), (2, ['A', '3,5'])]
    """
    first, said = text.partition("\n")[0], None
    if match := _SAID.fullmatch(first):
        said = match["sign"]
    separator, between = _separator(text) if said is None else (said, said)
    # what separates cells stands in none, unless in quotation marks
    plain = separator in (",", "") and '"' not in text and between == ","
    return Sheet(separator, plain, lambda: itertools.islice(_rows(text, between), int(said is not None), None))


def _rows(text: str, between: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield reader.line_num, row
    except csv.Error as error:
        raise SheetError(reader.line_num, "", f"is not valid CSV: {error}") from None


def _separator(text: str) -> tuple[str, str]:
    """What separates cells, or nothing for one column; and by what to split lines."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)  # what stands in quotation marks separates nothing
    signs = [sign for sign in _SIGNS if sign in bare]
    if not signs:
        return "", _in_one_column(text)
    if len(signs) > 1:
        fitting = [sign for sign in signs if _even(text, sign)]
        if len(fitting) > 1:
            words = " and ".join(_SIGNS[sign] for sign in fitting)
            rule = f"has both {words}, and either could stand between cells: put names in quotation marks"
            raise SheetError(1, first.strip(), rule)
        signs = fitting or [sign for sign in signs if sign == ","] or signs
    return signs[0], signs[0]


def _even(text: str, sign: str) -> bool:
    """Whether the first rows have the same number of cells, and more than one."""
    try:
        counts = {len(row) for _, row in itertools.islice(_rows(text, sign), _LOOKED_AT)}
    except SheetError:
        return False
    return len(counts) == 1 and max(counts) > 1


def _in_one_column(text: str) -> str:
    """One column whose rows all are numbers with commas in them has decimal commas; else commas separate, as ever."""
    lines = [line.strip() for line in text.splitlines() if line.strip()][1:]
    commas = [line for line in lines if "," in line and not line.startswith('"')]
    numbers = all(canonical(line.strip('"'), ",") or canonical(line.strip('"'), ".") for line in lines)
    return ";" if commas and numbers else ","
