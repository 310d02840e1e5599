"""Tables that fit a page: headings wrap first, then columns go into tables one below the other; nothing is cut off."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.table import Column, Table
from rich.text import Text

NAME_WIDTH = 28
"""Longer names and other texts may go over several lines."""

_BETWEEN = 3  # characters between two columns


class Fitted(Table):
    """A table that no page is too narrow for, and in which texts are texts: brackets in names are no markup.

    Attributes:
        keys: how many columns, from the first on, say what a row is of.
    """

    keys: int = 1

    def add_row(
        self, *cells: RenderableType | None, style: str | Style | None = None, end_section: bool = False
    ) -> None:
        """Add a row; what is given as a string is taken as it stands."""
        shown = (Text(cell) if isinstance(cell, str) else cell for cell in cells)
        super().add_row(*shown, style=style, end_section=end_section)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType | Segment]:
        """Yield the table, or one for each run of columns that fits, what rows are of repeated."""
        runs = _runs([_least(column) for column in self.columns], options.max_width, self.keys)
        for place, run in enumerate(runs):
            if place:
                yield Text()
            part = self if len(runs) == 1 else self._part(run)
            yield from Table.__rich_console__(part._narrowed(options.max_width), console, options)

    def _part(self, chosen: Sequence[int], widths: Sequence[int] | None = None) -> "Fitted":
        """A table of some columns, as wide as said."""
        part = Fitted(
            box=self.box, pad_edge=False, padding=(0, 1), show_edge=False, header_style=self.header_style,
            highlight=False,
        )  # fmt: skip
        columns = [self.columns[k] for k in chosen]
        for place, column in enumerate(columns):
            part.add_column(
                column.header,
                justify=column.justify,
                ratio=column.ratio,
                width=None if widths is None else widths[place],
                no_wrap=False,
                overflow="fold",
                vertical="top" if any(other.ratio for other in columns) else "bottom",
            )
        for row, cells in zip(self.rows, zip(*(column.cells for column in columns), strict=True), strict=True):
            part.add_row(*cells, style=row.style, end_section=row.end_section)
        return part

    def _narrowed(self, room: int) -> "Fitted":
        """The same if it fits as it is, else with the widest columns made narrower, one by one."""
        widths = [max(_length(cell) for cell in (column.header, *column.cells)) for column in self.columns]
        least = [_least(column) for column in self.columns]
        room -= _BETWEEN * (len(widths) - 1)
        if sum(widths) <= room:
            return self
        while sum(widths) > max(room, sum(least)):
            widths[max(range(len(widths)), key=lambda k: (widths[k] > least[k], widths[k]))] -= 1
        return self._part(range(len(widths)), widths)


def _runs(least: Sequence[int], room: int, keys: int) -> list[list[int]]:
    """Runs of columns that fit, the first columns in each; one that fits nowhere stands alone with them."""
    first = list(range(min(keys, len(least))))
    start = sum(least[:keys]) + _BETWEEN * max(len(first) - 1, 0)
    runs, used = [[*first]], start
    for k, width in enumerate(least[keys:], keys):
        if len(runs[-1]) > keys and used + width + _BETWEEN > room:
            runs.append([*first])
            used = start
        runs[-1].append(k)
        used += width + _BETWEEN
    return runs


def _least(column: Column) -> int:
    """Characters that a column needs: cells stand on one line, headings and sentences wrap between words."""
    measure = _longest_word if column.ratio else _length
    return min(NAME_WIDTH, max(_longest_word(column.header), *map(measure, column.cells), 1))


def _length(cell: RenderableType) -> int:
    return max((cell_len(line) for line in _plain(cell).split("\n")), default=0)


def _longest_word(cell: RenderableType) -> int:
    return max(map(cell_len, _plain(cell).split()), default=0)


def _plain(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)
