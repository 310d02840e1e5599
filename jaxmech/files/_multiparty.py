"""Problems of sharing models among competitors: the section ``[multiparty]``, in all its forms."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._words import one_of
from jaxmech.files._keys import cast, check_keys, names_of, positive_numbers, text_of
from jaxmech.files._levels import KEYS_OF, LEVEL_KEYS, LevelsCase, read_levels, weighed, weights_of
from jaxmech.files._read import MAX_ENTRIES, number
from jaxmech.multiparty import MECHANISMS, QUALITIES, READINGS, Linear, MarketGrowth, Problem

PROFILE_KEYS = ("types", "quality", "weights", "externality", "agents", "mechanism", "points")
"""Keys of the first form: agents with their data, and what their models do to each other."""

GROWTH_KEYS = ("growth", "agents", "disparity", "reading")
"""Keys of the second form: a market that grows, and how far apart data sizes may be."""

VALUATIONS = tuple(KEYS_OF)
KEYS = (
    "valuation",
    *dict.fromkeys((*PROFILE_KEYS, *GROWTH_KEYS, *LEVEL_KEYS, *(key for keys in KEYS_OF.values() for key in keys))),
    *("title", "notes"),
)
"""Keys of ``[multiparty]``."""


@dataclasses.dataclass(frozen=True)
class ProfileCase:
    """Agents with their data sizes, read and checked.

    Attributes:
        problem: the problem.
        quality: name of the quality function.
        weights: what each firm's data count in the model of all, or None.
        mechanism: name of the mechanism; the default is "exploitation".
        points: how many points in a file are a data size of 1; the default is 1.
        source: the file, or the name of the shipped problem.
        title: one line that says what it is, or an empty text.
        notes: where the numbers come from, or an empty text.
        inputs: files that were read, none of which output may replace.
    """

    problem: Problem
    quality: str
    weights: tuple[float, ...] | None
    mechanism: str
    points: float
    source: str
    title: str
    notes: str
    inputs: tuple[Path, ...] = ()


@dataclasses.dataclass(frozen=True)
class GrowthCase:
    """The question whether a desirable mechanism exists in a growing market, read and checked.

    Attributes:
        valuation: growth rate and number of agents.
        disparity: largest data size over the least; None if only the boundary is asked for.
        reading: of Algorithm 1: "present", the default, or "absent".
        source: the file, or the name of the shipped problem.
        title: one line that says what it is, or an empty text.
        notes: where the numbers come from, or an empty text.
        inputs: files that were read, none of which output may replace.
    """

    valuation: MarketGrowth
    disparity: int | None
    reading: str
    source: str
    title: str
    notes: str
    inputs: tuple[Path, ...] = ()


MultipartyCase: TypeAlias = ProfileCase | GrowthCase | LevelsCase


def read_multiparty(section: Mapping[str, Any], folder: Path, source: str, dtype: np.dtype[Any]) -> MultipartyCase:
    """Read and check the section ``[multiparty]`` of a problem file.

    Args:
        section: keys and values as TOML gives them.
        folder: where the file lies; functions of one's own are looked for there.
        source: the file, or the name of the shipped problem.
        dtype: of the problem's arrays.

    Raises:
        ProblemError: naming the key, the value and the rule.
    """
    check_keys(section, KEYS, required=(), here="multiparty")
    valuation = one_of("valuation", section.get("valuation", _guess(section)), VALUATIONS)
    described: dict[str, Any] = {
        "source": source,
        "title": " ".join(text_of("title", section).split()),
        "notes": text_of("notes", section),
    }
    form = f'valuation = "{valuation}"'
    if "levels" in section:
        own = KEYS_OF[valuation]
        _belong(section, (*LEVEL_KEYS, *own), own, f"{form} and levels")
        return read_levels(section, valuation, folder, dtype, described)
    if valuation == "market-growth":
        if "weights" in section:
            rule = (
                f"means nothing with {form} alone, whose data sizes count equally: give levels instead of a disparity"
            )
            raise ProblemError("weights", section["weights"], rule)
        _belong(section, GROWTH_KEYS, ("growth",), form)
        reading = one_of("reading", section.get("reading", READINGS[0]), READINGS)
        return GrowthCase(_market(section, dtype), _disparity(section.get("disparity")), reading, **described)
    if valuation != "linear":
        raise ProblemError(
            "levels", "nothing", f"must be given in [multiparty] with {form}: the data sizes in question"
        )
    _belong(section, PROFILE_KEYS, ("types", "externality"), form)
    quality = one_of("quality", section.get("quality", "logistic"), QUALITIES)
    effects = Linear(_table("externality", section["externality"], dtype, depth=2))
    weights = weights_of(section, effects.agents)
    problem = Problem(
        types=_table("types", section["types"], dtype, depth=1),
        valuation=effects,
        quality=weighed(quality, weights),
        agents=names_of("agents", section.get("agents")),
    )
    mechanism = one_of("mechanism", section.get("mechanism", MECHANISMS[0]), MECHANISMS)
    points = float(positive_numbers("points", section.get("points", 1.0), 1))
    return ProfileCase(problem, quality, weights, mechanism, points, **described)


def _guess(section: Mapping[str, Any]) -> str:
    """The valuation whose keys are there."""
    found = [name for name, keys in KEYS_OF.items() if any(key in section for key in keys)]
    return found[0] if found else VALUATIONS[0]


def _belong(section: Mapping[str, Any], known: tuple[str, ...], required: tuple[str, ...], form: str) -> None:
    """Refuse keys of the other form, and ask for those of this one."""
    for name, value in section.items():
        if name in KEYS and name not in (*known, "valuation", "title", "notes"):
            raise ProblemError(name, value, f"means nothing with {form}; its keys are {', '.join(known)}")
    for name in required:
        if name not in section:
            raise ProblemError(name, "nothing", f"must be given in [multiparty] with {form}")


def _market(section: Mapping[str, Any], dtype: np.dtype[Any]) -> MarketGrowth:
    agents = section.get("agents", 2)
    if isinstance(agents, bool) or not isinstance(agents, int):
        raise ProblemError("agents", agents, 'must be their number with valuation = "market-growth"')
    return MarketGrowth(dtype.type(number("growth", section["growth"])), agents)


def _disparity(given: object) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise ProblemError(
            "disparity", given, "must be a whole number, at least 1: the largest data size over the least"
        )
    return given


def _table(key: str, given: object, dtype: np.dtype[Any], *, depth: int) -> np.ndarray:
    """Return nested lists of numbers as an array; whatever is no number is named with its place."""
    if not isinstance(given, list) or (depth == 2 and not all(isinstance(row, list) for row in given)):
        kind = "a list of data sizes, one per agent" if depth == 1 else "a table: one list per agent, of effects on her"
        raise ProblemError(key, given, f"must be {kind}")
    if len(given) ** depth > MAX_ENTRIES:
        raise ProblemError(f"number of {key}", len(given), f"is too large a table: at most {MAX_ENTRIES:,} numbers")
    if depth == 1:
        return cast(key, np.array([number(f"{key}[{i}]", entry) for i, entry in enumerate(given)]), dtype)
    for i, row in enumerate(given):
        if len(row) != len(given):
            raise ProblemError(
                f"{key}[{i}]", row, f"must have {len(given)} numbers, one per agent, as the table has rows"
            )
    rows = [[number(f"{key}[{i}][{j}]", entry) for j, entry in enumerate(row)] for i, row in enumerate(given)]
    return cast(key, np.array(rows), dtype)
