"""Plans in whole samples where agents can and must collect so much, and can spend so much. Pure kernels."""

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Amounts, Array, Codes, Distributions, Support
from jaxmech.collaboration._limited_roles import POOR_MARGIN, Arranged, cheapest_restless
from jaxmech.collaboration._plan import Role
from jaxmech.collaboration._problem import Problem, unlimited_alone
from jaxmech.mechanism import Capacity, of_others
from jaxmech.mechanism._capacity import alone_within, sampled, spent, whole_alone_within, whole_limits


def whole_alone(problem: Problem, unit: Array | float) -> Amounts:
    """Return whole numbers for each agent on her own within her limits; 0 where she cannot sample.

    Args:
        problem: the problem, with a capacity.
        unit: what a whole point counts.
    """
    assert problem.capacity is not None
    error = jnp.broadcast_to(problem.error, problem.costs.shape)
    return whole_alone_within(problem.costs, error, whole_limits(problem.capacity, unit), unit)


def settle_whole(
    problem: Problem, shared: Amounts, alone: Support, total: Distributions, unit: Array | float
) -> Arranged:
    """Return the equilibrium in whole points that is built on rounded amounts; see :func:`arrange`.

    Args:
        problem: the problem, with a capacity.
        shared: whole amounts of who does not work alone.
        alone: who works alone at the start.
        total: T of the plan that is rounded.
        unit: what a whole point counts.
    """
    assert problem.capacity is not None
    capacity = whole_limits(problem.capacity, unit)
    shared = affordable(problem, shared, unit)

    def arranged(alone: Support) -> Arranged:
        return _arranged(problem, capacity, shared, alone, total, unit)

    def convert(state: tuple[Support, Support]) -> tuple[Support, Support]:
        alone = state[0] | cheapest_restless(problem, state[1])
        return alone, arranged(alone).restless

    first = arranged(alone).restless
    settled: tuple[Support, Support] = jax.lax.while_loop(lambda state: jnp.any(state[1]), convert, (alone, first))
    return arranged(settled[0])


def affordable(problem: Problem, samples: Amounts, unit: Array | float) -> Amounts:
    """Return whole amounts within most and least, less points of an agent's dearest distributions that she cannot pay.

    Args:
        problem: the problem, with a capacity.
        samples: whole amounts.
        unit: what a whole point counts.
    """
    assert problem.capacity is not None
    capacity = whole_limits(problem.capacity, unit)
    samples = jnp.clip(samples, capacity.least, capacity.most)
    able = sampled(problem.costs, capacity)
    price = jnp.where(able, problem.costs, 1.0) * unit
    columns = jnp.arange(samples.shape[1])

    def over(samples: Amounts) -> Array:
        slack = 1 + tolerances(samples.dtype).condition
        return (spent(problem.costs, samples) > capacity.budget * slack) & jnp.any(samples > capacity.least, axis=1)

    def take(samples: Amounts) -> Amounts:
        removable = samples > capacity.least
        dearest = jnp.argmax(jnp.where(removable, price, -jnp.inf), axis=1)
        here = over(samples)[:, None] & removable & (columns == dearest[:, None])
        return samples - jnp.where(here, unit, 0.0)

    found: Amounts = jax.lax.while_loop(lambda samples: jnp.any(over(samples)), take, samples)
    return found


def _arranged(
    problem: Problem,
    capacity: Capacity,
    shared: Amounts,
    alone: Support,
    total: Distributions,
    unit: Array | float,
) -> Arranged:
    costs, slack = problem.costs, tolerances(shared.dtype).condition
    able = sampled(costs, capacity)
    held = Capacity(jnp.where(alone, capacity.most, shared), jnp.where(alone, capacity.least, shared), capacity.budget)
    error = jnp.broadcast_to(problem.error, costs.shape)
    samples = jnp.where(alone, whole_alone_within(costs, error, held, unit), shared)
    _, tightness = alone_within(costs, error, held)
    collected = jnp.sum(samples, axis=0)
    total = jnp.minimum(total, collected)
    wish, price = unlimited_alone(problem), jnp.where(able, costs, 1.0) * unit
    left = (capacity.budget - spent(costs, samples))[:, None]
    wanting = able & (wish > 0) & (samples < capacity.most)
    poor = jnp.all(~wanting | (price > left), axis=1) & ~jnp.any(alone, axis=1) & (capacity.budget != jnp.inf)
    patience = jnp.where(wanting, total / jnp.where(wish > 0, wish, 1.0) * (1 - POOR_MARGIN), jnp.inf)
    tightness = jnp.where(poor, jnp.minimum(tightness, jnp.min(patience, axis=1)), tightness)
    wish = wish * tightness[:, None]
    full, least = samples >= capacity.most, samples <= capacity.least
    no_more = full | (collected * (collected + unit) >= wish**2 * (1 - slack))
    no_less = least | (collected * (collected - unit) <= wish**2 * (1 + slack))
    receives = ~able | (no_more & no_less & (full | least))
    checkable = (samples > 0) & (2 * samples < wish) & (total > wish) & (total > 2 * samples)
    backed = (total - samples <= of_others(samples) * (1 + slack)) & (total - samples >= samples)
    role: Codes = jnp.where(alone, Role.ALONE, jnp.where(receives, Role.RECEIVES, Role.CHECKED)).astype(jnp.int32)
    return Arranged(samples, role, total, tightness, ~alone & ~receives & ~(checkable & backed))
