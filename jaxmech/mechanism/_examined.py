"""What an audit found agent by agent, whatever the system: regret between what was found and what is proven."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxmech.mechanism._record import Audit

PENALTY, GAIN = "penalty", "gain"
"""What is promised: a penalty that an agent pays, or a gain that she is left with."""


class Departure(NamedTuple):
    """What an audit found about one agent; fields as in :class:`Examined`."""

    name: str
    role: str
    promised: float
    honest: float
    honest_error: float
    alone: float
    stake: float
    found: float
    bound: float
    half_width: float
    standard_error: float
    family: str
    parameters: Mapping[str, Any]
    told: str


@dataclasses.dataclass(frozen=True)
class Examined:
    """What an audit found, agent by agent, in numpy arrays: gains are promised here, and what they are relative to.

    Attributes:
        names: of the agents.
        roles: what each is, such as "contributor" or "buyer".
        promised: what each gains if everybody complies, exact.
        honest: the same, simulated; NaN where nothing was.
        honest_error: its standard errors.
        alone: what each would gain without the mechanism.
        stake: what regret is compared with: costs, values, or all that she wins and pays.
        found: regret found.
        bound: proven bound of it; inf where nothing is proven.
        half_width: half of the confidence interval of what was found; 0 where it is exact.
        standard_error: of the best departure's gain.
        family: what kind of departure is best.
        parameters: of the best departure, by agent.
        told: the best departure in words.
        audits: claims and facts.
        effort: how widely was searched.
        measure: what is promised, ``PENALTY`` or ``GAIN``.
        certain: whether promises are exact.
    """

    names: tuple[str, ...]
    roles: tuple[str, ...]
    promised: np.ndarray
    honest: np.ndarray
    honest_error: np.ndarray
    alone: np.ndarray
    stake: np.ndarray
    found: np.ndarray
    bound: np.ndarray
    half_width: np.ndarray
    standard_error: np.ndarray
    family: tuple[str, ...]
    parameters: tuple[Mapping[str, Any], ...]
    told: tuple[str, ...]
    audits: tuple[Audit, ...]
    effort: str
    measure: str = GAIN
    certain: bool = True

    @classmethod
    def of(cls, rows: Sequence[Departure], audits: Sequence[Audit], effort: str) -> "Examined":
        """Return the record of agents one by one, with claims before facts.

        Args:
            rows: one per agent.
            audits: claims and facts.
            effort: how widely was searched.
        """

        def column(name: str) -> np.ndarray:
            return np.array([getattr(row, name) for row in rows], float)

        return cls(
            names=tuple(row.name for row in rows),
            roles=tuple(row.role for row in rows),
            promised=column("promised"),
            honest=column("honest"),
            honest_error=column("honest_error"),
            alone=column("alone"),
            stake=column("stake"),
            found=column("found"),
            bound=column("bound"),
            half_width=column("half_width"),
            standard_error=column("standard_error"),
            family=tuple(row.family for row in rows),
            parameters=tuple(row.parameters for row in rows),
            told=tuple(row.told for row in rows),
            audits=tuple(sorted(audits, key=lambda record: not record.claimed)),
            effort=effort,
        )
