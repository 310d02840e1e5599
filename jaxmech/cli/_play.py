"""What audits and simulations share: the mechanism of a problem file, seeds and replications."""

import contextlib
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from jaxmech._errors import ProblemError
from jaxmech._words import one_of
from jaxmech.cli._choice import Choice
from jaxmech.cli._jax import quick_compilation
from jaxmech.cli._options import Output

Command = TypeVar("Command", bound=Callable[..., Any])

_MOST_SEEDS = 2**32

seed_option = click.option("--seed", default=0, show_default=True, type=int, metavar="N", help="Of all random draws.")


def replications_option(help_text: str) -> Callable[[Command], Command]:
    """Return the option ``--replications`` with its own help."""
    return click.option("--replications", default=None, type=int, metavar="N", help=help_text)


def check_seed(seed: int) -> None:
    """Refuse a seed that is no seed.

    Raises:
        ProblemError: if it is negative or has more than 32 bits.
    """
    if not 0 <= seed < _MOST_SEEDS:
        raise ProblemError("--seed", seed, f"must be a whole number from 0 to {_MOST_SEEDS - 1}")


@dataclasses.dataclass(frozen=True)
class Carried(ABC):
    """A problem file, solved, and the mechanism that carries the plan out.

    Attributes:
        case: the problem file.
        plan: what everybody is asked, and pays: anything with ``samples`` and ``penalty``.
        mechanism: carries it out.
        status: how the solve ended.
        residual: of the solve.
    """

    case: Any
    plan: Any
    mechanism: Any
    status: Any
    residual: float

    @property
    @abstractmethod
    def name(self) -> str:
        """What is played, in words."""

    @abstractmethod
    def whole(self, output: Output) -> tuple[Any, Any]:
        """The plan in whole samples, and the mechanism that carries it out."""

    @abstractmethod
    def by_value(self) -> tuple[Any, Any]:
        """The plan with a column per value, where one draw measures several, and the mechanism that carries it out."""


class Published(Carried):
    """A published mechanism over a division of the work."""

    @property
    def name(self) -> str:
        """Mechanism and division."""
        from jaxmech.report.collaboration import rule_in_words

        with_rule = rule_in_words(self.plan.estimate, self.plan.calibrated)
        return f"mechanism {self.plan.mechanism}{with_rule}, division {self.plan.division}"

    def whole(self, output: Output) -> tuple[Any, Any]:
        """The plan, rounded."""
        from jaxmech import collaboration

        plan = collaboration.integer_plan(self.case.problem, self.plan).plan
        return plan, collaboration.mechanism(self.case.problem, plan)

    def by_value(self) -> tuple[Any, Any]:
        """In units of each σ."""
        from jaxmech import collaboration

        return collaboration.mechanism_by_value(self.case.problem, self.plan, self.case.values)


class FromDesign(Carried):
    """A mechanism that ``jaxmech design`` finds."""

    @property
    def name(self) -> str:
        """Where it comes from."""
        follows = "" if self.plan.calibration is None else ", limits that follow the data"
        return f"mechanism designed: {self.plan.origin}{follows}"

    def whole(self, output: Output) -> tuple[Any, Any]:
        """A design of its own; one whose limits follow the data is in whole samples."""
        if self.plan.calibration is not None:
            return self.plan, self.mechanism
        from jaxmech.cli._solve_design import find_design
        from jaxmech.design import Wishes, designed_mechanism

        plan = find_design(self.case, Wishes(whole=True), output).value
        return plan, designed_mechanism(self.case.problem, plan)

    def by_value(self) -> tuple[Any, Any]:
        """With limits in units of each σ."""
        from jaxmech.design import designed_by_value

        return designed_by_value(self.case.problem, self.plan, self.case.values)


def carry_out(file: str, choice: Choice, output: Output) -> Carried:
    """Read and solve a problem, and make its mechanism.

    Args:
        file: what was named on the command line.
        choice: what the command line says instead of the file.
        output: notes how long the parts take.

    Raises:
        ProblemError: for a file that cannot be read, and for kinds of problems that have no play of this kind.
        SolveError: if there is no plan.
    """
    return carry(output.read(file), choice, output)


def carry(case: Any, choice: Choice, output: Output) -> Carried:
    """Solve a collaboration that was read, and make its mechanism.

    Args:
        case: the problem file.
        choice: what the command line says instead of the file.
        output: notes how long the parts take.

    Raises:
        ProblemError: for a problem of another kind, and for a division or a mechanism that there is not.
        SolveError: if there is no plan.
    """
    from jaxmech import files

    if not isinstance(case, files.CollaborationCase):
        raise ProblemError(f"{case.source}: section", files.section_of(case), "must be a problem to share data")
    output.warn(case.warnings)
    with named(case.source):
        division = one_of("--division", choice.instead_of("division", case.division), case.divisions)
        mechanism = one_of("--mechanism", choice.instead_of("mechanism", case.mechanism), files.MECHANISMS)
        output.warn(case.unused_by(mechanism))
        if mechanism == files.DESIGNED:
            return _design(case, output)
        return _solve(case, division, mechanism, output)


def _solve(case: Any, division: str, mechanism: str, output: Output) -> Carried:
    from jaxmech import collaboration
    from jaxmech._status import Status

    with output.timed("compile + solve"), quick_compilation():
        rule = case.rule(mechanism)
        solution = collaboration.solve(
            case.problem,
            division=case.dividing(division),
            mechanism=mechanism,
            estimate=rule.estimate,
            calibrated=rule.calibrated,
        )
        status = Status.of(int(solution.status))
        if status.is_failure:
            solution.raise_for_status()
    machine = collaboration.mechanism(case.problem, solution.value)
    return Published(case, solution.value, machine, status, float(solution.residual))


def _design(case: Any, output: Output) -> Carried:
    from jaxmech._status import Status
    from jaxmech.cli._solve_design import find_design
    from jaxmech.design import Wishes, designed_mechanism

    solution = find_design(case, Wishes(), output)
    with output.timed("proof"):
        machine = designed_mechanism(case.problem, solution.value)
    return FromDesign(case, solution.value, machine, Status.of(int(solution.status)), float(solution.residual))


@contextlib.contextmanager
def named(source: str) -> Iterator[None]:
    """Put the name of the file before every complaint."""
    try:
        yield
    except ProblemError as error:
        raise ProblemError(f"{source}: {error.argument}", error.value, error.rule) from None
