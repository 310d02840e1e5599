"""``jaxmech price``: which price to write into a problem, from a wanted accuracy or from what wrong decisions cost."""

from typing import TYPE_CHECKING, Any

import click
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._words import one_of
from jaxmech.cli._choice import Choice
from jaxmech.cli._group import DONE, SOLVED_BADLY
from jaxmech.cli._jax import quick_compilation, settings, use_precision
from jaxmech.cli._options import Output, examples_of, render_text, shared, to_number
from jaxmech.cli._play import named

if TYPE_CHECKING:
    from jaxmech.files import CollaborationCase
    from jaxmech.report.price import Answer, Rung

_FACTORS = (0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 100.0)
_EXAMPLES = (
    "jaxmech price clinics",
    "jaxmech price clinics --standard-error 0.1",
    "jaxmech price mine.toml --standard-error 2.5 --distribution HDL",
    "jaxmech price mine.toml --wrong-decision 50000 --margin 5 --distribution HDL --json -",
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="Choose the price: from an accuracy, or from what errors do.")
@click.argument("file")
@click.option("--standard-error", type=to_number, metavar="X", help="Everybody's standard error is to be at most X.")
@click.option("--wrong-decision", type=to_number, metavar="COST", help="What a decision costs that an error spoils.")
@click.option("--margin", type=to_number, metavar="X", help="The least error that makes a decision wrong.")
@click.option("--distribution", metavar="NAME", help="Change the price of this distribution alone.")
@click.option("--division", metavar="NAME", help="Division of the work, instead of the file's.")
@click.option("--mechanism", metavar="NAME", help="Mechanism, instead of the file's.")
@shared("json", "csv", "dtype", "quiet", "verbose")
def price(
    file: str,
    standard_error: float | None,
    wrong_decision: float | None,
    margin: float | None,
    distribution: str | None,
    division: str | None,
    mechanism: str | None,
    **options: Any,
) -> int:
    """Find the price for the problem in FILE: what one unit of squared error should cost.

    The price decides how much everybody collects. It follows from a standard error that is wanted, or from what a wrong
    decision costs; without either, the page says what the file's price and others would bring. The exit code is 1 if
    no price brings exactly what is wanted. Takes some 5 seconds.
    """
    output = Output(**options)
    with output.timed("import"):
        from jaxmech import files, report
    wanted: dict[str, float | str | None] = {
        "standard_error": standard_error,
        "wrong_decision": wrong_decision,
        "margin": margin,
        "distribution": distribution,
    }
    _check(wanted)
    use_precision(output.dtype)
    case = output.read(file)
    if not isinstance(case, files.CollaborationCase):
        raise ProblemError(
            f"{case.source}: section", files.section_of(case), "only [collaboration] has a price of errors"
        )
    output.warn(case.warnings)
    with named(case.source):
        files.refuse_panels(
            case, "a price is looked for where every draw measures one value: one panel has several prices"
        )
        case.problem.of_agents_alike("a price is looked for that is everybody's", precision=True)
        answer = _answer(case, Choice(division, mechanism), wanted, output)
    kind = report.price
    output.deliver(
        document=lambda: kind.document(answer),
        rows=lambda: kind.rows(answer),
        text=lambda: render_text(lambda console: kind.print_page(answer, console, full=output.verbose)),
    )
    return DONE if answer.status == 0 else SOLVED_BADLY


def _check(wanted: dict[str, float | str | None]) -> None:
    """One question at a time, with all that it needs."""
    decision = wanted["wrong_decision"] is not None, wanted["margin"] is not None
    if decision[0] != decision[1]:
        given = "--margin" if decision[1] else "--wrong-decision"
        raise ProblemError(given, wanted[given[2:].replace("-", "_")], "needs --wrong-decision and --margin, both")
    if wanted["standard_error"] is not None and any(decision):
        raise ProblemError("--standard-error --wrong-decision", "both", "only one of the two can be asked for")
    if wanted["distribution"] is not None and wanted["standard_error"] is None and not any(decision):
        rule = "means something only with --standard-error or --wrong-decision"
        raise ProblemError("--distribution", wanted["distribution"], rule)
    for option in ("standard_error", "wrong_decision", "margin"):
        value = wanted[option]
        if isinstance(value, float) and not (np.isfinite(value) and value > 0):
            raise ProblemError(f"--{option.replace('_', '-')}", value, "must be positive and finite")


def _answer(
    case: "CollaborationCase", choice: Choice, wanted: dict[str, float | str | None], output: Output
) -> "Answer":
    from jaxmech import collaboration
    from jaxmech._status import Status
    from jaxmech.report.price import Answer

    problem = case.problem
    m, d = problem.shape
    names = tuple(problem.distribution_name(k) for k in range(d))
    where = wanted["distribution"]
    which = None if where is None else names.index(one_of("--distribution", str(where), names))
    given = choice.instead_of("division", case.division)
    if given == collaboration.TARGET and case.target is not None:
        rule = "amounts that are given do not follow a price: say --division with another division"
        raise ProblemError("target", "given", rule)
    division = one_of("--division", given, collaboration.DIVISIONS)
    rule = "a price is looked for under the published mechanisms; say --mechanism cbl; must be one of"
    mechanism = one_of("--mechanism", choice.instead_of("mechanism", case.mechanism), collaboration.MECHANISMS, rule)
    if not case.rule(mechanism).published:
        name = "calibrated" if case.calibrated else "estimate"
        raise ProblemError(name, getattr(case, name), "a price is looked for under the published rule: leave it out")
    found, status, residual = np.asarray(problem.price, float), Status.OK, 0.0
    with output.timed("compile + search"), quick_compilation(m * d):
        if isinstance(wanted["standard_error"], float):
            solution = collaboration.price_of_standard_error(
                problem, wanted["standard_error"], division=division, mechanism=mechanism, distribution=which
            )
            found, residual = solution.value, float(solution.residual)
            status = Status.of(int(solution.status))
        elif wanted["wrong_decision"] is not None:
            found = found.copy()
            cost, margin = wanted["wrong_decision"], wanted["margin"]
            assert isinstance(cost, float)
            assert isinstance(margin, float)
            found[slice(None) if which is None else which] = collaboration.price_of_decision(cost, margin)
        accounts, ladder = _brings(case, found, division, mechanism)
    return Answer(
        source=case.source,
        title=case.title,
        agents=tuple(problem.agent_name(i) for i in range(m)),
        distributions=names,
        division=division,
        mechanism=mechanism,
        before=np.asarray(problem.price, float),
        price=found,
        wanted=wanted,
        accounts=accounts,
        ladder=ladder,
        status=status,
        residual=residual,
        settings=settings(output.dtype),
    )


def _brings(
    case: "CollaborationCase", found: np.ndarray, division: str, mechanism: str
) -> tuple[Any, "tuple[Rung, ...]"]:
    """The books at a price, and what others would bring."""
    from jaxmech import collaboration
    from jaxmech.cli._solve_collaboration import accounts_of
    from jaxmech.report.price import Rung

    problem = collaboration.with_price(case.problem, found)
    plan = collaboration.solve(problem, division=division, mechanism=mechanism).raise_for_status().value
    accounts, _ = accounts_of(problem, plan, case.currency)
    real = collaboration.account(problem, plan)
    ladder = []
    for factor in _FACTORS:
        there = collaboration.rescaled(real, factor)
        errors = np.asarray(there.standard_error, float).max(axis=0)
        ladder.append(Rung(factor, found * factor, errors, float(np.sum(there.bill))))
    return accounts, tuple(ladder)
