"""Kernel: strategies of an agent who can and must collect so much, and can spend so much."""

import dataclasses

import jax.numpy as jnp

from jaxmech._types import Array
from jaxmech.deviation._strategy import Deviation
from jaxmech.mechanism import Stakes


def within(stakes: Stakes, agent: int | Array, deviation: Deviation) -> Deviation:
    """Return a strategy with the nearest amounts that the agent's limits allow; itself where there are none.

    Amounts are clipped to least and most, and what is then above least is cut back in one proportion until her budget
    covers it; whole numbers are rounded down. Differentiable.

    Args:
        stakes: with what agents can collect and spend.
        agent: her index.
        deviation: one strategy.
    """
    if stakes.capacity is None:
        return deviation
    unit = 1.0 if stakes.precision is None else stakes.precision[agent]
    price = jnp.where(stakes.costs[agent] != jnp.inf, stakes.costs[agent], 1.0)
    whole = deviation.whole > 0
    least, most = stakes.capacity.least[agent], stakes.capacity.most[agent]
    least = jnp.where(whole, jnp.ceil(least / unit) * unit, least)
    wanted = jnp.clip(deviation.samples, least, jnp.maximum(most, least))
    extra, left = jnp.sum(price * (wanted - least)), stakes.capacity.budget[agent] - jnp.sum(price * least)
    share = jnp.where(extra > left, jnp.maximum(left, 0.0) / jnp.where(extra > 0, extra, 1.0), 1.0)
    amount = least + share * (wanted - least)
    amount = jnp.where(whole, jnp.maximum(jnp.floor(amount / unit) * unit, least), amount)
    some = amount > 0
    size = jnp.log(jnp.where(some, amount, deviation.unit) / deviation.unit)
    return dataclasses.replace(deviation, collects=jnp.where(some, 1.0, 0.0).astype(size.dtype), log_samples=size)
