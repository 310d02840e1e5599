"""What agents earn when everybody uses the models that they use: valuations with externalities."""

import dataclasses
from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxmech._checks import known_values, real_numbers
from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Array, ArrayLike, Scalar
from jaxmech.multiparty._search import search_allocation

Valuations: TypeAlias = Callable[[Array], Array]
"""(agents,) qualities of the models in use to (agents,) earnings."""

MOST_AGENTS = 10_000
"""Most agents that a market is described for."""


@runtime_checkable
class Valuation(Protocol):
    """What every valuation offers. ``agents`` is their number."""

    @property
    def agents(self) -> int:
        """Number of agents."""
        ...

    def __call__(self, qualities: Array) -> Array:
        """Return what each agent earns, from the qualities of the models that all use."""
        ...

    def of(self, agent: int, qualities: Array) -> Array:
        """Return what one agent earns."""
        ...

    def allocate(self, best: Array, own: Array, present: Array) -> Array:
        """Return the models that an efficient mechanism hands out; 0 where it hands out none.

        Args:
            best: quality of the model trained on all contributions.
            own: (agents,) what each could train on what she contributed.
            present: (agents,) who participates.
        """
        ...


@runtime_checkable
class Efficient(Protocol):
    """What a valuation offers beside, if the most welfare is known: then mechanisms claim that they are efficient.

    A valuation whose ``quasi_monotone`` is true also claims that exploitation payments are truthful, by theorem.
    """

    @property
    def proof(self) -> str:
        """Why no allocation brings more than :meth:`most_welfare`, in words for a certificate."""
        ...

    def most_welfare(self, own: Array, best: Array) -> Scalar:
        """Return the most welfare of all allocations.

        Args:
            own: (agents,) quality of the models that agents can train alone.
            best: (agents,) quality of the best model that each could use.
        """
        ...


@pytree
@dataclasses.dataclass(frozen=True)
class Linear:
    """v_i = Σ_j a_ij q_j: what j's model does to agent i is a number, negative among competitors.

    Args:
        externality: (agents, agents) coefficients a_ij, the effect on i (row) of j's model (column).

    Raises:
        ProblemError: if it is not a square table of finite numbers.

    Source: Chen et al. 2020, Example 1.

    Example:
        >>> Linear([[1.0, -0.5], [0.0, 1.0]])(jnp.array([2.0, 2.0])).tolist()
        [1.0, 2.0]
    """

    externality: Float[Array, "agents agents"]

    def __init__(self, externality: ArrayLike) -> None:
        object.__setattr__(self, "externality", _square(externality))

    @property
    def agents(self) -> int:
        """Number of agents."""
        return int(self.externality.shape[-1])

    def __call__(self, qualities: Agents) -> Agents:
        """Return what each agent earns."""
        return self.externality @ qualities

    def of(self, agent: int | Array, qualities: Agents) -> Scalar:
        """Return what one agent earns."""
        return jnp.sum(self.externality[agent] * qualities)

    def allocate(self, best: Scalar, own: Agents, present: Array) -> Agents:
        """The best model for every j whose model does all together no harm, Σ_i a_ij ≥ 0; none for the others."""
        # Rounding must not decide where effects cancel.
        slack = 4 * tolerances(self.externality.dtype).eps * jnp.sum(jnp.abs(self.externality), axis=0)
        harmless = jnp.sum(self.externality, axis=0) >= -slack
        return jnp.where(present & harmless, best, jnp.zeros_like(own))

    @property
    def proof(self) -> str:
        """Why the most welfare is known."""
        return "welfare is linear in each model's quality"

    def most_welfare(self, own: Agents, best: Agents) -> Scalar:
        """Every model at the end that its effects on all together ask for."""
        weight = jnp.sum(self.externality, axis=0)
        return jnp.sum(jnp.maximum(weight * own, weight * best))

    @property
    def quasi_monotone(self) -> Array:
        """Whether nobody is harmed by her own model."""
        return jnp.all(jnp.diagonal(self.externality, axis1=-2, axis2=-1) >= 0, axis=-1)


