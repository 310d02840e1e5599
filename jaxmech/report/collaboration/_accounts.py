"""What a board asks: money apart from error, standard errors, who carries the work, and why each should sign."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.box import Box
from rich.table import Table
from rich.text import Text

from jaxmech.collaboration import FreeRiding, Harm, Invention, Misjudged
from jaxmech.report._numbers import INFINITY, column, decimals, percent, settle, single
from jaxmech.report._tables import blocks, new_table

MAX_ROWS = 40
"""Tables of more agents show those with the largest bills."""

SHOWN = 10
MAX_BLOCKS = 4


FALSE = 1.0
"""By how many σ made-up numbers are off, where a page tells what they cost the others."""

OFF = 0.8, 1.2
"""What σ may be, in parts of what it is taken for, that a page tells the consequences of."""


@dataclasses.dataclass(frozen=True)
class WhatIf:
    """What happens where somebody, or what all assume, is not as agreed.

    Attributes:
        invented: what made-up numbers would bring whom the published rules check; None for other rules.
        misjudged: what another σ would bring, for each of :data:`OFF`; empty for calibrated rules, and within limits.
        harm: what the others lose by her temptation, and by numbers of hers that are off by :data:`FALSE`; None where
            that is not known.
    """

    invented: Invention | None
    misjudged: tuple[Misjudged, ...]
    harm: Harm | None = None


@dataclasses.dataclass(frozen=True)
class Books:
    """Money apart from error, (agents, distributions); bill and error add up to penalties.

    Attributes:
        samples: what each collects.
        bill: what that costs her, in the unit of the costs.
        error: what her remaining error is worth to her, in the same unit; inf where she knows nothing.
        standard_error: of what she knows in the end, in the unit of the measurements.
    """

    samples: np.ndarray
    bill: np.ndarray
    error: np.ndarray
    standard_error: np.ndarray

    @property
    def penalty(self) -> np.ndarray:
        """(agents,) what each pays in all."""
        return np.asarray((self.bill + self.error).sum(axis=1))


@dataclasses.dataclass(frozen=True)
class Accounts:
    """Books of the plan that is carried out, beside those of working alone.

    Attributes:
        plan: with the agreement.
        alone: without.
        role: :class:`~jaxmech.collaboration.Role` codes of the plan that is carried out.
        whole: whether all samples are whole numbers.
        currency: the unit of the costs, or an empty text.
        instead: (agents, distributions) what the nearest temptation would cost each there; None where not known.
        nearest: likewise how many samples that are.
        free: what each would do in a pool if she thought of herself alone; None for mechanisms that check.
        what_if: what made-up numbers and another σ would bring; None where there is too much to ask.
        dtype: in which was solved.
    """

    plan: Books
    alone: Books
    role: np.ndarray
    whole: bool
    currency: str
    instead: np.ndarray | None = None
    nearest: np.ndarray | None = None
    free: FreeRiding | None = None
    what_if: WhatIf | None = None
    dtype: str = "float64"

    @property
    def gain(self) -> np.ndarray:
        """(agents,) what each saves; inf where she could not work alone, 0 where rounding errors remain."""
        alone = self.alone.penalty
        return settle(np.asarray(np.subtract(alone, self.plan.penalty)), alone, self.dtype)

    @property
    def share(self) -> np.ndarray:
        """(agents,) each agent's part of all laboratory bills."""
        bills = self.plan.bill.sum(axis=1)
        return np.asarray(bills / bills.sum())

    def money(self, amount: float, places: int | None = None) -> str:
        """Return an amount of money with its unit, if that is known."""
        if places is None:
            places = decimals(np.array([amount]))
        return f"{single(amount, places)} {self.currency}".rstrip()

    @property
    def unit(self) -> str:
        """The unit of money, in words."""
        return self.currency or "in the unit of the costs"


def accounts_document(accounts: Accounts | None) -> dict[str, Any] | None:
    """Return the accounts for a JSON document."""
    if accounts is None:
        return None
    return {
        "currency": accounts.currency or None,
        "whole": accounts.whole,
        **_books_document(accounts.plan),
        "gain": accounts.gain,
        "share": accounts.share,
        "alone": _books_document(accounts.alone),
    }


def what_if_document(accounts: Accounts | None) -> dict[str, Any] | None:
    """Return what another σ and made-up numbers would bring under the plan that is carried out, for a JSON document."""
    if accounts is None or accounts.what_if is None:
        return None
    found = accounts.what_if
    return {
        "whole": accounts.whole,
        "misjudged": [
            {"factor": factor, **entry._asdict()} for factor, entry in zip(OFF, found.misjudged, strict=False)
        ],
        "invention": None if found.invented is None else found.invented._asdict(),
        "harm": None if found.harm is None else {"off": FALSE, **found.harm._asdict()},
    }


def _books_document(books: Books) -> dict[str, np.ndarray]:
    samples = books.samples
    whole = np.array_equal(samples, np.round(samples)) and np.abs(samples).max() < 2**53
    return {
        "samples": samples.astype(int) if whole else samples,
        "bill": books.bill,
        "error": books.error,
        "standard_error": books.standard_error,
    }


