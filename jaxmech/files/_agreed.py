"""The problem that an agreement was made for: the section that a signed document holds of it, read like a file."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech.files._collaboration import CollaborationCase, read_collaboration

_ELSEWHERE = ("data",)
"""What an agreement names and does not hold."""

_WORDS = {"inf": math.inf, "-inf": -math.inf}


def read_agreed(document: Mapping[str, Any], source: str, dtype: str = "float64") -> CollaborationCase:
    """Return the problem of an agreement to share data, with the numbers that were signed.

    Args:
        document: the JSON of ``jaxmech solve`` or ``jaxmech design``.
        source: what messages call it.
        dtype: "float64" or "float32", the type of the problem's arrays.

    Raises:
        ProblemError: if it is about something else, or an entry is wrong.
    """
    if document.get("kind") != "collaboration":
        rule = 'must be "collaboration": agreements to share data are audited; of others audit the problem file'
        raise ProblemError(f"{source}: kind", document.get("kind"), rule)
    told = document.get("problem")
    if not isinstance(told, Mapping):
        raise ProblemError(f"{source}: problem", told, "must be an object, as jaxmech solve and design write it")
    section = {key: _numbers(value) for key, value in told.items() if value is not None and key not in _ELSEWHERE}
    try:
        return read_collaboration(section, Path(), source, np.dtype(dtype))
    except ProblemError as error:
        raise ProblemError(f"{source}: problem.{error.argument}", error.value, error.rule) from None


def _numbers(value: Any) -> Any:
    """Numbers that JSON has no sign for, as they are."""
    if isinstance(value, list):
        return [_WORDS.get(entry, entry) if isinstance(entry, str) else _numbers(entry) for entry in value]
    return value
