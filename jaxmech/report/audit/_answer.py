"""What a report of an audit is made of."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxmech._status import Status
from jaxmech.audit import Examination
from jaxmech.collaboration import Questions
from jaxmech.mechanism import Audit, Examined
from jaxmech.report._numbers import settle
from jaxmech.report.audit._populations import OnPopulation


@dataclasses.dataclass(frozen=True)
class Answer:
    """An audited mechanism, with its names.

    Attributes:
        source: the file or the shipped problem.
        title: one line that says what it is, or an empty text.
        kind: of the problem.
        distributions: their names.
        mechanism: what was audited, e.g. "cbl, leverage division".
        found: the numbers and the verdicts.
        status: how the solve ended that the mechanism comes from.
        residual: of that solve.
        settings: version, jax, device, dtype, seed.
        populations: what was measured where data are of other laws, if anything.
        questions: answers that go beyond what is claimed, if anybody asked.
        weaknesses: the same as facts.
        currency: of the penalties, or an empty text.
        trust: who is relied upon without any check, in a sentence; or an empty text.
        fractions: whether the plan is one in fractions of samples, while another in whole ones is signed.
    """

    source: str
    title: str
    kind: str
    distributions: tuple[str, ...]
    mechanism: str
    found: Examination | Examined
    status: Status
    residual: float
    settings: Mapping[str, Any]
    populations: tuple[OnPopulation, ...] = ()
    questions: Questions | None = None
    weaknesses: tuple[Audit, ...] = ()
    currency: str = ""
    trust: str = ""
    fractions: bool = False

    @property
    def claims(self) -> tuple[Audit, ...]:
        """What the mechanism claims."""
        return tuple(record for record in self.found.audits if record.claimed)

    @property
    def facts(self) -> tuple[Audit, ...]:
        """What is true or false, but not claimed."""
        return tuple(record for record in self.found.audits if not record.claimed)

    @property
    def solved(self) -> bool:
        """Whether the solve ended well and every claim holds."""
        return self.status is Status.OK and all(record.holds for record in self.claims)

    def settled(self, values: np.ndarray) -> np.ndarray:
        """Regrets without what rounding leaves of 0."""
        return settle(values, np.asarray(self.found.stake, float), self.settings["dtype"])

    @property
    def gain(self) -> np.ndarray:
        """Regret found, relative to what is at stake."""
        return np.asarray(self.found.found / self.found.stake)
