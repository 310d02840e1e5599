"""What a sweep has to know of a kind of problem: what can vary, how one instance is solved, which columns there are."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._status import Status
from jaxmech._types import Array

Row = dict[str, Any]
"""Numbers of one instance, by name; of many, with a leading axis."""

Record = TypeVar("Record")

DISTRIBUTIONS = ("lognormal", "uniform", "loguniform")


@dataclasses.dataclass(frozen=True)
class Rule:
    """What values a key may have.

    Attributes:
        words: the rule, for messages.
        allows: whether a number obeys it.
        draws: distributions from which values may be drawn.
    """

    words: str
    allows: Callable[[float], bool]
    draws: tuple[str, ...] = DISTRIBUTIONS


POSITIVE = Rule("must be positive and finite", lambda value: 0 < value < np.inf)


class Kind(ABC):
    """A problem with its solver, as a sweep sees it.

    Class attributes: ``name`` of the kind; ``keys``, what can vary, in words; ``keep``, columns by agent that can be
    kept, and ``kept``, those kept by default; ``labels`` of the columns whose quantiles are told; ``shares``, columns
    of yes and no whose share is told; ``worst``, the column by which an instance is singled out, and whether its
    "least" or "largest" value counts; ``nothing``, why a key can mean no entry; ``shard`` and ``chunk``, instances in
    a file and in a compiled call on a CPU, where they do not follow from the size; ``needed``, what ``finish`` reads
    beside the columns; ``work``, what is done where it is more than to solve.
    """

    name: ClassVar[str]
    problem: Any  # with the values of all that does not vary
    keys: str  # a kind may have fewer for some problems
    keep: ClassVar[tuple[str, ...]]
    kept: ClassVar[tuple[str, ...]]
    labels: ClassVar[tuple[tuple[str, str], ...]]
    shares: ClassVar[tuple[str, ...]] = ()
    worst: ClassVar[tuple[str, str]]
    nothing: ClassVar[str] = "has no entry that can vary"
    shard: ClassVar[int | None] = None
    chunk: ClassVar[int | None] = None
    needed: ClassVar[tuple[str, ...]] = ()
    work: ClassVar[str | None] = None

    division: str | None = None
    mechanism: str | None = None

    @property
    @abstractmethod
    def axes(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """For every field that can vary, the names along each of its axes."""

    @property
    @abstractmethod
    def leaves(self) -> Mapping[str, Array]:
        """The problem's own values of these fields."""

    @abstractmethod
    def rule(self, key: str) -> Rule:
        """Return what values a key may have."""

    @abstractmethod
    def solve(self, leaves: Mapping[str, Array]) -> Row:
        """Return the row of one instance: status, residual, steps, plain columns, and all that may be kept. Pure."""

    @property
    @abstractmethod
    def plain(self) -> tuple[str, ...]:
        """Columns beside what varies and what is kept, in their order; names that end in "status" are put in words."""

    def finish(self, rows: Row) -> Row:
        """Return the rows of a file after what only the host can do."""
        return rows

    @abstractmethod
    def kept_axes(self, column: str) -> tuple[tuple[str, ...], ...]:
        """Return the names along each axis of a column that can be kept."""

    @abstractmethod
    def description(self) -> dict[str, Any]:
        """Return the problem and how it is solved, in what JSON knows: all that results depend on but what varies."""

    @property
    @abstractmethod
    def title(self) -> str:
        """How instances are solved, in a few words."""

    def movable(self, leaf: str) -> np.ndarray:
        """Which entries a key means that names several; all, unless a kind says otherwise."""
        return np.ones(np.shape(self.leaves[leaf]), bool)

    def fixed(self, leaf: str) -> np.ndarray:
        """Which entries can never vary, even by a key of their own; none, unless a kind says otherwise."""
        return np.zeros(np.shape(self.leaves[leaf]), bool)

    def label(self, column: str) -> str:
        """Return what a kept column is called."""
        return column

    def in_words(self, column: str, rows: Row) -> np.ndarray:
        """Return a kept column as it is written."""
        return np.asarray(rows[column])

    def check(self, fixed: tuple[Any, ...], drawn: tuple[tuple[Any, Any], ...]) -> None:
        """Refuse what only traced numbers would hide.

        Raises:
            ProblemError: naming the key.
        """
        del fixed, drawn

    def options(self) -> dict[str, Any]:
        """Return what a sweep was asked for of this kind, beside the problem."""
        return {name: value for name in ("work", "division", "mechanism") if (value := getattr(self, name)) is not None}

    @property
    def dtype(self) -> Any:
        """Of all numbers."""
        return next(iter(self.leaves.values())).dtype

    @property
    def size(self) -> int:
        """How large an instance is, in numbers: what chunks and files are sized by."""
        return max(int(np.size(leaf)) for leaf in self.leaves.values())

    def kept_size(self, column: str) -> int:
        """Return how many columns a kept one makes."""
        return int(np.prod([len(names) for names in self.kept_axes(column)]))


def changed(record: Record, **fields: Any) -> Record:
    """Return a record with other fields, unchecked: they may be traced.

    Args:
        record: a frozen dataclass.
        fields: new values by name.
    """
    assert dataclasses.is_dataclass(record)
    new: Record = object.__new__(type(record))
    for field in dataclasses.fields(record):
        object.__setattr__(new, field.name, fields.get(field.name, getattr(record, field.name)))
    return new


def status_words(codes: np.ndarray) -> np.ndarray:
    """Return the names of statuses."""
    names = np.array([member.name for member in sorted(Status)], object)
    return np.asarray(names[np.asarray(codes)])


def refuse(name: str, given: object, kind: str) -> None:
    """Refuse an option that means nothing for this kind of problem.

    Raises:
        ProblemError: if it is given.
    """
    if given is not None:
        raise ProblemError(name, given, f"means nothing for a problem of kind [{kind}]")
