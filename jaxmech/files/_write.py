"""JSON and CSV out: whole files or none."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._whole import remove_stale, write_whole
from jaxmech.files._read import FORMULA, reason
from jaxmech.files._targets import is_null

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_UNPRINTABLE = re.compile(r"[^ -~]")


def json_text(document: Mapping[str, Any]) -> str:
    r"""Return a document as JSON: NaN and None become null, infinity the text "inf", arrays lists.

    Example:
        >>> json_text({"penalty": np.array([1.5, np.inf, np.nan])})
        '{\n  "penalty": [1.5, "inf", null]\n}\n'
    """
    return f"{_layout(_plain(document), 0)}\n"


def csv_text(rows: Iterable[Mapping[str, Any]]) -> str:
    r"""Return rows as CSV, with the keys of the first one as names of the columns; missing is an empty cell.

    Texts that spreadsheets would take for formulas get an apostrophe in front, as OWASP advises ("CSV injection");
    :func:`read_table` takes it off again. Numbers, infinity among them, are left alone.

    Example:
        >>> csv_text([{"agent": "A", "gain": 0.5}, {"agent": "B", "gain": None}])
        'agent,gain\nA,0.5\nB,\n'
    """
    entries = [{_harmless(key): _plain(_harmless(value)) for key, value in row.items()} for row in rows]
    buffer = io.StringIO()
    if entries:
        writer = csv.DictWriter(buffer, fieldnames=list(entries[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(entries)
    return buffer.getvalue()


def write(option: str, target: str, content: str | bytes) -> None:
    """Write a file whole: it holds either all of the content or what it held before.

    What killed processes left of earlier tries at the same file is removed.

    Args:
        option: the option that named the target, for messages.
        target: a path that :func:`check_targets` let pass; not ``-``.
        content: text (written as UTF-8) or bytes.

    Raises:
        ProblemError: if the operating system refuses.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    if is_null(target):
        return
    try:
        remove_stale(Path(target))
        write_whole(Path(target), data)
    except OSError as error:
        raise ProblemError(option, target, f"cannot be written: {reason(error)}") from None


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def _plain(value: Any) -> Any:
    """Turn arrays, tuples and numpy numbers into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__"):
        array = np.asarray(value)
        plain = array.dtype.kind in "iub" or (array.dtype.kind == "f" and bool(np.isfinite(array).all()))
        return array.tolist() if plain else _plain(array.tolist())
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
    """JSON of one value; what a terminal would obey is escaped, as JSON can."""
    if type(value) is float:  # most of a large document: what the encoder would write, without its detours
        return repr(value)
    text = _ENCODER.encode(value)
    return text if text.isprintable() else _UNPRINTABLE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]
