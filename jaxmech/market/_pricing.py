"""How much to sell to whom: exact, approximate with a guarantee, heuristic with a bound, or a user's own rule."""

import dataclasses
import inspect
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._pytree import eagerly, indexable, pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, ArrayLike
from jaxmech._words import one_of
from jaxmech.market._curve import largest_best
from jaxmech.market._grouping import profit_bound
from jaxmech.market._local_search import climb_curves
from jaxmech.market._menu import GRIDS, MAX_SIZES, coarse_menu, every_size, full_menu
from jaxmech.market._on_menu import (
    GUARANTEE,
    NO_PROMISE,
    PriceRule,
    is_traced,
    menu_of,
    method_name,
    offer_on_menu,
)
from jaxmech.market._ordered import ordered
from jaxmech.market._prices import envy_free_prices
from jaxmech.market._problem import Problem, rescaled
from jaxmech.market._search import MAX_BOXES, Found, Menu, search

GRID_OF = {"monotone": "levels", "smooth": "smooth", "diminishing": "diminishing"}
"""Rows of the paper's Table 1 for finitely many types: the approximate method on the menu of each."""

METHODS = ("exact", "approximate", "heuristic", *GRID_OF, "ordered")
"""Ways to solve the pricing problem; a function is a way of one's own."""

EPSILON = 0.01
"""By how much the approximate method may fall short per buyer, unless it is told."""

_MENU = 1000  # the heuristic's menu has a size wherever a type's value passes a multiple of types/1000


@pytree
@dataclasses.dataclass(frozen=True)
class Pricing:
    """An allocation and what is known about it: numbers of NumPy from a search on the host, arrays from a menu.

    Attributes:
        sizes: (types,) points for a buyer of each type.
        prices: (types,) what she pays: the largest envy-free prices, or those of the user's rule.
        profit: revenue less the cost of collecting the largest size.
        bound: no envy-free allocation brings more profit.
        allowance: the profit may fall short of the optimum by so much, as the method promises; ∞ without a promise.
        method: how it was found.
        guarantee: what the method promises, in words.
        steps: boxes bounded, or curves tried.
    """

    sizes: np.ndarray | Array
    prices: np.ndarray | Array
    profit: float | Array
    bound: float | Array
    allowance: float | Array
    method: str = dataclasses.field(metadata={"static": True})
    guarantee: str = dataclasses.field(metadata={"static": True})
    steps: int | Array


def price(
    problem: Problem,
    method: str | PriceRule = "exact",
    *,
    epsilon: float | None = None,
    grid: str = "levels",
    limit: int | None = None,
    least: int = 0,
    seed: int = 0,
    max_boxes: int = MAX_BOXES,
    sizes: ArrayLike | None = None,
) -> Pricing:
    """Return sizes that maximise revenue at envy-free prices less c_1·max(largest size, least).

    - exact: branch and bound over all allocations, see :func:`search`; the optimum, up to rounding. The only one for
      values that may fall with size (the first row of Table 1).
    - approximate: the same on a coarser menu. If no value rises by more than δ between two of its sizes, its best
      is within K δ per buyer of the optimum: round the sizes of the best curve down, and lower the price of its
      i-th offer by i δ; then no buyer finds a cheaper offer better than her own, and pays at most K δ less. δ = ε/(2K)
      for K types; the other half of ε is the gap at which the search stops.
    - monotone, smooth, diminishing: the approximate method on the grid levels, smooth or diminishing, for the rows of
      Table 1 with K types, whose running times are N^K ε^−K, ε^−2K and ε^−3K log^K N. What those rows assume of values
      is measured here, and the search may stop far earlier.
    - ordered: the optimum for types of whom one gains more from every further point than the other, by dynamic
      programming: linear in the number of types and in that of sizes. Other types are refused.
    - heuristic: local search over posted price curves with restarts, and an upper bound that ignores envy between
      groups of types.
    - a function: the paper's Algorithm 1 with the user's rule for a given N, tried for every N up to the limit. With
      an ``epsilon`` the rule promises to be within it per buyer for every N, so that the result is (Lemma 2); a rule
      with four parameters is given it. The exact search checks the promise where it can.

    Args:
        problem: the problem.
        method: one of :data:`METHODS`, or a :data:`PriceRule`.
        epsilon: of the approximate method, per buyer, in the unit of the values, 0.01 by default; or what a rule of
            one's own promises, nothing by default.
        grid: menu of the approximate method: levels, smooth or diminishing.
        limit: at most so many points.
        least: so many points are collected in any case.
        seed: of the heuristic's random numbers.
        max_boxes: where the exact and the approximate search give up.
        sizes: sell only these, as in :func:`jaxmech.market.solve`: then, and where the problem holds tracers, this is a
            pure function of the numbers, by the exact method or a rule of one's own in JAX. Its bound holds for
            all sizes; a profit below it says that more than the menu has might bring more.

    Raises:
        ProblemError: for an unknown method, values that break the rules, and a search that is too large.

    Source: Chen, Clinton and Kandasamy 2025, section 2.2 and Table 1.

    Example:
        >>> from jaxmech.market import Buyer, table
        >>> buyers = [Buyer(table([0.0, 0.5, 0.6])), Buyer(table([0.0, 0.7, 1.0]))]
        >>> best = price(Problem([0.1], 1.0, buyers))
        >>> best.sizes.tolist(), round(best.profit, 9)
        ([1, 2], 1.1)
    """
    problem = indexable(problem)
    if sizes is not None or is_traced(problem):
        return _on_menu(problem, method, menu_of(sizes, limit), least)
    with eagerly():  # the problem is known, whatever is being traced around it
        return _of_known(problem, method, epsilon, grid, limit, least, seed, max_boxes)


