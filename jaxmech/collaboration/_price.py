"""Which price to write into a problem: from a wanted standard error, or from what a wrong decision costs."""

import dataclasses
import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._status import Solution, Status
from jaxmech._tolerances import tolerances
from jaxmech.collaboration._account import Account, account
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._solve import solve

_LAW = -0.25
"""All prices times f: standard errors times f^(−1/4)."""
_WIDEN, _MOST = 16.0, 100


def with_price(problem: Problem, price: np.ndarray) -> Problem:
    """Return the problem with another price.

    Args:
        problem: the problem.
        price: one per distribution.

    Source: none; a helper.

    Example:
        >>> with_price(Problem([[1.0]], sigma=1.0), np.array([4.0])).price.tolist()
        [4.0]
    """
    problem.without_limits("prices are changed for agents who can collect as much and as little as they like")
    return dataclasses.replace(problem, price=jnp.asarray(price, problem.price.dtype))


def rescaled(found: Account, factor: float) -> Account:
    """Return the account at all prices times f: bills and errors √f times, standard errors f^(−1/4) times as large.

    Penalties are Σ price σ²/(points) + cost points: with all prices times f, everything that is optimal, rational or
    checked at points n is so at √f n, for costs and errors both grow by √f.

    Args:
        found: from :func:`account`, in real numbers of samples.
        factor: f, positive.

    Source: Clinton et al. 2025, section 2: the penalty is homogeneous.

    Example:
        >>> rescaled(Account(jnp.array([[2.0]]), jnp.array([[2.0]]), jnp.array([[1.0]])), 16.0).bill.item()
        8.0
    """
    return Account(found.bill * math.sqrt(factor), found.error * math.sqrt(factor), found.standard_error * factor**_LAW)


def price_of_decision(cost: float, margin: float) -> float:
    """Return the price at which squared errors cost at least what wrong decisions do: cost/margin².

    If a decision goes wrong only when the error is as large as the margin, and then costs ``cost``, Chebyshev's
    inequality bounds what that costs on average, whatever the law of the errors: cost P(|error| ≥ margin) ≤
    cost E[error²]/margin².

    Args:
        cost: of a wrong decision.
        margin: the least error that makes the decision wrong, in the unit of the measurements.

    Source: Chebyshev's inequality.

    Example:
        >>> price_of_decision(5000.0, 0.5)
        20000.0
    """
    for name, value in (("cost", cost), ("margin", margin)):
        if not (math.isfinite(value) and value > 0):
            raise ProblemError(name, value, "must be positive and finite")
    price = cost / margin / margin
    if not (math.isfinite(price) and price > 0):
        raise ProblemError("margin", margin, "asks for a price outside the range of numbers")
    return price


def price_of_standard_error(
    problem: Problem,
    wanted: float,
    *,
    division: str = "rational",
    mechanism: str = "cbl",
    distribution: int | None = None,
) -> Solution[np.ndarray]:
    """Return prices at which everybody ends up with at most the wanted standard error, and somebody with just that.

    Args:
        problem: the problem, with the prices to start from.
        wanted: largest standard error of all agents, in the unit of the measurements.
        division: name of the division.
        mechanism: name of the mechanism.
        distribution: whose price alone is changed and whose standard errors count; None to multiply all prices by one
            factor, and to count all distributions.

    Returns:
        Solution around prices (distributions,), in real numbers of samples: OK where the relative residual of the
        standard error is below the tolerance of divisions, STALLED where the plan jumps over the wanted one (the price
        then is the least at which everybody is within it), MAX_STEPS otherwise.

    Raises:
        ProblemError: for a standard error that is not positive and finite, and one that no price reaches.
        SolveError: if the problem has no plan at some price on the way.

    Source: root finding in the logarithm of the price; by :func:`rescaled` the first guess is exact if all prices move.

    Example:
        >>> lone = Problem([[1.0]], sigma=10.0)
        >>> [round(price, 6) for price in price_of_standard_error(lone, 2.0, division="alone").value.tolist()]
        [6.25]
    """
    problem.without_limits("prices are found for agents who can collect as much and as little as they like")
    if not (math.isfinite(wanted) and wanted > 0):
        raise ProblemError("standard_error", wanted, "must be positive and finite")
    if not problem.valued_alike:
        rule = "must be one number, or one per distribution, to be changed for all agents alike"
        raise ProblemError("price", "a table by agent", rule)
    before = np.asarray(problem.price, float)
    counted = slice(None) if distribution is None else distribution

    def prices(log_factor: float) -> np.ndarray:
        with np.errstate(over="ignore", under="ignore"):
            changed = before.copy()
            changed[counted] *= np.exp(log_factor)
        if not np.all(np.isfinite(changed) & (changed > 0)):
            raise ProblemError("standard_error", wanted, "is out of reach of any price")
        return changed

    def excess(log_factor: float) -> float:
        changed = with_price(problem, prices(log_factor))
        solved = solve(changed, division=division, mechanism=mechanism)
        if Status.of(int(solved.status)).is_failure:
            solved.raise_for_status()
        errors = np.asarray(account(changed, solved.value).standard_error, float)[:, counted]
        return math.log(float(errors.max())) - math.log(wanted)

    tolerance = tolerances(problem.price.dtype).optimality
    root, residual, steps = _falling_root(excess, tolerance)
    jumped = residual > tolerance and steps < _MOST
    status = Status.OK if residual <= tolerance else Status.STALLED if jumped else Status.MAX_STEPS
    return Solution(prices(root), *(jnp.asarray(entry) for entry in (int(status), residual, steps)))


def _falling_root(function: Callable[[float], float], tolerance: float) -> tuple[float, float, int]:
    """Return the root of a falling function, or the first point beyond its jump; the residual, and the steps.

    Steps of the law of all prices until the root is bracketed, then bisection with the secant's point where it helps.
    """
    at, value, steps = 0.0, function(0.0), 1
    low = high = None
    while steps < _MOST and abs(value) > tolerance:
        if value > 0:
            low = (at, value)
        else:
            high = (at, value)
        if low is None or high is None:
            known = value / -_LAW
            at += known if steps == 1 else math.copysign(max(abs(known), math.log(_WIDEN)), known)
        else:
            if high[0] - low[0] < tolerance * 1e-3:
                return high[0], abs(high[1]), steps
            secant = low[0] + (high[0] - low[0]) * low[1] / (low[1] - high[1])
            middle = (low[0] + high[0]) / 2
            at = secant if steps % 2 else middle
        value, steps = function(at), steps + 1
    return at, abs(value), steps
