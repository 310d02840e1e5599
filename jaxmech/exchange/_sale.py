"""A market that was carried out: deliveries and invoices for buyers, payments for contributors. No files here."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxmech.exchange._envelope import POINTS, RECEIPT, nonce, operator, points_file, public, receipt, whole, written
from jaxmech.exchange._market import BROKER, Delivery, MarketAgreement, Settlement, deliver, settle, sold
from jaxmech.exchange._names import file_names
from jaxmech.exchange._submissions import Remark
from jaxmech.exchange._tables import Handed

PAYMENT, INVOICE, DELIVERED = "payment.json", "invoice.json", "delivery.json"


@dataclasses.dataclass(frozen=True)
class Sale:
    """A market's agreement carried out.

    Attributes:
        agreement: what was signed.
        handed: what each contributor handed in.
        remarks: what is odd about it.
        secret: of which all draws were made.
        seed: from which the secret was made, or None.
        settlement: who pays and gets what.
        deliveries: what every buyer gets.
    """

    agreement: MarketAgreement
    handed: Sequence[Handed]
    remarks: Sequence[Remark]
    secret: str
    seed: int | None
    settlement: Settlement
    deliveries: Sequence[Delivery]

    @property
    def money(self) -> dict[str, float]:
        """What buyers are charged, what contributors are paid, and what is left with the broker."""
        charged = float(self.agreement.counts @ self.settlement.prices)
        paid = float(self.settlement.payment.sum())
        return {"charged": charged, "paid": paid, "surplus": charged - paid}


def sell(
    agreement: MarketAgreement, handed: Sequence[Handed], remarks: Sequence[Remark], secret: str, seed: int | None
) -> Sale:
    """Carry out a market's agreement on what was handed in.

    Args:
        agreement: what was signed.
        handed: by contributor.
        remarks: what is odd about it.
        secret: 64 hexadecimal digits.
        seed: from which the secret was made, if it was.
    """
    counts = np.array([len(one.columns[0]) for one in handed])
    sums = np.array([[float(np.sum(column)) for column in one.columns] for one in handed])
    settlement = settle(agreement, counts, sums)
    points = sold(agreement, [np.stack(one.columns, axis=1) for one in handed], trade=settlement.trade)
    found = list(remarks)
    if not settlement.trade and (agreement.samples > 0).any():
        found.append(Remark(None, "void", "there is no trade: somebody who was asked for points handed in none"))
    return Sale(agreement, handed, found, secret, seed, settlement, deliver(agreement, points, secret))


def sale_files(sale: Sale, *, points: bool = False) -> dict[str, bytes]:
    """Return the content of every file of RETURNS by its path.

    Args:
        sale: from :func:`sell`.
        points: whether every buyer gets the points themselves.
    """
    agreement, buyers = sale.agreement, sale.agreement.buyers
    names = [*agreement.parties, *(name for name, _ in buyers)]
    folders = dict(zip(names, file_names(names), strict=True))
    found: dict[str, bytes] = {}
    for i, name in enumerate(agreement.parties):
        found[f"{folders[name]}/{PAYMENT}"] = written(_payment(sale, i))
        found[f"{folders[name]}/{RECEIPT}"] = written(receipt(sale, i, _checked(sale, i), _cost(sale, i)))
    for place, (name, j) in enumerate(buyers):
        found[f"{folders[name]}/{INVOICE}"] = written(_invoice(sale, name, j))
        found[f"{folders[name]}/{DELIVERED}"] = written(_delivery(sale, place))
        if points:
            columns = zip(
                agreement.distributions, sale.deliveries[place].values.T, agreement.sigma.tolist(), strict=True
            )
            rows = [(mean, np.stack([own, np.full(len(own), sigma**2)], axis=1)) for mean, own, sigma in columns]
            found[f"{folders[name]}/{POINTS}"] = points_file(rows)

    def shared(hashes: Mapping[str, str]) -> dict[str, Any]:
        told = {name: hashes[f"{folders[name]}/{RECEIPT}"] for name in agreement.parties}
        told |= {name: hashes[f"{folders[name]}/{INVOICE}"] for name, _ in buyers}
        return public(sale, BROKER, told, agreement.distributions, points=points)

    return whole(found, shared, lambda hashes: {**operator(sale, _parties(sale, folders), hashes), "money": sale.money})


def _cost(sale: Sale, i: int) -> float:
    return float(sale.agreement.costs[i] * len(sale.handed[i].columns[0]))


def _checked(sale: Sale, i: int) -> list[dict[str, Any]]:
    """What is told of each mean."""
    return [
        {
            "name": name,
            "asked": int(sale.agreement.asked[i]),
            "count": len(column),
            "mean": float(np.sum(column)) / len(column) if len(column) else math.nan,
            "discrepancy": float(sale.settlement.discrepancy[i, k]),
        }
        for k, (name, column) in enumerate(zip(sale.agreement.distributions, sale.handed[i].columns, strict=True))
    ]


def _paid(sale: Sale, i: int) -> dict[str, Any]:
    settlement = sale.settlement
    return {
        "trade": settlement.trade,
        "complete": bool(settlement.complete[i]),
        "payment_promised": float(sale.agreement.payment[i]),
        "share": float(settlement.share[i]),
        "refund": float(settlement.refund[i]),
        "allowance": float(settlement.allowance[i]),
        "deduction": float(settlement.deduction[i]),
        "payment": float(settlement.payment[i]),
        "cost": _cost(sale, i),
    }


def _payment(sale: Sale, i: int) -> dict[str, Any]:
    agreement = sale.agreement
    head = {"kind": "payment", "party": agreement.parties[i], "agreement": agreement.fingerprint}
    return {**head, **_paid(sale, i), **_unit(sale)}


def _unit(sale: Sale) -> dict[str, str]:
    """Of the money, where the agreement names one."""
    return {"unit": sale.agreement.unit} if sale.agreement.unit else {}


def _charged(sale: Sale, j: int) -> dict[str, Any]:
    agreement, settlement = sale.agreement, sale.settlement
    buys = settlement.trade and agreement.sizes[j] > 0
    return {
        "type": agreement.types[j],
        "size": int(agreement.sizes[j]),
        "price": float(agreement.prices[j]),
        "delivered": settlement.delivered,
        "correction": settlement.correction if buys else 0.0,
        "due": float(settlement.prices[j]),
    }


def _invoice(sale: Sale, name: str, j: int) -> dict[str, Any]:
    head = {"kind": "invoice", "party": name, "agreement": sale.agreement.fingerprint}
    return {**head, **_charged(sale, j), **_unit(sale), "nonce": nonce(sale, name)}


def _got(sale: Sale, place: int) -> dict[str, Any]:
    delivery, agreement = sale.deliveries[place], sale.agreement
    count, means = delivery.count, delivery.mean.tolist()
    errors = [sigma / math.sqrt(count) if count else math.inf for sigma in agreement.sigma.tolist()]
    if not agreement.means:
        return {"count": count, "estimate": means[0], "standard_error": errors[0]}
    told = zip(agreement.means, means, errors, strict=True)
    return {
        "count": count,
        "estimates": [{"name": name, "estimate": mean, "standard_error": error} for name, mean, error in told],
    }


def _delivery(sale: Sale, place: int) -> dict[str, Any]:
    name, j = sale.agreement.buyers[place]
    head = {"kind": "delivery", "party": name, "agreement": sale.agreement.fingerprint}
    return {**head, "type": sale.agreement.types[j], **_got(sale, place)}


def _parties(sale: Sale, folders: Mapping[str, str]) -> list[dict[str, Any]]:
    """Contributors, then buyers, with all that is known of each."""
    contributors = [
        {
            "name": name,
            "folder": folders[name],
            "side": "contributor",
            "file": sale.handed[i].file,
            "submission": sale.handed[i].sha256,
            "nonce": nonce(sale, name),
            **_paid(sale, i),
            "distributions": _checked(sale, i),
        }
        for i, name in enumerate(sale.agreement.parties)
    ]
    buyers = [
        {
            "name": name,
            "folder": folders[name],
            "side": "buyer",
            "nonce": nonce(sale, name),
            **_charged(sale, j),
            **_got(sale, place),
            "inverted": sale.deliveries[place].subset.inverted,
            "listed": sale.deliveries[place].subset.digest,
        }
        for place, (name, j) in enumerate(sale.agreement.buyers)
    ]
    return [*contributors, *buyers]
