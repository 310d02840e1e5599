"""An answer as a JSON document and as rows of a CSV file."""

import dataclasses
from typing import Any

import numpy as np

from jaxmech._status import Status
from jaxmech.collaboration import REMEDIES, Role
from jaxmech.report._records import record_document, status_document
from jaxmech.report.collaboration._accounts import accounts_document, what_if_document
from jaxmech.report.collaboration._advice import among_equals, suggestions
from jaxmech.report.collaboration._answer import Answer, Arrangement, Whole
from jaxmech.report.collaboration._panels import panels_document


def document(answer: Answer) -> dict[str, Any]:
    """Return the JSON document of an answer, with numpy arrays for the writer to convert.

    Args:
        answer: one solved problem.

    Returns:
        ``kind``, ``status``, ``settings``, ``certificates``, ``facts`` and what belongs to a collaboration.
        ``samples``, ``alpha`` and ``role`` are agents × distributions.
    """
    return {
        **arrangement_document(answer),
        "division": answer.division,
        "target": {
            "samples": answer.target,
            "penalty": answer.target_penalty,
            "social_penalty": answer.target_social_penalty,
        },
        "plan": {
            "samples": answer.samples,
            "alpha": answer.alpha,
            "role": role_names(answer.role, answer.status),
            "leverage": answer.leverage,
            "total": answer.total,
            "penalty": answer.penalty,
            "social_penalty": answer.social_penalty,
            "estimate": answer.estimate,
            "calibrated": answer.calibrated,
        },
        "integer_plan": _whole(answer.whole, alike=answer.sigma.ndim == 1) if answer.whole else None,
        "efficiency": dataclasses.asdict(answer.efficiency) if answer.efficiency else None,
        "what_if": what_if_document(answer.accounts),
        "advice": _advice(answer),
        **({} if answer.values is None else {"panels": panels_document(answer)}),
    }


def arrangement_document(answer: Arrangement) -> dict[str, Any]:
    """Return what the documents of all answers about sharing without money have in common."""
    return {
        "kind": "collaboration",
        "status": status_document(answer.status, answer.residual, REMEDIES),
        "settings": dict(answer.settings),
        "source": answer.source,
        "title": answer.title or None,
        "agents": list(answer.agents),
        "distributions": list(answer.distributions),
        "costs": answer.costs,
        "sigma": answer.sigma,
        "sigma_estimates": [dataclasses.asdict(entry) for entry in answer.estimates] or None,
        "price": answer.price,
        "mechanism": answer.mechanism,
        "alone": {"samples": answer.alone_samples, "penalty": answer.alone_penalty},
        "accounts": accounts_document(answer.accounts),
        "certificates": [record_document(record) for record in answer.claims],
        "facts": [record_document(record) for record in answer.facts],
    }


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Return one row per agent: name, samples, role and α per distribution, and what she pays and gains."""
    roles = role_names(answer.role, answer.status)
    table = []
    for i, agent in enumerate(answer.agents):
        row: dict[str, Any] = {"agent": agent}
        for k, name in enumerate(answer.distributions):
            row[f"{name}: samples"] = answer.samples[i, k]
            row[f"{name}: role"] = roles[i][k]
            row[f"{name}: alpha"] = answer.alpha[i, k]
        row["alone penalty"] = answer.alone_penalty[i]
        row["plan penalty"] = answer.penalty[i]
        row["gain"] = answer.gain[i]
        table.append(row)
    return table


def role_names(codes: np.ndarray, status: Status = Status.OK) -> list[list[str | None]]:
    """Return role codes in words: "alone", "receives" or "checked"; None where a failed solve left no plan."""
    return [[None if status.is_failure else Role(int(code)).name.lower() for code in row] for row in codes]


def _advice(answer: Answer) -> dict[str, Any] | None:
    found = answer.advice
    if found is None:
        return None
    numbers = {"division": found.division, "pooled": found.pooled, "honest": dict(found.honest), "best": found.best}
    derived = {"price_of_honesty": found.price_of_honesty, "saving": found.saving, "equals": dict(found.equals)}
    return {**numbers, **derived, "sentences": [*among_equals(answer), *suggestions(answer)]}


def _whole(whole: Whole, *, alike: bool) -> dict[str, Any]:
    """The plan in whole samples, with all that it takes to carry it out: it is what the parties sign.

    Where agents differ in precision, what they are compared with is no whole number of points, and it is left out.
    """
    if not alike:
        told = {"samples": whole.samples.astype(int), "role": role_names(whole.role)}
        return {**_fields(whole), **told, "comparison": None, "rest": None}
    samples, total = whole.samples.astype(int), whole.total.astype(int)
    checked = whole.role == int(Role.CHECKED)
    return {
        **_fields(whole),
        "samples": samples,
        "total": total,
        "role": role_names(whole.role),
        "comparison": np.where(checked, samples, 0),
        "rest": np.where(checked, total - 2 * samples, 0),
    }


def _fields(whole: Whole) -> dict[str, Any]:
    return {**dataclasses.asdict(whole), "certificates": [record_document(record) for record in whole.certificates]}