def money_table(
    accounts: Accounts, agents: tuple[str, ...], box: Box, *, price: str = "", full: bool = False
) -> list[Table | Text]:
    """Return what each agent pays her laboratory and what her remaining error is worth, alone and together.

    Args:
        accounts: the books.
        agents: their names.
        box: the lines to draw.
        price: of a squared error of 1, in words; an empty text where there are several.
        full: whether to show every agent, however many there are.
    """
    shown = _shown(accounts, full=full)
    plan, alone = accounts.plan, accounts.alone
    unit = f" ({accounts.currency})" if accounts.currency else ""
    headers = ("samples", f"bill{unit}", "bill alone", f"error worth{unit}", "error worth alone", "share")
    table = new_table(box, "", *headers)
    amounts = [books.sum(axis=1) for books in (plan.bill, alone.bill, plan.error, alone.error)]
    places = decimals(np.concatenate(amounts))
    counts = column(plan.samples.sum(axis=1))
    if accounts.whole:
        counts = [single(value, 0) for value in plan.samples.sum(axis=1).tolist()]
    share = accounts.share
    for row, i in enumerate(shown):
        cells = [single(float(values[i]), places) for values in amounts]
        table.add_row(agents[i], counts[i], *cells, percent(float(share[i])), end_section=row == len(shown) - 1)
    total = float(plan.samples.sum())
    table.add_row(
        "all",
        single(total, 0) if accounts.whole else column([total])[0],
        *(single(float(values.sum()), places) for values in amounts),
        "100 %",
        style="bold",
    )
    note = (
        f"Bill: cost times samples ({accounts.unit}). Error worth: price{f' ({price})' if price else ''} times the "
        f"expected squared error of what she knows of the means ({accounts.unit}). A penalty is their sum. Share: of "
        "all bills."
    )
    return [table, Text(note, style="dim"), *_left(agents, shown)]


def error_tables(
    accounts: Accounts,
    agents: tuple[str, ...],
    distributions: tuple[str, ...],
    width: int,
    box: Box,
    *,
    standard: bool = False,
    full: bool = False,
) -> list[Table | Text]:
    """Return the standard error that each agent ends up with, beside the one that she would have alone.

    Args:
        accounts: the books.
        agents: their names.
        distributions: their names.
        width: of the page, in characters.
        box: the lines to draw.
        standard: whether σ = 1 throughout, so that errors are parts of σ.
        full: whether to show everything, however much there is.
    """
    if not full and len(agents) > MAX_ROWS:
        return [_error_ranges(accounts, distributions, box)]
    names = agents
    cells = []
    for k, name in enumerate(distributions):
        both = np.stack([accounts.plan.standard_error[:, k], accounts.alone.standard_error[:, k]])
        places = decimals(both, 3)
        cells.append((name, [" / ".join(single(value, places) for value in pair) for pair in both.T.tolist()]))
    runs = blocks([max(len(header), *map(len, pairs)) for header, pairs in cells], width - max(5, *map(len, names)) - 3)
    cut = len(runs) if full else MAX_BLOCKS
    parts: list[Table | Text] = []
    for block in runs[:cut]:
        parts += [Text()] if parts else []
        table = new_table(box, "", *(cells[k][0] for k in block))
        for row, name in enumerate(names):
            table.add_row(name, *(cells[k][1][row] for k in block))
        parts.append(table)
    unit = "in units of σ, which is 1 here" if standard else "in the unit of the measurements"
    note = f"With the agreement / alone, {unit}; {INFINITY}: she would know nothing."
    return [*parts, Text(note, style="dim"), *_left(agents, agents, sum(len(block) for block in runs[cut:]))]


def _error_ranges(accounts: Accounts, distributions: tuple[str, ...], box: Box) -> Table:
    """Of many agents: the smallest, the median and the largest standard error, by distribution."""
    table = new_table(box, "", "smallest", "median", "largest", "alone: smallest", "median", "largest")
    for k, name in enumerate(distributions[:MAX_ROWS]):
        both = [np.sort(books.standard_error[:, k]) for books in (accounts.plan, accounts.alone)]
        middle = len(both[0]) // 2
        entries = [float(values[place]) for values in both for place in (0, middle, -1)]
        table.add_row(name, *column(entries, 3))
    return table


def _shown(accounts: Accounts, *, full: bool) -> list[int]:
    """Return the agents to show, in their order: all, or those who pay most for their samples."""
    bills = accounts.plan.bill.sum(axis=1)
    if full or len(bills) <= MAX_ROWS:
        return list(range(len(bills)))
    return sorted(np.argsort(-bills, kind="stable")[:SHOWN].tolist())


def _left(agents: Sequence[str], shown: Sequence[object], columns: int = 0) -> list[Text]:
    rest = len(agents) - len(shown)
    left = [f"{rest:,} more agents"] if rest else []
    left += [f"{columns:,} more distributions"] if columns else []
    return [Text(f"Not shown: {' and '.join(left)}; --json FILE writes them all.", style="dim")] if left else []
