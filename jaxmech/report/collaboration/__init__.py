"""One solved problem of sharing data without money: as a page, as a document, as rows, as a plot."""

from jaxmech.report.collaboration._advice import suggestions
from jaxmech.report.collaboration._answer import Answer, Sigma, Whole
from jaxmech.report.collaboration._document import document, role_names, rows
from jaxmech.report.collaboration._page import page, print_page
from jaxmech.report.collaboration._plot import Panel, plot, plot_panels
from jaxmech.report.collaboration._reasons import reasons

__all__ = [
    "Answer",
    "Panel",
    "Sigma",
    "Whole",
    "document",
    "page",
    "plot",
    "plot_panels",
    "print_page",
    "reasons",
    "role_names",
    "rows",
    "suggestions",
]
