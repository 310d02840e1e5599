"""What the published mechanisms reach on a problem."""

import contextlib

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech.collaboration import Plan, Problem, integer_plan
from jaxmech.collaboration import solve as published_plan


def published_plans(problem: Problem, *, whole: bool = False) -> dict[str, tuple[Plan, float]]:
    """Plans of the published mechanisms on this problem, with their social penalties; in whole samples if asked."""
    if whole:
        rounded = {name: integer_plan(problem, plan).plan for name, (plan, _) in published_plans(problem).items()}
        return {name: (plan, float(plan.social_penalty)) for name, plan in rounded.items()}
    found = {}
    for division in ("rational", "leverage", "social"):
        solution = published_plan(problem, division=division, mechanism="cbl")
        found[f"cbl over the {division} division"] = (solution.value, float(solution.value.social_penalty))
    with contextlib.suppress(ProblemError):  # costs differ
        plan = published_plan(problem, mechanism="c3d").value
        found["c3d"] = (plan, float(plan.social_penalty))
    sound = {name: pair for name, pair in found.items() if np.isfinite(pair[1])}
    if not sound:
        plan = published_plan(problem, division="alone", mechanism="cbl").value
        sound = {"cbl over the alone division": (plan, float(plan.social_penalty))}
    return sound


def best_published(problem: Problem, *, whole: bool) -> tuple[str, float]:
    """Name and social penalty of the best of them."""
    plans = published_plans(problem, whole=whole)
    name = min(plans, key=lambda rival: plans[rival][1])
    return name, plans[name][1]
