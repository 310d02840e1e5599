"""Candidates for a design: thresholds one distribution at a time, linked thresholds, and the trivial alternative."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.collaboration import Plan, Problem, Role, alone_samples
from jaxmech.design._family import FamilyBound, family_bound
from jaxmech.design._improve import Crowd, Improved, Layout, improve
from jaxmech.design._scheme import Stake
from jaxmech.design._starts import Start, from_amounts, from_columns, from_costs, from_shares, stack
from jaxmech.design._wishes import Wishes

_UNLINKED = "thresholds, one distribution at a time"
_COLUMN_LANES = 18
_LINKED_STARTS, _LINKED_LANES = 12, 4
_STEPS, _MORE_STEPS = 150, 400
_GROUPED_FROM = 40
"""From so many agents on, those with equal costs count as two kinds: one of them, and all others."""
_SIZES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Numbers of kinds that are compiled for; the rest is filled up with agents who do not exist."""


class Kinds(NamedTuple):
    """Agents grouped by their costs; kinds without agents at the end.

    Attributes:
        costs: (kinds, distributions).
        error: (distributions,) price σ².
        weight: (kinds,) how many agents.
        kind: (agents,) the kind of each.
    """

    costs: np.ndarray
    error: np.ndarray
    weight: np.ndarray
    kind: np.ndarray

    @property
    def problem(self) -> Problem:
        """The problem of one agent of each kind, for closed forms."""
        price = np.ones_like(self.error)
        bare: Problem = Problem.tree_unflatten((None, None), (self.costs, np.sqrt(self.error), price))
        return bare

    def crowd(self, wishes: Wishes, columns: slice = slice(None)) -> Crowd:
        """The same for the optimiser, for some distributions."""
        stake = Stake(jnp.asarray(self.costs[:, columns]), jnp.asarray(self.error[columns]), jnp.asarray(wishes.kept))
        return Crowd(stake, jnp.asarray(self.weight), jnp.asarray(wishes.failure, self.weight.dtype))


class Candidate(NamedTuple):
    """A design before it is proven, by kind of agent; in numpy.

    Attributes:
        samples: n.
        comparison: z.
        rest: D.
        level: τ.
        success: chance that the rest is clean, by distribution.
        penalty: by kind.
        alone: who works alone.
        checked: who is checked.
        social: social penalty.
        linked: whether failing on one distribution spoils all.
        origin: in words.
    """

    samples: np.ndarray
    comparison: np.ndarray
    rest: np.ndarray
    level: np.ndarray
    success: np.ndarray
    penalty: np.ndarray
    alone: np.ndarray
    checked: np.ndarray
    social: float
    linked: bool
    origin: str


def kinds_of(problem: Problem) -> Kinds:
    """Group agents: everybody is a kind, unless there are many with equal costs."""
    costs = np.asarray(problem.costs, float)
    m, d = costs.shape
    error = np.broadcast_to(np.asarray(problem.price * problem.sigma**2, float), (d,))
    if m < _GROUPED_FROM:
        rows, kind, weight = costs, np.arange(m), np.ones(m)
    else:
        different, back = np.unique(costs, axis=0, return_inverse=True)
        back = back.reshape(-1)
        counts = np.bincount(back)
        first = np.unique(back, return_index=True)[1]
        single = np.isin(np.arange(m), first)
        # the first of every group of several is a kind of her own
        kind = np.where(single | (counts[back] == 1), back, len(counts) + np.cumsum(counts > 1)[back] - 1)
        rows = np.concatenate([different, different[counts > 1]])
        weight = np.concatenate([np.ones(len(counts)), counts[counts > 1] - 1.0])
    size = next((size for size in _SIZES if size >= len(rows)), len(rows))
    missing = size - len(rows)
    rows = np.concatenate([rows, np.full((missing, d), np.inf)])
    return Kinds(rows, error, np.concatenate([weight, np.zeros(missing)]), kind)


