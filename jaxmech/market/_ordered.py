"""The exact optimum for types in an order, in time linear in their number and in that of the sizes: a host program.

If one type gains at least as much from every further point as another (increasing differences), then

- in a best envy-free allocation type b, who gains more than a, gets at least as many points: adding up that neither
  envies the other leaves v_b(m_b) − v_b(m_a) ≥ v_a(m_b) − v_a(m_a), so that m_b < m_a needs both to gain the same from
  the points between, p_a − p_b; then both may as well take the dearer of the two offers, and no size grows;
- the largest prices are p_j = p_{j−1} + v_j(m_j) − v_j(m_{j−1}), from nothing up: each type just does not prefer the
  offer of the one below. Then she prefers no offer further down, since those below gain less from the steps between,
  none above, since those who take it gain more, and staying away is the offer of nothing.

So revenue is Σ_j C_j (v_j(m_j) − v_j(m_{j−1})), C_j the number of buyers of type j and above, and dynamic programming
over types, with running maxima over sizes, finds the best:
f_j(m) = C_j v_j(m) + max_{m' ≤ m} (f_{j−1}(m') − C_j v_j(m')).
"""

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._tolerances import tolerances
from jaxmech.market._menu import full_menu, require_monotone
from jaxmech.market._problem import Problem
from jaxmech.market._search import Found, Menu


def ordered(problem: Problem, limit: int | None, least: int) -> tuple[Menu, Found]:
    """Return the best allocation of a market whose types are ordered, with the menu that its places count in.

    Args:
        problem: the problem.
        limit: at most so many points, or None.
        least: so many points are collected in any case.

    Raises:
        ProblemError: for types that are not ordered, naming two of them and the sizes, and for values that may fall.
    """
    require_monotone(problem)
    menu = full_menu(problem, limit)
    order = _order(problem, menu)
    above = np.cumsum(menu.counts[order][::-1])[::-1]
    reached, came = np.zeros(len(menu.sizes)), np.zeros((len(order), len(menu.sizes)), int)
    reached[1:] = -np.inf  # below the first type there is only nothing
    for place, j in enumerate(order):
        weighed = above[place] * menu.values[j]
        room = reached - weighed
        came[place] = _last_highest(room)
        reached = weighed + room[came[place]]
    profits = reached - menu.cost * np.maximum(menu.sizes, least)
    profits[0] = 0.0  # nothing is sold, and nothing collected
    places = np.zeros(len(order), int)
    at = int(np.argmax(profits))
    profit = float(profits[at])
    for place in range(len(order) - 1, -1, -1):
        places[order[place]] = at
        at = int(came[place, at])
    return menu, Found(places, profit, profit, int(came.size), True)


def _last_highest(values: np.ndarray) -> np.ndarray:
    """For every place, where the largest value up to there stands: the first one."""
    best = np.maximum.accumulate(values)
    new = np.concatenate([[True], values[1:] > best[:-1]])
    return np.maximum.accumulate(np.where(new, np.arange(len(values)), 0))


def _order(problem: Problem, menu: Menu) -> np.ndarray:
    """Types from the one that gains least from more points to the one that gains most.

    Raises:
        ProblemError: where neither of two types gains more from every further point.
    """
    values = menu.values
    order = np.argsort(values[:, -1] - values[:, 0], kind="stable")
    slack = 64 * tolerances(values.dtype).eps * float(values.max())
    steps = np.diff(values[order], axis=0)
    falls = np.maximum.accumulate(steps, axis=1) - steps
    for k, m in np.argwhere(falls > slack)[:1]:
        low, high = (problem.buyers[int(order[k + i])] for i in range(2))
        before = int(np.argmax(steps[k, :m]))
        rule = (
            f"are not ordered: from {menu.sizes[before]:,} to {menu.sizes[m]:,} points {low} gains more than {high}, "
            f"over all sizes less; the method ordered is for types of whom one gains more from every further point"
        )
        raise ProblemError("buyers", f"{low}, {high}", rule)
    return order
