"""Reports: a subpackage for each kind of problem, and what their pages, documents and plots share."""

from jaxmech.report import audit, collaboration, design, html, market, multiparty, price, runs, simulation, without
from jaxmech.report._checks import Check, checks_in_words, counted_checks, expected_in_words
from jaxmech.report._figure import FORMATS, render
from jaxmech.report._numbers import column, counted, percent, short, single
from jaxmech.report._records import claims_in_words, record_document, records_table, status_document
from jaxmech.report._tables import make_box, make_page, make_paragraphs, make_table, new_table, print_plain

__all__ = [
    "FORMATS",
    "Check",
    "audit",
    "checks_in_words",
    "claims_in_words",
    "collaboration",
    "column",
    "counted",
    "counted_checks",
    "design",
    "expected_in_words",
    "html",
    "make_box",
    "make_page",
    "make_paragraphs",
    "make_table",
    "market",
    "multiparty",
    "new_table",
    "percent",
    "price",
    "print_plain",
    "record_document",
    "records_table",
    "render",
    "runs",
    "short",
    "simulation",
    "single",
    "status_document",
    "without",
]