def joined(problem: Problem, kinds: Kinds, plans: Sequence[Plan], wishes: Wishes) -> tuple[Candidate, float]:
    """Return the best thresholds one distribution at a time, and the family's bound of the social penalty."""
    crowds, starts, bound = [], [], 0.0
    for k in range(problem.shape[1]):
        column = slice(k, k + 1)
        crowd = kinds.crowd(wishes, column)
        dual = _family(kinds, wishes, k, whole=wishes.whole)
        bound += dual.value
        here = [from_shares(shares) for shares in dual.shares]
        here += _cheapest_alone(kinds, here[: len(here) // 3], column)
        here += [_of_plan(kinds, crowd, plan, column) for plan in plans]
        crowds += [crowd] * _COLUMN_LANES
        starts += [here[i % len(here)] for i in range(_COLUMN_LANES)]
    found = _improve_all(jax.tree.map(lambda *leaves: jnp.stack(leaves), *crowds), stack(starts), jnp.asarray(_STEPS))
    social = np.where(np.isfinite(found.social), found.social, np.inf).reshape(-1, _COLUMN_LANES)
    parts = [
        _candidate(_lane(found, k * _COLUMN_LANES + int(lane)), linked=False, origin=_UNLINKED)
        for k, lane in enumerate(social.argmin(axis=1))
    ]
    return side_by_side(parts), bound


def bound_in_whole_samples(kinds: Kinds, wishes: Wishes) -> float:
    """The family's bound of the social penalty if who works alone collects whole numbers of points."""
    return sum(_family(kinds, wishes, k, whole=True).value for k in range(len(kinds.error)))


def _family(kinds: Kinds, wishes: Wishes, k: int, *, whole: bool) -> FamilyBound:
    error = float(kinds.error[k])
    return family_bound(kinds.costs[:, k], kinds.weight, error, wishes.kept, wishes.failure, whole=whole)


def side_by_side(parts: Sequence[Candidate]) -> Candidate:
    """Put candidates for one distribution each together."""
    names = ("samples", "comparison", "rest", "level", "success", "alone", "checked")
    tables: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts], axis=1) for name in names}
    return parts[0]._replace(
        **tables,
        penalty=np.sum([part.penalty for part in parts], axis=0),
        social=float(sum(part.social for part in parts)),
    )


def linked(problem: Problem, kinds: Kinds, first: Candidate, wishes: Wishes) -> list[Candidate]:
    """Return linked thresholds, from several starts, the best few descended further."""
    crowd = kinds.crowd(wishes)
    starts = list(from_columns(crowd, first.samples, first.comparison, first.alone, first.checked))
    starts += from_costs(crowd, _LINKED_STARTS - len(starts))
    ends = [
        end
        for i in range(0, min(len(starts), _LINKED_STARTS), _LINKED_LANES)
        for end in _descend(crowd, starts[i : i + _LINKED_LANES], _STEPS)
    ]
    # equal ends of different starts count once
    different = {round(social, 9): end for social, end in ends if np.isfinite(social)}
    best = [different[social] for social in sorted(different)[:_LINKED_LANES]]
    again = [Start(end.layout, end.variables) for end in best]
    best += [end for social, end in _descend(crowd, again, _MORE_STEPS) if np.isfinite(social)] if again else []
    return [_candidate(end, linked=True, origin="linked thresholds") for end in best]


def _descend(crowd: Crowd, starts: Sequence[Start], steps: int) -> list[tuple[float, Improved]]:
    """Descents side by side, always as many, so that they are compiled once."""
    lanes = stack([starts[i % len(starts)] for i in range(_LINKED_LANES)])
    found = _improve_all(_repeat(crowd, _LINKED_LANES), lanes, jnp.asarray(steps))
    return [(float(found.social[i]), _lane(found, i)) for i in range(len(starts))]


