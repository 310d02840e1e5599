"""What became of every check of an exchange, in words: discrepancy, limit or noise, and what follows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxmech._words import brief
from jaxmech.report._numbers import short

COLUMNS = ("party", "value", "apart", "by chance", "limit", "check", "what follows")

_NEVER = 1e-12
"""Chances below this are told as about 0: so far out nothing is normal."""


class Check(NamedTuple):
    """One check, as a row of a table.

    Attributes:
        cells: by :data:`COLUMNS`; without the limit and the check where the rule has none.
        failed: whether the discrepancy is beyond the limit.
        changed: whether a limit was missed that changes what she gets: her own, or that of another of her values.
        fails: chance that honest normal data of so many points are beyond the limit; NaN where there is none.
        chance: that they are farther apart than these; NaN where nothing was compared.
    """

    cells: tuple[str, ...]
    failed: bool
    changed: bool
    fails: float
    chance: float


def checks_in_words(
    receipts: Iterable[Mapping[str, Any]], sigma: Sequence[float], *, robust: bool = False
) -> tuple[tuple[str, ...], list[Check]]:
    """Return the headings and rows of all checks of an exchange, in the units of the data.

    Args:
        receipts: the documents of all parties; pools and markets have no checks.
        sigma: the agreed σ of every value, in the order of the checks.
        robust: whether the σ̂ of receipts is a median, whose law is another: chances are then those of the agreed σ.

    Example:
        >>> check = {"name": "glucose", "role": "checked", "count": 9, "compared_count": 9, "discrepancy": 3.25}
        >>> check |= {"noise_variance": "inf", "limit": 1.5, "passed": False, "follows": "withheld", "withheld": 40}
        >>> headings, rows = checks_in_words([{"party": "Ashford", "checks": [check]}], [2.0])
        >>> rows[0].cells, rows[0].failed, round(rows[0].fails, 3)
        (('Ashford', 'glucose', '3.250', '0.057 %', '1.500', 'failed', '40 points withheld'), True, 0.112)
    """
    told = [
        (receipt["party"], check, spread)
        for receipt in receipts
        for check, spread in zip(receipt["checks"], sigma, strict=False)  # a market's receipts have one entry more
        if check.get("role") == "checked" or check.get("withheld")  # linked: where she only receives, too
    ]
    limits = any("limit" in check for _, check, _ in told)
    rows = []
    for party, check, spread in told:
        apart, limit = _number(check["discrepancy"]), _number(check.get("limit"))
        if check["role"] != "checked":
            cells = (
                party,
                check["name"],
                "–",
                "–",
                *(("–", "not compared") if limits else ()),
                follows_in_words(check),
            )
            rows.append(Check(cells, False, True, math.nan, math.nan))
            continue
        distance = "no data" if math.isinf(apart) else "–" if math.isnan(apart) else short(apart, 4)
        held = (short(limit, 4), passed_in_words(check)) if limits else ()
        failed = check.get("passed") is False and math.isfinite(apart)
        changed = check.get("follows", "nothing") != "nothing"
        known = {**check, "sigma": None} if robust else check
        chance, fails = (honest_chance(known, place, spread) for place in (apart, limit))
        cells = (party, check["name"], distance, chance_in_words(chance), *held, follows_in_words(check))
        rows.append(Check(cells, failed, changed, fails, chance))
    return (COLUMNS if limits else (*COLUMNS[:4], *COLUMNS[6:])), rows


def counted_checks(rows: Sequence[Check]) -> str:
    """Return how many of the checks that were made failed, as a verifier counts them: who hands in nothing fails.

    Args:
        rows: of a rule with limits.

    Example:
        >>> outcomes = "passed", "failed", "no data", "not compared", "nothing to compare"
        >>> counted_checks([Check(("Ada", "x", "", "", "", told, ""), False, False, 0.1, 0.1) for told in outcomes])
        '2 of 3 failed'
    """
    outcomes = [row.cells[COLUMNS.index("check")] for row in rows]
    failed = sum(outcome in ("failed", "no data") for outcome in outcomes)
    return f"{failed:,} of {failed + outcomes.count('passed'):,} failed"


def honest_chance(check: Mapping[str, Any], apart: float, sigma: float) -> float:
    """Return P(|N| > apart/s), s² = σ²(1/n + 1/|Z|): the chance that honest normal data differ by more.

    Where a calibrated rule was told σ̂, with ν degrees of freedom, it takes the place of σ, and Student's t that of N.

    Args:
        check: of a receipt, with the numbers of points.
        apart: a discrepancy or a limit, in the units of the data; NaN gives NaN.
        sigma: the agreed σ.

    Example:
        >>> round(honest_chance({"count": 2, "compared_count": 2}, 1.96, 1.0), 3)
        0.05
    """
    n, compared = check["count"], check["compared_count"]
    if not (n and compared) or math.isnan(apart):
        return math.nan
    told = _number(check.get("sigma"))
    spread = (sigma if math.isnan(told) else told) * math.sqrt(1 / n + 1 / compared)
    if spread <= 0:
        return float(apart == 0)
    if math.isnan(told):
        return math.erfc(apart / spread / math.sqrt(2))
    from scipy.special import stdtr  # not above: most rules need none

    return float(2 * stdtr(check["freedom"], -apart / spread))


def expected_in_words(rows: Sequence[Check]) -> str:
    """Return how many checks honest data would fail; an empty text where nothing has a limit.

    Example:
        >>> expected_in_words([Check((), False, False, 0.02, 0.5), Check((), False, False, 0.1, 0.5)])
        'If all were honest, 0.12 of 2 would fail on average.'
    """
    chances = [row.fails for row in rows if not math.isnan(row.fails)]
    if not chances:
        return ""
    return f"If all were honest, {sum(chances):.2g} of {len(chances):,} would fail on average."


def chance_in_words(chance: float) -> str:
    """Return a chance in per cent, with two digits; a dash where there is none.

    Example:
        >>> chance_in_words(0.0123), chance_in_words(1e-30), chance_in_words(math.nan)
        ('1.2 %', '≈0 %', '–')
    """
    if math.isnan(chance):
        return "–"
    return f"{brief(100 * chance)} %" if chance > _NEVER else "≈0 %"


def passed_in_words(check: Mapping[str, Any]) -> str:
    """Return the outcome of a check against a limit.

    Example:
        >>> [passed_in_words({"passed": passed}) for passed in (True, False, None)]
        ['passed', 'failed', 'nothing to compare']
        >>> passed_in_words({"passed": False, "discrepancy": "inf"})
        'no data'
    """
    if check["passed"] is False and _number(check.get("discrepancy")) == math.inf:
        return "no data"
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
            return "nothing to withhold here"  # all that she is owed are the points that she is compared with
        what = "the rest" if count is None else f"{count:,} {'point' if count == 1 else 'points'}"
        another = check.get("passed") or check.get("role", "checked") != "checked"
        return f"{what} withheld{': another of her checks failed' if another else ''}"
    if variance > 0:
        return f"noise of standard deviation {short(math.sqrt(variance))}"
    return "no noise" if count is None else "nothing withheld"


def _number(value: Any) -> float:
    """A number as documents hold it."""
    return math.nan if value is None else float(value)
