"""What an audit found agent by agent, whatever the system: regret between what was found and what is proven."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxmech.mechanism._record import Audit

PENALTY, GAIN = "penalty", "gain"
"""What is promised: a penalty that an agent pays, or a gain that she is left with."""


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
