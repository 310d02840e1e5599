"""What an audit found: as a page, as a document, as rows, as a plot."""

from jaxmech.report.audit._answer import Answer
from jaxmech.report.audit._document import document, rows
from jaxmech.report.audit._page import page, print_page
from jaxmech.report.audit._plot import plot
from jaxmech.report.audit._populations import OnPopulation

__all__ = ["Answer", "OnPopulation", "document", "page", "plot", "print_page", "rows"]
