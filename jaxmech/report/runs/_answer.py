"""What a report of many runs is made of."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from jaxmech._status import Status
from jaxmech.mechanism import Audit, Realised
from jaxmech.report._records import Judged


@dataclasses.dataclass(frozen=True)
class Answer(Judged):
    """A mechanism that was run many times, with names.

    Attributes:
        source: the file or the shipped problem.
        title: one line that says what it is, or an empty text.
        kind: of the problem.
        agents: names of all, whoever they are.
        mechanism: what was run.
        plays: the ways in which it was run.
        certificates: promises and what never happens, claims and facts.
        status: how the solve ended that the mechanism comes from.
        residual: of that solve.
        settings: version, jax, device, dtype, seed.
        unit: of money, or an empty text.
    """

    source: str
    title: str
    kind: str
    agents: tuple[str, ...]
    mechanism: str
    plays: tuple[Realised, ...]
    certificates: tuple[Audit, ...]
    status: Status
    residual: float
    settings: Mapping[str, Any]
    unit: str = ""
