"""What another division of work would bring, and what it costs that nobody has to be trusted."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._types import Amounts
from jaxmech.collaboration._c3d import c3d_plan, check_equal_costs
from jaxmech.collaboration._penalty import social_penalty
from jaxmech.collaboration._plan import TARGET, Plan
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._solve import solve_unchecked
from jaxmech.collaboration._units import in_equivalent_points

# "leverage" always has leverage; "social" hardly ever has, and then the cheapest agents work for all others.
ALTERNATIVES = ("leverage", "social")


@dataclasses.dataclass(frozen=True)
class Advice:
    """Social penalties to compare a plan with.

    Attributes:
        division: the plan's division.
        pooled: what compliant agents would pay in the pool under that division.
        honest: what cbl makes them pay, division by division: the plan's own and ``ALTERNATIVES``.
        best: the division among these for which cbl costs least; the plan's own unless another is cheaper.
        penalties: what each agent pays under cbl, by the same divisions.
        equals: where all costs are equal, what all pay under the mechanisms that treat equals alike: c3d, and designed
            if that is known. Empty elsewhere, and for the plan of c3d.
    """

    division: str
    pooled: float
    honest: Mapping[str, float]
    best: str
    penalties: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    equals: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def price_of_honesty(self) -> float:
        """Social penalty under cbl over that of compliant agents in the pool, for the plan's division."""
        return self.honest[self.division] / self.pooled

    @property
    def saving(self) -> float:
        """How much of the social penalty under cbl the best division would save, as a fraction."""
        return 1 - self.honest[self.best] / self.honest[self.division]


@in_equivalent_points()
def advise(problem: Problem, plan: Plan, designed: float | None = None) -> Advice:
    """Compare the equilibrium of cbl over the plan's division with those over other divisions, and with pooling.

    All of them are equilibria, so the cheapest costs nobody any trust; the others may be fairer.

    Args:
        problem: the problem.
        plan: from :func:`solve`, of any mechanism; for c3d its division is the social optimum.
        designed: what all pay under a designed mechanism, if that is known.

    Returns:
        Numbers, on the host. Wording is left to whoever tells them.

    Source: this package: a comparison of equilibria of Clinton et al. 2025.

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> from jaxmech.collaboration import solve
        >>> advice = advise(problem, solve(problem).value)
        >>> advice.best, round(advice.honest["rational"], 4), round(advice.honest["social"], 4)
        ('social', 9.8354, 7.2664)
    """
    plans = {plan.division: _honest(problem, plan, plan.target if plan.division == TARGET else plan.division)}
    for division in ALTERNATIVES:
        if division not in plans:
            plans[division] = _honest(problem, plan, division)
    honest = {division: float(found.social_penalty) for division, found in plans.items()}
    best = min(honest, key=lambda division: (honest[division], division != plan.division))
    penalties = {division: np.asarray(found.penalty, float) for division, found in plans.items()}
    pooled = float(social_penalty(problem, plan.target))
    return Advice(plan.division, pooled, honest, best, penalties, _among_equals(problem, plan, designed))


def has_equal_costs(problem: Problem) -> bool:
    """Whether all agents have the same costs, so that c3d is for them. Host only.

    Args:
        problem: the problem.

    Source: Chen, Zhu and Kandasamy 2023: one cost for everybody.

    Example:
        >>> has_equal_costs(Problem([[1.0, 2.0]] * 3, 1.0)), has_equal_costs(Problem([[1.0], [2.0]], 1.0))
        (True, False)
    """
    try:
        check_equal_costs(problem)
    except ProblemError:
        return False
    return bool(np.all(np.isfinite(np.asarray(problem.costs))))


def _among_equals(problem: Problem, plan: Plan, designed: float | None) -> dict[str, float]:
    if plan.mechanism == "c3d" or not has_equal_costs(problem):
        return {}
    known = {} if designed is None else {"designed": designed}
    return {**known, "c3d": float(c3d_plan(problem, plan.rule).value.social_penalty)}


def _honest(problem: Problem, plan: Plan, division: str | Amounts) -> Plan:
    """The equilibrium of cbl over a division."""
    known = plan.mechanism == "cbl" and (not isinstance(division, str) or plan.division == division)
    return plan if known else solve_unchecked(problem, division, "cbl", plan.rule).value
