"""The report of an exchange: what each party handed in and is owed. It holds no value that anybody measured."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxmech._words import some
from jaxmech.report._checks import (
    chance_in_words,
    checks_in_words,
    counted_checks,
    expected_in_words,
    follows_in_words,
    honest_chance,
    passed_in_words,
)
from jaxmech.report._numbers import INFINITY, counted, decimals, short, single
from jaxmech.report.html._document import Document, Line, Party, Section, Table

_ESTIMATE, _RECEIPT, _PUBLIC, _OPERATOR = "estimate.json", "receipt.json", "public.json", "operator.json"
_LIMITS = (
    "This page says what was handed in and what each party is owed; the estimates are in the parties' folders.",
    "It is for the arbiter. Checks and standard errors tell how far a party's data were from the others': give each "
    "party her own page, and no other.",
    "Whether all this was done right, anybody can recompute: jaxmech verify RETURNS AGREEMENT.",
)


def carried_out(agreement: Mapping[str, Any], returned: Mapping[str, bytes]) -> Document:
    """Return the report of an exchange.

    Args:
        agreement: what was signed, the JSON of ``jaxmech solve`` or ``jaxmech design``.
        returned: every file of RETURNS by its path.
    """
    public = json.loads(returned[_PUBLIC])
    folders = sorted(path.removesuffix(f"/{_RECEIPT}") for path in returned if path.endswith(f"/{_RECEIPT}"))
    pairs = [tuple(json.loads(returned[f"{folder}/{name}"]) for name in (_ESTIMATE, _RECEIPT)) for folder in folders]
    unit = str((agreement.get("problem") or {}).get("currency") or "")
    remarks = json.loads(returned[_OPERATOR])["remarks"]
    handed = sum(receipt["file"] is not None for _, receipt in pairs)
    files = "1 file" if handed == 1 else f"{handed} files"
    what = f"{public['mechanism']}, carried out on {files} of {len(pairs)} parties"
    verdict = (
        f"Agreement {public['agreement']}.",
        f"The noise is made of the secret with the commitment {public['commitment']}.",
    )
    return Document(
        title=str(agreement.get("title") or agreement.get("source") or "An exchange"),
        what=what,
        verdict=verdict,
        good=not public["seeded"],
        sections=(
            _handed_in(agreement, pairs, remarks, unit),
            *_checks(agreement, pairs),
            *_odd(pairs, remarks),
            _totals(public),
            _files(returned),
        ),
        parties=tuple(party_of(agreement, estimate, receipt) for estimate, receipt in pairs),
        limits=_LIMITS,
        warnings=(public["warning"],) if public["warning"] else (),
        fingerprint=public["agreement"],
        footer=f"jaxmech {public['version']}",
    )


def _handed_in(agreement: Mapping[str, Any], pairs: list[tuple[Any, ...]], remarks: list[Any], unit: str) -> Section:
    rows, sums = [], np.zeros(2)
    for _, receipt in pairs:
        asked = sum(check["asked"] for check in receipt["checks"])
        bills = _number(receipt["cost"]), _agreed_bill(agreement, receipt)
        sums += bills
        cells = (receipt["party"], receipt["file"] or "no file", f"{sum(receipt['counts']):,}", f"{asked:,}",
                 *(_money(bill, "") for bill in bills), " ".join(receipt["remarks"]))  # fmt: skip
        rows.append((cells, ""))
    rows.append((("all", "", "", "", *(_money(bill, "") for bill in sums), ""), "bold"))
    headers = ("party", "file", "points", "agreed", f"bill{f' ({unit})' if unit else ''}", "bill as agreed", "remarks")
    others = sum(one["kind"] in _FILES for one in remarks)
    more = (
        f"{counted(others, 'more remark')}, on files, {'is' if others == 1 else 'are'} in {_OPERATOR}, as run printed "
        "them.",
    )
    table = Table(headers, (False, False, True, True, True, True, False), tuple(rows))
    return Section("What was handed in", (table, *(more if others else ())))


_FILES = ("format", "extra", "misnamed")
"""Kinds of remarks that are about no points."""


def _agreed_bill(agreement: Mapping[str, Any], receipt: Any) -> float:
    """What her points would have cost, if she had handed in as many as agreed."""
    costs = [_number(cost) for cost in agreement["problem"]["costs"][list(agreement["agents"]).index(receipt["party"])]]
    asked = [check["asked"] for check in receipt["checks"]]
    places = zip(_values(agreement), asked, strict=True)
    return sum((costs[k] * n for (k, _, first), n in places if first and n), 0.0)


def _checks(agreement: Mapping[str, Any], pairs: list[tuple[Any, ...]]) -> Iterator[Section]:
    """Every comparison of a party's mean with the others', and what follows; nothing where nothing is compared."""
    robust = agreement["problem"].get("calibrated") == "robust"
    headers, rows = checks_in_words((receipt for _, receipt in pairs), agreement["problem"]["sigma"], robust=robust)
    if not rows:
        return
    said = "Distance between a party's mean and that of the points that it was compared with, in the units of the data"
    limits = "limit" in headers
    failed = sum(row.failed for row in rows)
    verdict = f", beside its limit: {counted_checks(rows)}." if limits else ", and the noise that follows."
    verdict += " Points that failed are used for the others like all others." if limits and failed else ""
    chance = "By chance: how often honest normal data of the agreed σ (or of the σ̂ in its place) would be farther "
    together = agreement["integer_plan"].get("ellipsoid") is True
    chance += f"apart. {'' if together or not limits else expected_in_words(rows)}".rstrip()
    table = tuple((row.cells, "red" if row.failed else "") for row in rows)
    right = tuple(header in ("apart", "by chance", "limit") for header in headers)
    yield Section("Checks", (said + verdict, chance, Table(headers, right, table)))


def _odd(pairs: list[tuple[Any, ...]], remarks: list[Any]) -> Iterator[Section]:
    """What looks odd or failed a check, and in whose estimates it is; nothing where nothing does."""
    found = [
        (one["party"], one["distribution"], one["text"].removeprefix(f"{one['party']}, {one['distribution']}: "))
        for one in remarks
        if one.get("distribution")
    ]
    found += [
        (receipt["party"], check["name"], "failed the check")
        for _, receipt in pairs
        for check in receipt["checks"]
        if check.get("passed") is False and check["count"]
    ]
    if not found:
        return
    rows = tuple(((party, name, text, _rests_on(pairs, party, name)), "") for party, name, text in found)
    table = Table(("party", "value", "what", "in what these got, or were drawn from"), (False,) * 4, rows)
    said = (
        "Points are used as they were handed in: ask before estimates are. A check that fails tells that two means "
        "differ, and not whose is off: begin with those whose means are far from all others'."
    )
    yield Section("What looks odd, and whose estimates rest on it", (said, table))


def _rests_on(pairs: list[tuple[Any, ...]], party: str, name: str) -> str:
    """Who gets anything of the others' points of a value, of which some may be hers."""
    names = [one["name"] for one in pairs[0][1]["checks"]]
    k = names.index(name)
    whose = []
    for owed, receipt in pairs:
        given = owed["distributions"][k]
        gets = given["clean_count"] + given["noisy_count"] > receipt["checks"][k]["count"]
        if receipt["party"] == party or gets:
            whose.append(receipt["party"])
    return "everybody" if len(whose) == len(pairs) else some(whose, _MOST)


