"""Problem files: TOML in, a checked case out."""

import dataclasses
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxmech import catalog
from jaxmech._errors import ProblemError
from jaxmech._words import one_of, suggestion
from jaxmech.collaboration import DIVISIONS, MECHANISMS, Problem
from jaxmech.files._costs import read_costs
from jaxmech.files._read import Table, number, read_text
from jaxmech.files._sigma import Estimate, estimate, measurements

KEYS = (
    *("sigma", "agents", "distributions", "costs", "price", "division", "mechanism"),
    *("title", "notes", "data"),
)
"""Keys of ``[collaboration]``: what defines the problem, and what describes it."""

_OTHER_SECTIONS = ("market", "multiparty", "sweep")
_HERE = "collaboration"


@dataclasses.dataclass(frozen=True)
class Case:
    """A problem file, read and checked.

    Attributes:
        problem: the problem.
        division: name of the division of work; the default is "rational".
        mechanism: name of the mechanism; the default is "cbl".
        source: the file, or the name of the shipped problem.
        title: one line that says what it is, or an empty text.
        notes: where the numbers come from, or an empty text.
        estimates: the standard deviations, if they were estimated from measurements; else empty.
        data: measurements of the same distributions that come with the problem, or None.
    """

    problem: Problem
    division: str
    mechanism: str
    source: str
    title: str
    notes: str
    estimates: tuple[Estimate, ...]
    data: Table | None


def read(name: str, dtype: str = "float64") -> Case:
    """Read a problem file.

    Args:
        name: a path, or the name of a shipped problem (a bare word; write ``./clinics`` for a file of that name).
        dtype: "float64" or "float32", the type of the problem's arrays.

    Returns:
        The case, with everything that the file leaves out set to its default.

    Raises:
        ProblemError: one line that names the file, the key, the value and the rule.
    """
    path, source = locate(name)
    sections = _parse(read_text(path, source), source)
    try:
        return _case(_section(sections), path.parent, source, np.dtype(dtype))
    except ProblemError as error:
        raise ProblemError(f"{source}: {error.argument}", error.value, error.rule) from None


def locate(name: str) -> tuple[Path, str]:
    """Return the path of a problem, and what messages call it.

    Raises:
        ProblemError: if a bare word is neither a shipped problem nor a file, with the nearest shipped problem.
    """
    shipped = catalog.names()
    if name in shipped:
        return Path(catalog.path(name)), name
    path = Path(name)
    source = " ".join(name.split()) or name
    try:
        missing = not path.exists()
    except (OSError, ValueError):
        missing = False  # reading it says what is wrong
    if missing and path.name == name:
        rule = f"no such file, nor a shipped problem ({', '.join(shipped)}){suggestion(path.stem, shipped)}"
        raise ProblemError("file", name, rule)
    return path, source


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = " ".join(str(error).split())
        place = re.search(r"\(at (line (\d+), column \d+|end of document)\)", message)
        lines = text.splitlines()
        row = int(place[2]) if place and place[2] else len(lines)
        line = lines[row - 1].strip() if 0 < row <= len(lines) else ""
        where = place[1] if place else f"line {row}"
        rule = f"is not valid TOML: {re.sub(r' *[(]at .*', '', message)}"
        raise ProblemError(f"{source}: {where}", line, rule) from None
    except RecursionError:
        raise ProblemError("file", source, "is not valid TOML: lists nested too deeply") from None


