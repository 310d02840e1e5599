"""``jaxmech simulate``: run a mechanism on sampled or real data, and compare what happened with what was promised."""

import dataclasses
from pathlib import Path
from typing import Any

import click
import numpy as np

from jaxmech._printable import clean_name
from jaxmech._words import one_of
from jaxmech.cli._choice import Choice
from jaxmech.cli._group import DONE, SOLVED_BADLY
from jaxmech.cli._jax import settings, use_precision
from jaxmech.cli._options import Output, examples_of, render_text, shared
from jaxmech.cli._play import (
    Carried,
    carry,
    check_seed,
    named,
    replications_option,
    seed_option,
)
from jaxmech.cli._population import Named, check_populations, population_option, populations, read_measurements

DATA_RUNS, NORMAL_RUNS = 2_000, 100_000
"""Replications on data sets, and on counts and means."""

_GUESS_ERROR = 1.0
"""Who cheats knows the true means as well as one point tells, so far off in σ."""
_EXAMPLES = (
    "jaxmech simulate clinics",
    "jaxmech simulate mine.toml --data measured.csv --replications 5000",
    "jaxmech simulate data-market --data measured.csv",
    "jaxmech simulate data-market --cheat university",
    "jaxmech simulate competitors --replications 1000",
    "jaxmech simulate equal-agents --population student-t:3",
    "jaxmech simulate equal-agents --mechanism pool --cheat 'agent 1'",
)


@click.command(epilog=examples_of(*_EXAMPLES), short_help="Run it on sampled or real data; promised against realised.")
@click.argument("file")
@click.option("--data", metavar="CSV", help="Measurements, one column per distribution, instead of the file's.")
@click.option(
    "--cheat", metavar="AGENT", help="Let one agent do the best that a search finds; in a market, make data up."
)
@population_option
@click.option("--division", metavar="NAME", help="Division of the work, instead of the file's.")
@click.option("--mechanism", metavar="NAME", help="Mechanism to run, instead of the file's.")
@seed_option
@replications_option(f"How many runs  [default: {NORMAL_RUNS} on normal data, {DATA_RUNS} on measurements].")
@shared("json", "csv", "plot", "dtype", "quiet", "verbose")
def simulate(
    file: str,
    data: str | None,
    cheat: str | None,
    population: tuple[str, ...],
    division: str | None,
    mechanism: str | None,
    seed: int,
    replications: int | None,
    **options: Any,
) -> int:
    """Run the mechanism for FILE many times, and print realised penalties beside the promised ones.

    Normal data are simulated by their counts and means. Measurements, in --data or in the problem, are drawn with
    replacement into data sets, and so are those of every --population. Where there are any, all tables are about the
    plan in whole samples, and compare with the same promises; else amounts are real numbers. Whoever ends above her
    promise is named, with the reason in the data. An agent who cheats knows the true means as well as one point tells;
    around them she invents. The exit code is 1 if honest agents do not pay on normal data what they were promised.

    In a market, prices, payments, buyers' errors and utilities are compared, and what averages hide is counted: prices
    above a buyer's value or below 0, payments below cost. A contributor who cheats there collects one point and makes
    up the others about it. Competitors' mechanisms run at types drawn evenly from
    nothing to the file's, every firm trying a lower report as well.

    Takes 3 to 20 seconds on the shipped problems.
    """
    output = Output(**options)
    with output.timed("import"):
        from jaxmech import ProblemError, deviation, files, report

    check_seed(seed)
    check_populations(population, output)
    if replications is not None:
        deviation.check_replications(replications)
    use_precision(output.dtype)
    if data is not None:
        output.spare([Path(data)])
    case, choice = output.read(file), Choice(division, mechanism)
    kind: Any = report.simulation
    if isinstance(case, files.CollaborationCase):
        answer = _collaboration(carry(case, choice, output), data, population, cheat, seed, replications, output)
    else:
        from jaxmech._precision import seed_key
        from jaxmech.cli._simulate_others import simulate_other

        with named(case.source):
            if population:
                raise ProblemError("--population", population[0], "is for problems of sharing data: [collaboration]")
            answer = simulate_other(case, choice, seed_key(seed), data, replications, output, seed, cheat)
        kind = report.runs
    output.deliver(
        document=lambda: kind.document(answer),
        rows=lambda: kind.rows(answer),
        figure=lambda: kind.plot(answer),
        text=lambda: render_text(lambda console: kind.print_page(answer, console, full=output.verbose)),
    )
    return DONE if answer.solved else SOLVED_BADLY