def _totals(public: Mapping[str, Any]) -> Section:
    rows = tuple(((one["name"], f"{one['points']:,}", str(one["parties"])), "") for one in public["totals"])
    return Section("All points", (Table(("distribution", "points", "from parties"), (False, True, True), rows),))


def _files(returned: Mapping[str, bytes]) -> Section:
    rows = tuple(((path, hashlib.sha256(content).hexdigest()), "") for path, content in sorted(returned.items()))
    return Section("Files, and their SHA-256", (Table(("file", "SHA-256"), (False, False), rows),))


def party_of(agreement: Mapping[str, Any], estimate: Any, receipt: Any) -> Party:
    """Return what one party handed in, got back and was told.

    Args:
        agreement: what was signed.
        estimate: her ``estimate.json``.
        receipt: her ``receipt.json``.
    """
    unit = str((agreement.get("problem") or {}).get("currency") or "")
    promised, cost = _number(estimate["penalty_promised"]), _number(receipt["cost"])
    # the values of one draw are one point
    points = [check for check, (_, _, first) in zip(receipt["checks"], _values(agreement), strict=True) if first]
    asked, count = (sum(check[key] for check in points) for key in ("asked", "count"))
    more = sum(max(check["count"] - check["asked"], 0) for check in points)
    left = sum(check.get("left_out", 0) for check in points)
    besides = f", and {more + left:,} that nobody asked for" if more + left else ""
    besides += ", which were left out" if left else ""
    return Party(
        name=receipt["party"],
        summary=f"You handed in {count - more:,} of the {asked:,} points that were agreed{besides}. Your estimates are "
        f"in {_ESTIMATE}.",
        lines=tuple(_lines(agreement, estimate, receipt, unit)),
        money=None,
        bars=(),
        fair=(
            _cost(cost, (_paid(agreement, estimate, receipt["party"], cost), promised), unit, left),
            *receipt["remarks"],
            *_doubtful(receipt),
        ),
        honest=(
            f"SHA-256 of what you handed in: {receipt['submission'] or 'nothing was handed in'}.",
            f"Your receipt is in your folder, {_RECEIPT}; its SHA-256 is in {_PUBLIC}.",
            f"With that folder, {_PUBLIC} and your own file, recompute it: jaxmech verify RETURNS AGREEMENT --party "
            f'"{receipt["party"]}" --submissions DIR.',
        ),
        signs=False,
    )


