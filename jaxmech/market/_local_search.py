"""The heuristic: many posted price curves at once, changed one offer at a time; the best are then refined."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Float, Int
from jaxmech.market._search import Menu, ascend

CHAINS = 64
"""Curves that are improved side by side, each from a start of its own."""

STEPS = 4000
"""Changes that are tried for each of them."""

REFINED = 4
"""Curves that are refined at the end."""

_HEAT = 0.01  # first steps may lose so much of the largest revenue


class _Curve(NamedTuple):
    """Offers of one curve: places in the menu, prices, and the profit they bring."""

    place: Int[Array, "offers"]
    price: Float[Array, "offers"]
    profit: Array


def climb_curves(menu: Menu, seed: int) -> tuple[np.ndarray, float, int]:
    """Return a good allocation, its profit at the largest envy-free prices, and how many curves were tried.

    A step moves one offer: its size to another place in the menu or not at all, and its price to where some buyer is
    indifferent between it and another offer (or nothing), for there the best prices lie. A change that loses a little
    may be kept, less and less so. The allocations of the best curves are refined by :func:`ascend`.

    Args:
        menu: the pricing problem.
        seed: of the random numbers.
    """
    values = jnp.asarray(menu.values)
    counts = jnp.asarray(menu.counts, values.dtype)
    charge = jnp.asarray(menu.cost * np.maximum(menu.sizes, menu.least), values.dtype)
    keys = jax.random.split(jax.random.key(seed), CHAINS)
    place, profit = _anneal(values, counts, charge, keys)
    order = np.argsort(-np.asarray(profit), kind="stable")
    starts = np.unique(np.asarray(place)[order[: 4 * REFINED]], axis=0)[:REFINED]
    index, best = ascend(menu, starts)
    return index, best, CHAINS * STEPS


@partial(jax.jit)
@partial(jax.vmap, in_axes=(None, None, None, 0))
def _anneal(
    values: Float[Array, "types menu"], counts: Float[Array, "types"], charge: Float[Array, "menu"], key: Array
) -> tuple[Int[Array, "types"], Array]:
    """One chain: the allocation that the best curve leads to, and the profit of that curve."""
    types, places = values.shape
    first, walk = jax.random.split(key)
    place = jax.random.randint(first, (types,), 0, places)
    start = _evaluate(values, counts, charge, place, jnp.diagonal(values[:, place]))[0]
    heat = _HEAT * jnp.sum(counts * values[:, -1])

    def step(state: tuple[_Curve, _Curve], entry: tuple[Array, Array]) -> tuple[tuple[_Curve, _Curve], None]:
        now, best = state
        key, cooling = entry
        changed = _change(values, now, key)
        found, _ = _evaluate(values, counts, charge, *changed)
        keep = found.profit >= now.profit - heat * cooling
        now = jax.tree.map(lambda new, old: jnp.where(keep, new, old), found, now)
        better = now.profit > best.profit
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), now, best)
        return (now, best), None

    cooling = jnp.maximum(1 - jnp.arange(STEPS, dtype=values.dtype) / (0.7 * STEPS), 0.0) ** 2
    (_, best), _ = jax.lax.scan(step, (start, start), (jax.random.split(walk, STEPS), cooling))
    return _evaluate(values, counts, charge, best.place, best.price)[1], best.profit


def _change(values: Array, curve: _Curve, key: Array) -> tuple[Array, Array]:
    """Move one offer, and price it so that one buyer is indifferent between it and another offer."""
    types, places = values.shape
    keys = jax.random.split(key, 5)
    offer, buyer = jax.random.randint(keys[0], (2,), 0, types)
    other = jax.random.randint(keys[1], (), 0, types + 1)
    stride = jnp.round(jax.random.laplace(keys[2]) * places / 16).astype(curve.place.dtype)
    moved = jnp.clip(curve.place[offer] + stride, 0, places - 1)
    target = jnp.where(jax.random.bernoulli(keys[3]), moved, curve.place[offer])
    target = jnp.where(jax.random.bernoulli(keys[4], 0.1), jax.random.randint(keys[4], (), 0, places), target)
    from_place = jnp.append(curve.place, 0)[other]
    from_price = jnp.append(curve.price, 0.0)[other]
    price = jnp.maximum(values[buyer, target] - values[buyer, from_place] + from_price, 0.0)
    return curve.place.at[offer].set(target), curve.price.at[offer].set(price)


def _evaluate(values: Array, counts: Array, charge: Array, place: Array, price: Array) -> tuple[_Curve, Array]:
    """What a curve brings, and where each type ends up: at the largest of her best offers, or at nothing."""
    gain = values[:, place] - price
    best = jnp.maximum(jnp.max(gain, axis=1, keepdims=True), 0.0)
    good = gain >= best - tolerances(values.dtype).iterate
    chosen = jnp.argmax(jnp.where(good, place, -1), axis=1)
    buys = jnp.any(good, axis=1)
    bought = jnp.where(buys, place[chosen], 0)
    paid = jnp.where(buys, price[chosen], 0.0)
    return _Curve(place, price, paid @ counts - jnp.max(charge[bought])), bought
