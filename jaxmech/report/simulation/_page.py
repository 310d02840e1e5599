"""A page about a simulation: what was promised, and what happened."""

from collections.abc import Iterator

import numpy as np
from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from jaxmech._status import Status
from jaxmech._words import rough
from jaxmech.report._numbers import counted, decimals, percent, short, single
from jaxmech.report._records import claims_in_words, records_section
from jaxmech.report._tables import Page, headed, make_box, make_page, make_paragraphs, new_table, print_plain
from jaxmech.report.simulation._alone import alone_in_words, worse_in_short
from jaxmech.report.simulation._answer import Answer, Play
from jaxmech.report.simulation._law import above, law_in_words

MAX_ROWS = 40
"""Tables of more agents show those whose penalty differs most."""

_ODD = 0.1
"""A standard deviation that differs by more than this part from the problem's is worth a sentence."""


_FEW = 0.005
"""Rows are few if dividing by n instead of n − 1 makes a difference of this part."""


def print_page(answer: Answer, console: Console, *, full: bool = False) -> None:
    """Print everything about a simulation.

    Args:
        answer: one simulated mechanism.
        console: where to; colours and lines on a terminal, plain aligned text elsewhere.
        full: whether to leave nothing out, however many agents there are.
    """
    print_plain(console, page(answer, make_box(console.is_terminal), full=full))


def page(answer: Answer, box: Box, *, full: bool = False) -> Page:
    """Return the page as one renderable."""
    return make_page(_head(answer), _sections(answer, box, full), box)


def _sections(answer: Answer, box: Box, full: bool) -> Iterator[tuple[str, list[RenderableType]]]:
    for play in answer.plays:
        title = f"Penalties on {play.name}, {play.replications:,} replications"
        remarks = [
            *alone_in_words(answer, play),
            *_remarks(answer, play),
            *(law_in_words(answer, play) if play is not answer.plays[0] else []),
        ]
        yield title, [_table(answer, play, box, full), *make_paragraphs(remarks)]
    if answer.claims:
        yield "Certificates", records_section(answer.claims, box)


def _head(answer: Answer) -> RenderableType:
    count = f"{counted(len(answer.agents), 'agent')}, {counted(len(answer.distributions), 'distribution')}"
    what = f"{count}; {answer.mechanism}; amounts in {answer.amounts}"
    verdict = Text(_verdict(answer), style="green" if answer.solved else "bold red")
    return Group(*headed(answer.title, answer.source, what), Text(), verdict)


def _verdict(answer: Answer) -> str:
    parts = []
    if answer.status is not Status.OK:
        parts.append(f"{answer.status.name}: {answer.status.message} (residual {answer.residual:.1e}).")
    if answer.cheat:
        parts.append(f"{answer.cheat}.")
    for play in answer.plays:
        total = play.penalty.sum() / play.promised.sum() - 1
        error = play.total_error / float(play.promised.sum())
        change = "as much as" if abs(total) < 2.5 * error else f"{_change(total)} than"
        # beyond one standard error a difference is told, though it may be chance
        told = f"{100 * total:+.1f} %, " if error < abs(total) < 2.5 * error else ""
        parts.append(f"On {play.name} all pay {change} promised ({told}standard error {_error(error)}).")
    for play in answer.plays[1:]:
        if found := above(answer, play):
            most = f"{found[0].agent} by {percent(found[0].change)}"
            where = f" on {play.name}" if len(answer.plays) > 2 else ""
            parts.append(f"{len(found)} of {len(answer.agents)} end above their promise{where}, {most}.")
    parts += [told for play in answer.plays if (told := worse_in_short(answer, play))]
    parts.append(claims_in_words(answer.claims))
    return " ".join(part for part in parts if part)


def _table(answer: Answer, play: Play, box: Box, full: bool) -> Table:
    shown = list(range(len(answer.agents)))
    if not full and len(shown) > MAX_ROWS:
        shown = sorted(np.argsort(-np.abs(play.change), kind="stable")[: MAX_ROWS // 2].tolist())
    places = decimals(play.promised)
    table = new_table(box, "", "promised", "realised", "standard error", "difference")
    for i in shown:
        odd = abs(play.penalty[i] - play.promised[i]) > 5 * play.standard_error[i] + 1e-9 * play.promised[i]
        table.add_row(
            answer.agents[i],
            single(play.promised[i], places),
            single(play.penalty[i], places),
            short(play.standard_error[i], 1),
            f"{100 * play.change[i]:+.2f} %",
            style="red" if odd else "",
            end_section=i == shown[-1],
        )
    sums = [single(float(values.sum()), places) for values in (play.promised, play.penalty)]
    change = 100 * (play.penalty.sum() / play.promised.sum() - 1)
    table.add_row("all", *sums, short(play.total_error, 1), f"{change:+.2f} %", style="bold")
    return table


def _remarks(answer: Answer, play: Play) -> list[str]:
    return [*_few_rows(play), *_other_spread(answer, play)]


def _few_rows(play: Play) -> list[str]:
    """Rows scatter less about their own mean than about the true one: by n − 1 to n, which few rows show."""
    if play.rows == 0 or 1 / play.rows < _FEW:
        return []
    return [
        f"Data are drawn from these {play.rows:,} rows and scatter about the rows' own mean, with the variance "
        f"Σ(x − mean)²/{play.rows:,}. A σ that is estimated from them divides by {play.rows - 1:,}: for that reason "
        f"alone what remains of errors comes out {100 / play.rows:.2g} % lower here than promised."
    ]


def _other_spread(answer: Answer, play: Play) -> list[str]:
    odd = np.abs(play.sigma / answer.sigma - 1) > _ODD
    if not odd.any():
        return []
    named = ", ".join(
        f"{answer.distributions[k]} {play.sigma[k]:.4g} instead of {answer.sigma[k]:.4g}"
        for k in np.flatnonzero(odd)[:4]
    )
    return [f"The data have another standard deviation than the problem assumes: {named}."]


def _change(part: float) -> str:
    shown = percent(abs(part)) if abs(part) >= 5e-4 else f"{rough(100 * abs(part))} %"
    return f"{shown} {'more' if part > 0 else 'less'}"


def _error(part: float) -> str:
    return f"{short(100 * part, 1)} %"
