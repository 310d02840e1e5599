"""A page about the choice of a price: what was asked, the price, what it brings, and what others would."""

from collections.abc import Iterator

import numpy as np
from rich.box import Box
from rich.console import Console, Group, RenderableType
from rich.text import Text

from jaxmech._status import Status
from jaxmech.report._numbers import column, decimals, short, single
from jaxmech.report._tables import Page, headed, make_box, make_page, make_paragraphs, new_table, print_plain
from jaxmech.report.price._answer import Answer

_MOST = 6
"""The ladder shows so many distributions."""


def print_page(answer: Answer, console: Console, *, full: bool = False) -> None:
    """Print everything about a price.

    Args:
        answer: a price that was looked for.
        console: where to; colours and lines on a terminal, plain aligned text elsewhere.
        full: whether to show every distribution.
    """
    print_plain(console, page(answer, make_box(console.is_terminal), full=full))


def page(answer: Answer, box: Box, *, full: bool = False) -> Page:
    """Return the page as one renderable."""
    return make_page(_head(answer), _sections(answer, box, full), box)


def _sections(answer: Answer, box: Box, full: bool) -> Iterator[tuple[str, list[RenderableType]]]:
    yield "At this price", _brings(answer, box)
    yield "Other prices (all multiplied by the same factor)", _ladder(answer, box, full)
    if not _asked(answer):
        yield "How to choose", make_paragraphs(_GUIDE)


_GUIDE = (
    "--standard-error X: the price at which everybody knows every mean up to a standard error of X; with "
    "--distribution NAME, that mean, by its own price.",
    "--wrong-decision COST --margin X: the price at which error counts as much as the decisions that it spoils, if an "
    "error of X or more makes a decision wrong that then costs COST.",
)


def _asked(answer: Answer) -> bool:
    return any(value is not None for value in answer.wanted.values())


def _head(answer: Answer) -> RenderableType:
    what = f"division {answer.division}, mechanism {answer.mechanism}"
    style = "green" if answer.status is Status.OK else "bold red"
    parts = [*headed(answer.title, answer.source, what), Text(), Text(_verdict(answer), style=style)]
    if _asked(answer):
        parts += [Text(), Text(f"Write into the file: {answer.line}")]
    return Group(*parts)


def _verdict(answer: Answer) -> str:
    wanted, unit = answer.wanted, f" {answer.accounts.currency}".rstrip()
    where = wanted["distribution"]
    which = [answer.distributions.index(str(where))] if where is not None else range(len(answer.distributions))
    changed = _several(answer, list(which), answer.price)
    before = _several(answer, list(which), answer.before)
    if wanted["standard_error"] is not None:
        aim = f"a standard error of {wanted['standard_error']:g}" + (f" on {where}" if where is not None else "")
        text = f"For {aim}, the largest of all parties, a unit of squared error has to cost {changed}{unit}"
    elif wanted["wrong_decision"] is not None:
        text = (
            f"If an error of {wanted['margin']:g} or more makes a decision wrong that costs "
            f"{wanted['wrong_decision']:g}{unit}, squared errors at {changed}{unit} per unit cost at least what wrong "
            "decisions do on average, whatever the law of the errors (Chebyshev)"
        )
    else:
        return f"A unit of squared error costs {before}{unit}."
    text += f"; in the file it is {before}{unit}."
    if answer.status is not Status.OK:
        text += f" {answer.status.name}: the plan jumps over what is wanted, and misses it by {answer.residual:.1e}."
    return text


def _several(answer: Answer, which: list[int], values: np.ndarray) -> str:
    chosen = values[which]
    if np.ptp(chosen) == 0:
        return short(float(chosen[0]), 4)
    shown = ", ".join(f"{short(float(values[k]), 4)} ({answer.distributions[k]})" for k in which[:_MOST])
    return shown + (f" and {len(which) - _MOST} more" if len(which) > _MOST else "")


def _brings(answer: Answer, box: Box) -> list[RenderableType]:
    accounts = answer.accounts
    unit = f" ({accounts.currency})" if accounts.currency else ""
    headers = (f"price{unit}", "samples", f"all bills{unit}", "standard error: least", "largest", "alone: largest")
    table = new_table(box, "", *headers)
    plan, alone = accounts.plan, accounts.alone
    totals = plan.samples.sum(axis=0)
    samples = [single(value, 0) for value in totals.tolist()] if accounts.whole else column(totals)
    prices, bills = column(answer.price), column(plan.bill.sum(axis=0))
    for k, name in enumerate(answer.distributions):
        errors, own = plan.standard_error[:, k], alone.standard_error[:, k]
        able = own[np.isfinite(own)]
        trio = np.array([errors.min(), errors.max(), able.max() if len(able) else np.inf])
        places = decimals(trio, 3)
        table.add_row(name, prices[k], samples[k], bills[k], *(single(value, places) for value in trio.tolist()))
    money = accounts.currency or "the unit of the costs"
    note = f"Bills in {money}; standard errors: the smallest and the largest of all parties."
    if accounts.whole:
        note += " Samples are whole; what is wanted is met in real numbers of samples, and nearly in whole ones."
    return [table, Text(note, style="dim")]


def _ladder(answer: Answer, box: Box, full: bool) -> list[RenderableType]:
    shown = range(len(answer.distributions) if full else min(_MOST, len(answer.distributions)))
    names = [f"standard error: {answer.distributions[k]}" if k == 0 else answer.distributions[k]
             for k in shown]  # fmt: skip
    currency = answer.accounts.currency
    table = new_table(box, "factor", f"all bills ({currency})" if currency else "all bills", *names)
    bills = column([rung.bill for rung in answer.ladder])
    errors = [column([rung.standard_error[k] for rung in answer.ladder], 3) for k in shown]
    for row, rung in enumerate(answer.ladder):
        cells = [entries[row] for entries in errors]
        table.add_row(f"{rung.factor:g}", bills[row], *cells, style="bold" if rung.factor == 1 else "")
    note = "The largest of all parties, in real numbers of samples. Half the standard error costs four times the bill."
    return [table, Text(note, style="dim")]
