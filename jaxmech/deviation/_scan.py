"""Kernel: a scan of a mechanism's answers: submissions worth trying with the best linear estimate, and a closer look.

Gradients see no jump. So the answers themselves are looked at over a grid of discrepancies and counts, and one
submission of every stretch between two jumps is tried, with several amounts collected and with the estimate that fits
it best.
"""

import dataclasses
import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.deviation._draws import Draws
from jaxmech.deviation._families import Candidate, picked
from jaxmech.deviation._fit import fitted
from jaxmech.deviation._pieces import first_in_pieces, in_pieces
from jaxmech.deviation._probe import Probes, Told, probe
from jaxmech.deviation._proposals import best_places, rows
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Stakes

KEYS = 4
"""Random keys for every probe."""
_PROPOSED = {"told": 8, "with her own": 4, "measured": 8}
"""Submissions that go on, by what is believed about the answer."""
_AMOUNTS = (1e-6, 0.01, 0.2, 1.0)
"""Points to collect with each of them, in units of what is recommended."""
_SHIFTS = (0.0, 3.0, -3.0, 10.0, -10.0, 100.0, -100.0, 1e4, -1e4)
"""Shifts that are always tried, in σ."""
_OPPOSITE = (3.0, -3.0, 30.0, -30.0, 1e4, -1e4)
"""Shifts that go the other way in every other distribution, where there are several."""
_COPIED, _OTHERS, _SOURCES = (1.0, 0.2, 3.0), (1e-6, 1.0), 6
"""Amounts of a distribution that is copied for others, and of these, in units of what is recommended; how many are."""
_COUNTS = (1e-6, 1.0, 2.0)
"""Numbers of points always tried beside those collected and those recommended: a part of these, then points."""
_KEPT = 2
"""Best strategies around which to look closer, beside the best of each distribution put together."""
_CLOSER = ((1.0, 1.0), (0.3, 0.02))
"""Changes of the logarithms of amounts, and of shifts, in each closer look: first far, then within a narrow hole."""
_STEPS = (
    *((n, 0, s) for n, s in itertools.product((0, 1, -1), repeat=2)),
    *((n, c, 0) for n, c in itertools.product((0, 1, -1), (1, -1))),
)
"""Which of amount collected, number of points submitted and shift a closer look makes larger or smaller."""
_AT_ONCE = _KEPT * len(_STEPS)
"""Strategies that are fitted side by side: those of a closer look at one distribution, half of those at several."""
_PROBES_AT_ONCE = 1024


class Choice(NamedTuple):
    """Submissions, (places, distributions) each.

    Attributes:
        samples: points collected.
        counts: points submitted; NaN for those collected.
        shifts: in σ/√unit.
        gains: 1, or 0 to submit a number that has nothing to do with what she collected.
        copies: the distribution whose mean is submitted, −1 for her own of this one.
    """

    samples: Array
    counts: Array
    shifts: Array
    gains: Array
    copies: Array


def scan(
    mechanism: Any, stakes: Stakes, agent: Array, unit: Array, keys: Array, draws: Draws, guesses: Array
) -> Candidate:
    """Return the best that a scan finds for one agent, (places,), estimates fitted.

    Few draws may prefer what fails in some that they did not see: so the best of every look goes on.

    Args:
        mechanism: see :class:`~jaxmech.mechanism.Mechanism`.
        stakes: costs, standard deviations and prices.
        agent: her index.
        unit: points in which she counts, per distribution.
        keys: random keys, for the probes.
        draws: common random numbers, for all trials.
        guesses: true means in σ, in turn.
    """
    able = jnp.isfinite(stakes.costs[agent])
    points, shifts, mixed = _proposed(mechanism, stakes, agent, unit, keys)

    def fit(piece: Candidate) -> tuple[Deviation, Array]:
        return fitted(mechanism, stakes, jnp.full(piece.guesses.shape, agent), piece, draws, guesses)

    def look(tried: Choice, count: Array) -> tuple[Candidate, Choice]:
        some = _candidates(tried, unit, able, mixed)
        nothing = some.deviation, jnp.full(tried.samples.shape, jnp.inf, unit.dtype)
        done, parts = first_in_pieces(fit, some, count, _AT_ONCE, nothing)
        parts = jnp.where((jnp.arange(len(parts)) < count)[:, None], parts, jnp.inf)
        best = best_of(parts)
        if len(unit) > 1:
            # Who guesses is judged at the worst of several means, of few draws each: her best goes on by itself.
            best = jnp.concatenate([best, best_of(jnp.where(some.guesses[:, None], parts, jnp.inf))[:1]])
        return _picked(some, done, best), Choice(*(jnp.take_along_axis(table, best, axis=0) for table in tried))

    def closer(state: tuple[Choice, Array], change: Array) -> tuple[tuple[Choice, Array], Candidate]:
        tried, count = state
        kept, centres = look(tried, count)
        near = _around(centres, change)
        return (_filled_up(near, len(tried.samples)), jnp.full_like(count, len(near.samples))), kept

    # All looks are one program in turns, of which the first is the longest: it is half as long to compile.
    begin = _begin(unit, points, shifts)
    widest = len(begin.samples)
    first = _filled_up(begin, -(-widest // _AT_ONCE) * _AT_ONCE), jnp.asarray(widest)
    _, kept = jax.lax.scan(closer, first, jnp.asarray([*_CLOSER, _CLOSER[-1]], unit.dtype))
    last = len(_CLOSER) * kept.guesses.shape[1] + 1  # of the last look the best alone
    joined: Candidate = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:last], kept)
    return joined


