"""What all exchanges have in common: public and operator documents around parts, nonces, hashes, files."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxmech._json import json_text
from jaxmech.exchange._names import OPERATOR, PUBLIC
from jaxmech.exchange._secret import commitment
from jaxmech.exchange._submissions import Remark
from jaxmech.exchange._tables import Handed

RECEIPT, POINTS = "receipt.json", "points.csv"
WARNING = "The noise was made from a fixed seed: parties who know it can predict the noise, remove it, and cheat."
"""What is said wherever a seed takes the place of entropy."""

_OWN = ("missing", "fewer", "more", "unasked")
"""Remarks that a party is told: they say nothing about others."""


@runtime_checkable
class Signed(Protocol):
    """What every agreement has."""

    @property
    def fingerprint(self) -> str:
        """Of the document."""
        ...

    @property
    def parties(self) -> tuple[str, ...]:
        """Who hands in files."""
        ...


@runtime_checkable
class Done(Protocol):
    """What every exchange that was carried out has."""

    @property
    def agreement(self) -> Signed:
        """What was signed."""
        ...

    @property
    def handed(self) -> Sequence[Handed]:
        """What each party handed in."""
        ...

    @property
    def remarks(self) -> Sequence[Remark]:
        """What is odd about it."""
        ...

    @property
    def secret(self) -> str:
        """Of which all draws were made."""
        ...

    @property
    def seed(self) -> int | None:
        """From which the secret was made, or None."""
        ...


def nonce(done: Done, party: str) -> str:
    """SHA-256 of ``jaxmech receipt``, the secret, the agreement and her name, one per line."""
    parts = ("jaxmech receipt", done.secret, done.agreement.fingerprint, party)
    return hashlib.sha256("\n".join(parts).encode("utf-8")).hexdigest()


def own_remarks(done: Done, party: str) -> list[str]:
    """What is odd about a party's own numbers of points."""
    return [one.text for one in done.remarks if one.party == party and one.kind in _OWN]


def receipt(done: Done, i: int, checks: list[dict[str, Any]], cost: float) -> dict[str, Any]:
    """Return what a party handed in, what was checked, and what it cost her.

    ``nonce`` is known to her alone, so that others cannot guess her data from the receipt's hash in public.
    """
    party, handed = done.agreement.parties[i], done.handed[i]
    return {
        "kind": "receipt",
        "party": party,
        "agreement": done.agreement.fingerprint,
        "submission": handed.sha256,
        "file": handed.file,
        "counts": handed.counts,
        "checks": checks,
        "cost": cost,
        "nonce": nonce(done, party),
        "remarks": own_remarks(done, party),
    }


def public(
    done: Done, mechanism: str, parties: Mapping[str, str], names: Sequence[str], *, points: bool
) -> dict[str, Any]:
    """Return what everybody may see: fingerprints, commitments, totals, and no data.

    Args:
        done: an exchange.
        mechanism: its name.
        parties: the hash of each party's receipt, or invoice.
        names: of the distributions.
        points: whether points were written.
    """
    counts = [[len(one.columns[k]) for one in done.handed] for k in range(len(names))]
    return {
        "kind": "public",
        "agreement": done.agreement.fingerprint,
        "mechanism": mechanism,
        "commitment": commitment(done.secret),
        "seeded": done.seed is not None,
        "warning": None if done.seed is None else WARNING,
        "points": points,
        "version": version("jaxmech"),
        "parties": [{"name": name, "receipt": receipt} for name, receipt in parties.items()],
        "totals": [
            {"name": name, "points": sum(found), "parties": sum(count > 0 for count in found)}
            for name, found in zip(names, counts, strict=True)
        ],
    }


def operator(done: Done, parties: list[dict[str, Any]], hashes: Mapping[str, str]) -> dict[str, Any]:
    """Return everything, for the arbiter alone: whoever knows the secret can take the noise off."""
    return {
        "kind": "operator",
        "agreement": done.agreement.fingerprint,
        "secret": done.secret,
        "commitment": commitment(done.secret),
        "seed": done.seed,
        "version": version("jaxmech"),
        "parties": parties,
        "remarks": [dataclasses.asdict(one) for one in done.remarks],
        "files": dict(hashes),
    }


def written(document: Mapping[str, Any]) -> bytes:
    """A document as a file."""
    return json_text(document).encode("utf-8")


def points_file(rows: Sequence[tuple[str, np.ndarray]]) -> bytes:
    """Points by distribution, each with its variance, (points, 2), as a CSV file."""
    lines = ["distribution,value,variance\n"]
    for name, table in rows:
        quoted = '"' + name.replace('"', '""') + '"' if set(name) & set('",\r\n') else name
        lines += [f"{quoted},{value!r},{variance!r}\n" for value, variance in table.tolist()]
    return "".join(lines).encode("utf-8")


def whole(
    files: Mapping[str, bytes],
    public_of: Callable[[Mapping[str, str]], dict[str, Any]],
    operator_of: Callable[[Mapping[str, str]], dict[str, Any]],
) -> dict[str, bytes]:
    """Return the content of RETURNS by path: the parties' files, then what is made of their hashes.

    Args:
        files: of all parties.
        public_of: public.json from the hashes of the files.
        operator_of: operator.json from those and that of public.json.
    """
    hashes = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    shared = written(public_of(hashes))
    hashes[PUBLIC] = hashlib.sha256(shared).hexdigest()
    return {**files, PUBLIC: shared, OPERATOR: written(operator_of(hashes))}