_MOST = 12
"""So many of them are listed on a page; the receipt has all."""

_FAILED = "failed the check"
_BY_CHANCE = " Honest data fail, too: how often, the agreement says."
_WHY = {
    _FAILED: "these failed the check",
    "more than asked for, compared with the rest": "nobody asked for these, which were compared with the rest",
    "not asked for, not checked": "nobody asked for these, and nobody checked them",
}
"""What is said of points of others, by why the receipt has them."""


def _doubtful(receipt: Any) -> Iterator[str]:
    """Of the points of others that hers were taken from: whose nobody asked for, and whose failed a check."""
    for why, words in _WHY.items():
        told = [one for one in receipt["doubtful"] if one["why"] == why]
        if told:
            found = some([f"{one['points']:,} of {one['name']} by {one['party']}" for one in told], _MOST)
            yield (
                f"Among the others' points that you got, or that yours were drawn from, {words}: {found}. They are "
                f"used like all others.{_BY_CHANCE if why == _FAILED else ''}"
            )


def _paid(agreement: Mapping[str, Any], estimate: Any, party: str, cost: float) -> float:
    """Cost of her points, and what her remaining error is worth, by the standard errors that she was told."""
    price = agreement["problem"]["price"]
    if any(isinstance(entry, list) for entry in price):  # by party
        price = price[list(agreement["agents"]).index(party)]
    errors = [_number(owed["standard_error"]) for owed in estimate["distributions"]]
    return sum((_number(worth) * error**2 for worth, error in zip(price, errors, strict=True) if worth), cost)


def _cost(cost: float, pays: tuple[float, float], unit: str, left: int) -> str:
    beside = f"; the {left:,} that nobody asked for are not counted" if left else ""
    told = (
        f"Your points cost you {_money(cost, unit)} at the agreed costs{beside}."
        if np.isfinite(cost)
        else "You handed in points of what by the agreement you cannot measure, so that their cost is not known."
    )
    here, promised = (_money(one, unit) for one in pays)
    came = f" by the standard errors of this exchange you pay {here};" if np.isfinite(cost) else ""
    return f"{told} With what your remaining error is worth,{came} you were promised to pay {promised} on average."


