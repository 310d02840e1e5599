"""What a group gains by leaving whose members can and must collect so much, and can spend so much. A pure kernel."""

import jax.numpy as jnp

from jaxmech._types import Agents, Amounts, Array, Bool, Scalar
from jaxmech.collaboration._limited import limited_minimax
from jaxmech.collaboration._penalty import penalty
from jaxmech.collaboration._problem import Problem
from jaxmech.mechanism import Capacity
from jaxmech.mechanism._capacity import sampled, spent
from jaxmech.numerics import LimitedOptimum, Limits


def limited_blocking(
    problem: Problem, stays: Agents, members: Bool[Array, " agents"]
) -> tuple[Scalar, Scalar, Amounts]:
    """Maximise t subject to p_i(n) <= (1 − t) stays_i for all i in S, every member keeping within her own limits.

    Args:
        problem: the problem, with a capacity.
        stays: what each agent pays if she stays.
        members: who is in the group S.

    Returns:
        t; its bound by duality; the amounts, 0 for those who are not in the group.

    Source: this package; see :func:`~jaxmech.collaboration.blocking`.
    """
    supplied = supplied_by(problem, members)
    if not problem.valued_alike:
        supplied = supplied | ~jnp.any(members[:, None] & (problem.price > 0), axis=0)
    possible = jnp.all(supplied) & jnp.any(members)
    told = _of_members(problem, members | ~possible)
    free = problem.unlimited()
    # a scale for who pays nothing, or without end
    together = 2 * jnp.sum(jnp.max(jnp.where(jnp.isfinite(free.costs), free.scale * jnp.sqrt(free.costs), 0), axis=0))
    scale = jnp.where(jnp.isfinite(stays) & (stays > 0), stays, together * len(members) ** 0.5)
    outside = jnp.where(members | ~possible, jnp.zeros_like(scale), jnp.inf)
    optimum, limits = limited_minimax(told, outside, scale)
    assert told.capacity is not None
    kept = jnp.all(told.capacity.allows(told.costs, optimum.amount))
    saves = 1 - penalty(told.unlimited(), optimum.amount) / scale
    share = jnp.where(kept, jnp.min(jnp.where(members, saves, jnp.inf)), -jnp.inf)
    hopeless = ~possible | jnp.any(members & (stays <= 0))
    return (
        jnp.where(hopeless, -jnp.inf, share),
        jnp.where(hopeless, -jnp.inf, _bound(limits, scale, optimum)),
        jnp.where(possible, optimum.amount, 0),
    )


def supplied_by(problem: Problem, members: Bool[Array, " agents"]) -> Bool[Array, " distributions"]:
    """Return of which distributions some agents can collect, and pay for, anything.

    Args:
        problem: the problem, with or without limits.
        members: who they are.
    """
    able = sampled(problem.costs, problem.capacity)
    if problem.capacity is not None:
        spare = problem.capacity.budget > spent(problem.costs, problem.capacity.least)
        able = able & (spare[:, None] | (problem.capacity.least > 0))
    return jnp.any(members[:, None] & able, axis=0)


def _of_members(problem: Problem, members: Array) -> Problem:
    """The same problem, in which nobody else can collect anything."""
    capacity, inside = problem.capacity, members[:, None]
    assert capacity is not None
    held = Capacity(jnp.where(inside, capacity.most, 0), jnp.where(inside, capacity.least, 0), capacity.budget)
    price = problem.price if problem.valued_alike else jnp.where(inside, problem.price, 0)
    return Problem.unchecked(jnp.where(inside, problem.costs, jnp.inf), problem.sigma, price, capacity=held)


def _bound(limits: Limits, scale: Agents, optimum: LimitedOptimum) -> Scalar:
    """1 − min_n (Σ λ_i p_i(n) + Σ ν_i (what n_i costs − B_i)) / Σ λ_i a_i over least <= n <= most."""
    rows, bills = limits.bounds != jnp.inf, limits.budget != jnp.inf
    rows_weight = jnp.where(rows, jnp.maximum(optimum.multiplier, 0), 0)
    bills_weight = jnp.where(bills, jnp.maximum(optimum.price, 0), 0)
    unit = (rows_weight + bills_weight)[:, None] * limits.costs
    least = jnp.sum(_least(rows_weight @ limits.worth, unit, limits.lower, limits.upper))
    least -= jnp.sum(bills_weight * jnp.where(bills, limits.budget, 0))
    paid = jnp.sum(jnp.where(rows, rows_weight * scale, 0))
    return jnp.where(paid > 0, 1 - least / jnp.where(paid > 0, paid, 1), 1.0)


def _least(worth: Array, unit: Amounts, lower: Amounts, upper: Amounts) -> Array:
    """Minimise over lower <= n <= upper w/S + Σ_j q_j n_j, S = Σ_j n_j, by distribution: the cheapest come first.

    W/S plus a convex cost of S that is linear between the sums at which one more agent is at her most: in each piece
    the best S is √(w/q) or an end.
    """
    order = jnp.argsort(unit, axis=0)
    price, low, high = (jnp.take_along_axis(table, order, axis=0) for table in (unit, lower, upper))
    room = high - low
    before = jnp.concatenate([jnp.zeros_like(room[:1]), jnp.cumsum(room, axis=0)[:-1]])
    start = jnp.sum(low, axis=0) + before
    some = price > 0
    wanted = jnp.where(some, jnp.sqrt(worth / jnp.where(some, price, 1)), jnp.inf)
    total = jnp.clip(wanted, start, start + room)
    bill = jnp.where(jnp.isfinite(price * room), price * room, 0)
    paid = jnp.sum(price * low, axis=0) + jnp.concatenate([jnp.zeros_like(bill[:1]), jnp.cumsum(bill, axis=0)[:-1]])
    extra = jnp.where(some & jnp.isfinite(total), price * (total - start), 0)
    risk = jnp.where(total > 0, worth / jnp.where(total > 0, total, 1), jnp.where(worth > 0, jnp.inf, 0))
    reached = jnp.isfinite(start)
    return jnp.min(jnp.where(reached, risk + paid + extra, jnp.inf), axis=0)
