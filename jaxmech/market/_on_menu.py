"""A market on a menu of fixed length, from costs and values to the plan: a pure kernel.

Sizes and samples are found by search and do not move with small changes of the numbers; prices and profit are
recomputed from them, so that their derivatives are those of the largest profit (envelope theorem).
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._extremes import highest, lowest
from jaxmech._status import Solution, Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, ArrayLike, Scalar
from jaxmech.market._curve import largest_best
from jaxmech.market._menu import require_monotone
from jaxmech.market._plan import Plan
from jaxmech.market._prices import envy_free_prices, swap_losses
from jaxmech.market._problem import Problem
from jaxmech.market._stack import LARGEST_MENU, best_allocation

LEAST = 2
"""Fewest points that a truthful market can collect: each of two contributors is checked against the other."""


DEFAULT_LARGEST = 256
"""Largest size on the menu where numbers are traced and no menu is given."""

GUARANTEE = "optimal among all envy-free allocations on the menu"
"""What the search promises."""

NO_PROMISE = "none: a rule of the user's own"
"""What a rule of one's own promises."""

PriceRule: TypeAlias = Callable[[Any, Any, int], ArrayLike]
"""A user's rule, as the paper's Algorithm 1 takes one: values (types, N + 1), counts and N to prices of sizes 0..N."""


class Offer(NamedTuple):
    """What is sold at which prices, and what is known about it.

    Attributes:
        sizes: (types,) points for a buyer of each type.
        prices: (types,) the largest envy-free prices.
        profit: revenue less the cost of collecting the largest size, or the least number of points.
        bound: no envy-free allocation brings more.
        steps: boxes split.
        complete: whether the bound is the profit, up to rounding.
    """

    sizes: Array
    prices: Array
    profit: Scalar
    bound: Scalar
    steps: Array
    complete: Array


def price_on_menu(problem: Problem, sizes: np.ndarray, least: int = 0, skip: Array | bool = False) -> Offer:
    """Return the most profitable envy-free allocation among ``sizes``, and its largest envy-free prices.

    Args:
        problem: the problem; it may hold tracers.
        sizes: increasing whole numbers, the first one 0: a constant of the program.
        least: so many points are collected in any case.
        skip: true where the caller does not need the answer.

    Returns:
        The offer. Its bound holds for larger sizes than those on the menu as well, so that it may exceed the profit.
    """
    cost = lowest(problem.contributor_costs)
    values = _rising(problem, sizes)
    collected = jnp.asarray(np.maximum(sizes, least), values.dtype)
    found = best_allocation(values, problem.counts, cost * collected, skip)
    bought = jnp.asarray(sizes, values.dtype)[found.places]
    prices = envy_free_prices(problem, bought).price
    profit = jnp.sum(problem.counts * prices) - cost * jnp.max(collected[found.places])
    profit = jnp.where(jnp.max(bought) > 0, profit, 0.0)
    worth = _worth(problem)
    beyond = worth - cost * float(sizes[-1] + 1)
    # no allocation on the menu brings more than the best one, whose bound moves as its profit does
    bound = jnp.maximum(found.bound + (profit - jax.lax.stop_gradient(profit)), beyond)
    complete = found.finished & (bound - found.profit <= tolerances(values.dtype).iterate * worth)
    return Offer(bought, prices, profit, bound, found.steps, complete)


def offer_on_menu(
    problem: Problem, method: str | PriceRule, sizes: np.ndarray, least: int = 0, skip: Array | bool = False
) -> Offer:
    """Return the best offer on a menu by a method that traces: "exact", or a rule of one's own in JAX.

    Raises:
        ProblemError: for any other method.
    """
    require_monotone(problem)
    if callable(method):
        return _by_rule(problem, method, sizes, least)
    if method != "exact":
        rule = "must be exact, or a rule of your own, on a menu and where numbers are traced"
        raise ProblemError("method", method, rule)
    return price_on_menu(problem, sizes, least, skip)


