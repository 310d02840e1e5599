"""One solved problem of selling data: as a page, as a document, as rows, as a plot."""

from jaxmech.report.market._answer import Answer, Change
from jaxmech.report.market._document import document, rows
from jaxmech.report.market._page import page, print_page
from jaxmech.report.market._plot import plot
from jaxmech.report.market._reasons import nobody_cheats, nobody_swaps, suggestions
from jaxmech.report.market._table1 import plot_quality

__all__ = [
    "Answer",
    "Change",
    "document",
    "nobody_cheats",
    "nobody_swaps",
    "page",
    "plot",
    "plot_quality",
    "print_page",
    "rows",
    "suggestions",
]
