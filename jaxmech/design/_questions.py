"""What users ask of a design and no theorem promises: misstated costs, names, allies, who leaves. A host shell."""

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._progress import held, stage, tell
from jaxmech._status import Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech._words import figure
from jaxmech.collaboration import (
    Allies,
    Core,
    Groups,
    Misreport,
    Pivotal,
    Problem,
    Questions,
    SecondName,
    core,
    unavoidable,
)
from jaxmech.collaboration._questions import unlike_groups
from jaxmech.design._absent import absent_from
from jaxmech.design._carried_out import is_whole
from jaxmech.design._design import design as make_design
from jaxmech.design._mechanism import Designed, designed_mechanism
from jaxmech.design._misstated import FARTHEST, Effort, misstated
from jaxmech.design._plan import Design
from jaxmech.design._signed import signed
from jaxmech.design._wishes import Wishes
from jaxmech.deviation import Group, group_response

Found = TypeVar("Found", Misreport, SecondName)

DESIGNS, DESIGNS_OF_MANY, MANY = 48, 24, 30
"""About so many designs are made for misstated costs in all, and fewer of problems with more than so many costs, each
of which takes as long as many small ones; for second names half as many, and a quarter for plans without somebody."""

_FEWEST = 5
"""So many designs for each way to misstate costs, at least."""

_WORK = 2**18
"""Draws times agents times distributions in a search for one group: fewer draws where there are more agents."""


