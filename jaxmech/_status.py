"""Failure is data: the status of a solve and the record that carries it."""

import dataclasses
import enum
from typing import Any, Generic, TypeVar

import numpy as np

from jaxmech._errors import SolveError
from jaxmech._pytree import pytree
from jaxmech._types import Array

T = TypeVar("T")


class Status(enum.IntEnum):
    """How a solve ended. Each member carries its message: cause and remedy."""

    message: str

    def __new__(cls, code: int, message: str) -> "Status":
        """Make an integer that carries a message."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.message = message
        return member

    OK = 0, "solved to the tolerance"
    ALMOST = 1, "not solved to the tolerance: the residual says by how much the conditions are missed; check before use"
    MAX_STEPS = 2, "stopped at the step limit: the last iterate is returned; allow more steps"
    NO_ROOT = 3, "the equation has no root here: no noise level makes truth optimal (needs 1/τ² < κ < 1/4 and τ > 2)"
    INFEASIBLE = 4, "no point satisfies the constraints: raise the bounds on the penalties"
    STALLED = (
        5,
        "the method stopped making progress: the last iterate is returned, and the residual says how good it is",
    )
    NONFINITE = 6, "a number that is not finite came up: the input holds one, or the method met numbers out of range"

    UNPROVEN = (
        7,
        "the conditions hold to the tolerance, but optimality is not proven: design.certify proves it on the host, or "
        "says what fails",
    )

    @classmethod
    def of(cls, code: int) -> "Status":
        """Return the member with this code."""
        return next(member for member in cls if member == code)

    @property
    def is_failure(self) -> bool:
        """Whether the value is NaN because no answer exists or could be computed."""
        return self in (Status.NO_ROOT, Status.INFEASIBLE, Status.NONFINITE)


@pytree
@dataclasses.dataclass(frozen=True)
class Solution(Generic[T]):
    """What every solve returns.

    Attributes:
        value: the answer, a pytree; NaN where the status is NO_ROOT, INFEASIBLE or NONFINITE.
        status: int32 array of :class:`Status` codes, one per instance.
        residual: how far the returned value is from satisfying its equations, relative, recomputed from the
            value itself; one per instance.
        steps: int32 array, iterations used, one per instance.
    """

    value: T
    status: Array
    residual: Array
    steps: Array

    def raise_for_status(self) -> "Solution[T]":
        """Return self if every instance is OK, else raise.

        Raises:
            SolveError: naming how many instances failed and how the first one did. Host only.
        """
        codes = np.asarray(self.status)
        failed = np.argwhere(codes != Status.OK)
        if len(failed) == 0:
            return self
        first = tuple(int(i) for i in failed[0])
        status = Status.of(int(codes[first]))
        where = f"{len(failed)} of {codes.size} failed, first at index {first}: " if codes.ndim else ""
        raise SolveError(f"{where}{status.name}: {status.message} (residual {np.asarray(self.residual)[first]:.1e})")

    def map(self, function: Any) -> "Solution[Any]":
        """Return the same record around ``function(value)``."""
        return dataclasses.replace(self, value=function(self.value))
