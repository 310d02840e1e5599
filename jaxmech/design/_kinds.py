"""Agents grouped by their costs, prices and limits, and candidates for a design by kind of agent."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.collaboration import Problem, best_whole_alone
from jaxmech.design._plan import alike
from jaxmech.design._terms import Crowd, Stake, Terms
from jaxmech.design._wishes import Bounds
from jaxmech.mechanism import Capacity
from jaxmech.mechanism._capacity import whole_alone_within, whole_limits

_GROUPED_FROM = 40
"""From so many agents on, those with equal costs count as two kinds: one of them, and all others; from one agent on
where prices differ between agents, whose groups then decide, and not each of them."""
_SIZES = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
"""Numbers of kinds that are compiled for; the rest is filled up with agents who do not exist."""


class Kinds(NamedTuple):
    """Agents grouped by their costs and prices; kinds without agents at the end.

    Attributes:
        costs: (kinds, distributions).
        error: (kinds, distributions) price σ².
        weight: (kinds,) how many agents.
        kind: (agents,) the kind of each.
        unit: (kinds, distributions) how many points that are alike a whole one of hers counts: 1 where all are.
        limits: what they can and must collect, without a budget; None where they can do as they like.
    """

    costs: Array
    error: Array
    weight: Array
    kind: Array
    unit: Array
    limits: Capacity | None = None

    @property
    def whole_alone(self) -> Array:
        """The best whole number of points for who works alone; 0 where she cannot sample."""
        if self.limits is not None:
            return whole_alone_within(self.costs, self.error, whole_limits(self.limits, self.unit), self.unit)
        return best_whole_alone(
            Problem.unchecked(self.costs, jnp.ones_like(self.error[0]), self.error, precision=self.unit)
        )

    @property
    def themselves(self) -> "Kinds":
        """The same without agents: nothing in it, and so nothing compiled for it, depends on how many they are."""
        return self._replace(kind=jnp.arange(len(self.weight)))

    @property
    def stake(self) -> Stake:
        """What they lose, and can and must collect."""
        limits = self.limits
        return Stake(self.costs, self.error, *(() if limits is None else (limits.least, limits.most)))

    @property
    def in_whole_points(self) -> "Kinds":
        """The same with limits that whole points keep within."""
        return self if self.limits is None else self._replace(limits=whole_limits(self.limits, self.unit))

    def crowd(self, bounds: Bounds) -> Crowd:
        """What the search knows of them."""
        return Crowd(self.stake, self.weight, jnp.asarray(bounds.failure, self.weight.dtype))

    def of_agents(self, table: Array) -> Array:
        """A table by agent as one by kind: where equal agents differ, the last of them stands for her kind."""
        return jnp.zeros(self.costs.shape, table.dtype).at[self.kind].set(table)


class Candidate(NamedTuple):
    """A design before it is proven, by kind of agent; several on leading axes.

    Attributes:
        samples: n.
        comparison: z.
        rest: D.
        level: τ.
        success: chance that the rest is clean, by distribution.
        penalty: by kind.
        alone: who works alone.
        checked: who is checked.
        social: social penalty; ∞ where it is no design.
        linked: whether failing on one distribution spoils all.
        origin: an :class:`~jaxmech.design._plan.Origin`.
        ellipsoid: whether linked discrepancies count together, by the sum of their squares; None: of none is it so.
    """

    samples: Array
    comparison: Array
    rest: Array
    level: Array
    success: Array
    penalty: Array
    alone: Array
    checked: Array
    social: Array
    linked: Array
    origin: Array
    ellipsoid: Array | None = None

    @property
    def terms(self) -> Terms:
        """What it asks and gives."""
        return Terms(self.samples, self.comparison, self.rest, self.checked)


def everybody(problem: Problem) -> Kinds:
    """Everybody is a kind of her own. It traces."""
    told = alike(problem)
    m, d = told.shape
    error = jnp.broadcast_to(told.price * told.sigma**2, (m, d)).astype(float)
    unit = jnp.ones((m, d)) if told.precision is None else told.precision.astype(float)
    limits = None if told.capacity is None else jax.tree.map(lambda leaf: leaf.astype(float), told.capacity)
    return Kinds(told.costs.astype(float), error, jnp.ones(m), jnp.arange(m), unit, limits)


def kinds_of(problem: Problem) -> Kinds:
    """Group agents: everybody is a kind, unless there are many, or groups, alike in all. Host only."""
    single_kinds = everybody(problem)
    limits = single_kinds.limits
    parts = [single_kinds.costs, single_kinds.error, single_kinds.unit]
    parts += [] if limits is None else [limits.most, limits.least]
    table = np.concatenate([np.asarray(part, float) for part in parts], axis=1)
    m, d = problem.shape
    if m < _GROUPED_FROM and problem.valued_alike:
        rows, kind, weight = table, np.arange(m), np.ones(m)
    else:
        different, back = np.unique(table, axis=0, return_inverse=True)
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
    nobody = np.concatenate([np.full(d, np.inf), table[0, d : 3 * d], np.zeros(len(table[0]) - 3 * d)])
    rows = np.concatenate([rows, np.tile(nobody, (missing, 1))])
    weight = np.concatenate([weight, np.zeros(missing)])
    told = tuple(jnp.asarray(part) for part in (rows[:, :d], rows[:, d : 2 * d], weight, kind, rows[:, 2 * d : 3 * d]))
    if limits is not None:
        bounds = jnp.asarray(rows[:, 3 * d : 4 * d]), jnp.asarray(rows[:, 4 * d :])
        limits = Capacity(*bounds, jnp.full(len(rows), jnp.inf))
    return Kinds(told[0], told[1], told[2], told[3], told[4], limits)
