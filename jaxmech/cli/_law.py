"""What measurements say of a plan's promises: far from normal, or correlated where one draw gives several values."""

from typing import Any

import numpy as np

_SKEWED, _HEAVY = 1.5, 4.0
"""Skewness and excess kurtosis of the mean of the fewest points that are compared, from which a warning is due."""


def law_warnings(case: Any, samples: np.ndarray, checked: np.ndarray) -> list[str]:
    """Return a sentence for every distribution whose measurements are too far from normal for the amounts compared.

    Args:
        case: the problem file, with its measurements if it has any.
        samples: (agents, distributions) collected.
        checked: where an agent's mean is compared with others'.
    """
    if case.data is None:
        return []
    from jaxmech.numerics import law_of
    from jaxmech.report import short

    law, found = law_of(np.asarray(case.data.cells, float)), []
    if case.values is not None:
        samples, checked = case.values.of(samples), case.values.of(checked)
    for k in np.flatnonzero(checked.any(axis=0)).tolist():
        least = max(1.0, float(np.min(samples[checked[:, k], k])))
        if abs(law.skewness[k]) / np.sqrt(least) > _SKEWED or law.kurtosis[k] / least > _HEAVY:
            found.append(
                f"{case.data.source}: {case.data.columns[k]} is far from normal (skewness "
                f"{law.skewness[k]:.2g}, excess kurtosis {law.kurtosis[k]:.2g}) for means of {short(least, 2)} points, "
                "and the promises are for normal data: jaxmech simulate says who ends above hers, and what helps"
            )
    return found


def joint_facts(case: Any, plan: Any) -> dict[str, tuple[str, Any]]:
    """Return what an agent gains who knows how the values of a panel are correlated, by panel.

    Of those who are checked, the one who is asked for most is looked at; under the published rule, from measurements.

    Args:
        case: the problem file, with its measurements if it has any.
        plan: what was solved for.
    """
    limited = case.problem.capacity is not None  # what she could do else is bounded, and costs more than it says
    if case.values is None or case.data is None or plan.pooled or not plan.rule.published or limited:
        return {}
    from jaxmech.collaboration import joint_gains

    told: dict[str, tuple[str, Any]] = {}
    for panel, (i, found) in joint_gains(case.problem, case.values, plan, np.asarray(case.data.cells, float)).items():
        told[panel] = (case.problem.agent_name(i), found)
    return told
