"""Sweeps over problems to share data."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._status import Solution, Status
from jaxmech._types import Array
from jaxmech._words import one_of
from jaxmech.collaboration import (
    DIVISIONS,
    MECHANISMS,
    Plan,
    Problem,
    Role,
    alone_penalty,
    first_best,
    rational_optimum,
    social_penalty,
    solve,
)
from jaxmech.collaboration._bargaining import require_everybody_able
from jaxmech.collaboration._c3d import check_equal_costs
from jaxmech.mechanism import Capacity
from jaxmech.sweep._kind import POSITIVE, Kind, Row, Rule

LEAVES = ("costs", "sigma", "price")
LIMITS = ("most", "least", "budget")
_LIMIT = Rule("must be 0 or more", lambda value: value >= 0)
_COST = Rule("must be positive (inf where an agent cannot sample)", lambda value: value > 0)
_PRICE = Rule("must be 0 or more and finite", lambda value: 0 <= value < np.inf)
_BY_AGENT = ("penalty", "alone")


class Collaboration(Kind):
    """A division of the work and a mechanism.

    Args:
        problem: with the values of all that does not vary.
        division: name of the division of work; None for the rational one.
        mechanism: name of the mechanism; None for cbl.

    Raises:
        ProblemError: for unknown names.
    """

    name = "collaboration"
    keys = (
        "costs, costs[AGENT], costs[AGENT][DISTRIBUTION], sigma, sigma[DISTRIBUTION], price, price[DISTRIBUTION], and "
        "most, least, budget where the problem has them"
    )
    keep: ClassVar[tuple[str, ...]] = ("penalty", "alone", "samples", "target", "alpha", "role")
    kept: ClassVar[tuple[str, ...]] = ("penalty",)
    labels: ClassVar[tuple[tuple[str, str], ...]] = (
        ("ratio", "social penalty / P(n_OPT)"),
        ("social_penalty", "social penalty"),
    )
    shares: ClassVar[tuple[str, ...]] = ("leverage",)
    worst: ClassVar[tuple[str, str]] = ("ratio", "largest")
    nothing = "has no finite cost to vary: name single entries, costs[AGENT][...]"

    def __init__(self, problem: Problem, division: str | None = None, mechanism: str | None = None) -> None:
        self.problem = problem
        self.division = one_of("division", "rational" if division is None else division, DIVISIONS)
        self.mechanism = one_of("mechanism", "cbl" if mechanism is None else mechanism, MECHANISMS)
        m, d = problem.shape
        self.agents = tuple(problem.agent_name(i) for i in range(m))
        self.distributions = tuple(problem.distribution_name(k) for k in range(d))

    @property
    def title(self) -> str:
        """Division and mechanism; c3d has its own division."""
        return "c3d" if self.mechanism == "c3d" else f"{self.division}, {self.mechanism}"

    @property
    def axes(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """Costs by agent and distribution, the others so or by distribution."""
        tables = {2: (self.agents, self.distributions), 1: (self.distributions,)}
        limits = {leaf: tables[2] if leaf != "budget" else (self.agents,) for leaf in self._limits}
        return {**{leaf: tables[np.ndim(getattr(self.problem, leaf))] for leaf in LEAVES}, **limits}

    @property
    def leaves(self) -> Mapping[str, Array]:
        """Costs, standard deviations and prices."""
        own = {leaf: jnp.asarray(getattr(self.problem, leaf)) for leaf in LEAVES}
        return {**own, **{leaf: jnp.asarray(getattr(self.problem.capacity, leaf)) for leaf in self._limits}}

    def movable(self, leaf: str) -> np.ndarray:
        """Costs that are infinite stay so, and a sigma that means nothing."""
        values = np.asarray(self.leaves[leaf])
        able = np.isfinite(np.asarray(self.problem.costs))
        return (
            able
            if leaf in ("costs", "most", "least") or (leaf == "sigma" and values.ndim > 1)
            else np.ones(values.shape, bool)
        )

    def rule(self, key: str) -> Rule:
        """Costs may be infinite where the key does not mean all of them, and prices 0 where agents have their own."""
        if key.startswith(LIMITS):
            return _LIMIT
        if key.startswith("price") and not self.problem.valued_alike:
            return _PRICE
        return _COST if key.startswith("costs[") else POSITIVE

    def solve(self, leaves: Mapping[str, Array]) -> Row:
        """The plan, beside what is best for all."""
        capacity = Capacity(*(leaves[leaf] for leaf in LIMITS)) if self._limits else None
        problem = Problem.unchecked(leaves["costs"], leaves["sigma"], leaves["price"], capacity=capacity)
        return self.solved(problem)[0]

    def solved(self, problem: Problem) -> tuple[Row, Plan]:
        """The row of a problem, and its plan."""
        solution: Solution[Plan] = solve(problem, division=str(self.division), mechanism=str(self.mechanism))
        plan = solution.value
        row = {
            "status": solution.status,
            "residual": solution.residual,
            "steps": solution.steps,
            "social_penalty": plan.social_penalty,
            "first_best": first_best(problem),
            "leverage": plan.leverage,
            **self._against(problem, plan),
            "penalty": plan.penalty,
            "alone": alone_penalty(problem),
            "samples": plan.samples,
            "target": plan.target,
            "alpha": plan.alpha,
            "role": plan.role,
        }
        return row, plan

    @property
    def plain(self) -> tuple[str, ...]:
        """With a status of n_OPT where it is a solve of its own."""
        own = ("baseline_status",) if self._has_own_baseline else ()
        return ("social_penalty", "baseline", "first_best", "ratio", *own, "leverage")

    def kept_axes(self, column: str) -> tuple[tuple[str, ...], ...]:
        """By agent, or by agent and distribution."""
        return (self.agents,) if column in _BY_AGENT else (self.agents, self.distributions)

    def label(self, column: str) -> str:
        """Penalties alone are called so."""
        return "alone_penalty" if column == "alone" else column

    def in_words(self, column: str, rows: Row) -> np.ndarray:
        """Roles in words, but none where the solve failed: nobody has a role in a plan that is not there."""
        if column != "role":
            return np.asarray(rows[column])
        failed = np.array([Status.of(int(code)).is_failure for code in rows["status"]])
        names = np.array([member.name.lower() for member in sorted(Role)], object)
        return np.where(failed[:, None, None], "", names[np.asarray(rows["role"])])

    def description(self) -> dict[str, Any]:
        """Names and numbers of the problem, division and mechanism."""
        told = {**self.leaves, "sigma": self.problem.measured_sigma}
        numbers = {leaf: plain_numbers(np.asarray(value, float).tolist()) for leaf, value in told.items()}
        problem = {"agents": list(self.agents), "distributions": list(self.distributions), **numbers}
        own = {} if self.work is None else {"work": self.work}
        return {"problem": problem, "division": self.division, "mechanism": self.mechanism, **own}

    def check(self, fixed: tuple[Any, ...], drawn: tuple[tuple[Any, Any], ...]) -> None:
        """Refuse a spread around infinity, unequal costs for c3d, and agents without an alternative in bargaining."""
        self.check_spread(drawn)
        if self.mechanism == "c3d":
            self._check_equal_costs(fixed, drawn)
        elif self.division in ("nash", "kalai-smorodinsky"):
            self._check_everybody_able(fixed)

    def check_spread(self, drawn: tuple[tuple[Any, Any], ...]) -> None:
        """Refuse a spread around infinity."""
        for target, draw in drawn:
            own = np.asarray(self.leaves[target.leaf])[target.mask]
            if draw.distribution == "lognormal" and not np.isfinite(own).all():
                raise ProblemError(f"parameters.{target.key}", np.inf, "no spread around a cost that is infinite")

    @property
    def _limits(self) -> tuple[str, ...]:
        """Most, least and budget, where the problem has them."""
        return () if self.problem.capacity is None else LIMITS

    @property
    def _has_own_baseline(self) -> bool:
        """Whether n_OPT is a solve of its own, rather than the division of the plan."""
        return self.division != "rational" and self.mechanism != "c3d"

    def _against(self, problem: Problem, plan: Plan) -> Row:
        """P(n_OPT) and the ratio to it; NaN where n_OPT was not found."""
        if not self._has_own_baseline:
            baseline = social_penalty(problem, plan.target)
            return {"baseline": baseline, "ratio": plan.social_penalty / baseline}
        baseline, status = baseline_of(problem)
        return {"baseline": baseline, "ratio": plan.social_penalty / baseline, "baseline_status": status}

    def _check_equal_costs(self, fixed: tuple[Any, ...], drawn: tuple[tuple[Any, Any], ...]) -> None:
        """Traced costs are not checked any more: c3d would answer a question that nobody asked."""
        varies = [target.key for target, _ in drawn if target.leaf == "costs"]
        given = [target.key for target in fixed if target.leaf == "costs"]
        for key in (*varies, *(key for key in given if key != "costs")):
            raise ProblemError(f"parameters.{key}", key, 'c3d needs equal costs: only "costs" may vary, on a grid')
        if not given:
            check_equal_costs(self.problem)

    def _check_everybody_able(self, fixed: tuple[Any, ...]) -> None:
        """Refuse infinite costs, all but those that the sweep itself puts in place entry by entry."""
        costs = np.array(self.problem.costs)
        for target in fixed:
            if target.leaf == "costs" and target.single:
                costs[target.mask] = 1.0
        require_everybody_able(dataclasses.replace(self.problem, costs=jnp.asarray(costs)), str(self.division))


def baseline_of(problem: Problem) -> tuple[Array, Array]:
    """Return P(n_OPT) and its status; NaN where n_OPT was not found.

    Args:
        problem: the problem.
    """
    optimum = rational_optimum(problem)
    found = (optimum.status == Status.OK) | (optimum.status == Status.ALMOST)
    return jnp.where(found, social_penalty(problem, optimum.value), jnp.nan), optimum.status


def plain_numbers(values: Any) -> Any:
    """Return numbers as JSON knows them; infinity as a text."""
    if isinstance(values, (list, tuple)):
        return [plain_numbers(value) for value in values]
    return "inf" if values == np.inf else None if values != values else values
