"""How much an agent could gain by collecting another amount, bounded without a search."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Amounts, Array, Codes, Distributions, Support
from jaxmech.collaboration._limited_regret import Watched, limited_regret
from jaxmech.collaboration._limited_whole import whole_alone
from jaxmech.collaboration._penalty import collection_cost, risk
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem, alone_samples
from jaxmech.collaboration._roles import checked_levels
from jaxmech.collaboration._rule import PUBLISHED, Levels, Rule
from jaxmech.mechanism import best_whole, of_others

# Amounts at which the slope of a checked agent's penalty is compared: n* times 10^-4 to 10^4.
GRID_DECADES = 4
GRID_POINTS = 65


@pytree
@dataclasses.dataclass(frozen=True)
class Regret:
    """What agents could gain by collecting another amount of one distribution and submitting it truthfully.

    Attributes:
        bound: no amount gains more; ∞ where nothing can be said, because too few points of others back the check or
            because the penalty is not convex.
        gain: what collecting ``best`` gains.
        best: the best amount known.
    """

    bound: Amounts
    gain: Amounts
    best: Amounts


def regret(problem: Problem, plan: Plan, whole: bool = False) -> Regret:
    """Bound what each agent could gain on each distribution by collecting another amount, the others complying.

    Alone and receiving agents have their best amount in closed form, n_IND and max(0, n_IND − Σ_{j≠i} n_j), so that the
    bound is exact. The penalty q of a checked agent is convex: q(n) is the mean of σ²/(n + n* + D n/(A + B n)) + c n
    over A, B ≥ 0, and 1 over a concave positive function is convex if D = T − 2n* ≥ 0. Hence

        q(n*) − q(n) ≤ q'(n*) (n* − n),

    and only 0 ≤ n ≤ q(n*)/c can be better than n*. So the regret is at most |q'(n*)| max(n*, q(n*)/c − n*), with an
    allowance for rounding in the slope. That the slope increases is checked on a grid as well.

    Args:
        problem: the problem.
        plan: roles, amounts and coefficients are read from it; nothing else is trusted.
        whole: whether agents who work alone or receive are held against whole numbers of samples.

    Source: Clinton et al. 2025, appendices E.2 and H.2.
    """
    if plan.pooled:
        return unchecked_regret(problem, plan.samples, jnp.zeros(plan.samples.shape, bool), whole=whole)
    return amounts_regret(problem, plan.samples, plan.role, plan.alpha, plan.total, whole=whole, rule=plan.rule)


def amounts_regret(
    problem: Problem,
    samples: Amounts,
    role: Codes,
    alpha: Amounts,
    total: Distributions,
    *,
    whole: bool = False,
    rule: Rule = PUBLISHED,
) -> Regret:
    """Bound regret as :func:`regret` does, of arrays that make up a plan of c3d or cbl.

    Of who collects another amount and weighs what she gets as is recommended.

    Args:
        problem: the problem.
        samples: recommended amounts n*.
        role: :class:`Role` codes.
        alpha: corruption coefficient α where the role is CHECKED.
        total: T, points behind each distribution.
        whole: whether agents who work alone or receive are held against whole numbers of samples.
        rule: how noise is set and noisy points are weighed.
    """
    checked = role == Role.CHECKED
    if problem.capacity is not None:
        levels = checked_levels(problem, samples, checked, alpha, total, rule)
        return _within_limits(problem, samples, role == Role.ALONE, whole, (levels, total, checked, rule))
    exact = unchecked_regret(problem, samples, role == Role.ALONE, whole=whole)
    levels = checked_levels(problem, samples, checked, alpha, total, rule)
    watched = _checked(problem, samples, levels, total, checked, rule)
    return Regret(
        bound=jnp.where(checked, watched.bound, exact.bound),
        gain=jnp.where(checked, watched.gain, exact.gain),
        best=jnp.where(checked, watched.best, exact.best),
    )


def best_whole_alone(problem: Problem) -> Amounts:
    """Return the whole number n ≥ 1 that minimises σ²/n + c n: floor or ceiling of n_IND; 0 where c = ∞.

    Args:
        problem: the problem.

    Source: this package: Clinton et al. 2025 count in real numbers.

    Example:
        >>> best_whole_alone(Problem([[1.0], [0.1]], sigma=1.0)).tolist()
        [[1.0], [3.0]]
    """
    unit = whole_points(problem)
    if problem.capacity is not None:
        return whole_alone(problem, unit)
    some = jnp.isfinite(problem.costs_over_worth)
    return jnp.where(some, best_whole(alone_samples(problem) / unit) * unit, 0)


def whole_points(problem: Problem) -> Array | float:
    """Return what a whole point of an agent's own counts among the problem's points: only whole ones are collected."""
    return 1.0 if problem.precision is None else problem.precision


def unchecked_regret(problem: Problem, samples: Amounts, alone: Support, *, whole: bool = False) -> Regret:
    """Return the exact regret where the penalty is σ²/(N + n) + c n, with N = 0 for whoever works alone.

    Args:
        problem: the problem.
        samples: recommended amounts.
        alone: who gets nothing of the others; nobody in the pools.
        whole: whether agents are held against whole numbers of samples.
    """
    if problem.capacity is not None:
        return _within_limits(problem, samples, alone, whole, None)
    given = jnp.where(alone, 0, of_others(samples))
    best = jnp.maximum(alone_samples(problem) - given, 0)
    if whole:
        # One more point pays if and only if (N + n)(N + n + 1) < n_IND².
        unit = whole_points(problem)
        low = jnp.floor(best / unit) * unit
        more = (given + low) * (given + low + unit) < alone_samples(problem) ** 2
        best = jnp.where(alone, best_whole_alone(problem), jnp.where(more, low + unit, low))
    error = problem.error

    def paid(amounts: Amounts) -> Amounts:
        points = given + amounts
        errors = error / points if problem.valued_alike else risk(error, points)
        return errors + collection_cost(problem, amounts)

    helpless = ~jnp.isfinite(problem.costs) & (samples == 0)
    gain = jnp.where(helpless | (samples == best), 0, paid(samples) - paid(best))
    return Regret(bound=gain, gain=gain, best=best)


_Check = tuple[Levels, Distributions, Support, Rule]


def _within_limits(problem: Problem, samples: Amounts, alone: Support, whole: bool, check: _Check | None) -> Regret:
    """Regret within most, least and budget; where nobody is checked the best amounts are known whatever they cost."""
    nobody = jnp.zeros(samples.shape, bool)
    watched = Watched(nobody, samples, samples, nobody, samples, samples)
    if check is not None:
        levels, total, checked, rule = check
        grid, _ = _watch(problem, samples, levels, total, checked, rule)
        backed = _is_backed(samples, total, checked) & jnp.isfinite(problem.costs) & grid.convex
        gain = grid.promised - grid.least
        watched = Watched(checked, grid.promised, grid.slope, backed, gain, grid.best)
    found = limited_regret(problem, samples, alone, watched, whole_points(problem) if whole else None)
    return Regret(*found)


def _watch(
    problem: Problem, samples: Amounts, levels: Levels, total: Distributions, checked: Support, rule: Rule
) -> tuple["_Grid", Amounts]:
    """The penalty of checked agents on the grid, and their costs; harmless numbers stand in for the other agents."""
    n_star = jnp.where(checked, samples, 1)
    behind = jnp.where(checked, total, 10)
    cost = jnp.where(checked & jnp.isfinite(problem.costs), problem.costs, 1)

    def slope(n: Array) -> tuple[Array, Array]:
        def paid(amount: Array) -> Array:
            return rule.penalty(amount, n_star, behind, levels, cost, problem.scale)

        return jax.jvp(paid, (n,), (jnp.ones_like(n),))

    return _scan_grid(slope, n_star), cost


def _checked(
    problem: Problem, samples: Amounts, levels: Levels, total: Distributions, checked: Support, rule: Rule
) -> Regret:
    """Regret bound of checked agents by convexity."""
    n_star = jnp.where(checked, samples, 1)
    grid, cost = _watch(problem, samples, levels, total, checked, rule)
    accuracy = tolerances(n_star.dtype)
    # The slope is a difference of numbers of the size of c, each rounded.
    steepest = jnp.abs(grid.slope) + accuracy.root * accuracy.eps * cost
    reach = jnp.maximum(n_star, grid.promised / cost - n_star)
    backed = _is_backed(samples, total, checked) & jnp.isfinite(problem.costs) & grid.convex
    bound = jnp.where(backed, steepest * reach, jnp.inf)
    return Regret(bound=jnp.where(jnp.isnan(bound), jnp.inf, bound), gain=grid.promised - grid.least, best=grid.best)


class _Grid(NamedTuple):
    """What the grid told: at n*, at the best amount on it, and whether the slope increased all along."""

    promised: Array
    slope: Array
    least: Array
    best: Array
    convex: Array
    before: Array


def _scan_grid(slope: Callable[[Array], tuple[Array, Array]], n_star: Amounts) -> _Grid:
    """Visit the grid, whose middle is n* itself, with one point in memory at a time."""
    slack = tolerances(n_star.dtype).condition
    factors = jnp.logspace(-GRID_DECADES, GRID_DECADES, GRID_POINTS, dtype=n_star.dtype)

    def visit(grid: _Grid, place: Array) -> tuple[_Grid, None]:
        middle = place == GRID_POINTS // 2
        amount = jnp.where(middle, n_star, factors[place] * n_star)
        value, here = slope(amount)
        better = value < grid.least
        return _Grid(
            promised=jnp.where(middle, value, grid.promised),
            slope=jnp.where(middle, here, grid.slope),
            least=jnp.where(better, value, grid.least),
            best=jnp.where(better, amount, grid.best),
            convex=grid.convex & (here >= grid.before - slack * jnp.abs(grid.before)),
            before=here,
        ), None

    infinite = jnp.full_like(n_star, jnp.inf)
    start = _Grid(infinite, infinite, infinite, n_star, jnp.ones(n_star.shape, bool), -infinite)
    return jax.lax.scan(visit, start, jnp.arange(GRID_POINTS))[0]


def _is_backed(samples: Amounts, total: Distributions, checked: Support) -> Support:
    """Whether the others collect T − n* points, at least n* of them: enough for Z and for Z'."""
    slack = 1 + tolerances(samples.dtype).condition
    needed = jnp.where(checked, total - samples, 0)
    return (needed <= of_others(samples) * slack) & (needed * slack >= jnp.where(checked, samples, 0))
