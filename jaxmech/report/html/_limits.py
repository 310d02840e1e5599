"""What each party can and must collect, and what she can spend, where that was agreed: in words."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def limits_in_words(problem: Mapping[str, Any]) -> dict[int, str]:
    """Return the limits of those agents who have some, by their index.

    Args:
        problem: of a JSON document, in numbers.

    Example:
        >>> told = {"distributions": ["x", "y"], "currency": "EUR", "costs": [[1, 2], [1, "inf"]],
        ...         "most": [[40, 40], ["inf", 0]], "least": [[0, 5], [0, 0]], "budget": ["inf", 90]}
        >>> limits_in_words(told)
        {0: 'at most 40 samples of x, at most 40 samples of y, at least 5 samples of y', 1: 'at most 90 EUR in all'}
    """
    if problem.get("most") is None:
        return {}
    costs, most, least = (np.array(problem[key], float) for key in ("costs", "most", "least"))
    names, currency = problem["distributions"], problem.get("currency") or ""
    found = {}
    for i, budget in enumerate(np.array(problem["budget"], float).tolist()):
        able = np.isfinite(costs[i])
        parts = [
            f"at most {most[i, k]:,.6g} samples of {names[k]}" for k in np.flatnonzero(able & np.isfinite(most[i]))
        ]
        parts += [f"at least {least[i, k]:,.6g} samples of {names[k]}" for k in np.flatnonzero(able & (least[i] > 0))]
        parts += [f"at most {budget:,.6g} {currency}".rstrip() + " in all"] if np.isfinite(budget) else []
        if parts:
            found[i] = ", ".join(parts)
    return found
