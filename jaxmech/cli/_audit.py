"""``jaxmech audit``: would anybody cheat? A search for profitable deviations beside what is proven."""

import dataclasses
from typing import Any

import click

from jaxmech.cli._choice import Choice
from jaxmech.cli._group import DONE, SOLVED_BADLY
from jaxmech.cli._jax import settings, use_precision
from jaxmech.cli._options import Output, examples_of, render_text, shared
from jaxmech.cli._play import carry_out, check_seed, refuse_search_of_calibrated, replications_option, seed_option
from jaxmech.cli._report import html_page

_EXAMPLES = (
    "jaxmech audit three-agents",
    "jaxmech audit equal-agents --mechanism pool --plot regret.png",
    "jaxmech audit equal-agents --mechanism designed",
    "jaxmech audit mine.toml --seed 7 --json -",
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="Would anybody cheat? Search, proof, and a verdict.")
@click.argument("file")
@click.option("--division", metavar="NAME", help="Division of the work, instead of the file's.")
@click.option("--mechanism", metavar="NAME", help="Mechanism to audit, instead of the file's.")
@seed_option
@replications_option("Fresh draws for the verdict  [default: 131072].")
@shared("json", "csv", "plot", "report", "dtype", "quiet", "verbose")
def audit(
    file: str, division: str | None, mechanism: str | None, seed: int, replications: int | None, **options: Any
) -> int:
    """Search for the best that each agent could do against the mechanism for FILE, and compare it with what is proven.

    Prints the interval [found, bound] of every agent's regret, and every claim with margin and witness. The exit code
    is 1 if a claim fails.
    """
    output = Output(**options)
    with output.timed("import"):
        from jaxmech import audit as auditing
        from jaxmech import deviation, report
        from jaxmech._precision import seed_key

    check_seed(seed)
    chosen = deviation.SearchSettings()
    if replications is not None:
        deviation.check_replications(replications)
        each = 1 << max(4, (max(1, replications // chosen.batches) - 1).bit_length())
        chosen = dataclasses.replace(chosen, batch=each)
    use_precision(output.dtype)
    carried = carry_out(file, Choice(division, mechanism), output)
    refuse_search_of_calibrated(carried)
    if replications is not None:
        deviation.check_draws(carried.mechanism, replications)
    problem = carried.case.problem
    with output.timed("search"):
        found = auditing.examine(
            carried.mechanism,
            problem,
            seed_key(seed),
            settings=chosen,
        )
    m, d = problem.shape
    answer = report.audit.Answer(
        source=carried.case.source,
        title=carried.case.title,
        kind="collaboration",
        distributions=tuple(problem.distribution_name(k) for k in range(d)),
        mechanism=carried.name,
        found=dataclasses.replace(found, agents=tuple(problem.agent_name(i) for i in range(m))),
        status=carried.status,
        residual=carried.residual,
        settings=settings(output.dtype, seed),
    )
    kind = report.audit
    output.deliver(
        document=lambda: kind.document(answer),
        rows=lambda: kind.rows(answer),
        figure=lambda: kind.plot(answer),
        text=lambda: render_text(lambda console: kind.print_page(answer, console, full=output.verbose)),
        html=lambda: html_page(kind, answer, kind.document(answer), output.warnings),
    )
    return DONE if answer.solved else SOLVED_BADLY
