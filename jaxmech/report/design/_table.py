"""The table of what each agent gets back: by distribution, equal agents together where there are many."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rich.box import Box
from rich.table import Table
from rich.text import Text

from jaxmech._words import brief
from jaxmech.collaboration import Role
from jaxmech.report._numbers import column, single
from jaxmech.report._tables import new_table
from jaxmech.report.design._answer import Answer

MAX_ROWS = 40
"""Longer tables put agents who are offered the same into one row; if that is not enough, they show :data:`SHOWN`."""

SHOWN = 20
_DIGITS = 6


class Row(NamedTuple):
    """Agents who are asked and offered the same on one distribution."""

    agents: tuple[int, ...]
    distribution: int

    @property
    def place(self) -> tuple[int, int]:
        """The first of them."""
        return self.agents[0], self.distribution


def rule_table(answer: Answer, box: Box, *, full: bool = False) -> list[Table | Text]:
    """Return what each agent collects and gets back, one row per agent and distribution.

    Args:
        answer: one designed mechanism.
        box: the lines to draw.
        full: whether to give every agent rows of her own, however many there are.
    """
    m, d = answer.samples.shape
    entries = [Row((i,), k) for k in range(d) for i in range(m)]
    if not full and len(entries) > MAX_ROWS:
        entries = together(answer)
    shown = entries
    if not full and len(entries) > MAX_ROWS:
        most = sorted(entries, key=lambda row: -float(answer.offered.failure[row.place]))[:SHOWN]
        shown = [row for row in entries if row in most]
    table = _filled(answer, box, shown)
    left = len(entries) - len(shown)
    parts: list[Table | Text] = [table, Text(_legend(answer), style="dim")]
    if left:
        note = f"Not shown: {left:,} more rows, least likely to fail; --csv FILE writes them all."
        parts.append(Text(note, style="dim"))
    return parts


def _filled(answer: Answer, box: Box, shown: Sequence[Row]) -> Table:
    several = len(answer.distributions) > 1
    units = ("samples", "points |Z|", "points |Z′|", f"limit t ({_unit_of_limits(answer)})", "fails (%)")
    names = ["", *(["distribution"] if several else []), "role", *units]
    table = new_table(box, *names, keys=1 + several)
    offered = answer.offered
    columns = [
        _amounts([float(amounts[row.place]) for row in shown])
        for amounts in (answer.samples, offered.comparison, offered.rest, offered.limit)
    ]
    for row, *cells, limit in zip(shown, *columns, strict=True):
        role = Role(int(answer.role[row.place]))
        failure = float(offered.failure[row.place])
        limit = limit if role is Role.CHECKED else "–"
        table.add_row(
            _who(answer, row.agents),
            *([answer.distributions[row.distribution]] if several else []),
            role.name.lower(),
            *cells,
            limit,
            brief(100 * failure) if failure > 0 else "–",
            style="" if role is Role.CHECKED else "dim",
        )
    return table


def _unit_of_limits(answer: Answer) -> str:
    """The unit of a difference between two means: that of the measurements, which is σ where all σ are 1."""
    standard = answer.values is None and bool(np.all(np.asarray(answer.sigma) == 1))
    return "σ" if standard else "unit"


def _amounts(values: list[float]) -> list[str]:
    """Whole numbers of points have no decimals."""
    entries = np.asarray(values)
    finite = entries[np.isfinite(entries)]
    return [single(value, 0) for value in values] if np.all(finite == np.rint(finite)) else column(entries)


def together(answer: Answer) -> list[Row]:
    """Rows of equal terms put together, distribution by distribution."""
    offered = answer.offered
    terms = np.stack([answer.samples, offered.comparison, offered.rest, offered.limit, offered.failure])
    rows = []
    for k in range(len(answer.distributions)):
        groups: dict[tuple[str, ...], list[int]] = {}
        for i, role in enumerate(answer.role[:, k].tolist()):
            key = (str(role), *(f"{value:.{_DIGITS}g}" for value in terms[:, i, k]))
            groups.setdefault(key, []).append(i)
        rows += [Row(tuple(agents), k) for agents in groups.values()]
    return rows


def _who(answer: Answer, agents: Sequence[int]) -> str:
    first = answer.agents[agents[0]]
    return first if len(agents) == 1 else f"{first} and {len(agents) - 1:,} more"


def _legend(answer: Answer) -> str:
    entries = ["|Z|, of others: clean in any case, and compared with her mean where she is checked"]
    if np.any(answer.offered.rest > 0):
        beyond = "withheld" if np.isinf(answer.offered.cap) else "noisy"
        what = "the discrepancy is within t"
        if answer.offered.linked:
            what = "all discrepancies are within their limits"
            if answer.offered.ellipsoid:
                what = "the squares of all discrepancies, in limits t, add up to at most 1"
            what = what if answer.values is None else f"{what} on which it hangs"
        entries.append(f"|Z′|, of others: clean if {what}, else {beyond}")
        entries.append("fails: how often an honest agent's |Z′| is not clean (– where there is none to lose)")
    if answer.offered.followed is not None:
        entries.append("t and chances at the assumed σ; t follows the data, see below")
    if np.ndim(answer.sigma) > 1:
        entries.append("both count points of whoever measures most precisely, what she collects her own")
    if np.isfinite(answer.offered.limit).any() and _unit_of_limits(answer) == "unit":
        entries.append("t: how far the two means may be apart, in the unit of the measurements")
    if answer.values is not None:
        entries.append("t of a panel is in σ of each of its values")
    return "; ".join(entries)
