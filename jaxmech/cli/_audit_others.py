"""Audits of markets and of competitors, from a case to an answer."""

from typing import Any

import numpy as np

from jaxmech import files, market, multiparty
from jaxmech._errors import ProblemError
from jaxmech._status import Solution, Status
from jaxmech._types import Array
from jaxmech._words import one_of
from jaxmech.cli._choice import Choice
from jaxmech.cli._jax import quick_compilation, settings
from jaxmech.cli._options import Output
from jaxmech.cli._solve_market import plan_of, solution_of
from jaxmech.cli._solve_multiparty import AUDITED, space_of
from jaxmech.deviation import SearchSettings
from jaxmech.mechanism import Examined
from jaxmech.report.audit import Answer

MOST_AGAIN = 100_000
"""Points that could pay in the largest market that is solved again for misreported types of buyers."""

VALUE, VALID = ("value",), ("valid data",)
"""What is shared: points of one mean, and data that models are trained on."""


def audit_other(
    case: files.MarketCase | files.MultipartyCase,
    choice: Choice,
    key: Array,
    replications: int | None,
    chosen: SearchSettings | None,
    output: Output,
    seed: int,
) -> Answer:
    """Audit a market or a mechanism of competitors.

    Args:
        case: the problem file.
        choice: what the command line says instead of it.
        key: random key of searches.
        replications: what the command line says of them.
        chosen: how widely to search; None for the default.
        output: notes how long the parts take.
        seed: of the key.

    Raises:
        ProblemError: for options that mean nothing here, and where there is no mechanism to audit.
        SolveError: if there is no plan.
    """
    if isinstance(case, files.MarketCase):
        choice.only(kind="market")
        return _market(case, key, chosen, output, seed)
    if replications is not None:
        raise ProblemError("--replications", replications, "means nothing here: nothing is drawn")
    if isinstance(case, files.ProfileCase):
        name, plan = profile_of(case, choice, output)
        with quick_compilation(case.problem.count**2), output.timed("search"):
            found = multiparty.examine(case.problem, plan.value)
        return _answer(case, "multiparty", VALID, f"mechanism {name}", found, plan, output, None)
    words, table, existence = table_of(case, choice, output)
    with quick_compilation(len(table.space.shape) ** 2), output.timed("search"):
        found = multiparty.examine_table(table, looks=AUDITED)
    return _answer(case, "multiparty", VALID, words, found, existence, output, None)


def profile_of(case: files.ProfileCase, choice: Choice, output: Output) -> tuple[str, Solution[multiparty.Plan]]:
    """Return the mechanism of competitors, by its name, and its plan.

    Args:
        case: the problem file.
        choice: what the command line says instead of it.
        output: notes how long the parts take.

    Raises:
        ProblemError: for options that mean nothing here, and an unknown mechanism.
        SolveError: if there is no plan.
    """
    choice.only("mechanism", kind="multiparty")
    name = one_of("--mechanism", choice.instead_of("mechanism", case.mechanism), multiparty.MECHANISMS)
    with quick_compilation(case.problem.count**2), output.timed("compile + solve"):
        solution = multiparty.solve(case.problem, mechanism=name)
        _sound(solution)
    return name, solution


def table_of(
    case: files.GrowthCase | files.LevelsCase, choice: Choice, output: Output
) -> tuple[str, multiparty.ReportTable, Solution[multiparty.Existence]]:
    """Return the desirable mechanism that exists on a grid of types: in words, as a table, and how it was found.

    It is that of all agents: in the reading "absent", too, everybody takes part in what is audited and run.

    Args:
        case: the problem file.
        choice: what the command line says instead of it.
        output: notes how long the parts take.

    Raises:
        ProblemError: for options that mean nothing here, and where no such mechanism exists.
        SolveError: if payments are not finite.
    """
    choice.only(kind="multiparty")
    space = space_of(case)
    n, k = space.levels.shape
    with quick_compilation(k ** (n + 1)), output.timed("compile + solve"):
        solution = multiparty.existence(space)
        _sound(solution)
        if not bool(solution.value.exists):
            rule = "no desirable mechanism exists here, so that there is none to look at (jaxmech solve says why)"
            key = "disparity" if isinstance(case, files.GrowthCase) else "levels"
            raise ProblemError(key, k - 1 if key == "disparity" else np.asarray(space.levels, float).tolist(), rule)
        table = multiparty.report_table(space, solution.value.payment)
    return f"the desirable mechanism with the largest payments, at {k:,} types of each", table, solution


def _market(case: files.MarketCase, key: Array, chosen: SearchSettings | None, output: Output, seed: int) -> Answer:
    with quick_compilation(), output.timed("compile + solve"):
        solution = solution_of(case, case.method)

    samples = solution.value.samples
    second = int(samples[samples > 0].min()) if float(solution.value.total) > 0 else case.second

    def again(problem: market.Problem) -> market.Plan:
        return plan_of(case, case.method, problem, second)

    with output.timed("search"):
        found = market.examine(
            case.problem,
            solution.value,
            key,
            settings=chosen,
            solve_again=again if market.most_useful(case.problem) <= MOST_AGAIN else None,
        )
    columns = case.problem.means if case.problem.dimension > 1 else VALUE
    return _answer(case, "market", columns, f"broker, method {case.method}", found, solution, output, seed)


def _sound(solution: Solution[Any]) -> None:
    if Status.of(int(solution.status)).is_failure:
        solution.raise_for_status()


def _answer(
    case: Any,
    kind: str,
    distributions: tuple[str, ...],
    words: str,
    found: Examined,
    solution: Solution[Any],
    output: Output,
    seed: int | None,
) -> Answer:
    return Answer(
        source=case.source,
        title=case.title,
        kind=kind,
        distributions=distributions,
        mechanism=words,
        found=found,
        status=Status.of(int(solution.status)),
        residual=float(solution.residual),
        settings=settings(output.dtype, seed),
        currency=getattr(case, "unit", ""),
    )
