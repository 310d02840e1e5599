"""What agents have at stake, whatever the system: costs of a point, standard deviations, prices of squared error."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxmech._checks import positive, require
from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._types import Agents, Amounts, Array, ArrayLike, Distributions
from jaxmech.mechanism._capacity import Capacity, by_entry, limited_alone, whole_alone_within, whole_limits
from jaxmech.mechanism._equivalent import equivalent_points


@pytree
@dataclasses.dataclass(frozen=True)
class Stakes:
    """What an agent loses: Σ_k price_k (estimate_k − μ_k)² + Σ_k c[i, k] n[i, k] − payment.

    Attributes:
        costs: of one point; ∞ where an agent cannot sample.
        sigma: standard deviation of one point, per distribution.
        price: of one unit of squared error, per distribution, or by agent; 0 where the estimate is not looked at.
        precision: how many of these points one of the agent's own counts, where agents differ in precision: costs,
            sigma and all amounts are then in equivalent points; None where all points are alike.
        capacity: what agents can and must collect, and can spend, in the same points; None without limits.
    """

    costs: Amounts
    sigma: Distributions
    price: Distributions | Amounts
    precision: Amounts | None = None
    capacity: Capacity | None = None

    @classmethod
    def of(cls, problem: Any) -> "Stakes":
        """Return the stakes of anything that has ``costs``, ``sigma`` and ``price``, such as a collaboration's problem.

        A matrix ``sigma`` gives stakes in equivalent points; see :func:`equivalent_points`.

        Raises:
            ProblemError: if one of the three is missing, or of the wrong shape.

        Example:
            >>> from types import SimpleNamespace
            >>> Stakes.of(SimpleNamespace(costs=[[0.1], [0.2]], sigma=1.0, price=0.0)).price.tolist()
            [0.0]
        """
        for name in ("costs", "sigma", "price"):
            if not hasattr(problem, name):
                raise ProblemError("problem", type(problem).__name__, f"must have {name}: e.g. collaboration.Problem")
        costs = jnp.asarray(problem.costs, _float(problem.costs))
        if costs.ndim != 2 or 0 in costs.shape:
            raise ProblemError("costs", costs.shape, "must be a table with one row per agent, one column each")
        by_agent = np.shape(problem.price) == costs.shape
        price = jnp.asarray(problem.price, costs.dtype) if by_agent else _row("price", problem.price, costs)
        require("costs", costs, lambda entries: entries > 0, "must be positive")
        require("price", price, lambda entries: np.isfinite(entries) & (entries >= 0), "must be 0 or more and finite")
        given = getattr(problem, "capacity", None)
        capacity = given if isinstance(given, Capacity) else None
        if np.shape(problem.sigma) == costs.shape:
            positive("sigma", jnp.where(costs == jnp.inf, 1.0, jnp.asarray(problem.sigma, costs.dtype)))
            alike = equivalent_points(costs, jnp.asarray(problem.sigma, costs.dtype))
            told = None if capacity is None else capacity.times(alike.precision)
            return cls(alike.costs, alike.sigma, price, alike.precision, told)
        return cls(costs, positive("sigma", _row("sigma", problem.sigma, costs)), price, None, capacity)

    def of_agent(self, agent: int | Array) -> "Stakes":
        """Return what one agent has at stake: all the same, with her own row of prices.

        Args:
            agent: her index.
        """
        return self if self.price.ndim < self.costs.ndim else dataclasses.replace(self, price=self.price[agent])

    def of_agents_alike(self, what: str, *, limits: bool = False) -> "Stakes":
        """Return the stakes, refusing agents who differ in precision, or in what accuracy is worth to them.

        Args:
            what: cannot be done with them yet.
            limits: whether they may have limits of what they collect.

        Raises:
            ProblemError: naming sigma or price.
        """
        if self.price.ndim == self.costs.ndim:
            raise ProblemError("price", "a table by agent", f"must be one number per distribution: {what}")
        if self.precision is not None:
            raise ProblemError("sigma", "a table by agent", f"must be one number per distribution: {what}")
        if self.capacity is not None and not limits:
            raise ProblemError(self.capacity.keys, "given", f"must be left out: {what}")
        return self

    @property
    def alone(self) -> Agents:
        """p_IND = 2 Σ_k σ_k √(price_k c[i, k]): the least penalty of working alone; ∞ for who cannot sample all."""
        if self.capacity is not None:
            error = jnp.broadcast_to(self.price * self.sigma**2, self.costs.shape)
            return self._by_herself(error, limited_alone(self.costs, error, self.capacity))
        wanted, able = self.price != 0, self.costs != jnp.inf  # not > 0: a NaN must reach the answer
        worth = jnp.where(wanted & able, self.price * jnp.where(able, self.costs, 1.0), 1.0)
        own = jnp.where(able, self.sigma * jnp.sqrt(worth), jnp.inf)
        return 2 * jnp.sum(jnp.where(wanted, own, 0.0), axis=-1)

    def alone_in_whole_points(self) -> Agents:
        """Σ_k min (price_k σ_k²/n + c[i, k] n) over whole numbers n >= 1 of her own points: ``alone``, of data sets."""
        wanted, error = self.price > 0, self.price * self.sigma**2
        unit = 1.0 if self.precision is None else self.precision
        if self.capacity is not None:
            error = jnp.broadcast_to(error, self.costs.shape)
            limits = whole_limits(self.capacity, unit)
            return self._by_herself(error, whole_alone_within(self.costs, error, limits, unit))
        costs = jnp.where(wanted, self.costs, 1.0)
        best = best_whole(jnp.sqrt(error / costs) / unit) * unit
        return jnp.sum(jnp.where(wanted, error / best + costs * best, 0.0), axis=-1)

    def _by_herself(self, error: Amounts, samples: Amounts) -> Agents:
        """What these amounts cost who gets nothing from others."""
        some = samples > 0
        risks = jnp.where(some, error / jnp.where(some, samples, 1.0), jnp.where(error > 0, jnp.inf, 0.0))
        return jnp.sum(risks + self.spent(samples), axis=-1)

    def spent(self, samples: Array) -> Array:
        """Return c n by agent and distribution, with ∞·0 = 0."""
        return by_entry(self.costs, samples)


def best_whole(ideal: Array) -> Array:
    """Return the whole number n >= 1 that minimises e/n + c n: floor or ceiling of √(e/c).

    Args:
        ideal: √(e/c).

    Source: elementary: one more point pays if and only if n(n + 1) < e/c.

    Example:
        >>> best_whole(jnp.array([0.2, 3.4, 3.6])).tolist()
        [1.0, 3.0, 4.0]
    """
    low = jnp.maximum(jnp.floor(ideal), 1.0)
    # one more point is worth its cost if and only if n (n + 1) < e/c
    return jnp.where(low * (low + 1) < ideal**2, low + 1, low)


def _float(value: ArrayLike) -> Any:
    kind = getattr(value, "dtype", None)
    return kind if kind is not None and jnp.issubdtype(kind, jnp.floating) else float


def _row(name: str, value: ArrayLike, costs: Array) -> Array:
    row = jnp.asarray(value, costs.dtype)
    if row.shape not in ((), (1,), costs.shape[1:]):
        raise ProblemError(name, row.shape, f"must be one number, or one per distribution ({costs.shape[1]})")
    return jnp.broadcast_to(row, costs.shape[1:])
