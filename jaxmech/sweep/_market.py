"""Sweeps over markets: every instance is solved on one menu of sizes."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._types import Array
from jaxmech.market import Problem, most_useful, solve, utility
from jaxmech.sweep._kind import POSITIVE, Kind, Row, Rule, changed

MENU = 257
"""Sizes on the menu, unless the sweep says otherwise."""

MOST_SIZES = 4_096
_ROOM = 4  # times the largest total that could pay in the problem itself: costs may fall
_SHARE = Rule("must be in (0, 1]", lambda value: 0 < value <= 1, ("uniform", "loguniform"))
_COUNT = Rule("must be a whole number, at least 1", lambda value: 1 <= value < 2**53 and value == round(value), ())


class Market(Kind):
    """Sizes and prices that bring most on a menu, from nothing to four times what could pay in the problem itself.

    Args:
        problem: with the values of all that does not vary.
        sizes: how many sizes are on the menu: all from 0 on where that reaches, else spread evenly in their logarithm.
        second: points of the second cheapest contributor.
        limit: collect at most so many points, or None.
        most: no value of a buyer may exceed it: 1, or ∞ where money has a unit.

    Raises:
        ProblemError: for a menu that is too short or too long.
    """

    name = "market"
    keys = (
        "contributor_costs, contributor_costs[NAME], sigma, and of buyers count, scale, value, count[NAME], "
        "scale[NAME], value[NAME]"
    )
    keep = ("samples", "sizes", "prices", "utility")
    kept = ("sizes", "prices")
    labels = (("profit", "profit"), ("revenue", "revenue"))
    worst = ("profit", "least")
    nothing = "means no buyer: tables of values have neither scale nor value"

    def __init__(
        self,
        problem: Problem,
        sizes: int | None = None,
        second: int = 1,
        limit: int | None = None,
        most: float = 1.0,
    ) -> None:
        count = MENU if sizes is None else sizes
        if isinstance(count, bool) or not isinstance(count, int) or not 3 <= count <= MOST_SIZES:
            raise ProblemError(
                "sizes", sizes, f"must be a whole number from 3 to {MOST_SIZES:,}: so many are on the menu"
            )
        if problem.dimension > 1:
            self.keys = (
                "contributor_costs, contributor_costs[NAME], sigma, sigma[NAME], and of buyers count, count[NAME]"
            )
        self.problem, self.second, self.most = problem, second, most
        self._sizes, self._limit = sizes, limit
        self.menu = _menu(max(2, _ROOM * most_useful(problem)), count, limit)

    def options(self) -> dict[str, Any]:
        """How long the menu is, and what bounds it."""
        return {"sizes": self._sizes, "second": self.second, "limit": self._limit, "most": self.most}

    @property
    def title(self) -> str:
        """The menu."""
        return f"exact on a menu of {len(self.menu)} sizes up to {self.menu[-1]:,}"

    @property
    def axes(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """By contributor, or by type of buyer."""
        buyers = (self.problem.buyers,)
        costs = (self.problem.contributors,)
        own: dict[str, tuple[tuple[str, ...], ...]] = {"contributor_costs": costs, "sigma": (), "count": buyers}
        if self.problem.dimension > 1:  # scales and values are lists there, which rules for numbers do not fit
            return {**own, "sigma": (self.problem.means,)}
        return {**own, "scale": buyers, "value": buyers}

    @property
    def leaves(self) -> Mapping[str, Array]:
        """Costs, the standard deviation, and what buyers are."""
        problem = self.problem
        own = {"contributor_costs": problem.contributor_costs, "sigma": problem.sigma, "count": problem.counts}
        if problem.dimension > 1:
            return own
        return {
            **own,
            "scale": jnp.stack([valuation.scale for valuation in problem.valuations]),
            "value": jnp.stack([valuation.value for valuation in problem.valuations]),
        }

    @property
    def size(self) -> int:
        """The menu: the search holds some of its values for every type."""
        return len(self.menu)

    def fixed(self, leaf: str) -> np.ndarray:
        """Tables have neither scale nor largest value of their own."""
        tables = np.array([valuation.kind == "table" for valuation in self.problem.valuations])
        return tables if leaf in ("scale", "value") else super().fixed(leaf)

    def movable(self, leaf: str) -> np.ndarray:
        """All but what is fixed."""
        return ~self.fixed(leaf)

    def rule(self, key: str) -> Rule:
        """Values lie in (0, 1] unless money has a unit, buyers are whole."""
        return {"value": _SHARE if self.most <= 1 else POSITIVE, "count": _COUNT}.get(key.partition("[")[0], POSITIVE)

    def solve(self, leaves: Mapping[str, Array]) -> Row:
        """The plan on the menu."""
        valuations = tuple(
            one
            if one.kind == "table" or "scale" not in leaves
            else changed(one, scale=leaves["scale"][j], value=leaves["value"][j])
            for j, one in enumerate(self.problem.valuations)
        )
        problem = changed(
            self.problem,
            contributor_costs=leaves["contributor_costs"],
            sigma=leaves["sigma"],
            counts=leaves["count"],
            valuations=valuations,
        )
        solution = solve(problem, sizes=self.menu, second=self.second)
        plan = solution.value
        return {
            "status": solution.status,
            "residual": solution.residual,
            "steps": solution.steps,
            **{name: getattr(plan, name) for name in self.plain},
            "samples": plan.samples,
            "sizes": plan.sizes,
            "prices": plan.prices,
            "utility": utility(problem, plan.sizes, plan.prices),
        }

    @property
    def plain(self) -> tuple[str, ...]:
        """Money and points."""
        return ("profit", "revenue", "total", "optimum", "optimum_bound", "profit_bound")

    def kept_axes(self, column: str) -> tuple[tuple[str, ...], ...]:
        """Amounts by contributor, the others by type of buyer."""
        return (self.problem.contributors,) if column == "samples" else (self.problem.buyers,)

    def description(self) -> dict[str, Any]:
        """Names and numbers of the problem, and the menu."""
        problem = self.problem
        tables = [np.asarray(valuation.values, float).tolist() for valuation in problem.valuations]
        numbers = {leaf: np.asarray(value, float).tolist() for leaf, value in self.leaves.items()}
        names = {"contributors": list(problem.contributors), "buyers": list(problem.buyers)}
        kinds = [valuation.kind for valuation in problem.valuations]
        told = {**names, **numbers, "valuations": kinds, "values": tables}
        return {"kind_of_problem": "market", "problem": told, "menu": self.menu.tolist(), "second": self.second}


def _menu(largest: int, count: int, limit: int | None) -> np.ndarray:
    most = largest if limit is None else min(largest, limit)
    if most < count:
        return np.arange(most + 1)
    spread = np.unique(np.geomspace(1, most, count - 1).round().astype(int))
    return np.unique(np.concatenate([[0, 1, 2], spread]))
