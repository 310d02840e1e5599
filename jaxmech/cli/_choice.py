"""What the command line of ``jaxmech solve`` chooses instead of the file."""

import dataclasses
from typing import Any

from jaxmech._errors import ProblemError


@dataclasses.dataclass(frozen=True)
class Choice:
    """Options of ``jaxmech solve`` that belong to one kind of problem; None where they are left out.

    Attributes:
        division: name of the division of work.
        mechanism: name of the mechanism.
        boundary: True to search for the largest disparity.
        up_to: how far to search for it.
        method: how a market finds sizes and prices.
        estimate: how noisy points are weighed.
        reading: of Algorithm 1: whether all of the others take part.
    """

    division: str | None = None
    mechanism: str | None = None
    boundary: bool | None = None
    up_to: int | None = None
    method: str | None = None
    estimate: str | None = None
    reading: str | None = None

    @classmethod
    def taken_from(cls, options: dict[str, Any]) -> "Choice":
        """Take these options out of all those of the command line; a flag that is not set counts as left out."""
        taken = {field.name: options.pop(field.name) for field in dataclasses.fields(cls)}
        return cls(**{name: None if given is False else given for name, given in taken.items()})

    def instead_of(self, name: str, own: str) -> str:
        """Return what the command line says, an empty text included, or else what the file says.

        Args:
            name: of the option's field.
            own: what the file says.
        """
        given: str | None = getattr(self, name)
        return own if given is None else given

    def only(self, *allowed: str, kind: str) -> None:
        """Refuse options that mean nothing for this kind of problem.

        Args:
            allowed: fields that mean something.
            kind: of the problem.

        Raises:
            ProblemError: naming the option.
        """
        for field in dataclasses.fields(self):
            given = getattr(self, field.name)
            if given is not None and field.name not in allowed:
                raise ProblemError(
                    f"--{field.name.replace('_', '-')}", given, f"means nothing for a problem of kind [{kind}]"
                )
