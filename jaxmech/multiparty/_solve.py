"""Solve a problem of sharing models: who gets which model, what each pays, what each has of it."""

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._show import Tabular
from jaxmech._status import Solution, Status
from jaxmech._types import Agents, Array, Scalar
from jaxmech._words import one_of
from jaxmech.multiparty._interdependent import AnyValuation, known
from jaxmech.multiparty._problem import Problem
from jaxmech.multiparty._quality import Quality, pooled

MECHANISMS = ("exploitation", "free")
"""Maximal exploitation payments for the efficient allocation; or the best model for everybody, free of charge."""


@pytree
@dataclasses.dataclass(frozen=True)
class Plan(Tabular):
    """What a mechanism does when all report their types.

    Attributes:
        allocation: quality of the model that each is handed; 0 where none is.
        quality: of the model that each uses, the better of hers and of the one she is handed.
        value: what each earns with it.
        payment: what each pays; negative where she is paid.
        utility: value less payment.
        outside: what each would have if she stayed away while the others participate.
        alone: what each would have if nobody shared anything.
        welfare: sum of the values.
        revenue: sum of the payments.
        best: quality of the model trained on all data.
        mechanism: one of ``MECHANISMS``.
    """

    AXES: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
        ("allocation", "quality", "value", "payment", "utility", "outside", "alone"), ("agents",)
    )

    allocation: Agents
    quality: Agents
    value: Agents
    payment: Agents
    utility: Agents
    outside: Agents
    alone: Agents
    welfare: Scalar
    revenue: Scalar
    best: Scalar
    mechanism: str = dataclasses.field(metadata={"static": True})


def solve(problem: Problem, *, mechanism: str = "exploitation") -> Solution[Plan]:
    """Return who gets which model and pays how much.

    - "exploitation": the efficient allocation x with maximal exploitation payments
      p_i = v_i(x(t), t) − v_i(x(∅, t_−i), t), which take all that participating brings.
    - "free": the best model for everybody, no payments; desirable where nobody is harmed by others' models.

    Args:
        problem: the problem; inside jit and vmap it may hold tracers.
        mechanism: one of ``MECHANISMS``.

    Returns:
        Solution around the plan. Everything is in closed form (the allocation of general valuations is searched for:
        :func:`search_allocation`), so the status is OK, or NONFINITE; the residual is the largest distance of
        a field of the plan from what it must be, recomputed from the plan's models and payments, relative.

    Raises:
        ProblemError: for an unknown mechanism, with the nearest one.

    Source: Chen et al. 2020, Definition 9 and Theorem 4.

    Example:
        >>> from jaxmech.multiparty import Linear, Problem
        >>> problem = Problem([1.0, 1.0], Linear([[1.0, 0.5], [0.5, 1.0]]), "linear")
        >>> plan = solve(problem).raise_for_status().value
        >>> plan.payment.tolist(), plan.utility.tolist()
        ([1.5, 1.5], [1.5, 1.5])
    """
    one_of("mechanism", mechanism, MECHANISMS)
    solution: Solution[Plan] = _solve(problem, mechanism)
    # Compiled on its own, so that it looks at what is returned.
    return dataclasses.replace(solution, residual=jax.lax.stop_gradient(_residual(problem, solution.value, mechanism)))


def allocation(problem: Problem, reports: Array, present: Array, mechanism: str = "exploitation") -> Agents:
    """Return the models that a mechanism hands out for these reports.

    Args:
        problem: the problem; its types are not looked at.
        reports: (agents,) reported data sizes.
        present: (agents,) who participates; who does not contributes nothing and gets nothing.
        mechanism: one of ``MECHANISMS``.

    Source: Chen et al. 2020, section 3.

    Example:
        >>> from jaxmech.multiparty import Linear, Problem
        >>> problem = Problem([1.0, 1.0], Linear([[1.0, -2.0], [0.5, 1.0]]), "linear")
        >>> allocation(problem, jnp.array([1.0, 1.0]), jnp.array([True, True])).tolist()
        [2.0, 0.0]
    """
    return allocate(problem.valuation, problem.quality, reports, present, mechanism)


def allocate(
    valuation: AnyValuation, quality: Quality, reports: Array, present: Array, mechanism: str = "exploitation"
) -> Agents:
    """Return the models that are handed out for these reports."""
    given = jnp.where(present, reports, jnp.zeros_like(reports))
    best = pooled(quality, given)
    if mechanism == "free":
        return jnp.where(present, best, jnp.zeros_like(given))
    return known(valuation, given).allocate(best, quality(given), present)