def _filled_up(tried: Choice, count: int) -> Choice:
    """The same with its first place again and again at the end, up to so many."""
    return Choice(*(jnp.concatenate([one, jnp.repeat(one[:1], count - len(one), axis=0)]) for one in tried))


def scan_name(one: Deviation) -> str:
    """Return a name for a strategy of a scan."""
    moved = "shift" if np.any(one.offset != 0) else "other amount"
    if np.any(one.mix != 0):
        moved = "copy a column"
    elif len(one.offset) > 1 and np.any(one.offset > 0) and np.any(one.offset < 0):
        moved = "opposite shifts"
    what = "other number" if np.any(one.invents != 0) and moved == "other amount" else moved
    return f"{what} + least squares" if np.any(one.fitted != 0) else what


@functools.cache
def probes_tried() -> int:
    """How many submissions a scan looks at, by agent and distribution."""
    walks = jax.eval_shape(rows, jax.ShapeDtypeStruct((), float))  # type: ignore[no-untyped-call]
    return sum(int(np.prod(walk.points.shape)) for walk in walks)


def _proposed(mechanism: Any, stakes: Stakes, agent: Array, unit: Array, keys: Array) -> tuple[Array, Array, Array]:
    """Submissions whose answers are best for her, or lie between two jumps: points and shifts, (places, distributions).

    Beside them whether her own points come back among the clean ones, (distributions,).
    """
    walks = jax.vmap(rows)(unit)
    sizes = [walk.points.shape[1:] for walk in walks]
    counts, shifts = (
        jnp.concatenate([getattr(walk, name).reshape(len(unit), -1) for walk in walks], axis=1).T
        for name in ("points", "shifts")
    )
    probes = Probes(counts, shifts * stakes.sigma / jnp.sqrt(unit))

    def ask(some: Probes) -> Told:
        return probe(mechanism, stakes, jnp.full(len(some.counts), agent), some, keys)

    told = in_pieces(ask, probes, _PROBES_AT_ONCE)
    cut = int(np.prod(sizes[0]))
    most = max(_PROPOSED.values())

    def places(walk: Any, score: Array, alike: Array) -> tuple[Array, Array]:
        parts = score[:cut].reshape(sizes[0]), score[cut:].reshape(sizes[1])
        found = best_places(walk, parts, most, alike)
        return found.points, jnp.where(found.there, found.shift, jnp.nan)

    by_distribution = jax.vmap(places, in_axes=(0, 1, None))
    scores = _scores(stakes, told, counts)
    believed = jnp.stack([scores[name] for name in _PROPOSED])
    few = np.array(list(_PROPOSED.values()))
    found = jax.vmap(by_distribution, in_axes=(None, 0, 0))(walks, believed, jnp.asarray(few // 3))
    points, shifts = (
        jnp.concatenate([table[i, :, :first] for i, first in enumerate(few)], axis=1).T for table in found
    )
    there = ~jnp.isnan(shifts)
    largest = jnp.argmax(counts, axis=0)[None]
    mixed = jnp.take_along_axis(told.clean >= 0.99 * counts, largest, axis=0)[0]
    return jnp.where(there, points, unit), jnp.where(there, shifts, 0.0), mixed


def _scores(stakes: Stakes, told: Told, counts: Array) -> dict[str, Array]:
    """What each answer would leave her to pay, if it is worth what it seems: (probes, distributions)."""
    paid = told.payment[:, None] / counts.shape[-1]
    others = jnp.maximum(told.clean - counts, 0)
    worth = {"told": others + told.noisy, "with her own": told.clean + told.noisy, "measured": others + told.measured}
    limits = np.finfo(counts.dtype)
    least = 1e-6 * jnp.max(counts, axis=0, keepdims=True) + float(limits.tiny)

    def score(points: Array) -> Array:
        answer = stakes.price * stakes.sigma**2 / jnp.maximum(points, least) - paid
        return jnp.where(jnp.isfinite(answer), answer, 1e-8 * float(limits.max))

    return {name: score(points) for name, points in worth.items()}


def _begin(unit: Array, points: Array, shifts: Array) -> Choice:
    """Every proposal, and what is always tried, with every amount; the truth comes first."""
    root, d = jnp.sqrt(unit), len(unit)
    table = _always(d)
    signs = np.where(table["opposite"][:, None] == 1, (-1.0) ** np.arange(d), 1.0)

    def column(values: np.ndarray) -> Array:
        return jnp.asarray(values.reshape(len(values), -1), unit.dtype)

    counts = jnp.concatenate([column(table["units"]) * unit + column(table["points"]), points])
    moved = jnp.concatenate([column(table["shift"][:, None] * signs) * root, shifts])
    gains = np.concatenate([table["gain"], np.ones(len(points))])
    here = jnp.ones_like(counts)
    told = Choice(here, counts, moved, column(gains) * here, -here)
    tried = Choice(*(jnp.repeat(one, len(_AMOUNTS), axis=0) for one in told))
    tried = tried._replace(samples=column(np.tile(_AMOUNTS, len(counts))) * unit)
    ones = jnp.ones_like(unit)[None]
    truth = Choice(unit[None], jnp.full_like(ones, jnp.nan), 0 * ones, ones, -ones)
    return Choice(*(jnp.concatenate(columns) for columns in zip(truth, tried, _copied(unit), strict=True)))


@functools.cache
def _always(d: int) -> dict[str, np.ndarray]:
    """What is tried for any answers: points submitted in units and in points, NaN for those collected, and shifts."""
    kept: list[tuple[float, ...]] = [(1, 0, shift, 0, 1) for shift in _SHIFTS]
    others = ((_COUNTS[0], 0), *((0, count) for count in _COUNTS[1:]))
    kept += [(*count, shift, 0, 1) for count in others for shift in (0.0, 10.0)]
    kept += [(np.nan, 0, 0, 0, 1), (0, 0, 0, 0, 1), (1, 0, 0, 0, 0), (0, 1, 0, 0, 0)]
    kept += [(1, 0, shift, 1, 1) for shift in _OPPOSITE if d > 1]
    names = ("units", "points", "shift", "opposite", "gain")
    return dict(zip(names, np.array(kept, float).T, strict=True))


def _copied(unit: Array) -> Choice:
    """Submissions of one distribution's mean for all, with several amounts of it and of the others."""
    d = len(unit)
    sources = np.arange(min(d, _SOURCES) if d > 1 else 0)
    amounts = np.array([*itertools.product(_COPIED, _OTHERS)])
    copied, amount = np.repeat(sources, len(amounts)), np.tile(amounts, (len(sources), 1))
    at = np.arange(d) == copied[:, None]
    samples = jnp.asarray(np.where(at, amount[:, :1], amount[:, 1:]), unit.dtype) * unit
    copies = jnp.asarray(np.where(at, -1, copied[:, None]), unit.dtype)
    return Choice(samples, jnp.ones_like(samples) * unit, 0 * samples, jnp.ones_like(samples), copies)


def _around(centres: Choice, change: Array) -> Choice:
    """The same submissions and others near them: amounts, counts and shifts a little larger or smaller."""
    near = [
        Choice(
            centres.samples * jnp.exp(change[0] * n),
            centres.counts * jnp.exp(change[0] * c),
            centres.shifts * jnp.exp(change[1] * s),
            centres.gains,
            centres.copies,
        )
        for n, c, s in _STEPS
    ]
    return Choice(*(jnp.concatenate(tables) for tables in zip(*near, strict=True)))


def _candidates(tried: Choice, unit: Array, able: Array, mixed: Array) -> Candidate:
    """Strategies of these submissions, (places,)."""
    truth = Deviation.truth(unit)
    column = jnp.arange(len(unit))

    def one(row: Choice) -> Candidate:
        copied = row.copies >= 0
        source = jnp.where(copied, row.copies, 0).astype(int)
        mix = jnp.where(copied[:, None], (column == source[:, None]) - jnp.eye(len(unit)), 0.0).astype(unit.dtype)
        collects = able & (row.samples > 0)
        given, told = ~jnp.isnan(row.counts), jnp.nan_to_num(row.counts)
        submits = jnp.where(given, told > 0, collects)
        guessed = submits & ~(collects & (row.gains == 1))
        values: dict[str, Any] = {
            "collects": collects,
            "log_samples": jnp.log(jnp.where(collects, row.samples, unit) / unit),
            "invents": given,
            "log_report": jnp.log(jnp.where(given & submits, told, unit) / unit),
            "submits": submits,
            "gain": row.gains,
            "offset": row.shifts,
            "discards": submits & mixed,
            "keeps": jnp.ones_like(unit),
        }
        typed = {name: value.astype(unit.dtype) for name, value in values.items()}
        deviation = dataclasses.replace(truth, mix=mix, **typed)
        return Candidate(deviation, jax.tree.map(jnp.zeros_like, deviation), jnp.any(guessed | copied))

    made: Candidate = jax.vmap(one)(tried)
    return made


def best_of(parts: Array) -> Array:
    """The best places by all distributions together, and the best of each one: (places, distributions)."""
    order = jnp.argsort(jnp.sum(parts, axis=-1), stable=True)[:_KEPT]
    together = jnp.repeat(order[:, None], parts.shape[-1], axis=1)
    if parts.shape[-1] == 1:
        return together
    return jnp.concatenate([together, jnp.argmin(parts, axis=0)[None]])


def _picked(candidates: Candidate, done: Deviation, places: Array) -> Candidate:
    """The same with fitted estimates, some places of every distribution; a guess in any distribution is a guess."""
    return picked(dataclasses.replace(candidates, deviation=done), places)
