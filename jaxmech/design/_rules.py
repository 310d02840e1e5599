"""Noise rules by name: thresholds, ramps, powers of the discrepancy, and any other that never falls."""

import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._types import ArrayLike
from jaxmech.design._plan import Rule

_SMALLEST_POWER = 1e-4
"""Variance at the first entry of a power that is not 0."""
_FEWEST = 8


def threshold_rule(noise: float = np.inf) -> Rule:
    """Return η²/σ² = 0 up to the limit, ``noise`` beyond.

    Args:
        noise: positive; ∞ for data withheld.

    Raises:
        ProblemError: for noise that is not positive.

    Source: this package; the mechanisms of Clinton et al. 2025 add noise that grows with the discrepancy.

    Example:
        >>> rule = threshold_rule(25.0)
        >>> rule.discrepancy.tolist(), rule.variance.tolist()
        ([0.0, 1.0, 1.0], [0.0, 0.0, 25.0])
    """
    if not noise > 0:
        raise ProblemError("noise", noise, "must be positive (inf: withheld)")
    return _rule([0.0, 1.0, 1.0], [0.0, 0.0, noise])


def ramp_rule(width: float, noise: float) -> Rule:
    """Return η²/σ² = noise · min(max(u − 1, 0)/width, 1) at u limits: clean up to the limit, then ever noisier.

    Args:
        width: in limits, positive: at (1 + width) limits the noise is full.
        noise: positive and finite.

    Raises:
        ProblemError: for a width or noise that is not positive and finite.

    Source: this package.

    Example:
        >>> ramp_rule(0.5, 100.0).discrepancy.tolist()
        [0.0, 1.0, 1.5]
    """
    _check_positive("width", width)
    _check_positive("noise", noise)
    return _rule([0.0, 1.0, 1.0 + width], [0.0, 0.0, noise])


def power_rule(p: float, largest: float = 1e4, entries: int = 128) -> Rule:
    """Return η²/σ² = u^p at u limits, as a table of lines between entries; the largest variance holds beyond.

    The limit is where the noise is σ². The lines lie above the power, by about log²(10⁴ largest)/(8 entries²) of it at
    most: by 0.3 %.

    Args:
        p: positive; 2 is the rule of Chen, Zhu and Kandasamy up to its limit.
        largest: variance of the last entry, from 1 on.
        entries: at least 8; spread evenly in log u.

    Raises:
        ProblemError: for a power that is not positive, a largest variance below 1, too few entries.

    Source: Chen, Zhu and Kandasamy 2023, Algorithm 1, for p = 2.

    Example:
        >>> rule = power_rule(2.0, entries=9)
        >>> bool(jnp.allclose(rule.variance, rule.discrepancy**2))
        True
    """
    _check_positive("p", p)
    if not 1 <= largest < np.inf:
        raise ProblemError("largest", largest, "must be finite and at least 1")
    if not (isinstance(entries, int) and entries >= _FEWEST):
        raise ProblemError("entries", entries, f"must be a whole number, at least {_FEWEST}")
    variance = np.concatenate([[0.0], np.geomspace(_SMALLEST_POWER, largest, entries - 1)])
    return _rule(variance ** (1 / p), variance)


def monotone_rule(discrepancy: ArrayLike, increments: ArrayLike) -> Rule:
    """Return the rule whose variance at entry j is the sum of the first j increments: it never falls.

    Args:
        discrepancy: (entries,) in limits; from 0 on, never falling. Two at one place are a jump.
        increments: (entries,) in σ², none negative; the last one may be ∞.

    Raises:
        ProblemError: for numbers that fall, are negative or not numbers, or tables of different lengths.

    Source: this package.

    Example:
        >>> monotone_rule([0.0, 1.0, 1.0, 2.0], [0.0, 0.5, 1.0, 8.5]).variance.tolist()
        [0.0, 0.5, 1.5, 10.0]
    """
    places, steps = np.asarray(discrepancy, float), np.asarray(increments, float)
    if places.ndim != 1 or len(places) == 0:
        raise ProblemError("discrepancy", discrepancy, "must be a row of numbers")
    if steps.shape != places.shape:
        raise ProblemError("increments", increments, f"must be {len(places)} numbers, one per entry")
    if not (steps >= 0).all():
        raise ProblemError("increments", increments, "must not be negative")
    return check_rule(_rule(places, np.cumsum(steps)))


def check_rule(rule: Rule) -> Rule:
    """Return a rule of the family: entries in order, variances that do not fall.

    Raises:
        ProblemError: saying what is wrong with it.
    """
    places, variance = np.asarray(rule.discrepancy, float), np.asarray(rule.variance, float)
    if places.ndim != 1 or len(places) == 0 or variance.shape != places.shape:
        raise ProblemError("rule", variance, "must have a variance for every discrepancy, at least one")
    if not (np.isfinite(places).all() and places[0] >= 0 and (np.diff(places) >= 0).all()):
        raise ProblemError("rule.discrepancy", places, "must be finite, from 0 on, and never fall")
    if not (variance[0] >= 0 and never_falls(variance)):
        raise ProblemError("rule.variance", variance, "must not be negative and never fall")
    return rule


def never_falls(values: np.ndarray) -> bool:
    """Whether no value is below the one before; ∞ after ∞ is not."""
    return bool((values[1:] >= values[:-1]).all())


def _rule(discrepancy: ArrayLike, variance: ArrayLike) -> Rule:
    return Rule(jnp.asarray(discrepancy, float), jnp.asarray(variance, float))


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < np.inf:
        raise ProblemError(name, value, "must be positive and finite")
