"""``jaxmech solve``: from a problem file to a plan, its certificates and a report."""

import functools
from collections.abc import Sequence
from typing import Any

import click

from jaxmech._words import one_of
from jaxmech.cli._choice import Choice
from jaxmech.cli._group import DONE, SOLVED_BADLY
from jaxmech.cli._jax import use_precision
from jaxmech.cli._options import Output, examples_of, render_text, shared
from jaxmech.cli._report import html_page

_WORDS = (
    "\b\n"
    "Divisions:   alone social rational leverage nash egalitarian kalai-smorodinsky\n"
    "             (rational is the default; c3d has its own)\n"
    "Mechanisms:  pool counted-pool c3d cbl (the default)\n"
    "             designed (see jaxmech design; it has its own division)\n"
    "             exploitation (the default) free (for competitors who share models)\n"
    "Methods:     exact (the default) approximate monotone smooth diminishing\n"
    "             heuristic, for the prices of a market"
)
_EXAMPLES = (
    "jaxmech solve clinics",
    "jaxmech solve three-agents --division nash --json -",
    "jaxmech solve equal-agents --mechanism c3d --estimate steady",
    "jaxmech solve mine.toml --mechanism c3d --csv plan.csv --plot plan.png",
    "jaxmech solve clinics --json agreement.json --report agreement.html",
    "jaxmech solve market-growth --boundary",
    "jaxmech solve data-market --plot market.png",
    "jaxmech solve clinics --without Northgate --without Marlow",
)


@click.command(
    epilog=f"{_WORDS}\n\n{examples_of(*_EXAMPLES)}",
    short_help="Solve a problem: who collects what, what it brings, why it holds.",
)
@click.argument("file")
@click.option("--division", metavar="NAME", help="Division of the work, instead of the file's.")
@click.option("--mechanism", metavar="NAME", help="Mechanism that carries the plan out, instead of the file's.")
@click.option("--estimate", metavar="NAME", help="How noisy points are weighed, instead of the file's: drawn, steady.")
@click.option(
    "--method",
    metavar="NAME",
    help="How a market finds sizes and prices, instead of the file's: a name, or FILE.py:FUNCTION.",
)
@click.option(
    "--boundary", is_flag=True, help="Search for the largest data sizes at which a desirable mechanism exists."
)
@click.option("--up-to", type=int, metavar="N", help="How far --boundary searches.  [default: 100000]")
@click.option(
    "--reading", metavar="NAME", help="May others stay away (Algorithm 1)? Instead of the file's: present, absent."
)
@click.option(
    "--without", multiple=True, metavar="NAME", help="What if this agent leaves? May be given more than once."
)
@shared("json", "csv", "plot", "report", "dtype", "quiet", "verbose")
def solve(file: str, without: tuple[str, ...], **options: Any) -> int:
    """Solve the problem in FILE, a TOML file or the name of a shipped problem.

    Prints who collects what, what everybody pays alone and together, why nobody cheats, and the certificates; for a
    market, who collects and who buys how much at which price. The exit code is 1 if the solve did not end well or a
    claim fails; not where rounding to whole samples alone breaks one, which the page says with its size. With
    --without, prints what all others pay and collect if these agents leave.
    Takes 3 to 10 seconds on the shipped problems.
    """
    choice = Choice.taken_from(options)
    output = Output(**options)
    with output.timed("import"):
        from jaxmech import ProblemError
    use_precision(output.dtype)
    case = output.read(file)
    try:
        if without:
            return DONE if _without(case, without, choice, output) else SOLVED_BADLY
        answer, kind = solve_case(case, choice, output)
    except ProblemError as error:
        raise ProblemError(f"{case.source}: {error.argument}", error.value, error.rule) from None
    document = functools.cache(lambda: agreement(case, answer, kind.document(answer), output.warnings))
    output.deliver(
        document=document,
        rows=lambda: kind.rows(answer),
        figure=lambda: kind.plot(answer),
        text=lambda: render_text(lambda console: kind.print_page(answer, console, full=output.verbose)),
        html=lambda: html_page(kind, answer, document(), output.warnings),
    )
    return DONE if answer.solved else SOLVED_BADLY


def agreement(case: Any, answer: Any, document: dict[str, Any], warnings: Sequence[str]) -> dict[str, Any]:
    """Return a document with the problem in numbers and a fingerprint: what parties sign, and ``jaxmech run`` reads.

    Args:
        case: the problem file.
        answer: what was found for it.
        document: the answer's own document.
        warnings: what should be known though nothing is wrong.
    """
    from jaxmech import files

    if isinstance(case, files.CollaborationCase):
        problem = files.resolved(case, document["division"], answer.mechanism, document["plan"].get("estimate"))
    elif isinstance(case, files.MarketCase):
        second = int(answer.samples[answer.samples > 0].min()) if case.chances and answer.trades else None
        problem = files.resolved_market(case, answer.method, second)
    else:
        problem = files.resolved_multiparty(case, document.get("mechanism"), document.get("reading"))
    return files.sealed({**document, "problem": problem, "warnings": list(dict.fromkeys(warnings))})


def _without(case: Any, left_out: tuple[str, ...], choice: Choice, output: Output) -> bool:
    """Deliver what somebody's leaving does; return whether it is solved, with everybody and without."""
    from jaxmech.cli._without import deliver

    return deliver(
        case,
        left_out,
        output,
        solve=lambda one: solve_case(one, choice, output),
        agreement=lambda answer, document: agreement(case, answer, document, output.warnings),
    )


def solve_case(case: Any, choice: Choice, output: Output) -> tuple[Any, Any]:
    """Solve a case by its kind; return the answer, and the part of ``report`` that presents it.

    Args:
        case: the problem file.
        choice: what was asked for instead of what the file says.
        output: keeps warnings, and notes how long the parts take.

    Raises:
        ProblemError: if the problem has no answer of this kind.
    """
    from jaxmech import files, report

    if isinstance(case, files.MultipartyCase):
        from jaxmech.cli._solve_multiparty import solve_multiparty

        return solve_multiparty(case, choice, output), report.multiparty
    if isinstance(case, files.MarketCase):
        from jaxmech.cli._solve_market import solve_market

        return solve_market(case, choice, output), report.market
    output.warn(case.warnings)
    if choice.instead_of("mechanism", case.mechanism) == files.DESIGNED:
        return _designed(case, choice, output), report.design
    from jaxmech.cli._solve_collaboration import solve_collaboration

    return solve_collaboration(case, choice, output), report.collaboration


def _designed(case: Any, choice: Choice, output: Output) -> Any:
    """The answer of ``jaxmech design`` without wishes. A division is checked, though the design has its own."""
    from jaxmech import ProblemError, collaboration, files
    from jaxmech.cli._solve_design import solve_design
    from jaxmech.design import Wishes

    choice.only("division", "mechanism", "estimate", kind="collaboration")
    if choice.estimate is not None:
        rule = f"means nothing for designed: it is for {', '.join(collaboration.CHECKING)}"
        raise ProblemError("--estimate", choice.estimate, rule)
    output.warn(case.unused_by(files.DESIGNED))
    one_of("--division", choice.instead_of("division", case.division), case.divisions)
    return solve_design(case, Wishes(), output)