def _section(sections: Mapping[str, Any]) -> dict[str, Any]:
    other = [name for name in _OTHER_SECTIONS if name in sections]
    if other and _HERE not in sections:
        raise ProblemError("section", f"[{other[0]}]", f"this version solves [{_HERE}] only")
    for name, value in sections.items():
        if name in other:
            raise ProblemError("section", f"[{name}]", f"must not stand beside [{_HERE}]: one problem per file")
        if name != _HERE:
            if isinstance(value, dict):
                rule = f"unknown section; must be [{_HERE}]{suggestion(name, (_HERE, *_OTHER_SECTIONS))}"
                raise ProblemError("section", f"[{name}]", rule)
            if name in KEYS:
                raise ProblemError(name, value, f"must stand below the line [{_HERE}]")
            raise ProblemError(name, value, f"unknown key; must be in [{_HERE}]{suggestion(name, KEYS)}")
    section = sections.get(_HERE)
    if section is None:
        raise ProblemError("section", "none", f"the file must have a section [{_HERE}]")
    if not isinstance(section, dict):
        raise ProblemError(_HERE, section, f"must be a section: a line [{_HERE}] with its keys below")
    for name, value in section.items():
        if name not in KEYS:
            rule = f"unknown key; the keys are {', '.join(KEYS)}{suggestion(name, KEYS)}"
            raise ProblemError(name, value, rule)
    for name in ("costs", "sigma"):
        if name not in section:
            raise ProblemError(name, "nothing", f"must be given in [{_HERE}]")
    return section


def _case(section: Mapping[str, Any], folder: Path, source: str, dtype: np.dtype[Any]) -> Case:
    costs = read_costs(section, folder)
    d = costs.table.shape[1]
    names = costs.distributions
    sigma, estimates = _sigma(section["sigma"], names, d, folder)
    price = _numbers("price", section.get("price", 1.0), d)
    data = _data(section.get("data"), names, folder)
    problem = Problem(
        costs=_cast("costs", costs.table, dtype),
        sigma=_cast("sigma", sigma, dtype),
        price=_cast("price", price, dtype),
        agents=costs.agents,
        distributions=names,
    )
    return Case(
        problem=problem,
        division=one_of("division", section.get("division", "rational"), DIVISIONS),
        mechanism=one_of("mechanism", section.get("mechanism", "cbl"), MECHANISMS),
        source=source,
        title=" ".join(_text("title", section).split()),
        notes=_text("notes", section),
        estimates=estimates,
        data=data,
    )


def _sigma(
    given: object, names: tuple[str, ...] | None, d: int, folder: Path
) -> tuple[np.ndarray, tuple[Estimate, ...]]:
    if not isinstance(given, str):
        return _numbers("sigma", given, d), ()
    if names is None:
        raise ProblemError("sigma", given, "needs the names of the distributions, to find the columns in the file")
    estimates = estimate(measurements(folder / given, given, names, "sigma"))
    return np.array([entry.sigma for entry in estimates]), estimates


def _data(given: object, names: tuple[str, ...] | None, folder: Path) -> Table | None:
    if given is None:
        return None
    if not isinstance(given, str):
        raise ProblemError("data", given, "must be the name of a CSV file")
    if names is None:
        raise ProblemError("data", given, "needs the names of the distributions, to find the columns in the file")
    return measurements(folder / given, given, names, "data")


def _numbers(key: str, given: object, d: int) -> np.ndarray:
    """Return one number, or one per distribution, all positive and finite."""
    if isinstance(given, list):
        if len(given) != d:
            raise ProblemError(key, given, f"must be one number, or one per distribution ({d}), but has {len(given)}")
        entries: Sequence[tuple[str, object]] = [(f"{key}[{k}]", entry) for k, entry in enumerate(given)]
    else:
        entries = [(key, given)]
    values = [number(where, entry) for where, entry in entries]
    for (where, _), value in zip(entries, values, strict=True):
        if not (np.isfinite(value) and value > 0):
            raise ProblemError(where, value, "must be positive and finite")
    return np.array(values) if isinstance(given, list) else np.array(values[0])


def _text(key: str, section: Mapping[str, Any]) -> str:
    given = section.get(key, "")
    if not isinstance(given, str):
        raise ProblemError(key, given, "must be text")
    return given.strip()


def _cast(key: str, values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Convert, refusing finite numbers that the type rounds to zero or to infinity."""
    with np.errstate(over="ignore", under="ignore"):
        cast = values.astype(dtype)
    for index in np.argwhere(np.isfinite(values) & ~(np.isfinite(cast) & (cast > 0))):
        where = key + "".join(f"[{i}]" for i in index)
        raise ProblemError(where, float(values[tuple(index)]), f"is outside the range of {dtype.name}")
    return cast