def _of_known(
    problem: Problem,
    method: str | PriceRule,
    epsilon: float | None,
    grid: str,
    limit: int | None,
    least: int,
    seed: int,
    max_boxes: int,
) -> Pricing:
    if callable(method):
        return _by_rule(problem, method, epsilon, limit, least, max_boxes)
    one_of("method", method, METHODS)
    epsilon = EPSILON if epsilon is None else epsilon
    unit = max(float(valuation.largest) for valuation in problem.valuations)
    if unit > 1:  # in units of the largest value, so that every tolerance means what it does in [0, 1]
        if not (np.isfinite(epsilon) and epsilon > 0):
            raise ProblemError("epsilon", epsilon, "must be positive")
        how = {"grid": grid, "limit": limit, "least": least, "seed": seed, "max_boxes": max_boxes}
        return _in_units(price(rescaled(problem, 1 / unit), method, epsilon=epsilon / unit, **how), unit)  # type: ignore[arg-type]
    if method == "exact":
        menu = dataclasses.replace(full_menu(problem, limit), least=least)
        found = search(menu, limit=max_boxes)
        if not found.finished:
            raise _too_large(problem, menu, found)
        return _pricing(problem, menu, found, 0.0, "exact", "optimal among all envy-free allocations")
    if method == "ordered":
        menu, found = ordered(problem, limit, least)
        text = "optimal among all envy-free allocations, as types are ordered by what a further point brings them"
        return _pricing(problem, menu, found, 0.0, method, text)
    if method != "heuristic":
        return _approximate(problem, epsilon, GRID_OF.get(method, grid), limit, least, max_boxes, method)
    return _heuristic(problem, limit, least, seed)


def _in_units(found: Pricing, unit: float) -> Pricing:
    """The same with all money in a unit of which there are so many in what was counted in."""
    money = {name: getattr(found, name) * unit for name in ("prices", "profit", "bound", "allowance")}
    return dataclasses.replace(
        found, **money, guarantee=found.guarantee.replace(" per buyer", f" × {unit:g} per buyer")
    )


def _on_menu(problem: Problem, method: str | PriceRule, sizes: np.ndarray, least: int) -> Pricing:
    offer = offer_on_menu(problem, method, sizes, least)
    promise = NO_PROMISE if callable(method) else GUARANTEE
    allowance = jnp.asarray(np.inf if callable(method) else 0.0, offer.profit.dtype)
    name = method_name(method)
    return Pricing(offer.sizes, offer.prices, offer.profit, offer.bound, allowance, name, promise, offer.steps)


def _approximate(
    problem: Problem, epsilon: float, grid: str, limit: int | None, least: int, max_boxes: int, method: str
) -> Pricing:
    one_of("grid", grid, GRIDS)
    if not (np.isfinite(epsilon) and epsilon > 0):
        raise ProblemError("epsilon", epsilon, "must be positive")
    if grid == "levels":
        _check_epsilon(problem, epsilon)
    menu = dataclasses.replace(coarse_menu(problem, epsilon / (2 * problem.types), grid, limit), least=least)
    room = epsilon / 2 * float(menu.counts.sum())
    found = search(menu, gap=room, limit=max_boxes)
    if not found.finished:
        raise _too_large(problem, menu, found)
    guarantee = f"within {epsilon:g} per buyer of the optimum, on a menu of {len(menu.sizes):,} sizes ({grid})"
    found = found._replace(bound=found.bound + room)
    return _pricing(problem, menu, found, 2 * room, method, guarantee)


def _check_epsilon(problem: Problem, epsilon: float) -> None:
    """Refuse an ε that would make more levels than fit a table: Σ_j value_j/δ."""
    levels = 2 * problem.types * sum(float(valuation.largest) for valuation in problem.valuations)
    if levels / MAX_SIZES > epsilon:
        least = float(f"{1.05 * levels / MAX_SIZES:.2g}")  # rounding to two digits takes off less than five per cent
        rule = f"must be at least {least:g} here: less makes a menu of more than {MAX_SIZES:,} sizes"
        raise ProblemError("epsilon", epsilon, rule)


