"""Host: what the bound on profit and the equilibrium rest on: no discrimination, and honest others."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxmech.market._broker import Broker
from jaxmech.market._expectation import expected_settlement
from jaxmech.market._menu import tabulate
from jaxmech.market._plan import Plan
from jaxmech.market._problem import Problem, most_useful
from jaxmech.mechanism import Audit

_TRIED, _ZOOMS = 2048, 2
"""Sizes that are tried at a time, and how often the surroundings of the best are looked at."""


class Discrimination(NamedTuple):
    """What a market earns that may ask everybody for all that points are worth to her.

    Attributes:
        total: points collected, all of which everybody gets.
        profit: what is left of their worth to all buyers once the two cheapest contributors are paid.
    """

    total: int
    profit: float


def discrimination(problem: Problem) -> Discrimination:
    """Return a profit of markets whose buyers may envy each other: max over N of Σ_j v_j(N) − c_1 (N − 1) − c_2.

    Everybody gets all points, and pays what they are worth to her: individually rational and not envy-free. The bound
    OPT − (c_2 − c_1) is about envy-free markets, and this may exceed it.

    Args:
        problem: the problem.

    Returns:
        The best that was tried: at least so much can be had. Host only.

    Source: Chen, Clinton and Kandasamy 2025, section 2.1: why envy-freeness is asked for.

    Example:
        >>> from jaxmech.market import Buyer, table
        >>> low, high = Buyer(table([0.0, 0.5, 0.6])), Buyer(table([0.0, 0.7, 1.0]))
        >>> found = discrimination(Problem([0.1, 0.1], 1.0, [low, high]))
        >>> found.total, round(found.profit, 9)  # 0.6 + 1.0 − 0.2
        (2, 1.4)
    """
    costs = np.sort(np.asarray(problem.contributor_costs, float))
    largest = most_useful(problem)
    if len(costs) < 2 or largest < 2:
        return Discrimination(0, 0.0)
    low, high, best = 2, largest, (0.0, 0)
    for zoom in range(_ZOOMS + 1):
        spread = np.geomspace(low, high, _TRIED) if zoom == 0 else np.linspace(low, high, _TRIED)
        sizes = np.unique(np.clip(spread.round(), 2, largest).astype(np.int64))
        worth = np.asarray(problem.counts, float) @ tabulate(problem, np.append(0, sizes))[:, 1:]
        profit = worth - costs[0] * (sizes - 1) - costs[1]
        k = int(np.argmax(profit))
        best = max(best, (float(profit[k]), int(sizes[k])))
        low, high = int(sizes[max(k - 1, 0)]), int(sizes[min(k + 1, len(sizes) - 1)])
    return Discrimination(best[1], best[0])


def premises(problem: Problem, plan: Plan, broker: Broker) -> tuple[Audit, Audit]:
    """Return two facts about what is not claimed: profits of markets that discriminate, and dominant strategies.

    Args:
        problem: the problem.
        plan: from :func:`solve`, with trade.
        broker: who pays the contributors.
    """
    return _most(problem, plan), _dominant(problem, broker)


def _most(problem: Problem, plan: Plan) -> Audit:
    found, profit = discrimination(problem), float(plan.profit)
    told = f"a market that discriminates has {found.profit:.6g}"
    if found.profit <= profit:
        told = "no market that discriminates was found to have more"
    elif found.total:
        told += f": {found.total:,} points for everybody, each at what they are worth to her"
    margin = profit / found.profit - 1 if found.profit > 0 else 0.0
    effort = f"{(_ZOOMS + 1) * _TRIED:,} numbers of points at most"
    return Audit.judged("the most even of markets that discriminate", margin, 0.0, told, effort, claimed=False)


def _dominant(problem: Problem, broker: Broker) -> Audit:
    """What a contributor gains by making numbers up if all others hand in one number that they agreed upon.

    Then honesty costs her N_i points, and the distance of her mean from that number at least σ²/N_i on average.
    """
    known = expected_settlement(broker)
    some = jnp.where(known.samples > 0, known.samples, 1.0)
    gains = np.asarray(known.spent - known.curvature * known.variance / some, float)
    spent = np.where(np.asarray(known.samples) > 0, np.asarray(known.spent, float), np.inf)
    worst = int(np.argmax(gains / spent))
    told = (
        f"if the others make up one number, {problem.contributors[worst]} gains at least {gains[worst]:.4g} by making "
        "up the same instead of collecting"
    )
    effort = "what the broker pays, whatever the mean; in no mechanism does anybody collect in dominant strategies"
    claim = "best whatever the others do"
    return Audit.judged(claim, -float(gains[worst] / spent[worst]), 0.0, told, effort, claimed=False)
