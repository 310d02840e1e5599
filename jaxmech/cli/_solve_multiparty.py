"""Sharing models among competitors, from a case to an answer."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxmech import files, multiparty
from jaxmech._errors import ProblemError
from jaxmech._status import Status
from jaxmech._words import one_of
from jaxmech.cli._choice import Choice
from jaxmech.cli._jax import quick_compilation, settings
from jaxmech.cli._options import Output
from jaxmech.mechanism import Audit
from jaxmech.report.multiparty import Answer, BoundaryAnswer, ExistenceAnswer, PlanAnswer

UP_TO = 100_000
"""How far the boundary is searched for unless the command line says otherwise."""

AUDITED = 30_000_000
"""Misreports up to which every one is looked at; beyond, the most telling ones."""


def solve_multiparty(case: files.MultipartyCase, choice: Choice, output: Output) -> Answer:
    """Solve a case as a file and the command line ask for it.

    Args:
        case: the problem file.
        choice: what the command line says.
        output: notes how long the parts take.

    Raises:
        ProblemError: for options that mean nothing here, an unknown mechanism, and grids too large for memory.
    """
    if isinstance(case, files.ProfileCase):
        choice.only("mechanism", kind="multiparty")
        mechanism = choice.instead_of("mechanism", case.mechanism)
        return _plan(case, one_of("--mechanism", mechanism, multiparty.MECHANISMS), output)
    choice.only("boundary", "up_to", kind="multiparty")
    if choice.boundary:
        return _boundary(case, UP_TO if choice.up_to is None else choice.up_to, output)
    if choice.up_to is not None:
        raise ProblemError("--up-to", choice.up_to, "says how far --boundary searches, and means nothing without it")
    return _existence(case, output)


def _plan(case: files.ProfileCase, mechanism: str, output: Output) -> PlanAnswer:
    problem = case.problem
    with quick_compilation(problem.count**2):
        with output.timed("compile + solve"):
            solution = multiparty.solve(problem, mechanism=mechanism)
            plan = solution.value
        status = Status.of(int(solution.status))
        with output.timed("certificates"):
            certificates = () if status.is_failure else multiparty.certify(problem, plan)
    valuation = problem.valuation
    assert isinstance(valuation, multiparty.Linear)
    return PlanAnswer(
        source=case.source,
        title=case.title,
        agents=tuple(problem.agent_name(i) for i in range(problem.count)),
        certificates=certificates,
        status=status,
        residual=float(solution.residual),
        settings=settings(output.dtype),
        types=_host(problem.types),
        externality=_host(valuation.externality),
        quality_name=case.quality,
        mechanism=mechanism,
        own=_host(problem.quality(problem.types)),
        allocation=_host(plan.allocation),
        quality=_host(plan.quality),
        value=_host(plan.value),
        payment=_host(plan.payment),
        utility=_host(plan.utility),
        outside=_host(plan.outside),
        alone=_host(plan.alone),
        welfare=float(plan.welfare),
        revenue=float(plan.revenue),
        best=float(plan.best),
    )


def _existence(case: files.GrowthCase, output: Output) -> ExistenceAnswer:
    space, valuation = space_of(case), case.valuation
    n, k = space.levels.shape
    with quick_compilation(k ** (n + 1)):
        with output.timed("compile + solve"):
            solution = multiparty.existence(space)
            found = jax.device_get(solution.value)
        status = Status.of(int(solution.status))
        profile = np.asarray(found.witness)
        agent = int(np.argmax(profile))
        with output.timed("witness"):
            chain = multiparty.binding_chain(space, agent, tuple(int(level) for level in profile))
        with output.timed("certificates"):
            certificates = () if status.is_failure else _certificates(space, found)
    return ExistenceAnswer(
        source=case.source,
        title=case.title,
        agents=tuple(space.agent_name(i) for i in range(n)),
        certificates=certificates,
        status=status,
        residual=float(solution.residual),
        settings=settings(output.dtype),
        growth=float(valuation.growth),
        disparity=k - 1,
        exists=bool(found.exists),
        payment=_host(found.payment),
        revenue=_host(found.revenue),
        welfare=_host(found.welfare),
        margin=float(found.margin),
        profile=profile,
        agent=agent,
        chain=chain,
    )


def space_of(case: files.GrowthCase) -> multiparty.TypeSpace:
    """Return the grid of types of a growing market.

    Args:
        case: the problem file.

    Raises:
        ProblemError: if the file does not say how far apart data sizes may be.
    """
    if case.disparity is None:
        raise ProblemError("disparity", "nothing", "must be given, unless solve --boundary searches for the largest")
    return multiparty.market_growth(case.valuation.growth, case.valuation.agents, case.disparity)


def _certificates(space: multiparty.TypeSpace, found: multiparty.Existence) -> tuple[Audit, ...]:
    """What the largest payments achieve; every misreport is looked at where they are not too many."""
    table = multiparty.report_table(space, found.payment)
    return multiparty.audit_table(table, claimed=bool(found.exists), looks=AUDITED)


def _boundary(case: files.GrowthCase, up_to: int, output: Output) -> BoundaryAnswer:
    valuation = case.valuation
    with output.timed("compile + search"):
        verdict = _named("up_to", "--up-to", lambda: multiparty.boundary(valuation.growth, valuation.agents, up_to))
    found = verdict.found
    return BoundaryAnswer(
        source=case.source,
        title=case.title,
        agents=tuple(f"agent {i + 1}" for i in range(valuation.agents)),
        certificates=multiparty.boundary_audits(verdict),
        status=verdict.status,
        residual=verdict.residual,
        settings=settings(output.dtype),
        growth=float(valuation.growth),
        disparity=case.disparity,
        largest=verdict.largest,
        unbounded=verdict.unbounded,
        searched_to=verdict.searched_to,
        critical=float(multiparty.critical_growth(valuation.agents)),
        argument=verdict.argument,
        margin=(float(found.margin[0]), float(found.margin[1])),
        revenue=_host(found.revenue),
        chain=verdict.chain,
    )


def _named(argument: str, option: str, compute: Callable[[], multiparty.Verdict]) -> multiparty.Verdict:
    """Compute; an argument that is refused is called what the command line calls it."""
    try:
        return compute()
    except ProblemError as error:
        name = option if error.argument == argument else error.argument
        raise ProblemError(name, error.value, error.rule) from None


def _host(values: Any) -> np.ndarray:
    """Reports compute in float64, whatever the precision of the solve."""
    return np.asarray(values, float)
