"""Panels: draws that measure several values at one cost, and what belongs to every value instead of every draw."""

import dataclasses
from typing import Any

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._words import some, suggestion
from jaxmech.collaboration import Values
from jaxmech.files._costs import Costs
from jaxmech.files._keys import names_of

FEWEST = 2
"""Values that a panel measures at least: what measures one is a distribution like any other."""

EACH = "value measured"
"""What there is one σ and one price of, in words."""


def read_panels(given: object, costs: Costs) -> Values | None:
    """Return what is measured, without numbers yet; None where there are no panels.

    Args:
        given: the table ``panels``: for every panel, a distribution, the names of its coordinates.
        costs: whose columns are the distributions.

    Raises:
        ProblemError: for panels that are no distributions, fewer than two coordinates, and names that occur twice.
    """
    if given is None:
        return None
    if not isinstance(given, dict) or not given:
        rule = 'must be a table, as { lipids = ["LDL", "HDL"] }: what one draw measures, by distribution'
        raise ProblemError("panels", given, rule)
    if costs.distributions is None:
        raise ProblemError("panels", given, "needs the names of the distributions, to say which of them are panels")
    panels: dict[str, tuple[str, ...]] = {}
    taken = dict.fromkeys(costs.distributions, "is a distribution")
    for name, entries in given.items():
        if name not in costs.distributions:
            near = suggestion(name, costs.distributions)
            raise ProblemError(f"panels.{name}", entries, f"must be one of {some(costs.distributions)}{near}")
        panels[name] = _coordinates(name, entries, taken)
    measured = [(value, k) for k, name in enumerate(costs.distributions) for value in panels.get(name, (name,))]
    names, draws = zip(*measured, strict=True)
    return Values(names, draws, np.ones(len(names)), np.ones(len(names)), panels)


def _coordinates(panel: str, entries: object, taken: dict[str, str]) -> tuple[str, ...]:
    """The names of a panel's values, which nothing else may have."""
    names = names_of(f"panels.{panel}", entries) or ()
    if len(names) < FEWEST:
        raise ProblemError(f"panels.{panel}", entries, f"must name at least {FEWEST} values that one draw measures")
    for i, name in enumerate(names):
        if name in taken:
            raise ProblemError(f"panels.{panel}[{i}]", name, f"{taken[name]}: a value must be measured by one draw")
        taken[name] = f"is a value of {panel}, too"
    return names


def by_value(costs: Costs, values: Values | None) -> Costs:
    """Return the table of costs with a column per value: what tables and measurements by value have the names of.

    Args:
        costs: a column per distribution.
        values: what they measure; None where each measures one.
    """
    if values is None:
        return costs
    return dataclasses.replace(costs, table=values.of(costs.table), distributions=values.names, each=EACH)


def refuse_panels(case: Any, what: str) -> None:
    """Refuse what cannot be done where one draw measures several values.

    Args:
        case: the problem file; of kinds that have no panels, nothing is refused.
        what: cannot be done, and what can be done instead.

    Raises:
        ProblemError: naming the panels.
    """
    values = getattr(case, "values", None)
    if values is not None:
        raise ProblemError("panels", ", ".join(values.panels), what)