def _collaboration(
    carried: Carried,
    data: str | None,
    population: tuple[str, ...],
    cheat: str | None,
    seed: int,
    replications: int | None,
    output: Output,
) -> Any:
    from jaxmech import deviation, report
    from jaxmech.numerics import law_of

    table = _measurements(carried, data, output)
    laws = populations(population, carried.case, output)
    whole = table is not None or bool(laws)
    _check_cheat(carried, cheat, whole=whole)
    normal_runs = replications or min(NORMAL_RUNS, deviation.most_draws(carried.mechanism))
    deviation.check_draws(carried.mechanism, normal_runs)
    if whole:
        carried = _in_whole_samples(carried, output)
        with named(carried.case.source):
            deviation.check_points(carried.plan.samples, replications or DATA_RUNS)
    own, carried = carried.case, _by_value(carried)
    strategies, told = _cheating(carried, cheat, seed, output, whole=whole)
    plays = [_on_normal(carried, strategies, seed, normal_runs, output)]
    if table is not None:
        name = f"the {len(table.cells):,} rows of {Path(table.source).name}"
        cells = np.asarray(table.cells, float)
        laws.insert(0, Named(name, deviation.Empirical.of(cells, table.source), law_of(cells)))
    plays += [_on_data(carried, one, strategies, seed, replications or DATA_RUNS, output) for one in laws]
    plays = [dataclasses.replace(play, alone=alone_there(own, play.sigma, whole=whole)) for play in plays]
    problem = carried.case.problem
    m, d = problem.shape
    return report.simulation.Answer(
        source=carried.case.source,
        title=carried.case.title,
        agents=tuple(problem.agent_name(i) for i in range(m)),
        distributions=tuple(problem.distribution_name(k) for k in range(d)),
        mechanism=carried.name,
        amounts="whole samples" if whole else "real numbers",
        sigma=np.asarray(problem.in_equivalent_points().sigma, float),
        price=np.asarray(problem.price, float),
        any_law=carried.mechanism.any_law,
        plays=tuple(plays),
        cheat=told,
        claims=() if told else (_as_promised(plays[0], problem),),
        status=carried.status,
        residual=carried.residual,
        settings=settings(output.dtype, seed),
    )


def _measurements(carried: Carried, data: str | None, output: Output) -> Any:
    """The table given on the command line, or else the problem's own, or None."""
    if data is None:
        return carried.case.data
    return read_measurements("--data", data, carried.case, output)


def _in_whole_samples(carried: Carried, output: Output) -> Carried:
    """The same, for the plan that can be carried out on data sets."""
    plan, mechanism = carried.whole(output)
    return dataclasses.replace(carried, plan=plan, mechanism=mechanism)


def _by_value(carried: Carried) -> Carried:
    """The same with a column per value, where one draw measures several: their errors are what is simulated."""
    from jaxmech import collaboration

    case = carried.case
    if case.values is None:
        return carried
    wide = dataclasses.replace(case, problem=collaboration.problem_by_value(case.problem, case.values))
    plan, mechanism = carried.by_value()
    return dataclasses.replace(carried, case=wide, plan=plan, mechanism=mechanism)


def _check_cheat(carried: Carried, cheat: str | None, *, whole: bool) -> None:
    """Refuse before any search: an agent who cheats makes the same number of draws for all values of a panel.

    On data sets she plays whole points, which are looked for where all points are alike.
    """
    from jaxmech import ProblemError, files

    if cheat is None:
        return
    with named(carried.case.source):
        files.refuse_panels(carried.case, "--cheat plays one value per draw: jaxmech audit searches for panels")
        if whole and carried.case.problem.in_equivalent_points().precision is not None:
            rule = "is played on data sets where sigma is no table by agent: jaxmech audit searches for such tables"
            raise ProblemError("--cheat", cheat, rule)


def _cheating(
    carried: Carried, cheat: str | None, seed: int, output: Output, *, whole: bool
) -> tuple[dict[int, Any], str]:
    """The best response of the agent who cheats, and what it is in words."""
    if cheat is None:
        return {}, ""
    import jax

    from jaxmech import deviation
    from jaxmech._precision import seed_key
    from jaxmech.audit import in_words

    problem = carried.case.problem
    names = [problem.agent_name(i) for i in range(problem.shape[0])]
    i = names.index(one_of("--cheat", clean_name(cheat), names, "must be the name of an agent:"))
    unit = problem.in_equivalent_points().precision
    with output.timed("search"):
        best = deviation.best_response(carried.mechanism, i, problem, seed_key(seed))
    strategy = deviation.playable(jax.tree.map(lambda leaf: leaf[0], best.deviation), problem, whole=whole)
    own = (
        strategy
        if unit is None
        else dataclasses.replace(strategy, unit=strategy.unit / unit[i], whole=strategy.whole / unit[i])
    )
    shown = jax.tree.map(lambda leaf: leaf[None], own)
    found = float(best.found[0]) > 0
    gain = "the best found" if found else "the best found, which gains nothing"
    return {i: strategy}, f"{names[i]} cheats, {gain}: {in_words(best.family[0], shown, 0)}"


