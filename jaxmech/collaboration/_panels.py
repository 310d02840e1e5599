"""One draw that measures several values at one cost: a panel, as one distribution of a problem. Pure kernels."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array, ArrayLike
from jaxmech.collaboration._calibrated import Calibrated
from jaxmech.collaboration._plan import Plan
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._solve import mechanism

_BY_DISTRIBUTION = ("samples", "role", "alpha", "total", "target")


@dataclasses.dataclass(frozen=True)
class Values:
    """What is measured, value by value, where some draws measure several.

    Attributes:
        names: of the values: distributions that measure one, and coordinates of panels in the place of their panel.
        draws: for every value, the place of the distribution whose draw measures it.
        sigma: standard deviation of each.
        price: of a unit of squared error of each, or agents × values.
        panels: names of the panels with those of their coordinates.
    """

    names: tuple[str, ...]
    draws: tuple[int, ...]
    sigma: np.ndarray
    price: np.ndarray
    panels: dict[str, tuple[str, ...]]

    def of(self, table: Any) -> np.ndarray:
        """Return a table by distribution as one by value.

        Args:
            table: (…, distributions).
        """
        return np.asarray(table)[..., list(self.draws)]

    @property
    def scale(self) -> np.ndarray:
        """By what a distribution's standard errors are multiplied for each value: σ of coordinates, 1 of all others."""
        own = np.bincount(self.draws)[list(self.draws)] == 1
        return np.where(own, 1.0, self.sigma)

    def in_one_draw(self, names: tuple[str, ...]) -> bool:
        """Return whether one draw measures all these values, so that none of them is measured for its own sake."""
        return len({self.draws[self.names.index(name)] for name in names}) == 1


class Reduced(NamedTuple):
    """Standard deviations and prices by distribution instead of by value.

    Attributes:
        sigma: (distributions,); 1 of a panel, whose errors are counted in standard deviations of its coordinates.
        price: (distributions,) or (agents, distributions).
    """

    sigma: Array
    price: Array


def reduce_panels(sigma: ArrayLike, price: ArrayLike, draws: Sequence[int]) -> Reduced:
    """Return the problem's σ and price where one draw measures several values: worth Σ_k w_k σ_k² at σ = 1.

    With the same number of draws for all coordinates of a panel and the same rule in units of each σ_k, the risk of
    coordinate k is σ_k² h(n), with one h for all. So a panel costs an agent Σ_k w_k σ_k² h(n) + c n: that is one
    distribution with σ = 1 and the price Σ_k w_k σ_k². What is promised holds for every joint law of the coordinates
    as long as each is estimated on its own, since expectations add up; an agent who knows how they are correlated can
    estimate them together, and better.

    Args:
        sigma: standard deviations, one per value.
        price: of a unit of squared error, one per value, or (agents, values).
        draws: for every value the number of the distribution whose draw measures it, in increasing order.

    Returns:
        Numbers of distributions that measure one value are left as they are.

    Source: this package; elementary.

    Example:
        >>> reduce_panels([2.0, 1.0, 3.0], [5.0, 1.0, 2.0], (0, 1, 1))
        Reduced(sigma=Array([2., 1.], dtype=float...), price=Array([ 5., 19.], dtype=float...))
    """
    spread, worth, of = jnp.asarray(sigma, float), jnp.asarray(price, float), np.asarray(draws)
    alone = np.bincount(of)[of] == 1
    first = np.unique(of, return_index=True)[1]
    worth = jnp.moveaxis(worth * jnp.where(alone, 1, spread**2), -1, 0)
    summed = jnp.zeros((len(first), *worth.shape[1:]), worth.dtype).at[of].add(worth)
    return Reduced(jnp.where(alone[first], spread[first], 1), jnp.moveaxis(summed, 0, -1))


def problem_by_value(problem: Problem, values: Values) -> Problem:
    """Return a problem with a column per value, in which plans are carried out and measured, but not solved for.

    The cost of a draw is split evenly between its values, so that bills add up.

    Args:
        problem: by distribution.
        values: what each draw measures.

    Source: this package; bookkeeping.
    """
    draws = np.asarray(values.draws)
    costs = problem.costs[..., draws] / np.bincount(draws)[draws]
    sigma, price = (jnp.asarray(table, costs.dtype) for table in (values.sigma, values.price))
    return Problem.unchecked(costs, sigma, price, problem.agents, values.names)


def mechanism_by_value(problem: Problem, plan: Plan, values: Values) -> tuple[Plan, Any]:
    """Return a plan with a column per value, and the mechanism that carries it out, in units of each σ.

    A calibrated rule compares the spread of every value with its own σ.

    Args:
        problem: by distribution.
        plan: of it.
        values: what each draw measures.

    Source: this package; see :func:`reduce_panels`.
    """
    told = {name: getattr(plan, name)[..., np.asarray(values.draws)] for name in _BY_DISTRIBUTION}
    wide = dataclasses.replace(plan, **told)
    machine = mechanism(problem_by_value(problem, values), wide)
    narrow = mechanism(problem, plan)
    if isinstance(machine, Calibrated) and isinstance(narrow, Calibrated):
        worth = narrow.worth[..., np.asarray(values.draws)]
        machine = Calibrated.of(machine.checked, worth * jnp.asarray(values.scale, worth.dtype) ** 2, plan.rule.robust)
    return wide, machine
