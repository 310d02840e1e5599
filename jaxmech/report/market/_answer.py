"""What a market's report is made of: one solved problem, on the host, with its names."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxmech._status import Status
from jaxmech.market import Frontier, Spread
from jaxmech.mechanism import Audit
from jaxmech.report._numbers import settle
from jaxmech.report._records import Judged


@dataclasses.dataclass(frozen=True)
class Change:
    """How the largest profit moves with one number of the problem.

    Attributes:
        what: the number, in words.
        number: what it is.
        slope: derivative of the profit.
    """

    what: str
    number: float
    slope: float

    @property
    def per_percent(self) -> float:
        """What one per cent more of the number does to the profit."""
        return 0.01 * self.number * self.slope


@dataclasses.dataclass(frozen=True)
class Answer(Judged):
    """One solved problem of selling data, in numpy arrays.

    Attributes:
        source: the file or the shipped problem.
        title: one line that says what it is, or an empty text.
        sigma: (means,) standard deviation of a point.
        means: what a point measures.
        contributors: their names.
        costs: (contributors,) of a point.
        samples: (contributors,) points that each collects.
        buyers: names of the types.
        counts: (types,) buyers of each.
        sizes: (types,) points that a buyer of each type gets.
        prices: (types,) what she is expected to pay.
        values: (types,) what her points are worth to her.
        predecessor: (types,) whose offer holds the price down; −1 where the buyer's own value does.
        total: points collected.
        revenue: what buyers pay.
        profit: revenue less the cost of collecting.
        optimum: OPT, the profit with contributors who are not strategic.
        optimum_bound: no envy-free allocation brings more.
        profit_bound: no equilibrium of any mechanism that is envy-free and rational for buyers brings more profit.
        method: how sizes and prices were found.
        guarantee: what the method promises.
        spread: how prices and payments vary.
        frontier: what a larger second sample brings, or None without trade.
        changes: how the profit moves with the numbers of the problem.
        diminishing: (types,) whether returns diminish, or None where that was too much to check.
        curve_sizes: sizes at which values and prices are drawn.
        curve_values: (types, curve) what they are worth.
        curve_prices: (curve,) the posted price curve.
        certificates: every claim and fact, with margin and witness.
        status: how the solve ended.
        residual: largest violation of the buyers' constraints, relative.
        settings: version, jax, device, dtype, seed.
        unit: of money, or an empty text.
        bounded: whether bounds on chances decided about the second sample.
    """

    source: str
    title: str
    sigma: np.ndarray
    means: tuple[str, ...]
    contributors: tuple[str, ...]
    costs: np.ndarray
    samples: np.ndarray
    buyers: tuple[str, ...]
    counts: np.ndarray
    sizes: np.ndarray
    prices: np.ndarray
    values: np.ndarray
    predecessor: np.ndarray
    total: int
    revenue: float
    profit: float
    optimum: float
    optimum_bound: float
    profit_bound: float
    method: str
    guarantee: str
    spread: Spread
    frontier: Frontier | None
    changes: tuple[Change, ...]
    diminishing: np.ndarray | None
    curve_sizes: np.ndarray
    curve_values: np.ndarray
    curve_prices: np.ndarray
    certificates: tuple[Audit, ...]
    status: Status
    residual: float
    settings: Mapping[str, Any]
    unit: str = ""
    bounded: bool = False

    @property
    def trades(self) -> bool:
        """Whether anything is sold."""
        return self.total > 0

    @property
    def utility(self) -> np.ndarray:
        """(types,) what a buyer of each type gains."""
        return settle(self.values - self.prices, self.values, self.settings["dtype"])

    @property
    def gain(self) -> np.ndarray:
        """(contributors,) expected payment less the cost of collecting."""
        spent = self.costs * self.samples
        return settle(self.spread.payment - spent, spent, self.settings["dtype"])
