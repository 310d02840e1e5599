"""Selling data, from a case to an answer: the pricing, then what a report says about it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxmech import files, market
from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._status import Solution, Status
from jaxmech._types import Array
from jaxmech.cli._choice import Choice
from jaxmech.cli._jax import quick_compilation, settings
from jaxmech.cli._options import Output
from jaxmech.mechanism import Audit
from jaxmech.report.market import Answer, Change

_CURVE = 400  # points of a drawn curve
_SEED = 0


def solve_market(case: files.MarketCase, choice: Choice, output: Output) -> Answer:
    """Solve a case as a file and the command line ask for it.

    Args:
        case: the problem file.
        choice: what the command line says.
        output: notes how long the parts take.

    Raises:
        ProblemError: for an unknown method, values that break the rules, and a search that is too large.
        SolveError: for prices that are not finite.
    """
    choice.only("method", kind="market")
    if choice.method is not None:
        case = files.priced_by(case, "--method", choice.method, Path())
    with quick_compilation():
        with output.timed("compile + solve"):
            solution = solution_of(case, case.method)
        with output.timed("certificates"):
            certificates = market.certify(case.problem, solution.value)
        with output.timed("report"):
            return _answer(case, solution, certificates, output)


def solution_of(case: files.MarketCase, method: str) -> Solution[market.Plan]:
    """Solve the market of a case.

    Args:
        case: the problem file.
        method: how to find sizes and prices.

    Raises:
        ProblemError: for values that break the rules, and a search that is too large.
        SolveError: for prices that are not finite.
    """
    solution = _solved(case, method, case.problem, case.second)
    if not case.chances or not float(solution.value.total) > 0:
        return solution
    second = market.second_within(market.frontier(case.problem, solution.value), case.chances)
    return _solved(case, method, case.problem, second)


def plan_of(case: files.MarketCase, method: str, problem: market.Problem, second: int) -> market.Plan:
    """Solve another market as the case says, with a second sample that has been decided about already.

    Bounds on chances are about the case's own market: another one need not be able to keep them. Nor need it collect
    twice as many points as the second sample has: then the second sample is half of them.

    Args:
        case: the problem file.
        method: how to find sizes and prices.
        problem: the other market.
        second: points of the second cheapest contributor.

    Raises:
        ProblemError: for values that break the rules, and a search that is too large.
        SolveError: for prices that are not finite.
    """
    plan = _solved(case, method, problem, 1).value
    fits = min(second, int(plan.total) // 2)
    return plan if fits <= 1 else _solved(case, method, problem, fits).value


def _solved(case: files.MarketCase, method: str, problem: market.Problem, second: int) -> Solution[market.Plan]:
    how: dict[str, Any] = {"epsilon": case.shortfall, "grid": case.grid, "limit": case.limit, "seed": _SEED}
    solution = market.solve(problem, case.rule or method, second=second, **how)
    if Status.of(int(solution.status)).is_failure:
        solution.raise_for_status()
    return solution


def _answer(
    case: files.MarketCase, solution: Solution[market.Plan], certificates: tuple[Audit, ...], output: Output
) -> Answer:
    problem, plan = case.problem, solution.value
    sizes = np.asarray(plan.sizes)
    trades = bool(plan.total > 0)
    grid = _grid(int(plan.total) if trades else _enough(problem))
    curve = _draw(problem, plan, jnp.asarray(grid, problem.sigma.dtype))
    return Answer(
        source=case.source,
        title=case.title,
        sigma=np.atleast_1d(np.asarray(problem.sigma, float)),
        means=problem.means,
        contributors=problem.contributors,
        costs=np.asarray(problem.contributor_costs, float),
        samples=np.asarray(plan.samples).astype(int),
        buyers=problem.buyers,
        counts=np.asarray(problem.counts, float),
        sizes=sizes.astype(int),
        prices=np.asarray(plan.prices, float),
        values=np.asarray(market.utility(problem, plan.sizes, plan.prices) + plan.prices, float),
        predecessor=np.asarray(market.envy_free_prices(problem, plan.sizes).predecessor),
        total=int(plan.total),
        revenue=float(plan.revenue),
        profit=float(plan.profit),
        optimum=float(plan.optimum),
        optimum_bound=float(plan.optimum_bound),
        profit_bound=float(plan.profit_bound),
        method=plan.method,
        guarantee=plan.guarantee,
        spread=market.spread(problem, plan, seed=_SEED),
        frontier=market.frontier(problem, plan) if trades else None,
        changes=tuple(_changes(problem, plan)) if trades else (),
        diminishing=_diminishing(case),
        curve_sizes=grid,
        curve_values=np.asarray(curve[0], float),
        curve_prices=np.asarray(curve[1], float),
        certificates=certificates,
        status=Status.of(int(solution.status)),
        residual=float(solution.residual),
        settings=settings(output.dtype, seed=_SEED),
        unit=case.unit,
        bounded=bool(case.chances),
    )


@jit
def _draw(problem: market.Problem, plan: market.Plan, grid: Array) -> tuple[Array, Array]:
    """What sizes are worth, and what they cost."""
    return problem.values(grid), market.posted_curve(plan.sizes, plan.prices, grid)


def _grid(largest: int) -> np.ndarray:
    """Sizes to draw: every one of few, else evenly spread in their logarithm."""
    if largest <= _CURVE:
        return np.arange(largest + 1, dtype=float)
    spread = np.geomspace(1, 1.15 * largest, _CURVE).round()
    return np.unique(np.concatenate([[0.0], spread, [float(largest)]]))


def _enough(problem: market.Problem) -> int:
    """Where little is left to gain for anybody: sizes worth drawing when none are sold."""
    largest = np.array([float(valuation.largest) for valuation in problem.valuations])
    sizes = 2 ** np.arange(3, 31)
    values = np.asarray(problem.values(jnp.asarray(sizes, problem.sigma.dtype)), float)
    reached = np.all(values >= 0.9 * largest[:, None], axis=0)
    return int(sizes[np.argmax(reached)] if reached.any() else sizes[-1])


def _changes(problem: market.Problem, plan: market.Plan) -> Iterator[Change]:
    """How the profit moves with σ, with the costs of who collects, and with values and scales of who buys."""
    slopes = market.sensitivity(problem, plan).profit
    yield from _by_mean(problem, "σ", problem.sigma, slopes.sigma)
    for i in np.flatnonzero(np.asarray(plan.samples) > 0).tolist():
        name = f"cost of {problem.contributors[i]}"
        yield Change(name, float(problem.contributor_costs[i]), float(slopes.contributor_costs[i]))
    for j in np.flatnonzero(np.asarray(plan.sizes) > 0).tolist():
        own, slope = problem.valuations[j], slopes.valuations[j]
        yield Change(f"buyers like {problem.buyers[j]}", float(problem.counts[j]), float(slopes.counts[j]))
        if own.kind != "table":
            yield from _by_mean(problem, f"value to {problem.buyers[j]}", own.value, slope.value)
            yield from _by_mean(problem, f"scale of {problem.buyers[j]}", own.scale, slope.scale)


def _by_mean(problem: market.Problem, what: str, numbers: Array, slopes: Array) -> Iterator[Change]:
    """The change of a number, or of one for each of several means."""
    ends = [""] if problem.dimension == 1 else [f" ({mean})" for mean in problem.means]
    for end, number, slope in zip(ends, np.ravel(numbers).tolist(), np.ravel(slopes).tolist(), strict=True):
        yield Change(f"{what}{end}", number, slope)


def _diminishing(case: files.MarketCase) -> np.ndarray | None:
    try:
        return market.shape(case.problem, case.limit).diminishing
    except ProblemError:
        return None
