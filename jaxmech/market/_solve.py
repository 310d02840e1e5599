"""Solve a problem of selling data: from costs and values to a plan, from a plan to the broker who carries it out."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._checks import whole
from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._pytree import eagerly, indexable
from jaxmech._status import Solution
from jaxmech._types import Array, ArrayLike
from jaxmech.market._broker import Broker
from jaxmech.market._menu import require_monotone
from jaxmech.market._on_menu import LEAST, Offer, PriceRule, assemble, is_traced, menu_of, samples_of, solve_on_menu
from jaxmech.market._plan import Plan
from jaxmech.market._pricing import Pricing, price
from jaxmech.market._problem import Problem


def solve(
    problem: Problem,
    method: str | PriceRule = "exact",
    *,
    second: int = 1,
    epsilon: float | None = None,
    grid: str = "levels",
    limit: int | None = None,
    seed: int = 0,
    sizes: ArrayLike | None = None,
) -> Solution[Plan]:
    """Return who collects how much, and who buys how much at which expected price.

    The sizes maximise revenue at envy-free prices less the cost of collecting. The cheapest contributor collects all
    points but ``second``, the second cheapest those: enough to check the first. Contributors who are
    tied for the lowest cost share the work evenly instead, which costs no more and makes prices vary less. There is no
    trade where it would lose money, or where there is only one contributor: nobody could check her.

    Args:
        problem: the problem.
        method: exact, approximate, heuristic, or a function of one's own: see :func:`price`. On a menu: exact, or a
            function in JAX.
        second: points of the second cheapest contributor; more of them make prices vary less, and cost more.
        epsilon: by how much the approximate method may fall short, per buyer, 0.01 by default; or what a function of
            one's own promises, nothing by default.
        grid: menu of the approximate method: levels, smooth or diminishing.
        limit: collect at most so many points, at least 2.
        seed: of the heuristic's random numbers.
        sizes: sell only these, whole numbers from 0 on; where it is given, or where the problem holds tracers (under
            jit, vmap, grad or :func:`jaxmech.batch`), a search of fixed memory finds the best allocation on this menu,
            0 to :data:`DEFAULT_LARGEST` points by default.

    Returns:
        Solution around the plan. The residual is the largest violation of envy-freeness or individual rationality of
        the buyers, relative to the largest value, or of the bounds on the profit, relative to them, recomputed from
        sizes, prices and samples; steps counts boxes or curves. The status is ALMOST where the residual is no rounding
        error, and NONFINITE, with a plan of NaN, where prices are not finite. On a menu it is MAX_STEPS where more
        points than the menu has might bring more (``optimum_bound`` says how much at most), and INFEASIBLE, with NaN,
        where ``second`` is more than half of all points. Derivatives are those of the largest profit.

    Raises:
        ProblemError: for values that break the rules, and a search that is too large: what it would take, and what to
            use instead.

    Source: Chen, Clinton and Kandasamy 2025, Algorithms 1 and 2.

    Example:
        >>> from jaxmech.market import Buyer, table
        >>> buyers = [Buyer(table([0.0, 0.5, 0.6])), Buyer(table([0.0, 0.7, 1.0]))]
        >>> plan = solve(Problem([0.1, 0.15], 1.0, buyers)).value
        >>> plan.samples.tolist(), plan.sizes.tolist(), plan.prices.round(9).tolist(), round(float(plan.profit), 9)
        ([1.0, 1.0], [1.0, 2.0], [0.5, 0.8], 1.05)
        >>> slope = jax.grad(lambda costs: solve(Problem(costs, 1.0, buyers), sizes=range(9)).value.profit)
        >>> slope(jnp.array([0.1, 0.15])).tolist()  # each point costs what it costs
        [-1.0, -1.0]
    """
    whole("second", second)
    if limit is not None:
        whole("limit", limit, least=LEAST)
    problem = indexable(problem)
    if sizes is not None or is_traced(problem):
        require_monotone(problem)  # here the buyers still have their names
        return _on_menu(problem, tuple(menu_of(sizes, limit).tolist()), second, method)
    options = {"epsilon": epsilon, "grid": grid, "limit": limit, "seed": seed}
    with eagerly():  # the problem is known, whatever is being traced around it
        return _of_known(problem, method, second, limit, options)


def _of_known(
    problem: Problem, method: str | PriceRule, second: int, limit: int | None, options: dict[str, Any]
) -> Solution[Plan]:
    baseline = offered = price(problem, method, **options)
    if len(problem.contributor_costs) >= LEAST and int(baseline.sizes.max()) < LEAST:
        offered = price(problem, method, least=LEAST, **options)
    total = max(int(offered.sizes.max()), LEAST)
    divide_work(problem, total, second)  # refuses a second sample that is too large
    offers = (_offer(pricing, problem.contributor_costs.dtype) for pricing in (baseline, offered))
    dtype = problem.contributor_costs.dtype
    most, allowance = (jnp.asarray(x, dtype) for x in (np.inf if limit is None else limit, offered.allowance))
    solution = _assemble(problem, *offers, jnp.asarray(second, dtype), limit=most, allowance=allowance)
    words = {"method": offered.method, "guarantee": offered.guarantee}
    return solution.map(lambda plan: dataclasses.replace(plan, **words))


def mechanism(problem: Problem, plan: Plan) -> Broker:
    """Return the broker who carries out a plan: pure functions of submissions.

    Args:
        problem: the problem.
        plan: from :func:`solve`.

    Source: Chen, Clinton and Kandasamy 2025, Algorithms 1 and 2.

    Example:
        >>> from jaxmech.market import Buyer, table
        >>> problem = Problem([0.1, 0.15], 1.0, [Buyer(table([0.0, 0.7, 1.0]))])
        >>> mechanism(problem, solve(problem).value).recommended.samples.tolist()
        [[1.0], [1.0]]
    """
    return Broker(
        samples=plan.samples,
        costs=problem.contributor_costs,
        sizes=plan.sizes,
        prices=plan.prices,
        counts=problem.counts,
        variance=problem.sigma**2,
    )


def divide_work(problem: Problem, total: int | Array, second: int | Array = 1) -> np.ndarray | Array:
    """Return how many points each contributor collects of a total.

    Where costs or numbers are traced the answer is an array of floats, NaN where ``second`` is too large.

    Args:
        problem: the problem.
        total: N⁺.
        second: points of the second cheapest contributor, at most half of the total.

    Returns:
        (contributors,) whole numbers. Contributors tied for the lowest cost share evenly, the first ones one more where
        the total cannot be divided; with fewer points than they are, the first ones collect one each. All zero for one
        contributor.

    Source: Chen, Clinton and Kandasamy 2025, equation (13), and the discussion after Theorem 5.1.

    Example:
        >>> from jaxmech.market import Buyer, exponential
        >>> buyers = [Buyer(exponential(0.3))]
        >>> divide_work(Problem([0.2, 0.1, 0.3], 1.0, buyers), 10).tolist()
        [1, 9, 0]
        >>> divide_work(Problem([0.1, 0.2, 0.1, 0.1], 1.0, buyers), 10).tolist()
        [4, 0, 3, 3]
    """
    if is_traced(problem, total, second):
        return _divided(problem.contributor_costs, total, second)
    costs = np.asarray(problem.contributor_costs)
    unequal = len(costs) >= LEAST and np.sum(costs == costs.min()) == 1
    if unequal and not 1 <= second <= total // 2:
        raise ProblemError("second", second, f"must be between 1 and half of the {total} points collected")
    return np.asarray(samples_of(problem.contributor_costs, total, second)).astype(int)


@partial(jit, static_argnames=("sizes", "second", "method"))
def _on_menu(problem: Problem, sizes: tuple[int, ...], second: int, method: str | PriceRule) -> Solution[Plan]:
    return solve_on_menu(problem, np.array(sizes), second, method)


def _divided(costs: Array, total: int | Array, second: int | Array) -> Array:
    unequal = (jnp.sum(costs == jnp.min(costs)) == 1) & (len(costs) >= LEAST)
    possible = (jnp.asarray(second) >= 1) & (jnp.asarray(second) <= jnp.asarray(total) // 2)
    return jnp.where(unequal & ~possible, jnp.nan, samples_of(jax.lax.stop_gradient(costs), total, second))


def _offer(pricing: Pricing, dtype: Any) -> Offer:
    """What a search on the host found, as the kernel takes it."""
    sizes, prices = jnp.asarray(pricing.sizes, dtype), jnp.asarray(pricing.prices, dtype)
    profit, bound = jnp.asarray(pricing.profit, dtype), jnp.asarray(pricing.bound, dtype)
    return Offer(sizes, prices, profit, bound, jnp.asarray(pricing.steps), jnp.asarray(True))


_assemble = jit(assemble)
