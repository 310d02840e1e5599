"""What tells measurements from normal data, and whether a plan's promises can suffer from it."""

from typing import Any, NamedTuple

import numpy as np

_SKEWED, _HEAVY = 1.5, 4.0
"""Skewness and excess kurtosis of the mean of the fewest points that are compared, from which a warning is due."""


class Law(NamedTuple):
    """Moments of data, per distribution: what :class:`jaxmech.report.simulation.Play` says of them.

    Attributes:
        sigma: standard deviation.
        skewness: 0 for normal data.
        kurtosis: excess kurtosis, likewise.
        log_skewness: skewness of the logarithms, NaN where there are none.
    """

    sigma: np.ndarray
    skewness: np.ndarray
    kurtosis: np.ndarray
    log_skewness: np.ndarray


def law_of(cells: np.ndarray) -> Law:
    """Return the moments of a table of measurements, column by column.

    Example:
        >>> law_of(np.array([[1.0], [1.0], [4.0]])).skewness.round(3).tolist()
        [0.707]
    """
    sigma = cells.std(axis=0)
    about = (cells - cells.mean(axis=0)) / sigma
    positive = np.all(cells > 0, axis=0)
    logarithms = np.log(np.where(positive, cells, 1.0))
    spread = np.where(positive, logarithms.std(axis=0), np.nan)
    logged = (logarithms - logarithms.mean(axis=0)) / spread
    return Law(sigma, np.mean(about**3, axis=0), np.mean(about**4, axis=0) - 3, np.mean(logged**3, axis=0))


def law_warnings(case: Any, samples: np.ndarray, checked: np.ndarray) -> list[str]:
    """Return a sentence for every distribution whose measurements are too far from normal for the amounts compared.

    Args:
        case: the problem file, with its measurements if it has any.
        samples: (agents, distributions) collected.
        checked: where an agent's mean is compared with others'.
    """
    if case.data is None:
        return []
    from jaxmech.report import short

    law, found = law_of(np.asarray(case.data.cells, float)), []
    for k in np.flatnonzero(checked.any(axis=0)).tolist():
        least = max(1.0, float(np.min(samples[checked[:, k], k])))
        if abs(law.skewness[k]) / np.sqrt(least) > _SKEWED or law.kurtosis[k] / least > _HEAVY:
            found.append(
                f"{case.data.source}: {case.problem.distribution_name(k)} is far from normal (skewness "
                f"{law.skewness[k]:.2g}, excess kurtosis {law.kurtosis[k]:.2g}) for means of {short(least, 2)} points, "
                "and the promises are for normal data: jaxmech simulate says who ends above hers, and what helps"
            )
    return found