def _by_rule(problem: Problem, rule: PriceRule, sizes: np.ndarray, least: int) -> Offer:
    """The paper's Algorithm 1 with the user's rule for every N on the menu: traced once for each, all in one program.

    Prices that are not finite, or not 0 for nothing, make the profit NaN: inside a program nothing can be refused.
    """
    cost, grid = lowest(problem.contributor_costs), np.arange(int(sizes[-1]) + 1)
    values = _rising(problem, grid)
    none = jnp.zeros(problem.types, values.dtype)
    best = (jnp.zeros((), values.dtype), none, none)
    sound = jnp.asarray(True)
    for total in sizes[1:].tolist():
        curve = jnp.asarray(rule(values[:, : total + 1], problem.counts, total), values.dtype)
        if curve.shape != (total + 1,):
            raise ProblemError("method", curve.shape, f"must return a price for every size from 0 on: ({total + 1},)")
        sound &= jnp.all(jnp.isfinite(curve)) & (curve[0] == 0)
        bought = largest_best(values[:, : total + 1] - curve)
        profit = jnp.sum(curve[bought] * problem.counts) - cost * max(total, least)
        found = (profit, bought.astype(values.dtype), curve[bought])
        best = jax.tree.map(partial(jnp.where, profit > best[0]), found, best)
    profit, bought, prices = (jnp.where(sound, part, jnp.nan) for part in best)
    collected = cost * jnp.asarray(np.maximum(grid, least), values.dtype)
    bound = jnp.maximum(0.0, highest(jnp.sum(problem.counts[:, None] * values, axis=0) - collected))
    bound = jnp.maximum(bound, _worth(problem) - cost * float(sizes[-1] + 1))
    return Offer(bought, prices, profit, bound, jnp.asarray(len(sizes) - 1), jnp.asarray(True))


def _rising(problem: Problem, sizes: np.ndarray) -> Array:
    """(types, sizes) values that rounding does not make fall, or exceed the largest; slopes are those of the values."""
    values, largest = problem.values(sizes), jnp.stack([valuation.largest for valuation in problem.valuations])
    mended = jax.lax.cummax(jnp.clip(values, 0.0, largest[:, None]), axis=1)
    return jax.lax.stop_gradient(mended) + (values - jax.lax.stop_gradient(values))


def _worth(problem: Problem) -> Scalar:
    """What no amount of data exceeds, to all buyers together."""
    return jnp.sum(problem.counts * jnp.stack([valuation.largest for valuation in problem.valuations]))


def menu_of(sizes: ArrayLike | None, limit: int | None) -> np.ndarray:
    """Return the sizes of a menu, checked; a constant of the program.

    Args:
        sizes: whole numbers from 0 on, or None for 0 to :data:`DEFAULT_LARGEST`.
        limit: no larger ones.

    Raises:
        ProblemError: for what is no menu.
    """
    if sizes is None:
        menu = np.arange(DEFAULT_LARGEST + 1)
    elif isinstance(sizes, jax.core.Tracer):
        raise ProblemError("sizes", "traced", "must be known when the program is compiled: a list or a NumPy array")
    else:
        menu = np.asarray(sizes)
    whole_numbers = menu.ndim == 1 and menu.dtype.kind in "iuf" and np.all(menu == np.round(menu))
    if not whole_numbers or len(menu) < 2 or menu[0] != 0 or np.any(np.diff(menu) <= 0):
        raise ProblemError("sizes", sizes, "must be whole numbers that increase from 0")
    if menu[-1] < LEAST or len(menu) > LARGEST_MENU:
        rule = f"must reach {LEAST}, and be at most {LARGEST_MENU:,} numbers"
        raise ProblemError("sizes", f"{len(menu)} numbers up to {menu[-1]}", rule)
    return menu[menu <= (limit or np.inf)].astype(int)


