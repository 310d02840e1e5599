"""Sharing models among competitors, from a case to an answer."""

import dataclasses
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
from jaxmech.report.multiparty import Answer, BoundaryAnswer, ExistenceAnswer, Part, PlanAnswer

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
        for name in ("boundary", "reading"):
            if getattr(choice, name) is not None:
                rule = "asks whether a mechanism exists on a grid of types: give levels, or growth, instead of types"
                raise ProblemError(f"--{name}", getattr(choice, name), rule)
        choice.only("mechanism", kind="multiparty")
        mechanism = choice.instead_of("mechanism", case.mechanism)
        return _plan(case, one_of("--mechanism", mechanism, multiparty.MECHANISMS), output)
    choice.only("boundary", "up_to", "reading", kind="multiparty")
    reading = one_of("--reading", choice.instead_of("reading", case.reading), multiparty.READINGS)
    case = dataclasses.replace(case, reading=reading)
    if isinstance(case, files.LevelsCase):
        if choice.up_to is not None:
            raise ProblemError("--up-to", choice.up_to, "means nothing here: levels say how far --boundary looks")
        return _existence(case, output, boundary=bool(choice.boundary))
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
        weights=case.weights,
    )


def _existence(case: files.GrowthCase | files.LevelsCase, output: Output, *, boundary: bool = False) -> ExistenceAnswer:
    space = space_of(case)
    n, k = space.levels.shape
    with quick_compilation(k ** (n + 1)):
        with output.timed("compile + solve"):
            parts = multiparty.coalitions(space, case.reading)
        decides = multiparty.deciding(parts)
        status = max((Status.of(int(part.solution.status)) for part in parts), key=int)
        found = jax.device_get(decides.solution.value)
        profile = tuple(int(level) for level in found.witness)
        with output.timed("witness"):
            chains = tuple(multiparty.binding_chain(decides.space, i, profile) for i in range(len(profile)))
        with output.timed("certificates"):
            certificates = () if status.is_failure else multiparty.audit_coalitions(parts, looks=AUDITED)
    by_level = np.min([_host(part.solution.value.by_level) for part in parts], axis=0)
    named = ("market-growth", "linear") if isinstance(case, files.GrowthCase) else (case.valuation, case.quality)
    return ExistenceAnswer(
        source=case.source,
        title=case.title,
        agents=tuple(space.agent_name(i) for i in range(n)),
        certificates=certificates,
        status=status,
        residual=max(float(part.solution.residual) for part in parts),
        settings=settings(output.dtype),
        valuation=named[0],
        growth=_growth(space.valuation),
        disparity=k - 1 if isinstance(case, files.GrowthCase) else None,
        quality_name=named[1],
        reading=case.reading,
        members=_names(decides),
        levels=_host(decides.space.levels),
        every_level=_host(space.levels),
        exists=all(bool(part.solution.value.exists) for part in parts),
        payment=_host(found.payment),
        revenue=_host(found.revenue),
        welfare=_host(found.welfare),
        margin=float(found.margin),
        profile=np.array(profile),
        agent=int(np.argmax(profile)),
        chains=chains,
        by_level=by_level,
        reach=min(part.first for part in parts) - 1,
        boundary=boundary,
        parts=tuple(_part(part) for part in parts),
        weights=case.weights if isinstance(case, files.LevelsCase) else None,
    )


def _part(coalition: multiparty.Coalition) -> Part:
    found = coalition.solution.value
    return Part(
        members=_names(coalition),
        exists=bool(found.exists),
        margin=float(found.margin),
        payment=_host(found.payment),
        revenue=_host(found.revenue),
    )


def _names(coalition: multiparty.Coalition) -> tuple[str, ...]:
    return tuple(coalition.space.agent_name(i) for i in range(len(coalition.members)))


def _growth(valuation: multiparty.Valuation | multiparty.SeesTypes) -> float | None:
    return float(valuation.growth) if isinstance(valuation, multiparty.MarketGrowth) else None


def space_of(case: files.GrowthCase | files.LevelsCase) -> multiparty.TypeSpace:
    """Return the grid of types in question.

    Args:
        case: the problem file.

    Raises:
        ProblemError: if the file of a growing market does not say how far apart data sizes may be.
    """
    if isinstance(case, files.LevelsCase):
        return case.space
    if case.disparity is None:
        raise ProblemError("disparity", "nothing", "must be given, unless solve --boundary searches for the largest")
    return multiparty.market_growth(case.valuation.growth, case.valuation.agents, case.disparity)


def _boundary(case: files.GrowthCase, up_to: int, output: Output) -> BoundaryAnswer:
    valuation = case.valuation
    fewest = 2 if case.reading == "absent" else valuation.agents
    with output.timed("compile + search"):
        verdicts = [_verdict(valuation.growth, n, up_to) for n in range(valuation.agents, fewest - 1, -1)]
    # What fails first decides; where nothing fails, what is not proven for larger sizes.
    verdict = min(
        verdicts, key=lambda one: (one.searched_to + 1 if one.largest is None else one.largest, one.unbounded)
    )
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
        critical=max(float(multiparty.critical_growth(one.agents)) for one in verdicts),
        argument=verdict.argument,
        margin=(float(found.margin[0]), float(found.margin[1])),
        revenue=_host(found.revenue),
        chain=verdict.chain,
        reading=case.reading,
        present=verdict.agents,
    )


def _verdict(growth: Any, agents: int, up_to: int) -> multiparty.Verdict:
    """The boundary of so many agents; an argument that is refused is called what the command line calls it."""
    try:
        return multiparty.boundary(growth, agents, up_to)
    except ProblemError as error:
        name = "--up-to" if error.argument == "up_to" else error.argument
        raise ProblemError(name, error.value, error.rule) from None


def _host(values: Any) -> np.ndarray:
    """Reports compute in float64, whatever the precision of the solve."""
    return np.asarray(values, float)
