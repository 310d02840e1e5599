"""Problem files: TOML in, a checked case out."""

import dataclasses
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from jaxmech import catalog
from jaxmech._errors import ProblemError
from jaxmech._sheets import split_sheet
from jaxmech._words import suggestion
from jaxmech.files import _collaboration, _market, _multiparty
from jaxmech.files._read import parse_float, read_text

Case: TypeAlias = _collaboration.CollaborationCase | _market.MarketCase | _multiparty.MultipartyCase
"""What a problem file can hold."""

KINDS: dict[str, tuple[Callable[..., Case], tuple[str, ...]]] = {
    "collaboration": (_collaboration.read_collaboration, _collaboration.KEYS),
    "market": (_market.read_market, _market.KEYS),
    "multiparty": (_multiparty.read_multiparty, _multiparty.KEYS),
}
"""What reads each kind of section, and its keys (to say where a stray key belongs)."""

_ANY = " or ".join(f"[{kind}]" for kind in KINDS)


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
    sections = parse(read_text(path, source), source)
    try:
        kind, section = _section(sections)
        case: Case = KINDS[kind][0](section, path.parent, source, np.dtype(dtype))
    except ProblemError as error:
        raise ProblemError(f"{source}: {error.argument}", error.value, counted_from(error)) from None
    return dataclasses.replace(case, inputs=inputs_of(path, section))


def section_of(case: Case) -> str:
    """Return the line below which the keys of a case stand.

    Args:
        case: the problem file.
    """
    if isinstance(case, _collaboration.CollaborationCase):
        return "[collaboration]"
    return "[market]" if isinstance(case, _market.MarketCase) else "[multiparty]"


def counted_from(error: ProblemError) -> str:
    """Return the rule of an error, with the base of its indices: names like "agent 1" count from one.

    Args:
        error: what was found wrong in a file.
    """
    return f"{error.rule} (places count from 0)" if re.search(r"\[\d+\]", error.argument) else error.rule


def inputs_of(path: Path, section: Mapping[str, Any]) -> tuple[Path, ...]:
    """Return the files that a section refers to, after the one in which it stands.

    Args:
        path: of the file with the section.
        section: its keys; any text that names a file beside it counts.
    """
    given = [value for value in section.values() if isinstance(value, str) and 0 < len(value) < 4096]
    texts = [text for value in given for text in (split_sheet(value)[0], value.rpartition(":")[0].strip()) if text]
    return (path, *(path.parent / text for text in dict.fromkeys(texts) if os.path.isfile(path.parent / text)))


def locate(name: str, kind: str = "problem") -> tuple[Path, str]:
    """Return the path of a problem or a sweep, and what messages call it.

    Args:
        name: a path, or the name of a shipped one.
        kind: "problem" or "sweep".

    Raises:
        ProblemError: if a bare word is neither a shipped one nor a file, with the nearest shipped one.
    """
    shipped = catalog.sweeps() if kind == "sweep" else catalog.names()
    if name in shipped:
        return Path(catalog.path(name)), name
    path = Path(name)
    source = " ".join(name.split()) or name
    other = catalog.names() if kind == "sweep" else catalog.sweeps()
    if name in other and not path.exists():
        word, call = ("a problem", f"solve {name}") if kind == "sweep" else ("a sweep", f"sweep {name} -o DIR")
        raise ProblemError("file", name, f"is {word}: jaxmech {call}; must be a {kind}")
    try:
        missing = not path.exists()
    except (OSError, ValueError):
        missing = False  # reading it says what is wrong
    if missing and path.name == name:
        rule = f"no such file, nor a shipped {kind} ({', '.join(shipped)}){suggestion(path.stem, shipped)}"
        raise ProblemError("file", name, rule)
    return path, source


def parse(text: str, source: str) -> dict[str, Any]:
    """Return the sections of a file.

    Raises:
        ProblemError: naming the line that is not valid TOML.
    """
    try:
        return tomllib.loads(text, parse_float=parse_float)
    except tomllib.TOMLDecodeError as error:
        if text.lstrip().startswith("{"):
            rule = "is JSON, not a problem file: an agreement is for jaxmech verify, run, audit"
            raise ProblemError("file", source, rule) from None
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
    except ValueError:  # what Python says of integers that take too long to read
        found = re.search(r"\d[\d_]{4000,}", text)
        row = text.count("\n", 0, found.start() if found else 0) + 1
        raise ProblemError(f"{source}: line {row}", found[0] if found else text, "has too many digits") from None


def _section(sections: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the kind of the problem and its section, the only one."""
    if "sweep" in sections:
        rule = "is for jaxmech sweep FILE -o DIR, which solves many instances; solve takes the file of its problem"
        raise ProblemError("section", "[sweep]", rule)
    kinds = [name for name in sections if name in KINDS]
    for name, value in sections.items():
        if name not in KINDS:
            _refuse(name, value)
    if len(kinds) > 1:
        raise ProblemError("section", f"[{kinds[1]}]", f"must not stand beside [{kinds[0]}]: one problem per file")
    if not kinds:
        raise ProblemError("section", "none", f"the file must have a section {_ANY}")
    section = sections[kinds[0]]
    if not isinstance(section, dict):
        raise ProblemError(kinds[0], section, f"must be a section: a line [{kinds[0]}] with its keys below")
    return kinds[0], section


def _refuse(name: str, value: object) -> None:
    """Say where a stray section or key belongs."""
    if isinstance(value, dict):
        raise ProblemError("section", f"[{name}]", f"unknown section; must be {_ANY}{suggestion(name, KINDS)}")
    homes = [kind for kind, (_, keys) in KINDS.items() if name in keys]
    if homes:
        raise ProblemError(name, value, f"must stand below the line [{homes[0]}]")
    every = [key for _, keys in KINDS.values() for key in keys]
    raise ProblemError(name, value, f"unknown key; must be in {_ANY}{suggestion(name, every)}")
