"""Kernel: valuations that see types beside the models in use, v_i(x, t), and what they are where types are known."""

import dataclasses
from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._types import Agents, Array, Scalar
from jaxmech.multiparty._search import search_allocation
from jaxmech.multiparty._valuation import Valuation, number_of_agents

TypedValuations: TypeAlias = Callable[[Array, Array], Array]
"""(agents,) qualities of the models in use and (agents,) types to (agents,) earnings."""


@runtime_checkable
class SeesTypes(Protocol):
    """What a valuation offers that sees types. ``agents`` is their number."""

    @property
    def agents(self) -> int:
        """Number of agents."""
        ...

    def at(self, types: Array) -> Valuation:
        """Return the valuation of qualities that holds for these (agents,) types."""
        ...


AnyValuation: TypeAlias = Valuation | SeesTypes
"""A function of the models in use, or of these and of types."""


@pytree
@dataclasses.dataclass(frozen=True)
class Interdependent:
    """v_i(q, t): any valuations of the models in use and of what everybody truly has, as one JAX function.

    A report changes the models that are handed out, the types that count here are the true ones: whoever hides data
    still has them. Efficient models and payments are those of the types that are reported; who stays away counts as
    having nothing when models are chosen, and with what she has when they are valued.

    Args:
        function: (agents,) qualities and (agents,) types to (agents,) earnings.
        agents: their number.

    Raises:
        ProblemError: if the function does not return one number for each agent.

    Source: Chen et al. 2020, Definition 2 and section 4.

    Example:
        >>> service = Interdependent(lambda q, t: q * t - 0.5 * (jnp.sum(q) - q), agents=2)
        >>> service.at(jnp.array([1.0, 3.0]))(jnp.array([2.0, 2.0])).tolist()
        [1.0, 5.0]
    """

    function: TypedValuations = dataclasses.field(metadata={"static": True})
    agents: int = dataclasses.field(metadata={"static": True})

    def __init__(self, function: TypedValuations, agents: int) -> None:
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "agents", number_of_agents(agents))
        found = np.shape(function(jnp.ones(agents), jnp.ones(agents)))
        if found != (agents,):
            raise ProblemError("function", found, f"must return one number for each of the {agents} agents")

    def at(self, types: Agents) -> "AtTypes":
        """Return the valuation of qualities that holds for these types."""
        return AtTypes(types, self.function)


@pytree
@dataclasses.dataclass(frozen=True)
class AtTypes:
    """Valuations at known types: a function of the models in use.

    Attributes:
        types: (agents,) what everybody has.
        function: of qualities and types.
    """

    types: Agents
    function: TypedValuations = dataclasses.field(metadata={"static": True})

    @property
    def agents(self) -> int:
        """Number of agents."""
        return int(self.types.shape[-1])

    def __call__(self, qualities: Agents) -> Agents:
        """Return what each agent earns."""
        return self.function(qualities, self.types)

    def of(self, agent: int | Array, qualities: Agents) -> Scalar:
        """Return what one agent earns."""
        return self(qualities)[agent]

    def allocate(self, best: Scalar, own: Agents, present: Array) -> Agents:
        """What a search finds: :func:`search_allocation`."""
        return search_allocation(self, best, own, present)


def known(valuation: AnyValuation, types: Array) -> Valuation:
    """Return the valuation of qualities that holds for these types; one that does not see types as it is.

    Args:
        valuation: of either kind.
        types: (agents,) what everybody has, or is said to have.
    """
    return valuation.at(types) if isinstance(valuation, SeesTypes) else valuation
