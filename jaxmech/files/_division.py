"""A division of work that the user gives: the key ``target``, how many points each agent collects."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech.files._by_agent import by_agent
from jaxmech.files._costs import Costs


def target_of(section: Mapping[str, Any], costs: Costs, folder: Path) -> np.ndarray | None:
    """Return the amounts, (agents, distributions), or None where the key is not there.

    Args:
        section: the keys; ``target``, ``division`` and ``mechanism`` are read. A CSV file may also be one that
            ``jaxmech solve --csv`` wrote, which has columns such as "glucose: samples".
        costs: whose agents and distributions the amounts are about.
        folder: where a CSV file is looked for.

    Raises:
        ProblemError: beside a division, c3d, most, least or budget, for anything but such a table, and for amounts of
            who cannot measure.
    """
    given = section.get("target")
    if given is None:
        return None
    if "division" in section:
        rule = "means nothing beside target, which is a division itself: leave one of them out"
        raise ProblemError("division", section["division"], rule)
    if section.get("mechanism") == "c3d":
        raise ProblemError("target", given, "means nothing for c3d, which has a division of its own")
    for key in ("most", "least", "budget"):
        if key in section:
            raise ProblemError(key, section[key], "means nothing beside target, which says what everybody collects")
    table = by_agent("target", given, costs, folder, zero=True, columns="{}: samples")
    if table is None:
        rule = "must be a table with a row per agent, or a CSV file of it with their names in the first column"
        named = costs.agents is not None and costs.distributions is not None
        hint = "" if named or not isinstance(given, str) else "; for a file, agents and distributions need names"
        raise ProblemError("target", given, rule + hint)
    for i, k in np.argwhere((table > 0) & np.isinf(costs.table)):
        raise ProblemError(f"target[{i}][{k}]", float(table[i, k]), "must be 0: she cannot measure this")
    for k in np.flatnonzero(table.sum(axis=0) <= 0):
        name = costs.distributions[k] if costs.distributions else f"distribution {k + 1}"
        raise ProblemError("target", f"0 everywhere for {name}", "somebody must collect each of the distributions")
    return table
