"""Sweeps over problems to share data that do more than solve them: audits of the plans, and designs."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._precision import seed_key
from jaxmech._status import Status
from jaxmech._types import Array
from jaxmech._words import one_of
from jaxmech.collaboration import Plan, Problem, alone_penalty, first_best, mechanism
from jaxmech.collaboration._penalty import collection_cost, risk
from jaxmech.collaboration._regret import best_whole_alone
from jaxmech.design import Design, design, is_whole, proven_design
from jaxmech.deviation import best_responses
from jaxmech.sweep._collaboration import Collaboration, baseline_of
from jaxmech.sweep._kind import Row

Tree = TypeVar("Tree")

SOLVE = "solve"
WORKS = (SOLVE, "audit", "design")

_SEED = 0
"""Of the draws of a search: the same in every instance, so that their differences are those of the problems."""


class Audits(Collaboration):
    """Plans, and the most that a search finds for every agent who deviates while the others are honest.

    Args:
        problem: with the values of all that does not vary.
        division: name of the division of work; None for the rational one.
        mechanism: name of the mechanism; None for cbl.

    Raises:
        ProblemError: for unknown names.
    """

    work = "audit"
    keep = (*Collaboration.keep, "gain", "gain_error", "honest")
    kept = ("gain", "gain_error")
    labels = (("regret", "largest gain found / penalty"), *Collaboration.labels)
    worst = ("regret", "largest")
    shard, chunk = 16, 1

    @property
    def title(self) -> str:
        """Division, mechanism, and that they are searched."""
        return f"{super().title}, audited"

    @property
    def plain(self) -> tuple[str, ...]:
        """With the largest gain found, relatively, and how many gain."""
        return (*super().plain, "regret", "gaining")

    def solved(self, problem: Problem) -> tuple[Row, Plan]:
        """The plan, and what was found against it: a lower bound of what deviations gain."""
        row, plan = super().solved(problem)
        best = best_responses(mechanism(problem, plan), problem, seed_key(_SEED))
        found = {
            "gain": best.gain,
            "gain_error": best.standard_error,
            "honest": best.honest,
            "regret": jnp.max(best.found / best.honest),
            "gaining": jnp.sum(best.found > 0).astype(best.gain.dtype),
        }
        there = jnp.all(jnp.isfinite(plan.penalty))
        return {**row, **jax.tree.map(lambda value: jnp.where(there, value, jnp.nan), found)}, plan

    def kept_axes(self, column: str) -> tuple[tuple[str, ...], ...]:
        """By agent, or by agent and distribution."""
        return (self.agents,) if column in ("gain", "gain_error", "honest") else super().kept_axes(column)


class Designs(Collaboration):
    """Designed mechanisms, found in batches and proven one by one.

    Args:
        problem: with the values of all that does not vary.

    Raises:
        ProblemError: for limits on what agents collect.
    """

    work = "design"
    keep = ("penalty", "alone", "samples", "comparison", "rest", "limit", "failure", "role")
    labels = (("ratio", "social penalty / best published"), ("social_penalty", "social penalty"))
    shares = ()
    shard, chunk = 64, 32
    needed = ("problem", "design", "alone", "alone_in_whole")

    def __init__(self, problem: Problem) -> None:
        problem.without_limits("a sweep of designs has none")
        super().__init__(problem)
        self.division, self.mechanism = None, None

    @property
    def title(self) -> str:
        """That they are designed."""
        return "designed"

    @property
    def plain(self) -> tuple[str, ...]:
        """Beside the best published mechanism, n_OPT and the first best; what the proof leaves open."""
        return ("social_penalty", "published", "baseline", "first_best", "ratio", "open")

    def solve(self, leaves: Mapping[str, Array]) -> Row:
        """The cheapest candidate, not proven."""
        problem = Problem.unchecked(leaves["costs"], leaves["sigma"], leaves["price"])
        solution = design(problem)
        made: Design = solution.value
        whole = best_whole_alone(problem)
        own = risk(problem.error, whole) + collection_cost(problem, whole)
        return {
            "status": solution.status,
            "residual": solution.residual,
            "steps": solution.steps,
            "social_penalty": made.social_penalty,
            "published": made.published,
            "baseline": baseline_of(problem)[0],
            "first_best": first_best(problem),
            "ratio": made.social_penalty / made.published,
            "open": jnp.full_like(made.social_penalty, jnp.nan),
            "alone": alone_penalty(problem),
            "alone_in_whole": jnp.sum(own, axis=-1),
            **{name: getattr(made, name) for name in self.keep if name != "alone"},
            "problem": problem,
            "design": made,
        }

    def finish(self, rows: Row) -> Row:
        """Prove every design, over all cores; what cannot be proven stays UNPROVEN."""
        status, left = np.array(rows["status"]), np.array(rows["open"])
        found = np.flatnonzero(status == int(Status.UNPROVEN))
        pairs = [[_row(rows[name], i) for i in found.tolist()] for name in ("problem", "design")]
        with ThreadPoolExecutor(cpu_count()) as pool:
            for i, (held, gain) in zip(found, pool.map(_proven, *pairs), strict=True):
                status[i], left[i] = int(Status.OK if held else Status.UNPROVEN), gain
        return {**rows, "status": status, "open": left, "alone": _alone(rows)}

    def check(self, fixed: tuple[Any, ...], drawn: tuple[tuple[Any, Any], ...]) -> None:
        """Refuse a spread around infinity."""
        del fixed
        self.check_spread(drawn)


def _alone(rows: Row) -> np.ndarray:
    """What everybody pays alone; in whole samples where all numbers of the design are whole."""
    alone = np.array(rows["alone"])
    for i in range(len(alone)):
        if is_whole(_row(rows["design"], i)):
            alone[i] = rows["alone_in_whole"][i]
    return alone


def _row(tree: Tree, i: int) -> Tree:
    """One row of some."""
    one: Tree = jax.tree.map(lambda leaf: jnp.asarray(leaf[i]), tree)
    return one


def _proven(problem: Problem, made: Design) -> tuple[bool, float]:
    """Whether everything holds that a design claims, and the largest gain left open, relatively."""
    solution = proven_design(problem, made)
    return int(solution.status) == Status.OK, float(solution.residual)


def sharing(problem: Problem, work: str, division: str | None, mechanism: str | None) -> Collaboration:
    """Return a problem of sharing data as a sweep sees it, by what is done with it.

    Args:
        problem: with the values of all that does not vary.
        work: one of :data:`WORKS`.
        division: name of the division of work; None for the rational one.
        mechanism: name of the mechanism; None for cbl.

    Raises:
        ProblemError: for unknown names, and for a division or a mechanism of designs, which have their own.
    """
    work = one_of("work", work, WORKS)
    if work == Audits.work:
        return Audits(problem, division, mechanism)
    if work == Designs.work:
        for name, given in (("division", division), ("mechanism", mechanism)):
            if given is not None:
                raise ProblemError(name, given, 'must not be given for work = "design", which finds its own')
        return Designs(problem)
    return Collaboration(problem, division, mechanism)
