"""What many runs of a market or of competitors brought: as a page, as a document, as rows, as a plot."""

from jaxmech.report.runs._answer import Answer
from jaxmech.report.runs._document import document, rows
from jaxmech.report.runs._page import page, print_page
from jaxmech.report.runs._plot import plot

__all__ = ["Answer", "document", "page", "plot", "print_page", "rows"]
