"""CSV out, and files written: whole files or none."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jaxmech._errors import ProblemError, reason
from jaxmech._json import plain
from jaxmech._sheets import SheetError, workbook_bytes
from jaxmech._targets import is_null
from jaxmech._whole import remove_stale, write_whole
from jaxmech.files._read import FORMULA


def csv_text(rows: Iterable[Mapping[str, Any]]) -> str:
    r"""Return rows as CSV, with the keys of the first one as names of the columns; missing is an empty cell.

    Texts that spreadsheets would take for formulas get an apostrophe in front, as OWASP advises ("CSV injection");
    :func:`read_table` takes it off again. Numbers, infinity among them, are left alone.

    Example:
        >>> csv_text([{"agent": "A", "gain": 0.5}, {"agent": "B", "gain": None}])
        'agent,gain\nA,0.5\nB,\n'
    """
    entries = [{_harmless(key): plain(_harmless(value)) for key, value in row.items()} for row in rows]
    buffer = io.StringIO()
    if entries:
        writer = csv.DictWriter(buffer, fieldnames=list(entries[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(entries)
    return buffer.getvalue()


def workbook(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as a spreadsheet (.xlsx), as :func:`csv_text` returns them as CSV; no text becomes a formula there.

    Args:
        rows: with the keys of the first one as names of the columns; missing is an empty cell.

    Raises:
        ProblemError: where openpyxl is not installed.

    Example:
        >>> workbook([{"agent": "A", "gain": 0.5}])[:2]
        b'PK'
    """
    try:
        return workbook_bytes([{key: plain(value) for key, value in row.items()} for row in rows])
    except SheetError as error:
        raise ProblemError("--xlsx", "file", error.rule) from None


def write(option: str, target: str, content: str | bytes, *, private: bool = False) -> None:
    """Write a file whole: it holds either all of the content or what it held before.

    What killed processes left of earlier tries at the same file is removed.

    Args:
        option: the option that named the target, for messages.
        target: a path that :func:`check_targets` let pass; not ``-``.
        content: text (written as UTF-8) or bytes.
        private: whether the owner of the file alone may read it.

    Raises:
        ProblemError: if the operating system refuses.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    if is_null(target):
        return
    try:
        remove_stale(Path(target))
        write_whole(Path(target), data, private=private)
    except OSError as error:
        raise ProblemError(option, target, f"cannot be written: {reason(error)}") from None


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
