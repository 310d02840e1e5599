"""What an HTML report holds, as plain texts: the template decides how it looks. Pages for terminals become one."""

import dataclasses
from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Column
from rich.table import Table as RichTable
from rich.text import Text

from jaxmech.report._tables import Page


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        headers: one per column.
        right: which columns are aligned at the right.
        rows: cells, and how the row looks: "", "bold", "dim", "red" or "green".
    """

    headers: tuple[str, ...]
    right: tuple[bool, ...]
    rows: tuple[tuple[tuple[str, ...], str], ...]


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: its title.
        parts: paragraphs (texts) and tables.
    """

    title: str
    parts: tuple[str | Table, ...]


@dataclasses.dataclass(frozen=True)
class Bar:
    """One bar of a party's picture, drawn to the scale of the longest.

    Attributes:
        label: what it is.
        bill: length of the money, from 0 to 1.
        error: length of the error, from 0 to 1.
        words: the amounts, written beside it.
    """

    label: str
    bill: float
    error: float
    words: str


@dataclasses.dataclass(frozen=True)
class Line:
    """One distribution on a party's page.

    Attributes:
        distribution: its name.
        samples: what she hands in, in words.
        bill: what that costs her, with its unit.
        gets: what she gets back, in words.
        error: her standard error with the agreement.
        alone: the one alone.
    """

    distribution: str
    samples: str
    bill: str
    gets: str
    error: str
    alone: str


@dataclasses.dataclass(frozen=True)
class Party:
    """The page of a party, which she can sign.

    Attributes:
        name: hers.
        summary: one sentence.
        lines: by distribution.
        money: alone and together; "" where there is nothing to compare.
        bars: the picture of it.
        fair: why it is fair, in sentences.
        honest: why cheating does not pay, or who checks her, in sentences.
        signs: whether it is about what she will do, not about what she did.
        stated: what her terms were computed from, in a sentence; an empty text where she signs nothing.
        why: the title above ``honest``.
        unsigned: why the page ends without a line for her signature, if it does although it is about what she will do.
    """

    name: str
    summary: str
    lines: tuple[Line, ...]
    money: Table | None
    bars: tuple[Bar, ...]
    fair: tuple[str, ...]
    honest: tuple[str, ...]
    signs: bool = True
    stated: str = ""
    why: str = "Your receipt"
    unsigned: str = ""


@dataclasses.dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        title: of the problem.
        what: what was done with it, one line.
        verdict: in a few sentences.
        good: whether all is well.
        terms: what was agreed: names and texts.
        sections: everything for all readers.
        parties: a page for each.
        left: how many parties have no page, because there are too many.
        limits: what is not promised, in sentences.
        warnings: what should be known though nothing is wrong.
        fingerprint: of the agreement, or an empty text.
        signed: whether the page ends with lines to fill in: date, operator, arbiter, and all signatures.
        figure: a plot as SVG, or an empty text.
        footer: version and settings, one line.
    """

    title: str
    what: str
    verdict: tuple[str, ...]
    good: bool
    terms: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
    parties: tuple[Party, ...] = ()
    left: int = 0
    limits: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    fingerprint: str = ""
    signed: bool = False
    figure: str = ""
    footer: str = ""


def from_page(page: Page, *, good: bool) -> Document:
    """Return the document of a page for terminals: its head, and its sections with their tables.

    Args:
        page: of any kind of answer.
        good: whether all is well.
    """
    title, what, *verdict = (part for part in _flat((page.head,)) if isinstance(part, str))
    sections = tuple(Section(name, tuple(_flat(body))) for name, body in page.sections)
    return Document(title, what, tuple(verdict), good, sections=sections)


def _flat(parts: Sequence[RenderableType]) -> Iterator[str | Table]:
    """Texts and tables, one after the other; what only keeps distance is left out."""
    for part in parts:
        if isinstance(part, Group):
            yield from _flat(part.renderables)
        elif isinstance(part, RichTable):
            yield _table(part)
        elif str(part).strip():
            yield str(part).strip()


def _table(found: RichTable) -> Table:
    cells = [[_plain(cell) for cell in column.cells] for column in found.columns]
    styles = [str(row.style or "") for row in found.rows]
    rows = tuple(zip((tuple(row) for row in zip(*cells, strict=True)), styles, strict=True))
    headers = tuple(_plain(column.header) for column in found.columns)
    right = tuple(column.justify == "right" or _is_padded(column) for column in found.columns)
    return Table(headers, right, rows)


def _is_padded(column: Column) -> bool:
    """Whether digits line up because blanks fill the cells, as where marks follow the numbers."""
    texts = [cell.plain if isinstance(cell, Text) else str(cell) for cell in column.cells]
    return any(text.startswith(" ") for text in texts) and len({len(text) for text in texts}) == 1


def _plain(cell: RenderableType) -> str:
    return (cell.plain if isinstance(cell, Text) else str(cell)).strip()
