"""Answers as JSON documents and as rows of CSV files."""

from typing import Any

import numpy as np

from jaxmech.report._records import record_document, status_document
from jaxmech.report.multiparty._answer import Answer, BoundaryAnswer, ExistenceAnswer, PlanAnswer

MAX_PROFILES = 2000
"""Profiles up to which a document holds the whole table of payments."""


def document(answer: Answer) -> dict[str, Any]:
    """Return the JSON document of an answer, with numpy arrays for the writer to convert.

    Args:
        answer: a plan, a verdict or a boundary.
    """
    if isinstance(answer, PlanAnswer):
        return _common(answer) | _plan(answer)
    if isinstance(answer, ExistenceAnswer):
        return _common(answer) | _existence(answer)
    return _common(answer) | _boundary(answer)


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Return one row per agent (a plan), per profile of types (a verdict), or per size (a boundary).

    Args:
        answer: a plan, a verdict or a boundary.
    """
    if isinstance(answer, PlanAnswer):
        fields = ("types", "own", "allocation", "quality", "value", "payment", "utility", "outside", "alone")
        table = {field: getattr(answer, field) for field in fields}
        return [
            {"agent": agent, **{field.replace("types", "type"): values[i] for field, values in table.items()}}
            for i, agent in enumerate(answer.agents)
        ]
    if isinstance(answer, ExistenceAnswer):
        return [_profile_row(answer, index) for index in np.ndindex(answer.revenue.shape)]
    shares = answer.revenue[1 : answer.searched_to + 1].tolist()
    return [{"disparity": size, "revenue over market": share} for size, share in enumerate(shares, start=1)]


def _common(answer: Answer) -> dict[str, Any]:
    return {
        "kind": "multiparty",
        "status": status_document(answer.status, answer.residual),
        "settings": dict(answer.settings),
        "source": answer.source,
        "title": answer.title or None,
        "agents": list(answer.agents),
        "certificates": [record_document(record) for record in answer.claims],
        "facts": [record_document(record) for record in answer.facts],
    }


def _plan(answer: PlanAnswer) -> dict[str, Any]:
    return {
        "types": answer.types,
        "externality": answer.externality,
        "quality_function": answer.quality_name,
        "mechanism": answer.mechanism,
        "own_quality": answer.own,
        "allocation": answer.allocation,
        "quality": answer.quality,
        "value": answer.value,
        "payment": answer.payment,
        "utility": answer.utility,
        "outside": answer.outside,
        "alone": answer.alone,
        "welfare": answer.welfare,
        "revenue": answer.revenue,
        "best_quality": answer.best,
    }


def _existence(answer: ExistenceAnswer) -> dict[str, Any]:
    known = not answer.status.is_failure
    index = tuple(int(size) for size in answer.profile)
    small = answer.revenue.size <= MAX_PROFILES
    deciding = {
        "types": answer.profile.astype(int),
        "payment": answer.paid(index),
        "revenue": answer.revenue[index],
        "agent": answer.agents[answer.agent],
        "chain": {
            "types": answer.chain.levels,
            "utility": answer.chain.utility,
            "payment": answer.chain.payment,
        },
    }
    return {
        "valuation": "market-growth",
        "growth": answer.growth,
        "disparity": answer.disparity,
        "exists": answer.exists if known else None,
        "witness": answer.profile.astype(int) if known and not answer.exists else None,
        "margin": answer.margin,
        "deciding": deciding if known else None,
        "payment": answer.payment if small else None,
        "revenue": answer.revenue if small else None,
    }


def _boundary(answer: BoundaryAnswer) -> dict[str, Any]:
    exists: bool | None = None
    known = not answer.status.is_failure
    if not known:
        pass
    elif answer.disparity is not None and (answer.unbounded or answer.largest is not None):
        exists = answer.unbounded or answer.disparity <= (answer.largest or 0)
    elif answer.disparity is not None and answer.disparity <= answer.searched_to:
        exists = True
    found = known and answer.largest is not None
    return {
        "valuation": "market-growth",
        "growth": answer.growth,
        "disparity": answer.disparity,
        "exists": exists,
        "largest_disparity": answer.largest if known else None,
        "searched_to": answer.searched_to,
        "unbounded": answer.unbounded if known else None,
        "critical_growth": answer.critical,
        "witness": [answer.searched_to] + [0] * (len(answer.agents) - 1) if found else None,
        "chain": list(answer.chain) if found else None,
        "margin": answer.margin[0],
        "margin_beyond": answer.margin[1] if found else None,
        "argument": answer.argument,
    }


def _profile_row(answer: ExistenceAnswer, index: tuple[int, ...]) -> dict[str, Any]:
    sizes = {f"{agent}: type": size for agent, size in zip(answer.agents, index, strict=True)}
    paid = answer.paid(index).tolist()
    payments = {f"{agent}: payment": amount for agent, amount in zip(answer.agents, paid, strict=True)}
    return {**sizes, **payments, "revenue": float(answer.revenue[index])}
