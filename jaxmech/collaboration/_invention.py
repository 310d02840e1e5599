"""What made-up numbers would bring an agent whose data are checked: a pure kernel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Amounts, Array
from jaxmech.collaboration._corruption import checked_penalty
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._roles import dimensionless
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.numerics import NORMAL_NODES, NORMAL_WEIGHTS

_HALVINGS = 40
_REACH = 10.0, 4.0
"""Off by this many standard errors, plus √(T/n*) times the other, made-up numbers bring almost nothing."""


class Invention(NamedTuple):
    """What an agent is left with who measures nothing and hands in numbers that she made up; NaN where none is checked.

    Attributes:
        within: how near to the true mean that of her numbers has to be to save her anything, in σ; 0 where not even the
            true mean would.
        far: what she pays for the distribution if they are far off.
    """

    within: Amounts
    far: Amounts


@in_equivalent_points()
def invention(problem: Problem, plan: Plan) -> Invention:
    """Return how well a checked agent has to know the mean to save anything by inventing n* numbers around it.

    Made up δ off, with |Z| = n* and D = T − 2n* noisy points, her error is E[w²z̄² + (1 − w)²(σ² + η²)/D], where
    η² = α²(δ − z̄)², z̄ ~ N(0, σ²/n*) and w = n*/(n* + Dσ²/(σ² + η²)); ``within`` is where that costs as much as she pays
    under the plan, which is more for any larger δ.

    Args:
        problem: the problem.
        plan: from :func:`solve`, of a published rule; for others all is NaN.

    Source: Clinton et al. 2025, sections 3.2 and 4, for what is done to the data; the question is ours.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.01]] * 100, sigma=10.0)
        >>> found = invention(problem, solve(problem, division="social", mechanism="c3d").value)
        >>> float(found.within[0, 0].round(3)), float(found.far[0, 0].round(3))
        (0.39, 10.0)
    """
    checked = (plan.role == Role.CHECKED) & plan.rule.published & (not plan.pooled)
    n = jnp.where(checked, plan.samples, 1.0)
    tau, kappa = dimensionless(problem, plan.samples, plan.total)
    tau, kappa = jnp.where(checked, tau, 10.0), jnp.where(checked, kappa, 0.1)
    ratio = jnp.where(checked, plan.alpha**2 / n, 1.0)
    off = _break_even(tau, ratio, checked_penalty(tau, kappa, ratio))
    return Invention(*(jnp.where(checked, part, jnp.nan) for part in (off / jnp.sqrt(n), problem.error / n)))


def _error(tau: Array, ratio: Array, off: Array) -> Array:
    """Her squared error in units of σ²/n*, for numbers that are off by so many σ/√n*; to 2e-5 at α² = 100 n*."""
    z, weight = (jnp.asarray(part, tau.dtype) for part in (NORMAL_NODES, NORMAL_WEIGHTS))
    tau, ratio, off = (part[..., None] for part in (tau, ratio, off))
    spread = 1 + ratio * (off - z) ** 2
    clean = spread / (spread + tau - 2)
    return jnp.sum(weight * (clean**2 * z**2 + (1 - clean) ** 2 * spread / (tau - 2)), axis=-1)


def _break_even(tau: Array, ratio: Array, honest: Array) -> Array:
    """Where the error crosses what honesty costs, by bisection; a step of Newton's at its end has the derivatives."""
    known = jax.lax.stop_gradient((tau, ratio, honest))

    def halve(_: int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        pays = _error(*known[:2], middle) < known[2]
        return jnp.where(pays, middle, low), jnp.where(pays, high, middle)

    ends = jnp.zeros_like(tau), _REACH[0] + _REACH[1] * jnp.sqrt(known[0])
    low, high = jax.lax.fori_loop(0, _HALVINGS, halve, jax.lax.stop_gradient(ends))
    off = (low + high) / 2
    _, slope = jax.jvp(lambda u: _error(*known[:2], u), (off,), (jnp.ones_like(off),))
    ever = low > 0
    step = (_error(tau, ratio, off) - honest) / jnp.where(ever, jax.lax.stop_gradient(slope), 1.0)
    return jnp.where(ever, off - step, 0.0)
