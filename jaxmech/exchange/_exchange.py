"""An exchange as a whole: what was signed, what was handed in, and the documents that come out. No files here."""

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from jaxmech._json import json_text
from jaxmech.exchange._agreement import CHECKED, Agreement
from jaxmech.exchange._names import OPERATOR, PUBLIC, file_names
from jaxmech.exchange._respond import Others, Part, Pooled, Response, points_of, respond
from jaxmech.exchange._secret import commitment
from jaxmech.exchange._submissions import Remark
from jaxmech.exchange._tables import Handed

ESTIMATE, RECEIPT, POINTS = "estimate.json", "receipt.json", "points.csv"
_OWN = ("missing", "fewer", "more", "unasked")
"""Remarks that a party is told: they say nothing about others."""


@dataclasses.dataclass(frozen=True)
class Exchange:
    """An agreement carried out.

    Attributes:
        agreement: what was signed.
        handed: what each party handed in.
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


def carry_out(
    agreement: Agreement, handed: Sequence[Handed], remarks: Sequence[Remark], secret: str, seed: int | None = None
) -> Exchange:
    """Carry out an agreement on what was handed in.

    Args:
        agreement: what was signed.
        handed: by party.
        remarks: what is odd about it.
        secret: 64 hexadecimal digits.
        seed: from which the secret was made, if it was.
    """
    responses = respond(agreement, [one.columns for one in handed], secret)
    return Exchange(agreement, handed, remarks, secret, seed, responses)


def returned_files(exchange: Exchange, *, points: bool = False) -> dict[str, bytes]:
    """Return the content of every file of RETURNS by its path: a folder per party, and two files beside them.

    Args:
        exchange: from :func:`carry_out`.
        points: whether every party gets the points themselves.
    """
    agreement = exchange.agreement
    found: dict[str, bytes] = {}
    folders = file_names(agreement.parties)
    for i, folder in enumerate(folders):
        found[f"{folder}/{ESTIMATE}"] = _written(estimate_document(exchange, i))
        found[f"{folder}/{RECEIPT}"] = _written(receipt_document(exchange, i))
    if points:
        found |= _points(exchange, folders)
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in found.items()}
    receipts = [hashes[f"{folder}/{RECEIPT}"] for folder in folders]
    found[PUBLIC] = _written(public_document(exchange, receipts, points=points))
    hashes[PUBLIC] = hashlib.sha256(found[PUBLIC]).hexdigest()
    found[OPERATOR] = _written(operator_document(exchange, hashes))
    return found


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
    """Return what a party handed in, what was checked, and what it cost her.

    ``nonce`` is known to her alone, so that others cannot guess her data from the receipt's hash in public.
    """
    agreement, handed = exchange.agreement, exchange.handed[i]
    return {
        "kind": "receipt",
        "party": agreement.parties[i],
        "agreement": agreement.fingerprint,
        "submission": handed.sha256,
        "file": handed.file,
        "counts": [len(column) for column in handed.columns],
        "checks": [{"name": name, **_checked(exchange, i, k)} for k, name in enumerate(agreement.distributions)],
        "cost": _cost(exchange, i),
        "nonce": _nonce(exchange, i),
        "remarks": [one.text for one in exchange.remarks if one.party == agreement.parties[i] and one.kind in _OWN],
    }


def public_document(exchange: Exchange, receipts: Sequence[str], *, points: bool) -> dict[str, Any]:
    """Return what everybody may see: fingerprints, commitments, totals, and no data."""
    agreement = exchange.agreement
    counts = np.array([[len(column) for column in one.columns] for one in exchange.handed])
    return {
        "kind": "public",
        "agreement": agreement.fingerprint,
        "mechanism": agreement.mechanism,
        "commitment": commitment(exchange.secret),
        "seeded": exchange.seed is not None,
        "warning": None if exchange.seed is None else WARNING,
        "points": points,
        "version": version("jaxmech"),
        "parties": [
            {"name": name, "receipt": receipt} for name, receipt in zip(agreement.parties, receipts, strict=True)
        ],
        "totals": [
            {"name": name, "points": int(counts[:, k].sum()), "parties": int((counts[:, k] > 0).sum())}
            for k, name in enumerate(agreement.distributions)
        ],
    }


WARNING = "The noise was made from a fixed seed: parties who know it can predict the noise, remove it, and cheat."
"""What is said wherever a seed takes the place of entropy."""


def operator_document(exchange: Exchange, hashes: Mapping[str, str]) -> dict[str, Any]:
    """Return everything, for the arbiter alone: whoever knows the secret can take the noise off."""
    agreement = exchange.agreement
    folders = file_names(agreement.parties)
    return {
        "kind": "operator",
        "agreement": agreement.fingerprint,
        "secret": exchange.secret,
        "commitment": commitment(exchange.secret),
        "seed": exchange.seed,
        "version": version("jaxmech"),
        "parties": [
            {
                "name": name,
                "folder": folders[i],
                "file": exchange.handed[i].file,
                "submission": exchange.handed[i].sha256,
                "nonce": _nonce(exchange, i),
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
        ],
        "remarks": [dataclasses.asdict(one) for one in exchange.remarks],
        "files": dict(hashes),
    }


def _owed(exchange: Exchange, i: int, k: int) -> dict[str, Any]:
    response = exchange.responses[i][k]
    estimate, error = response.estimate(float(exchange.agreement.sigma[k]) ** 2)
    return {
        "estimate": estimate,
        "standard_error": error,
        "clean_count": response.clean_count,
        "clean_mean": response.clean_mean,
        "noisy_count": response.noisy_count,
        "noisy_mean": response.noisy_mean,
        "noisy_variance": response.noisy_variance,
    }


def _checked(exchange: Exchange, i: int, k: int) -> dict[str, Any]:
    """What she handed in and how it was compared; all of it follows from what she handed in and gets back."""
    response, agreement = exchange.responses[i][k], exchange.agreement
    watched = agreement.role[i, k] == CHECKED and response.clean is not None
    return {
        "role": agreement.role[i, k],
        "asked": int(agreement.samples[i, k]),
        "count": response.own_count,
        "mean": response.own_mean,
        "compared_count": response.clean.count if response.clean and watched else 0,
        "compared_mean": response.clean.mean if response.clean and watched else math.nan,
        "discrepancy": response.discrepancy,
        "noise_variance": response.added,
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
    """What her points cost her at the agreed costs; ∞ if she handed in what she is said to be unable to measure."""
    costs, columns = exchange.agreement.costs[i], exchange.handed[i].columns
    return sum((float(cost) * len(column) for cost, column in zip(costs, columns, strict=True) if len(column)), 0.0)


def _nonce(exchange: Exchange, i: int) -> str:
    """SHA-256 of ``jaxmech receipt``, the secret, the agreement and her name, one per line."""
    parts = ("jaxmech receipt", exchange.secret, exchange.agreement.fingerprint, exchange.agreement.parties[i])
    return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()


def _points(exchange: Exchange, folders: Sequence[str]) -> dict[str, bytes]:
    agreement = exchange.agreement
    lines: list[list[str]] = [["distribution,value,variance\n"] for _ in folders]
    for k, name in enumerate(agreement.distributions):
        everything = Pooled([one.columns[k] for one in exchange.handed])
        quoted = '"' + name.replace('"', '""') + '"' if set(name) & set('",\r\n') else name
        for i in range(len(folders)):
            own, response = exchange.handed[i].columns[k], exchange.responses[i][k]
            table = points_of(agreement, Others(everything, i), own, exchange.secret, (i, k), response)
            lines[i] += [f"{quoted},{value!r},{variance!r}\n" for value, variance in table.tolist()]
    return {f"{folder}/{POINTS}": "".join(text).encode("utf-8") for folder, text in zip(folders, lines, strict=True)}


def _written(document: Mapping[str, Any]) -> bytes:
    return json_text(document).encode("utf-8")
