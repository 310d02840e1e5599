"""Which price to choose: as a page, as a document, as rows."""

from jaxmech.report.price._answer import Answer, Rung, document, rows
from jaxmech.report.price._page import page, print_page

__all__ = ["Answer", "Rung", "document", "page", "print_page", "rows"]
