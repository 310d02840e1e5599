"""What an audit found, in numbers."""

import dataclasses
import functools
from typing import Any

import numpy as np

from jaxmech.deviation import Deviation, in_words
from jaxmech.deviation import parameters as numbers_of
from jaxmech.mechanism import PENALTY, Audit


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

    @property
    def names(self) -> tuple[str, ...]:
        """Names of those who were examined."""
        return tuple(self.agents[i] for i in self.examined)

    @property
    def roles(self) -> tuple[str, ...]:
        """All are alike."""
        return ("",) * len(self.examined)

    @property
    def measure(self) -> str:
        """A penalty is promised."""
        return PENALTY

    @property
    def stake(self) -> np.ndarray:
        """What regrets are relative to: the promised penalties; 1 of who pays nothing."""
        nothing = self.promised == 0
        return np.where(nothing, 1.0, self.promised) if nothing.any() else self.promised

    @functools.cached_property
    def parameters(self) -> tuple[dict[str, Any], ...]:
        """The best departures as plain numbers."""
        return tuple(numbers_of(self.deviation, row) for row in range(len(self.examined)))

    @functools.cached_property
    def told(self) -> tuple[str, ...]:
        """The best departures as a person would tell them."""
        return tuple(in_words(self.family[row], self.deviation, row) for row in range(len(self.examined)))
