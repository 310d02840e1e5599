"""What a report of a simulation is made of."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxmech._status import Status
from jaxmech.mechanism import Audit
from jaxmech.report._numbers import relative


@dataclasses.dataclass(frozen=True)
class Play:
    """One way in which the mechanism was run, many times.

    Attributes:
        name: "normal data" or "the data in …".
        promised: one penalty per agent.
        penalty: what came out on average.
        standard_error: of it.
        squared_error: (agents, distributions) of the estimates, not priced.
        cost: of what each collected.
        samples: (agents, distributions) collected.
        replications: how many runs.
        sigma: standard deviation of the data, per distribution.
        skewness: of the data, per distribution; 0 for normal data.
        kurtosis: excess kurtosis of the data, likewise.
        log_skewness: skewness of the logarithms, NaN where there are none.
        rows: of measurements that data are drawn from; 0 where they come from a law.
        alone: what each would pay in the same world who collects for herself alone what the problem's σ makes best,
            and estimates by her own mean: exact, for any law; None where that was not computed.
    """

    name: str
    promised: np.ndarray
    penalty: np.ndarray
    standard_error: np.ndarray
    squared_error: np.ndarray
    cost: np.ndarray
    samples: np.ndarray
    replications: int
    sigma: np.ndarray
    skewness: np.ndarray
    kurtosis: np.ndarray
    log_skewness: np.ndarray
    rows: int = 0
    alone: np.ndarray | None = None

    @property
    def change(self) -> np.ndarray:
        """By how much the penalty differs from the promised one, relative to it."""
        return relative(self.penalty - self.promised, self.promised)

    @property
    def total_error(self) -> float:
        """Standard error of the sum of all penalties, at most: agents share draws, so errors may add up."""
        return float(np.sum(self.standard_error))


@dataclasses.dataclass(frozen=True)
class Answer:
    """A simulated mechanism, with its names.

    Attributes:
        source: the file or the shipped problem.
        title: one line that says what it is, or an empty text.
        agents: their names.
        distributions: their names.
        mechanism: what was run, e.g. "mechanism cbl, division leverage".
        amounts: what kind they are of, in all plays: "whole samples" or "real numbers".
        sigma: standard deviations that the problem assumes.
        price: of a unit of squared error, per distribution.
        any_law: whether the promises hold for data of any law with these standard deviations.
        plays: on normal data, and on measurements if there are any.
        cheat: who deviates and how, in words, or an empty text.
        claims: whether promises were kept; empty if somebody cheats.
        status: how the solve ended that the mechanism comes from.
        residual: of that solve.
        settings: version, jax, device, dtype, seed.
    """

    source: str
    title: str
    agents: tuple[str, ...]
    distributions: tuple[str, ...]
    mechanism: str
    amounts: str
    sigma: np.ndarray
    price: np.ndarray
    any_law: bool
    plays: tuple[Play, ...]
    cheat: str
    claims: tuple[Audit, ...]
    status: Status
    residual: float
    settings: Mapping[str, Any]

    @property
    def solved(self) -> bool:
        """Whether the solve ended well and every claim holds."""
        return self.status is Status.OK and all(record.holds for record in self.claims)
