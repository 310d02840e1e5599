"""An audit as a JSON document and as rows of a CSV file."""

from typing import Any

from jaxmech.report._records import record_document, status_document
from jaxmech.report.audit._answer import Answer
from jaxmech.report.audit._populations import populations_document
from jaxmech.report.audit._questions import questions_document


def document(answer: Answer) -> dict[str, Any]:
    """Return the JSON document of an audit, with numpy arrays for the writer to convert.

    Args:
        answer: one audited mechanism.
    """
    found = answer.found
    return {
        "kind": "audit",
        "status": status_document(answer.status, answer.residual),
        "settings": dict(answer.settings),
        "source": answer.source,
        "title": answer.title or None,
        "problem": answer.kind,
        "mechanism": answer.mechanism,
        "unit": answer.currency or None,
        "measure": answer.found.measure,
        "distributions": list(answer.distributions),
        "agents": [_agent(answer, row) for row in range(len(answer.found.names))],
        "populations": populations_document(answer.populations, answer.found.names),
        "effort": found.effort,
        "certificates": [record_document(record) for record in answer.claims],
        "facts": [record_document(record) for record in answer.facts],
        **({} if answer.questions is None else {"questions": questions_document(answer.questions, answer.weaknesses)}),
    }


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Return one row per agent: what is promised, what a search found, what is proven."""
    table = []
    for row in range(len(answer.found.names)):
        agent = _agent(answer, row)
        found = agent.pop("deviation")
        table.append({**agent, "family": found["family"], "standard_error": found["standard_error"]})
    return table


def _agent(answer: Answer, row: int) -> dict[str, Any]:
    found = answer.found
    role = answer.found.roles[row]
    return {
        "name": answer.found.names[row],
        **({"role": role, "stake": answer.found.stake[row]} if role else {}),
        "promised": found.promised[row],
        "promise_is_exact": found.certain,
        "simulated": found.honest[row],
        "simulated_standard_error": found.honest_error[row],
        "alone": found.alone[row],
        "regret_found": found.found[row],
        "regret_bound": found.bound[row],
        "half_width": found.half_width[row],
        "deviation": {
            "family": found.family[row],
            "parameters": dict(answer.found.parameters[row]),
            "standard_error": found.standard_error[row],
        },
    }
