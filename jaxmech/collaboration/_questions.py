"""What users ask and no theorem promises: misstated costs, second names, allies, who leaves, who is pivotal. Host."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._tolerances import STANDARD_ERRORS, tolerances
from jaxmech._types import ArrayLike
from jaxmech.collaboration._core import Core, core
from jaxmech.collaboration._impossible import Unavoidable, unavoidable
from jaxmech.collaboration._misreport import FARTHEST, Misreport, cost_misreport
from jaxmech.collaboration._names import Allies, SecondName, allies, second_names
from jaxmech.collaboration._pivotal import Pivotal, pivotal
from jaxmech.collaboration._plan import TARGET, Plan
from jaxmech.collaboration._problem import Problem
from jaxmech.mechanism import COMPUTED, SEARCHED, Audit

GROUPS = 45
"""Groups of a size that are looked at: all pairs of ten agents."""

_WORK = 2**18
"""Draws times agents times distributions in a search for one group: fewer draws where there are more agents."""


@dataclasses.dataclass(frozen=True)
class Groups:
    """Groups that were searched for joint strategies; agents with equal costs and roles stand for each other.

    Attributes:
        members: indices, one tuple for each group.
        found: what each saves.
        pays: what the members of each are promised to pay together.
        complete: whether every group of two, and of three, was looked at or is like one that was.
    """

    members: tuple[tuple[int, ...], ...]
    found: Allies
    pays: np.ndarray
    complete: bool

    @property
    def share(self) -> np.ndarray:
        """What they save, as a part of what they pay, beyond the errors of simulation; 0 where nothing was found."""
        return _beyond(np.asarray(self.found.gain), np.asarray(self.found.standard_error), self.pays)


@dataclasses.dataclass(frozen=True)
class Questions:
    """Answers to questions that go beyond what a mechanism claims, for one plan.

    Attributes:
        pays: (agents,) what each is promised to pay.
        misreport: what each gains by misstating her costs, on a leading axis; None for c3d, which refuses other costs.
        second_name: what each gains by a second name.
        groups: what groups of two and three gain who share everything; None where there is one agent.
        core: whether some group would rather leave.
        pivotal: what everybody pays if one agent leaves, delivers half, or is planned without.
        unavoidable: below which no mechanism comes.
        named: for whom second names were searched for; an empty text for everybody.
        tried: how widely misstated costs were searched for; an empty text for the reports of ``cost_misreport``.
    """

    pays: np.ndarray
    misreport: Misreport | None
    second_name: SecondName
    groups: Groups | None
    core: Core
    pivotal: Pivotal
    unavoidable: Unavoidable
    tried: str = ""
    named: str = ""

    @property
    def misreport_share(self) -> np.ndarray:
        """What each saves by misstating her costs, as a part of what she pays; 0 under c3d."""
        if self.misreport is None:
            return np.zeros_like(self.pays)
        return _part(np.asarray(self.misreport.gain), self.pays)

    @property
    def second_name_share(self) -> np.ndarray:
        """What each saves by a second name, as a part of what she pays, beyond the errors of simulation."""
        found = self.second_name
        return _beyond(np.asarray(found.gain), np.asarray(found.standard_error), self.pays)


def questions(problem: Problem, plan: Plan, key: jax.Array) -> Questions:
    """Answer what users ask of a plan and the papers do not: gains of misstated costs, second names, allies, leavers.

    Searches find lower bounds. Agents with the same costs, amounts and roles are searched for once. Of more than 45
    pairs, or threes, those are looked at who pay most. Second names and allies of a calibrated rule also hand in points
    farther apart, so that less noise is added. With most, least and budget everybody keeps within her own: what she can
    and must do does not depend on her reports, two names share it, and a group can do the sum of it.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        key: random key of the searches.

    Raises:
        ProblemError: for a division that was given in amounts, and for agents who differ in precision or in what
            accuracy is worth to them.

    Source: this package; see each of the functions.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.25], [0.25]], sigma=1.0)
        >>> answers = questions(problem, solve(problem, mechanism="pool").value, jax.random.key(0))
        >>> [fact.claim for fact in facts(problem, answers) if fact.holds]
        ['nobody gains by sharing everything with an ally', 'no group would rather leave']
    """
    if plan.division == TARGET:
        rule = "given amounts say nothing of other costs and names: ask about a division that follows from costs"
        raise ProblemError("division", plan.division, rule)
    problem.of_agents_alike("questions about names and allies are asked of agents who are alike")
    m, d = problem.shape
    names_key, allies_key = jax.random.split(key)
    # the noise of a calibrated rule is a root for every draw
    most = 10 if plan.calibrated else 12
    draws = 1 << max(9, min(most, (_WORK // (m * d)).bit_length() - 1))
    kinds = _kinds(problem, plan)
    first = np.array([kinds.index(kind) for kind in kinds])
    chosen = np.unique(first)
    told = Problem.unchecked(problem.costs, problem.sigma, problem.price, capacity=problem.capacity)
    names = second_names(told, plan, jnp.asarray(chosen), names_key, draws)
    place = np.searchsorted(chosen, first)
    misreport = None
    if plan.mechanism != "c3d":
        reports = [_misreport(told, plan, int(i)) for i in chosen]
        misreport = jax.tree.map(lambda *leaves: np.stack(leaves)[place], *reports)
    return Questions(
        pays=np.asarray(plan.penalty, float),
        misreport=misreport,
        second_name=jax.tree.map(lambda leaf: np.asarray(leaf)[place], names),
        groups=_groups(told, plan, kinds, allies_key, draws) if m > 1 else None,
        core=core(told, plan),
        pivotal=pivotal(told, plan),
        unavoidable=unavoidable(told),
    )


def facts(problem: Problem, answers: Questions) -> tuple[Audit, ...]:
    """Return the answers as facts with margin and witness: how far each of five sentences is from being true.

    Args:
        problem: for the names.
        answers: from :func:`questions`.

    Source: this package.

    Example: see :func:`questions`.
    """
    told = _Told(problem, answers)
    found = [told.misreport(), told.second_name(), told.allies(), told.core(), told.pivotal()]
    return tuple(fact for fact in found if fact is not None)


@dataclasses.dataclass(frozen=True)
class _Told:
    """Every answer as one sentence that a director understands."""

    problem: Problem
    answers: Questions

    def misreport(self) -> Audit | None:
        if self.answers.misreport is None:
            return None
        share = self.answers.misreport_share
        i = int(np.argmax(share))
        witness = "no report that was tried gains anything"
        if share[i] > 0:
            report = np.asarray(self.answers.misreport.report)[i]
            witness = f"{self._name(i)} saves {100 * share[i]:.0f} % by saying that {self._said(i, report)}"
        effort = f"costs from 1/{FARTHEST:g} to {FARTHEST:g} times the true ones, one by one and all together, and ∞"
        return self._fact("nobody gains by misstating her costs", share[i], witness, self.answers.tried or effort)

    def second_name(self) -> Audit:
        share = self.answers.second_name_share
        i = int(np.argmax(share))
        witness = "nobody was found to gain by a second name"
        if share[i] > 0:
            kind = "can measure nothing" if self.answers.second_name.unable[i] else "has the same costs"
            witness = f"{self._name(i)} saves {100 * share[i]:.0f} % by a second name that {kind}"
            witness += _apart(self.answers.second_name.spread[i])
        effort = _SEARCHED + self.answers.named
        return self._fact("nobody gains by a second name", share[i], witness, effort)

    def allies(self) -> Audit | None:
        groups = self.answers.groups
        if groups is None:
            return None
        i = int(np.argmax(groups.share))
        witness = "no group was found to gain by it"
        if groups.share[i] > 0:
            witness = f"{self._names(groups.members[i])} save {100 * groups.share[i]:.0f} % of what they pay together "
            witness += "by sharing everything with each other" + _apart(groups.found.spread[i])
        known = "all groups of two and three" if groups.complete else f"{len(groups.members)} groups of two and three"
        return self._fact(
            "nobody gains by sharing everything with an ally", groups.share[i], witness, f"{known}; {_SEARCHED}"
        )

    def core(self) -> Audit:
        found = self.answers.core
        share = max(found.share, 0.0) if found.blocked else 0.0
        witness = "every member of every group that was looked at pays no more than she would there"
        if found.blocked:
            witness = f"{self._names(found.group)}, who trust each other, would each save {100 * share:.0f} % at least "
            witness += "by leaving"
            if found.least != found.group:
                witness += f"; {self._names(found.least)} are enough to leave with a gain"
        every = found.groups == 2 ** len(self.answers.pays) - 1
        said = "" if found.complete else ", of which some are not proven" if every else ", not all"
        effort = f"{'all ' if every else ''}{found.groups:,} groups{said}"
        known = COMPUTED if found.complete else SEARCHED
        return self._fact("no group would rather leave", share, witness, effort, known)

    def pivotal(self) -> Audit:
        absent, pays = np.array(self.answers.pivotal.absent, float), self.answers.pays
        np.fill_diagonal(absent, -np.inf)
        positive = pays > 0
        more = np.where(positive, absent / np.where(positive, pays, 1) - 1, 0)
        worst = np.where(np.isnan(more), -np.inf, more)
        j, i = divmod(int(np.argmax(worst)), worst.shape[1])
        rise = max(float(worst[j, i]), 0.0)
        witness = "if anybody leaves, nobody pays more"
        if np.isinf(rise):
            witness = f"without {self._name(j)} nobody tells {self._name(i)} something that she needs to know"
        elif rise > 0:
            witness = f"if {self._name(j)} leaves and the others follow the plan, {self._name(i)} pays "
            witness += f"{100 * rise:.0f} % more"
            anew = float(np.asarray(self.answers.pivotal.anew)[j, i]) / pays[i] - 1
            if np.isfinite(anew):
                change = f"{100 * abs(anew):.0f} % {'more' if anew > 0 else 'less'}"
                anew_by = "jaxmech solve --without, by the same mechanism"
                witness += f"; if they agree on a new plan without her ({anew_by}), {change}"
        return self._fact("nobody is pivotal", rise, witness, "the penalties of all agents without each of them")

    def _fact(self, claim: str, share: float, witness: str, effort: str, known: str = "") -> Audit:
        tolerance = tolerances(np.asarray(self.problem.costs).dtype).claim
        return Audit.judged(claim, 0.0 - share, tolerance, witness, effort, claimed=False, known=known)

    def _name(self, i: int) -> str:
        return self.problem.agent_name(int(i))

    def _names(self, members: tuple[int, ...]) -> str:
        names = [self._name(i) for i in members]
        if len(names) > _MOST_NAMES:
            names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more"]
        return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"

    def _said(self, i: int, report: np.ndarray) -> str:
        truth = np.asarray(self.problem.costs)[i]
        changed = [k for k in range(len(truth)) if report[k] != truth[k]]
        if all(np.isinf(report[k]) for k in changed):
            what = "anything" if len(changed) == len(truth) else self.problem.distribution_name(changed[0])
            return f"she cannot measure {what}"
        factor = report[changed[0]] / truth[changed[0]]
        of = "" if len(truth) == 1 else f" of {self.problem.distribution_name(changed[0])}"
        which = "her costs are" if len(changed) > 1 else f"her cost{of} is"
        return f"{which} {factor:.3g} times what {'they are' if len(changed) > 1 else 'it is'}"


def _apart(spread: ArrayLike) -> str:
    """How far apart points are handed in."""
    factor = float(np.sqrt(np.max(np.asarray(spread))))
    return f", points handed in {factor:.3g} times as far apart" if factor > 1 else ""


_MOST_NAMES = 6
_SEARCHED = "strategies of sharing, copying and leaving out points, and the estimate that fits them best"


def _misreport(problem: Problem, plan: Plan, agent: int) -> Misreport:
    found: Misreport = jax.device_get(
        cost_misreport(
            problem,
            agent,
            division=plan.division,
            mechanism=plan.mechanism,
            estimate=plan.estimate,
            calibrated=plan.calibrated,
        )
    )
    return found


def _kinds(problem: Problem, plan: Plan) -> list[bytes]:
    """Agents of one kind have the same costs, amounts and roles."""
    parts = [problem.costs, plan.samples, plan.role]
    if problem.capacity is not None:
        parts += [problem.capacity.most, problem.capacity.least, problem.capacity.budget[:, None]]
    table = np.concatenate([np.asarray(part) for part in parts], axis=1)
    return [row.tobytes() for row in table]


def unlike_groups(kinds: Sequence[bytes], pays: np.ndarray) -> Iterator[tuple[int, list[tuple[int, ...]], bool]]:
    """Yield size, groups of unlike agents, and whether these are all: of more than enough, those who pay most.

    Args:
        kinds: of each agent; who are of one kind stand for each other.
        pays: (agents,) what they are promised to pay.
    """
    for size in range(2, min(len(kinds), 3) + 1):
        every = itertools.combinations(range(len(kinds)), size)
        unlike = {tuple(sorted(kinds[i] for i in group)): group for group in every}
        chosen = sorted(unlike.values(), key=lambda group: -pays[list(group)].sum())[:GROUPS]
        yield size, chosen, len(chosen) == len(unlike)


def _groups(problem: Problem, plan: Plan, kinds: list[bytes], key: jax.Array, draws: int) -> Groups:
    """Search for groups of two and three; of more than enough, for those who pay most."""
    pays = np.asarray(plan.penalty, float)
    parts: list[Allies] = []
    members: list[tuple[int, ...]] = []
    complete = True
    for size, chosen, every in unlike_groups(kinds, pays):
        complete &= every
        parts.append(allies(problem, plan, jnp.asarray(chosen), jax.random.fold_in(key, size), draws))
        members += chosen
    found = jax.tree.map(lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]), *parts)
    return Groups(tuple(members), found, np.array([pays[list(group)].sum() for group in members]), complete)


def _beyond(gain: np.ndarray, error: np.ndarray, pays: np.ndarray) -> np.ndarray:
    """Gains as parts of what is paid, 0 within the errors of simulation."""
    return _part(np.where(gain > STANDARD_ERRORS * error, gain, 0.0), pays)


def _part(gain: np.ndarray, pays: np.ndarray) -> np.ndarray:
    """Of who pays nothing, or ∞ whatever she does, nothing."""
    finite = (pays > 0) & np.isfinite(pays)
    return np.where(finite & np.isfinite(gain), gain / np.where(finite, pays, 1), 0.0)
