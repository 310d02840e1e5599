"""A page about many runs: averages beside promises, and what averages hide."""

from collections.abc import Iterator

import numpy as np
from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from jaxmech._status import Status
from jaxmech._tolerances import STANDARD_ERRORS
from jaxmech.mechanism import Quantity, Realised
from jaxmech.report._numbers import counted, percent, short
from jaxmech.report._records import claims_in_words, records_section
from jaxmech.report._tables import Page, headed, make_box, make_page, new_table, print_plain
from jaxmech.report.runs._answer import Answer

MAX_ROWS = 60
"""Longer tables are cut, unless all is asked for."""

_ROUNDING = 1e-12
"""Averages below this part of the largest of their kind are what rounding leaves of 0."""


def print_page(answer: Answer, console: Console, *, full: bool = False) -> None:
    """Print everything about the runs.

    Args:
        answer: one mechanism that was run.
        console: where to; colours and lines on a terminal, plain aligned text elsewhere.
        full: whether to leave nothing out, however many agents there are.
    """
    print_plain(console, page(answer, make_box(console.is_terminal), full=full))


def page(answer: Answer, box: Box, *, full: bool = False) -> Page:
    """Return the page as one renderable."""
    return make_page(_head(answer), _sections(answer, box, full), box)


def _head(answer: Answer) -> RenderableType:
    what = f"{counted(len(answer.agents), 'agent')}; {answer.mechanism}"
    what += f"; money in {answer.unit}" if answer.unit else ""
    parts = []
    if answer.status is not Status.OK:
        parts.append(f"{answer.status.name}: {answer.status.message} (residual {answer.residual:.1e}).")
    parts.append(claims_in_words(answer.claims))
    parts += [_unsettled(play) for play in answer.plays[:1]]
    verdict = Text(" ".join(filter(None, parts)), style="green" if answer.solved else "bold red")
    return Group(*headed(answer.title, answer.source, what), Text(), verdict)


def _sections(answer: Answer, box: Box, full: bool) -> Iterator[tuple[str, list[RenderableType]]]:
    for play in answer.plays:
        runs = counted(play.replications, "run")
        yield f"Averages: {play.name}, {runs}", [_averages(play, box, full)]
        if play.chances:
            yield f"How often: {play.name}", [_chances(play, box, full)]
    if answer.claims:
        yield "Certificates", records_section(answer.claims, box)
    if answer.facts:
        yield "Facts, not claimed", records_section(answer.facts, box, above=answer.claims)


def _averages(play: Realised, box: Box, full: bool) -> Table:
    shown = play.quantities if full else play.quantities[:MAX_ROWS]
    promises = not all(np.isnan(row.promised) for row in shown)
    table = new_table(box, "", "of", *["promised"] * promises, "realised", "standard error", keys=2)
    largest = {row.quantity: 0.0 for row in shown}
    for row in shown:
        largest[row.quantity] = max(largest[row.quantity], abs(row.realised))
    for row in shown:
        told = ["–" if np.isnan(row.promised) else short(row.promised, 4)] * promises
        off = promises and abs(row.realised - row.promised) > _off(row)
        found = row.realised if abs(row.realised) > _ROUNDING * largest[row.quantity] else 0.0
        error = row.standard_error if found else 0.0
        cells = (row.agent, row.quantity, *told, short(found, 4), short(error, 1))
        table.add_row(*cells, style="red" if off else "")
    return table


def _unsettled(play: Realised) -> str:
    """A sentence on the averages that chance hides, as those of payments that vary much from run to run."""
    largest: dict[str, float] = {}
    for row in play.quantities:
        largest[row.quantity] = max(largest.get(row.quantity, 0.0), abs(row.promised))
    told = [row for row in play.quantities if not np.isnan(row.promised)]
    loose = [row.quantity for row in told if STANDARD_ERRORS * row.standard_error > (largest[row.quantity] or 1.0)]
    if not loose:
        return ""
    runs, of = counted(play.replications, "run"), ", ".join(dict.fromkeys(loose))
    return f"{runs} are too few to tell the averages of {of} from nothing: they vary that much from run to run."


def _off(row: Quantity) -> float:
    return STANDARD_ERRORS * row.standard_error + 1e-9 * abs(row.promised)


def _chances(play: Realised, box: Box, full: bool) -> Table:
    shown = play.chances if full else play.chances[:MAX_ROWS]
    table = new_table(box, "", "event", "runs", "standard error", keys=2)
    for row in shown:
        style = "red" if row.excluded and row.chance > 0 else ""
        table.add_row(row.agent, row.event, percent(row.chance), percent(row.standard_error), style=style)
    return table
