"""JSON Schemas of every document that is written or read, as plain files."""

import json
from importlib import resources
from typing import Any

from jaxmech._words import one_of

__all__ = ["load", "names", "text", "title"]

_SUFFIX = ".schema.json"


def names() -> tuple[str, ...]:
    """Return what the documents are called.

    Example:
        >>> "estimate" in names()
        True
    """
    entries = resources.files(__package__).iterdir()
    return tuple(sorted(entry.name.removesuffix(_SUFFIX) for entry in entries if entry.name.endswith(_SUFFIX)))


def text(name: str) -> str:
    """Return a schema as it is shipped.

    Args:
        name: one of :func:`names`.

    Raises:
        ProblemError: for an unknown name, with the nearest one.
    """
    one_of("schema", name, names())
    return (resources.files(__package__) / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def load(name: str) -> dict[str, Any]:
    """Return a schema as an object.

    Args:
        name: one of :func:`names`.
    """
    found: dict[str, Any] = json.loads(text(name))
    return found


def title(name: str) -> str:
    """Return one line that says what the document is.

    Example:
        >>> title("secret")
        'A secret, and the commitment to it'
    """
    return str(load(name)["title"])
