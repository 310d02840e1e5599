"""JSON: how documents are written, and the fingerprints that name them."""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_UNPRINTABLE = re.compile(r"[^ -~]")

FINGERPRINT = "fingerprint"
"""The key that holds a document's own fingerprint, and is left out of it."""


def json_text(document: Mapping[str, Any]) -> str:
    r"""Return a document as JSON: NaN and None become null, infinity the text "inf", arrays lists.

    Example:
        >>> json_text({"penalty": np.array([1.5, np.inf, np.nan])})
        '{\n  "penalty": [1.5, "inf", null]\n}\n'
    """
    return f"{_layout(plain(document), 0)}\n"


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return a JSON document as UTF-8 with sorted keys, no white space, and numbers in Python's shortest form.

    Args:
        document: what ``json.loads`` returns; its fingerprint, if it has one, is left out.

    Raises:
        ValueError: for NaN and infinity, which JSON does not know.

    Example:
        >>> canonical({"b": 0.1, "a": [1, None], "fingerprint": "…"})
        b'{"a":[1,null],"b":0.1}'
    """
    rest = {key: value for key, value in document.items() if key != FINGERPRINT}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def fingerprint(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document's canonical form, 64 hexadecimal digits.

    Example:
        >>> fingerprint({}) == hashlib.sha256(b"{}").hexdigest()
        True
    """
    return hashlib.sha256(canonical(document)).hexdigest()


def spoken(seal: str) -> str:
    """Return a fingerprint in one line and in groups, so that two people can compare it aloud.

    Example:
        >>> spoken("0123456789abcdef" * 4)
        'Fingerprint: 0123456789abcdef 0123456789abcdef 0123456789abcdef 0123456789abcdef'
    """
    return "Fingerprint: " + " ".join(seal[k : k + 16] for k in range(0, len(seal), 16))


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document as it is written, with its fingerprint: what parties sign is named by it.

    Example:
        >>> len(sealed({"penalty": np.array([1.5])})["fingerprint"])
        64
    """
    written: dict[str, Any] = plain(document)
    return {**written, FINGERPRINT: fingerprint(written)}


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: arrays and tuples as lists, NaN as null, infinity as a text.

    Example:
        >>> plain((np.float64(0.5), np.inf))
        [0.5, 'inf']
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__"):
        array = np.asarray(value)
        finite = array.dtype.kind in "iub" or (array.dtype.kind == "f" and bool(np.isfinite(array).all()))
        return array.tolist() if finite else plain(array.tolist())
    if isinstance(value, Sequence):
        return [plain(entry) for entry in value]
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
