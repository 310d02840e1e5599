"""A better mechanism than the published ones, from a case to an answer."""

import numpy as np

from jaxmech import collaboration, files
from jaxmech._status import Solution, Status
from jaxmech.cli._jax import quick_compilation, settings
from jaxmech.cli._options import Output
from jaxmech.cli._solve_collaboration import books
from jaxmech.collaboration import Problem
from jaxmech.design import Design, Wishes, account, certify, departure, design, is_whole
from jaxmech.report.collaboration import Accounts, Sigma
from jaxmech.report.design import Answer, Offered


def find_design(problem: Problem, wishes: Wishes, output: Output) -> Solution[Design]:
    """Design a mechanism, compiled as suits a program that runs once.

    Args:
        problem: the problem.
        wishes: what the user asks of the design.
        output: notes how long it takes.
    """
    m, d = problem.shape
    with output.timed("compile + design"), quick_compilation(m * d):
        return design(problem, wishes)


def solve_design(case: files.CollaborationCase, wishes: Wishes, output: Output) -> Answer:
    """Design a mechanism for a case and gather everything that a report says about it.

    Args:
        case: the problem file.
        wishes: what the user asks of the design.
        output: notes how long the parts take.
    """
    problem = case.problem
    m, d = problem.shape
    solution = find_design(problem, wishes, output)
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
        origin=found.origin,
        rival=found.rival,
        published=float(found.published),
        family=float(found.family),
        baseline=baseline,
        first_best=first_best,
        departure=None if is_whole(found) else departure(problem, found),
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
    )
