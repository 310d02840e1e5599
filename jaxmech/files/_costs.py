"""The table of costs: lists in the problem file, or a table in a file beside it, and the names that belong to it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._words import suggestion
from jaxmech.files._keys import names_of
from jaxmech.files._read import MAX_ENTRIES, MOST_TOLD, NO_COST, number, read_table


@dataclasses.dataclass(frozen=True)
class Costs:
    """The table of costs, with the names that came with it.

    Attributes:
        table: (agents, distributions) numbers in (0, ∞].
        agents: names of the rows, if given.
        distributions: names of the columns, if given.
        file: the file they came from, or an empty text.
        each: what a column is about, in words.
    """

    table: np.ndarray
    agents: tuple[str, ...] | None
    distributions: tuple[str, ...] | None
    file: str = ""
    each: str = "distribution"


def read_costs(section: Mapping[str, Any], folder: Path) -> Costs:
    """Return the costs of a section, checked.

    Args:
        section: the keys; ``costs``, ``agents`` and ``distributions`` are read.
        folder: where a file is looked for.

    Raises:
        ProblemError: naming the key, the index or the names, the value and the rule.
    """
    given = section["costs"]
    if isinstance(given, str):
        found = read_table(folder / given, given, "costs", row_names=True, blank=NO_COST)
        costs = Costs(found.cells, found.rows, found.columns, given)
        _check_turned(costs, section)
        costs = _reorder(costs, "agents", names_of("agents", section.get("agents")))
        costs = _reorder(costs, "distributions", names_of("distributions", section.get("distributions")))
    else:
        table = _rows(given)
        m, d = table.shape
        _check_turned_lists(section, m, d)
        agents = names_of("agents", section.get("agents"), m, "one per row of costs")
        costs = Costs(
            table, agents, names_of("distributions", section.get("distributions"), d, "one per column of costs")
        )
    _check_positive(costs)
    return costs


def _rows(given: object) -> np.ndarray:
    rule = "must be a list of rows, one per agent, each a list of one cost per distribution"
    if not isinstance(given, list) or not given:
        raise ProblemError("costs", given, f"{rule}, or the name of a table (CSV or .xlsx)")
    for i, row in enumerate(given):
        if not isinstance(row, list) or not row:
            raise ProblemError(f"costs[{i}]", row, rule)
        if len(row) != len(given[0]):
            raise ProblemError(f"costs[{i}]", row, f"must have as many entries as the first row ({len(given[0])})")
    if len(given) * len(given[0]) > MAX_ENTRIES:
        raise ProblemError("number of costs", len(given) * len(given[0]), f"must be at most {MAX_ENTRIES:,}")
    return np.array([[number(f"costs[{i}][{k}]", entry) for k, entry in enumerate(row)] for i, row in enumerate(given)])


_TURNED = "rows and columns are exchanged: there must be one row per agent and one column per distribution"


def _check_turned(costs: Costs, section: Mapping[str, Any]) -> None:
    """Say so where a table has a column per agent, or a row per distribution."""
    for key, beside in (("agents", costs.distributions), ("distributions", costs.agents)):
        names = section.get(key)
        if isinstance(names, list) and names and beside is not None and set(map(str, names)) == set(beside):
            raise ProblemError(f"{costs.file}: costs", f"{len(costs.table)} x {costs.table.shape[1]}", _TURNED)


def _check_turned_lists(section: Mapping[str, Any], m: int, d: int) -> None:
    """The same for lists, which have no names: by the numbers of names."""
    agents, distributions = (section.get(key) for key in ("agents", "distributions"))
    named = isinstance(agents, list) and isinstance(distributions, list)
    if named and m != d and (len(agents or ()), len(distributions or ())) == (d, m):
        raise ProblemError("costs", f"{m} x {d}", _TURNED)


def _check_positive(costs: Costs) -> None:
    for i, k in np.argwhere(~(costs.table > 0)):
        rule = "must be positive (inf where an agent cannot sample)"
        raise ProblemError(_place(costs, int(i), int(k)), float(costs.table[i, k]), rule)
    for k in np.flatnonzero(~np.isfinite(costs.table).any(axis=0)):
        name = f'"{costs.distributions[k]}"' if costs.distributions else f"distribution {k + 1}"
        rule = f"at least one agent must be able to sample {name}"
        raise ProblemError(_place(costs, None, int(k)), float("inf"), rule)


def _place(costs: Costs, i: int | None, k: int) -> str:
    """Name an entry as the user finds it: by names in a file, by position in a list."""
    if costs.file and costs.agents and costs.distributions:
        return f"{costs.file}: costs[{':' if i is None else costs.agents[i]}][{costs.distributions[k]}]"
    return f"costs[{':' if i is None else i}][{k}]"


def _reorder(costs: Costs, key: str, names: tuple[str, ...] | None) -> Costs:
    """Sort the table by the names in the problem file, which must be those in the table."""
    found = (costs.agents if key == "agents" else costs.distributions) or ()
    if names is None:
        return costs
    places, wanted = {name: i for i, name in enumerate(found)}, set(names)
    missing = [name for name in names if name not in places]
    unknown = [name for name in found if name not in wanted]
    if missing:
        rule = f"must be a name in {costs.file}{_also('; so must', missing[1:])}"
        rule += _also(f"; not in {key}, but there:", unknown) + suggestion(missing[0], found)
        raise ProblemError(f"{key}[{names.index(missing[0])}]", missing[0], rule)
    if unknown:
        rule = f"must be one of the names in {key}{_also('; so must', unknown[1:])}{suggestion(unknown[0], names)}"
        raise ProblemError(f"{costs.file}: {key}", unknown[0], rule)
    order = [places[name] for name in names]
    if key == "agents":
        return dataclasses.replace(costs, table=costs.table[order], agents=names)
    return dataclasses.replace(costs, table=costs.table[:, order], distributions=names)


def _also(words: str, names: list[str]) -> str:
    """Further names that break a rule, so that all are mended at once; nothing if there are none."""
    more = f" and {len(names) - MOST_TOLD:,} more" if len(names) > MOST_TOLD else ""
    return f"{words} {', '.join(map(repr, names[:MOST_TOLD]))}{more}" if names else ""
