"""What the command line of ``jaxmech solve`` chooses instead of the file."""

import dataclasses

from jaxmech._errors import ProblemError


@dataclasses.dataclass(frozen=True)
class Choice:
    """Options of ``jaxmech solve`` that belong to one kind of problem; None where they are left out.

    Attributes:
        division: name of the division of work.
        mechanism: name of the mechanism.
        method: how a market finds sizes and prices.
    """

    division: str | None = None
    mechanism: str | None = None
    method: str | None = None

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
                raise ProblemError(f"--{field.name}", given, f"means nothing for a problem of kind [{kind}]")
