"""Reports: one solved problem as a page to read, as a document, as rows, as a plot."""

from jaxmech.report._advice import suggestions
from jaxmech.report._answer import Answer, Sigma, Whole
from jaxmech.report._document import document, role_names, rows
from jaxmech.report._numbers import column, percent, short, single
from jaxmech.report._page import page, print_page, print_plain
from jaxmech.report._plot import FORMATS, Panel, plot, plot_panels, render
from jaxmech.report._reasons import reasons
from jaxmech.report._tables import make_box, make_table

__all__ = [
    "FORMATS",
    "Answer",
    "Panel",
    "Sigma",
    "Whole",
    "column",
    "document",
    "make_box",
    "make_table",
    "page",
    "percent",
    "plot",
    "plot_panels",
    "print_page",
    "print_plain",
    "reasons",
    "render",
    "role_names",
    "rows",
    "short",
    "single",
    "suggestions",
]
