"""``jaxmech solve``: from a problem file to a plan, its certificates and a report."""

from typing import Any

import click

from jaxmech._words import one_of
from jaxmech.cli._group import DONE, SOLVED_BADLY
from jaxmech.cli._jax import use_precision
from jaxmech.cli._options import Output, examples_of, render_text, shared

_WORDS = (
    "\b\n"
    "Divisions:   alone social rational leverage nash egalitarian kalai-smorodinsky\n"
    "             (rational is the default; c3d has its own)\n"
    "Mechanisms:  pool counted-pool c3d cbl (the default)"
)
_EXAMPLES = (
    "jaxmech solve clinics",
    "jaxmech solve three-agents --division nash --json -",
    "jaxmech solve mine.toml --mechanism c3d --csv plan.csv --plot plan.png",
)


@click.command(
    epilog=f"{_WORDS}\n\n{examples_of(*_EXAMPLES)}",
    short_help="Solve a problem: who collects what, what it brings, why it holds.",
)
@click.argument("file")
@click.option("--division", metavar="NAME", help="Division of the work, instead of the file's.")
@click.option("--mechanism", metavar="NAME", help="Mechanism that carries the plan out, instead of the file's.")
@shared("json", "csv", "plot", "dtype", "quiet", "verbose")
def solve(file: str, division: str | None, mechanism: str | None, **options: Any) -> int:
    """Solve the problem in FILE, a TOML file or the name of a shipped problem.

    Prints who collects what, what everybody pays alone and together, why nobody cheats, and the certificates. The
    exit code is 1 if the solve did not end well or a claim fails.
    """
    output = Output(**options)
    with output.timed("import"):
        from jaxmech import ProblemError, collaboration, files, report
        from jaxmech.cli._compute import compute

    if division is not None:
        one_of("--division", division, collaboration.DIVISIONS)
    if mechanism is not None:
        one_of("--mechanism", mechanism, collaboration.MECHANISMS)
    use_precision(output.dtype)
    with output.timed("read"):
        case = files.read(file, output.dtype)
    try:
        answer = compute(case, division or case.division, mechanism or case.mechanism, output)
    except ProblemError as error:
        raise ProblemError(f"{case.source}: {error.argument}", error.value, error.rule) from None
    output.deliver(
        document=lambda: report.document(answer),
        rows=lambda: report.rows(answer),
        figure=lambda: report.plot(answer),
        text=lambda: render_text(lambda console: report.print_page(answer, console, full=output.verbose)),
    )
    return DONE if answer.solved else SOLVED_BADLY
