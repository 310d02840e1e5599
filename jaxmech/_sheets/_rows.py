"""A table as rows of texts, whatever file it comes from."""

import dataclasses
from collections.abc import Callable, Iterator

Row = tuple[int, list[str]]
"""Number of the line, from 1, and its cells."""


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A table whose rows can be read more than once.

    Attributes:
        separator: what stands between cells; empty for one column, a blank for the cells of a spreadsheet.
        plain: whether no cell can have a comma in it, so that nobody need look for decimal commas.
        rows: starts from the first row: numbers of lines, and cells as they are written, of all lines but empty ones;
            a row whose cells are all blank is for the caller to judge.
    """

    separator: str
    plain: bool
    rows: Callable[[], Iterator[Row]]
