"""A page about one solved market: verdict first, then who collects and buys what, and why it holds."""

from collections.abc import Iterator

import numpy as np
from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.text import Text

from jaxmech.report._numbers import column, counted, decimals, percent, settle, short, single
from jaxmech.report._records import claims_in_words, records_section
from jaxmech.report._tables import Page, headed, make_box, make_page, make_paragraphs, new_table, print_plain
from jaxmech.report.market._answer import Answer
from jaxmech.report.market._reasons import nobody_cheats, nobody_swaps, suggestions

MAX_ROWS = 40
"""Tables of more rows show the first ones."""


_WHOSE = Text("All that buyers pay is handed on to those who collect: the profit is theirs.", style="dim")
_VARIES = Text(
    "Varies by: standard deviation of what one run charges around the price. It follows how far the contributors' "
    "means happen to be apart, which keeps them honest.",
    style="dim",
)


def print_page(answer: Answer, console: Console, *, full: bool = False) -> None:
    """Print everything about an answer.

    Args:
        answer: one solved problem.
        console: where to; colours and lines on a terminal, plain aligned text elsewhere.
        full: whether to leave nothing out, however many buyers there are.
    """
    print_plain(console, page(answer, make_box(console.is_terminal), full=full))


def page(answer: Answer, box: Box, *, full: bool = False) -> Page:
    """Return the page as one renderable."""
    return make_page(_head(answer), _sections(answer, box, full), box)


def _sections(answer: Answer, box: Box, full: bool) -> Iterator[tuple[str, list[RenderableType]]]:
    yield "Who collects what, for expected payments", _contributors(answer, box, full)
    yield "Who buys what, at expected prices", _buyers(answer, box, full)
    if answer.trades:
        yield "Why nobody swaps or leaves", make_paragraphs(nobody_swaps(answer, full=full))
        yield "Why nobody cheats", make_paragraphs(nobody_cheats(answer))
    yield "How good the plan is", make_paragraphs(_quality(answer))
    if answer.changes:
        yield "What moves the profit", _changes(answer, box)
    yield "Certificates", records_section(answer.claims, box)
    if answer.facts:
        yield "Facts, not claimed", records_section(answer.facts, box, above=answer.claims)
    advice = suggestions(answer)
    if advice:
        yield "Worth considering", make_paragraphs(advice)


def _head(answer: Answer) -> RenderableType:
    buyers = counted(int(answer.counts.sum()), "buyer")
    what = f"{buyers} of {counted(len(answer.buyers), 'type')}, {counted(len(answer.contributors), 'contributor')}"
    verdict = Text(_verdict(answer), style="green" if answer.solved else "bold red")
    if len(answer.means) > 1:
        what += f"; each point measures {len(answer.means)} means"
    what += f"; method {answer.method}" + (f"; money in {answer.unit}" if answer.unit else "")
    return Group(*headed(answer.title, answer.source, what), Text(), verdict)


def _verdict(answer: Answer) -> str:
    claims = claims_in_words(answer.claims)
    if not answer.trades:
        why = "nobody could check the only contributor" if len(answer.contributors) < 2 else "selling would lose money"
        return f"No trade: {why}. {claims}"
    served = int(answer.counts[answer.sizes > 0].sum())
    text = (
        f"Collect {counted(answer.total, 'point')} and sell them to {served:,} of {int(answer.counts.sum()):,} buyers: "
        f"revenue {short(answer.revenue, 4)}, cost {short(answer.revenue - answer.profit, 4)}, profit "
        f"{short(answer.profit, 4)}"
    )
    short_of = 1 - answer.profit / answer.profit_bound if answer.profit_bound > 0 else 0.0
    text += (
        ", the most that any envy-free market can bring"
        if short_of < 1e-6
        else f", at most {percent(short_of)} below what any envy-free market could bring"
    )
    sold = answer.sizes > 0
    if np.any(answer.spread.price_deviation[sold] > answer.prices[sold]):
        text += ". What a buyer pays in one run varies by more than her price"
    return f"{text}. {claims}"


