"""The problem of sharing data without money: who can measure what at which cost."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._checks import positive, real_numbers, require, unique_names
from jaxmech._errors import ProblemError
from jaxmech._extremes import root
from jaxmech._pytree import pytree
from jaxmech._types import Agents, Amounts, Array, ArrayLike, Distributions
from jaxmech.collaboration._capacity import capacity_of
from jaxmech.mechanism import Capacity, equivalent_points
from jaxmech.mechanism._capacity import limited_alone, spent


@pytree
@dataclasses.dataclass(frozen=True)
class Problem:
    """Agents who want to know the same means, and what a sample costs each of them.

    Agent i pays ``price_k`` per unit of squared error in her estimate of the mean of distribution k, plus
    ``costs[i, k]`` per sample she collects. Source: Clinton et al. 2025, section 2; ``price`` generalises it, and so
    do matrices ``sigma``, of agents who measure with different precision, and ``price``, of agents to whom accuracy is
    worth different amounts: who can measure what she does not need has the price 0.

    Args:
        costs: (agents, distributions), in (0, ∞]; ∞ where an agent cannot sample.
        sigma: standard deviation of one sample, a number, one per distribution, or (agents, distributions); of an
            agent who cannot sample it is ignored.
        price: what a unit of squared error costs an agent, in the unit of the costs, a number, one per distribution, or
            (agents, distributions), where 0 is allowed.
        agents: optional names.
        distributions: optional names.
        most: samples that an agent can collect at most, a number, one per agent, or (agents, distributions); ∞ for no
            limit.
        least: samples that she must collect, likewise; a number or one per agent counts where she can sample.
        budget: what she can spend on collecting, Σ_k c[i, k] n[i, k], a number or one per agent; ∞ for no limit.
        capacity: the three together, as a problem holds them, instead.

    Attributes:
        precision: of a problem :meth:`in_equivalent_points`: how many of its points one of the agent's own counts;
            None where all points of a distribution are alike.
        capacity: most, least and budget; None where none of them is given.

    Raises:
        ProblemError: naming the argument, the index, the value and the rule. Values that are being traced
            cannot be checked and are not.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> problem.costs.shape
        (3, 1)
    """

    costs: Amounts
    sigma: Distributions | Amounts
    price: Distributions | Amounts
    agents: tuple[str, ...] | None = dataclasses.field(metadata={"label": None})
    distributions: tuple[str, ...] | None = dataclasses.field(metadata={"label": None})
    precision: Amounts | None = dataclasses.field(default=None, init=False)
    capacity: Capacity | None = None

    def __init__(
        self,
        costs: ArrayLike,
        sigma: ArrayLike,
        price: ArrayLike = 1.0,
        agents: Sequence[str] | None = None,
        distributions: Sequence[str] | None = None,
        *,
        most: ArrayLike | None = None,
        least: ArrayLike | None = None,
        budget: ArrayLike | None = None,
        capacity: Capacity | None = None,
    ) -> None:
        table = _table(costs)
        m, d = table.shape
        values = {
            "costs": table,
            "sigma": _sigma(sigma, table),
            "price": _price(price, table),
            "agents": unique_names("agents", agents, m),
            "distributions": unique_names("distributions", distributions, d),
            "precision": None,
            "capacity": None,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        _check_costs(table, self.distribution_name)
        if capacity is not None and (most, least, budget) == (None, None, None):
            most, least, budget = capacity.most, capacity.least, capacity.budget
        object.__setattr__(self, "capacity", capacity_of(table, most, least, budget))

    @classmethod
    def unchecked(
        cls,
        costs: Array,
        sigma: Array,
        price: Array,
        agents: tuple[str, ...] | None = None,
        distributions: tuple[str, ...] | None = None,
        precision: Array | None = None,
        capacity: Capacity | None = None,
    ) -> "Problem":
        """Return a problem of arrays that somebody has checked already, or that are being traced."""
        problem = object.__new__(cls)
        values = (costs, sigma, price, agents, distributions, precision, capacity)
        for field, value in zip(dataclasses.fields(cls), values, strict=True):
            object.__setattr__(problem, field.name, value)
        return problem

    @property
    def shape(self) -> tuple[int, int]:
        """Number of agents and of distributions."""
        m, d = self.costs.shape[-2:]
        return int(m), int(d)

    @property
    def scale(self) -> Distributions | Amounts:
        """σ√price: the standard deviation in the unit in which penalties are counted; by agent where they differ."""
        return self._sigma_of_able * self._root_of_price

    @property
    def error(self) -> Distributions | Amounts:
        """σ² price: what the squared error of one point costs; by agent where they differ. The square of :attr:`scale`.

        It rises with a price of 0 as with any other, which the square of a root does not.
        """
        squared = self.scale**2
        if self.valued_alike:
            return squared
        rise = jnp.where(self.price == 0, self.price - jax.lax.stop_gradient(self.price), 0.0)
        return squared + self._sigma_of_able**2 * rise

    @property
    def _sigma_of_able(self) -> Distributions | Amounts:
        """σ; of an agent who cannot sample 1, for hers is ignored."""
        return self.sigma if self.counted_alike else jnp.where(self.costs == jnp.inf, 1.0, self.sigma)

    @property
    def _root_of_price(self) -> Distributions | Amounts:
        """√price; of a table with the slope 0 where it is 0, for the root's own is infinite, and NaN in all others."""
        if self.valued_alike:
            return jnp.sqrt(self.price)
        return root(self.price)

    @property
    def valued_alike(self) -> bool:
        """Whether an error of a distribution costs every agent the same."""
        return self.price.ndim < self.costs.ndim

    @property
    def costs_over_worth(self) -> Amounts:
        """What orders agents from the cheapest: c, or c/price where prices differ between them; ∞ where it is 0."""
        if self.valued_alike:
            return self.costs
        wanted = self.price != 0
        return jnp.where(wanted, self.costs / jnp.where(wanted, self.price, 1.0), jnp.inf)

    @property
    def counted_alike(self) -> bool:
        """Whether all points of a distribution are equally precise, whoever collects them."""
        return self.sigma.ndim < self.costs.ndim

    def of_agents_alike(self, what: str, *, precision: bool = False) -> "Problem":
        """Return the problem, refusing one whose agents differ in precision, or in what accuracy is worth to them.

        Args:
            what: needs agents who are alike.
            precision: whether they may differ in that.

        Raises:
            ProblemError: naming sigma or price.
        """
        if not self.valued_alike:
            raise ProblemError("price", "a table by agent", f"must be one number, or one per distribution: {what}")
        if not precision and not (self.counted_alike and self.precision is None):
            raise ProblemError("sigma", "a table by agent", f"must be one number, or one per distribution: {what}")
        return self

    @property
    def measured_sigma(self) -> np.ndarray:
        """``sigma`` on the host; NaN for agents who cannot sample, of whom it is ignored."""
        sigma = np.asarray(self.sigma, float)
        return sigma if self.counted_alike else np.where(np.isfinite(np.asarray(self.costs)), sigma, np.nan)

    def in_equivalent_points(self) -> "Problem":
        """Return the problem in which all points of a distribution are alike; itself if they are.

        Source: this package; see :func:`jaxmech.mechanism.equivalent_points`.
        """
        if self.counted_alike:
            return self
        costs, sigma, precision = equivalent_points(self.costs, self.sigma)
        capacity = None if self.capacity is None else self.capacity.times(precision)
        return Problem.unchecked(costs, sigma, self.price, self.agents, self.distributions, precision, capacity)

    def unlimited(self) -> "Problem":
        """Return the problem of agents who can collect as much and as little as they like; itself if they can."""
        if self.capacity is None:
            return self
        named = self.agents, self.distributions
        return Problem.unchecked(self.costs, self.sigma, self.price, *named, self.precision)

    def without_limits(self, what: str) -> "Problem":
        """Return the problem, refusing one with most, least or budget.

        Args:
            what: needs agents who can collect as much and as little as they like.

        Raises:
            ProblemError: naming the keys.
        """
        if self.capacity is not None:
            raise ProblemError(self.capacity.keys, "given", f"must be left out: {what}")
        return self

    def agent_name(self, i: int) -> str:
        """Name of agent i, or "agent i+1"."""
        return self.agents[i] if self.agents else f"agent {i + 1}"

    def distribution_name(self, k: int) -> str:
        """Name of distribution k, or "distribution k+1"."""
        return self.distributions[k] if self.distributions else f"distribution {k + 1}"


