"""Tables with one row per agent and one column per distribution, beside that of the costs: lists, or a file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._sheets import is_table
from jaxmech._words import suggestion
from jaxmech.files._costs import Costs
from jaxmech.files._read import column_names, number, read_table, row_names

_BLANK = "(of an agent who cannot sample any number will do)"


def by_agent(
    key: str,
    given: object,
    costs: Costs,
    folder: Path,
    *,
    zero: bool = False,
    endless: bool = False,
    columns: str = "{}",
) -> np.ndarray | None:
    """Return a table agents × distributions, or None where something else is given: one number, a row, another file.

    Args:
        key: what is read.
        given: its value: a list of rows, or the name of a table whose first column names the agents.
        costs: whose agents and distributions the table is about.
        folder: where a file is looked for.
        zero: whether 0 is allowed.
        endless: whether inf is allowed.
        columns: how columns of a CSV file may also be called: others are passed over where all of these are there.

    Raises:
        ProblemError: for another shape, other names, and entries that are not positive and finite; of agents who cannot
            sample no entry is looked at, unless 0 is allowed.
    """
    if isinstance(given, str):
        table = _from_file(key, given, costs, folder, columns)
    elif isinstance(given, list) and any(isinstance(row, list) for row in given):
        table = _from_rows(key, given, costs)
    else:
        return None
    if table is None:
        return None
    rule = f"must be {'0 or more' if zero else 'positive'} {'(inf for no limit)' if endless else 'and finite'}"
    good = (np.isfinite(table) | endless) & ((table >= 0) if zero else (table > 0))
    asked = np.ones(table.shape, bool) if zero else np.isfinite(costs.table)
    for i, k in np.argwhere(~good & asked):
        raise ProblemError(_place(key, given, costs, int(i), int(k)), float(table[i, k]), rule)
    return table


def column_by_agent(key: str, given: str, costs: Costs, folder: Path) -> np.ndarray:
    """Return one number per agent from a CSV file whose first column names them and whose second holds the numbers.

    Args:
        key: what is read.
        given: name of the file.
        costs: whose agents it is about.
        folder: where the file is looked for.

    Raises:
        ProblemError: for other names, more columns, and numbers below 0.
    """
    if costs.agents is None:
        raise ProblemError(key, given, "needs the names of the agents, to find the rows in the file")
    found = read_table(folder / given, given, key, row_names=True)
    if len(found.columns) != 1:
        raise ProblemError(f"{given}: columns", ", ".join(found.columns), f"must be one, the {key}, beside the names")
    _check_names(given, "row", found.rows, costs.agents)
    values: np.ndarray = found.cells[[found.rows.index(name) for name in costs.agents], 0]
    for name, value in zip(costs.agents, values, strict=True):
        if not value >= 0:
            raise ProblemError(f"{given}: {key}[{name}]", float(value), "must be 0 or more (inf for no limit)")
    return values


def _check_names(given: str, kind: str, names: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    for name in names:
        if name not in wanted:
            raise ProblemError(f"{given}: {kind}", name, f"must be a name of costs{suggestion(name, wanted)}")
    for name in wanted:
        if name not in names:
            raise ProblemError(f"{given}: {kind}s", ", ".join(names[:3]), f'must include "{name}"')


def _from_rows(key: str, given: list[object], costs: Costs) -> np.ndarray:
    m, d = costs.table.shape
    if len(given) != m:
        raise ProblemError(key, given, f"must have one row per agent ({m}), but has {len(given)}")
    for i, row in enumerate(given):
        if not isinstance(row, list) or len(row) != d:
            raise ProblemError(f"{key}[{i}]", row, f"must be a list of one number per distribution ({d})")
    rows = [row for row in given if isinstance(row, list)]
    return np.array([[number(f"{key}[{i}][{k}]", entry) for k, entry in enumerate(row)] for i, row in enumerate(rows)])


def _from_file(key: str, given: str, costs: Costs, folder: Path, pattern: str) -> np.ndarray | None:
    """A table whose first column names agents; None if it does not."""
    if costs.agents is None or costs.distributions is None or not is_table(given):
        return None
    first = row_names(folder / given, given, key)
    if not set(first) & set(costs.agents):
        return None
    wanted = tuple(pattern.format(name) for name in costs.distributions)
    if not set(wanted) <= set(column_names(folder / given, given)):
        wanted = costs.distributions

    def choose(header: tuple[str, ...]) -> Sequence[int]:
        return range(len(header)) if wanted == costs.distributions else [header.index(name) for name in wanted]

    found = read_table(folder / given, given, key, row_names=True, blank=_BLANK, choose=choose)
    axes = (("row", found.rows, costs.agents), ("column", found.columns, wanted))
    for kind, names, known in axes:
        _check_names(given, kind, names, known)
    rows, places = ([names.index(name) for name in known] for _, names, known in axes)
    return np.asarray(found.cells[np.ix_(rows, places)])


def _place(key: str, given: object, costs: Costs, i: int, k: int) -> str:
    """Name an entry as the user finds it."""
    if isinstance(given, str) and costs.agents and costs.distributions:
        return f"{given}: {key}[{costs.agents[i]}][{costs.distributions[k]}]"
    return f"{key}[{i}][{k}]"
