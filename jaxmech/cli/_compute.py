"""From a case to an answer: compiled calls for the numbers, one transfer, then the host's certificates."""

from importlib.metadata import version
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech import collaboration, files, report
from jaxmech._status import Solution, Status
from jaxmech._types import Agents, Amounts, Array
from jaxmech.cli._options import Output
from jaxmech.collaboration import Plan, Problem, Role


class Numbers(NamedTuple):
    """What a report needs beside the plan: amounts are (agents, distributions), penalties (agents,)."""

    alone_samples: Amounts
    alone_penalty: Agents
    target_penalty: Agents
    pays: Amounts
    shirking: Amounts


def compute(case: files.Case, division: str, mechanism: str, output: Output) -> report.Answer:
    """Solve a case and gather everything that a report says about it.

    Args:
        case: the problem file.
        division: name of the division, the file's or the command line's.
        mechanism: name of the mechanism, likewise.
        output: notes how long the parts take.

    Raises:
        ProblemError: if the problem has no answer of this kind, e.g. no Nash division because an agent cannot work
            alone.
    """
    problem = case.problem
    with output.timed("compile + solve"):
        solution = collaboration.solve(problem, division=division, mechanism=mechanism)
        nameless = Problem.tree_unflatten((None, None), (problem.costs, problem.sigma, problem.price))
        found: Solution[Plan]
        found, numbers = jax.device_get((solution, _numbers(nameless, solution.value)))
    status = Status.of(int(found.status))
    plan = found.value
    m, d = problem.shape
    costs, sigma, price = (np.asarray(leaf, float) for leaf in (problem.costs, problem.sigma, problem.price))
    return report.Answer(
        source=case.source,
        title=case.title,
        agents=tuple(problem.agent_name(i) for i in range(m)),
        distributions=tuple(problem.distribution_name(k) for k in range(d)),
        costs=costs,
        sigma=sigma,
        price=price,
        estimates=tuple(
            report.Sigma(entry.distribution, entry.sigma, entry.standard_error, entry.count) for entry in case.estimates
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
        pays=_host(numbers.pays),
        shirking=_host(numbers.shirking),
        penalty=_host(plan.penalty),
        social_penalty=float(plan.social_penalty),
        whole=None,
        efficiency=None,
        certificates=(),
        advice=(),
        status=status,
        residual=float(found.residual),
        settings=settings(output.dtype),
    )


def settings(dtype: str, seed: int | None = None) -> dict[str, Any]:
    """Return what the numbers depend on beside the problem: for every output of the program."""
    device = jax.devices()[0]
    return {
        "version": version("jaxmech"),
        "jax": jax.__version__,
        "device": f"{device.platform}: {device.device_kind}",
        "dtype": dtype,
        "seed": seed,
    }


@jax.jit
def _numbers(problem: Problem, plan: Plan) -> Numbers:
    pays, shirking = penalties_by_distribution(problem, plan)
    return Numbers(
        alone_samples=collaboration.alone_samples(problem),
        alone_penalty=collaboration.alone_penalty(problem),
        target_penalty=collaboration.penalty(problem, plan.target),
        pays=pays,
        shirking=shirking,
    )


def penalties_by_distribution(problem: Problem, plan: Plan) -> tuple[Amounts, Amounts]:
    """Split what the plan costs each agent by distribution, and say what half the work would cost her there.

    Args:
        problem: the problem.
        plan: what was recommended.

    Returns:
        Two (agents, distributions) arrays: what she pays for each distribution if all follow the plan (the plan's
        penalty is their sum), and what she would pay if she alone collected half of her amount.
    """
    full, half = plan.samples, plan.samples / 2
    costs = jnp.where(jnp.isfinite(problem.costs), problem.costs, 0.0)
    variance = problem.scale**2
    others = jnp.sum(full, axis=0) - full
    if plan.mechanism in ("pool", "counted-pool"):
        return variance / (others + full) + costs * full, variance / (others + half) + costs * half
    alone, checked = plan.role == Role.ALONE, plan.role == Role.CHECKED
    # Where nobody is checked any numbers will do, but no NaN.
    n, alpha = jnp.where(checked, full, 1.0), jnp.where(checked, plan.alpha, 1.0)
    total = jnp.where(checked, plan.total, 4.0)

    def pays(samples: Array) -> Array:
        by_herself = variance / jnp.where(alone, samples, 1.0) + costs * samples
        kept = jnp.where(checked, samples, 1.0)
        watched = collaboration.deviation_penalty(kept, n, total, alpha, costs, problem.scale)
        return jnp.where(alone, by_herself, jnp.where(checked, watched, variance / others))

    return pays(full), pays(half)


def _host(values: Any) -> np.ndarray:
    """Reports compute in float64, whatever the precision of the solve."""
    return np.asarray(values, float)