def alone_samples(problem: Problem) -> Amounts:
    """n_IND = σ√price/√c: what each agent collects when she works alone; 0 where she cannot sample.

    With most, least and budget, what is best within them.

    Source: Clinton et al. 2025, appendix A.1.
    """
    if problem.capacity is not None:
        error = jnp.broadcast_to(problem.error, problem.costs.shape)
        return limited_alone(problem.costs, error, problem.capacity)
    return unlimited_alone(problem)


def unlimited_alone(problem: Problem) -> Amounts:
    """σ√price/√c: what makes one more point worth its cost to whoever has so many; n_IND without bounds."""
    return jnp.where(problem.costs == jnp.inf, 0.0, problem.scale / jnp.sqrt(problem.costs))


def alone_penalty(problem: Problem) -> Agents:
    """p_IND = 2 Σ_k σ_k√(price_k c[i, k]): the least penalty of working alone; ∞ for an agent who cannot sample all.

    What has no price for her adds nothing, whether she can sample it or not. With most, least and budget it is what
    the best amounts within them cost.

    Source: Clinton et al. 2025, Fact 1.
    """
    if problem.capacity is not None:
        samples = alone_samples(problem)
        error = jnp.broadcast_to(problem.error, samples.shape)
        some = samples > 0
        risks = jnp.where(some, error / jnp.where(some, samples, 1.0), jnp.where(error > 0, jnp.inf, 0.0))
        return jnp.sum(risks, axis=-1) + spent(problem.costs, samples)
    # what nobody could pay is no number to multiply slopes with
    able = problem.costs != jnp.inf
    own = jnp.where(able, problem.scale * jnp.sqrt(jnp.where(able, problem.costs, 1.0)), jnp.inf)
    if not problem.valued_alike:
        own = jnp.where(problem.price != 0, own, 0.0)
    return 2 * jnp.sum(own, axis=-1)


