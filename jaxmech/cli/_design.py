"""``jaxmech design``: a better mechanism than the published ones, with its certificates."""

import dataclasses
import functools
import math
from typing import Any

import click

from jaxmech.cli._group import DONE, SOLVED_BADLY
from jaxmech.cli._jax import use_precision
from jaxmech.cli._options import Output, examples_of, render_text, shared, to_number
from jaxmech.cli._play import named
from jaxmech.cli._report import html_page

_EXAMPLES = (
    "jaxmech design equal-agents",
    "jaxmech design mine.toml --calibrated",
    "jaxmech design mine.toml --noise 20 --failure 0.01",
    "jaxmech design mine.toml --unlinked --whole --plot design.png --json design.json",
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="A better mechanism than the published ones, certified.")
@click.argument("file")
@click.option(
    "--noise",
    default=math.inf,
    show_default=True,
    type=to_number,
    metavar="X",
    help="Largest variance of added noise, in σ²; inf: data are withheld.",
)
@click.option(
    "--failure",
    default=1.0,
    show_default=True,
    type=to_number,
    metavar="P",
    help="Largest chance that an honest agent's data are noisy or withheld.",
)
@click.option("--unlinked", is_flag=True, help="One distribution at a time: failing on one spoils no other.")
@click.option(
    "--ellipsoid",
    is_flag=True,
    help="Linked checks that add up squares, too, where they cost less and are certified.",
)
@click.option("--whole", is_flag=True, help="Whole samples.")
@click.option(
    "--calibrated",
    is_flag=True,
    help="Limits follow the spread of the data, so that σ need not be known: whole samples, unlinked.",
)
@shared("json", "csv", "plot", "report", "dtype", "quiet", "verbose")
def design(
    file: str,
    noise: float,
    failure: float,
    unlinked: bool,
    ellipsoid: bool,
    whole: bool,
    calibrated: bool,
    **options: Any,
) -> int:
    """Improve on the published mechanisms for the problem in FILE, and prove it.

    Every agent gets some points of the others, with which her own are compared, and the rest if they agree. Prints who
    collects what, what everybody gets back and when, how much better it is than the best published mechanism, and the
    certificates. The exit code is 1 if something that the design claims is not proven. Takes about 10 seconds for
    three agents and a minute for the 24 clinics the first time, and for three 3 seconds later.
    """
    output = Output(**options)
    with output.timed("import"):
        from jaxmech import ProblemError, files, report
        from jaxmech.cli._solve import agreement
        from jaxmech.cli._solve_design import solve_design
        from jaxmech.design import Wishes
    try:
        wishes = Wishes(linked=not unlinked, noise=noise, failure=failure, whole=whole, ellipsoid=ellipsoid)
    except ProblemError as error:
        raise ProblemError(f"--{error.argument}", error.value, error.rule) from None
    use_precision(output.dtype)
    case = output.read(file)
    if not isinstance(case, files.CollaborationCase):
        raise ProblemError(f"{case.source}: section", files.section_of(case), "only [collaboration] can be designed")
    if calibrated:
        case = dataclasses.replace(case, calibrated=True)
    output.warn((*case.warnings, *case.unused_by(files.DESIGNED)))
    with named(case.source):
        answer = solve_design(case, wishes, output)
    kind = report.design
    document = functools.cache(lambda: agreement(case, answer, kind.document(answer), output.warnings))
    output.deliver(
        document=document,
        rows=lambda: kind.rows(answer),
        figure=lambda: kind.plot(answer),
        text=lambda: render_text(lambda console: kind.print_page(answer, console, full=output.verbose)),
        html=lambda: html_page(kind, answer, document(), output.warnings),
    )
    return DONE if answer.solved else SOLVED_BADLY