@pytree
@dataclasses.dataclass(frozen=True)
class MarketGrowth:
    """v_i = (Σ_j q_j)^growth q_i: agents share a market of size (Σ_j q_j)^(1 + growth) by the quality of their models.

    Args:
        growth: at least −1, where the market does not grow at all; competition ends at 0.
        agents: their number, at least two.

    Raises:
        ProblemError: for growth below −1, or fewer than two agents.

    Source: Chen et al. 2020, section 6.2.

    Example:
        >>> MarketGrowth(-1.0, 2)(jnp.array([1.0, 3.0])).tolist()
        [0.25, 0.75]
    """

    growth: Scalar
    agents: int = dataclasses.field(metadata={"static": True})

    def __init__(self, growth: ArrayLike, agents: int) -> None:
        object.__setattr__(self, "growth", growth_rate(growth))
        object.__setattr__(self, "agents", number_of_agents(agents))

    def __call__(self, qualities: Agents) -> Agents:
        """Return what each agent earns; 0^growth · 0 = 0."""
        return self._price(qualities) * qualities

    def of(self, agent: int | Array, qualities: Agents) -> Scalar:
        """Return what one agent earns."""
        return self._price(qualities) * qualities[agent]

    def _price(self, qualities: Agents) -> Scalar:
        """(Σ_j q_j)^growth, 0 where all are 0. The logarithm is faster than a power, and as exact."""
        total = jnp.sum(qualities)
        return jnp.where(total > 0, jnp.exp(self.growth * jnp.log(jnp.where(total > 0, total, 1.0))), 0.0)

    def allocate(self, best: Scalar, own: Agents, present: Array) -> Agents:
        """The best model for everybody: the market grows with every quality."""
        return jnp.where(present, best, jnp.zeros_like(own))

    @property
    def proof(self) -> str:
        """Why the most welfare is known."""
        return "the market grows with every model's quality"

    def most_welfare(self, own: Agents, best: Agents) -> Scalar:
        """The best model for everybody."""
        del own
        return jnp.sum(self(best))


@pytree
@dataclasses.dataclass(frozen=True)
class QuasiMonotone:
    """v_i = F_i(q_i) + θ_i(q_−i): a non-decreasing own part, and anything of the others' models.

    Args:
        own: (agents,) qualities to (agents,) own parts F_i(q_i).
        others: (agents,) qualities to (agents,) effects θ_i of the others' models.
        agents: their number.
        largest: up to which quality the two functions are checked.

    Raises:
        ProblemError: if an F_i decreases, or depends on another agent's model, or θ_i on her own (at which point).

    Source: Chen et al. 2020, Definition 8.

    Example:
        >>> import jax.numpy as jnp
        >>> market = QuasiMonotone(own=jnp.sqrt, others=lambda q: 0.1 * (q - jnp.sum(q)), agents=2)
        >>> [round(float(v), 3) for v in market(jnp.array([0.25, 1.0]))]
        [0.4, 0.975]
    """

    own: Valuations = dataclasses.field(metadata={"static": True})
    others: Valuations = dataclasses.field(metadata={"static": True})
    agents: int = dataclasses.field(metadata={"static": True})

    def __init__(self, own: Valuations, others: Valuations, agents: int, largest: float = 1.0) -> None:
        object.__setattr__(self, "own", own)
        object.__setattr__(self, "others", others)
        object.__setattr__(self, "agents", number_of_agents(agents))
        _check_parts(self, largest)

    def __call__(self, qualities: Agents) -> Agents:
        """Return what each agent earns."""
        return self.own(qualities) + self.others(qualities)

    def of(self, agent: int, qualities: Agents) -> Scalar:
        """Return what one agent earns."""
        return self(qualities)[agent]

    @property
    def quasi_monotone(self) -> bool:
        """It is one by definition."""
        return True

    def allocate(self, best: Scalar, own: Agents, present: Array) -> Agents:
        """What a search finds: :func:`search_allocation`."""
        return search_allocation(self, best, own, present)


@pytree
@dataclasses.dataclass(frozen=True)
class General:
    """Any valuations, as one JAX function of all qualities.

    Args:
        function: (agents,) qualities to (agents,) earnings.
        agents: their number.

    Source: Chen et al. 2020, section 4.

    Example:
        >>> General(lambda q: q * (2 - jnp.sum(q)), agents=2)(jnp.array([0.5, 0.5])).tolist()
        [0.5, 0.5]
    """

    function: Valuations = dataclasses.field(metadata={"static": True})
    agents: int = dataclasses.field(metadata={"static": True})

    def __init__(self, function: Valuations, agents: int) -> None:
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "agents", number_of_agents(agents))
        found = np.shape(function(jnp.ones(agents)))
        if found != (agents,):
            raise ProblemError("function", found, f"must return one number for each of the {agents} agents")

    def __call__(self, qualities: Agents) -> Agents:
        """Return what each agent earns."""
        return self.function(qualities)

    def of(self, agent: int, qualities: Agents) -> Scalar:
        """Return what one agent earns."""
        return self(qualities)[agent]

    def allocate(self, best: Scalar, own: Agents, present: Array) -> Agents:
        """What a search finds: :func:`search_allocation`."""
        return search_allocation(self, best, own, present)