def _heuristic(problem: Problem, limit: int | None, least: int, seed: int) -> Pricing:
    delta = problem.types / _MENU
    menu = dataclasses.replace(coarse_menu(problem, delta, "levels", limit), least=least)
    index, profit, tried = climb_curves(menu, seed)
    bound = profit_bound(problem, menu, index)
    if profit - bound <= tolerances(menu.values.dtype).optimality * abs(profit):
        bound = max(bound, profit)  # rounding only: a bound that is wrong must be seen
    gap = f", {100 * (1 - profit / bound):.2f} % below the bound" if bound > 0 else ""
    found = Found(index, profit, bound, tried, True)
    return _pricing(problem, menu, found, np.inf, "heuristic", f"local search over posted price curves{gap}")


def _by_rule(
    problem: Problem, rule: PriceRule, epsilon: float | None, limit: int | None, least: int, max_boxes: int
) -> Pricing:
    menu = dataclasses.replace(every_size(problem, limit), least=least)
    curve_of = given_epsilon(rule, epsilon)
    bound = max(0.0, float(np.max(menu.counts @ menu.values - menu.cost * np.maximum(menu.sizes, least))))
    best = (0.0, np.zeros(problem.types, int), np.zeros(problem.types))
    for total in menu.sizes[1:].tolist():
        values = menu.values[:, : total + 1]
        curve = _checked_curve(curve_of(values, menu.counts, total), total)
        bought = largest_best(values - curve)
        profit = float(curve[bought] @ menu.counts - menu.cost * max(total, least))
        if profit > best[0]:
            best = (profit, bought, curve[bought])
    found = Pricing(best[1], best[2], best[0], bound, np.inf, method_name(rule), NO_PROMISE, len(menu.sizes) - 1)
    return found if epsilon is None else _promised(problem, found, epsilon, limit, least, max_boxes)


def given_epsilon(rule: Callable[..., ArrayLike], epsilon: float | None) -> PriceRule:
    """Return a rule of three parameters; one that takes a fourth is given ε, as the paper's A(v, N, ε) is.

    Args:
        rule: the user's.
        epsilon: what it promises, or None.

    Raises:
        ProblemError: for an ε that is not positive, and a rule that needs one where none is given.
    """
    if epsilon is not None and not (np.isfinite(epsilon) and epsilon > 0):
        raise ProblemError("epsilon", epsilon, "must be positive")
    try:
        inspect.signature(rule).bind(None, None, 0)
        needs = False
    except (TypeError, ValueError):
        needs = True
    if epsilon is None:
        if needs:
            rule_text = f"must be given: {method_name(rule)} takes it as its fourth parameter"
            raise ProblemError("epsilon", "nothing", rule_text)
        return rule
    try:
        inspect.signature(rule).bind(None, None, 0, epsilon)
    except (TypeError, ValueError):
        return rule
    return lambda values, counts, total: rule(values, counts, total, epsilon)


def _promised(
    problem: Problem, found: Pricing, epsilon: float, limit: int | None, least: int, max_boxes: int
) -> Pricing:
    """A rule's answer with what it promises, held against the exact optimum where that can be found."""
    menu = dataclasses.replace(full_menu(problem, limit), least=least)
    best = search(menu, limit=max_boxes)
    promise = f"within {epsilon:g} per buyer of the optimum, as the rule promises for every N (Lemma 2)"
    if not best.finished:
        text = f"{promise}; not checked: the optimum itself is out of reach here"
        return dataclasses.replace(found, bound=min(found.bound, best.bound), guarantee=text)
    short = max(0.0, best.profit - found.profit) / float(menu.counts.sum())
    text = f"{promise}; {short:.3g} per buyer below it, as the exact search says"
    return dataclasses.replace(found, bound=best.bound, allowance=epsilon * float(menu.counts.sum()), guarantee=text)


def _checked_curve(given: ArrayLike, total: int) -> np.ndarray:
    curve = np.asarray(given, float)
    if curve.shape != (total + 1,):
        raise ProblemError("method", curve.shape, f"must return a price for every size from 0 on: ({total + 1},)")
    if not np.all(np.isfinite(curve)) or curve[0] != 0:
        raise ProblemError("method", float(curve[0]), "must return finite prices, and 0 for nothing")
    return curve


def _pricing(problem: Problem, menu: Menu, found: Found, allowance: float, method: str, guarantee: str) -> Pricing:
    sizes = menu.sizes[found.places]
    prices = np.asarray(envy_free_prices(problem, jnp.asarray(sizes)).price, float)
    return Pricing(sizes, prices, found.profit, found.bound, allowance, method, guarantee, found.boxes)


def _too_large(problem: Problem, menu: Menu, found: Found) -> ProblemError:
    many = float(len(menu.sizes)) ** problem.types
    rule = (
        f"too large for this search: {problem.types} types and {len(menu.sizes):,} sizes make {many:.1e} allocations; "
        f"{found.boxes:,} boxes of them prove only that the optimum lies between {found.profit:.6g} and "
        f"{found.bound:.6g}; use method approximate, with an epsilon that is large enough, or heuristic"
    )
    return ProblemError("N", int(menu.sizes[-1]), rule)
