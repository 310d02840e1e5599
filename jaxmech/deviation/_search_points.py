"""Host: best responses to a mechanism that reads whole data sets: many strategies, and closer looks at the best."""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._types import Array
from jaxmech.deviation._compiled import compiled
from jaxmech.deviation._data_sets import AS_THEY_ARE, DataSetDeviation
from jaxmech.deviation._descent import judge
from jaxmech.deviation._draws import PointDraws
from jaxmech.deviation._families import Candidate, picked
from jaxmech.deviation._fit import fitted
from jaxmech.deviation._loss import Losses
from jaxmech.deviation._pieces import in_pieces
from jaxmech.deviation._response import Response, gentlest, honest, unit_of, verdict
from jaxmech.deviation._scan import best_of
from jaxmech.deviation._settings import SearchSettings
from jaxmech.deviation._size import check_points
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Stakes

ON_POINTS = -2
"""The place of a strategy on whole data sets, where others have that of their start."""
_NUMBERS_AT_ONCE = 2**22
"""Data points in memory at a time."""
_NUMBERS_IN_ALL = 2**31
"""Data points drawn for a verdict, at most."""

_WAYS: tuple[dict[str, float], ...] = (
    {},
    {"selected": 0.5},
    {"selected": 0.5, "moved": 0.0},
    {"selected": 0.8},
    {"selected": 0.8, "moved": 0.0},
    {"limit": 0.7},
    {"limit": 0.7, "moved": 0.0},
    {"limit": 1.5, "moved": 0.0},
    {"stretch": 0.0},
    {"stretch": 0.3},
    {"stretch": 0.7},
    {"stretch": 2.0},
    {"stretch": 5.0},
    {"stretch": 30.0},
    {"resampled": 1.0},
    {"invented": 1.0},
    {"invented": 1.0, "moved": 0.0},
    {"invented": 1.0, "stretch": 0.3},
    {"selected": 0.5, "direction": 1.0},
    {"selected": 0.5, "direction": 1.0, "moved": 0.0},
    {"selected": 0.5, "direction": -1.0},
    {"selected": 0.5, "direction": -1.0, "moved": 0.0},
    {"ordered": 1.0},
    {"apart": 3.0},
    {"apart": -3.0},
    {"apart": 30.0},
    {"apart": 1000.0},
)
"""What to do with her points; see :class:`DataSetDeviation`."""
_AMOUNTS = (1e-9, 0.3, 0.7, 1.0, 1.5)
"""Points to collect, in units of what is recommended; one at least."""
_SHIFTS = (1.0, -1.0, 3.0, -3.0, 10.0, -10.0, 100.0, -100.0)
"""Shifts to try, in σ."""
_STEP = 0.3
"""Change of logarithms in a closer look."""
_LOOKS = 2
_PIECE = 24
"""Strategies in one compiled call."""


class Row(NamedTuple):
    """One strategy to try: amounts in units of what is recommended, NaN to submit as many as are collected."""

    samples: float
    submitted: float
    shift: float
    discards: float
    way: dict[str, float]


def _rows() -> list[Row]:
    tried = [Row(n, s, 0.0, 0.0, way) for n in _AMOUNTS for s in (np.nan, 1.0) for way in _WAYS]
    tried += [Row(n, 1.0, to, 0.0, way) for n in _AMOUNTS for to in _SHIFTS for way in ({}, {"stretch": 0.0})]
    tried += [Row(n, s, 0.0, 0.0, {}) for n in _AMOUNTS for s in (0.0, 2.0)]
    tried += [Row(0.0, 1.0, 0.0, 0.0, {"stretch": by}) for by in (0.0, 0.3, 1.0, 3.0)]
    return [row._replace(discards=part) for row in tried for part in (0.0, 1.0)]


ROWS = _rows()


def capacity_for(mechanism: Any, stakes: Stakes, agents: list[int]) -> int:
    """Return room for what everybody is asked for, and twice what these agents are, or would collect alone.

    Args:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism`.
        stakes: costs, standard deviations and prices.
        agents: indices of those who are searched for.
    """
    asked = np.round(np.asarray(mechanism.recommended.samples, float))
    units = [np.asarray(unit_of(mechanism, stakes, i), float) for i in agents]
    return 8 * int(np.ceil(max(1.0, asked.max(), 2 * np.max(units)) / 8))


