"""Solve a problem of selling data: from costs and values to a plan, from a plan to the broker who carries it out."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxmech._checks import whole
from jaxmech._errors import ProblemError
from jaxmech._status import Solution, Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.market._broker import Broker
from jaxmech.market._plan import Plan
from jaxmech.market._prices import most_tempting_swap
from jaxmech.market._pricing import EPSILON, PriceRule, Pricing, price
from jaxmech.market._problem import Problem

LEAST = 2
"""Fewest points that a truthful market can collect: each of two contributors is checked against the other."""


def solve(
    problem: Problem,
    method: str | PriceRule = "exact",
    *,
    second: int = 1,
    epsilon: float = EPSILON,
    grid: str = "levels",
    limit: int | None = None,
    seed: int = 0,
) -> Solution[Plan]:
    """Return who collects how much, and who buys how much at which expected price.

    The sizes maximise revenue at envy-free prices less the cost of collecting. The cheapest contributor collects all
    points but ``second``, the second cheapest those: enough to check the first. Contributors who are
    tied for the lowest cost share the work evenly instead, which costs no more and makes prices vary less. There is no
    trade where it would lose money, or where there is only one contributor: nobody could check her.

    Args:
        problem: the problem.
        method: exact, approximate, heuristic, or a function of one's own: see :func:`price`.
        second: points of the second cheapest contributor; more of them make prices vary less, and cost more.
        epsilon: by how much the approximate method may fall short, per buyer.
        grid: menu of the approximate method: levels, smooth or diminishing.
        limit: collect at most so many points, at least 2.
        seed: of the heuristic's random numbers.

    Returns:
        Solution around the plan. The residual is the largest violation of envy-freeness or individual rationality of
        the buyers, relative to the largest value, or of the bounds on the profit, relative to them, recomputed from
        sizes, prices and samples; steps counts boxes or curves. The status is ALMOST where the residual is no rounding
        error, and NONFINITE, with a plan of NaN, where prices are not finite.

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
    """
    whole("second", second)
    if limit is not None:
        whole("limit", limit, least=LEAST)
    options = {"epsilon": epsilon, "grid": grid, "limit": limit, "seed": seed}
    baseline = price(problem, method, **options)  # type: ignore[arg-type]
    costs = np.sort(np.asarray(problem.contributor_costs, float))
    extra = costs[1] - costs[0] if len(costs) > 1 else np.inf
    offered = baseline
    if len(costs) > 1 and int(baseline.sizes.max()) < LEAST:
        offered = price(problem, method, least=LEAST, **options)  # type: ignore[arg-type]
    samples = divide_work(problem, max(int(offered.sizes.max()), LEAST), second)
    return _solution(problem, baseline, offered, samples, extra, second, limit)


def mechanism(problem: Problem, plan: Plan) -> Broker:
    """Return the broker who carries out a plan: pure functions of submissions.

    Args:
        problem: the problem.
        plan: from :func:`solve`.

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


def divide_work(problem: Problem, total: int, second: int = 1) -> np.ndarray:
    """Return how many points each contributor collects of a total.

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
    costs = np.asarray(problem.contributor_costs, float)
    samples = np.zeros(len(costs), int)
    if len(costs) < 2:
        return samples
    order = np.argsort(costs, kind="stable")
    tied = order[costs[order] == costs[order[0]]]
    if len(tied) > 1:
        share, rest = divmod(total, len(tied))
        samples[tied] = share
        samples[tied[:rest]] += 1
        return samples
    if not 1 <= second <= total // 2:
        raise ProblemError("second", second, f"must be between 1 and half of the {total} points collected")
    samples[order[0]], samples[order[1]] = total - second, second
    return samples


def _solution(
    problem: Problem,
    baseline: Pricing,
    offered: Pricing,
    samples: np.ndarray,
    extra: float,
    second: int,
    limit: int | None,
) -> Solution[Plan]:
    costs, counts = (np.asarray(leaf, float) for leaf in (problem.contributor_costs, problem.counts))
    revenue = float(counts @ offered.prices)
    profit = revenue - float(costs @ samples)
    trades = bool(samples.sum()) and profit > 0 and (limit is None or samples.sum() <= limit)
    if not trades:
        samples, revenue, profit = np.zeros_like(samples), 0.0, 0.0
    sizes, prices = (part if trades else np.zeros_like(part) for part in (offered.sizes, offered.prices))
    bound = max(0.0, offered.bound - extra) if len(costs) > 1 else 0.0
    # A second sample beyond one point is given away on purpose, for prices that vary less.
    spared = (second - 1) * extra if np.isfinite(extra) else 0.0
    swap = most_tempting_swap(problem, sizes, prices)
    above = max(profit - bound, baseline.profit - baseline.bound) / max(bound, baseline.bound, 1e-300)
    envied = -swap.loss / max(float(v.largest) for v in problem.valuations)
    finite = np.all(np.isfinite(offered.prices)) and np.all(np.isfinite(baseline.prices))
    residual = max(0.0, float(np.max([envied, above]))) if finite else np.nan
    dtype = problem.contributor_costs.dtype

    def leaf(value: Any) -> Array:
        return jnp.asarray(value if np.isfinite(residual) else np.full(np.shape(value), np.nan), dtype)

    plan = Plan(
        samples=leaf(samples),
        sizes=leaf(sizes),
        prices=leaf(prices),
        total=leaf(samples.sum()),
        revenue=leaf(revenue),
        profit=leaf(profit),
        optimum=leaf(baseline.profit),
        optimum_bound=leaf(baseline.bound),
        profit_bound=leaf(bound),
        allowance=leaf(offered.allowance + spared),
        method=offered.method,
        guarantee=offered.guarantee,
    )
    status = jnp.asarray(_status(residual, dtype), jnp.int32)
    return Solution(plan, status, leaf(residual), jnp.asarray(baseline.steps, jnp.int32))


def _status(residual: float, dtype: np.dtype[Any]) -> Status:
    if not np.isfinite(residual):
        return Status.NONFINITE
    return Status.OK if residual <= tolerances(dtype).optimality else Status.ALMOST
