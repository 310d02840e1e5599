"""Sweeps over competitors: plans at one profile of types, and whether a desirable mechanism exists."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._types import Array
from jaxmech._words import one_of
from jaxmech.multiparty import (
    MECHANISMS,
    Linear,
    MarketGrowth,
    Problem,
    TypeSpace,
    existence,
    mechanism,
    misreports,
    solve,
)
from jaxmech.sweep._kind import Kind, Row, Rule, changed

_SIZE = Rule("must be a data size: finite and not negative", lambda value: 0 <= value < np.inf)
_EFFECT = Rule("must be finite", np.isfinite)
_GROWTH = Rule("must be finite and at least -1", lambda value: -1 <= value < np.inf, ("uniform",))


class Competitors(Kind):
    """Who gets which model and pays what.

    Args:
        problem: with linear effects, and the values of all that does not vary.
        mechanism: its name; None for exploitation.

    Raises:
        ProblemError: for an unknown name, and for other valuations.
    """

    name = "multiparty"
    keys = "types, types[AGENT], externality, externality[AGENT] (effects on her), externality[AGENT][AGENT]"
    keep = ("payment", "utility", "value", "quality", "allocation", "outside", "alone", "regret")
    kept = ("payment", "utility")
    labels = (("welfare", "welfare"), ("revenue", "revenue"))
    worst = ("revenue", "least")

    def __init__(self, problem: Problem, mechanism: str | None = None) -> None:
        if not isinstance(problem.valuation, Linear):
            raise ProblemError("valuation", type(problem.valuation).__name__, "must be linear: types and effects vary")
        self.problem, self.valuation = problem, problem.valuation
        self.mechanism = one_of("mechanism", MECHANISMS[0] if mechanism is None else mechanism, MECHANISMS)
        self.agents = tuple(problem.agent_name(i) for i in range(problem.count))

    @property
    def title(self) -> str:
        """The mechanism."""
        return str(self.mechanism)

    @property
    def axes(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """By agent, effects by who is affected and whose model it is."""
        return {"types": (self.agents,), "externality": (self.agents, self.agents)}

    @property
    def leaves(self) -> Mapping[str, Array]:
        """Data sizes and effects."""
        return {"types": self.problem.types, "externality": self.valuation.externality}

    def rule(self, key: str) -> Rule:
        """Data sizes are not negative, effects may be."""
        return _SIZE if key.startswith("types") else _EFFECT

    def solve(self, leaves: Mapping[str, Array]) -> Row:
        """The plan, and what a lower report would bring."""
        valuation = changed(self.valuation, externality=leaves["externality"])
        problem = changed(self.problem, types=leaves["types"], valuation=valuation)
        solution = solve(problem, mechanism=str(self.mechanism))
        plan = solution.value
        kept = {name: getattr(plan, name) for name in self.keep if name != "regret"}
        return {
            "status": solution.status,
            "residual": solution.residual,
            "steps": solution.steps,
            "welfare": plan.welfare,
            "revenue": plan.revenue,
            "apart": jnp.sum(plan.alone),
            "best": plan.best,
            **kept,
            "regret": misreports(problem, mechanism(problem, plan)).gain,
        }

    @property
    def plain(self) -> tuple[str, ...]:
        """Welfare with the mechanism and apart, revenue, and the best model's quality."""
        return ("welfare", "revenue", "apart", "best")

    def kept_axes(self, column: str) -> tuple[tuple[str, ...], ...]:
        """By agent."""
        return (self.agents,)

    def description(self) -> dict[str, Any]:
        """Names and numbers of the problem, and the mechanism."""
        numbers = {leaf: np.asarray(value, float).tolist() for leaf, value in self.leaves.items()}
        quality = getattr(self.problem.quality, "__qualname__", repr(self.problem.quality))
        problem = {"agents": list(self.agents), "quality": quality, **numbers}
        return {"kind_of_problem": "multiparty", "problem": problem, "mechanism": self.mechanism}


class Growth(Kind):
    """Whether a desirable mechanism exists in a growing market.

    Args:
        problem: a grid of types with the valuation of a growing market.

    Raises:
        ProblemError: for other valuations.
    """

    name = "multiparty"
    keys = "growth (the disparity is what the problem says)"
    keep = ("witness",)
    kept = ("witness",)
    labels = (("margin", "margin"), ("revenue", "least revenue"))
    shares = ("exists",)
    worst = ("margin", "least")

    def __init__(self, problem: TypeSpace) -> None:
        if not isinstance(problem.valuation, MarketGrowth):
            raise ProblemError(
                "valuation", type(problem.valuation).__name__, "must be that of a growing market (market-growth)"
            )
        self.problem, self.valuation = problem, problem.valuation
        self.agents = tuple(problem.agent_name(i) for i in range(len(problem.shape)))

    @property
    def title(self) -> str:
        """The question."""
        return f"does a desirable mechanism exist at {self.problem.shape[0]:,} types of each"

    @property
    def axes(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """One number."""
        return {"growth": ()}

    @property
    def leaves(self) -> Mapping[str, Array]:
        """The growth rate."""
        return {"growth": self.valuation.growth}

    @property
    def size(self) -> int:
        """The table of payments, in the unit of what other kinds hold many of in an instance."""
        return int(np.prod(self.problem.shape)) * len(self.problem.shape)

    def rule(self, key: str) -> Rule:
        """Below −1 the market would shrink as models improve."""
        return _GROWTH

    def solve(self, leaves: Mapping[str, Array]) -> Row:
        """The verdict, with the profile that decides."""
        solution = existence(changed(self.problem, valuation=changed(self.valuation, growth=leaves["growth"])))
        found = solution.value
        return {
            "status": solution.status,
            "residual": solution.residual,
            "steps": solution.steps,
            "exists": found.exists,
            "margin": found.margin,
            "revenue": jnp.min(found.revenue),
            "witness": found.witness,
        }

    @property
    def plain(self) -> tuple[str, ...]:
        """The verdict, how clear it is, and the least revenue of all profiles."""
        return ("exists", "margin", "revenue")

    def kept_axes(self, column: str) -> tuple[tuple[str, ...], ...]:
        """By agent."""
        return (self.agents,)

    def description(self) -> dict[str, Any]:
        """The grid of types and the growth rate."""
        problem = {"levels": np.asarray(self.problem.levels, float).tolist(), "growth": float(self.valuation.growth)}
        return {"kind_of_problem": "multiparty", "problem": problem}
