"""What an audit found, in numbers."""

import dataclasses

import numpy as np

from jaxmech.deviation import Deviation
from jaxmech.mechanism import Audit


@dataclasses.dataclass(frozen=True)
class Examination:
    """What an audit found, agent by agent, in numpy arrays.

    Attributes:
        agents: their names.
        examined: indices of the agents for whom deviations were searched.
        promised: (examined,) penalties if everybody complies: exact where the mechanism proves them, else simulated.
        certain: whether they are exact.
        honest: simulated penalties of honest agents.
        honest_error: their standard errors.
        alone: least penalties of working alone.
        found: regret found; 0 where nothing lies beyond the confidence interval.
        bound: proven bound of the regret; inf where nothing is proven.
        half_width: half of the confidence interval of the regret found.
        standard_error: of the gain of the best strategy found.
        family: name of the family of the best strategy found.
        deviation: the best strategies found, on a leading axis.
        audits: claims and facts.
        effort: how widely was searched.
    """

    agents: tuple[str, ...]
    examined: tuple[int, ...]
    promised: np.ndarray
    certain: bool
    honest: np.ndarray
    honest_error: np.ndarray
    alone: np.ndarray
    found: np.ndarray
    bound: np.ndarray
    half_width: np.ndarray
    standard_error: np.ndarray
    family: tuple[str, ...]
    deviation: Deviation
    audits: tuple[Audit, ...]
    effort: str

    @property
    def proven(self) -> bool:
        """Whether every agent's regret has a finite bound."""
        return bool(np.all(np.isfinite(self.bound)))
