"""``jaxmech audit``: would anybody cheat? A search for profitable deviations beside what is proven."""

import dataclasses
from typing import Any

import click

from jaxmech.cli._agreed import carry_signed, is_agreement, read_signed
from jaxmech.cli._choice import Choice
from jaxmech.cli._group import DONE, SOLVED_BADLY
from jaxmech.cli._jax import quick_compilation, settings, use_precision
from jaxmech.cli._options import Output, examples_of, render_text, shared
from jaxmech.cli._play import (
    Carried,
    carry,
    check_seed,
    named,
    replications_option,
    seed_option,
)
from jaxmech.cli._population import check_populations, is_file, measure, population_option, populations
from jaxmech.cli._report import html_page

_EXAMPLES = (
    "jaxmech audit three-agents",
    "jaxmech audit equal-agents --mechanism pool --plot regret.png",
    "jaxmech audit equal-agents --mechanism designed",
    "jaxmech audit data-market",
    "jaxmech audit competitors --mechanism free",
    "jaxmech audit equal-agents --population student-t:3 --population lognormal:1",
    "jaxmech audit three-agents --questions",
    "jaxmech audit agreement.json --questions",
    "jaxmech audit mine.toml --seed 7 --json -",
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="Would anybody cheat? Search, proof, and a verdict.")
@click.argument("file")
@click.option("--division", metavar="NAME", help="Division of the work, instead of the file's.")
@click.option("--mechanism", metavar="NAME", help="Mechanism to audit, instead of the file's.")
@population_option
@click.option(
    "--questions", is_flag=True, help="Also what nobody promises: misstated costs, second names, allies, leavers."
)
@seed_option
@replications_option("Fresh draws for the verdict  [default: 131072].")
@shared("json", "csv", "plot", "report", "dtype", "quiet", "verbose")
def audit(
    file: str,
    division: str | None,
    mechanism: str | None,
    population: tuple[str, ...],
    questions: bool,
    seed: int,
    replications: int | None,
    **options: Any,
) -> int:
    """Search for the best that each agent could do against the mechanism for FILE, and compare it with what is proven.

    Prints the interval [found, bound] of every agent's regret, and every claim with margin and witness. Claims are
    about normal data; --population also measures what agents could gain on data of other laws. In a market these are
    contributors, who may collect and submit anything, and buyers, who may say that they are of another type; among
    competitors, lower reports and the choice of the model. The exit code is 1 if a claim fails.
    Takes about 12 seconds for three agents and 40 for the 24 clinics the first time, and for three 3 seconds later.

    FILE may be an agreement to share data, the JSON of solve or design: of a design the one that was signed is audited.

    --questions also tells what no mechanism here claims: what agents gain by misstating their costs, by a second name,
    by sharing everything with an ally; which group would rather leave; and who is pivotal. Takes as long again, ten
    minutes for two dozen agents; of a design, which is made anew for every report, a minute more for three agents, a
    quarter of an hour for two dozen.
    """
    output = Output(**options)
    with output.timed("import"):
        from jaxmech import ProblemError, files, report
        from jaxmech._precision import seed_key

    check_seed(seed)
    check_populations(population, output)
    chosen = None if replications is None else _settings(replications)
    use_precision(output.dtype)
    choice = Choice(division, mechanism)
    signed = is_agreement(file)
    case, document, agreed = read_signed(file, choice, output) if signed else (output.read(file), None, None)
    if isinstance(case, files.CollaborationCase):
        if questions:
            _check_case(case, choice.instead_of("mechanism", case.mechanism) == files.DESIGNED, document)
        carried = carry(case, choice, output) if document is None else carry_signed(case, document, agreed, output)
        if questions:
            _check_questions(carried)
        answer = _collaboration(carried, population, chosen, seed, replications, output)
        if questions:
            answer = _asked(answer, carried, seed, output, signed=document is not None)
    else:
        from jaxmech.cli._audit_others import audit_other

        with named(case.source):
            if population:
                raise ProblemError("--population", population[0], "is for problems of sharing data: [collaboration]")
            if questions:
                raise ProblemError("--questions", True, "is for problems of sharing data: [collaboration]")
            answer = audit_other(case, choice, seed_key(seed), replications, chosen, output, seed)
    kind = report.audit
    output.deliver(
        document=lambda: kind.document(answer),
        rows=lambda: kind.rows(answer),
        figure=lambda: kind.plot(answer),
        text=lambda: render_text(lambda console: kind.print_page(answer, console, full=output.verbose)),
        html=lambda: html_page(kind, answer, kind.document(answer), output.warnings),
    )
    return DONE if answer.solved else SOLVED_BADLY


