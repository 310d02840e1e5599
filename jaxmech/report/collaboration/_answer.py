"""What a report is made of: one solved problem, on the host, with its names."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxmech._status import Status
from jaxmech.collaboration import POOLS, Advice, Efficiency, FreeRiding, Joint, Role, Values
from jaxmech.mechanism import Audit
from jaxmech.report._numbers import settle
from jaxmech.report._records import Judged
from jaxmech.report.collaboration._accounts import Accounts, WhatIf


@dataclasses.dataclass(frozen=True)
class Sigma:
    """A standard deviation estimated from measurements.

    Attributes:
        distribution: its name.
        sigma: the estimate.
        standard_error: its standard error, in the same unit.
        count: number of measurements.
        dropped: number of rows that were left out because they lack a value.
    """

    distribution: str
    sigma: float
    standard_error: float
    count: int
    dropped: int = 0


@dataclasses.dataclass(frozen=True)
class Whole:
    """The plan in whole samples.

    Attributes:
        samples: (agents, distributions) whole numbers.
        role: :class:`~jaxmech.collaboration.Role` codes, which rounding may change.
        alpha: corruption coefficients for these amounts; NaN where nothing is corrupted.
        total: T_k, whole points behind each distribution.
        penalty: one per agent.
        social_penalty: their sum.
        alone_samples: the best whole numbers for each agent on her own.
        alone_penalty: what they cost her; inf if she cannot sample everything.
        loss: how much more all pay than under the plan in real numbers, as a fraction of it.
        change: how much more each agent pays than under the plan in real numbers.
        worse_off: how much more each agent pays than alone in whole samples; positive where rounding makes her lose.
        certificates: what the plan in whole samples claims, and facts about its agents.
    """

    samples: np.ndarray
    role: np.ndarray
    alpha: np.ndarray
    total: np.ndarray
    penalty: np.ndarray
    social_penalty: float
    alone_samples: np.ndarray
    alone_penalty: np.ndarray
    loss: float
    change: np.ndarray
    worse_off: np.ndarray
    certificates: tuple[Audit, ...] = ()


@dataclasses.dataclass(frozen=True)
class Arrangement(Judged):
    """Who collects what and what it brings, in numpy arrays: what all answers about sharing without money have.

    Shapes: (agents, distributions) for amounts and costs, (agents,) for penalties.

    Attributes:
        source: the file or the shipped problem.
        title: one line that says what it is, or an empty text.
        agents: their names.
        distributions: their names.
        costs: per sample; inf where an agent cannot sample.
        sigma: standard deviation of one sample, per distribution.
        price: of one unit of squared error, per distribution.
        estimates: how the standard deviations were estimated; empty if they were given.
        mechanism: name of the mechanism.
        alone_samples: what each collects on her own.
        alone_penalty: what that costs her; inf if she cannot sample everything.
        samples: what each collects.
        role: :class:`~jaxmech.collaboration.Role` codes.
        penalty: what each agent pays.
        social_penalty: their sum.
        accounts: money apart from error, alone and together, in whole samples where possible; None without a plan.
        currency: the unit of costs and price, or an empty text.
        certificates: every claim and fact, with margin and witness.
        status: how the solve ended.
        residual: of the solve, relative.
        settings: version, jax, device, dtype, seed.
        values: what is measured where one draw measures several values; else None.
        joint: by panel, an agent who is checked on it and what she gains by knowing how its values are correlated.
        surplus: what becomes of points that nobody asked for: "drop" or "use".
    """

    source: str
    title: str
    agents: tuple[str, ...]
    distributions: tuple[str, ...]
    costs: np.ndarray
    sigma: np.ndarray
    price: np.ndarray
    estimates: tuple[Sigma, ...]
    mechanism: str
    alone_samples: np.ndarray
    alone_penalty: np.ndarray
    samples: np.ndarray
    role: np.ndarray
    penalty: np.ndarray
    social_penalty: float
    accounts: Accounts | None
    currency: str
    certificates: tuple[Audit, ...]
    status: Status
    residual: float
    settings: Mapping[str, Any]
    values: Values | None = dataclasses.field(default=None, kw_only=True)
    joint: Mapping[str, tuple[str, Joint]] = dataclasses.field(default_factory=dict, kw_only=True)
    surplus: str = dataclasses.field(default="drop", kw_only=True)

    @property
    def pooled(self) -> bool:
        """Whether the mechanism pools everything, so that nobody is checked and nobody has a role."""
        return self.mechanism in POOLS

    @property
    def compared(self) -> np.ndarray:
        """(agents, distributions) points of others that she is compared with, and gets as they are."""
        return np.where(self.is_role(Role.CHECKED), self.samples, 0.0)

    @property
    def by_agent(self) -> bool:
        """Whether parties differ in what no exchange takes into account: σ, or the price with panels or a design."""
        several = self.mechanism == "designed" or self.values is not None
        return np.ndim(self.sigma) > 1 or (np.ndim(self.price) > 1 and several)

    @property
    def gain(self) -> np.ndarray:
        """What each agent saves against working alone; inf where she could not work alone, 0 where rounding remains."""
        gain = np.asarray(np.subtract(self.alone_penalty, self.penalty))
        return settle(gain, self.alone_penalty, self.settings["dtype"])

    def is_role(self, role: Role) -> np.ndarray:
        """(agents, distributions) truth values: who has this role in what."""
        return np.asarray(np.equal(self.role, int(role)))


@dataclasses.dataclass(frozen=True)
class Answer(Arrangement):
    """One solved problem of sharing data without money.

    Attributes:
        division: name of the division of work.
        target: the division of work that the plan started from.
        target_penalty: what it costs compliant agents who pool.
        target_social_penalty: their sum.
        alpha: corruption coefficients; NaN where nothing is corrupted.
        total: points behind each distribution.
        leverage: whether the plan uses leverage (condition (8) holds).
        pays: (agents, distributions) what she pays for each distribution, error and collection.
        instead: what the nearest temptation would cost her there: half the work, or one sample where she receives.
        nearest: how many samples that are: limits can keep them from being half.
        free: what she would do in a pool if she thought of herself alone; None for mechanisms that check.
        whole: the plan in whole samples, or None where there is none, or amounts are too large to be whole numbers.
        efficiency: against what is possible, or None where there is no plan.
        advice: social penalties of other choices, or None where there is no plan.
        estimate: how noisy points are weighed, by the noise that was "drawn" or "steady".
        calibrated: whether the noise level follows the spread of the data, "robust" if the median of the spreads.
        what_if: what made-up numbers and another σ would bring; None where there is too much to ask.
        limited: whether there are limits on what agents collect or spend.
        fractions: of an answer about the plan in whole samples (:func:`signed`), the one about the plan in fractions.
    """

    division: str
    target: np.ndarray
    target_penalty: np.ndarray
    target_social_penalty: float
    alpha: np.ndarray
    total: np.ndarray
    leverage: bool
    pays: np.ndarray
    instead: np.ndarray
    nearest: np.ndarray
    free: FreeRiding | None
    whole: Whole | None
    efficiency: Efficiency | None
    advice: Advice | None
    estimate: str = "drawn"
    calibrated: bool | str = False
    limited: bool = False
    what_if: WhatIf | None = None
    fractions: "Answer | None" = None

    @property
    def by_rounding(self) -> tuple[Audit, ...]:
        """Claims that fail in whole samples and hold in the fractions that these were rounded from."""
        if self.fractions is None:
            return ()
        kept = {record.claim for record in self.fractions.claims if record.holds}
        return tuple(record for record in self.claims if not record.holds and record.claim in kept)
