"""Sharing models among competitors: as a page, as a document, as rows, as a plot."""

from jaxmech.report.multiparty._answer import Answer, BoundaryAnswer, ExistenceAnswer, Part, PlanAnswer
from jaxmech.report.multiparty._document import document, rows
from jaxmech.report.multiparty._figures import plot_boundaries, plot_curves
from jaxmech.report.multiparty._page import page, print_page
from jaxmech.report.multiparty._plot import plot
from jaxmech.report.multiparty._words import verdict

__all__ = [
    "Answer",
    "BoundaryAnswer",
    "ExistenceAnswer",
    "Part",
    "PlanAnswer",
    "document",
    "page",
    "plot",
    "plot_boundaries",
    "plot_curves",
    "print_page",
    "rows",
    "verdict",
]
