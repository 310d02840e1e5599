"""Limits that follow the spread of the others' data, so that σ need not be known: a host shell, in NumPy.

σ̂² is the variance within the others' points, about the means of the parts that are drawn. For normal data it
is σ² times χ²/ν, independent of these means and of everything that an agent does. Her limit is t = l(σ̂) σ̂, so
that she passes with the chance P(n) = E P(|N| ≤ l(σ̂) σ̂/σ √(nz/(n + z))) over σ̂: were l one number, the
chance of Student's t with ν degrees of freedom. Each σ̂ by itself is a limit that is given to her, so that
truth stays optimal, as long as σ̂ is hidden until she has handed in. With f and g the penalties of her error if
she fails and if she passes, she pays q(n) = f − P (f − g) + c n, since the mean of all that she has is
independent of its parts' differences and of σ̂. The levels are such that q'(n*) = 0 for every true σ at which a
level can do that.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy

from jaxmech._errors import ProblemError
from jaxmech.collaboration import FEWEST, SIGMA_RANGE, Problem, check_sigma_range
from jaxmech.design._carried_out import is_whole
from jaxmech.design._plan import Calibration, Design, alike

LOWEST, HIGHEST = 0.5, 6.0
"""Levels, in standard deviations of an honest discrepancy, between which all limits lie: 38 to 100 % pass there."""

_ENTRIES, _MARGIN = 41, 2.0
"""Values of σ̂ with a level, and by what factor they reach beyond the range of σ."""

_NODES, _FINE, _FAR = 257, 4097, 9.0
"""Values of log σ̂² in an average, in one that is promised, and to how many of its standard deviations they reach."""

_HALVINGS, _STEPS, _DAMPED, _LARGEST = 60, 14, 0.7, 0.2
_FLAT = 1e-9


class Checked(NamedTuple):
    """One agent who is checked on one distribution: numbers.

    Attributes:
        samples: n*.
        comparison: |Z|.
        rest: |Z'|.
        cost: of a point.
        error: price σ² at the assumed σ.
        freedom: of σ̂².
    """

    samples: float
    comparison: float
    rest: float
    cost: float
    error: float
    freedom: float

    @property
    def spread(self) -> float:
        """Standard deviation of an honest discrepancy, in σ."""
        return float(np.sqrt(1 / self.samples + 1 / self.comparison))


def calibrate(problem: Problem, design: Design, sigma_range: tuple[float, float] = SIGMA_RANGE) -> Design:
    """Return a design with the same amounts whose limits follow the spread of the others' data.

    Penalties and chances are those at the assumed σ, averaged over σ̂.

    Args:
        problem: the problem.
        design: thresholds in whole samples, of one distribution at a time, that withhold the rest of who fails.
        sigma_range: factors of the assumed σ between which :func:`certify` holds it to its claim.

    Raises:
        ProblemError: for other designs, agents who differ in σ or price, and fewer than 20 degrees of freedom.

    Source: this package; the module tells the derivation.

    Example:
        >>> from jaxmech.design import Wishes, design
        >>> problem = Problem([[0.001]] * 10, 1.0)
        >>> known = design(problem, Wishes(whole=True)).value
        >>> found = calibrate(problem, known)
        >>> round(float(found.social_penalty / known.social_penalty), 3)  # what it costs not to know σ
        1.007
    """
    _check(problem, design)
    check_sigma_range(sigma_range)
    told = alike(problem)
    error = np.broadcast_to(np.asarray(told.price * told.sigma**2, float), told.shape)
    parts = (design.samples, design.comparison, design.rest, told.costs, error, design.freedom)
    tables = [np.asarray(part, float) for part in parts]
    checked = np.isfinite(np.asarray(design.limit, float))
    rows = [Checked(*(float(table[place]) for table in tables)) for place in zip(*np.nonzero(checked), strict=True)]
    spread = np.geomspace(sigma_range[0] / _MARGIN, sigma_range[1] * _MARGIN, _ENTRIES)
    found = {row: stationary_levels(row, spread) for row in set(rows)}
    level, failure = np.ones((*told.shape, _ENTRIES)), np.zeros(told.shape)
    limit, more = np.asarray(design.limit, float).copy(), np.zeros(told.shape)
    for place, row in zip(zip(*np.nonzero(checked), strict=True), rows, strict=True):
        level[place] = found[row] * row.spread
        limit[place] = np.interp(1.0, spread, level[place]) * float(told.sigma[place[1]])
        chance, _ = averages(row, found[row], spread, np.ones(1), _FINE)
        failing, passing = _errors(row)
        failure[place] = 1 - float(chance[0])
        more[place] = (failure[place] - float(design.failure[place])) * row.error * (failing - passing)
    penalty = np.asarray(design.penalty, float) + more.sum(axis=1)
    dtype = design.samples.dtype
    return dataclasses.replace(
        design,
        limit=jnp.asarray(limit, dtype),
        failure=jnp.asarray(failure, dtype),
        penalty=jnp.asarray(penalty, dtype),
        social_penalty=jnp.asarray(penalty.sum(), dtype),
        calibration=Calibration(jnp.asarray(spread, dtype), jnp.asarray(level, dtype), sigma_range),
    )


def stationary_levels(row: Checked, spread: np.ndarray) -> np.ndarray:
    """Return the levels at values of σ̂, in standard deviations of an honest discrepancy with that σ, (entries,).

    From those that are stationary were σ equal to σ̂, changed until q'(n*) = 0 on average over σ̂ wherever the true σ is
    one of the entries and a level can do that. Below these σ̂ the level that pulls most stands; above them nobody who
    is honest fails.

    Args:
        row: who is checked.
        spread: σ̂, in units of the assumed σ.
    """
    level, able = known_levels(row, spread)
    for _ in range(_STEPS):
        slope = averaged_slope(row, level, spread)
        rise = (averaged_slope(row, 1.01 * level, spread) - slope) / np.log(1.01)
        some = able & (rise > _FLAT * row.cost)
        step = np.where(some, -slope / np.where(some, rise, 1.0), 0.0)
        level = np.clip(level * np.exp(_DAMPED * np.clip(step, -_LARGEST, _LARGEST)), LOWEST, HIGHEST)
    return level


def known_levels(row: Checked, sigma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels that make n* stationary at known σ, and where there is one.

    With the penalties f and g of an error, q' = c + (1 − P) f' + P g' − (f − g) τφ(τ) z/(n (n + z)) falls in τ up to
    τ² = 1 − 2 (g' − f')/((f − g) z/(n (n + z))), and rises from there to c + g'.

    Args:
        row: who is checked.
        sigma: true σ, in units of the assumed one.
    """
    failing, passing = _errors(row)
    pull = (failing - passing) * row.comparison / (row.samples * (row.samples + row.comparison))
    steepest = max(np.sqrt(max(1 - 2 * (failing**2 - passing**2) / pull, 0.0)), LOWEST)
    low, high = np.full(len(sigma), steepest), np.full(len(sigma), HIGHEST)
    enough = _slope(row, low, sigma) <= 0
    able = enough & (row.cost - sigma**2 * row.error * passing**2 > 0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        short = _slope(row, middle, sigma) < 0
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return np.where(enough, high, steepest), able


def averaged_slope(row: Checked, level: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return q'(n*), averaged over σ̂, where the true σ is each of the entries; see the module."""
    chance, pulled = averages(row, level, spread, spread)
    return _slope_of(row, chance, pulled, spread)


def averages(
    row: Checked, level: np.ndarray, spread: np.ndarray, sigma: np.ndarray, nodes: int = _NODES
) -> tuple[np.ndarray, np.ndarray]:
    """Return E P(|N| ≤ τ) and E τφ(τ) at n*, with τ = l(σ̂) σ̂/σ, for every true σ in units of the assumed one.

    The trapezoidal rule over log σ̂²/σ², whose density is that of χ²/ν; off by some 1e-6 with few nodes.

    Args:
        row: who is checked.
        level: at the entries.
        spread: the entries.
        sigma: true σ.
        nodes: how many values of σ̂.
    """
    logarithm = np.linspace(-_FAR, _FAR, nodes) * np.sqrt(2 / row.freedom)
    weight = np.exp(-row.freedom / 2 * (np.expm1(logarithm) - logarithm))
    seen = np.exp(logarithm / 2)
    tau = np.interp(sigma[:, None] * seen, spread, level) * seen
    chance, pulled = scipy.special.erf(tau / np.sqrt(2)), tau * np.exp(-(tau**2) / 2) / np.sqrt(2 * np.pi)
    return chance @ weight / weight.sum(), pulled @ weight / weight.sum()


def _errors(row: Checked) -> tuple[float, float]:
    """Squared errors in σ² if she fails, and if she passes."""
    both = row.samples + row.comparison
    return 1 / both, 1 / (both + row.rest)


def _slope(row: Checked, level: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    pulled = level * np.exp(-(level**2) / 2) / np.sqrt(2 * np.pi)
    return _slope_of(row, scipy.special.erf(level / np.sqrt(2)), pulled, sigma)


def _slope_of(row: Checked, chance: np.ndarray, pulled: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    failing, passing = _errors(row)
    falls = (1 - chance) * failing**2 + chance * passing**2
    helps = pulled * (failing - passing) * row.comparison / (row.samples * (row.samples + row.comparison))
    return np.asarray(row.cost - sigma**2 * row.error * (falls + helps))


def refuse_differing(problem: Problem) -> None:
    """Refuse limits that follow the data where agents differ in σ or price, or in what they can collect. Host only.

    Args:
        problem: the problem.

    Raises:
        ProblemError: naming what to do instead.

    Source: none; programming.

    Example:
        >>> refuse_differing(Problem([[1.0], [2.0]], 1.0))
    """
    if problem.precision is not None or not problem.counted_alike:
        raise ProblemError(
            "calibrated", True, "means nothing for a table sigma: σ̂ is one for all; leave calibrated out"
        )
    if not problem.valued_alike:
        raise ProblemError("calibrated", True, "is for one price per distribution in a design: leave calibrated out")
    problem.without_limits("a design whose limits follow the data has none; leave calibrated out to keep them")


def _check(problem: Problem, design: Design) -> None:
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(design)):
        raise ProblemError("calibrated", True, "is for the host: levels are found for numbers, not for tracers")
    refuse_differing(problem)
    checked = np.isfinite(np.asarray(design.limit, float))
    if not checked.any():
        return
    if bool(design.linked):
        rule = "is for limits of one distribution at a time: linked=False in the wishes, --unlinked on the command line"
        raise ProblemError("calibrated", True, rule)
    places, variance = (np.asarray(part, float) for part in (design.rule.discrepancy, design.rule.variance))
    if not (np.array_equal(places, [0, 1, 1]) and not variance[:2].any() and np.isinf(variance[2])):
        raise ProblemError("calibrated", True, "is for designs that withhold the rest beyond a limit: leave noise out")
    if not is_whole(design):
        raise ProblemError("calibrated", True, "is for whole samples: whole=True in the wishes, --whole")
    freedom = np.where(checked, np.asarray(design.freedom, float), np.inf)
    i, k = np.unravel_index(np.argmin(freedom), freedom.shape)
    if freedom[i, k] < FEWEST:
        who, what = problem.agent_name(int(i)), problem.distribution_name(int(k))
        rule = (
            f"needs {FEWEST} degrees of freedom, but what tells {who} σ of {what} has {freedom[i, k]:.3g}: a smaller "
            "cost or a larger price makes the others collect more"
        )
        raise ProblemError("calibrated", True, rule)
