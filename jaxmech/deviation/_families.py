"""Families of strategies: where a search starts, and which parameters it may move from there."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._pytree import pytree
from jaxmech.deviation._strategy import Deviation, Network


@dataclasses.dataclass(frozen=True, eq=False)
class Start:
    """One place from which to search.

    Attributes:
        family: its name.
        at: values of fields of :class:`Deviation` that differ from the truth.
        free: fields that the search may change.
        samples: n in units of what is recommended; 0 to collect nothing.
    """

    family: str
    at: Mapping[str, float]
    free: tuple[str, ...]
    samples: float = 1.0


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


ANYWHERE = tuple(_starts_anywhere())
SOMEWHERE = tuple(_starts_somewhere())
STARTS = (*ANYWHERE, *SOMEWHERE)
_SIZES: Any = (0.5, 0.1)
"""Of the first weights of a network, inner and outer."""
FAMILIES = tuple(dict.fromkeys(start.family for start in STARTS))


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


def candidates(unit: np.ndarray, able: np.ndarray, seed: int) -> Candidate:
    """Return all starts for one agent, on a leading axis, as arrays of the host.

    Args:
        unit: amount in which she counts, per distribution.
        able: whether she can sample, per distribution.
        seed: for the first weights of the networks.
    """
    generator = np.random.default_rng(seed)
    truth = jax.tree.map(np.asarray, Deviation.truth(jnp.asarray(unit)))
    made = [_make(start, truth, able, generator) for start in STARTS]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *made)


def _make(start: Start, truth: Deviation, able: np.ndarray, generator: np.random.Generator) -> Candidate:
    values = {field.name: getattr(truth, field.name) for field in dataclasses.fields(Deviation)}
    values |= {name: np.full_like(values[name], value) for name, value in start.at.items()}
    values["collects"] = np.where(able & (start.samples > 0), 1, 0).astype(values["unit"].dtype)
    values["log_samples"] = np.full_like(values["unit"], np.log(start.samples) if start.samples > 0 else 0.0)
    for name in ("estimation", "submission"):
        if name in start.free:
            values[name] = _sketch(values[name], generator)
    free = {
        name: jax.tree.map(lambda leaf, on=name in start.free: np.full_like(leaf, float(on)), value)
        for name, value in values.items()
    }
    structure = jax.tree.structure(truth)
    deviation, moves = (jax.tree.unflatten(structure, jax.tree.leaves(list(tree.values()))) for tree in (values, free))
    return Candidate(deviation, moves, np.asarray(start in SOMEWHERE))


def _sketch(network: Network, generator: np.random.Generator) -> Network:
    """Small random weights."""

    def drawn(leaf: Any, size: float) -> np.ndarray:
        return (size * generator.standard_normal(leaf.shape)).astype(leaf.dtype)

    sketched: Network = jax.tree.map(drawn, network, Network(*_SIZES))
    return sketched
