"""Reading a signed document, entry by entry; the one that is wrong is named. A host shell."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._json import FINGERPRINT, fingerprint

MOST = 2**53
"""Whole numbers are below it, so that a float holds them."""


class Reader:
    """Reads entries of one document.

    Args:
        document: what ``json.loads`` returned.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    def check_seal(self) -> str:
        """Return the fingerprint.

        Raises:
            ProblemError: if the document is not an agreement, or was changed after it was signed.
        """
        seal = self.document.get(FINGERPRINT)
        if not isinstance(seal, str) or "problem" not in self.document:
            raise ProblemError(FINGERPRINT, seal, "must be the JSON that jaxmech solve or jaxmech design wrote")
        try:
            found = fingerprint(self.document)
        except ValueError:  # infinity, as 1e999, is no number of JSON
            raise ProblemError(FINGERPRINT, seal, "cannot be recomputed: some number is out of range") from None
        if found != seal:
            raise ProblemError(FINGERPRINT, seal, f"the document has been changed: its fingerprint is {found}")
        return seal

    def section(self, key: str) -> Mapping[str, Any]:
        """Return an object at the top of the document."""
        found = self.document.get(key)
        if not isinstance(found, Mapping):
            raise ProblemError(key, found, "must be an object")
        return found

    def rows(self, key: str) -> list[Mapping[str, Any]]:
        """Return a list of objects at the top of the document, at least one."""
        found = self.document.get(key)
        if not isinstance(found, list) or not found or not all(isinstance(row, Mapping) for row in found):
            raise ProblemError(key, found, "must be a list of objects")
        return found

    @staticmethod
    def names(key: str, found: object) -> tuple[str, ...]:
        """Return a list of names, all different."""
        if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
            raise ProblemError(key, found, "must be a list of names")
        if len(set(found)) < len(found):
            raise ProblemError(key, found, "names must not occur twice")
        return tuple(found)

    @classmethod
    def counts(cls, key: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
        """Return a table of whole numbers, none negative."""
        found = cls.numbers(key, value, shape)
        if not ((found >= 0) & (found == np.round(found)) & (found < MOST)).all():
            raise ProblemError(key, value, "must be whole numbers, none negative")
        return found.astype(int)

    @staticmethod
    def numbers(key: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
        """Return a table of numbers: null is NaN, the text "inf" is infinity."""
        try:
            found = np.array(_floats(value), float)
        except (TypeError, ValueError):
            found = np.full((0, 0, 0), np.nan)
        if found.shape != shape:
            size = " x ".join(map(str, shape))
            raise ProblemError(key, value, f"must be numbers, {size}" if shape else "must be a number")
        return found

    @classmethod
    def finite(cls, key: str, value: object, shape: tuple[int, ...]) -> np.ndarray:
        """Return a table of finite numbers."""
        found = cls.numbers(key, value, shape)
        if not np.isfinite(found).all():
            raise ProblemError(key, value, "must be finite")
        return found


def _floats(value: object) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_floats(entry) for entry in value]
    if value is None:
        return np.nan
    if isinstance(value, bool) or (isinstance(value, str) and value != "inf"):
        raise ValueError(value)
    return float(value)  # type: ignore[arg-type]
