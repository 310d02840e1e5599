"""Mechanisms of competitors as pure functions of reports: which models are handed out, and what is charged."""

import dataclasses
from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Agents, Array
from jaxmech.multiparty._interdependent import AnyValuation, known
from jaxmech.multiparty._problem import Problem, TypeSpace
from jaxmech.multiparty._quality import Quality
from jaxmech.multiparty._solve import Plan, allocate, outside_value

Rule: TypeAlias = Callable[[Array, Array], Array]
"""(agents,) reports and who is present to (agents,) models or payments."""


@runtime_checkable
class Direct(Protocol):
    """A direct mechanism: two functions of (agents,) reports and of (agents,) who is present."""

    @property
    def allocate(self) -> Rule:
        """Models handed out, 0 where none is."""
        ...

    @property
    def charge(self) -> Rule:
        """What each pays."""
        ...


@pytree
@dataclasses.dataclass(frozen=True)
class DirectMechanism:
    """A mechanism of one's own, as two functions of reports: which models it hands out, and what it charges.

    Attributes:
        allocate: (agents,) reports and (agents,) who is present to the models handed out, 0 where none is.
        charge: the same to what each pays.
    """

    allocate: Rule = dataclasses.field(metadata={"static": True})
    charge: Rule = dataclasses.field(metadata={"static": True})


@pytree
@dataclasses.dataclass(frozen=True)
class Sharing:
    """One of the mechanisms of :func:`solve`, as pure functions of reports; its leaves are the valuation's.

    Attributes:
        valuation: what agents earn from the models that all use, and from types if it sees them.
        quality: of a model trained on so much data.
        name: one of ``MECHANISMS``.
    """

    valuation: AnyValuation
    quality: Quality = dataclasses.field(metadata={"static": True})
    name: str = dataclasses.field(metadata={"static": True})

    def allocate(self, reports: Agents, present: Array) -> Agents:
        """Return the models that are handed out, 0 where none is."""
        return allocate(self.valuation, self.quality, reports, present, self.name)

    def charge(self, reports: Agents, present: Array) -> Agents:
        """Return what each pays: nothing, or all that participating brings."""
        if self.name == "free":
            return jnp.zeros_like(reports)
        used = jnp.maximum(self.allocate(reports, present), self.quality(reports))
        agents = range(reports.shape[-1])
        stay = [outside_value(self.valuation, self.quality, i, reports, None, self.name) for i in agents]
        return known(self.valuation, reports)(used) - jnp.stack(stay)


def mechanism(problem: Problem, plan: Plan) -> Sharing:
    """Return the mechanism that a plan belongs to: pure functions of reports.

    Args:
        problem: the problem; its types are not looked at.
        plan: from :func:`solve`.

    Source: Chen et al. 2020, section 3.

    Example:
        >>> from jaxmech.multiparty import Linear, Problem, solve
        >>> problem = Problem([1.0, 1.0], Linear([[1.0, 0.5], [0.5, 1.0]]), "linear")
        >>> plan = solve(problem).value
        >>> mechanism(problem, plan).charge(problem.types, jnp.array([True, True])).tolist() == plan.payment.tolist()
        True
    """
    return Sharing(problem.valuation, problem.quality, plan.mechanism)


def exploitation_mechanism(space: TypeSpace) -> Sharing:
    """Return the efficient allocation with maximal exploitation payments, as functions of reports.

    Args:
        space: valuations and quality; its levels are not looked at.

    Source: Chen et al. 2020, Definition 9.

    Example:
        >>> from jaxmech.multiparty import Linear
        >>> space = TypeSpace([0.0, 1.0], Linear([[1.0, 0.5], [0.5, 1.0]]), "linear")
        >>> exploitation_mechanism(space).charge(jnp.array([1.0, 1.0]), jnp.array([True, True])).tolist()
        [1.5, 1.5]
    """
    return Sharing(space.valuation, space.quality, "exploitation")
