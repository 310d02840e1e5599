"""A design as a JSON document, from which anybody can recompute it, and as rows of a CSV file."""

from typing import Any

import numpy as np

from jaxmech.design import companions
from jaxmech.report.collaboration import arrangement_document, panels_document, role_names
from jaxmech.report.design._answer import Answer
from jaxmech.report.design._lies import lies_document


def document(answer: Answer) -> dict[str, Any]:
    """Return the JSON document of a design, with numpy arrays for the writer to convert.

    Args:
        answer: one designed mechanism.

    Returns:
        The keys of a collaboration, ``rule`` with one entry per distribution, ``published``, ``family_bound``, and what
        becomes of it on ``whole_data``.
    """
    shape = answer.samples.shape
    return {
        **arrangement_document(answer),
        "division": None,
        "target": None,
        "plan": {
            "samples": answer.samples,
            "alpha": np.full(shape, np.nan),
            "role": role_names(answer.role, answer.status),
            "leverage": None,
            "penalty": answer.penalty,
            "social_penalty": answer.social_penalty,
        },
        "integer_plan": _whole(answer),
        "efficiency": {
            "ratio": answer.social_penalty / answer.baseline,
            "bound": None,
            "baseline": answer.baseline,
            "first_best": answer.first_best,
        },
        "rule": [_rule(answer, k) for k in range(shape[1])],
        "failure": answer.offered.failure,
        "origin": answer.origin,
        "published": {"name": answer.rival, "social_penalty": answer.published},
        "family_bound": answer.family,
        **({} if answer.lies is None else {"lies": lies_document(answer.lies)}),
        "whole_data": {"exact": answer.departure is None, "departure": answer.departure or 0.0},
        "advice": None,
        **({} if answer.values is None else {"panels": _panels(answer)}),
    }


def rows(answer: Answer) -> list[dict[str, Any]]:
    """Return one row per agent: what she is asked and offered by distribution, and what she pays and gains."""
    roles, offered = role_names(answer.role, answer.status), answer.offered
    table = []
    for i, agent in enumerate(answer.agents):
        row: dict[str, Any] = {"agent": agent}
        for k, name in enumerate(answer.distributions):
            row[f"{name}: samples"] = answer.samples[i, k]
            row[f"{name}: role"] = roles[i][k]
            row[f"{name}: comparison"] = offered.comparison[i, k]
            row[f"{name}: rest"] = offered.rest[i, k]
            row[f"{name}: limit"] = offered.limit[i, k]
            row[f"{name}: failure"] = offered.failure[i, k]
        row["alone penalty"] = answer.alone_penalty[i]
        row["plan penalty"] = answer.penalty[i]
        row["gain"] = answer.gain[i]
        table.append(row)
    return table


def _whole(answer: Answer) -> dict[str, Any] | None:
    """The design with all that it takes to carry it out, if its amounts are whole: it is what the parties sign."""
    offered = answer.offered
    if np.ndim(answer.sigma) > 1:
        return None  # given points are no whole numbers, and there is no exchange
    amounts = {"samples": answer.samples, "comparison": offered.comparison, "rest": offered.rest}
    if not all(np.array_equal(table, np.round(table)) for table in amounts.values()):
        return None
    return {
        **{name: table.astype(int) for name, table in amounts.items()},
        "role": role_names(answer.role),
        "limit": offered.limit,
        "linked": offered.linked,
        **_region(answer),
        **_hangs_on(answer),
        **_calibration(answer, slice(None)),
        "discrepancy": offered.discrepancy,
        "variance": offered.variance,
        "penalty": answer.penalty,
        "social_penalty": answer.social_penalty,
    }


def _panels(answer: Answer) -> list[dict[str, Any]]:
    """Every panel with the limits of its values, each in its own unit."""
    values, told = answer.values, panels_document(answer)
    assert values is not None
    for value in (one for panel in told for one in panel["coordinates"]):
        k = values.names.index(value["name"])
        value["limit"] = values.of(answer.offered.limit)[:, k] * values.scale[k]
    return told


def _region(answer: Answer) -> dict[str, Any]:
    """What only designs in an ellipsoid say."""
    return {"ellipsoid": True} if answer.offered.ellipsoid else {}


def _hangs_on(answer: Answer) -> dict[str, Any]:
    """By value, the names of those on which its rest hangs, where that is not all: linked, with panels."""
    values = answer.values
    if values is None or not answer.offered.linked:
        return {}
    rows = companions(values.draws)
    return {"hangs_on": [[values.names[j] for j in np.flatnonzero(row)] for row in rows]}


def _calibration(answer: Answer, k: int | slice) -> dict[str, Any]:
    """How limits follow the data, of one distribution or all; nothing where they are fixed."""
    followed = answer.offered.followed
    if followed is None:
        return {}
    return {"calibration": {"spread": followed.spread, "level": followed.level[:, k]}}


def _rule(answer: Answer, k: int) -> dict[str, Any]:
    """The rule of one distribution; lists are one number per agent, or one per entry of the noise's table."""
    offered = answer.offered
    return {
        "distribution": answer.distributions[k],
        "samples": answer.samples[:, k],
        "comparison": offered.comparison[:, k],
        "rest": offered.rest[:, k],
        "limit": offered.limit[:, k],
        "discrepancy": offered.discrepancy,
        "discrepancy_unit": "limit",
        "variance": offered.variance,
        "variance_unit": "sigma^2",
        "linked": offered.linked,
        **_region(answer),
        **_calibration(answer, k),
    }
