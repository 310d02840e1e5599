"""What a report is made of: a plan for competitors, a verdict on a grid of types, or a boundary; on the host."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from jaxmech._status import Status
from jaxmech.mechanism import Audit
from jaxmech.multiparty import Chain
from jaxmech.report._records import Judged


@dataclasses.dataclass(frozen=True)
class _Common(Judged):
    """What all answers have.

    Attributes:
        source: the file or the shipped problem.
        title: one line that says what it is, or an empty text.
        agents: their names.
        certificates: every claim and fact, with margin and witness.
        status: how the solve ended.
        residual: of the solve, relative.
        settings: version, jax, device, dtype, seed.
    """

    source: str
    title: str
    agents: tuple[str, ...]
    certificates: tuple[Audit, ...]
    status: Status
    residual: float
    settings: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class PlanAnswer(_Common):
    """What a mechanism does for one profile of data sizes; one number per agent, unless said otherwise.

    Attributes:
        types: data sizes.
        externality: (agents, agents) effects on each agent (row) of each one's model (column).
        quality_name: of the quality function.
        mechanism: name of the mechanism.
        own: quality of the model that each can train alone.
        allocation: quality of the model that each is handed; 0 where none is.
        quality: of the model that each uses.
        value: what each earns with it.
        payment: what each pays.
        utility: what is left to each.
        outside: what each would have if she stayed away.
        alone: what each would have if nobody shared.
        welfare: sum of the values.
        revenue: sum of the payments.
        best: quality of the model trained on all data.
    """

    types: np.ndarray
    externality: np.ndarray
    quality_name: str
    mechanism: str
    own: np.ndarray
    allocation: np.ndarray
    quality: np.ndarray
    value: np.ndarray
    payment: np.ndarray
    utility: np.ndarray
    outside: np.ndarray
    alone: np.ndarray
    welfare: float
    revenue: float
    best: float


@dataclasses.dataclass(frozen=True)
class ExistenceAnswer(_Common):
    """Whether a desirable mechanism exists when data sizes are 0, 1, …, disparity.

    Attributes:
        growth: of the market.
        disparity: largest size over the least.
        exists: the verdict.
        payment: (agents, *sizes) largest payments that incentives allow.
        revenue: (*sizes) their sums.
        welfare: (*sizes) sums of the values.
        margin: least revenue, relative to what is at stake.
        profile: (agents,) sizes in the profile that fails, or is nearest to failing.
        agent: who binds there: the one with most data.
        chain: the constraints that bind her payment.
    """

    growth: float
    disparity: int
    exists: bool
    payment: np.ndarray
    revenue: np.ndarray
    welfare: np.ndarray
    margin: float
    profile: np.ndarray
    agent: int
    chain: Chain

    def paid(self, index: tuple[int, ...]) -> np.ndarray:
        """(agents,) largest payments in one profile of sizes."""
        return np.array([amounts[index] for amounts in self.payment])


@dataclasses.dataclass(frozen=True)
class BoundaryAnswer(_Common):
    """How far apart data sizes may be for a desirable mechanism to exist.

    Attributes:
        growth: of the market.
        disparity: what the file asks about, or None.
        largest: largest disparity at which one exists, or None.
        unbounded: whether one exists at every disparity, by proof.
        searched_to: largest disparity that was looked at.
        critical: growth rate from which on a desirable mechanism exists at every disparity.
        argument: why this is true of all profiles.
        margin: (2,) revenue over the whole market at the largest disparity (or at its least), and one step beyond.
        revenue: (searched_to + 1,) revenue over the whole market where one agent has all data.
        chain: (steps + 1,) sizes whose constraints bind at the first failure; empty if nothing failed.
    """

    growth: float
    disparity: int | None
    largest: int | None
    unbounded: bool
    searched_to: int
    critical: float
    argument: str
    margin: tuple[float, float]
    revenue: np.ndarray
    chain: tuple[int, ...]


Answer: TypeAlias = PlanAnswer | ExistenceAnswer | BoundaryAnswer
