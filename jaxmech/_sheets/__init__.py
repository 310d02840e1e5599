"""Tables as people keep them: CSV in the dialects of many countries, and spreadsheets (.xlsx), as rows of texts."""

from jaxmech._sheets._dialect import text_sheet
from jaxmech._sheets._fault import SheetError
from jaxmech._sheets._numbers import Exact, canonical, decimal_mark
from jaxmech._sheets._rows import Row, Sheet
from jaxmech._sheets._sheet import TABLE_SUFFIXES, is_table, open_sheet, split_sheet
from jaxmech._sheets._text import decoded
from jaxmech._sheets._workbook import MAX_UNPACKED, is_workbook, workbook_bytes

__all__ = [
    "MAX_UNPACKED",
    "TABLE_SUFFIXES",
    "Exact",
    "Row",
    "Sheet",
    "SheetError",
    "canonical",
    "decimal_mark",
    "decoded",
    "is_table",
    "is_workbook",
    "open_sheet",
    "split_sheet",
    "text_sheet",
    "workbook_bytes",
]
