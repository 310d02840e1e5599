"""A better mechanism than the published ones, from a case to an answer."""

import dataclasses
import math

import numpy as np

from jaxmech import collaboration, files
from jaxmech._errors import ProblemError
from jaxmech._status import Solution, Status
from jaxmech.cli._jax import quick_compilation, settings
from jaxmech.cli._options import Output
from jaxmech.cli._solve_collaboration import books
from jaxmech.collaboration import ROBUST
from jaxmech.design import (
    Calibration,
    Design,
    Wishes,
    absent_penalties,
    account,
    calibrate,
    certify,
    departure,
    design,
    harm_of_design,
    is_whole,
    lies,
    otherwise,
    refuse_differing,
)
from jaxmech.report.collaboration import FALSE, OFF, Accounts, Sigma
from jaxmech.report.design import Answer, Followed, Offered


def find_design(case: files.CollaborationCase, wishes: Wishes, output: Output) -> Solution[Design]:
    """Design a mechanism, compiled as suits a program that runs once.

    With limits that follow the data it is one in whole samples, one distribution at a time.

    Args:
        case: the problem file.
        wishes: what the user asks of the design.
        output: notes how long it takes.

    Raises:
        ProblemError: for limits that follow the data, of problems and wishes that have none, and for most, least or
            budget with panels.
    """
    problem = case.problem
    m, d = problem.shape
    if case.values is not None:
        problem.without_limits("a design with panels has none; cbl keeps within them")
    if case.calibrated:
        _check_calibrated(case, wishes)
        wishes = dataclasses.replace(wishes, whole=True, linked=False, ellipsoid=False)
    with output.timed("compile + design"), quick_compilation(m * d):
        found = design(problem, wishes)
        if not case.calibrated:
            return found
        return dataclasses.replace(found, value=calibrate(problem, found.value, case.sigma_range))


def _check_calibrated(case: files.CollaborationCase, wishes: Wishes) -> None:
    """Refuse before any search what has no limits that follow the data."""
    if case.calibrated == ROBUST:
        raise ProblemError("calibrated", ROBUST, "is for c3d and cbl: write calibrated = true for a design")
    bounds = ("noise", wishes.noise, math.inf), ("failure", wishes.failure, 1.0), ("ellipsoid", wishes.ellipsoid, False)
    for name, given, most in bounds:
        if given != most:
            rule = "is for designs that take σ to be known: leave it out, or calibrated"
            raise ProblemError(f"--{name}", given, rule)
    if case.values is not None:
        rule = "is not for designs with panels: leave calibrated out, or solve for c3d or cbl"
        raise ProblemError("calibrated", True, rule)
    refuse_differing(case.problem)


def solve_design(case: files.CollaborationCase, wishes: Wishes, output: Output) -> Answer:
    """Design a mechanism for a case and gather everything that a report says about it.

    Args:
        case: the problem file.
        wishes: what the user asks of the design.
        output: notes how long the parts take.
    """
    problem = case.problem
    m, d = problem.shape
    solution = find_design(case, wishes, output)
    found = solution.value
    with output.timed("certificates"):
        certificates = certify(problem, found)
    with output.timed("comparison"), quick_compilation(m * d):
        optimum = collaboration.divide(problem, "rational").value
        baseline = float(collaboration.social_penalty(problem, optimum))
        first_best = float(collaboration.first_best(problem))
        accounts = _accounts(case, found)
        # in whole samples working alone is, too: what rounding costs there is nobody's loss by signing
        alone_penalty = accounts.alone.penalty if accounts.whole else collaboration.alone_penalty(problem)
    return Answer(
        source=case.source,
        title=case.title,
        agents=tuple(problem.agent_name(i) for i in range(m)),
        distributions=tuple(problem.distribution_name(k) for k in range(d)),
        costs=np.asarray(problem.costs, float),
        sigma=problem.measured_sigma,
        price=np.asarray(problem.price, float),
        estimates=tuple(
            Sigma(entry.distribution, entry.sigma, entry.standard_error, entry.count, entry.dropped)
            for entry in case.estimates
        ),
        mechanism=files.DESIGNED,
        values=case.values,
        alone_samples=accounts.alone.samples,
        alone_penalty=np.asarray(alone_penalty, float),
        samples=np.asarray(found.samples, float),
        role=np.asarray(found.role),
        offered=_offered(found),
        penalty=np.asarray(found.penalty, float),
        social_penalty=float(found.social_penalty),
        accounts=accounts,
        currency=case.currency,
        surplus=case.surplus,
        origin=found.origin,
        rival=found.rival,
        published=float(found.published),
        family=float(found.family),
        baseline=baseline,
        first_best=first_best,
        departure=None if is_whole(found) else departure(problem, found),
        otherwise=tuple(one for factor in OFF if case.values is None and (one := otherwise(problem, found, factor))),
        harm=harm_of_design(problem, found, FALSE) if case.values is None else None,
        absent=absent_penalties(problem, found) if case.values is None else None,
        lies=lies(problem, found) if case.values is None else None,
        certificates=certificates,
        status=Status.of(int(solution.status)),
        residual=float(solution.residual),
        settings=settings(output.dtype),
    )


def _accounts(case: files.CollaborationCase, found: Design) -> Accounts:
    """Money apart from error, beside working alone: in whole samples if the design is one in whole samples."""
    problem, whole = case.problem, bool(is_whole(found))
    own = collaboration.best_whole_alone(problem) if whole else collaboration.alone_samples(problem)
    return Accounts(
        plan=books(found.samples, account(problem, found)),
        alone=books(own, collaboration.account_alone(problem, own)),
        role=np.asarray(found.role),
        whole=whole,
        currency=case.currency,
        dtype=problem.costs.dtype.name,
    )


def _offered(found: Design) -> Offered:
    return Offered(
        comparison=np.asarray(found.comparison, float),
        rest=np.asarray(found.rest, float),
        limit=np.asarray(found.limit, float),
        failure=np.asarray(found.failure, float),
        discrepancy=np.asarray(found.rule.discrepancy, float),
        variance=np.asarray(found.rule.variance, float),
        linked=bool(found.linked),
        followed=None if found.calibration is None else _followed(found, found.calibration),
        ellipsoid=found.ellipsoid is not None and bool(found.ellipsoid),
    )


def _followed(found: Design, rule: Calibration) -> Followed:
    return Followed(np.asarray(rule.spread, float), np.asarray(rule.level, float), np.asarray(found.freedom, float))