def _on_normal(carried: Carried, strategies: dict[int, Any], seed: int, replications: int, output: Output) -> Any:
    from jaxmech import deviation
    from jaxmech._precision import seed_key
    from jaxmech.numerics import Law

    problem = carried.case.problem
    with named(carried.case.source), output.timed("simulate normal data"):
        key = seed_key(seed)
        outcome = deviation.simulate(
            carried.mechanism, problem, None, key, strategies, replications, guess_error=_GUESS_ERROR
        )
    sigma = np.asarray(problem.in_equivalent_points().sigma, float)
    none = np.zeros_like(sigma)
    return _play("normal data", carried, outcome, strategies, Law(sigma, none, none, np.full_like(sigma, np.nan)))


def _on_data(
    carried: Carried,
    one: Named,
    strategies: dict[int, Any],
    seed: int,
    replications: int,
    output: Output,
) -> Any:
    from jaxmech import deviation
    from jaxmech._precision import seed_key

    with named(carried.case.source), output.timed(f"simulate {one.name}"):
        outcome = deviation.simulate(
            carried.mechanism,
            carried.case.problem,
            one.people,
            seed_key(seed),
            strategies,
            replications,
            guess_error=_GUESS_ERROR,
        )
    rows = len(one.people.values) if isinstance(one.people, deviation.Empirical) else 0
    return _play(one.name, carried, outcome, strategies, one.law, rows)


def alone_there(case: Any, sigma: np.ndarray, *, whole: bool) -> np.ndarray:
    """Return what each agent pays alone where data have these standard deviations, whatever their law.

    She collects what is best for the σ of the problem, n, and estimates by the mean: Σ price σ'²/n + c n, which only
    the variance σ'² of the data decides; ∞ for who cannot measure what she needs.

    Args:
        case: the problem file, distributions as they are drawn.
        sigma: of an equivalent point, by value.
        whole: whether she collects whole samples.
    """
    from jaxmech import collaboration

    problem = case.problem
    own = collaboration.best_whole_alone(problem) if whole else collaboration.alone_samples(problem)
    unit, samples = problem.in_equivalent_points().precision, np.asarray(own, float)
    counted = samples if unit is None else samples * np.asarray(unit, float)
    price = np.asarray(problem.price, float)
    if case.values is not None:
        counted, price = case.values.of(counted), np.asarray(case.values.price, float)
    wanted = np.broadcast_to(price, counted.shape) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(wanted, price * sigma**2 / counted, 0.0)
    costs = np.asarray(problem.costs, float)
    spent = np.where(samples > 0, np.where(np.isfinite(costs), costs, 0.0) * samples, 0.0)
    return np.asarray(error.sum(axis=1) + spent.sum(axis=1))


def _play(name: str, carried: Carried, outcome: Any, strategies: dict[int, Any], law: Any, rows: int = 0) -> Any:
    from jaxmech.report.simulation import Play

    plan, unit = carried.plan, carried.case.problem.in_equivalent_points().precision
    samples = np.array(plan.samples, float)
    for i, strategy in strategies.items():
        samples[i] = np.asarray(strategy.samples if unit is None else strategy.samples / unit[i])
    return Play(
        name=name,
        promised=np.asarray(plan.penalty, float),
        penalty=np.asarray(outcome.penalty, float),
        standard_error=np.asarray(outcome.standard_error, float),
        squared_error=np.asarray(outcome.squared_error, float),
        cost=np.asarray(outcome.cost, float),
        samples=samples,
        replications=int(outcome.replications),
        rows=rows,
        **law._asdict(),
    )


def _as_promised(play: Any, problem: Any) -> Any:
    """Whether honest agents paid what was promised, on normal data."""
    from jaxmech._tolerances import STANDARD_ERRORS, tolerances
    from jaxmech._words import figure, rough
    from jaxmech.mechanism import PROMISED, SIMULATED, Audit

    slack = tolerances(problem.costs.dtype).claim
    promised = np.where(play.promised > 0, play.promised, 1.0)  # who needs nothing pays nothing
    allowed = np.maximum(STANDARD_ERRORS * play.standard_error / promised, slack)
    worst = int(np.argmax(np.abs(play.change) / allowed))
    witness = (
        f"{problem.agent_name(worst)} was promised {figure(play.promised[worst])} and paid "
        f"{figure(play.penalty[worst])} (standard error {rough(play.standard_error[worst])})"
    )
    effort = f"{play.replications:,} replications, {STANDARD_ERRORS:g} standard errors"
    off = abs(float(play.change[worst]))
    return Audit.judged(PROMISED, -off, allowed[worst], witness, effort, known=SIMULATED)