def outside_value(
    valuation: AnyValuation,
    quality: Quality,
    agent: int,
    types: Array,
    reports: Array | None = None,
    mechanism: str = "exploitation",
) -> Scalar:
    """Return what one agent has if she stays away, v_i(x(∅, t_−i), t).

    Args:
        valuation: what agents earn.
        quality: of models.
        agent: who stays away.
        types: (agents,) what agents have.
        reports: (agents,) what the others report, if not their types.
        mechanism: one of ``MECHANISMS``.
    """
    reports = types if reports is None else reports
    present = jnp.arange(types.shape[-1]) != agent
    handed = allocate(valuation, quality, reports, present, mechanism)
    return known(valuation, types).of(agent, jnp.maximum(handed, quality(types)))


def follows(problem: Problem, plan: Plan, mechanism: str) -> dict[str, Array]:
    """Return what every field of a plan must be: models and payments by the mechanism, the others from those it has.

    Earnings are taken agent by agent, and staying away is played with the others only.
    """
    valuation, quality, types = problem.valuation, problem.quality, problem.types
    n, earning = types.shape[-1], known(valuation, types)
    used = jnp.maximum(plan.allocation, quality(types))
    earned = jnp.stack([earning.of(i, used) for i in range(n)])
    outside = jnp.stack([outside_value(valuation, quality, i, types, None, mechanism) for i in range(n)])
    handed = allocate(valuation, quality, types, jnp.ones(n, bool), mechanism)
    brought = earning(jnp.maximum(handed, quality(types))) - outside
    return {
        "allocation": handed,
        "quality": used,
        "value": earned,
        "payment": brought if mechanism == "exploitation" else jnp.zeros_like(earned),
        "utility": earned - plan.payment,
        "outside": outside,
        "alone": jnp.stack([earning.of(i, quality(types)) for i in range(n)]),
        "welfare": jnp.sum(earned),
        "revenue": jnp.sum(plan.payment),
        "best": pooled(quality, types),
    }


def departures(problem: Problem, plan: Plan, mechanism: str) -> dict[str, Array]:
    """Return by how much each field of a plan is off what it must be, relative to the largest of its kind."""
    wanted = follows(problem, plan, mechanism)
    money = jnp.max(jnp.abs(wanted["value"])) + jnp.max(jnp.abs(wanted["outside"])) + jnp.max(jnp.abs(plan.payment))
    best = wanted["best"]
    scales = {field: best if field in ("allocation", "quality", "best") else money for field in wanted}
    return {
        field: jnp.max(jnp.abs(getattr(plan, field) - target)) / jnp.where(scales[field] > 0, scales[field], 1.0)
        for field, target in wanted.items()
    }


@partial(jit, static_argnames="mechanism")
def _residual(problem: Problem, plan: Plan, mechanism: str) -> Array:
    return jnp.max(jnp.stack(list(departures(problem, plan, mechanism).values())))


@partial(jit, static_argnames="mechanism")
def _solve(problem: Problem, mechanism: str) -> Solution[Plan]:
    valuation, quality, types = problem.valuation, problem.quality, problem.types
    n, earning = types.shape[-1], known(valuation, types)
    handed = allocate(valuation, quality, types, jnp.ones(n, bool), mechanism)
    used = jnp.maximum(handed, quality(types))
    value = earning(used)
    outside = jnp.stack([outside_value(valuation, quality, i, types, None, mechanism) for i in range(n)])
    payment = value - outside if mechanism == "exploitation" else jnp.zeros_like(value)
    plan = Plan(
        allocation=handed,
        quality=used,
        value=value,
        payment=payment,
        utility=value - payment,
        outside=outside,
        alone=earning(quality(types)),
        welfare=jnp.sum(value),
        revenue=jnp.sum(payment),
        best=pooled(quality, types),
        mechanism=mechanism,
    )
    sound = jnp.all(jnp.isfinite(value)) & jnp.all(jnp.isfinite(outside))
    status = jnp.where(sound, int(Status.OK), int(Status.NONFINITE)).astype(jnp.int32)
    blank: Plan = jax.tree.map(lambda leaf: jnp.where(sound, leaf, jnp.nan), plan)
    unknown = jnp.asarray(jnp.nan, value.dtype)
    return Solution(blank, status, unknown, jnp.zeros((), jnp.int32))
