"""Tables and pages in the style of all reports, for terminals and for pipes."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from rich.box import SIMPLE_HEAD, Box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from jaxmech._printable import printable
from jaxmech.report._fit import Fitted

PLAIN = Box("    \n    \n -- \n    \n -- \n -- \n    \n    \n", ascii=True)
"""A rule of dashes below the header and above the last line, nothing else: for pipes and files."""


@dataclasses.dataclass(frozen=True)
class Page:
    """A page: what comes first, then sections. A renderable, and what other forms of a report are made of.

    Attributes:
        head: title, what it is about, and the verdict.
        sections: title and contents of each.
        underlined: whether titles are underlined, as on terminals.
    """

    head: RenderableType
    sections: tuple[tuple[str, tuple[RenderableType, ...]], ...]
    underlined: bool

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield the head, and every section after a blank line."""
        yield self.head
        for title, body in self.sections:
            yield from (Text(), Text(title, style="bold underline" if self.underlined else "bold"), *body)


def make_page(head: RenderableType, sections: Iterable[tuple[str, Sequence[RenderableType]]], box: Box) -> Page:
    """Return a page: its head, then sections with their titles.

    Args:
        head: what comes first, the verdict included.
        sections: title and contents of each.
        box: of the page's tables; decides how titles look.
    """
    return Page(head, tuple((title, tuple(body)) for title, body in sections), box.ascii is False)


def make_paragraphs(sentences: Iterable[str]) -> list[RenderableType]:
    """Return each text as a paragraph; brackets in names are no markup."""
    return [Text(sentence) for sentence in sentences]


def headed(title: str, source: str, what: str) -> tuple[Text, Text]:
    """Return the first two lines of a page: the title, and what it is about; without a title the file is named once.

    Args:
        title: of the problem, or an empty text.
        source: the file or the shipped problem.
        what: what it is about.

    Example:
        >>> [line.plain for line in headed("", "mine.toml", "3 agents")]
        ['mine.toml', '3 agents']
    """
    return Text(title or source, style="bold"), Text(f"{source}: {what}" if title else what)


class _Printable:
    """A renderable whose texts are escaped after their layout: styles are the program's, texts may be anybody's."""

    def __init__(self, part: RenderableType) -> None:
        self._part = part

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self._part, options):
            yield segment if segment.control else Segment(printable(segment.text, "\n"), segment.style)


def print_plain(console: Console, part: RenderableType) -> None:
    """Print one renderable, nothing in it being obeyed by a terminal but the styles of the page.

    Elsewhere than on a terminal the blanks are left out that fill lines up.
    """
    # Names may hold brackets, which are no markup.
    part = _Printable(Text(part) if isinstance(part, str) else part)
    if console.is_terminal:
        console.print(part, highlight=False)
        return
    with console.capture() as capture:
        console.print(part, highlight=False)
    lines = [line.rstrip() for line in capture.get().rstrip().split("\n")]
    console.file.write("\n".join(lines) + "\n")


def make_box(terminal: bool) -> Box:
    """Return lines for a terminal, or the plain ones for a pipe."""
    return SIMPLE_HEAD if terminal else PLAIN


def make_table(box: Box) -> Fitted:
    """Return an empty table in the style of all reports."""
    return Fitted(box=box, pad_edge=False, padding=(0, 1), show_edge=False, header_style="bold", highlight=False)


def new_table(box: Box, *headers: str, justify: Literal["left", "right"] = "right", keys: int = 1) -> Fitted:
    """Return a table with these columns, the first one for names; ``keys`` of them say what a row is of."""
    table = make_table(box)
    table.keys = keys
    for k, header in enumerate(headers):
        table.add_column(Text(header), justify=justify if k else "left", overflow="fold")
    return table


def blocks(widths: Sequence[int], room: int) -> list[list[int]]:
    """Split columns into runs that fit into the room; a column that fits nowhere stands alone."""
    runs: list[list[int]] = [[]]
    used = 0
    for k, width in enumerate(widths):
        if runs[-1] and used + width + 3 > room:
            runs.append([])
            used = 0
        runs[-1].append(k)
        used += width + 3
    return runs