def _contributors(answer: Answer, box: Box, full: bool) -> list[RenderableType]:
    table = new_table(box, "", "cost of a point", "points", "spends", "is paid", "gains")
    shown = _shown(len(answer.contributors), full)
    costs = column(answer.costs)
    spent = answer.costs * answer.samples
    places = decimals(np.concatenate([spent, answer.spread.payment]))
    for i in shown:
        amounts = (spent[i], answer.spread.payment[i], answer.gain[i])
        cells = [single(float(value), places) if answer.samples[i] else "·" for value in amounts]
        points = f"{int(answer.samples[i]):,}" if answer.samples[i] else "·"
        end = i == shown[-1]
        table.add_row(answer.contributors[i], costs[i], points, *cells, end_section=end)
    sums = (float(spent.sum()), float(answer.spread.payment.sum()), float(answer.gain.sum()))
    table.add_row("all", "", f"{answer.total:,}", *(single(value, places) for value in sums), style="bold")
    return [table, *_left(len(answer.contributors) - len(shown)), *([_WHOSE] if answer.trades else [])]


def _buyers(answer: Answer, box: Box, full: bool) -> list[RenderableType]:
    table = new_table(box, "", "buyers", "points each", "price", "worth to her", "gains", "price varies by")
    shown = _shown(len(answer.buyers), full)
    places = decimals(np.concatenate([answer.prices, answer.values]))
    for j in shown:
        amounts = (answer.prices[j], answer.values[j], answer.utility[j])
        cells = [single(float(value), places) for value in amounts]
        varies = f"± {short(float(answer.spread.price_deviation[j]))}" if answer.sizes[j] else "·"
        points = f"{int(answer.sizes[j]):,}" if answer.sizes[j] else "·"
        row = (answer.buyers[j], f"{int(answer.counts[j]):,}", points, *cells, varies)
        table.add_row(*row, end_section=j == shown[-1])
    sums = [float(answer.counts @ part) for part in (answer.prices, answer.values, answer.utility)]
    table.add_row("all", f"{int(answer.counts.sum()):,}", "", *column(sums), "", style="bold")
    return [table, *_left(len(answer.buyers) - len(shown)), *([_VARIES] if answer.trades else [])]


def _quality(answer: Answer) -> list[str]:
    text = (
        f"If contributors were not strategic, {short(answer.optimum, 4)} could be had (OPT): one of them would collect "
        f"everything, unchecked."
    )
    if len(answer.contributors) > 1 and answer.trades:
        low, high = np.sort(answer.costs)[:2]
        lost = "nothing, as the lowest cost is tied" if low == high else f"at least {short(float(high - low))}, c₂ − c₁"
        text += f" Honesty costs {lost}."
    bound = (
        f"No equilibrium of any mechanism in which no buyer pays more than her points are worth to her, or envies "
        f"another her offer, brings more than {short(answer.profit_bound, 4)}; a market that may discriminate can."
    )
    return [text, f"{bound} The method {answer.method}: {answer.guarantee}."]


def _changes(answer: Answer, box: Box) -> list[RenderableType]:
    table = new_table(box, "", "now", "profit per 1 % more")
    most = sorted(answer.changes, key=lambda entry: -abs(entry.per_percent))[:6]
    changes = np.array([entry.per_percent for entry in most])
    effects = column(settle(changes, np.full(len(most), answer.revenue), answer.settings["dtype"]), 3)
    for entry, effect in zip(most, effects, strict=True):
        table.add_row(entry.what, short(entry.number), effect if entry.per_percent < 0 else f"+{effect}")
    return [table]


def _shown(count: int, full: bool) -> list[int]:
    return list(range(count if full else min(count, MAX_ROWS)))


def _left(count: int) -> list[Text]:
    return [Text(f"Not shown: {count:,} more; --csv FILE writes them all.", style="dim")] if count else []
