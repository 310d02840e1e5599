"""A page about one answer: verdict first, then tables, reasons and certificates."""

from collections.abc import Iterator

import numpy as np
from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from jaxmech.report._numbers import column, settle
from jaxmech.report._records import records_section
from jaxmech.report._tables import Page, headed, make_box, make_page, make_paragraphs, new_table, print_plain
from jaxmech.report.multiparty._answer import Answer, BoundaryAnswer, ExistenceAnswer, PlanAnswer
from jaxmech.report.multiparty._words import (
    boundary_reasons,
    chain_sentences,
    describe,
    plan_reasons,
    size_text,
    verdict,
)

_ROWS = 40
"""Agents that are shown unless everything is asked for."""

_SHOWN = 7
"""Sizes of each agent in a table of payments."""


def print_page(answer: Answer, console: Console, *, full: bool = False) -> None:
    """Print everything about an answer.

    Args:
        answer: a plan, a verdict or a boundary.
        console: where to; colours and lines on a terminal, plain aligned text elsewhere.
        full: whether to leave nothing out, however many agents there are.
    """
    print_plain(console, page(answer, make_box(console.is_terminal), full=full))


def page(answer: Answer, box: Box, *, full: bool = False) -> Page:
    """Return the page as one renderable.

    Args:
        answer: a plan, a verdict or a boundary.
        box: of the tables.
        full: whether to leave nothing out.
    """
    style = "green" if answer.solved else "bold red"
    head = Group(*headed(answer.title, answer.source, describe(answer)), Text(), Text(verdict(answer), style=style))
    return make_page(head, [] if answer.status.is_failure else _sections(answer, box, full), box)


def _sections(answer: Answer, box: Box, full: bool) -> Iterator[tuple[str, list[RenderableType]]]:
    if isinstance(answer, PlanAnswer):
        yield "Who gets which model", [_models(answer, box, full)]
        yield "What it brings", [_money(answer, box, full)]
        yield "Why nobody hides data", make_paragraphs(plan_reasons(answer))
    elif isinstance(answer, ExistenceAnswer):
        yield "What decides", make_paragraphs(chain_sentences(answer))
        if len(answer.parts) > 1:
            yield "Who takes part", [_coalitions(answer, box, full)]
        if answer.boundary:
            yield "Least revenue over what is at stake, by the largest size", [_by_level(answer, box, full)]
        yield _payments_title(answer), [_payments(answer, box)]
    else:
        yield "Why", make_paragraphs(boundary_reasons(answer))
        yield "Revenue where one agent has all data, over the whole market", [_curve(answer, box)]
    if answer.claims:
        yield "Certificates", records_section(answer.claims, box)
    if answer.facts:
        yield "Facts, not claimed", records_section(answer.facts, box, above=answer.claims)


def _models(answer: PlanAnswer, box: Box, full: bool) -> Table:
    weighed = () if answer.weights is None else (("counts", column(np.array(answer.weights))),)
    table = new_table(box, "", "data", *(name for name, _ in weighed), "own model", "is handed", "uses")
    shown = range(len(answer.agents)) if full else range(min(_ROWS, len(answer.agents)))
    handed = [text if x > 0 else "none" for text, x in zip(column(answer.allocation), answer.allocation, strict=True)]
    weights = (entries for _, entries in weighed)
    columns = (column(answer.types), *weights, column(answer.own), handed, column(answer.quality))
    for i in shown:
        table.add_row(answer.agents[i], *(entries[i] for entries in columns))
    _mention_rest(table, len(answer.agents) - len(shown))
    return table


def _money(answer: PlanAnswer, box: Box, full: bool) -> Table:
    table = new_table(box, "", "nobody shares", "stays away", "earns", "pays", "is left")
    shown = range(len(answer.agents)) if full else range(min(_ROWS, len(answer.agents)))
    scale, dtype = np.abs(answer.value), answer.settings["dtype"]
    left = [settle(part, scale, dtype) for part in (answer.payment, answer.utility)]
    parts = (answer.alone, answer.outside, answer.value, *left)
    columns = [column(np.append(part, part.sum())) for part in parts]
    for i in shown:
        table.add_row(answer.agents[i], *(entries[i] for entries in columns))
    _mention_rest(table, len(answer.agents) - len(shown))
    table.add_section()
    sums = [entries[-1] for entries in columns]
    # Everybody staying away at once is not a case, so its sum would mean nothing.
    table.add_row("all", sums[0], "", *sums[2:])
    return table


def _mention_rest(table: Table, rest: int) -> None:
    if rest > 0:
        table.add_row(f"and {rest:,} more: --verbose", *[""] * (len(table.columns) - 1))


def _payments_title(answer: ExistenceAnswer) -> str:
    first, second = answer.members[:2]
    others = " (all further agents at their least)" if len(answer.members) > 2 else ""
    if answer.disparity is not None and others:
        others = " (all further agents at 0)"
    return f"Most that {first} can be charged, by her size (rows) and {second}'s{others}"


def _payments(answer: ExistenceAnswer, box: Box) -> Table:
    """Payments of the first member at a few sizes."""
    places = _few(answer.levels.shape[1])
    rows, columns = ([size_text(answer.levels[i, place]) for place in places] for i in range(2))
    table = new_table(box, "size", *columns)
    rest = (0,) * (len(answer.members) - 2)
    chosen = np.array([[answer.payment[(0, row, place, *rest)] for place in places] for row in places])
    texts = column(chosen)
    for k, row in enumerate(rows):
        table.add_row(row, *texts[k * len(places) : (k + 1) * len(places)])
    return table


def _few(levels: int) -> np.ndarray:
    """A few levels, closer where they are low."""
    if levels <= _SHOWN:
        return np.arange(levels)
    return np.unique(np.round(np.geomspace(1, levels, _SHOWN)).astype(int) - 1)


def _coalitions(answer: ExistenceAnswer, box: Box, full: bool) -> Table:
    table = new_table(box, "take part", "exists", "least revenue / at stake")
    shown = answer.parts if full else answer.parts[:_ROWS]
    for part in shown:
        who = "all" if len(part.members) == len(answer.agents) else ", ".join(part.members)
        table.add_row(who, "yes" if part.exists else "no", f"{part.margin:+.6g}")
    _mention_rest(table, len(answer.parts) - len(shown))
    return table


def _by_level(answer: ExistenceAnswer, box: Box, full: bool) -> Table:
    table = new_table(box, "largest size", "least revenue / at stake", "exists")
    count = answer.every_level.shape[1]
    for k in range(count) if full or count <= _ROWS else _few(count):
        sizes = dict.fromkeys(size_text(size) for size in answer.every_level[:, k].tolist())
        table.add_row(", ".join(sizes), f"{answer.by_level[k]:+.6g}", "yes" if k <= answer.reach else "no")
    return table


def _curve(answer: BoundaryAnswer, box: Box) -> Table:
    sizes = np.unique(np.round(np.geomspace(1, max(answer.searched_to, 2), 12)).astype(int))
    near = [size for size in (answer.searched_to - 1, answer.searched_to) if size >= 1]
    sizes = np.unique(np.concatenate([sizes[sizes <= answer.searched_to], near]))
    table = new_table(box, "largest size", "revenue / market", justify="right")
    for size in sizes.tolist():
        table.add_row(f"{size:,}", f"{answer.revenue[size]:+.8f}")
    return table