def growth_rate(growth: ArrayLike) -> Scalar:
    """Return a growth rate as an array.

    Raises:
        ProblemError: below −1, where the market would shrink as models improve; or not one finite number.
    """
    if isinstance(growth, jax.core.Tracer):
        return growth
    if isinstance(growth, str) or np.ndim(growth) != 0:
        raise ProblemError("growth", growth, "must be one number")
    array = real_numbers("growth", growth)
    given = np.asarray(array)
    if not (np.isfinite(given) and given >= -1):
        raise ProblemError("growth", float(given), "must be at least -1: below, the market shrinks as models improve")
    return array


def number_of_agents(agents: object) -> int:
    """Return a number of agents.

    Raises:
        ProblemError: if it is not a whole number from two to ``MOST_AGENTS``.
    """
    if isinstance(agents, bool) or not isinstance(agents, (int, np.integer)) or agents < 2:
        raise ProblemError("agents", agents, "must be a whole number, at least 2")
    if agents > MOST_AGENTS:
        raise ProblemError("agents", agents, f"must be at most {MOST_AGENTS:,}")
    return int(agents)


def _square(externality: ArrayLike) -> Array:
    if isinstance(externality, jax.core.Tracer):
        return externality
    array = real_numbers("externality", externality)
    given = np.asarray(array)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or given.shape[0] < 2:
        rule = "must be a square table, one row and one column for each of at least two agents"
        raise ProblemError("externality", given.shape, rule)
    for i, j in np.argwhere(~np.isfinite(given)):
        raise ProblemError(f"externality[{i}][{j}]", float(given[i, j]), "must be finite")
    return array


_PARTS_POINTS = 65


def _check_parts(valuation: QuasiMonotone, largest: float) -> None:
    """Where qualities are told apart by agent: F_i must see only q_i, and not decrease in it; θ_i must not see q_i.

    What rests on numbers that are being traced cannot be checked and is not.
    """
    n = valuation.agents
    levels = np.linspace(0.0, largest, _PARTS_POINTS)
    # Different qualities for different agents, so that what should not matter is seen to matter.
    points = np.stack([np.roll(levels, 7 * j) for j in range(n)], axis=1)
    for name, function in (("own", valuation.own), ("others", valuation.others)):
        found = np.shape(function(jnp.asarray(points[0])))
        if found != (n,):
            raise ProblemError(name, found, f"must return one number for each of the {n} agents")
    _check_own(valuation, levels, points)
    effects = known_values(jax.vmap(jax.jacfwd(valuation.others)), points[1:-1])
    if effects is None:
        return
    self_seen = (np.abs(effects) > 1e-12 * (1 + np.abs(effects).max())) & np.eye(n, dtype=bool)
    for k, i, _ in np.argwhere(self_seen)[:1]:
        rule = f"must not depend on agent {i}'s own model"
        raise ProblemError(f"others[{i}]", [round(float(q), 6) for q in points[1 + k]], rule)


def _check_own(valuation: QuasiMonotone, levels: np.ndarray, points: np.ndarray) -> None:
    n = valuation.agents
    along = known_values(jax.vmap(valuation.own), np.broadcast_to(levels[:, None], (_PARTS_POINTS, n)))
    slopes = known_values(jax.vmap(jax.jacfwd(valuation.own)), points[1:-1])
    if along is None or slopes is None:
        return
    for k, i in np.argwhere(np.diff(along, axis=0) < 0)[:1]:
        where, before = f"own[{i}] at quality {levels[k + 1]:.6g}", f"{levels[k]:.6g}"
        raise ProblemError(where, float(along[k + 1, i]), f"must not be below its value {along[k, i]:.6g} at {before}")
    alien = (slopes != 0) & ~np.eye(n, dtype=bool) & np.isfinite(slopes)
    for k, i, j in np.argwhere(alien)[:1]:
        rule = f"must depend on agent {i}'s own model only, but changes with agent {j}'s"
        raise ProblemError(f"own[{i}]", [round(float(q), 6) for q in points[1 + k]], rule)
