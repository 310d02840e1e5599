"""Standard deviations of measurements, and how well they are known."""

from typing import Any, NamedTuple


class Spread(NamedTuple):
    """The spread of measurements, column by column.

    Attributes:
        sigma: sample standard deviation (divisor n − 1), in the unit of the measurements.
        standard_error: of ``sigma``, in the same unit, valid for measurements of any shape with a fourth moment.
    """

    sigma: Any
    standard_error: Any


def spread(values: Any) -> Spread:
    """Return the sample standard deviation of every column with its standard error.

    The textbook error s/√(2(n − 1)) holds for normal data only. Laboratory values have heavy right tails, so the
    fourth moment is used: Var(s²) ≈ (m₄ − (n − 3)/(n − 1) s⁴)/n, and by the delta method the standard error of s is
    √Var(s²)/(2s).

    Args:
        values: (measurements, ...) finite, not all alike; an array of JAX or of NumPy, whose kind is returned.

    Source: Cho and Cho 2009, "The variance of sample variance from a finite population", for the variance of s².

    Example:
        >>> import numpy as np
        >>> round(float(spread(np.arange(1.0, 10.0)).sigma), 4)
        2.7386
    """
    n, unit = values.shape[0], abs(values).max(axis=0)  # fourth powers of large values overflow
    scaled = values / unit
    centred = scaled - scaled.mean(axis=0)
    variance = (centred**2).sum(axis=0) / (n - 1)
    # Two equally likely values have the smallest fourth moment there is: the difference can only round below zero.
    of_variance = ((centred**4).mean(axis=0) - (n - 3) / (n - 1) * variance**2).clip(min=0.0) / n
    return Spread(variance**0.5 * unit, of_variance**0.5 / (2 * variance**0.5) * unit)
