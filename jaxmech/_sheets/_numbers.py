"""Numbers as people write them: decimal points or commas, digits in groups; what could mean two numbers is refused."""

import re
from collections.abc import Iterable

from jaxmech._sheets._fault import SheetError

_BLANKS = " \u00a0\u2009\u202f'\u2019"
"""What stands between groups of three digits besides comma and point: blanks of all widths, and apostrophes."""


class Exact(str):
    """A number that a spreadsheet holds as a number, not as a text: nothing is to be guessed about it."""

    __slots__ = ()


def _pattern(decimal: str) -> re.Pattern[str]:
    other = re.escape("," if decimal == "." else ".")
    mark = re.escape(decimal)
    grouped = rf"[1-9]\d{{0,2}}(?P<group>[{other}{_BLANKS}])\d{{3}}(?:(?P=group)\d{{3}})*"
    whole = rf"(?:(?P<whole>{grouped}|\d+)(?:{mark}(?P<part>\d*))?|{mark}(?P<only>\d+))"
    return re.compile(rf"(?P<sign>[+\-\u2212]?){whole}(?P<power>[eE][+\-\u2212]?\d+)?", re.ASCII)


_PATTERNS = {decimal: _pattern(decimal) for decimal in ".,"}
_GROUPS = re.compile(rf"[.,{_BLANKS}]")


def canonical(cell: str, decimal: str) -> str | None:
    """Return a number as Python writes it, or None where a text is no number.

    Args:
        cell: as it was written.
        decimal: "." or ",", what stands before the decimals; the other of the two may stand between groups of three.

    Example:
        >>> canonical("1.234,5", ","), canonical("1'234.5", "."), canonical("−3,5", ","), canonical("12,34", ".")
        ('1234.5', '1234.5', '-3.5', None)
    """
    if isinstance(cell, Exact):
        return cell
    found = _PATTERNS[decimal].fullmatch(cell.strip())
    if found is None:
        return None
    whole = _GROUPS.sub("", found["whole"] or "0")
    part = found["part"] if found["part"] is not None else found["only"]
    number = f"{found['sign']}{whole}{'' if part is None else f'.{part}'}{found['power'] or ''}"
    return number.replace("\u2212", "-")


def decimal_mark(cells: Iterable[tuple[int, int, str]], separator: str) -> str:
    """Return what stands before the decimals in a table, "." or ",": as all cells together say it.

    Args:
        cells: line, place in the row, and text, of the cells that should be numbers.
        separator: what stands between cells; where it is a comma, or there is but one column, points are decimal
            unless a cell speaks against it, for that is how CSV is written.

    Raises:
        SheetError: for cells of both kinds, and for a cell that could mean two numbers where no other decides.

    Example:
        >>> decimal_mark([(2, 0, "1.234"), (3, 0, "9,5")], ";"), decimal_mark([(2, 0, "1,234"), (3, 0, "9.5")], ";")
        (',', '.')
    """
    seen: dict[str, tuple[int, int, str]] = {}
    doubtful: list[tuple[int, int, str]] = []
    pointed: tuple[int, int, str] | None = None
    for line, column, cell in cells:
        if isinstance(cell, Exact) or ("," not in cell and "." not in cell):
            continue
        point, comma = canonical(cell, "."), canonical(cell, ",")
        if point is not None and comma is not None:
            doubtful += [(line, column, cell)] * (len(doubtful) < 2 or "," in cell)
            pointed = (line, column, cell) if pointed is None and "." in cell else pointed
        elif point is not None or comma is not None:
            seen.setdefault("." if comma is None else ",", (line, column, cell))
        if len(seen) == 2:
            raise _both(seen, separator)
    if "," in seen and pointed is not None and separator in (",", ""):
        raise _both({**seen, ".": pointed}, separator)  # in CSV proper a point is decimal: it is no group's mark
    return next(iter(seen)) if seen else _doubtful(doubtful, separator)


def _both(seen: dict[str, tuple[int, int, str]], separator: str) -> SheetError:
    """The comma is at fault where commas separate cells, else who comes later."""
    wrong, right = (seen[","], seen["."]) if separator in (",", "") else (max(seen.values()), min(seen.values()))
    (line, column, cell), (before, _, other) = wrong, right
    rule = f"must have the decimal mark, a point or a comma, that {other.strip()} in line {before} has"
    return SheetError(line, cell.strip(), rule, column)


def _doubtful(cells: list[tuple[int, int, str]], separator: str) -> str:
    """Points are decimal in CSV proper; elsewhere nobody knows."""
    written = cells if separator not in (",", "") else [entry for entry in cells if "," in entry[2]]
    if not written:
        return "."
    line, column, cell = written[0]
    mark = "," if "," in cell else "."
    plain, parted = cell.strip().replace(mark, ""), cell.strip().replace(mark, ".")
    more = re.sub(r"(?=[eE]|$)", "0", cell.strip(), count=1)
    rule = f"may mean {plain} or {parted}: write {plain}, or with one more decimal {more}"
    raise SheetError(line, cell.strip(), rule, column)