def _lines(agreement: Mapping[str, Any], estimate: Any, receipt: Any, unit: str) -> Iterator[Line]:
    i = list(agreement["agents"]).index(receipt["party"])
    costs = [_number(cost) for cost in agreement["problem"]["costs"][i]]
    robust = agreement["problem"].get("calibrated") == "robust"
    promises = promised_errors(agreement, receipt["party"]), agreement["problem"]["sigma"]
    rows = zip(_values(agreement), estimate["distributions"], receipt["checks"], *promises, strict=True)
    for (k, _, first), owed, check, promised, sigma in rows:
        pair = np.array([_number(owed["standard_error"]), promised])
        places = decimals(pair, 3)
        yield Line(
            distribution=owed["name"],
            samples=f"{check['count']:,} (agreed: {check['asked']:,}{_left(check)})",
            bill=_money(costs[k] * check["count"], unit) if check["count"] and first else "–",
            gets=_gets(owed, {**check, "sigma": None} if robust else check, sigma),
            error=single(float(pair[0]), places),
            alone=single(float(pair[1]), places) if np.isfinite(pair[1]) else "–",
        )


def _left(check: Any) -> str:
    """How many points of hers were left out, if any."""
    return f"; {check['left_out']:,} left out" if check.get("left_out") else ""


def promised_errors(agreement: Mapping[str, Any], party: str) -> list[float]:
    """Return the standard error that a party was promised, by value; NaN where that is not known.

    Args:
        agreement: what was signed.
        party: her name.
    """
    i, accounts = list(agreement["agents"]).index(party), agreement.get("accounts") or {}
    values = _values(agreement)
    return [_number(accounts["standard_error"][i][k]) * scale if accounts else np.nan for k, scale, _ in values]


def _values(agreement: Mapping[str, Any]) -> list[tuple[int, float, bool]]:
    """Of every value that is measured: its draw's place, σ where the draw measures several, and whether it is first."""
    panels = {one["name"]: one["coordinates"] for one in agreement.get("panels") or ()}
    single = [{"sigma": 1.0}]
    return [
        (k, float(value["sigma"]), place == 0)
        for k, name in enumerate(agreement["distributions"])
        for place, value in enumerate(panels.get(name, single))
    ]


def _gets(owed: Any, check: Any, sigma: float) -> str:
    noisy = owed["noisy_count"] if _number(check["noise_variance"]) > 0 else 0
    parts = [f"{counted(owed['clean_count'] + owed['noisy_count'] - noisy, 'point')} as handed in"]
    if noisy:
        parts.append(f"{noisy:,} with noise")
    beside = counted(check["compared_count"], "point")
    compared = f"; compared with {beside} of the others" if check["compared_count"] else ""
    return f"{check['role']}: {' and '.join(parts)}{compared}{_outcome(check, sigma)}"


def _outcome(check: Any, sigma: float) -> str:
    """How far her mean was from theirs, and what follows; nothing where nothing was compared."""
    apart = _number(check["discrepancy"])
    if check["role"] != "checked" and check.get("withheld"):
        return f"; {follows_in_words(check).replace('her checks', 'your checks')}"
    if np.isnan(apart) or check["role"] != "checked":
        return ""
    if np.isinf(apart):
        return f"; you handed in nothing: {follows_in_words(check)}"
    chance = f"by chance farther in {chance_in_words(honest_chance(check, apart, sigma))}"
    limit = f"limit {short(_number(check['limit']))}: {passed_in_words(check)}; " if "limit" in check else ""
    follows = follows_in_words(check).replace("her checks", "your checks")
    return f"; your mean is {short(apart)} from theirs ({limit}{chance}): {follows}"


def _number(value: Any) -> float:
    """A number as documents hold it."""
    return np.nan if value is None else float(value)


def _money(value: Any, unit: str) -> str:
    amount = _number(value)
    return f"{short(amount, 4) if np.isfinite(amount) else INFINITY} {unit}".rstrip()
