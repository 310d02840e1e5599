"""JSON and CSV out: whole files or none, ``-`` for standard output."""

import csv
import io
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._whole import write_whole
from jaxmech.files._read import reason


def json_text(document: Mapping[str, Any]) -> str:
    r"""Return a document as JSON: NaN and None become null, infinity the text "inf", arrays lists.

    Example:
        >>> json_text({"penalty": np.array([1.5, np.inf, np.nan])})
        '{\n  "penalty": [1.5, "inf", null]\n}\n'
    """
    return f"{_layout(_plain(document), 0)}\n"


def csv_text(rows: Iterable[Mapping[str, Any]]) -> str:
    r"""Return rows as CSV, with the keys of the first one as names of the columns; missing is an empty cell.

    Example:
        >>> csv_text([{"agent": "A", "gain": 0.5}, {"agent": "B", "gain": None}])
        'agent,gain\nA,0.5\nB,\n'
    """
    entries = [{key: _plain(value) for key, value in row.items()} for row in rows]
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


def _plain(value: Any) -> Any:
    """Turn arrays, tuples and numpy numbers into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__"):
        return _plain(np.asarray(value).tolist())
    if isinstance(value, Sequence):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return _number(value)
    return value


def _number(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def _layout(value: Any, depth: int) -> str:
    """Indent objects and lists of them; keep a row of numbers on one line."""
    pad, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict) and value:
        lines = [f"{pad}{_atom(key)}: {_layout(entry, depth + 1)}" for key, entry in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{end}}}"
    if isinstance(value, list) and any(isinstance(entry, (list, dict)) for entry in value):
        return "[\n" + ",\n".join(f"{pad}{_layout(entry, depth + 1)}" for entry in value) + f"\n{end}]"
    return _atom(value)


def _atom(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
