"""What tells measurements from normal data: moments, column by column. A host shell."""

from typing import NamedTuple

import numpy as np


class Law(NamedTuple):
    """Moments of data, per distribution.

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
    """Return the moments of a table of measurements, column by column, with divisor n.

    Args:
        cells: (measurements, distributions), finite; every column varies.

    Returns:
        The standard deviations, and the third and fourth standardised moments, of values and of logarithms.

    Source: none; textbook.

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
