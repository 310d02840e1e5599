"""Sweep files: the sections ``[sweep]`` and ``[sweep.parameters]``."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxmech import catalog
from jaxmech._errors import ProblemError
from jaxmech._printable import clean_name
from jaxmech._words import one_of, suggestion
from jaxmech.collaboration import DIVISIONS, ESTIMATES
from jaxmech.collaboration import MECHANISMS as FOR_DATA
from jaxmech.files._case import Case, counted_from, inputs_of, locate, parse, read
from jaxmech.files._collaboration import CollaborationCase
from jaxmech.files._keys import check_keys, text_of
from jaxmech.files._read import Table, read_table, read_text
from jaxmech.multiparty import MECHANISMS as FOR_MODELS

OPTIONS: tuple[str, ...] = ("draws", "seed", "keep", "shard", "sizes", "work")
SWEEP_KEYS = ("problem", "parameters", "instances", *OPTIONS, "division", "mechanism", "title", "notes")
"""Keys of ``[sweep]``: what is swept and how, and what describes it."""


@dataclasses.dataclass(frozen=True)
class SweepCase:
    """A sweep, read; what its parameters mean is checked by whoever makes it a sweep.

    Attributes:
        case: the problem that is swept, of any kind; a sweep's own division and mechanism are put into it.
        source: the file, or the name of the shipped sweep.
        title: one line that says what it is, or an empty text.
        parameters: keys and values as TOML gives them.
        table: one row per instance, from a file, or None.
        options: draws, seed, keep, shard, sizes and work, where the file gives them.
        inputs: files that were read, none of which output may replace.
    """

    case: Case
    source: str
    title: str
    parameters: Mapping[str, Any]
    table: Table | None
    options: Mapping[str, Any]
    inputs: tuple[Path, ...] = ()


def read_sweep(name: str, dtype: str = "float64") -> SweepCase:
    """Read a sweep file.

    Args:
        name: a path, or the name of a shipped sweep.
        dtype: "float64" or "float32", the type of the problem's arrays.

    Returns:
        The problem that is swept, and what the file says of the sweep.

    Raises:
        ProblemError: one line that names the file, the key, the value and the rule.
    """
    path, source = locate(name, "sweep")
    sections = parse(read_text(path, source), source)
    try:
        section = _section(sections)
        check_keys(section, SWEEP_KEYS, required=("problem",), here="sweep")
        parameters = _parameters(section.get("parameters", {}))
        table = _table(section.get("instances"), path.parent)
        title = " ".join(text_of("title", section).split())
        text_of("notes", section)
        division, mechanism = (
            _word("division", section, DIVISIONS),
            _word("mechanism", section, (*FOR_DATA, *FOR_MODELS)),
        )
        if section.get("work") == "design":
            _refuse_choices(division, mechanism)
        options = {key: _option(key, section[key]) for key in OPTIONS if key in section}
    except ProblemError as error:
        raise ProblemError(f"{source}: {error.argument}", error.value, counted_from(error)) from None
    case = _problem(section["problem"], path.parent, source, dtype)
    if isinstance(case, CollaborationCase) and (case.estimate != ESTIMATES[0] or case.calibrated):
        rule = "has steady weights or calibrated noise, which are not swept: leave estimate and calibrated out"
        raise ProblemError(f"{source}: problem", section["problem"], rule)
    if isinstance(case, CollaborationCase) and case.values is not None:
        raise ProblemError(f"{source}: problem", section["problem"], "has panels, which are not swept")
    if isinstance(case, CollaborationCase) and case.target is not None:
        raise ProblemError(f"{source}: problem", section["problem"], "has a target, and given amounts are not swept")
    case = _with_choices(case, source, {"division": division, "mechanism": mechanism})
    inputs = (*inputs_of(path, section), *case.inputs)
    return SweepCase(case, source, title, parameters, table, options, inputs)


def _parameters(given: object) -> dict[str, Any]:
    """What varies, with names as names are compared."""
    if not isinstance(given, dict):
        raise ProblemError("parameters", given, "must be a section: a line [sweep.parameters] with keys below")
    parameters: dict[str, Any] = {}
    for key, value in given.items():
        name = clean_name(key)
        if name in parameters:
            raise ProblemError(f"parameters.{key}", value, "must not be given twice")
        parameters[name] = value
    return parameters


def _word(key: str, section: Mapping[str, Any], words: tuple[str, ...]) -> str | None:
    return one_of(key, section[key], words) if key in section else None


def _refuse_choices(division: str | None, mechanism: str | None) -> None:
    for name, given in (("division", division), ("mechanism", mechanism)):
        if given is not None:
            raise ProblemError(name, given, 'must be left out where work = "design": a design finds its own')


def _option(key: str, given: object) -> object:
    if key == "keep":
        if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
            raise ProblemError(key, given, "must be a list of names")
    elif key == "work":
        if not isinstance(given, str):
            raise ProblemError(key, given, "must be a word")
    elif isinstance(given, bool) or not isinstance(given, int):
        raise ProblemError(key, given, "must be a whole number")
    return given


def _section(sections: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in sections.items():
        if name != "sweep":
            here = isinstance(value, dict)
            rule = (
                'is one problem: jaxmech solve FILE; a sweep names it by problem = "FILE" below a line [sweep]'
                if here
                else "must stand below the line [sweep]"
            )
            near = "" if name in ("collaboration", "market", "multiparty") else suggestion(name, ("sweep",))
            raise ProblemError("section" if here else name, f"[{name}]" if here else value, f"{rule}{near}")
    section = sections.get("sweep")
    if not isinstance(section, dict):
        raise ProblemError("section", "none", "the file must have a section [sweep]")
    return section


def _problem(given: object, folder: Path, source: str, dtype: str) -> Case:
    """The problem, a shipped one or a file beside the sweep's."""
    if not isinstance(given, str):
        raise ProblemError(f"{source}: problem", given, "must be a file or the name of a shipped problem")
    beside = folder / given
    try:
        return read(str(beside) if beside.is_file() and given not in catalog.names() else given, dtype)
    except ProblemError as error:
        # What is wrong inside the problem's file is said of that file.
        argument = f"{source}: problem" if error.argument == "file" else error.argument
        raise ProblemError(argument, error.value, error.rule) from None


def _with_choices(case: Case, source: str, choices: Mapping[str, str | None]) -> Case:
    """The problem with the sweep's own division and mechanism, where it has such a thing."""
    given: dict[str, Any] = {name: word for name, word in choices.items() if word is not None}
    for name, word in given.items():
        if not hasattr(case, name):
            raise ProblemError(f"{source}: {name}", word, "means nothing for a problem of this kind")
    return dataclasses.replace(case, **given)


def _table(given: object, folder: Path) -> Table | None:
    if given is None:
        return None
    if not isinstance(given, str):
        raise ProblemError("instances", given, "must be the name of a table (CSV or .xlsx), one row per instance")
    return read_table(folder / given, given, "instances", row_names=False)