def safe(kinds: Kinds) -> Candidate:
    """Return the trivial alternative: the r cheapest work alone, the others receive, with the best r for each."""
    costs, weight, error = kinds.costs, kinds.weight, kinds.error
    unit = np.asarray(alone_samples(kinds.problem))
    single = np.argsort(costs, axis=0, kind="stable")
    alone = np.zeros(costs.shape, bool)
    for k in range(costs.shape[1]):
        order = single[:, k][np.isfinite(costs[single[:, k], k]) & (weight[single[:, k]] > 0)]
        total = np.cumsum(weight[order] * unit[order, k])
        working = np.cumsum(weight[order] * 2 * error[k] / unit[order, k])
        others = weight.sum() - np.cumsum(weight[order])
        best = int(np.argmin(working + others * error[k] / total))
        alone[order[: best + 1], k] = True
    samples = np.where(alone, unit, 0.0)
    theirs = np.sum(weight[:, None] * samples, axis=0)
    paid = np.where(alone, 2 * error / np.where(alone, unit, 1.0), error / theirs)
    nothing = np.zeros_like(samples)
    return Candidate(
        samples=samples,
        comparison=np.where(alone, 0.0, theirs),
        rest=nothing,
        level=np.full_like(samples, np.inf),
        success=np.ones_like(samples),
        penalty=paid.sum(axis=1),
        alone=alone,
        checked=np.zeros(costs.shape, bool),
        social=float(np.sum(weight * paid.sum(axis=1))),
        linked=False,
        origin="some work alone, the others receive",
    )


@jax.jit
def _improve_all(crowds: Crowd, starts: Start, steps: Array) -> Improved:
    def one(crowd: Crowd, start: Start) -> Improved:
        return improve(crowd, start.layout, start.variables, steps)

    found: Improved = jax.vmap(one)(crowds, starts)
    return found


def _repeat(crowd: Crowd, lanes: int) -> Crowd:
    repeated: Crowd = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (lanes, *jnp.shape(leaf))), crowd)
    return repeated


def _lane(found: Improved, lane: int) -> Improved:
    one: Improved = jax.tree.map(lambda leaf: np.asarray(leaf[lane]), found)
    return one


def _candidate(found: Improved, *, linked: bool, origin: str) -> Candidate:
    terms, settled, layout = (jax.tree.map(np.asarray, part) for part in (found.terms, found.settled, found.layout))
    social = float(found.social)
    return Candidate(
        samples=terms.samples,
        comparison=terms.comparison,
        rest=terms.rest,
        level=settled.level,
        success=np.broadcast_to(settled.success[:, None], terms.samples.shape),
        penalty=settled.penalty,
        alone=layout.alone,
        checked=layout.checked,
        social=social if np.isfinite(social) else np.inf,
        linked=linked,
        origin=origin,
    )


def _cheapest_alone(kinds: Kinds, starts: Sequence[Start], column: slice) -> list[Start]:
    """The same with one of the cheapest agents alone."""
    costs = np.where(kinds.weight == 1, kinds.costs[:, column][:, 0], np.inf)
    chosen = (np.arange(len(costs)) == int(np.argmin(costs)))[:, None]
    return [
        Start(Layout(start.layout.alone | chosen, start.layout.checked & ~chosen), start.variables) for start in starts
    ]


def _of_plan(kinds: Kinds, crowd: Crowd, plan: Plan, column: slice) -> Start:
    """A published plan as a start: its roles and amounts, compared with as many points as each collects."""
    samples, alone = np.zeros((len(kinds.weight), 1)), np.zeros((len(kinds.weight), 1), bool)
    # where a plan treats equal agents differently, the last of them stands for her kind
    samples[kinds.kind] = np.asarray(plan.samples, float)[:, column]
    alone[kinds.kind] = np.asarray(plan.role)[:, column] == Role.ALONE
    return from_amounts(crowd, samples, alone & (samples > 0), 1.0)
