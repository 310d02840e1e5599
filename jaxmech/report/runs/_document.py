"""Many runs as a JSON document and as rows of a CSV file."""

import dataclasses
from typing import Any

from jaxmech.mechanism import Chance
from jaxmech.report._records import record_document, status_document
from jaxmech.report.runs._answer import Answer


def document(answer: Answer) -> dict[str, Any]:
    """Return the JSON document of a simulation, with numbers of NumPy for the writer to convert.

    Args:
        answer: one mechanism that was run.
    """
    return {
        "kind": "simulation",
        "status": status_document(answer.status, answer.residual),
        "settings": dict(answer.settings),
        "source": answer.source,
        "title": answer.title or None,
        "problem": answer.kind,
        "mechanism": answer.mechanism,
        "unit": answer.unit or None,
        "agents": list(answer.agents),
        "plays": [dataclasses.asdict(play) for play in answer.plays],
        "certificates": [record_document(record) for record in answer.claims],
        "facts": [record_document(record) for record in answer.facts],
    }


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Return one row per average and per chance, of every way of running."""
    table: list[dict[str, Any]] = []
    for play in answer.plays:
        table += [{"data": play.name, **dataclasses.asdict(row)} for row in play.quantities]
        table += [{"data": play.name, **_chance(event)} for event in play.chances]
    return table


def _chance(row: Chance) -> dict[str, Any]:
    promised = 0.0 if row.excluded else None
    what = {"agent": row.agent, "role": row.role, "quantity": f"chance: {row.event}", "promised": promised}
    return {**what, "realised": row.chance, "standard_error": row.standard_error}
