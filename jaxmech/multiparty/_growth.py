"""A market that grows with the models in it: what misreports bring, and for which growth rates they never matter."""

import math
from collections.abc import Callable
from typing import SupportsFloat

import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array, Scalar
from jaxmech.multiparty._valuation import growth_rate, number_of_agents

_BISECTIONS = 80


def market_share(others: Array, own: Array, growth: Scalar, agents: int) -> Array:
    """f(y, t) = ((n − 1) y + t)^growth · t: what quality t earns when all n − 1 others have quality y; f(0, 0) = 0.

    Args:
        others: y, quality of each of the others' models.
        own: t, quality of one's own.
        growth: the market's growth rate.
        agents: n.

    Source: Chen et al. 2020, section 6.2.

    Example:
        >>> float(market_share(jnp.array(1.0), jnp.array(3.0), jnp.array(-1.0), 2))
        0.75
    """
    total = (agents - 1) * others + own
    return jnp.where(total > 0, jnp.exp(growth * jnp.log(jnp.where(total > 0, total, 1.0))) * own, 0.0)


def critical_growth(agents: int = 2) -> float:
    """Return the growth rate from which on a desirable mechanism exists for every disparity.

    With everybody else at 0, type t must be left φ t^(1+α) in the limit of fine grids, φ the largest value over
    0 < u < 1 of ((1 + (n−1)u)^α − n^α u^(1+α)) / (1 − u^(1+α)): lying by a constant factor u again and again. It can
    be paid out of (n t)^(1+α), the whole market, if and only if φ ≤ n^(1+α), which is :func:`never_fails`.

    Args:
        agents: n, at least two.

    Returns:
        The root in α, by bisection to the last digit. Host only.

    Raises:
        ProblemError: for fewer than two agents.

    Source: this package; Chen et al. 2020, section 6.2, found the divergence "near −0.67" numerically.

    Example:
        >>> round(critical_growth(2), 6), round(critical_growth(3), 6)
        (-0.660911, -0.718345)
    """
    n = number_of_agents(agents)
    return _bisect(lambda growth: least_slack(growth, n) >= 0, -1.0, 0.0)


def never_fails(growth: SupportsFloat, agents: int = 2) -> bool:
    """Return whether a desirable mechanism exists for every disparity, however large.

    From growth 0 on the market is not competitive, and a mechanism that charges nothing is desirable. Below, the
    payments that leave type t with φ t^(1+α) when the others have nothing must be affordable.

    Args:
        growth: at least −1.
        agents: at least two.

    Raises:
        ProblemError: for numbers out of range.

    Source: Chen et al. 2020, Theorem 4; this package (see :func:`critical_growth`).

    Example:
        >>> never_fails(-0.66), never_fails(-0.67)
        (True, False)
    """
    rate, n = float(growth_rate(float(growth))), number_of_agents(agents)
    return rate >= 0 or (rate > -1 and least_slack(rate, n) >= 0 and _others_can_be_paid(rate, n))


def least_slack(growth: float, agents: int) -> float:
    """Least of ψ(u) = n^a (1 − u^a) + n^α u^a − (1 + (n−1)u)^α on 0 ≤ u ≤ 1, where a = 1 + α.

    It is not negative if and only if φ ≤ n^a. ψ' has the sign of b n^b u^b (1 + (n−1)u)^(−1−b) − a with b = −α, whose
    first term rises up to u = b/(n−1) and falls afterwards. So ψ falls, perhaps rises, and perhaps falls again to
    ψ(1) = 0: its least value is 0 or at the first zero of ψ', if any.
    """
    n, a, b = agents, 1 + growth, -growth

    def psi(u: float) -> float:
        return float(n**a * -np.expm1(a * math.log(u)) + n**growth * u**a - (1 + (n - 1) * u) ** growth)

    def rises(u: float) -> bool:
        return b * (n * u) ** b >= a * (1 + (n - 1) * u) ** (1 + b)

    peak = b / (n - 1)
    if a <= 0:
        return -math.inf
    if not rises(peak):
        return 0.0
    return min(0.0, psi(_bisect(rises, 1e-12, peak)))


def concentration_holds(growth: float, agents: int) -> bool:
    """Return whether revenue is least where one agent holds all data: the premise of the streamed search.

    Let r(t, s) be the revenue where one agent has t and another s < t, and H(w) = n^a((w+1)^a − w^a) − ((n−1)w+1)^α.
    Then r(t, s) ≥ r(t, 0) for all s < t if min(0, H) does not decrease on w ≥ 1; :func:`largest_disparity` says why.
    H' has the sign of (n−1) − a n^a I(w), I(w) = ((n−1)w+1)^(1+b) (w^−b − (w+1)^−b)/b: where H is negative it must not
    be, checked at 4,000 values of 1/w in (0, 1].
    """
    n, a, b = agents, 1 + growth, -growth
    if b <= 0:
        return False
    z = np.linspace(0.0, 1.0, 4001)[1:]
    # With z = 1/w, both sides multiplied by a power of z.
    integral = ((n - 1) + z) ** (1 + b) * -np.expm1(-b * np.log1p(z)) / (b * z)
    height = n**a * np.expm1(a * np.log1p(z)) - ((n - 1) + z) ** growth * z
    falls = a * n**a * integral > n - 1
    return not bool(np.any(falls & (height < 0)))


def _others_can_be_paid(growth: float, agents: int) -> bool:
    """Whether n^a(1+x)^a − φ − x((n−1)+x)^α ≥ 0 on 0 ≤ x ≤ 1: revenue with one other agent at x t, at the least.

    Needed only where revenue need not be least at x = 0. The function changes by at most n^a a + 1 per unit of x, so
    that values at a grid bound it.
    """
    if concentration_holds(growth, agents):
        return True
    n, a = agents, 1 + growth
    points = 4001
    x = np.linspace(0.0, 1.0, points)
    value = n**a * (1 + x) ** a - largest_share(growth, n) - x * ((n - 1) + x) ** growth
    return bool(value.min() - (n**a * a + 1) / (2 * (points - 1)) >= 0)


def largest_share(growth: float, agents: int) -> float:
    """φ, the largest value over 0 < u < 1 of ((1 + (n−1)u)^α − n^α u^a)/(1 − u^a): see :func:`critical_growth`."""
    n, a = agents, 1 + growth
    u = np.linspace(0.0, 1.0, 20001)[1:-1]
    values = ((1 + (n - 1) * u) ** growth - n**growth * u**a) / -np.expm1(a * np.log(u))
    limit = n**growth * (1 - growth * (n - 1) / (n * a))
    return max(1.0, float(values.max()), limit)


def _bisect(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Least argument at which a property holds that, once it holds, holds on."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
