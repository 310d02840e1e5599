"""One designed mechanism: as a page, as a document, as rows, as a plot."""

from jaxmech.report.design._answer import Answer, Followed, Offered
from jaxmech.report.design._document import document, rows
from jaxmech.report.design._page import page, print_page
from jaxmech.report.design._plot import plot

__all__ = ["Answer", "Followed", "Offered", "document", "page", "plot", "print_page", "rows"]
