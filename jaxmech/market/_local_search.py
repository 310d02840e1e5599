"""The heuristic: many posted price curves at once, changed one offer at a time; the best are then refined."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._precision import seed_key
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

    place: Int[Array, " offers"]
    price: Float[Array, " offers"]
    profit: Array


class _Draw(NamedTuple):
    """Random numbers of the steps, drawn beforehand: (chains, steps) each."""

    offer: Array
    buyer: Array
    other: Array
    stride: Array
    jump: Array


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
    types, places = menu.values.shape
    first, draws = _draw(seed_key(seed), types, places, values.dtype)
    place, profit = _anneal(values, counts, charge, first, draws)
    order = np.argsort(-np.asarray(profit), kind="stable")
    starts = np.unique(np.asarray(place)[order[: 4 * REFINED]], axis=0)[:REFINED]
    index, best = ascend(menu, starts)
    return index, best, CHAINS * STEPS


@partial(jax.jit, static_argnums=(1, 2, 3))
def _draw(key: Array, types: int, places: int, dtype: Any) -> tuple[Array, _Draw]:
    """First places of all offers, and for every step: which offer moves how far, and who prices it against what.

    Half of the steps move an offer by some places, a few to anywhere, the others only change its price.
    """
    shape = (CHAINS, STEPS)
    keys = iter(jax.random.split(key, 8))
    far = jnp.round(jax.random.laplace(next(keys), shape, dtype) * places / 16).astype(jnp.int32)
    stride = jnp.where(jax.random.bernoulli(next(keys), 0.5, shape), far, 0)
    anywhere = jax.random.randint(next(keys), shape, 0, places)
    jump = jnp.where(jax.random.bernoulli(next(keys), 0.1, shape), anywhere, -1)
    offer, buyer = (jax.random.randint(next(keys), shape, 0, types) for _ in range(2))
    other = jax.random.randint(next(keys), shape, 0, types + 1)
    first = jax.random.randint(next(keys), (CHAINS, types), 0, places)
    return first, _Draw(offer, buyer, other, stride, jump)


@jit
@partial(jax.vmap, in_axes=(None, None, None, 0, 0))
def _anneal(
    values: Float[Array, "types menu"],
    counts: Float[Array, " types"],
    charge: Float[Array, " menu"],
    first: Int[Array, " types"],
    draws: _Draw,
) -> tuple[Int[Array, " types"], Array]:
    """One chain: the allocation that the best curve leads to, and the profit of that curve."""
    start = _evaluate(values, counts, charge, first, jnp.diagonal(values[:, first]))[0]
    heat = _HEAT * jnp.sum(counts * values[:, -1])

    def step(state: tuple[_Curve, _Curve], entry: tuple[_Draw, Array]) -> tuple[tuple[_Curve, _Curve], None]:
        now, best = state
        draw, cooling = entry
        found, _ = _evaluate(values, counts, charge, *_change(values, now, draw))
        keep = found.profit >= now.profit - heat * cooling
        now = jax.tree.map(lambda new, old: jnp.where(keep, new, old), found, now)
        better = now.profit > best.profit
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), now, best)
        return (now, best), None

    cooling = jnp.maximum(1 - jnp.arange(STEPS, dtype=values.dtype) / (0.7 * STEPS), 0.0) ** 2
    (_, best), _ = jax.lax.scan(step, (start, start), (draws, cooling))
    return _evaluate(values, counts, charge, best.place, best.price)[1], best.profit


def _change(values: Array, curve: _Curve, draw: _Draw) -> tuple[Array, Array]:
    """Move one offer, and price it so that one buyer is indifferent between it and another offer, or nothing."""
    moved = jnp.clip(curve.place[draw.offer] + draw.stride, 0, values.shape[1] - 1)
    target = jnp.where(draw.jump >= 0, draw.jump, moved)
    from_place, from_price = jnp.append(curve.place, 0)[draw.other], jnp.append(curve.price, 0.0)[draw.other]
    worth = values[draw.buyer]
    price = jnp.maximum(worth[target] - worth[from_place] + from_price, 0.0)
    return curve.place.at[draw.offer].set(target), curve.price.at[draw.offer].set(price)


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
