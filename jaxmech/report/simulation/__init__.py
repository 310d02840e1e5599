"""What a simulation brought: as a page, as a document, as rows, as a plot."""

from jaxmech.report.simulation._answer import Answer, Play
from jaxmech.report.simulation._document import document, rows
from jaxmech.report.simulation._page import page, print_page
from jaxmech.report.simulation._plot import plot

__all__ = ["Answer", "Play", "document", "page", "plot", "print_page", "rows"]
