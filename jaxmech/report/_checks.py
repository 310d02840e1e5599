"""What became of every check of an exchange, in words: discrepancy, limit or noise, and what follows."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from jaxmech.report._numbers import short

COLUMNS = ("party", "value", "discrepancy", "limit", "check", "what follows")


class Check(NamedTuple):
    """One check, as a row of a table.

    Attributes:
        cells: by :data:`COLUMNS`; without the limit and the check where the rule has none.
        failed: whether the discrepancy is beyond the limit.
        changed: whether a limit was missed that changes what she gets: her own, or that of another of her values.
    """

    cells: tuple[str, ...]
    failed: bool
    changed: bool


def checks_in_words(receipts: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, ...], list[Check]]:
    """Return the headings and rows of all checks of an exchange, in the units of the data.

    Args:
        receipts: the documents of all parties; pools and markets have no checks.

    Example:
        >>> check = {"name": "glucose", "role": "checked", "compared_count": 9, "discrepancy": 3.25}
        >>> check |= {"noise_variance": "inf", "limit": 1.5, "passed": False, "follows": "withheld", "withheld": 40}
        >>> headings, rows = checks_in_words([{"party": "Ashford", "checks": [check]}])
        >>> rows[0].cells, rows[0].failed
        (('Ashford', 'glucose', '3.250', '1.500', 'failed', '40 points withheld'), True)
    """
    told = [(receipt["party"], check) for receipt in receipts for check in receipt["checks"]]
    watched = [(party, check) for party, check in told if check.get("role") == "checked"]
    limits = any("limit" in check for _, check in watched)
    rows = []
    for party, check in watched:
        apart = _number(check["discrepancy"])
        distance = "no data" if math.isinf(apart) else "–" if math.isnan(apart) else short(apart, 4)
        held = (short(_number(check["limit"]), 4), passed_in_words(check)) if limits else ()
        failed = check.get("passed") is False
        changed = check.get("follows", "nothing") != "nothing"
        rows.append(Check((party, check["name"], distance, *held, follows_in_words(check)), failed, changed))
    return (COLUMNS if limits else (*COLUMNS[:3], *COLUMNS[5:])), rows


def passed_in_words(check: Mapping[str, Any]) -> str:
    """Return the outcome of a check against a limit.

    Example:
        >>> [passed_in_words({"passed": passed}) for passed in (True, False, None)]
        ['passed', 'failed', 'nothing to compare']
    """
    return {True: "passed", False: "failed", None: "nothing to compare"}[check["passed"]]


def follows_in_words(check: Mapping[str, Any]) -> str:
    """Return what becomes of the rest of the others' points.

    Example:
        >>> follows_in_words({"discrepancy": 0.5, "noise_variance": 0.04})
        'noise of standard deviation 0.200'
        >>> follows_in_words({"discrepancy": 0.5, "noise_variance": "inf", "passed": True, "withheld": 1})
        '1 point withheld: another of her checks failed'
    """
    variance, count = _number(check["noise_variance"]), check.get("withheld")
    if math.isinf(variance):
        if count == 0:
            return "nothing left to withhold"  # all that she is owed are the points that she is compared with
        what = "the rest" if count is None else f"{count:,} {'point' if count == 1 else 'points'}"
        return f"{what} withheld{': another of her checks failed' if check.get('passed') else ''}"
    if variance > 0:
        return f"noise of standard deviation {short(math.sqrt(variance))}"
    return "no noise" if count is None else "nothing withheld"


def _number(value: Any) -> float:
    """A number as documents hold it."""
    return math.nan if value is None else float(value)
