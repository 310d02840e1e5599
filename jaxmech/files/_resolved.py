"""A problem with everything that its file says, in numbers: what an agreement holds of it."""

from typing import Any

import numpy as np

from jaxmech.files._collaboration import CollaborationCase


def resolved(case: CollaborationCase, division: str | None, mechanism: str) -> dict[str, Any]:
    """Return all keys of a problem file, tables from other files and estimates resolved to numbers.

    Args:
        case: the problem, read.
        division: the one that was solved for; None where the mechanism has its own.
        mechanism: likewise.

    Returns:
        The keys of ``[collaboration]``, defaults and names included, with numpy arrays for the writer to convert.
    """
    problem = case.problem
    m, d = problem.shape
    return {
        "title": case.title,
        "notes": case.notes,
        "agents": [problem.agent_name(i) for i in range(m)],
        "distributions": [problem.distribution_name(k) for k in range(d)],
        "costs": np.asarray(problem.costs, float),
        "sigma": np.asarray(problem.sigma, float),
        "price": np.asarray(problem.price, float),
        "division": division,
        "mechanism": mechanism,
        "currency": case.currency or None,
        "data": case.data.source if case.data else None,
    }
