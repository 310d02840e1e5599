"""A market that grows with the models in it: what misreports bring, and for which growth rates they never matter.

Pure kernels: growth rates and numbers of agents may be traced.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._types import Array, ArrayLike, Scalar
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


def critical_growth(agents: int | Array = 2) -> Scalar:
    """Return the growth rate from which on a desirable mechanism exists for every disparity.

    With everybody else at 0, type t must be left φ t^(1+α) in the limit of fine grids, φ the largest value over
    0 < u < 1 of ((1 + (n−1)u)^α − n^α u^(1+α)) / (1 − u^(1+α)): lying by a constant factor u again and again. It can
    be paid out of (n t)^(1+α), the whole market, if and only if φ ≤ n^(1+α), which is :func:`never_fails`.

    Args:
        agents: n, at least two; inside jit and vmap it may be traced.

    Returns:
        The root in α, by bisection to the last digit. It has no derivative: n counts.

    Raises:
        ProblemError: for fewer than two agents.

    Source: this package; Chen et al. 2020, section 6.2, found the divergence "near −0.67" numerically.

    Example:
        >>> round(float(critical_growth(2)), 6), round(float(critical_growth(3)), 6)
        (-0.660911, -0.718345)
    """
    root: Scalar = _critical(_real(agents, float))
    return root


def never_fails(growth: ArrayLike, agents: int | Array = 2) -> Array:
    """Return whether a desirable mechanism exists for every disparity, however large.

    From growth 0 on the market is not competitive, and a mechanism that charges nothing is desirable. Below, the
    payments that leave type t with φ t^(1+α) when the others have nothing must be affordable.

    Args:
        growth: at least −1; inside jit and vmap it may be traced, as may ``agents``.
        agents: at least two.

    Raises:
        ProblemError: for numbers out of range.

    Source: Chen et al. 2020, Theorem 4; this package (see :func:`critical_growth`).

    Example:
        >>> bool(never_fails(-0.66)), bool(never_fails(-0.67))
        (True, False)
    """
    rate = growth_rate(growth)
    found: Array = _never_fails(rate, _real(agents, rate.dtype))
    return found


@jit
def concentration_holds(growth: Scalar, agents: Scalar) -> Array:
    """Return whether revenue is least where one agent holds all data: the premise of the streamed search.

    Let r(t, s) be the revenue where one agent has t and another s < t, and H(w) = n^a((w+1)^a − w^a) − ((n−1)w+1)^α.
    Then r(t, s) ≥ r(t, 0) for all s < t if min(0, H) does not decrease on w ≥ 1; :func:`largest_disparity` says why.
    H' has the sign of (n−1) − a n^a I(w), I(w) = ((n−1)w+1)^(1+b) (w^−b − (w+1)^−b)/b: where H is negative it must not
    be, checked at 4,000 values of 1/w in (0, 1].
    """
    n, competes = agents, growth < 0
    a, b = 1 + growth, jnp.where(competes, -growth, 1.0)
    z = jnp.linspace(0.0, 1.0, 4001, dtype=growth.dtype)[1:]
    # With z = 1/w, both sides multiplied by a power of z.
    integral = ((n - 1) + z) ** (1 + b) * -jnp.expm1(-b * jnp.log1p(z)) / (b * z)
    height = n**a * jnp.expm1(a * jnp.log1p(z)) - ((n - 1) + z) ** growth * z
    falls = a * n**a * integral > n - 1
    return competes & ~jnp.any(falls & (height < 0))


@jit
def _critical(agents: Scalar) -> Scalar:
    low, high = jnp.full_like(agents, -1.0), jnp.zeros_like(agents)
    return _bisect(lambda growth: _least_slack(growth, agents) >= 0, low, high)


@jit
def _never_fails(growth: Scalar, agents: Scalar) -> Array:
    inside = (growth > -1) & (growth < 0)
    rate = jnp.where(inside, growth, -0.5)
    affordable = (_least_slack(rate, agents) >= 0) & _others_can_be_paid(rate, agents)
    return (growth >= 0) | (inside & affordable)


def _least_slack(growth: Scalar, agents: Scalar) -> Scalar:
    """Least of ψ(u) = n^a (1 − u^a) + n^α u^a − (1 + (n−1)u)^α on 0 ≤ u ≤ 1, where a = 1 + α, −1 ≤ α ≤ 0.

    It is not negative if and only if φ ≤ n^a. ψ' has the sign of b n^b u^b (1 + (n−1)u)^(−1−b) − a with b = −α, whose
    first term rises up to u = b/(n−1) and falls afterwards. So ψ falls, perhaps rises, and perhaps falls again to
    ψ(1) = 0: its least value is 0 or at the first zero of ψ', if any.
    """
    n, a, b = agents, 1 + growth, -growth

    def psi(u: Scalar) -> Scalar:
        return n**a * -jnp.expm1(a * jnp.log(u)) + n**growth * u**a - (1 + (n - 1) * u) ** growth

    def rises(u: Scalar) -> Array:
        return b * (n * u) ** b >= a * (1 + (n - 1) * u) ** (1 + b)

    peak = b / (n - 1)
    first = _bisect(rises, jnp.full_like(peak, 1e-12), peak)
    slack = jnp.where(rises(peak), jnp.minimum(0.0, psi(first)), 0.0)
    return jnp.where(a > 0, slack, -jnp.inf)


def _others_can_be_paid(growth: Scalar, agents: Scalar) -> Array:
    """Whether n^a(1+x)^a − φ − x((n−1)+x)^α ≥ 0 on 0 ≤ x ≤ 1: revenue with one other agent at x t, at the least.

    Needed only where revenue need not be least at x = 0. The function changes by at most n^a a + 1 per unit of x, so
    that values at a grid bound it.
    """
    n, a = agents, 1 + growth
    points = 4001
    x = jnp.linspace(0.0, 1.0, points, dtype=growth.dtype)
    value = n**a * (1 + x) ** a - _largest_share(growth, n) - x * ((n - 1) + x) ** growth
    paid = jnp.min(value) - (n**a * a + 1) / (2 * (points - 1)) >= 0
    return concentration_holds(growth, agents) | paid


def _largest_share(growth: Scalar, agents: Scalar) -> Scalar:
    """φ, the largest value over 0 < u < 1 of ((1 + (n−1)u)^α − n^α u^a)/(1 − u^a): see :func:`critical_growth`."""
    n, a = agents, 1 + growth
    u = jnp.linspace(0.0, 1.0, 20001, dtype=growth.dtype)[1:-1]
    values = ((1 + (n - 1) * u) ** growth - n**growth * u**a) / -jnp.expm1(a * jnp.log(u))
    limit = n**growth * (1 - growth * (n - 1) / (n * a))
    return jnp.maximum(1.0, jnp.maximum(jnp.max(values), limit))


def _real(agents: int | Array, dtype: Any) -> Scalar:
    """A number of agents as a real number, checked unless it is being traced."""
    return jnp.asarray(agents if isinstance(agents, jax.core.Tracer) else number_of_agents(agents), dtype)


def _bisect(holds: Callable[[Scalar], Array], low: Scalar, high: Scalar) -> Scalar:
    """Least argument at which a property holds that, once it holds, holds on."""

    def halve(_: Array, ends: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        low, high = ends
        middle = (low + high) / 2
        found = holds(middle)
        return jnp.where(found, low, middle), jnp.where(found, middle, high)

    return jax.lax.fori_loop(0, _BISECTIONS, halve, (low, high))[1]
