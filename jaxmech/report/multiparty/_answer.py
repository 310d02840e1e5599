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
        weights: what each one's data count in it, or None where all count in full.
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
    weights: tuple[float, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Part:
    """What was found when exactly these agents take part.

    Attributes:
        members: their names.
        exists: the verdict.
        margin: least revenue, relative to what is at stake.
        payment: (members, *levels of each) largest payments that incentives allow.
        revenue: (*levels of each) their sums.
    """

    members: tuple[str, ...]
    exists: bool
    margin: float
    payment: np.ndarray
    revenue: np.ndarray


@dataclasses.dataclass(frozen=True)
class ExistenceAnswer(_Common):
    """Whether a desirable mechanism exists on a grid of types.

    What is said of profiles is about the coalition that decides, ``members``: everybody where all take part.

    Attributes:
        valuation: its name.
        growth: of the market, where it is one that grows.
        disparity: largest size over the least, where the file says so.
        quality_name: of the quality function.
        reading: of Algorithm 1, "present" or "absent".
        members: names of those who take part where it is decided.
        levels: (members, levels) their data sizes.
        every_level: (agents, levels) data sizes of all agents.
        exists: the verdict.
        payment: (members, *levels of each) largest payments that incentives allow.
        revenue: (*levels of each) their sums.
        welfare: (*levels of each) sums of the values.
        margin: least revenue, relative to what is at stake.
        profile: (members,) levels in the profile that fails, or is nearest to failing.
        agent: whose chain is told: the member with the highest level.
        chains: the constraints that bind each member's payment there: what proves that nobody can be charged more.
        by_level: (levels,) least margin of all profiles, in any coalition, with each largest level.
        reach: level up to which one exists, −1 where none does.
        boundary: whether that was asked for.
        parts: every coalition that was looked at, everybody first.
        weights: what each one's data count in the model of all, or None where all count in full.
    """

    valuation: str
    growth: float | None
    disparity: int | None
    quality_name: str
    reading: str
    members: tuple[str, ...]
    levels: np.ndarray
    every_level: np.ndarray
    exists: bool
    payment: np.ndarray
    revenue: np.ndarray
    welfare: np.ndarray
    margin: float
    profile: np.ndarray
    agent: int
    chains: tuple[Chain, ...]
    by_level: np.ndarray
    reach: int
    boundary: bool
    parts: tuple[Part, ...]
    weights: tuple[float, ...] | None = None

    @property
    def chain(self) -> Chain:
        """The chain that is told."""
        return self.chains[self.agent]

    @property
    def sizes(self) -> np.ndarray:
        """(members,) data sizes in the profile that decides."""
        return np.array([self.levels[i, level] for i, level in enumerate(self.profile)])

    @property
    def disparities(self) -> np.ndarray:
        """(levels,) largest size up to each level over the least one that is not 0."""
        sizes = self.every_level.max(axis=0)
        least = self.every_level[self.every_level > 0].min(initial=np.inf)
        return np.where(sizes > 0, sizes / least, 0.0)

    def paid(self, index: tuple[int, ...]) -> np.ndarray:
        """(members,) largest payments in one profile of levels."""
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
        reading: of Algorithm 1, "present" or "absent".
        present: how many take part where it is decided: all of them in the reading "present".
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
    reading: str
    present: int


Answer: TypeAlias = PlanAnswer | ExistenceAnswer | BoundaryAnswer
