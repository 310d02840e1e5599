"""Texts and tables for the page: names are anybody's, and nothing obeys them. A host shell."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxmech._printable import printable
from jaxmech.report import html

if TYPE_CHECKING:
    import pandas as pd

_JOINER = "\u2060"
_ADDRESS = re.compile(r"(?=://|@)|(?<=www)(?=\.)", re.IGNORECASE)
_SIGNS = re.compile(r"([!-/:-@\[-`{-~])")


def inert(text: str) -> str:
    r"""Return a text that Markdown shows as it is: no link, no picture, no formula, no colour.

    Signs are escaped. Addresses become links even so, hence an invisible joiner where they would be recognised.

    Args:
        text: anybody's.

    Example:
        >>> print(inert("![x](a) :red[b] $c$"))
        \!\[x\]\(a\) \:red\[b\] \$c\$
    """
    broken = _ADDRESS.sub(_JOINER, " ".join(printable(text).split()))
    return _SIGNS.sub(r"\\\1", broken)


def frame_of(table: html.Table) -> "pd.DataFrame":
    """Return a table of a report as a data frame of texts, which is shown on a canvas.

    Args:
        table: with any headers, among them equal ones.
    """
    import pandas as pd

    rows = [[printable(cell) for cell in cells] for cells, _ in table.rows]
    return pd.DataFrame(rows, columns=_distinct([printable(header) for header in table.headers]), dtype=str)


def _distinct(headers: Sequence[str]) -> list[str]:
    """Names of columns that were cut short may be equal; frames must not have two of one name."""
    found: list[str] = []
    for header in headers:
        count = sum(1 for other in found if other.split(_JOINER)[0] == header)
        found.append(header + _JOINER * count)
    return found
