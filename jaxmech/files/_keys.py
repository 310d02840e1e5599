"""What all sections of problem files share: which keys there may be, and what kinds of values."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._printable import clean_name
from jaxmech._words import one_of, suggestion
from jaxmech.files._read import Reading, number

INCOMPLETE = ("refuse", "drop")
"""What becomes of rows of measurements that lack a value."""


def check_keys(section: Mapping[str, Any], known: Sequence[str], *, required: Sequence[str], here: str) -> None:
    """Refuse keys that mean nothing, and sections that lack a key.

    Args:
        section: keys and values as TOML gives them.
        known: the keys that there are.
        required: those that must be there.
        here: name of the section.

    Raises:
        ProblemError: naming the key, with the nearest known one.
    """
    for name, value in section.items():
        if name not in known:
            raise ProblemError(name, value, f"unknown key; the keys are {', '.join(known)}{suggestion(name, known)}")
    for name in required:
        if name not in section:
            raise ProblemError(name, "nothing", f"must be given in [{here}]")


def positive_numbers(key: str, given: object, d: int, each: str = "distribution") -> np.ndarray:
    """Return one number, or one per distribution (``d`` of them; ``each`` says of what), all positive and finite."""
    if isinstance(given, list):
        if len(given) != d:
            raise ProblemError(key, given, f"must be one number, or one per {each} ({d}), but has {len(given)}")
        entries: Sequence[tuple[str, object]] = [(f"{key}[{k}]", entry) for k, entry in enumerate(given)]
    else:
        entries = [(key, given)]
    values = [number(where, entry) for where, entry in entries]
    for (where, _), value in zip(entries, values, strict=True):
        if not (np.isfinite(value) and value > 0):
            raise ProblemError(where, value, "must be positive and finite")
    return np.array(values) if isinstance(given, list) else np.array(values[0])


def text_of(key: str, section: Mapping[str, Any]) -> str:
    """Return a text, or an empty one where the key is left out."""
    given = section.get(key, "")
    if not isinstance(given, str):
        raise ProblemError(key, given, "must be text")
    return given.strip()


def names_of(key: str, given: object, length: int | None = None, rule: str = "") -> tuple[str, ...] | None:
    """Return a list of names, or None where there is none.

    Args:
        key: what is read.
        given: its value.
        length: how many there must be, if that is known.
        rule: one per what, for the message.

    Raises:
        ProblemError: naming the entry: not printable text, empty, or twice.
    """
    if given is None:
        return None
    if not isinstance(given, list):
        raise ProblemError(key, given, "must be a list of names")
    names: dict[str, int] = {}
    for i, entry in enumerate(given):
        name = name_of(f"{key}[{i}]", entry)
        if name in names:
            raise ProblemError(f"{key}[{i}]", entry, "must not occur twice")
        names[name] = i
    if length is not None and len(given) != length:
        raise ProblemError(key, given, f"must have {length} names, {rule}, but has {len(given)}")
    return tuple(names)


def name_of(key: str, given: object) -> str:
    """Return a name, cleaned: text without line breaks and terminal escapes, not empty."""
    name = clean_name(given) if isinstance(given, str) and "\n" not in given else ""
    if not name or not name.isprintable():
        raise ProblemError(key, given, "must be a name: printable text, not empty")
    return name


def cast(key: str, values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Convert, refusing finite numbers that the type rounds to zero or to infinity (zero itself stays)."""
    with np.errstate(over="ignore", under="ignore"):
        cast = values.astype(dtype)
    for index in np.argwhere(np.isfinite(values) & (values != 0) & ~(np.isfinite(cast) & (cast != 0))):
        where = key + "".join(f"[{i}]" for i in index)
        raise ProblemError(where, float(values[tuple(index)]), f"is outside the range of {dtype.name}")
    return cast


def reading_of(section: Mapping[str, Any]) -> Reading:
    """Return how measurements are written down: the keys ``missing``, ``incomplete`` and ``ignore``.

    Raises:
        ProblemError: for codes that are neither texts nor numbers, and rows to be dropped though none can lack a value.

    Example:
        >>> reading_of({"missing": ["NA", -999], "incomplete": "drop"}).is_missing("-999.0")
        True
    """
    codes = section.get("missing", [])
    if not isinstance(codes, list):
        raise ProblemError("missing", codes, 'must be a list of texts and numbers, as ["", "NA", -999]')
    numbers = [_code(f"missing[{i}]", code) for i, code in enumerate(codes) if not isinstance(code, str)]
    texts = [code.strip() for code in codes if isinstance(code, str)]
    incomplete = one_of("incomplete", section.get("incomplete", INCOMPLETE[0]), INCOMPLETE)
    if incomplete == "drop" and not codes:
        raise ProblemError("incomplete", incomplete, 'means nothing without codes that mean "no value": missing = [""]')
    ignore = names_of("ignore", section.get("ignore")) or ()
    return Reading(frozenset(texts), frozenset(numbers), incomplete == "drop", ignore)


def _code(key: str, given: object) -> float:
    """A number that means "no value"."""
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise ProblemError(key, given, 'must be a text or a number, as "NA" or -999')
    code = number(key, given)
    if np.isnan(code):
        raise ProblemError(key, code, 'equals no number: must be the text that stands in the file, as "nan"')
    return code
