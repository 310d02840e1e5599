"""The shipped problems: small files inside the package, to solve, to read and to start from."""

import tomllib
from importlib import resources
from pathlib import Path

from jaxmech._errors import ProblemError

_NAMES = (
    "clinics",
    "three-agents",
    "equal-agents",
    "hard-instance",
    "blood-panel",
    "barter",
    "data-market",
    "competitors",
    "market-growth",
)
_SWEEPS = ("uncertain-costs",)


def names() -> tuple[str, ...]:
    """Return the names of the shipped problems, the first one for a first look.

    Example:
        >>> names()[:5]
        ('clinics', 'three-agents', 'equal-agents', 'hard-instance', 'blood-panel')
    """
    return _NAMES


def sweeps() -> tuple[str, ...]:
    """Return the names of the shipped sweeps, each of many instances of a shipped problem.

    Example:
        >>> sweeps()
        ('uncertain-costs',)
    """
    return _SWEEPS


def path(name: str) -> Path:
    """Return the path of a shipped problem or sweep; the tables it refers to lie beside it.

    Raises:
        ProblemError: if no problem of this name is shipped.

    Example:
        >>> path("clinics").name
        'clinics.toml'
    """
    if name not in (*_NAMES, *_SWEEPS):
        raise ProblemError("name", name, f"must be a shipped problem: {', '.join(_NAMES)}")
    return Path(str(resources.files(__package__) / "problems" / f"{name}.toml"))


def text(name: str) -> str:
    """Return a shipped problem as it stands in its file.

    Raises:
        ProblemError: if no problem of this name is shipped.

    Example:
        >>> "[collaboration]" in text("three-agents")
        True
    """
    return path(name).read_text(encoding="utf-8")


def describe(name: str) -> str:
    """Return the title of a shipped problem, one line.

    Raises:
        ProblemError: if no problem of this name is shipped.

    Example:
        >>> describe("clinics")
        'Two dozen clinics share four laboratory measurements of real patients'
    """
    sections = tomllib.loads(text(name))
    (section,) = sections.values()
    return str(section["title"])
