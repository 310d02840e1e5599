"""One solved problem of sharing data without money: as a page, as a document, as rows, as a plot."""

from jaxmech.report.collaboration._advice import suggestions
from jaxmech.report.collaboration._answer import Answer, Arrangement, Sigma, Whole
from jaxmech.report.collaboration._document import arrangement_document, document, role_names, rows
from jaxmech.report.collaboration._page import page, print_page, sigma_table
from jaxmech.report.collaboration._plot import Panel, plot, plot_panels
from jaxmech.report.collaboration._reasons import reasons
from jaxmech.report.collaboration._tables import collection_tables, gain_table

__all__ = [
    "Answer",
    "Arrangement",
    "Panel",
    "Sigma",
    "Whole",
    "arrangement_document",
    "collection_tables",
    "document",
    "gain_table",
    "page",
    "plot",
    "plot_panels",
    "print_page",
    "reasons",
    "role_names",
    "rows",
    "sigma_table",
    "suggestions",
]
