"""One solved problem of sharing data without money: as a page, as a document, as rows, as a plot."""

from jaxmech.report.collaboration._accounts import (
    FALSE,
    OFF,
    Accounts,
    Books,
    WhatIf,
    accounts_document,
    error_tables,
    money_table,
)
from jaxmech.report.collaboration._advice import suggestions
from jaxmech.report.collaboration._answer import Answer, Arrangement, Sigma, Whole
from jaxmech.report.collaboration._document import arrangement_document, document, role_names, rows
from jaxmech.report.collaboration._page import board_sections, page, print_page, reasons_title, sigma_table
from jaxmech.report.collaboration._panels import draws_of, errors_by_value, panels_document, panels_section
from jaxmech.report.collaboration._plot import Panel, plot, plot_panels
from jaxmech.report.collaboration._reasons import reasons, reasons_of, unchecked
from jaxmech.report.collaboration._rule import rule_in_words, rule_sentences
from jaxmech.report.collaboration._signed import signed
from jaxmech.report.collaboration._signing import better_design, signing_sentences
from jaxmech.report.collaboration._tables import collection_tables, gain_table, penalties_of
from jaxmech.report.collaboration._trust import (
    Duties,
    disclosed,
    nobody_checked,
    relied_upon,
    relying,
    trust_sentence,
    trusted,
    used_unasked,
)

__all__ = [
    "FALSE",
    "OFF",
    "Accounts",
    "Answer",
    "Arrangement",
    "Books",
    "Duties",
    "Panel",
    "Sigma",
    "WhatIf",
    "Whole",
    "accounts_document",
    "arrangement_document",
    "better_design",
    "board_sections",
    "collection_tables",
    "disclosed",
    "document",
    "draws_of",
    "error_tables",
    "errors_by_value",
    "gain_table",
    "money_table",
    "nobody_checked",
    "page",
    "panels_document",
    "panels_section",
    "penalties_of",
    "plot",
    "plot_panels",
    "print_page",
    "reasons",
    "reasons_of",
    "reasons_title",
    "relied_upon",
    "relying",
    "role_names",
    "rows",
    "rule_in_words",
    "rule_sentences",
    "sigma_table",
    "signed",
    "signing_sentences",
    "suggestions",
    "trust_sentence",
    "trusted",
    "unchecked",
    "used_unasked",
]
