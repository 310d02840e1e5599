"""A page about what somebody's leaving does to all who remain."""

from collections.abc import Iterator

import numpy as np
from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.text import Text

from jaxmech._status import Status
from jaxmech._words import joined
from jaxmech.collaboration import REMEDIES
from jaxmech.report._numbers import column, counted, decimals, percent, short, single
from jaxmech.report._records import claims_in_words, explained
from jaxmech.report._tables import headed, make_box, make_page, make_paragraphs, new_table, print_plain
from jaxmech.report.design import Answer as Design
from jaxmech.report.without._answer import Answer

MAX_ROWS = 40
"""Tables of more agents show those whom it moves most."""


def print_page(answer: Answer, console: Console, *, full: bool = False) -> None:
    """Print everything about an answer.

    Args:
        answer: both answers.
        console: where to; colours and lines on a terminal, plain aligned text elsewhere.
        full: whether to leave nobody out, however many there are.
    """
    print_plain(console, page(answer, make_box(console.is_terminal), full=full))


def page(answer: Answer, box: Box, *, full: bool = False) -> RenderableType:
    """Return the page as one renderable."""
    return make_page(_head(answer), _sections(answer, box, full), box)


def names(answer: Answer) -> str:
    """Return those who leave, as a sentence names them.

    Args:
        answer: both answers.
    """
    return joined(answer.left_out)


def _head(answer: Answer) -> RenderableType:
    everybody = answer.everybody
    verdict = Text(_verdict(answer), style="green" if answer.solved else "bold red")
    what = f"{counted(len(everybody.agents), 'agent')}, without {names(answer)}; mechanism {everybody.mechanism}"
    return Group(*headed(everybody.title, everybody.source, what), Text(), verdict)


def _verdict(answer: Answer) -> str:
    status = answer.remaining.status
    if status.is_failure:
        return f"Without {names(answer)} it is not solved. {status.name}: {explained(status, REMEDIES)}."
    warnings = "".join(
        f"{who}: {part.status.name}: {explained(part.status, REMEDIES)} (residual {part.residual:.1e}). "
        for who, part in (("With everybody", answer.everybody), (f"Without {names(answer)}", answer.remaining))
        if part.status is not Status.OK
    )
    before, after = float(answer.before.sum()), answer.remaining.social_penalty
    who = "the one who remains pays" if len(answer.kept) == 1 else f"the {len(answer.kept):,} who remain pay"
    share = f" ({percent(abs(after - before) / before)} {'more' if after > before else 'less'})" if before > 0 else ""
    claims = claims_in_words(answer.remaining.claims)
    return (
        f"{warnings}Without {names(answer)}, {who} {short(after, 4)} instead of {short(before, 4)}{share}; "
        f"{answer.hurt:,} {'pays' if answer.hurt == 1 else 'pay'} more, "
        f"{int(np.sum(answer.change < 0)):,} less. {claims}"
    ).strip()


def _sections(answer: Answer, box: Box, full: bool) -> Iterator[tuple[str, list[RenderableType]]]:
    unit = f"penalties in {answer.everybody.currency}" if answer.everybody.currency else "penalties"
    if not answer.remaining.status.is_failure:
        yield f"With everybody, and without (samples in all; {unit})", _table(answer, box, full)
    yield "Who leaves", make_paragraphs(_leaving(answer))


def _table(answer: Answer, box: Box, full: bool) -> list[RenderableType]:
    table = new_table(box, "", "collects", "without", "pays", "without", "change", "alone")
    everybody, remaining = answer.everybody, answer.remaining
    order = np.argsort(-np.abs(answer.change), kind="stable")[:MAX_ROWS]
    shown = range(len(answer.kept)) if full or len(answer.kept) <= MAX_ROWS else sorted(order.tolist())
    collects = column(np.concatenate([everybody.samples[answer.kept].sum(axis=1), remaining.samples.sum(axis=1)]))
    places = decimals(np.concatenate([answer.before, remaining.penalty]))
    count = len(answer.kept)
    for row in shown:
        money = (float(part[row]) for part in (answer.before, remaining.penalty))
        change = float(answer.change[row])
        table.add_row(
            remaining.agents[row],
            collects[row],
            collects[count + row],
            *(single(value, places) for value in money),
            f"{'+' if change > 0 else ''}{single(change, places)}",
            single(float(remaining.alone_penalty[row]), places),
            style="" if change <= 0 else "yellow",
            end_section=row == shown[-1],
        )
    sums = (float(answer.before.sum()), remaining.social_penalty)
    table.add_row("all", "", "", *(single(value, places) for value in sums), style="bold")
    left = len(answer.kept) - len(shown)
    note = Text(f"Not shown: {left:,} more, whom it moves less; --csv FILE writes them all.", style="dim")
    return [table, *([note] if left else [])]


def _leaving(answer: Answer) -> Iterator[str]:
    everybody = answer.everybody
    for name, i in zip(answer.left_out, answer.gone.tolist(), strict=True):
        alone = float(everybody.alone_penalty[i])
        otherwise = f"she would pay {short(alone, 4)}" if np.isfinite(alone) else "she could not know everything"
        yield f"{name} pays {short(float(everybody.penalty[i]), 4)} with all others; alone {otherwise}."
    yield (
        f"All of this is about a new plan that those who remain agree on, {_amounts(answer)}. What happens if they "
        "go on with the old one instead, jaxmech audit --questions tells."
    )


def _amounts(answer: Answer) -> str:
    """In which numbers of points it is told; of a published plan in fractions, of a design as both of them are."""
    accounts = [part.accounts for part in (answer.everybody, answer.remaining) if isinstance(part, Design)]
    whole = [books is not None and books.whole for books in accounts]
    if all(whole) and whole:
        return "in whole samples"
    if any(whole):
        first, second = ("whole samples", "fractions") if whole[0] else ("fractions", "whole samples")
        return f"in {first} with everybody and in {second} without, as the designs are"
    if whole:
        return "in fractions of samples (jaxmech design --whole, of a file without her, has whole ones)"
    return "in fractions of samples"