def affordable(settings: SearchSettings, numbers: int) -> SearchSettings:
    """Return settings with so few draws as can be made of data sets.

    Args:
        settings: how widely to search.
        numbers: data points of one run.
    """
    most = max(16, _NUMBERS_IN_ALL // (numbers * settings.batches))
    batch = min(settings.batch, 1 << (most.bit_length() - 1))
    return dataclasses.replace(settings, batch=batch, scan_draws=_piece(settings.scan_draws, numbers))


class PointSearch(NamedTuple):
    """The search for best responses to one mechanism that reads whole data sets: two compiled kernels, run in turn.

    Attributes:
        mechanism: any :class:`~jaxmech.mechanism.Mechanism`.
        stakes: costs, standard deviations and prices.
        settings: how widely to search; gradients are not used.
        capacity: room for the points of one data set.
        fit: (stakes, agent, key, candidates) → strategies with the estimates that fit best, and what they cost.
        judge: (stakes, agent, key, strategies) → their average losses.
    """

    mechanism: Any
    stakes: Stakes
    settings: SearchSettings
    capacity: int
    fit: Callable[..., Any]
    judge: Callable[..., Any]

    @classmethod
    def of(cls, mechanism: Any, stakes: Stakes, settings: SearchSettings, agents: list[int]) -> "PointSearch":
        """Prepare to search for some agents, with as many draws as there is time for."""
        m, d = stakes.costs.shape
        capacity = capacity_for(mechanism, stakes, agents)
        check_points(np.full((m, d), capacity), 1)
        settings = affordable(settings, m * d * capacity)
        fit, judging = (compiled(kernel, mechanism, settings, capacity) for kernel in (_fit, _judge))
        return cls(mechanism, stakes, settings, capacity, fit, judging)

    def run(self, agent: int, key: Array) -> Response:
        """Search for the best response of one agent."""
        who, settings = jnp.asarray(agent), self.settings
        scan_key, check_key, fresh_key = jax.random.split(key, 3)
        able = jnp.isfinite(self.stakes.costs[who])
        first = _first(unit_of(self.mechanism, self.stakes, who), able, self.capacity)
        found = [self._look(who, scan_key, first)]
        for _ in range(_LOOKS):
            found.append(self._look(who, scan_key, _around(found[-1], self.capacity)))
        finalists: Candidate = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *found)
        truth = DataSetDeviation.of(honest(self.mechanism, self.stakes, who))
        tried = [jax.tree.map(lambda leaf, i=i: leaf[i], finalists.deviation) for i in range(len(finalists.guesses))]
        checked = _stacked([self.judge(self.stakes, who, check_key, one) for one in (*tried, truth)])
        paid = jnp.sum(jnp.max(checked.parts, axis=1), axis=-1) - jnp.min(checked.payment, axis=1)
        best = int(gentlest(jnp.where(jnp.isnan(paid), jnp.inf, paid), finalists.deviation))
        fresh = [
            _stacked([self.judge(self.stakes, who, one, strategy) for strategy in (truth, tried[best])])
            for one in jax.random.split(fresh_key, settings.batches)
        ]
        said: Response = _verdict(_stacked(fresh), tried[best])
        return said._replace(start=jnp.full(self.stakes.costs.shape[1], ON_POINTS))

    def _look(self, who: Array, key: Array, some: Candidate) -> Candidate:
        """The best of these, with the estimates that fit them best: tried in pieces of one size."""
        count = len(some.guesses)
        index = np.minimum(np.arange(-(-count // _PIECE) * _PIECE), count - 1).reshape(-1, _PIECE)
        told = [self.fit(self.stakes, who, key, jax.tree.map(lambda leaf, i=i: leaf[i], some)) for i in index]
        done, parts = jax.tree.map(lambda *leaves: jnp.asarray(np.concatenate(leaves)[:count]), *jax.device_get(told))
        # Who guesses is judged at the worst of several means, of few draws each: the best of them goes on by itself.
        guessing = best_of(jnp.where(some.guesses[:, None], parts, jnp.inf))[:1]
        return picked(dataclasses.replace(some, deviation=done), jnp.concatenate([best_of(parts), guessing]))


def _fit(
    mechanism: Any, settings: SearchSettings, capacity: int, stakes: Stakes, agent: Array, key: Array, some: Candidate
) -> tuple[Deviation, Array]:
    m, d = stakes.costs.shape
    draws = PointDraws.of(key, settings.scan_draws, m, d, capacity)
    at_once = int(np.clip(_NUMBERS_AT_ONCE // (settings.scan_draws * m * d * capacity), 1, _PIECE))
    guesses = jnp.asarray(settings.guesses, stakes.costs.dtype)

    def fit(piece: Candidate) -> tuple[Deviation, Array]:
        return fitted(mechanism, stakes, jnp.full(piece.guesses.shape, agent), piece, draws, guesses)

    return in_pieces(fit, some, at_once)


def _judge(
    mechanism: Any, settings: SearchSettings, capacity: int, stakes: Stakes, agent: Array, key: Array, one: Deviation
) -> Losses:
    """Average losses of one strategy over a batch, at several true means: parts (means, distributions)."""
    m, d = stakes.costs.shape
    piece = _piece(settings.batch, m * d * capacity)
    alone = jax.tree.map(lambda leaf: leaf[None], one)

    def some(key: Array) -> Losses:
        draws = PointDraws.of(key, piece, m, d, capacity)
        return judge(mechanism, stakes, agent, alone, draws, settings.means)

    judged = jax.lax.map(some, jax.random.split(key, -(-settings.batch // piece)))
    averages: Losses = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0)[0], judged)
    return averages


_verdict = jit(verdict)


def _stacked(losses: list[Losses]) -> Losses:
    joined: Losses = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *jax.device_get(losses))
    return joined


def points_name(one: Deviation) -> str:
    """Return a name for what a strategy does with points, by what differs from handing them in as they are."""
    assert isinstance(one, DataSetDeviation)
    done = [name for field, name in _NAMES.items() if field in one.handled]
    samples, submitted = np.asarray(one.samples), np.asarray(one.submitted)
    if np.any((submitted > samples) & (samples > 0) & np.asarray((one.invented == 0) & (one.resampled == 0))):
        done.append("duplicate")
    if np.any((submitted > 0) & (samples == 0)):
        done.append("fabricate")
    if np.any(np.asarray(one.submits * one.offset) != 0):
        done.append("shift")
    return " + ".join(done or ["withhold" if np.any(submitted < samples) else "other amount"])


_NAMES = {
    "selected": "select",
    "resampled": "bootstrap",
    "invented": "fit and fabricate",
    "limit": "clip",
    "stretch": "stretch",
    "apart": "one apart",
    "ordered": "sort",
}


@functools.partial(jit, static_argnames="capacity")
def _first(unit: Array, able: Array, capacity: int) -> Candidate:
    """Every strategy that is always tried, (places,)."""
    columns = {
        "samples": [row.samples for row in ROWS],
        "submitted": [row.submitted for row in ROWS],
        "shift": [row.shift for row in ROWS],
        "discards": [row.discards for row in ROWS],
        **{name: [row.way.get(name, rest) for row in ROWS] for name, rest in AS_THEY_ARE.items()},
    }
    truth = Deviation.truth(unit)

    def one(row: dict[str, Array]) -> Candidate:
        handling = {name: jnp.full_like(unit, row[name]) for name in AS_THEY_ARE}
        n = jnp.where(able & (row["samples"] > 0), jnp.maximum(jnp.round(row["samples"] * unit), 1.0), 0.0)
        s = jnp.where(jnp.isnan(row["submitted"]), n, jnp.round(row["submitted"] * unit))
        changed = dataclasses.replace(
            truth, offset=jnp.sqrt(unit) * row["shift"], discards=jnp.full_like(unit, row["discards"]),
            keeps=jnp.ones_like(unit), invents=jnp.ones_like(unit),
        )  # fmt: skip
        made = _counted(DataSetDeviation.of(changed, **handling), n, s, capacity)
        return Candidate(made, jax.tree.map(jnp.zeros_like, made), jnp.any((n == 0) & (s > 0)))

    made: Candidate = jax.vmap(one)({name: jnp.asarray(column, unit.dtype) for name, column in columns.items()})
    return made


@functools.partial(jit, static_argnames="capacity")
def _around(found: Candidate, capacity: int) -> Candidate:
    """The same strategies and others near them: a point or a part more or less, a little more or less of the rest."""
    up, down = np.exp(_STEP), np.exp(-_STEP)

    def moved(candidate: Candidate) -> Candidate:
        one: Any = candidate.deviation
        n, s = one.samples, one.submitted
        amounts = [n, n + 1, n - 1, n * up, n * down]
        counts = [s, s + 1, s - 1, s * up, s * down]
        # Amounts and counts alone, and both together.
        pairs = [*itertools.product(amounts, [s]), *itertools.product([n], counts[1:])]
        pairs += list(zip(amounts[1:], counts[1:], strict=True))
        # Who collects nothing starts to, and who submits nothing does not.
        near = [_counted(one, jnp.where(n > 0, jnp.maximum(a, 1.0), a), b, capacity) for a, b in pairs]
        for name in ("offset", "stretch", "limit", "apart"):
            near += [dataclasses.replace(one, **{name: by * getattr(one, name)}) for by in (up, down)]
        selected = [jnp.minimum(one.selected * by, 1.0) for by in (up, down)]
        near += [dataclasses.replace(one, selected=part) for part in selected]
        near.append(dataclasses.replace(one, discards=1 - one.discards))
        stacked: Any = jax.tree.map(lambda *leaves: jnp.stack(leaves), *near)
        guesses = jax.vmap(lambda some: jnp.any((some.samples == 0) & (some.submitted > 0)))(stacked)
        return Candidate(stacked, jax.tree.map(jnp.zeros_like, stacked), guesses | candidate.guesses)

    near: Candidate = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), jax.vmap(moved)(found))
    return near


def _counted(one: Any, samples: Array, submitted: Array, capacity: int) -> Any:
    """The same with these numbers of points, as far as there is room."""
    n, s = (jnp.clip(jnp.round(count), 0.0, capacity) for count in (samples, submitted))
    on = jnp.ones_like(one.unit)
    return dataclasses.replace(
        one,
        collects=jnp.where(n > 0, on, 0.0),
        log_samples=jnp.log(jnp.maximum(n, 1.0) / one.unit),
        submits=jnp.where(s > 0, on, 0.0),
        log_report=jnp.log(jnp.maximum(s, 1.0) / one.unit),
    )


def _piece(count: int, numbers: int) -> int:
    """As many draws as fit into memory at a time, a power of two."""
    most = max(2, _NUMBERS_AT_ONCE // numbers)
    return min(count, 1 << (most.bit_length() - 1))
