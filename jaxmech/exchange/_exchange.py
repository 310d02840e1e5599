"""Sharing data as a whole: what was signed, what was handed in, and the documents that come out. No files here."""

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxmech.exchange._agreement import ALONE, CHECKED, Agreement
from jaxmech.exchange._calibration import ASSUMED, MOST, NONE, Level
from jaxmech.exchange._envelope import POINTS, RECEIPT, nonce, operator, points_file, public, receipt, whole, written
from jaxmech.exchange._names import file_names
from jaxmech.exchange._respond import Others, Part, Pooled, Response, points_of, respond
from jaxmech.exchange._submissions import Remark, used
from jaxmech.exchange._tables import Handed

ESTIMATE = "estimate.json"


@dataclasses.dataclass(frozen=True)
class Exchange:
    """An agreement carried out.

    Attributes:
        agreement: what was signed.
        handed: what each party handed in, without the points that the agreement leaves out.
        remarks: what is odd about it.
        secret: of which all draws were made.
        seed: from which the secret was made, or None.
        responses: by party and distribution.
    """

    agreement: Agreement
    handed: Sequence[Handed]
    remarks: Sequence[Remark]
    secret: str
    seed: int | None
    responses: Sequence[Sequence[Response]]


def share(
    agreement: Agreement, handed: Sequence[Handed], remarks: Sequence[Remark], secret: str, seed: int | None
) -> Exchange:
    """Carry out an agreement to share data on what was handed in.

    Args:
        agreement: what was signed.
        handed: by party.
        remarks: what is odd about it.
        secret: 64 hexadecimal digits.
        seed: from which the secret was made, if it was.
    """
    handed = used(agreement, handed)
    responses = respond(agreement, [one.columns for one in handed], secret)
    return Exchange(agreement, handed, remarks, secret, seed, responses)


def exchange_files(exchange: Exchange, *, points: bool = False) -> dict[str, bytes]:
    """Return the content of every file of RETURNS by its path: a folder per party, and two files beside them.

    Args:
        exchange: from :func:`share`.
        points: whether every party gets the points themselves.
    """
    agreement = exchange.agreement
    found: dict[str, bytes] = {}
    folders = file_names(agreement.parties)
    for i, folder in enumerate(folders):
        found[f"{folder}/{ESTIMATE}"] = written(estimate_document(exchange, i))
        found[f"{folder}/{RECEIPT}"] = written(receipt_document(exchange, i))
    if points:
        found |= _points(exchange, folders)

    def shared(hashes: Mapping[str, str]) -> dict[str, Any]:
        receipts = [hashes[f"{folder}/{RECEIPT}"] for folder in folders]
        return public_document(exchange, receipts, points=points)

    return whole(found, shared, lambda hashes: operator_document(exchange, hashes))


def estimate_document(exchange: Exchange, i: int) -> dict[str, Any]:
    """Return what a party is owed: estimates, and the counts, means and variances that they rest on."""
    agreement = exchange.agreement
    return {
        "kind": "estimate",
        "party": agreement.parties[i],
        "agreement": agreement.fingerprint,
        "distributions": [{"name": name, **_owed(exchange, i, k)} for k, name in enumerate(agreement.distributions)],
        "penalty_promised": float(agreement.penalty[i]),
        "cost": _cost(exchange, i),
        "payment": 0.0,
    }


def receipt_document(exchange: Exchange, i: int) -> dict[str, Any]:
    """Return what a party handed in, what was checked, and what it cost her."""
    names = enumerate(exchange.agreement.distributions)
    checks = [{"name": name, **_checked(exchange, i, k)} for k, name in names]
    told = hashlib.sha256(written(estimate_document(exchange, i))).hexdigest()
    return {**receipt(exchange, i, checks, _cost(exchange, i)), "estimate": told, "doubtful": _doubtful(exchange, i)}


def _doubtful(exchange: Exchange, i: int) -> list[dict[str, Any]]:
    """Of the points of others that a party's were taken from: whose failed a check, and whose nobody had asked for.

    Her data are not changed by it: who fails a check, or hands in more, gets less herself, and the others all the same.
    """
    agreement = exchange.agreement
    found = []
    for k, name in enumerate(agreement.distributions):
        if not _gets(exchange, i, k):
            continue
        for j, party in enumerate(agreement.parties):
            response = exchange.responses[j][k]
            failed = _judged(exchange, j, k).get("passed") is False
            points = response.own_count if failed else max(response.own_count - int(agreement.samples[j, k]), 0)
            if points and j != i:
                why = FAILED if failed else UNASKED if math.isnan(response.discrepancy) else COMPARED
                found.append({"party": party, "name": name, "points": points, "why": why})
    return found


FAILED, COMPARED = "failed the check", "more than asked for, compared with the rest"
UNASKED = "not asked for, not checked"
"""Why points are doubtful."""


def _gets(exchange: Exchange, i: int, k: int) -> bool:
    """Whether a party gets any of the others' points."""
    agreement = exchange.agreement
    if agreement.mechanism == "counted-pool":
        return exchange.responses[i][k].own_count >= int(agreement.samples[i, k])
    return bool(agreement.role[i, k] != ALONE)


def public_document(exchange: Exchange, receipts: Sequence[str], *, points: bool) -> dict[str, Any]:
    """Return what everybody may see: fingerprints, commitments, totals, and no data."""
    agreement = exchange.agreement
    parties = dict(zip(agreement.parties, receipts, strict=True))
    document = public(exchange, agreement.mechanism, parties, agreement.distributions, points=points)
    if agreement.calibrated:
        for k, total in enumerate(document["totals"]):
            total["noise"] = _levels([row[k].level for row in exchange.responses])
    return document


