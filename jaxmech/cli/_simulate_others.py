"""Simulations of markets and of competitors, from a case to an answer."""

from pathlib import Path
from typing import Any

import numpy as np

from jaxmech import files, market, multiparty
from jaxmech._errors import ProblemError
from jaxmech._printable import clean_name
from jaxmech._status import Solution, Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech._words import one_of
from jaxmech.cli._audit_others import VALUE, profile_of, table_of
from jaxmech.cli._choice import Choice
from jaxmech.cli._jax import quick_compilation, settings
from jaxmech.cli._options import Output
from jaxmech.cli._solve_market import solution_of
from jaxmech.deviation import Empirical
from jaxmech.mechanism import Audit, Realised, as_promised, never
from jaxmech.report.runs import Answer

MARKET_RUNS, DATA_RUNS, TYPES_RUNS = 100_000, 2_000, 10_000
"""Runs on normal data, on measurements, and at drawn types, where nothing else is said."""

_ODD = 0.1
"""A standard deviation that differs by more than this part from the problem's is worth a sentence."""


def simulate_other(
    case: files.MarketCase | files.MultipartyCase,
    choice: Choice,
    key: Array,
    data: str | None,
    replications: int | None,
    output: Output,
    seed: int,
    cheat: str | None = None,
) -> Answer:
    """Run a market or a mechanism of competitors.

    Args:
        case: the problem file.
        choice: what the command line says instead of it.
        key: random key.
        data: a file of measurements, for markets.
        replications: how many runs, or None.
        output: notes how long the parts take.
        seed: of the key.
        cheat: name of a contributor who makes data up, or None.

    Raises:
        ProblemError: for options that mean nothing here, and where there is nothing to run.
        SolveError: if there is no plan.
    """
    if isinstance(case, files.MarketCase):
        choice.only(kind="market")
        return _market(case, key, data, replications, output, seed, cheat)
    if cheat is not None:
        rule = "means nothing for competitors, who all try a lower report anyway: jaxmech audit finds the best one"
        raise ProblemError("--cheat", cheat, rule)
    if data is not None:
        rule = "means nothing for competitors: what is drawn is how much data they have"
        raise ProblemError("--data", data, rule)
    runs = TYPES_RUNS if replications is None else replications
    if isinstance(case, files.ProfileCase):
        name, solution = profile_of(case, choice, output)
        with output.timed("simulate"):
            plays = multiparty.play(case.problem, solution.value, key, runs)
        agents = tuple(case.problem.agent_name(i) for i in range(case.problem.count))
        return _answer(case, "multiparty", agents, f"mechanism {name}", plays, solution, output, seed)
    words, table, existence = table_of(case, choice, output)
    with output.timed("simulate"):
        plays = multiparty.play_table(table, key, runs)
    agents = tuple(table.space.agent_name(i) for i in range(len(table.space.shape)))
    return _answer(case, "multiparty", agents, words, plays, existence, output, seed)


def _market(
    case: files.MarketCase,
    key: Array,
    data: str | None,
    replications: int | None,
    output: Output,
    seed: int,
    cheat: str | None,
) -> Answer:
    problem = case.problem
    people = None if data is None else _measurements(Path(data), data, problem, output)
    with quick_compilation(), output.timed("compile + solve"):
        solution = solution_of(case, case.method)
    if not float(solution.value.total) > 0:
        rule = "nothing can be sold at a profit here, so that nobody collects or pays anything: there is nothing to run"
        raise ProblemError("contributor_costs", np.asarray(problem.contributor_costs, float).tolist(), rule)
    act = None if cheat is None else _act_of(cheat, problem, solution.value)
    with output.timed("simulate normal data"):
        plays = [market.play(problem, solution.value, key, replications or MARKET_RUNS)]
    if people is not None:
        with output.timed("simulate measurements"):
            plays.append(market.play(problem, solution.value, key, replications or DATA_RUNS, people))
    if act is not None:
        with output.timed("simulate a misreport"):
            plays.append(market.play(problem, solution.value, key, replications or MARKET_RUNS, act=act))
    agents = (*problem.contributors, *problem.buyers)
    return _answer(case, "market", agents, f"broker, method {case.method}", tuple(plays), solution, output, seed)


def _act_of(cheat: str, problem: market.Problem, plan: market.Plan) -> market.Misreport:
    """What a contributor does who cheats: she knows the true mean as well as one point tells, and no better."""
    names = list(problem.contributors)
    i = names.index(one_of("--cheat", clean_name(cheat), names, "must be the name of a contributor:"))
    asked = int(plan.samples[i])
    if asked == 0:
        able = ", ".join(name for name, points in zip(names, plan.samples, strict=True) if points > 0)
        raise ProblemError("--cheat", cheat, f"is asked for no points here, and cannot cheat; who is: {able}")
    if asked == 1:
        return market.Misreport(i, 1, 1, shift=1.0, told="added σ to her point")
    return market.Misreport(i, 1, asked, told="collected 1 point and made up the others about it")


def _measurements(path: Path, name: str, problem: market.Problem, output: Output) -> Empirical:
    several = problem.dimension > 1
    table = files.measurements(path, name, problem.means if several else VALUE, "--data")
    people = Empirical.of(table.cells, name)
    output.warn(files.measurement_warnings(table))
    for column, found, sigma in zip(
        problem.means, people.sigma.tolist(), np.ravel(problem.sigma).tolist(), strict=True
    ):
        if abs(found / sigma - 1) > _ODD:
            whose = f"the data of {column}" if several else "the data"
            output.warn([f"{name}: {whose} have a standard deviation of {found:.4g} instead of {sigma:.4g}"])
    return people


def _answer(
    case: Any,
    kind: str,
    agents: tuple[str, ...],
    words: str,
    plays: tuple[Realised, ...],
    solution: Solution[Any],
    output: Output,
    seed: int,
) -> Answer:
    return Answer(
        source=case.source,
        title=case.title,
        kind=kind,
        agents=agents,
        mechanism=words,
        plays=plays,
        certificates=_judged(plays, np.dtype(output.dtype)),
        status=Status.of(int(solution.status)),
        residual=float(solution.residual),
        settings=settings(output.dtype, seed),
        unit=getattr(case, "unit", ""),
    )


def _judged(plays: tuple[Realised, ...], dtype: Any) -> tuple[Audit, ...]:
    """Promises are about the first way of running, what never happens about the first in which anything can."""
    first = next(play for play in plays if play.chances)
    records = (as_promised(plays[0], tolerances(dtype).claim), *never(first))
    return tuple(sorted(records, key=lambda record: not record.claimed))
