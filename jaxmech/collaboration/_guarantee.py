"""What is proven about every strategy's penalty: a one-dimensional convex minimum, certified by tangents."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._tolerances import tolerances
from jaxmech._types import Amounts, Array, Codes, Distributions, Support
from jaxmech.collaboration._penalty import penalty
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._regret import Regret, amounts_regret, unchecked_regret
from jaxmech.collaboration._robust import is_told, planned_freedom, robust_levels, without
from jaxmech.collaboration._roles import checked_levels, dimensionless, role_penalty
from jaxmech.collaboration._rule import PUBLISHED, Levels, Rule
from jaxmech.mechanism import Guarantee, Stakes

_HALVINGS = 80
_SMALLEST = 1e-12
"""The bracket starts at this part of n*; below it the tangent is followed down to n = 0."""


@jit
def pool_guarantee(stakes: Stakes, samples: Amounts, variance: Distributions) -> Guarantee:
    """Return what the best free-rider pays: she knows at most what all others and she herself have measured.

    With N points of the others she pays at least min over n of σ²/(N + n) + c n, attained at n = max(0, n_IND − N).

    Source: Clinton et al. 2025, section 3.2.
    """
    problem = _problem(stakes)
    free = unchecked_regret(problem, samples, jnp.zeros(samples.shape, bool))
    return _guarantee(stakes, variance, penalty(problem, samples), free)


@partial(jit, static_argnames="rule")
def checked_guarantee(
    stakes: Stakes,
    samples: Amounts,
    role: Codes,
    alpha: Amounts,
    total: Distributions,
    variance: Distributions,
    rule: Rule = PUBLISHED,
) -> Guarantee:
    """Return a certified lower bound on what any strategy costs an agent of :class:`Checked`.

    Truthful submission is optimal for every amount n (Hardy–Littlewood), so what is left is the minimum of her penalty
    q over n ≥ 0. Alone and receiving agents have it in closed form. Where she is checked q is convex (see
    :func:`jaxmech.collaboration._regret.regret`), so between a and b with q'(a) ≤ 0 ≤ q'(b), found by bisection, no
    value lies below either tangent: min q ≥ max(q(a) − |q'(a)|(b − a), q(b) − q'(b)(b − a)). Penalties add up over
    distributions, and what she does on one has no influence on what she gets on another, so the sum of the minima is
    the joint minimum.

    Where the rule weighs noisy points by expected noise the promise is another one, but no strategy pays less than the
    best against normal data, which weighs by the noise that was drawn: min q is what no strategy falls below for every
    law, in the sense that normal laws are among them. Where the rule is calibrated q is the expectation over σ̂, convex
    too.

    Source: Clinton et al. 2025, appendices E.2 and H.2.
    """
    problem = _problem(stakes)
    promised = role_penalty(problem, samples, role, alpha, total, rule)
    sharper = strategies_regret(problem, samples, role, alpha, total, rule)
    return _guarantee(stakes, variance, jnp.sum(promised, axis=-1), sharper)


def strategies_regret(
    problem: Problem,
    samples: Amounts,
    role: Codes,
    alpha: Amounts,
    total: Distributions,
    rule: Rule,
    *,
    whole: bool = False,
) -> Regret:
    """Return what no strategy gains more than, by agent and distribution, and the best amount known.

    Args:
        problem: the problem, with the true σ.
        samples: recommended amounts n*.
        role: :class:`Role` codes.
        alpha: corruption coefficient α where the role is CHECKED.
        total: T, points behind each distribution.
        rule: how noise is set and noisy points are weighed.
        whole: whether agents who work alone or receive are held against whole numbers of samples.

    Source: as :func:`checked_guarantee`.
    """
    found = amounts_regret(problem, samples, role, alpha, total, whole=whole, rule=rule)
    if problem.capacity is not None:
        return Regret(jnp.maximum(found.bound, 0), found.gain, found.best)
    checked = role == Role.CHECKED
    levels = checked_levels(problem, samples, checked, alpha, total, rule)
    certified = _minimum(problem, samples, levels, total, checked, rule)
    bound = jnp.where(checked & jnp.isfinite(found.bound), certified.regret, found.bound)
    best = jnp.where(checked, certified.best, found.best)
    return Regret(bound=jnp.maximum(bound, 0), gain=found.gain, best=best)


def spread_ally(problem: Problem, plan: Plan, checked: Support) -> Amounts:
    """Return what a checked agent pays at least under a robust rule if one other's points spread beyond all others'.

    That other is the one who tells most or least about σ, whichever is the worse; the mean of her points is as it was.

    Args:
        problem: the problem.
        plan: of a robust rule.
        checked: who is checked on what.

    Source: this package; the minimum is certified as in :func:`checked_guarantee`.
    """
    rule, each = plan.rule, planned_freedom(plan.samples, plan.total)
    sure = checked & is_told(each)
    tau, kappa = dimensionless(problem, plan.samples, plan.total)
    tau, kappa = jnp.where(checked, tau, 10), jnp.where(checked, kappa, 0.1)

    def least(ally: Array) -> Amounts:
        left = jnp.where(sure, without(each, ally), 1)
        levels = Levels(*robust_levels(rule.root, tau, kappa, left, beyond=1))
        found = _minimum(problem, plan.samples, levels, plan.total, checked, rule)
        n_star, cost = jnp.where(checked, plan.samples, 1), jnp.where(checked, problem.costs, 1)
        behind = jnp.where(checked, plan.total, 10 * n_star)
        return rule.penalty(n_star, n_star, behind, levels, cost, problem.scale) - found.regret

    most, fewest = jnp.argmax(each, axis=0), jnp.argmin(jnp.where(each > 0, each, jnp.inf), axis=0)
    return jnp.minimum(least(most), least(fewest))


class _Minimum(NamedTuple):
    """A certified bound on what a checked agent could gain, and where her penalty is least."""

    regret: Amounts
    best: Amounts


def _minimum(
    problem: Problem, samples: Amounts, levels: Levels, total: Distributions, checked: Support, rule: Rule
) -> _Minimum:
    """Bisection for the root of the slope, in the logarithm of n; harmless numbers stand in for other agents."""
    n_star = jnp.where(checked, samples, 1)
    told = jnp.isfinite(levels.average(jnp.asarray))
    usual = checked & jnp.isfinite(problem.costs) & told
    cost, noise = jnp.where(usual, problem.costs, 1), levels._replace(ratio=jnp.where(told, levels.ratio, 1))
    behind = jnp.where(checked, total, 10 * n_star)

    def paid(n: Array) -> Array:
        return rule.penalty(n, n_star, behind, noise, cost, problem.scale, best=True)

    def sloped(n: Array) -> tuple[Array, Array]:
        value, slope = jax.jvp(paid, (n,), (jnp.ones_like(n),))
        return value, slope

    def halve(_: Array, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = jnp.sqrt(low * high)
        falls = sloped(middle)[1] <= 0
        return jnp.where(falls, middle, low), jnp.where(falls, high, middle)

    promised = paid(n_star)
    # who weighs as recommended, which is best for normal data unless weights are steady
    complies = rule.penalty(n_star, n_star, behind, noise, cost, problem.scale) if rule.steady else promised
    # Beyond q(n*)/c collecting alone costs more than all of the promised penalty, and the slope is positive.
    start = (_SMALLEST * n_star, jnp.maximum(promised / cost, n_star))
    low, high = jax.lax.fori_loop(0, _HALVINGS, halve, start)
    (at_low, falling), (at_high, rising) = sloped(low), sloped(high)
    # If the slope is positive all the way down, the least is at n = 0, below the lower end of the bracket.
    width = jnp.where(falling > 0, low, high - low)
    from_low, from_high = at_low - jnp.abs(falling) * width, at_high - jnp.abs(rising) * width
    least = jnp.where(falling > 0, from_low, jnp.maximum(from_low, from_high))
    accuracy = tolerances(n_star.dtype)
    allowance = accuracy.root * accuracy.eps * promised
    best = jnp.where(promised <= jnp.minimum(at_low, at_high), n_star, jnp.where(at_low < at_high, low, high))
    return _Minimum(complies - least + allowance, best)


def _problem(stakes: Stakes) -> Problem:
    return Problem.unchecked(stakes.costs, stakes.sigma, stakes.price, capacity=stakes.capacity)


def _guarantee(stakes: Stakes, variance: Distributions, promised: Array, found: Regret) -> Guarantee:
    """Nothing is proven if the mechanism assumes another variance than the data have."""
    slack = tolerances(variance.dtype).condition
    same = jnp.all(jnp.abs(variance - stakes.sigma**2) <= slack * stakes.sigma**2)
    gain = jnp.sum(found.bound, axis=-1)
    least = jnp.where(same & jnp.isfinite(gain), promised - gain, -jnp.inf)
    return Guarantee(promised=promised, least=least, samples=found.best)
