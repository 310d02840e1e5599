"""A market's answer as a JSON document and as rows of a CSV file."""

import dataclasses
from typing import Any

import numpy as np

from jaxmech.report._records import record_document, status_document
from jaxmech.report.market._answer import Answer
from jaxmech.report.market._reasons import suggestions

_FRONTIER = 40  # entries of a long frontier that are told


def document(answer: Answer) -> dict[str, Any]:
    """Return the JSON document of an answer, with numpy arrays for the writer to convert.

    Args:
        answer: one solved problem.

    Returns:
        ``kind``, ``status``, ``settings``, ``certificates``, ``facts`` and what belongs to a market.
    """
    return {
        "kind": "market",
        "status": status_document(answer.status, answer.residual),
        "settings": dict(answer.settings),
        "source": answer.source,
        "title": answer.title or None,
        "sigma": answer.sigma if len(answer.means) > 1 else float(answer.sigma[0]),
        **({"means": list(answer.means)} if len(answer.means) > 1 else {}),
        "unit": answer.unit or None,
        "contributors": [_contributor(answer, i) for i in range(len(answer.contributors))],
        "buyers": [_buyer(answer, j) for j in range(len(answer.buyers))],
        "total": answer.total,
        "revenue": answer.revenue,
        "profit": answer.profit,
        "optimum": answer.optimum,
        "optimum_bound": answer.optimum_bound,
        "profit_bound": answer.profit_bound,
        "method": answer.method,
        "guarantee": answer.guarantee,
        "frontier": _frontier(answer),
        "sensitivity": [{**dataclasses.asdict(entry), "per_percent": entry.per_percent} for entry in answer.changes],
        "certificates": [record_document(record) for record in answer.claims],
        "facts": [record_document(record) for record in answer.facts],
        "advice": suggestions(answer),
    }


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Return one row per type of buyer and per contributor: points, money expected and its standard deviation."""
    buyers = [
        {
            "side": "buyer",
            "name": answer.buyers[j],
            "count": int(answer.counts[j]),
            "points": int(answer.sizes[j]),
            "pays": answer.prices[j],
            "is paid": None,
            "deviation": answer.spread.price_deviation[j],
            "worth or cost": answer.values[j],
            "gains": answer.utility[j],
        }
        for j in range(len(answer.buyers))
    ]
    contributors = [
        {
            "side": "contributor",
            "name": answer.contributors[i],
            "count": 1,
            "points": int(answer.samples[i]),
            "pays": None,
            "is paid": answer.spread.payment[i],
            "deviation": answer.spread.payment_deviation[i],
            "worth or cost": answer.costs[i] * answer.samples[i],
            "gains": answer.gain[i],
        }
        for i in range(len(answer.contributors))
    ]
    return buyers + contributors


def _contributor(answer: Answer, i: int) -> dict[str, Any]:
    return {
        "name": answer.contributors[i],
        "cost": answer.costs[i],
        "samples": int(answer.samples[i]),
        "payment": answer.spread.payment[i],
        "payment_deviation": answer.spread.payment_deviation[i],
        "payment_below_cost": answer.spread.payment_below_cost[i],
        "utility": answer.gain[i],
    }


def _buyer(answer: Answer, j: int) -> dict[str, Any]:
    held_by = int(answer.predecessor[j])
    return {
        "name": answer.buyers[j],
        "count": int(answer.counts[j]),
        "size": int(answer.sizes[j]),
        "price": answer.prices[j],
        "value": answer.values[j],
        "utility": answer.utility[j],
        "price_deviation": answer.spread.price_deviation[j],
        "negative_price": answer.spread.negative_price[j],
        "price_above_value": answer.spread.price_above_value[j],
        "held_by": answer.buyers[held_by] if held_by >= 0 else None,
        "diminishing_returns": None if answer.diminishing is None else bool(answer.diminishing[j]),
    }


def _frontier(answer: Answer) -> dict[str, Any] | None:
    found = answer.frontier
    if found is None:
        return None
    places = np.unique(np.geomspace(1, len(found.second), _FRONTIER).round().astype(int)) - 1
    return {name: part[places] for name, part in vars(found).items()}
