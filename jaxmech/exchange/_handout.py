"""Models that were shared: what each competitor is handed, and her invoice. No files here."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxmech.exchange._envelope import POINTS, RECEIPT, nonce, operator, points_file, public, receipt, whole, written
from jaxmech.exchange._market import VALUE
from jaxmech.exchange._models import BEST, OWN, Allotment, ModelAgreement, allot
from jaxmech.exchange._names import file_names
from jaxmech.exchange._submissions import Remark
from jaxmech.exchange._tables import Handed

MODEL, INVOICE = "model.json", "invoice.json"


@dataclasses.dataclass(frozen=True)
class Handout:
    """An agreement of competitors carried out.

    Attributes:
        agreement: what was signed.
        handed: what each party handed in.
        remarks: what is odd about it.
        secret: nothing is drawn; receipts are made unguessable by it.
        seed: from which the secret was made, or None.
        allotment: who is handed which model, and pays what.
    """

    agreement: ModelAgreement
    handed: Sequence[Handed]
    remarks: Sequence[Remark]
    secret: str
    seed: int | None
    allotment: Allotment

    @property
    def money(self) -> dict[str, float]:
        """What is charged, what is paid out, and what is left with the platform."""
        due = self.allotment.payment
        charged, paid = float(due[due > 0].sum()), float(np.abs(due[due < 0]).sum())
        return {"charged": charged, "paid": paid, "surplus": charged - paid}

    def data(self, i: int) -> np.ndarray:
        """Return the points that a party's model is made of, in increasing order, so that nothing tells whose."""
        model = self.allotment.model[i]
        chosen = self.handed if model == BEST else self.handed[i : i + 1] if model == OWN else []
        return np.sort(np.concatenate([np.zeros(0), *(one.columns[0] for one in chosen)]))


def hand_out(
    agreement: ModelAgreement, handed: Sequence[Handed], remarks: Sequence[Remark], secret: str, seed: int | None
) -> Handout:
    """Carry out an agreement of competitors on what was handed in.

    Args:
        agreement: what was signed.
        handed: by party; who handed in no file stays away.
        remarks: what is odd about it.
        secret: 64 hexadecimal digits.
        seed: from which the secret was made, if it was.
    """
    counts = np.array([len(one.columns[0]) for one in handed])
    present = np.array([one.file is not None for one in handed])
    return Handout(agreement, handed, remarks, secret, seed, allot(agreement, counts, present))


def handout_files(handout: Handout, *, points: bool = False) -> dict[str, bytes]:
    """Return the content of every file of RETURNS by its path.

    Args:
        handout: from :func:`hand_out`.
        points: whether every party gets the points that her model is made of.
    """
    agreement = handout.agreement
    folders = dict(zip(agreement.parties, file_names(agreement.parties), strict=True))
    found: dict[str, bytes] = {}
    for i, (name, folder) in enumerate(folders.items()):
        head = {"party": name, "agreement": agreement.fingerprint}
        found[f"{folder}/{MODEL}"] = written({"kind": "model", **head, **_model(handout, i)})
        found[f"{folder}/{INVOICE}"] = written({"kind": "invoice", **head, **_invoice(handout, i)})
        found[f"{folder}/{RECEIPT}"] = written(receipt(handout, i, [_checked(handout, i)], 0.0))
        if points:
            data = handout.data(i)
            table = np.stack([data, np.full(len(data), np.nan_to_num(_variance(data)))], axis=1)
            found[f"{folder}/{POINTS}"] = points_file([(VALUE, table)])

    def shared(hashes: Mapping[str, str]) -> dict[str, Any]:
        told = {name: hashes[f"{folder}/{RECEIPT}"] for name, folder in folders.items()}
        return public(handout, agreement.mechanism, told, agreement.distributions, points=points)

    def everything(hashes: Mapping[str, str]) -> dict[str, Any]:
        parties = [_party(handout, i, folder) for i, folder in enumerate(folders.values())]
        return {**operator(handout, parties, hashes), "money": handout.money}

    return whole(found, shared, everything)


def _variance(data: np.ndarray) -> float:
    return float(np.var(data, ddof=1)) if len(data) > 1 else math.nan


def _model(handout: Handout, i: int) -> dict[str, Any]:
    """Which model, how good, and what there is to know of the points that it is made of."""
    data = handout.data(i)
    return {
        "model": handout.allotment.model[i],
        "quality": float(handout.allotment.quality[i]),
        "count": len(data),
        "mean": float(np.mean(data)) if len(data) else math.nan,
        "variance": _variance(data),
    }


def _invoice(handout: Handout, i: int) -> dict[str, Any]:
    allotment = handout.allotment
    return {
        "size": float(allotment.sizes[i]),
        "value": float(allotment.value[i]),
        "outside": float(allotment.outside[i]),
        "payment_promised": float(handout.agreement.payment[i]),
        "due": float(allotment.payment[i]),
    }


def _checked(handout: Handout, i: int) -> dict[str, Any]:
    column = handout.handed[i].columns[0]
    mean = float(np.mean(column)) if len(column) else math.nan
    return {"name": VALUE, "asked": int(handout.agreement.samples[i, 0]), "count": len(column), "mean": mean}


def _party(handout: Handout, i: int, folder: str) -> dict[str, Any]:
    name, handed = handout.agreement.parties[i], handout.handed[i]
    return {
        "name": name,
        "folder": folder,
        "side": "competitor",
        "file": handed.file,
        "submission": handed.sha256,
        "nonce": nonce(handout, name),
        "present": bool(handout.allotment.present[i]),
        **_invoice(handout, i),
        **_model(handout, i),
        "distributions": [_checked(handout, i)],
    }
