"""What audits and simulations share: the mechanism of a problem file, seeds and replications."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

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


class Carried(NamedTuple):
    """A problem file, solved, and the mechanism that carries the plan out."""

    case: Any
    plan: Any
    mechanism: Any
    status: Any
    residual: float


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
    from jaxmech import collaboration, files
    from jaxmech._status import Status

    with output.timed("read"):
        case = files.read(file, output.dtype)
    if not isinstance(case, files.CollaborationCase):
        raise ProblemError(f"{case.source}: section", type(case).__name__, "only [collaboration] can be played so far")
    with named(case.source), output.timed("compile + solve"), quick_compilation():
        division = one_of("--division", choice.division or case.division, collaboration.DIVISIONS)
        mechanism = one_of("--mechanism", choice.mechanism or case.mechanism, collaboration.MECHANISMS)
        solution = collaboration.solve(case.problem, division=division, mechanism=mechanism)
        status = Status.of(int(solution.status))
        if status.is_failure:
            solution.raise_for_status()
    machine = collaboration.mechanism(case.problem, solution.value)
    return Carried(case, solution.value, machine, status, float(solution.residual))


@contextlib.contextmanager
def named(source: str) -> Iterator[None]:
    """Put the name of the file before every complaint."""
    try:
        yield
    except ProblemError as error:
        raise ProblemError(f"{source}: {error.argument}", error.value, error.rule) from None
