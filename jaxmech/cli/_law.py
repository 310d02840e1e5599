"""Whether a plan's promises can suffer from measurements that are far from normal."""

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
