"""CSV out, and files written: whole files or none, ``-`` for standard output."""

import csv
import io
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jaxmech._errors import ProblemError
from jaxmech._json import plain
from jaxmech._whole import write_whole
from jaxmech.files._read import reason


def csv_text(rows: Iterable[Mapping[str, Any]]) -> str:
    r"""Return rows as CSV, with the keys of the first one as names of the columns; missing is an empty cell.

    Example:
        >>> csv_text([{"agent": "A", "gain": 0.5}, {"agent": "B", "gain": None}])
        'agent,gain\nA,0.5\nB,\n'
    """
    entries = [{key: plain(value) for key, value in row.items()} for row in rows]
    buffer = io.StringIO()
    if entries:
        writer = csv.DictWriter(buffer, fieldnames=list(entries[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(entries)
    return buffer.getvalue()


def check_writable(option: str, target: str) -> None:
    """Refuse, before any work is done, a target that cannot be written.

    Raises:
        ProblemError: if it is a directory, or its directory is missing or closed.
    """
    if target == "-":
        return
    path = Path(target)
    try:
        if path.is_dir():
            raise ProblemError(option, target, "must be a file, not a directory")
        if not path.parent.is_dir():
            raise ProblemError(option, target, "must be in a directory that exists")
    except OSError as error:
        raise ProblemError(option, target, f"cannot be written: {reason(error)}") from None
    if not os.access(path.parent, os.W_OK):
        raise ProblemError(option, target, "must be in a directory that can be written to")


def write(option: str, target: str, content: str | bytes) -> None:
    """Write a file whole: it holds either all of the content or what it held before.

    Args:
        option: the option that named the target, for messages.
        target: a path, or ``-`` for standard output.
        content: text (written as UTF-8) or bytes.

    Raises:
        ProblemError: if the operating system refuses.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    if target == "-":
        sys.stdout.write(data.decode("utf-8"))
        return
    try:
        if _is_special(target):
            Path(target).write_bytes(data)
        else:
            write_whole(Path(target), data)
    except OSError as error:
        raise ProblemError(option, target, f"cannot be written: {reason(error)}") from None


def _is_special(target: str) -> bool:
    """Whether this is a pipe or a device, such as /dev/null, which must not be replaced by a file."""
    return os.path.exists(target) and not os.path.isfile(target)
