"""Answers as JSON documents and as rows of CSV files."""

from typing import Any

import numpy as np

from jaxmech.report._records import record_document, status_document
from jaxmech.report.multiparty._answer import Answer, BoundaryAnswer, ExistenceAnswer, Part, PlanAnswer

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
        table = {field.replace("types", "type"): getattr(answer, field) for field in fields}
        table |= {} if answer.weights is None else {"weight": answer.weights}
        return [
            {"agent": agent, **{field: values[i] for field, values in table.items()}}
            for i, agent in enumerate(answer.agents)
        ]
    if isinstance(answer, ExistenceAnswer):
        return [_profile_row(answer, index) for index in np.ndindex(answer.parts[0].revenue.shape)]
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
        **_weights(answer),
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


def _weights(answer: PlanAnswer | ExistenceAnswer) -> dict[str, Any]:
    return {} if answer.weights is None else {"weights": list(answer.weights)}


def _existence(answer: ExistenceAnswer) -> dict[str, Any]:
    known = not answer.status.is_failure
    whole = answer.parts[0]
    small = whole.revenue.size <= MAX_PROFILES
    return {
        "valuation": answer.valuation,
        "growth": answer.growth,
        "disparity": answer.disparity,
        **({} if answer.disparity is not None else _grid(answer)),
        "reading": answer.reading,
        "exists": answer.exists if known else None,
        "witness": _witness(answer) if known and not answer.exists else None,
        "margin": answer.margin,
        "deciding": _deciding(answer) if known else None,
        "payment": whole.payment if small else None,
        "revenue": whole.revenue if small else None,
        "coalitions": [_coalition(part) for part in answer.parts] if answer.reading == "absent" else None,
    }


def _grid(answer: ExistenceAnswer) -> dict[str, Any]:
    """How far up the levels a desirable mechanism exists."""
    reach = answer.reach
    return {
        "quality_function": answer.quality_name,
        **_weights(answer),
        "levels": answer.every_level,
        "largest_level": answer.every_level[:, reach] if reach >= 0 else None,
        "margin_by_level": answer.by_level,
        **(_searched(answer) if answer.boundary else {}),
    }


def _searched(answer: ExistenceAnswer) -> dict[str, Any]:
    """The boundary as that of growing markets: the largest disparity, or null where none was found."""
    ratios = answer.disparities
    found = 0 <= answer.reach < len(ratios) - 1
    return {"largest_disparity": ratios[answer.reach] if found else None, "searched_to": ratios[-1]}


def _witness(answer: ExistenceAnswer) -> list[Any]:
    """Sizes of all agents in the profile that fails; null for those who are away."""
    sizes = dict(zip(answer.members, _sizes(answer, answer.sizes), strict=True))
    return [sizes.get(name) for name in answer.agents]


def _sizes(answer: ExistenceAnswer, sizes: np.ndarray) -> list[Any]:
    """Whole numbers where they are counted in the least size."""
    return [int(size) for size in sizes] if answer.disparity is not None else sizes.tolist()


def _deciding(answer: ExistenceAnswer) -> dict[str, Any]:
    """The profile that decides, with every chain of constraints: each link can be checked against the valuations."""
    index = tuple(int(level) for level in answer.profile)
    chains = [
        {
            "agent": name,
            "types": _sizes(answer, answer.levels[i][chain.levels]),
            "utility": chain.utility,
            "payment": chain.payment,
        }
        for i, (name, chain) in enumerate(zip(answer.members, answer.chains, strict=True))
    ]
    told = {key: value for key, value in chains[answer.agent].items() if key != "agent"}
    return {
        "members": list(answer.members),
        "types": _sizes(answer, answer.sizes),
        "payment": answer.paid(index),
        "revenue": answer.revenue[index],
        "agent": answer.members[answer.agent],
        "chain": told,
        "chains": chains,
    }


def _coalition(part: Part) -> dict[str, Any]:
    small = part.revenue.size <= MAX_PROFILES
    return {
        "members": list(part.members),
        "exists": part.exists,
        "margin": part.margin,
        "payment": part.payment if small else None,
        "revenue": part.revenue if small else None,
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
        "witness": [answer.searched_to] + [0] * (answer.present - 1) + [None] * (len(answer.agents) - answer.present)
        if found
        else None,
        "chain": list(answer.chain) if found else None,
        "margin": answer.margin[0],
        "margin_beyond": answer.margin[1] if found else None,
        "argument": answer.argument,
        "reading": answer.reading,
        "present": answer.present,
    }


def _profile_row(answer: ExistenceAnswer, index: tuple[int, ...]) -> dict[str, Any]:
    levels = np.array([answer.every_level[i, level] for i, level in enumerate(index)])
    sizes = {f"{agent}: type": size for agent, size in zip(answer.agents, _sizes(answer, levels), strict=True)}
    whole = answer.parts[0]
    paid = [float(amounts[index]) for amounts in whole.payment]
    payments = {f"{agent}: payment": amount for agent, amount in zip(answer.agents, paid, strict=True)}
    return {**sizes, **payments, "revenue": float(whole.revenue[index])}
