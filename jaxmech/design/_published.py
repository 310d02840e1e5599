"""What the published mechanisms reach on a problem; it traces."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.collaboration import Plan, Problem, integer_plan, solve
from jaxmech.design._plan import RIVALS

_DIVISIONS = ("rational", "leverage", "social")


class Rivals(NamedTuple):
    """Plans of published mechanisms on a leading axis.

    Attributes:
        samples: (rivals, agents, distributions) in points that are alike.
        role: codes, of the same shape.
        social: (rivals,) social penalties; ∞ where there is no plan.
        code: (rivals,) places in :data:`~jaxmech.design._plan.RIVALS`.
    """

    samples: Array
    role: Array
    social: Array
    code: Array

    @property
    def best(self) -> tuple[Array, Array]:
        """Code and social penalty of the best of them."""
        place = jnp.argmin(self.social)
        return self.code[place], self.social[place]


def published(problem: Problem, *, whole: bool) -> Rivals:
    """Plans of the published mechanisms on this problem; in whole samples if asked.

    On the host those that have nothing to say are left out; inside a transformation they stay, at ∞. Where no mechanism
    has a plan, all work alone.
    """
    plans = [solve(problem, division=division, mechanism="cbl").value for division in _DIVISIONS]
    equal = _equal(problem)
    if problem.valued_alike and (_unknown(equal) or bool(equal)):
        plans.append(solve(problem, mechanism="c3d").value)
    fine = [jnp.isfinite(plan.social_penalty) for plan in plans]
    fine = [one & equal if plan.mechanism == "c3d" else one for one, plan in zip(fine, plans, strict=True)]
    nothing = ~jnp.any(jnp.stack(fine))
    if _unknown(nothing) or bool(nothing):
        plans.append(solve(problem, division="alone", mechanism="cbl").value)
        fine.append(nothing)
    unit = problem.in_equivalent_points().precision
    sound = [(plan, one) for plan, one in zip(plans, fine, strict=True) if _unknown(one) or bool(one)]
    return _rivals([(integer_plan(problem, plan).plan if whole else plan, one) for plan, one in sound], unit)


def best_published(problem: Problem, *, whole: bool) -> tuple[str, float]:
    """Name and social penalty of the best of them. Host only."""
    code, social = published(problem, whole=whole).best
    return RIVALS[int(code)], float(social)


def _rivals(plans: list[tuple[Plan, Array]], unit: Array | None) -> Rivals:
    """Plans in points that are alike."""
    factor = 1.0 if unit is None else unit
    codes = [RIVALS.index(_name(plan)) for plan, _ in plans]
    return Rivals(
        samples=jnp.stack([plan.samples * factor for plan, _ in plans]).astype(float),
        role=jnp.stack([plan.role for plan, _ in plans]),
        social=jnp.stack([jnp.where(fine, plan.social_penalty, jnp.inf) for plan, fine in plans]).astype(float),
        code=jnp.asarray(np.array(codes), jnp.int32),
    )


def _name(plan: Plan) -> str:
    return "c3d" if plan.mechanism == "c3d" else f"cbl over the {plan.division} division"


def _equal(problem: Problem) -> Array:
    """Whether costs are equal within every distribution, as c3d needs it."""
    slack, costs = 1 + tolerances(problem.costs.dtype).condition, problem.in_equivalent_points().costs
    return jnp.all(jnp.max(costs, axis=0) <= jnp.min(costs, axis=0) * slack)


def _unknown(value: Array) -> bool:
    return isinstance(value, jax.core.Tracer)
