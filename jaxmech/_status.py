"""Failure is data: the status of a solve and the record that carries it."""

import dataclasses
import enum
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import SolveError
from jaxmech._pytree import pytree
from jaxmech._show import in_short
from jaxmech._types import Array

T = TypeVar("T")


class Status(enum.IntEnum):
    """How a solve ended. Each member carries its message; what helps in one system is told where it is reported."""

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
    NO_ROOT = 3, "the equation has no root for these numbers"
    INFEASIBLE = 4, "no point satisfies all constraints"
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
            value itself; one per instance. A constant for differentiation.
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

    def _told(self) -> list[str]:
        """What a line about it says: how it ended, of a batch how often."""
        if isinstance(self.status, jax.core.Tracer):
            return [f"value={self.value!r}"]
        codes, counts = np.unique(np.asarray(self.status), return_counts=True)
        names = [Status.of(int(code)).name for code in codes]
        ended = [f"{count:,} {name}" for name, count in zip(names, counts, strict=True)]
        worst = float(np.max(np.asarray(self.residual), initial=0.0))
        how = ended if np.ndim(self.status) else names
        return [", ".join(how), f"residual={worst:.2g}", f"value={in_short(self.value)}"]

    def map(self, function: Any) -> "Solution[Any]":
        """Return the same record around ``function(value)``."""
        return dataclasses.replace(self, value=function(self.value))

    def blanked(self) -> "Solution[T]":
        """Return the same record, one instance, with NaN instead of every float if its status is a failure."""
        failed = is_failure(self.status)

        def blank(leaf: Array) -> Array:
            return jnp.where(failed, jnp.nan, leaf) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

        return dataclasses.replace(self, value=jax.tree.map(blank, self.value))


SEVERITY = (
    Status.OK,
    Status.UNPROVEN,
    Status.ALMOST,
    Status.MAX_STEPS,
    Status.STALLED,
    Status.INFEASIBLE,
    Status.NO_ROOT,
    Status.NONFINITE,
)
"""From harmless to hopeless; the last three come with NaN instead of an answer."""


def worst_status(*statuses: Array) -> Array:
    """Return the worst of all statuses, in the order of :data:`SEVERITY`.

    Example:
        >>> int(worst_status(jnp.array([Status.OK, Status.STALLED]), jnp.array(Status.ALMOST)))
        5
    """
    ranks = jnp.array([SEVERITY.index(Status.of(code)) for code in range(len(SEVERITY))])
    worst = jnp.max(jnp.concatenate([ranks[jnp.ravel(status)] for status in statuses]))
    return jnp.array([int(status) for status in SEVERITY], jnp.int32)[worst]


def is_failure(status: Array) -> Array:
    """Whether the value that comes with this status is NaN, elementwise."""
    return (status == Status.INFEASIBLE) | (status == Status.NO_ROOT) | (status == Status.NONFINITE)