def _check_case(case: Any, designed: bool, document: Any) -> None:
    """Refuse before anything is computed a design that has no answers.

    Raises:
        ProblemError: for limits, panels, limits that follow the data, ellipsoids, and agents who differ in precision or
            in what accuracy is worth to them.
    """
    from jaxmech import ProblemError
    from jaxmech.design import refuse_questions

    if not designed:
        return
    with named(case.source):
        if case.values is not None:
            raise ProblemError("--questions", True, "of a design it is for distributions that are measured one by one")
        if case.calibrated:
            raise ProblemError("--questions", True, "of a design it is for one that takes σ to be known")
        if document is not None and document["integer_plan"].get("ellipsoid"):
            raise ProblemError("--questions", True, "of a design it is for checks by one limit each, not an ellipsoid")
        refuse_questions(case.problem)


def _check_questions(carried: Carried) -> None:
    """Refuse before any search what has no answers.

    Raises:
        ProblemError: for a division given in amounts, and for agents who differ in precision or in what accuracy is
            worth to them.
    """
    from jaxmech import ProblemError, collaboration

    with named(carried.case.source):
        if getattr(carried.plan, "division", None) == collaboration.TARGET:
            rule = "is for divisions that follow from costs: given amounts say nothing of other costs and names"
            raise ProblemError("--questions", True, rule)
        carried.case.problem.of_agents_alike("--questions is about agents who are alike")


def _asked(answer: Any, carried: Carried, seed: int, output: Output, *, signed: bool) -> Any:
    """The same answer, with what nobody promises."""
    from jaxmech import collaboration, design
    from jaxmech._precision import seed_key

    problem, plan = carried.case.problem, carried.plan
    with output.timed("questions"), quick_compilation(plan.samples.size):
        if isinstance(plan, design.Design):
            answers = design.questions_of_design(problem, plan, seed_key(seed), None if signed else design.Wishes())
        else:
            answers = collaboration.questions(problem, plan, seed_key(seed))
    return dataclasses.replace(answer, questions=answers, weaknesses=collaboration.facts(problem, answers))


def _by_draw(case: Any, population: tuple[str, ...]) -> Any:
    """A case whose laws are by draw: all values of a panel follow the same law, each with its own σ."""
    from jaxmech import files

    if case.values is None:
        return case
    with named(case.source):
        if any(is_file(text) for text in population):
            files.refuse_panels(case, "values of a panel may follow other laws each: name one law, or jaxmech simulate")
    return dataclasses.replace(case, values=None)


def _settings(replications: int) -> Any:
    """As widely as ever, with so many fresh draws for the verdict."""
    from jaxmech import deviation

    chosen = deviation.SearchSettings()
    deviation.check_replications(replications)
    each = 1 << max(4, (max(1, replications // chosen.batches) - 1).bit_length())
    return dataclasses.replace(chosen, batch=each)


def within_limits(problem: Any) -> Any:
    """Return the first best that keeps the same limits, to compare a plan with; None where there are none.

    Args:
        problem: the problem, in the agents' own points.
    """
    from jaxmech import audit as auditing
    from jaxmech import collaboration

    if problem.capacity is None:
        return None
    least = float(collaboration.first_best(problem.in_equivalent_points()))
    return auditing.Target(least, 1.0, "the first best of compliant agents within the same limits")


def _collaboration(
    carried: Carried, population: tuple[str, ...], chosen: Any, seed: int, replications: int | None, output: Output
) -> Any:
    import numpy as np

    from jaxmech import ProblemError, collaboration, deviation, report
    from jaxmech import audit as auditing
    from jaxmech._precision import seed_key
    from jaxmech.mechanism import Stakes

    problem = carried.case.problem
    if population:
        with named(carried.case.source):
            Stakes.of(problem).of_agents_alike("gains on data of other laws are for points that are alike")
            if getattr(carried.plan, "calibrated", False) or getattr(carried.plan, "calibration", None) is not None:
                rule = "what calibrated rules bring on other laws is simulated: jaxmech simulate --population"
                raise ProblemError("--population", population[0], rule)
    laws = populations(population, _by_draw(carried.case, population), output)
    if chosen is not None:
        deviation.check_draws(carried.mechanism, chosen.batch * chosen.batches)
    with output.timed("search"):
        found = auditing.examine(
            carried.mechanism, problem, seed_key(seed), baseline=within_limits(problem), settings=chosen
        )
    measured = measure(carried, laws, seed, replications, output)
    m, d = problem.shape
    agents, distributions = (
        tuple(name(place) for place in range(count))
        for name, count in ((problem.agent_name, m), (problem.distribution_name, d))
    )
    plan = carried.plan
    duties = report.collaboration.Duties(
        agents, distributions, np.asarray(plan.samples), np.asarray(plan.role), bool(getattr(plan, "pooled", False))
    )
    return report.audit.Answer(
        source=carried.case.source,
        title=carried.case.title,
        kind="collaboration",
        distributions=distributions,
        mechanism=carried.name,
        found=dataclasses.replace(found, agents=agents),
        status=carried.status,
        residual=carried.residual,
        settings=settings(output.dtype, seed),
        populations=tuple(measured),
        currency=carried.case.currency,
        trust=report.collaboration.trust_sentence(duties),
        fractions=isinstance(plan, collaboration.Plan) and not np.array_equal(duties.samples, np.rint(duties.samples)),
    )
