"""What a solve returns: who collects what, who is checked, and what everybody pays."""

import dataclasses
import enum
from collections.abc import Mapping
from typing import ClassVar

from jaxmech._pytree import pytree
from jaxmech._show import Tabular
from jaxmech._status import Status
from jaxmech._types import Agents, Amounts, Array, Codes, Distributions, Scalar
from jaxmech.collaboration._rule import Rule
from jaxmech.mechanism import CLAIMS, PROMISED, RATIONAL

DIVISIONS = ("alone", "social", "rational", "leverage", "nash", "egalitarian", "kalai-smorodinsky")
TARGET = "target"
"""The name of a division that the user gave, amounts and all."""
POOLS = ("pool", "counted-pool")
"""Mechanisms that check nobody."""
CHECKING = ("c3d", "cbl")
"""Mechanisms that add noise."""
MECHANISMS = (*POOLS, *CHECKING)

REMEDIES = {
    Status.NO_ROOT: "no noise level makes truth optimal (needs 1/τ² < κ < 1/4 and τ > 2)",
    Status.INFEASIBLE: "raise the bounds on the penalties",
}
"""What a failure means when data are shared, and what helps."""


class Role(enum.IntEnum):
    """What a mechanism does with an agent's data on one distribution."""

    ALONE = 0
    """She collects n_IND and gets only her own mean back."""
    RECEIVES = 1
    """She collects nothing that is checked and gets clean data of the others."""
    CHECKED = 2
    """Her submission is compared with others' data, and what she gets back is the noisier the more it differs."""


@pytree
@dataclasses.dataclass(frozen=True)
class Plan(Tabular):
    """A recommendation to every agent, and what it costs her if all follow it.

    Attributes:
        samples: how many points each agent collects of each distribution (real numbers).
        role: :class:`Role` codes.
        alpha: corruption coefficient α; NaN where nothing is corrupted.
        total: T_k, the number of points behind each distribution before amounts are raised (section 6).
        leverage: whether condition (8) holds and the leverage branch is used (true for c3d with m >= 5,
            false for the pools).
        penalty: equilibrium penalty per agent.
        social_penalty: their sum.
        target: the division of work from which the plan was made.
        division: its name; ``TARGET`` if it was given in amounts.
        mechanism: name of the mechanism that carries the plan out.
        estimate: how the recommended estimate weighs noisy points, one of ``ESTIMATES``.
        calibrated: whether the noise level follows the spread of the data, "robust" if the median of spreads;
            ``alpha`` is then the one at the assumed σ.
    """

    AXES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "samples": ("agents", "distributions"),
        "role": ("agents", "distributions"),
        "alpha": ("agents", "distributions"),
        "target": ("agents", "distributions"),
        "penalty": ("agents",),
    }

    samples: Amounts
    role: Codes
    alpha: Amounts
    total: Distributions
    leverage: Array
    penalty: Agents
    social_penalty: Scalar
    target: Amounts
    division: str = dataclasses.field(metadata={"static": True})
    mechanism: str = dataclasses.field(metadata={"static": True})
    estimate: str = dataclasses.field(default="drawn", metadata={"static": True})
    calibrated: bool | str = dataclasses.field(default=False, metadata={"static": True})

    @property
    def rule(self) -> Rule:
        """How noise is set and noisy points are weighed."""
        return Rule(self.estimate, self.calibrated)

    @property
    def pooled(self) -> bool:
        """Whether the mechanism pools everything, so that nobody is checked and nobody has a role."""
        return self.mechanism in POOLS

    @property
    def claims(self) -> tuple[str, ...]:
        """What is claimed: everything, but of the pools nothing about incentives or efficiency.

        The social optimum, and what the user gives, may leave compliant agents worse off than alone.
        """
        if not self.pooled:
            return CLAIMS
        return (PROMISED,) if self.division in ("social", TARGET) else (PROMISED, RATIONAL)
