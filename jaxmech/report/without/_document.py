"""What somebody's leaving does, as part of the plan's document and as rows of a CSV file."""

from typing import Any

from jaxmech.collaboration import REMEDIES
from jaxmech.report._records import record_document, status_document
from jaxmech.report.collaboration import role_names
from jaxmech.report.without._answer import Answer


def document(answer: Answer) -> dict[str, Any]:
    """Return what the plan's document says under ``without``, with numpy arrays for the writer to convert.

    Args:
        answer: both answers.

    Returns:
        ``left_out``, each with her ``penalty`` together and ``alone``; the ``agents`` who remain, their ``penalty``
        with everybody, their ``plan`` without (``samples``, ``role``, ``penalty``, ``social_penalty``), the ``change``
        of the penalties, and ``status`` and ``certificates`` of the plan without.
    """
    everybody, remaining = answer.everybody, answer.remaining
    return {
        "left_out": [
            {"name": name, "penalty": everybody.penalty[i], "alone": everybody.alone_penalty[i]}
            for name, i in zip(answer.left_out, answer.gone.tolist(), strict=True)
        ],
        "agents": list(remaining.agents),
        "penalty": answer.before,
        "plan": {
            "samples": remaining.samples,
            "role": role_names(remaining.role, remaining.status),
            "penalty": remaining.penalty,
            "social_penalty": remaining.social_penalty,
        },
        "change": answer.change,
        "status": status_document(remaining.status, remaining.residual, REMEDIES),
        "certificates": [record_document(record) for record in remaining.claims],
    }


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Return one row per agent who remains: samples and penalty with everybody, and without.

    Args:
        answer: both answers.
    """
    everybody, remaining = answer.everybody, answer.remaining
    found = []
    for place, i in enumerate(answer.kept.tolist()):
        row: dict[str, Any] = {"agent": remaining.agents[place]}
        for k, name in enumerate(everybody.distributions):
            row[f"{name}: samples"] = everybody.samples[i, k]
            row[f"{name}: samples without"] = remaining.samples[place, k]
        row |= {
            "penalty": answer.before[place],
            "penalty without": remaining.penalty[place],
            "change": answer.change[place],
            "penalty alone": remaining.alone_penalty[place],
        }
        found.append(row)
    return found
