"""What is said about limits that follow the spread of the others' data."""

import numpy as np
from rich.box import Box
from rich.console import RenderableType
from rich.text import Text

from jaxmech.collaboration import ADMISSIBLE, LIFTED, Role
from jaxmech.mechanism import NASH
from jaxmech.report._numbers import short
from jaxmech.report._tables import new_table
from jaxmech.report.design._answer import Answer
from jaxmech.report.design._table import MAX_ROWS, together

SPREADS = (0.5, 0.7, 1.0, 1.4, 2.0)
"""Values of σ̂, in units of the assumed σ, for which limits are shown."""


def limits_section(answer: Answer, box: Box, *, full: bool = False) -> list[RenderableType]:
    """Return the limits at several σ̂: in σ̂, and what that is in the data's own unit.

    Args:
        answer: a design whose limits follow the data.
        box: the lines to draw.
        full: whether to show all rows, however many there are.
    """
    followed, several = answer.offered.followed, len(answer.distributions) > 1
    assert followed is not None
    rows = [row for row in together(answer) if Role(int(answer.role[row.place])) is Role.CHECKED]
    shown = rows if full else rows[:MAX_ROWS]
    names = ["σ̂ in σ", *(["distribution"] if several else []), *(f"{spread:g}" for spread in SPREADS)]
    table = new_table(box, *names, keys=1 + several)
    for row in shown:
        sigma = float(answer.sigma[row.distribution])
        levels = [followed.at(row.place, spread) for spread in SPREADS]
        limits = [
            f"{level:.2f} σ̂ = {short(level * spread * sigma)}" for level, spread in zip(levels, SPREADS, strict=True)
        ]
        who = answer.agents[row.agents[0]]
        who = who if len(row.agents) == 1 else f"{who} and {len(row.agents) - 1:,} more"
        table.add_row(who, *([answer.distributions[row.distribution]] if several else []), *limits)
    least = int(np.min(np.where(np.isfinite(answer.offered.limit), followed.freedom, np.inf)))
    note = (
        f"σ̂: the spread within the others' points, {least} degrees of freedom or more behind it; in between limits are "
        "interpolated. The JSON holds all of them."
    )
    left = len(rows) - len(shown)
    more = f" Not shown: {left:,} more rows." if left else ""
    return [table, Text(note + more, style="dim")]


def following_sentences(answer: Answer) -> list[str]:
    """Return what limits that follow the data promise, with the numbers of the certificate; nothing for fixed ones.

    Args:
        answer: a design.
    """
    nash = next((record for record in answer.claims if record.claim == NASH), None)
    if nash is None or answer.offered.followed is None or not np.isfinite(answer.offered.limit).any():
        return []
    text = (
        "Limits follow the spread of the others' data, so σ need not be known to keep everybody honest: as far as "
        f"limits can, whatever an agent does saves her at most {100 * max(0.0, -nash.margin):.2g} % on normal data. "
        "Spreads and data must stay hidden until all have submitted."
    )
    reached = next((fact for fact in answer.facts if fact.claim == ADMISSIBLE), None)
    if reached is not None and not reached.holds:
        text += f" Not all of sigma_range is covered by that: {reached.witness}."
    lifted = next((fact for fact in answer.facts if fact.claim == LIFTED), None)
    if lifted is not None and not lifted.holds:
        text += f" One party can undo it: {lifted.witness}."
    return [text]
