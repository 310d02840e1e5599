"""Sharing data without money, from a case to an answer: compiled calls, then the host's certificates."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech import collaboration, files
from jaxmech._errors import ProblemError, SolveError
from jaxmech._kept import jit
from jaxmech._status import Status
from jaxmech._types import Agents, Amounts
from jaxmech._words import one_of
from jaxmech.cli._choice import Choice
from jaxmech.cli._jax import quick_compilation, settings
from jaxmech.cli._law import joint_facts, law_warnings
from jaxmech.cli._options import Output
from jaxmech.collaboration import (
    Account,
    FreeRiding,
    Harm,
    IntegerPlan,
    Invention,
    Misjudged,
    Plan,
    Problem,
    Role,
    Temptation,
)
from jaxmech.design import cost_among_equals
from jaxmech.mechanism import Audit
from jaxmech.report.collaboration import FALSE, OFF, Accounts, Answer, Books, Sigma, WhatIf, Whole

_MANY = 20_000
"""Agents times distributions up to which a page tells what made-up numbers and another σ would bring."""

_PAIRS = 100_000
"""Pairs of agents times distributions up to which it tells what they would cost the others."""


class Numbers(NamedTuple):
    """What a report needs beside the plan: amounts are (agents, distributions), penalties (agents,)."""

    alone_samples: Amounts
    alone_penalty: Agents
    target_penalty: Agents
    tempted: Temptation
    free: FreeRiding | None
    invented: Invention | None
    misjudged: tuple[Misjudged, ...]
    harm: Harm | None


def solve_collaboration(case: files.CollaborationCase, choice: Choice, output: Output) -> Answer:
    """Solve a case as a file and the command line ask for it.

    Args:
        case: the problem file.
        choice: what the command line says.
        output: notes how long the parts take.

    Raises:
        ProblemError: for an unknown division or mechanism, and if the problem has no answer of this kind.
    """
    choice.only("division", "mechanism", "estimate", kind="collaboration")
    division = one_of("--division", choice.instead_of("division", case.division), case.divisions)
    mechanism = one_of("--mechanism", choice.instead_of("mechanism", case.mechanism), files.MECHANISMS)
    estimate = one_of("--estimate", choice.instead_of("estimate", case.estimate), collaboration.ESTIMATES)
    if choice.estimate is not None and mechanism not in collaboration.CHECKING:
        raise ProblemError("--estimate", estimate, f"means nothing for {mechanism}, which adds no noise")
    output.warn(case.unused_by(mechanism))
    return compute(case, division, mechanism, output, estimate)


def compute(
    case: files.CollaborationCase, division: str, mechanism: str, output: Output, estimate: str | None = None
) -> Answer:
    """Solve a case and gather everything that a report says about it.

    Args:
        case: the problem file.
        division: name of the division, the file's or the command line's.
        mechanism: name of the mechanism, likewise.
        output: notes how long the parts take.
        estimate: how noisy points are weighed, if not as the file says.

    Raises:
        ProblemError: if the problem has no answer of this kind, e.g. no Nash division because an agent cannot work
            alone.
    """
    problem = case.problem
    m, d = problem.shape
    with quick_compilation(m * d), ThreadPoolExecutor(1) as background:
        with output.timed("compile + solve"):
            # Compiled meanwhile, but run by this thread: executions that call LAPACK must not overlap.
            known = division == "rational" or mechanism == "c3d"
            rational = None if known else background.submit(_rational_optimum.prepared, problem)
            rule = case.rule(mechanism, estimate)
            solution = collaboration.solve(
                problem,
                division=case.dividing(division),
                mechanism=mechanism,
                estimate=rule.estimate,
                calibrated=rule.calibrated,
            )
            plan = solution.value
            numbers = _numbers(problem, plan)
        status = Status.of(int(solution.status))
        judged = _Judgement(None, None, None, None, ())
        if not status.is_failure:
            judged = _judge(case, plan, rational, output)
            if not plan.pooled and not plan.rule.steady:
                output.warn(law_warnings(case, _host(plan.samples), np.asarray(plan.role) == Role.CHECKED))
    costs, sigma, price = (np.asarray(leaf, float) for leaf in (problem.costs, problem.measured_sigma, problem.price))
    return Answer(
        source=case.source,
        title=case.title,
        agents=tuple(problem.agent_name(i) for i in range(m)),
        distributions=tuple(problem.distribution_name(k) for k in range(d)),
        costs=costs,
        sigma=sigma,
        price=price,
        estimates=tuple(
            Sigma(entry.distribution, entry.sigma, entry.standard_error, entry.count, entry.dropped)
            for entry in case.estimates
        ),
        division=plan.division,
        mechanism=plan.mechanism,
        alone_samples=_host(numbers.alone_samples),
        alone_penalty=_host(numbers.alone_penalty),
        target=_host(plan.target),
        target_penalty=_host(numbers.target_penalty),
        target_social_penalty=float(np.sum(_host(numbers.target_penalty))),
        samples=_host(plan.samples),
        role=np.asarray(plan.role),
        alpha=_host(plan.alpha),
        total=_host(plan.total),
        leverage=bool(plan.leverage),
        pays=_host(numbers.tempted.pays),
        instead=_host(numbers.tempted.instead),
        nearest=_host(numbers.tempted.samples),
        free=None if numbers.free is None else jax.tree.map(_host, numbers.free),
        what_if=_what_if(numbers),
        penalty=_host(plan.penalty),
        social_penalty=float(plan.social_penalty),
        accounts=judged.accounts,
        currency=case.currency,
        surplus=case.surplus,
        whole=judged.whole,
        efficiency=judged.efficiency,
        certificates=judged.certificates,
        advice=judged.advice,
        status=status,
        residual=float(solution.residual),
        settings=settings(output.dtype),
        estimate=plan.estimate,
        calibrated=plan.calibrated,
        values=case.values,
        joint={} if status.is_failure else joint_facts(case, plan),
        limited=problem.capacity is not None,
    )


class _Judgement(NamedTuple):
    whole: Whole | None
    accounts: Accounts | None
    efficiency: collaboration.Efficiency | None
    advice: collaboration.Advice | None
    certificates: tuple[Audit, ...]


_rational_optimum = jit(collaboration.rational_optimum)


def _judge(case: files.CollaborationCase, plan: Plan, rational: Any, output: Output) -> _Judgement:
    """Everything that is said about a plan, once there is one."""
    problem = case.problem
    with output.timed("whole samples"):
        accounts, rounded = accounts_of(problem, plan, case.currency)
    if rounded is None:
        output.warn((_not_whole(problem, plan),))
    with output.timed("certificates"):
        optimum = plan.target if rational is None else rational.result()(problem).value
        certificates = collaboration.certify(problem, plan, optimum, sigma_range=case.sigma_range)
        efficiency = collaboration.efficiency(problem, plan, optimum)
    with output.timed("advice"):
        known = case.values is None and problem.capacity is None
        designed = _designed(problem, plan) if known else None
        advice = None if problem.capacity else collaboration.advise(problem, plan, designed)
    whole = None
    if rounded is not None:
        with output.timed("certificates of whole samples"):
            whole = _whole(rounded, collaboration.certify(problem, rounded, sigma_range=case.sigma_range))
    return _Judgement(whole, accounts, efficiency, advice, certificates)


def _designed(problem: Problem, plan: Plan) -> float | None:
    """What a designed mechanism costs equals, whom cbl may give different roles; else it is not looked for."""
    if plan.mechanism != "cbl" or problem.capacity is not None or not collaboration.has_equal_costs(problem):
        return None
    try:
        return cost_among_equals(problem)
    except SolveError:
        return None


def _rounded(problem: Problem, plan: Plan) -> IntegerPlan | None:
    """The plan in whole samples; None where amounts are too large to be whole numbers."""
    try:
        return collaboration.integer_plan(problem, plan)
    except ProblemError:
        return None


def _not_whole(problem: Problem, plan: Plan) -> str:
    """Why there is no plan in whole samples, and so nothing to carry out."""
    try:
        collaboration.integer_plan(problem, plan)
    except ProblemError as error:
        return f"there is no plan in whole samples: {error}"
    raise AssertionError("only a plan that cannot be made whole is asked about")


def accounts_of(problem: Problem, plan: Plan, currency: str) -> tuple[Accounts, IntegerPlan | None]:
    """Return money apart from error, and the plan in whole samples that it is about; None where there is none.

    Args:
        problem: the problem.
        plan: what was solved for.
        currency: the unit of the costs, or an empty text.
    """
    rounded = _rounded(problem, plan)
    carried = plan if rounded is None else rounded.plan
    own = collaboration.alone_samples(problem) if rounded is None else rounded.alone_samples
    numbers = _numbers(problem, carried)  # compiled already, for the plan in fractions
    plan_account, alone_account = _accounts(problem, carried.samples, numbers.tempted.pays, own)
    accounts = Accounts(
        plan=books(carried.samples, plan_account),
        alone=books(own, alone_account),
        role=np.asarray(carried.role),
        whole=rounded is not None,
        currency=currency,
        instead=_host(numbers.tempted.instead),
        nearest=_host(numbers.tempted.samples),
        free=None if numbers.free is None else jax.tree.map(_host, numbers.free),
        what_if=_what_if(numbers),
        dtype=problem.costs.dtype.name,
    )
    return accounts, rounded


@jit
def _accounts(problem: Problem, samples: Amounts, pays: Amounts, own: Amounts) -> tuple[Account, Account]:
    """The plan's and working alone; what is paid beyond the bill is what errors cost."""
    spent = collaboration.account_of_error(problem, samples, pays).bill
    return collaboration.account_of_error(problem, samples, pays - spent), collaboration.account_alone(problem, own)


