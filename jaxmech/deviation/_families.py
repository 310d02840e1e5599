"""Kernel: families of strategies, where a search starts, and which parameters it may move from there."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._pytree import pytree
from jaxmech._types import Array
from jaxmech.deviation._strategy import Deviation, Network


@dataclasses.dataclass(frozen=True, eq=False)
class Start:
    """One place from which to search.

    Attributes:
        family: its name.
        at: values of fields of :class:`Deviation` that differ from the truth.
        free: fields that the search may change.
        samples: n in units of what is recommended; 0 to collect nothing.
        alternates: whether offsets have another sign in every other distribution.
    """

    family: str
    at: Mapping[str, float]
    free: tuple[str, ...]
    samples: float = 1.0
    alternates: bool = False


_ACCEPT: dict[str, float] = {}
_DISCARD = {"discards": 1.0, "keeps": 1.0}
_INVENT = {"invents": 1.0}


def _starts_anywhere() -> list[Start]:
    """Families that move with the data: no true mean is harder for them than any other."""
    amount, weighted = ("log_samples",), ("log_samples", "log_weights")
    starts = [Start("other amount", _ACCEPT, amount, n) for n in (1e-3, 0.03, 0.1, 0.3, 0.6, 1.0, 1.7, 4.0, 12.0)]
    starts += [Start("keep to herself", {"submits": 0.0, "keeps": 1.0}, weighted, n) for n in (0.1, 1.0, 4.0)]
    for way in (_ACCEPT, _DISCARD):
        starts += [Start("withhold", {**way, "log_report": -1.5}, (*weighted, "log_report"), n) for n in (0.3, 1.0)]
        starts += [Start("duplicate", {**way, "log_report": 1.5}, (*weighted, "log_report"), n) for n in (0.1, 0.5)]
        starts += [Start("duplicate", {**way, **_INVENT}, weighted, n) for n in (0.02, 0.4)]
        starts += [Start("shift", {**way, "offset": to}, (*weighted, "offset"), 0.7) for to in (-0.5, 0.5)]
        fabricated = {**way, **_INVENT, "jitter": 1.0, "keeps": 1.0}
        starts += [Start("fit and fabricate", fabricated, (*weighted, "jitter"), n) for n in (3e-3, 0.05, 0.3)]
    free = (*weighted, "log_report", "offset", "jitter", "estimation")
    starts += [Start("network", way, free, n) for way in (_ACCEPT, _DISCARD) for n in (0.5, 1.0)]
    starts += [Start("weigh by drawn noise", {"heeds": 1.0}, (*weighted, "heeds"))]
    return starts


def _starts_somewhere() -> list[Start]:
    """Families that rest on a guess: an adversary chooses the true mean."""
    weighted = ("log_samples", "log_weights")
    starts = [Start("submit nothing", {"submits": 0.0}, (), 0.0)]
    for way in (_ACCEPT, _DISCARD):
        starts += [Start("scale", {**way, "gain": by}, (*weighted, "gain"), 0.7) for by in (0.7, 1.3)]
        starts += [Start("shrink", {**way, "gain": 0.5, "offset": 0.1}, (*weighted, "gain", "offset"), 0.7)]
        starts += [Start("fabricate", {**way, **_INVENT, "jitter": j}, ("offset", "jitter"), 0.0) for j in (0.0, 1.0)]
    invented = {**_DISCARD, **_INVENT, "gain": 0.0, "jitter": 1.0}
    moved = (*weighted, "offset", "jitter")
    starts += [Start("fabricate, then discard", invented, moved, n) for n in (0.02, 0.3, 1.0)]
    free = (*weighted, "gain", "offset", "jitter", "submission", "estimation")
    starts += [Start("network", way, free, 0.7) for way in (_ACCEPT, _DISCARD)]
    return starts


def _starts_across() -> list[Start]:
    """Families in which distributions have to do with each other: only where there are several."""
    weighted = ("log_samples", "log_weights")
    shifts = [(to, n) for to in (1.0, 10.0) for n in (0.02, 0.7)]
    moved = (*weighted, "offset")
    starts = [Start("opposite shifts", {**_DISCARD, "offset": to}, moved, n, True) for to, n in shifts]
    return starts + [Start("mix columns", way, (*weighted, "mix"), 0.7) for way in (_ACCEPT, _DISCARD)]


ANYWHERE = tuple(_starts_anywhere())
SOMEWHERE = tuple(_starts_somewhere())
ACROSS = tuple(_starts_across())


def starts_for(distributions: int) -> tuple[Start, ...]:
    """Return all starts of a search.

    Args:
        distributions: how many.
    """
    return (*ANYWHERE, *SOMEWHERE, *(ACROSS if distributions > 1 else ()))


def families_for(distributions: int) -> tuple[str, ...]:
    """Return the names of all families that a search starts from."""
    return tuple(dict.fromkeys(start.family for start in starts_for(distributions)))


def moved_for(distributions: int) -> frozenset[str]:
    """Return the names of all fields that some start may move."""
    return frozenset(name for start in starts_for(distributions) for name in start.free)


_SIZES: Any = (0.5, 0.1)
"""Of the first weights of a network, inner and outer."""


class Sketches(NamedTuple):
    """First weights of the networks of every start, on a leading axis; 0 where a start has none to move."""

    submission: Network
    estimation: Network


def sketches(seed: int, distributions: int) -> Sketches:
    """Return small random weights, as arrays of the host.

    Args:
        seed: of one agent.
        distributions: how many.
    """
    generator = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda: Sketches(*_silent(distributions)))
    silent = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    made = []
    for start in starts_for(distributions):
        drawn = {
            name: jax.tree.map(
                lambda leaf, size: size * generator.standard_normal(leaf.shape), network, Network(*_SIZES)
            )
            for name, network in (("estimation", silent.estimation), ("submission", silent.submission))
            if name in start.free
        }
        made.append(silent._replace(**drawn))
    found: Sketches = jax.tree.map(lambda *leaves: np.stack(leaves), *made)
    return found


def spread_sketches(key: Array, distributions: int) -> Sketches:
    """Return small random weights from a key that may be traced; arguments as in :func:`sketches`."""
    silent = Sketches(*_silent(distributions))
    leaves, structure = jax.tree.flatten(silent)
    keys = jax.random.split(key, len(leaves))
    starts = starts_for(distributions)
    shapes = [(len(starts), *leaf.shape) for leaf in leaves]
    drawn = jax.tree.unflatten(
        structure, [jax.random.normal(one, shape, float) for one, shape in zip(keys, shapes, strict=True)]
    )
    moved = [np.array([name in start.free for start in starts], float) for name in Sketches._fields]

    def sized(network: Network, moves: np.ndarray) -> Network:
        return Network(*(size * leaf * moves[:, None, None, None] for leaf, size in zip(network, _SIZES, strict=True)))

    return Sketches(*(sized(network, moves) for network, moves in zip(drawn, moved, strict=True)))


def _silent(distributions: int) -> tuple[Network, Network]:
    dtype = jnp.zeros((), float).dtype
    return Network.silent(distributions, 2, 1, dtype), Network.silent(distributions, 2, 2, dtype)


@pytree
@dataclasses.dataclass(frozen=True)
class Candidate:
    """A strategy on its way: its parameters, and which of them may move.

    Attributes:
        deviation: the strategy.
        free: the same tree with 1 where a parameter may move and 0 elsewhere.
        guesses: whether it rests on a guess, so that an adversary chooses the true mean.
    """

    deviation: Deviation
    free: Deviation
    guesses: Any


def candidates(unit: Array, able: Array, drawn: Sketches) -> Candidate:
    """Return all starts for one agent, on a leading axis.

    Args:
        unit: amount in which she counts, per distribution.
        able: whether she can sample, per distribution.
        drawn: first weights of the networks.
    """
    truth, dtype, starts = Deviation.truth(unit), unit.dtype, starts_for(len(unit))
    signs = jnp.asarray((-1.0) ** np.arange(len(unit)), dtype)
    typed = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), drawn)

    def one(place: Array, networks: Sketches) -> Candidate:
        def everywhere(column: list[float]) -> Array:
            return jnp.full_like(unit, jnp.asarray(column, dtype)[place])

        changed: dict[str, Any] = {
            name: everywhere([start.at.get(name, rest) for start in starts]) for name, rest in _CHANGED.items()
        }
        changed["collects"] = jnp.where(able, everywhere([float(start.samples > 0) for start in starts]), 0)
        changed["log_samples"] = everywhere([float(np.log(start.samples or 1.0)) for start in starts])
        alternates = everywhere([float(start.alternates) for start in starts]) > 0
        changed["offset"] = jnp.where(alternates, signs, 1.0) * changed["offset"]
        deviation = dataclasses.replace(truth, **changed, **networks._asdict())
        moved = {
            field.name: jnp.asarray([float(field.name in start.free) for start in starts], dtype)[place]
            for field in dataclasses.fields(Deviation)
        }
        free = {
            name: jax.tree.map(lambda leaf, by=moves: jnp.full_like(leaf, by), getattr(deviation, name))
            for name, moves in moved.items()
        }
        guesses = jnp.asarray([start in SOMEWHERE or "mix" in start.free for start in starts])[place]
        return Candidate(deviation, Deviation(**free), guesses)

    made: Candidate = jax.vmap(one)(jnp.arange(len(starts)), typed)
    return made


def picked(found: Candidate, places: Array) -> Candidate:
    """Return (places, distributions) entries of every leaf; a guess in any distribution is a guess.

    Args:
        found: candidates on a leading axis.
        places: which of them each distribution takes.
    """
    columns = jnp.arange(places.shape[1])

    def pick(leaf: Array) -> Array:
        return leaf[places, columns]

    guesses = jnp.any(found.guesses[places], axis=-1)
    return Candidate(jax.tree.map(pick, found.deviation), jax.tree.map(pick, found.free), guesses)


_CHANGED = {name: 0.0 for start in starts_for(2) for name in start.at} | {"submits": 1.0, "gain": 1.0}
"""Fields that some start changes, and what they are in the truth."""