def questions_of_design(problem: Problem, design: Design, key: jax.Array, wishes: Wishes | None = None) -> Questions:
    """Answer for a design what :func:`jaxmech.collaboration.questions` answers for a published plan.

    - Misstated costs: a design is made for what one agent says, the others saying the truth; she then follows it, or
      collects what is best for her at her true costs and hands that in as it is.
    - A second name, which says that its costs are hers, or that it can measure nothing: a design is made for all names,
      and she collects, hands in and estimates for both together.
    - Allies, two or three, under the design as it stands: they collect, hand in and estimate together; so one may
      collect for both, and lend the other her data for the check.
    - Who leaves: whether a group who trust each other could divide the work among themselves so that all of them pay
      less; under a design in whole samples their work, too, is in whole samples.
    - Who is pivotal: what everybody pays if one agent leaves, or delivers half, and the rest of the design stands, or
      another is made without her.

    All but the last are searches, and what they find are lower bounds. New designs are made as the design was, for the
    wishes given, and only proven ones count. Agents with the same costs and the same deal are searched for once, and of
    many kinds those who pay most are; what was tried, and for whom, is said with the answer, and all else is NaN.

    Args:
        problem: the problem.
        design: from :func:`~jaxmech.design.design`.
        key: random key of the searches for names and allies.
        wishes: what the design was made for; by default whole samples if all its numbers are whole, linked if it is,
            and noise as in it.

    Raises:
        ProblemError: for limits, for agents who differ in precision or in what accuracy is worth to them, for designs
            in an ellipsoid, with limits that follow the data, or with another rule than a threshold.

    Source: this package; see :func:`jaxmech.collaboration.questions` for what is asked, and where.

    Example: ``jaxmech audit three-agents --mechanism designed --questions``.
    """
    refuse_questions(problem, design)
    whole = is_whole(design)
    noise = float(design.rule.variance[-1])
    asked = _Asked(problem, design, wishes or Wishes(linked=bool(design.linked), noise=noise, whole=whole), whole)
    names_key, allies_key = jax.random.split(key)
    misreport, tried = asked.misreports()
    return Questions(
        pays=np.asarray(design.penalty, float),
        misreport=misreport,
        second_name=asked.second_names(names_key),
        named=_only(asked.designs // 4, len(set(asked.kinds))),
        groups=asked.groups(allies_key) if problem.shape[0] > 1 else None,
        core=asked.leaving(),
        pivotal=asked.absent(),
        unavoidable=unavoidable(problem),
        tried=tried,
    )


def refuse_questions(problem: Problem, design: Design | None = None) -> None:
    """Refuse before anything is computed what has no answers.

    Args:
        problem: the problem.
        design: if there is one already.

    Raises:
        ProblemError: see :func:`questions_of_design`.

    Source: this package.

    Example:
        >>> refuse_questions(Problem([[1.0], [2.0]], 1.0))  # which have answers
    """
    if problem.capacity is not None:
        raise ProblemError("capacity", "most, least or budget", "questions about a design are not answered within")
    problem.of_agents_alike("questions about a design are about agents who are alike")
    if design is None:
        return
    if design.calibration is not None:
        raise ProblemError("calibrated", True, "questions are about designs that take σ to be known")
    if design.ellipsoid is not None and bool(design.ellipsoid):
        raise ProblemError("ellipsoid", True, "questions are about checks by one limit each, not in an ellipsoid")
    places, variance = np.asarray(design.rule.discrepancy), np.asarray(design.rule.variance)
    if not (np.array_equal(places, [0, 1, 1]) and not variance[:2].any()):
        raise ProblemError("design.rule", variance, "questions are about designs whose rule is a threshold")


@dataclasses.dataclass
class _Asked:
    """A design and those that are made anew, each of them once."""

    problem: Problem
    design: Design
    wishes: Wishes
    whole: bool
    made: dict[bytes, Design | None] = dataclasses.field(default_factory=dict)

    def make(self, costs: np.ndarray) -> Design | None:
        """The proven design for costs of so many agents; None where none was proven."""
        name = f"{costs.shape}".encode() + np.ascontiguousarray(costs).tobytes()
        if name not in self.made:
            told = self.told(costs)
            with held():
                found = make_design(told, self.wishes)
            self.made[name] = found.value if int(found.status) == Status.OK else None
        return self.made[name]

    def told(self, costs: np.ndarray) -> Problem:
        """The same problem with other costs."""
        dtype = self.problem.costs.dtype
        return Problem.unchecked(jnp.asarray(costs, dtype), self.problem.sigma, self.problem.price)

    @cached_property
    def kinds(self) -> tuple[bytes, ...]:
        """Agents of one kind have the same costs and the same deal."""
        terms = signed(self.problem, self.design)
        assert terms is not None
        table = np.concatenate([terms.costs, terms.n, terms.z, terms.rest, terms.limit], axis=1)
        return tuple(row.tobytes() for row in table)

    @property
    def first(self) -> np.ndarray:
        """(agents,) the first agent of the kind of each."""
        return np.array([self.kinds.index(kind) for kind in self.kinds])

    @property
    def designs(self) -> int:
        """How many designs are made for misstated costs, about."""
        m, d = self.problem.shape
        return DESIGNS if m * d <= MANY else DESIGNS_OF_MANY

    def dearest(self, count: int) -> np.ndarray:
        """One agent of each kind; of more kinds than so many those who pay most."""
        chosen, pays = np.unique(self.first), np.asarray(self.design.penalty, float)
        return np.sort(chosen[np.argsort(-pays[chosen], kind="stable")][: max(count, 1)])

    @property
    def draws(self) -> int:
        """How many in each set of a search."""
        m, d = self.problem.shape
        return 1 << max(9, min(12, (_WORK // (m * d)).bit_length() - 1))

    def misreports(self) -> tuple[Misreport, str]:
        """What each gains by misstating her costs, and what was tried."""
        able = np.isfinite(np.asarray(self.problem.costs)).sum(axis=1)
        each, every = np.where(able > 1, able + 1, able), np.unique(self.first)
        together = int(each[every].sum()) * _FEWEST > 2 * self.designs
        ways = np.minimum(each, 1) if together else each
        chosen = self.dearest(2 * self.designs // _FEWEST)
        effort = Effort.within(self.designs // max(int(ways[chosen].sum()), 1))
        found = []
        with stage("misstated costs, a new design for each"):
            for at, i in enumerate(chosen.tolist()):
                tell("agents", at, len(chosen))
                found.append(
                    misstated(self.problem, self.design, i, self.make, effort, whole=self.whole, together=together)
                )
        where = "all her costs together" if together else "each of her costs and on all"
        closer = ", and the surroundings of the best" if effort.closer else ""
        factors = f"{effort.factors} factors from 1/{FARTHEST:g} to {FARTHEST:g}"
        tried = f"{len(self.made):,} new designs: {factors} on {where}, and ∞{closer}"
        tried += _only(len(chosen), len(every))
        unproven = sum(one is None for one in self.made.values())
        tried += f"; {unproven:,} that were not proven are left out" if unproven else ""
        tried += self._otherwise()
        most = max(len(one.reports) for one in found)
        return _for_all([_filled(one, most) for one in found], chosen, self.first), tried

    def _otherwise(self) -> str:
        """Whether what is made for the true costs is another design, as one made for other wishes; else nothing."""
        again = self.make(np.asarray(self.problem.costs, float))
        now = float(self.design.social_penalty)
        if again is None or abs(float(again.social_penalty) / now - 1) <= tolerances(self.problem.costs.dtype).claim:
            return ""
        return (
            "; made for the true costs they bring a social penalty of "
            f"{figure(float(again.social_penalty))} instead of {figure(now)}: this design was made for other wishes"
        )

    def second_names(self, key: jax.Array) -> SecondName:
        """What each gains by a second name, of either kind."""
        chosen, found = self.dearest(self.designs // 4), []
        costs = np.asarray(self.problem.costs, float)
        with stage("second names, a new design for all names"):
            for at, i in enumerate(chosen.tolist()):
                tell("agents", at, len(chosen))
                ways = [np.vstack([costs, row]) for row in (costs[i], np.full_like(costs[i], np.inf))]
                keys = jax.random.split(jax.random.fold_in(key, i), 2)
                both = [self._named(told, i, one) for told, one in zip(ways, keys, strict=True)]
                unable = int(np.argmin([float(one.pays) for one in both]))
                best = both[unable]
                gain = float(self.design.penalty[i]) - float(best.pays)
                found.append(
                    SecondName(
                        jnp.asarray(gain), best.standard_error, jnp.asarray(bool(unable)), best.collected, best.spread
                    )
                )
        return _for_all(found, chosen, self.first)

    def _named(self, costs: np.ndarray, agent: int, key: jax.Array) -> Group:
        """What she pays under two names, the second one last; ∞ where there is no design."""
        made, told = self.make(costs), self.told(costs)
        if made is None:
            nothing = jnp.full(costs.shape[1], jnp.nan)
            return Group(jnp.asarray(jnp.inf), jnp.zeros(()), nothing, jnp.zeros(costs.shape[1], int), 1 + 0 * nothing)
        members = jnp.array([agent, len(costs) - 1])
        found: Group = _respond(_machine(told, made), told, members, key, self.draws, one=True)
        return found

    def groups(self, key: jax.Array) -> Groups:
        """What groups of two and three gain who share everything; of more than enough, those who pay most."""
        pays = np.asarray(self.design.penalty, float)
        machine, told = _machine(self.problem, self.design), self.told(np.asarray(self.problem.costs, float))
        found: list[Group] = []
        members: list[tuple[int, ...]] = []
        complete = True
        for size, chosen, every in unlike_groups(self.kinds, pays):
            complete &= every
            with stage(f"allies, groups of {size}"):
                for at, group in enumerate(chosen):
                    tell("groups", at, len(chosen))
                    one = jax.random.fold_in(jax.random.fold_in(key, size), at)
                    found.append(jax.device_get(_respond(machine, told, jnp.array(group), one, self.draws)))
            members += chosen
        together = np.array([pays[list(group)].sum() for group in members])
        parts = jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *found)
        saved = Allies(together - parts.pays, parts.standard_error, parts.collected, parts.spread)
        return Groups(tuple(members), saved, together, complete)

    def leaving(self) -> Core:
        """Whether some group would rather leave."""
        with stage("groups that leave"):
            return core(self.problem, self.design, whole=self.whole)

    def absent(self) -> Pivotal:
        """What everybody pays without each."""
        with stage("who is pivotal, a new design without each"):
            most = np.argsort(-np.asarray(self.design.samples, float).sum(axis=1), kind="stable")[: self.designs // 4]
            return absent_from(self.problem, self.design, self.make, anew=frozenset(most.tolist()))


_respond = jit(group_response, static_argnames=("draws", "one", "spreads"))


def _machine(problem: Problem, design: Design) -> Designed:
    """What carries a design out, without what is proven of it: nothing of that is asked here."""
    found = designed_mechanism(problem, design, np.zeros(problem.shape[0]))
    assert isinstance(found, Designed)
    return dataclasses.replace(found, design=None)


def _only(count: int, kinds: int) -> str:
    """Who was looked at, where that is not everybody."""
    return "" if count >= kinds else f"; of the {count:,} who pay most, and who are like them"


def _for_all(found: Sequence[Found], chosen: np.ndarray, first: np.ndarray) -> Found:
    """What was found for one of each kind, for everybody; NaN for kinds that were not looked at."""
    place, known = np.searchsorted(chosen, first).clip(max=len(chosen) - 1), np.isin(first, chosen)

    def spread(*leaves: Array) -> np.ndarray:
        table = np.stack([np.asarray(leaf) for leaf in leaves])[place]
        told = known.reshape(-1, *[1] * (table.ndim - 1))
        return table & told if table.dtype == bool else np.where(told, table, np.nan)

    every: Found = jax.tree.map(spread, *found)
    return every


def _filled(found: Misreport, count: int) -> Misreport:
    """As many reports as others have, NaN for those that were not tried."""

    def filled(table: Array) -> Array:
        return jnp.concatenate([table, jnp.full((count - len(table), *table.shape[1:]), jnp.nan)])

    tables = filled(found.reports), filled(found.obeying), filled(found.least)
    return Misreport(found.gain, found.pays, found.report, found.amount, *tables)
