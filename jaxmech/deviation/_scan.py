"""Scan of a mechanism's answers: submissions worth trying, each with the best linear estimate, and a closer look.

Gradients see no jump. So the answers themselves are looked at over a grid of discrepancies and counts, and one
submission of every stretch between two jumps is tried, with several amounts collected and with the estimate that fits
it best.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.deviation._descent import Search
from jaxmech.deviation._draws import Draws
from jaxmech.deviation._families import Candidate
from jaxmech.deviation._probe import Probes, Told
from jaxmech.deviation._proposals import Proposal, best_places, rows
from jaxmech.deviation._strategy import Deviation

_KEYS = 4
"""Random keys for every probe."""
_PROPOSED = {"told": 8, "with her own": 4, "measured": 8}
"""Submissions that go on, by what is believed about the answer."""
_AMOUNTS = (1e-6, 0.01, 0.2, 1.0)
"""Points to collect with each of them, in units of what is recommended."""
_SHIFTS = (0.0, 3.0, -3.0, 10.0, -10.0, 100.0, -100.0, 1e4, -1e4)
"""Shifts that are always tried, in σ."""
_COUNTS = (1e-6, 1.0, 2.0)
"""Numbers of points always tried beside those collected and those recommended: a part of these, then points."""
_KEPT = 2
"""Best strategies around which to look closer, beside the best of each distribution put together."""
_CLOSER = ((1.0, 1.0), (0.3, 0.02))
"""Changes of the logarithms of amounts, and of shifts, in each closer look: first far, then within a narrow hole."""


class Choice(NamedTuple):
    """Submissions, (agents, places, distributions) each.

    Attributes:
        samples: points collected.
        counts: points submitted; NaN for those collected.
        shifts: in σ/√unit.
        gains: 1, or 0 to submit a number that has nothing to do with what she collected.
    """

    samples: np.ndarray
    counts: np.ndarray
    shifts: np.ndarray
    gains: np.ndarray

    def at(self, places: np.ndarray) -> "Choice":
        """Return the (agents, new places, distributions) places of each."""
        return Choice(*(np.take_along_axis(table, places, axis=1) for table in self))

    def join(self, other: "Choice") -> "Choice":
        """Put other places behind."""
        return Choice(*(np.concatenate(pair, axis=1) for pair in zip(self, other, strict=True)))


def scan(search: Search, who: Sequence[int], unit: np.ndarray, key: Array, draws: Draws) -> Candidate:
    """Return the best that a scan finds for every agent, (agents, places), estimates fitted.

    Few draws may prefer what fails in some that they did not see: so the best of every look goes on.

    Args:
        search: the mechanism and what is at stake.
        who: agents.
        unit: (agents, distributions) points in which each counts.
        key: random key, for the probes.
        draws: common random numbers, for all trials.
    """
    able = np.isfinite(np.asarray(search.stakes.costs))[np.asarray(who)]
    proposed, mixed = _proposed(search, who, unit, key)
    tried, kept = _begin(unit, proposed), []
    for change in (*_CLOSER, None):
        candidates = _candidates(tried, unit, able, mixed)
        done, parts = search.fit(who, candidates, draws)
        best = _best(parts)
        kept.append(_picked(candidates, done, best if change is None else best[:, :1]))
        tried = tried if change is None else _around(tried.at(best), change)
    joined: Candidate = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *kept)
    return joined


def names(found: Candidate) -> list[list[str]]:
    """Return a name for every strategy of a scan, (agents, places)."""
    one = found.deviation

    def name(i: int, j: int) -> str:
        fitted = bool(np.any(one.fitted[i, j] != 0))
        moved = "shift" if np.any(one.offset[i, j] != 0) else "other amount"
        what = "other number" if np.any(one.invents[i, j] != 0) and moved != "shift" else moved
        return f"{what} + least squares" if fitted else what

    return [[name(i, j) for j in range(one.unit.shape[1])] for i in range(len(one.unit))]


def probes_tried(unit: float = 1.0) -> int:
    """How many submissions a scan looks at, by agent and distribution."""
    return sum(len(walk.points) for walk in rows(unit))


def _proposed(
    search: Search, who: Sequence[int], unit: np.ndarray, key: Array
) -> tuple[list[list[list[Proposal]]], np.ndarray]:
    """Submissions whose answers are best for her, or lie between two jumps, by agent and distribution.

    Beside them whether her own points come back among the clean ones, (agents, distributions).
    """
    walks = [[rows(float(one)) for one in row] for row in unit]
    counts, shifts = (
        np.stack([np.stack([np.concatenate([getattr(w, name) for w in walk]) for walk in row], -1) for row in walks])
        for name in ("points", "shifts")
    )
    means = shifts * np.asarray(search.stakes.sigma) / np.sqrt(unit)[:, None]
    told = search.probe(who, Probes(jnp.asarray(counts), jnp.asarray(means)), jax.random.split(key, _KEYS))
    scores = _scores(search, told, counts)
    cuts = np.cumsum([len(walk.points) for walk in walks[0][0]])[:-1]

    def places(i: int, k: int) -> list[Proposal]:
        return [
            one
            for name, most in _PROPOSED.items()
            for one in best_places(walks[i][k], np.split(scores[name][i, :, k], cuts), most)
        ]

    most = np.argmax(counts, axis=1)[:, None]
    mixed = np.take_along_axis(np.asarray(told.clean) >= 0.99 * counts, most, axis=1)[:, 0]
    return [[places(i, k) for k in range(unit.shape[1])] for i in range(len(unit))], mixed


def _scores(search: Search, told: Told, counts: np.ndarray) -> dict[str, np.ndarray]:
    """What each answer would leave her to pay, if it is worth what it seems: (agents, probes, distributions)."""
    price, variance = np.asarray(search.stakes.price), np.asarray(search.stakes.sigma) ** 2
    told = jax.tree.map(np.asarray, told)
    paid = told.payment[..., None] / counts.shape[-1]
    others = np.maximum(told.clean - counts, 0)
    worth = {"told": others + told.noisy, "with her own": told.clean + told.noisy, "measured": others + told.measured}
    least = 1e-6 * np.max(counts, axis=1, keepdims=True, initial=1e-300)

    def score(points: Any) -> np.ndarray:
        answer = price * variance / np.maximum(points, least) - paid
        return np.where(np.isfinite(answer), answer, 1e300)

    return {name: score(points) for name, points in worth.items()}


def _begin(unit: np.ndarray, proposed: list[list[list[Proposal]]]) -> Choice:
    """Every proposal and what is always tried, with every amount; the truth comes first."""
    made = []
    for row, proposals in zip(unit, proposed, strict=True):
        columns = [_column(float(one), those) for one, those in zip(row, proposals, strict=True)]
        made.append(np.stack(columns, axis=-1))
    samples, counts, shifts, gains = np.moveaxis(np.stack(made), 2, 0)
    return Choice(samples, counts, shifts, gains)


def _column(unit: float, proposals: list[Proposal]) -> np.ndarray:
    """One distribution of one agent: (places, 4) samples, count, shift, gain."""
    root = float(np.sqrt(unit))
    always = [(unit, root * shift, 1.0) for shift in _SHIFTS]
    always += [(count, root * shift, 1.0) for count in (unit * _COUNTS[0], *_COUNTS[1:]) for shift in (0.0, 10.0)]
    always += [(np.nan, 0.0, 1.0), (0.0, 0.0, 1.0), (unit, 0.0, 0.0), (1.0, 0.0, 0.0)]
    asked = [(one.points, one.shift, 1.0) for one in proposals]
    asked += [(unit, 0.0, 1.0)] * (sum(_PROPOSED.values()) - len(asked))
    return np.array(
        [(unit, np.nan, 0.0, 1.0)] + [(unit * n, *one) for one in (*always, *asked) for n in _AMOUNTS], dtype=float
    )


def _around(centres: Choice, change: tuple[float, float]) -> Choice:
    """The same submissions and others near them: amounts, counts and shifts a little larger or smaller."""
    steps = [(n, 0, s) for n, s in itertools.product((0, 1, -1), repeat=2)]
    steps += [(n, c, 0) for n, c in itertools.product((0, 1, -1), (1, -1))]
    near = [
        Choice(
            centres.samples * np.exp(change[0] * n),
            centres.counts * np.exp(change[0] * c),
            centres.shifts * np.exp(change[1] * s),
            centres.gains,
        )
        for n, c, s in steps
    ]
    joined = near[0]
    for one in near[1:]:
        joined = joined.join(one)
    return joined


def _candidates(tried: Choice, unit: np.ndarray, able: np.ndarray, mixed: np.ndarray) -> Candidate:
    """Strategies of these submissions, (agents, places), as arrays of the host."""
    truth = jax.tree.map(np.asarray, Deviation.truth(jnp.asarray(unit[0])))
    shape = tried.samples.shape[:2]
    blank = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (*shape, *leaf.shape)), truth)
    dtype, units = truth.unit.dtype, np.broadcast_to(unit[:, None], tried.samples.shape)
    collects = able[:, None] & (tried.samples > 0)
    given, told = ~np.isnan(tried.counts), np.nan_to_num(tried.counts)
    submits = np.where(given, told > 0, collects)
    guessed = submits & ~(collects & (tried.gains == 1))
    values = {
        "unit": units,
        "collects": collects,
        "log_samples": np.log(np.where(collects, tried.samples, units) / units),
        "invents": given,
        "log_report": np.log(np.where(given & submits, told, units) / units),
        "submits": submits,
        "gain": tried.gains,
        "offset": tried.shifts,
        "discards": submits & mixed[:, None],
        "keeps": np.ones_like(units),
    }
    fields = {field.name: getattr(blank, field.name) for field in dataclasses.fields(Deviation)}
    fields |= {name: value.astype(dtype) for name, value in values.items()}
    deviation = jax.tree.unflatten(jax.tree.structure(truth), jax.tree.leaves(list(fields.values())))
    still = jax.tree.map(np.zeros_like, deviation)
    return Candidate(deviation, still, guessed.any(axis=-1))


def _best(parts: np.ndarray) -> np.ndarray:
    """The best places by all distributions together, and the best of each one: (agents, places, distributions)."""
    order = np.argsort(parts.sum(axis=-1), axis=1, kind="stable")[:, :_KEPT]
    together = np.repeat(order[..., None], parts.shape[-1], axis=-1)
    if parts.shape[-1] == 1:
        return together
    return np.concatenate([together, np.argmin(parts, axis=1)[:, None]], axis=1)


def _picked(candidates: Candidate, done: Deviation, places: np.ndarray) -> Candidate:
    """Take (agents, places, distributions) entries of every leaf; a guess in any distribution is a guess."""
    rows, columns = np.arange(len(places))[:, None, None], np.arange(places.shape[2])

    def pick(leaf: np.ndarray) -> np.ndarray:
        return leaf[rows, places, columns]

    guesses = candidates.guesses[rows, places].any(axis=-1)
    return Candidate(jax.tree.map(pick, done), jax.tree.map(pick, candidates.free), guesses)