def _table(costs: ArrayLike) -> Array:
    table = real_numbers("costs", costs)
    if table.ndim != 2 or 0 in table.shape:
        raise ProblemError("costs", costs, "must be a table with one row per agent and one column per distribution")
    return table


def _sigma(value: ArrayLike, costs: Array) -> Array:
    """A row, or a table, in which only entries count whose agents can sample."""
    given = _row_or_table("sigma", value, costs)
    if given.ndim == 2:
        positive("sigma", jnp.where(costs == jnp.inf, 1.0, given))
    return given


def _price(value: ArrayLike, costs: Array) -> Array:
    """A row, or a table, in which 0 is allowed."""
    given = _row_or_table("price", value, costs)
    if given.ndim == 2:
        require("price", given, lambda entries: np.isfinite(entries) & (entries >= 0), "must be 0 or more and finite")
        if not isinstance(given, jax.core.Tracer) and not np.any(np.asarray(given)):
            raise ProblemError("price", "a table of zeros", "must be above 0 somewhere, or nobody needs anything")
    return given


def _row_or_table(name: str, value: ArrayLike, costs: Array) -> Array:
    array = real_numbers(name, value)
    if array.ndim < 2:
        return _per_distribution(name, value, costs.shape[1], costs.dtype)
    if array.shape != costs.shape:
        rule = f"must be one number, one per distribution ({costs.shape[1]}), or as large a table as costs"
        raise ProblemError(name, array.shape, f"{rule} ({costs.shape[0]} x {costs.shape[1]})")
    return array.astype(costs.dtype)


def _per_distribution(name: str, value: ArrayLike, d: int, dtype: Any) -> Array:
    array = real_numbers(name, value)
    if array.shape not in ((), (1,), (d,)):
        raise ProblemError(name, array.shape, f"must be one number, or one per distribution ({d})")
    positive(name, array)
    return jnp.broadcast_to(array.astype(dtype), (d,))


def _check_costs(costs: Array, distribution_name: Any) -> None:
    require("costs", costs, lambda entries: entries > 0, "must be positive (inf where an agent cannot sample)")
    if isinstance(costs, jax.core.Tracer):
        return
    for k in np.flatnonzero(~np.isfinite(np.asarray(costs)).any(axis=0)):
        rule = f"at least one agent must be able to sample {distribution_name(k)}"
        raise ProblemError(f"costs[:][{k}]", np.inf, rule)