def is_traced(*numbers: Any) -> bool:
    """Whether any number is being traced."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(numbers))


def method_name(method: str | PriceRule) -> str:
    """What plans call a method."""
    return method if isinstance(method, str) else getattr(method, "__name__", "a rule")


def solve_on_menu(
    problem: Problem, sizes: np.ndarray, second: int = 1, method: str | PriceRule = "exact"
) -> Solution[Plan]:
    """Return the plan of a market that sells the sizes of a menu: see :func:`jaxmech.market.solve`.

    Args:
        problem: the problem; it may hold tracers.
        sizes: increasing whole numbers, the first one 0, the last at least 2: a constant of the program.
        second: points of the second cheapest contributor.
        method: "exact", or a rule of one's own.

    Returns:
        Solution around the plan; MAX_STEPS where more points than the menu has could bring more (``optimum_bound``
        says how much), NONFINITE where numbers are not finite, INFEASIBLE where ``second`` is more than half.
    """
    baseline = offered = offer_on_menu(problem, method, sizes)
    if len(problem.contributor_costs) >= LEAST:
        small = jnp.max(baseline.sizes) < LEAST
        checked = offer_on_menu(problem, method, sizes, LEAST, skip=~small)
        offered = jax.tree.map(lambda new, old: jnp.where(small, new, old), checked, baseline)
    solution = assemble(problem, baseline, offered, second, allowance=np.inf if callable(method) else 0.0)
    words = {"method": method_name(method), "guarantee": NO_PROMISE if callable(method) else GUARANTEE}
    return solution.map(lambda plan: dataclasses.replace(plan, **words))


def samples_of(costs: Array, total: Array | int, second: int | Array) -> Array:
    """Return how many points each contributor collects of a total: see :func:`jaxmech.market.divide_work`.

    Args:
        costs: (contributors,).
        total: N⁺.
        second: points of the second cheapest contributor.
    """
    if len(costs) < LEAST:
        return jnp.zeros_like(costs)
    dtype = costs.dtype
    total, second = jnp.asarray(total, dtype), jnp.asarray(second, dtype)
    place = jnp.argsort(jnp.argsort(costs, stable=True), stable=True).astype(dtype)
    tied = costs == jnp.min(costs)
    number = jnp.sum(tied, dtype=dtype)
    even = jnp.where(tied, total // number + (place < total % number).astype(dtype), 0.0)
    apart = jnp.where(place == 0, total - second, jnp.where(place == 1, second, 0.0))
    return jnp.where(number > 1, even, apart)


def assemble(
    problem: Problem,
    baseline: Offer,
    offered: Offer,
    second: int | Array,
    *,
    limit: float | Array = np.inf,
    allowance: float | Array = 0.0,
) -> Solution[Plan]:
    """Return the plan that carries out an offer, or no trade where it would lose money.

    Args:
        problem: the problem.
        baseline: the best offer if contributors were not strategic.
        offered: the best one of at least two points.
        second: points of the second cheapest contributor.
        limit: collect at most so many points.
        allowance: by how much the profit may fall short, as the method promises.
    """
    costs, dtype = problem.contributor_costs, problem.contributor_costs.dtype
    alone = len(costs) < LEAST
    total, second = jnp.maximum(jnp.max(offered.sizes), LEAST), jnp.asarray(second, dtype)
    samples = samples_of(jax.lax.stop_gradient(costs), total, second)
    revenue = jnp.sum(problem.counts * offered.prices)
    profit = revenue - jnp.sum(costs * samples)
    trades = jnp.any(samples > 0) & (profit > 0) & (total <= limit)
    samples, sizes, prices, revenue, profit = (
        jnp.where(trades, part, 0.0) for part in (samples, offered.sizes, offered.prices, revenue, profit)
    )
    cheapest = jnp.sort(costs)
    extra = 0.0 if alone else cheapest[1] - cheapest[0]
    bound = jnp.zeros((), dtype) if alone else jnp.maximum(offered.bound - extra, 0.0)
    plan = Plan(
        samples=samples,
        sizes=sizes,
        prices=prices,
        total=jnp.sum(samples),
        revenue=revenue,
        profit=profit,
        optimum=baseline.profit,
        optimum_bound=baseline.bound,
        profit_bound=bound,
        # a second sample beyond one point is given away on purpose, for prices that vary less
        allowance=allowance + (second - 1) * extra,
        method="exact",
        guarantee=GUARANTEE,
    )
    unequal = jnp.sum(costs == jnp.min(costs)) == 1
    impossible = trades & unequal & (second > total // 2) & (not alone)
    complete = baseline.complete & (offered.complete | alone)
    return dataclasses.replace(
        _judged(problem, plan, offered.prices, complete, impossible), steps=baseline.steps.astype(jnp.int32)
    )


def _judged(problem: Problem, plan: Plan, offered: Array, complete: Array, impossible: Array) -> Solution[Plan]:
    """Residual and status of a plan, recomputed from what it holds; NaN where there is no answer."""
    largest = jnp.max(jnp.stack([valuation.largest for valuation in problem.valuations]))
    envied = -jnp.min(swap_losses(problem, plan.sizes, plan.prices)) / largest
    excess = jnp.maximum(plan.profit - plan.profit_bound, plan.optimum - plan.optimum_bound)
    above = excess / jnp.maximum(jnp.maximum(plan.profit_bound, plan.optimum_bound), np.finfo(largest.dtype).tiny)
    residual = jax.lax.stop_gradient(jnp.maximum(jnp.maximum(envied, above), 0.0))
    finite = jnp.all(jnp.isfinite(offered)) & jnp.isfinite(residual) & jnp.isfinite(plan.optimum)
    solved = jnp.where(residual <= tolerances(largest.dtype).optimality, Status.OK, Status.ALMOST)
    status = jnp.where(complete, solved, Status.MAX_STEPS)
    status = jnp.where(impossible, Status.INFEASIBLE, jnp.where(finite, status, Status.NONFINITE))
    failed = impossible | ~finite
    blank = jax.tree.map(lambda leaf: jnp.where(failed, jnp.nan, leaf), plan)
    return Solution(blank, status.astype(jnp.int32), jnp.where(failed, jnp.nan, residual), jnp.zeros((), jnp.int32))