def _levels(given: Sequence[Level | None]) -> dict[str, Any]:
    """What everybody may see of calibrated noise: between which values σ̂ lies, and for how many noise was cut off."""
    levels = [level for level in given if level is not None]
    told = [level.sigma for level in levels if not math.isnan(level.sigma)]
    return {
        "sigma": [min(told), max(told)] if told else None,
        "checked": len(levels),
        **{kind: sum(level.level == kind for level in levels) for kind in (NONE, MOST, ASSUMED)},
    }


def operator_document(exchange: Exchange, hashes: Mapping[str, str]) -> dict[str, Any]:
    """Return everything, for the arbiter alone: whoever knows the secret can take the noise off."""
    agreement = exchange.agreement
    folders = file_names(agreement.parties)
    parties = [
        {
            "name": name,
            "folder": folders[i],
            "file": exchange.handed[i].file,
            "submission": exchange.handed[i].sha256,
            "nonce": nonce(exchange, name),
            "penalty_promised": float(agreement.penalty[i]),
            "cost": _cost(exchange, i),
            "payment": 0.0,
            "distributions": [
                {
                    "name": distribution,
                    **_owed(exchange, i, k),
                    **_checked(exchange, i, k),
                    **_drawn(exchange, i, k),
                }
                for k, distribution in enumerate(agreement.distributions)
            ],
        }
        for i, name in enumerate(agreement.parties)
    ]
    return operator(exchange, parties, hashes)


def _owed(exchange: Exchange, i: int, k: int) -> dict[str, Any]:
    response = exchange.responses[i][k]
    estimate, error = response.estimate(response.variance(float(exchange.agreement.sigma[k])))
    return {
        "estimate": estimate,
        "standard_error": error,
        "clean_count": response.clean_count,
        "clean_mean": response.clean_mean,
        "noisy_count": response.noisy_count,
        "noisy_mean": response.noisy_mean,
        "noisy_variance": response.noisy_variance,
        **_level(exchange, response),
    }


def _level(exchange: Exchange, response: Response) -> dict[str, Any]:
    """Of calibrated rules: σ̂, its degrees of freedom, the coefficient or the limit, and where it comes from."""
    if not exchange.agreement.calibrated:
        return {}
    level = response.level or Level(math.nan, 0, math.nan, None)
    rule = {"alpha": level.alpha} if exchange.agreement.kappa is not None else {"limit": level.limit}
    return {"sigma": level.sigma, "freedom": level.freedom, **rule, "level": level.level}


def _checked(exchange: Exchange, i: int, k: int) -> dict[str, Any]:
    """What she handed in and how it was compared; all of it follows from what she handed in and gets back."""
    response, agreement = exchange.responses[i][k], exchange.agreement
    watched = agreement.role[i, k] == CHECKED and response.clean is not None
    left = {"left_out": exchange.handed[i].counts[k] - response.own_count} if agreement.drops else {}
    return {
        "role": agreement.role[i, k],
        "asked": int(agreement.samples[i, k]),
        "count": response.own_count,
        "mean": response.own_mean,
        "compared_count": response.clean.count if response.clean and watched else 0,
        "compared_mean": response.clean.mean if response.clean and watched else math.nan,
        "discrepancy": response.discrepancy,
        "noise_variance": response.added,
        **left,
        **_judged(exchange, i, k),
        **_level(exchange, response),
    }


def _judged(exchange: Exchange, i: int, k: int) -> dict[str, Any]:
    """Of a design: the limit of her discrepancy, whether it is kept, and what becomes of the rest.

    None of it tells more of others' data than what she gets: the limit was signed, or follows the spread that she is
    told, and z̄ is in her clean mean. In an ellipsoid all discrepancies together pass or not.
    """
    response, agreement = exchange.responses[i][k], exchange.agreement
    limit = float(agreement.limit[i, k]) if response.level is None else response.level.limit
    if agreement.noise is None:
        return {}
    apart, withheld = response.discrepancy, math.isinf(response.added)
    passed = response.added == 0 if agreement.noise.ellipsoid else apart <= limit
    return {
        "limit": limit if math.isfinite(limit) else math.nan,
        "passed": None if math.isnan(apart) else bool(passed),
        "follows": "withheld" if withheld else "noise" if response.added > 0 else "nothing",
        "withheld": response.rest.count if withheld and response.rest else 0,
    }


def _drawn(exchange: Exchange, i: int, k: int) -> dict[str, Any]:
    response = exchange.responses[i][k]
    return {
        "available": response.available,
        "clean": _part(response.clean),
        "rest": _part(response.rest),
        "normal": response.normal,
    }


def _part(part: Part | None) -> dict[str, Any] | None:
    if part is None:
        return None
    return {"count": part.count, "mean": part.mean, "inverted": part.subset.inverted, "listed": part.subset.digest}


def _cost(exchange: Exchange, i: int) -> float:
    """What those of her points that are used cost her at the agreed costs; ∞ if she is said to be unable to measure."""
    costs, columns = exchange.agreement.costs[i], exchange.handed[i].columns
    return sum((float(cost) * len(column) for cost, column in zip(costs, columns, strict=True) if len(column)), 0.0)


def _points(exchange: Exchange, folders: Sequence[str]) -> dict[str, bytes]:
    agreement = exchange.agreement
    tables: list[list[tuple[str, np.ndarray]]] = [[] for _ in folders]
    for k, name in enumerate(agreement.distributions):
        everything = Pooled([one.columns[k] for one in exchange.handed])
        for i in range(len(folders)):
            own, response = exchange.handed[i].columns[k], exchange.responses[i][k]
            table = points_of(agreement, Others(everything, i), own, exchange.secret, (i, k), response)
            tables[i].append((name, table))
    return {f"{folder}/{POINTS}": points_file(rows) for folder, rows in zip(folders, tables, strict=True)}