def books(samples: Amounts, account: Account) -> Books:
    """Return an account, with the samples that it is about, for a report.

    Args:
        samples: what each agent collects.
        account: from the library.
    """
    return Books(_host(samples), *(_host(part) for part in account))


def _whole(rounded: IntegerPlan, certificates: tuple[Audit, ...]) -> Whole:
    return Whole(
        samples=_host(rounded.plan.samples),
        role=np.asarray(rounded.role),
        alpha=_host(rounded.alpha),
        total=_host(rounded.plan.total),
        penalty=_host(rounded.penalty),
        social_penalty=float(rounded.social_penalty),
        alone_samples=_host(rounded.alone_samples),
        alone_penalty=_host(rounded.alone_penalty),
        loss=float(rounded.loss),
        change=_host(rounded.change),
        worse_off=_host(rounded.worse_off),
        certificates=certificates,
    )


@jit
def _numbers(problem: Problem, plan: Plan) -> Numbers:
    few = problem.costs.size <= _MANY
    invented = few and plan.rule.published and not plan.pooled
    other = OFF if few and not plan.calibrated and problem.capacity is None else ()
    tempted = collaboration.temptation(problem, plan)
    free = collaboration.free_riding(problem, plan) if plan.pooled else None
    pairs = len(problem.costs) * problem.costs.size
    lost = pairs <= _PAIRS and problem.counted_alike and (plan.pooled or plan.rule.published)
    less = jnp.minimum(plan.samples, tempted.samples if free is None else free.samples)
    return Numbers(
        alone_samples=collaboration.alone_samples(problem),
        alone_penalty=collaboration.alone_penalty(problem),
        target_penalty=collaboration.penalty(problem, plan.target),
        tempted=tempted,
        free=free,
        invented=collaboration.invention(problem, plan) if invented else None,
        misjudged=tuple(collaboration.misjudged(problem, plan, factor) for factor in other),
        harm=collaboration.harm(problem, plan, less, FALSE) if lost else None,
    )


def _what_if(numbers: Numbers) -> WhatIf:
    return WhatIf(
        invented=None if numbers.invented is None else jax.tree.map(_host, numbers.invented),
        misjudged=tuple(jax.tree.map(_host, entry) for entry in numbers.misjudged),
        harm=None if numbers.harm is None else jax.tree.map(_host, numbers.harm),
    )


def _host(values: Any) -> np.ndarray:
    """Reports compute in float64, whatever the precision of the solve."""
    return np.asarray(values, float)
