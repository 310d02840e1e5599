"""A simulation as a JSON document and as rows of a CSV file."""

import dataclasses
from typing import Any

from jaxmech.report._records import record_document, status_document
from jaxmech.report.simulation._alone import worse_off
from jaxmech.report.simulation._answer import Answer
from jaxmech.report.simulation._law import above, law_in_words


def document(answer: Answer) -> dict[str, Any]:
    """Return the JSON document of a simulation, with numpy arrays for the writer to convert.

    Args:
        answer: one simulated mechanism.
    """
    return {
        "kind": "simulation",
        "status": status_document(answer.status, answer.residual),
        "settings": dict(answer.settings),
        "source": answer.source,
        "title": answer.title or None,
        "mechanism": answer.mechanism,
        "agents": list(answer.agents),
        "distributions": list(answer.distributions),
        "amounts": answer.amounts,
        "sigma": answer.sigma,
        "cheat": answer.cheat or None,
        "plays": [dataclasses.asdict(play) for play in answer.plays],
        "above_promise": [
            {**dataclasses.asdict(one), "data": play.name} for play in answer.plays[1:] for one in above(answer, play)
        ],
        "worse_than_alone": [
            {**dataclasses.asdict(one), "data": play.name} for play in answer.plays for one in worse_off(answer, play)
        ],
        "remarks": [sentence for play in answer.plays[1:] for sentence in law_in_words(answer, play)],
        "certificates": [record_document(record) for record in answer.claims],
        "facts": [],
    }


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Return one row per agent and way of playing: promised and realised penalty, with its standard error."""
    return [
        {
            "data": play.name,
            "agent": agent,
            "promised": play.promised[i],
            "penalty": play.penalty[i],
            "standard_error": play.standard_error[i],
            "cost": play.cost[i],
            **({} if play.alone is None else {"alone": play.alone[i]}),
            **{f"{name}: squared error": play.squared_error[i, k] for k, name in enumerate(answer.distributions)},
        }
        for play in answer.plays
        for i, agent in enumerate(answer.agents)
    ]
