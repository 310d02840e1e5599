"""Two answers to one problem: with everybody, and without some."""

import dataclasses
from functools import cached_property

import numpy as np

from jaxmech.report._numbers import settle
from jaxmech.report.collaboration import Arrangement


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is agreed with everybody, and what those who remain would agree on without some.

    Attributes:
        everybody: the answer with all agents.
        remaining: the answer without some, in the same order.
        left_out: names of those who leave.
    """

    everybody: Arrangement
    remaining: Arrangement
    left_out: tuple[str, ...]

    @property
    def solved(self) -> bool:
        """Whether both solves ended well and every claim holds."""
        return self.everybody.solved and self.remaining.solved

    @cached_property
    def kept(self) -> np.ndarray:
        """Places of those who remain, among all."""
        return np.array([i for i, name in enumerate(self.everybody.agents) if name not in self.left_out])

    @cached_property
    def gone(self) -> np.ndarray:
        """Places of those who leave, among all."""
        return np.array([self.everybody.agents.index(name) for name in self.left_out])

    @cached_property
    def before(self) -> np.ndarray:
        """(remaining,) what each pays if nobody leaves."""
        return np.asarray(self.everybody.penalty[self.kept])

    @cached_property
    def change(self) -> np.ndarray:
        """(remaining,) what each pays more without those who leave; 0 where rounding remains."""
        return settle(self.remaining.penalty - self.before, self.before, self.everybody.settings["dtype"])

    @property
    def hurt(self) -> int:
        """How many of those who remain pay more."""
        return int(np.sum(self.change > 0))
