"""What measurements say of a plan's promises: far from normal, or correlated where one draw gives several values."""

from typing import Any

import numpy as np

_SKEWED, _HEAVY = 1.5, 4.0
"""Skewness and excess kurtosis of the mean of the fewest points that are compared, from which a warning is due."""

_SINGULAR = 1e8
"""Values that determine each other, as calculated ones do, are left out: no precision could be told from rounding."""


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
    from jaxmech.collaboration import Role, joint_estimation

    problem, values, told = case.problem, case.values, {}
    samples, checked = np.asarray(plan.samples, float), np.asarray(plan.role) == Role.CHECKED
    for panel, names in values.panels.items():
        k, places = problem.distributions.index(panel), [values.names.index(name) for name in names]
        correlation = np.corrcoef(np.asarray(case.data.cells, float)[:, places], rowvar=False)
        if not checked[:, k].any() or np.linalg.cond(correlation) > _SINGULAR:
            continue
        i = int(np.argmax(np.where(checked[:, k], samples[:, k], -1)))
        n, worth = samples[i, k], (values.price[..., places] * values.sigma[places] ** 2)
        own = worth[i] if worth.ndim > 1 else worth
        kappa = float(problem.costs[i, k]) * n**2 / own.sum()
        found = joint_estimation(float(plan.total[k]) / n, kappa, float(plan.alpha[i, k]) ** 2 / n, own, correlation)
        told[panel] = (problem.agent_name(i), found)
    return told
