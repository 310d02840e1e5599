"""What somebody's leaving does to all who remain: as a page, as part of a document, as rows."""

from jaxmech.report.without._answer import Answer
from jaxmech.report.without._document import document, rows
from jaxmech.report.without._page import page, print_page

__all__ = ["Answer", "document", "page", "print_page", "rows"]
