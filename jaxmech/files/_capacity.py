"""What agents can and must collect, and can spend: the keys ``most``, ``least`` and ``budget``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech.files._by_agent import by_agent, column_by_agent
from jaxmech.files._costs import Costs
from jaxmech.files._read import number

KEYS = ("most", "least", "budget")
"""Keys of ``[collaboration]`` that bound what agents collect."""


def read_capacity(section: Mapping[str, Any], costs: Costs, folder: Path) -> dict[str, np.ndarray]:
    """Return what the keys say, as arguments of a problem; those that are left out are missing.

    Args:
        section: keys and values as TOML gives them.
        costs: whose agents and distributions they are about.
        folder: where CSV files are looked for.

    Raises:
        ProblemError: naming the key, the place, the value and the rule.
    """
    read = {key: _budget if key == "budget" else _amounts for key in KEYS}
    return {key: read[key](key, section[key], costs, folder) for key in KEYS if key in section}


def _amounts(key: str, given: object, costs: Costs, folder: Path) -> np.ndarray:
    """A number, one per agent, or a table."""
    endless = key == "most"
    table = by_agent(key, given, costs, folder, zero=True, endless=endless)
    return _row(key, given, costs, endless=endless) if table is None else table


def _budget(key: str, given: object, costs: Costs, folder: Path) -> np.ndarray:
    """A number, one per agent, or a CSV file with one column."""
    if isinstance(given, str):
        return column_by_agent(key, given, costs, folder)
    return _row(key, given, costs, endless=True)


def _row(key: str, given: object, costs: Costs, *, endless: bool) -> np.ndarray:
    m, d = costs.table.shape
    table = "" if key == "budget" else f", a table {m} x {d}"
    forms = (
        f"must be one number, a list with one per agent ({m}) in the order of the agents{table}, or the name of a CSV "
        "file whose first column names agents"
    )
    if isinstance(given, list):
        if len(given) != m:
            raise ProblemError(key, given, f"{forms}, but has {len(given)} entries")
        values = np.array([number(f"{key}[{i}]", entry) for i, entry in enumerate(given)])
        places = [f"{key}[{i}]" for i in range(m)]
    elif isinstance(given, str):
        raise ProblemError(key, given, forms)
    else:
        if not isinstance(given, (int, float)):
            raise ProblemError(key, given, forms)
        values, places = np.array(number(key, given)), [key]
    for place, value in zip(places, np.atleast_1d(values), strict=True):
        if not (value >= 0 and (endless or np.isfinite(value))):
            rule = "must be 0 or more (inf for no limit)" if endless else "must be 0 or more and finite"
            raise ProblemError(place, float(value), rule)
    return values
