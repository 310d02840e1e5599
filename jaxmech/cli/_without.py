"""``jaxmech solve FILE --without NAME``: what somebody's leaving does to all who remain."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jaxmech import files, report
from jaxmech._errors import ProblemError
from jaxmech._words import one_of
from jaxmech.cli._options import Output, render_text
from jaxmech.collaboration import Problem
from jaxmech.report.without import Answer

OPTION = "--without"


def leave(case: Any, left_out: Sequence[str]) -> files.CollaborationCase:
    """Return a case without some of its agents.

    Args:
        case: the problem file.
        left_out: names of agents; each may be given more than once.

    Raises:
        ProblemError: for other kinds of problems, for a name that no agent has, with the nearest one, and if nobody
            remains, or nobody who can measure one of the distributions.
    """
    if not isinstance(case, files.CollaborationCase):
        raise ProblemError(
            OPTION, ", ".join(left_out), "means nothing for a problem of this kind, which is not [collaboration]"
        )
    problem = case.problem
    m, d = problem.shape
    names = [problem.agent_name(i) for i in range(m)]
    for name in left_out:
        one_of(OPTION, name, names)
    kept = np.array([i for i, name in enumerate(names) if name not in left_out], int)
    if not len(kept):
        raise ProblemError(OPTION, ", ".join(left_out), "leaves nobody")
    costs = problem.costs[kept]
    for k in np.flatnonzero(~np.isfinite(np.asarray(costs)).any(axis=0)).tolist():
        rule = f"leaves nobody who can measure {problem.distribution_name(k)}"
        raise ProblemError(OPTION, ", ".join(left_out), rule)
    remaining = [names[i] for i in kept]
    distributions = [problem.distribution_name(k) for k in range(d)]
    sigma = problem.sigma if problem.counted_alike else problem.sigma[kept]
    price = problem.price if problem.valued_alike else problem.price[kept]
    limits = jax.tree.map(lambda leaf: leaf[kept], problem.capacity)
    reduced = Problem(costs, sigma, price, agents=remaining, distributions=distributions, capacity=limits)
    target = None if case.target is None else case.target[kept]
    if target is not None:
        for k in np.flatnonzero(target.sum(axis=0) <= 0).tolist():
            rule = f"leaves nobody who collects {distributions[k]} under the target"
            raise ProblemError(OPTION, ", ".join(left_out), rule)
    values = case.values
    if values is not None and values.price.ndim > 1:
        values = dataclasses.replace(values, price=values.price[kept])
    return dataclasses.replace(case, problem=reduced, values=values, target=target)


def deliver(
    case: Any,
    left_out: Sequence[str],
    output: Output,
    solve: Callable[[files.CollaborationCase], tuple[Any, Any]],
    agreement: Callable[[Any, dict[str, Any]], dict[str, Any]],
) -> bool:
    """Solve with everybody and without some, write and print what that changes; return whether both are solved.

    Args:
        case: the problem file.
        left_out: names of agents.
        output: where it goes.
        solve: returns a case's answer and the part of ``report`` that presents it.
        agreement: makes the document of the answer with everybody from the answer and its own document.
    """
    reduced = leave(case, left_out)
    everybody, kind = solve(case)
    remaining, _ = solve(reduced)
    answer = Answer(everybody, remaining, tuple(dict.fromkeys(left_out)))
    page = report.without
    output.deliver(
        document=lambda: agreement(everybody, {**kind.document(everybody), "without": page.document(answer)}),
        rows=lambda: page.rows(answer),
        figure=lambda: kind.plot(everybody),
        text=lambda: render_text(lambda console: page.print_page(answer, console, full=output.verbose)),
    )
    return answer.solved
