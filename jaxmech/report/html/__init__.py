"""Reports as one self-contained HTML page, to be read on a screen, printed and signed."""

from jaxmech.report.html._carried_out import carried_out
from jaxmech.report.html._document import Bar, Document, Line, Party, Table, from_page
from jaxmech.report.html._leaving import leaving_section
from jaxmech.report.html._limits import limits_in_words
from jaxmech.report.html._own import own
from jaxmech.report.html._parties import parties
from jaxmech.report.html._render import render, svg
from jaxmech.report.html._stated import stated_by, stated_section
from jaxmech.report.html._words import (
    AGREEMENT_LIMITS,
    AUDIT_LIMITS,
    DIVISIONS,
    MECHANISMS,
    audit_limits,
    limits_of,
    steps,
    terms,
)

__all__ = [
    "AGREEMENT_LIMITS",
    "AUDIT_LIMITS",
    "DIVISIONS",
    "MECHANISMS",
    "Bar",
    "Document",
    "Line",
    "Party",
    "Table",
    "audit_limits",
    "carried_out",
    "from_page",
    "leaving_section",
    "limits_in_words",
    "limits_of",
    "own",
    "parties",
    "render",
    "stated_by",
    "stated_section",
    "steps",
    "svg",
    "terms",
]
