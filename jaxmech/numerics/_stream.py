"""Many instances of an iterative method through a few lanes: whoever is finished makes room for the next in line."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Array
from jaxmech.numerics._lanes import SHORT

Rows = Any
"""A pytree whose leaves hold one row per instance: (instances, ...)."""

Lanes = Any
"""A pytree whose leaves hold one lane per instance at work: (..., lanes)."""

CACHE_BYTES = 1 << 20
"""What the lanes of a processor's core may occupy, so that they stay in its second-level cache."""

ALIASING = 256
"""On a processor multiples of so many lanes are avoided: rows of them lie a multiple of 2 KB apart and share few places
in a cache, and loads wait for stores that only look like their own (with 512 lanes half as slow again)."""

DEVICE_BYTES = 1 << 28
"""The same on an accelerator, which needs many lanes to be busy, and has its own caches."""

DEVICE_LANES = (1 << 12, 1 << 17)
"""Fewest and most lanes there."""

MIN_LANES, MAX_LANES = 32, 760

MAX_BYTES = 1 << 23
"""From here on lanes gain nothing: one instance by itself fills the loops."""

_LIVE_TABLES = 16  # arrays of (agents, distributions) that a step holds at a time

REFILL = 0.35
"""Share of idle lanes at which the next instances come in: earlier costs more starts, later more idling."""


class Method(NamedTuple):
    """An iterative method along lanes.

    Attributes:
        start: from the data of the instances in the lanes to the first state.
        advance: from data, state and a mask of the lanes at work to the next state; other lanes must not change.
        going: which lanes are not finished.
        result: what to keep of a state.
    """

    start: Callable[[Lanes], Lanes]
    advance: Callable[[Lanes, Lanes, Array], Lanes]
    going: Callable[[Lanes], Array]
    result: Callable[[Lanes], Lanes]


class _Work(NamedTuple):
    """What the loop carries: next in line, who is in which lane (``instances``: nobody), data, states, results."""

    next: Array
    who: Array
    data: Lanes
    state: Lanes
    results: Rows


def lanes_that_fit(bytes_each: int, fewest: int, most: int) -> int:
    """Return how many instances to work on at a time, on the device that programs run on by default.

    Args:
        bytes_each: what a step of one instance reads and writes.
        fewest: on a processor, from here on loops along lanes are worth their start.
        most: on a processor, from here on more lanes gain nothing.

    Source: none; memory, counted.
    """
    if jax.default_backend() != "cpu":
        least, largest = DEVICE_LANES
        return max(least, min(largest, 1 << (DEVICE_BYTES // bytes_each).bit_length() >> 1))
    return max(fewest, min(most, CACHE_BYTES // bytes_each // 8 * 8))


def lanes_for(m: int, d: int, itemsize: int) -> int:
    """Return how many instances of a size to work on at a time; 1 for one after the other."""
    table = itemsize * (_LIVE_TABLES * m * d + 3 * min(m, d) ** 2)
    if jax.default_backend() == "cpu" and (min(m, d) > SHORT or table * MIN_LANES > MAX_BYTES):
        return 1
    return lanes_that_fit(table, MIN_LANES, MAX_LANES)


def stream(method: Method, rows: Rows, skip: Array, lanes: int) -> Rows:
    """Run a method on every instance that is not skipped; an instance's result does not depend on its neighbours.

    Args:
        method: the method.
        rows: data, (instances, ...).
        skip: (instances,) who needs no result.
        lanes: how many instances are at work at a time.

    Returns:
        Results, (instances, ...); ones for who was skipped.

    Source: none; bookkeeping of instances that end at different steps.
    """
    instances = skip.shape[0]
    lanes = min(lanes, instances)
    if jax.default_backend() == "cpu" and lanes % ALIASING == 0:
        lanes += 8  # if there are not so many instances, the last ones stay idle
    line = jnp.argsort(skip, stable=True).astype(jnp.int32)  # the skipped ones last, where nobody calls them
    waiting = jnp.sum(~skip, dtype=jnp.int32)

    def at_work(work: _Work) -> Array:
        return (work.who < instances) & method.going(work.state)

    def change_shift(work: _Work) -> _Work:
        idle = ~at_work(work)
        results = jax.tree.map(
            lambda kept, new: kept.at[jnp.where(idle, work.who, instances)].set(jnp.moveaxis(new, -1, 0), mode="drop"),
            work.results,
            method.result(work.state),
        )
        place = work.next + jnp.cumsum(idle, dtype=jnp.int32) - 1
        comes = idle & (place < waiting)
        who = jnp.where(comes, line[jnp.minimum(place, instances - 1)], instances)
        fresh = _take(rows, jnp.minimum(who, instances - 1))
        data, state = _where(comes, (fresh, method.start(fresh)), (work.data, work.state))
        arrived = jnp.sum(comes, dtype=jnp.int32)
        return _Work(work.next + arrived, jnp.where(idle, who, work.who), data, state, results)

    def shift(work: _Work) -> _Work:
        work = change_shift(work)
        exhausted = work.next >= waiting
        enough = max(1, round(REFILL * lanes))

        def busy(state: Lanes) -> Array:
            active = jnp.sum((work.who < instances) & method.going(state))
            return (active > 0) & (exhausted | (active > lanes - enough))

        def step(state: Lanes) -> Lanes:
            return method.advance(work.data, state, (work.who < instances) & method.going(state))

        return work._replace(state=jax.lax.while_loop(busy, step, work.state))

    data = _take(rows, jnp.zeros(lanes, jnp.int32))
    # nobody is at work yet, so any state will do: a second start would be up to a seventh of the program
    shapes = jax.eval_shape(method.start, data)
    state = jax.tree.map(lambda leaf: jnp.ones(leaf.shape, leaf.dtype), shapes)
    shapes = jax.eval_shape(method.result, state)
    results = jax.tree.map(lambda leaf: jnp.ones((instances, *leaf.shape[:-1]), leaf.dtype), shapes)
    nobody = jnp.full(lanes, instances, jnp.int32)
    work = _Work(jnp.zeros((), jnp.int32), nobody, data, state, results)
    unfinished = jax.lax.while_loop(lambda work: (work.next < waiting) | jnp.any(work.who < instances), shift, work)
    return unfinished.results


def _take(rows: Rows, who: Array) -> Lanes:
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf[who], 0, -1), rows)


def _where(mask: Array, new: Lanes, old: Lanes) -> Lanes:
    return jax.tree.map(lambda one, other: jnp.where(mask, one, other), new, old)
