"""The most that one agent can gain with nobody worse off than alone: budgets, and one equation for what she spends.

In the program of an ideal one weight is 1 and all others are 0. All rows of others hold with equality: whoever has
something to spare collects more, and the one with the weight is better off. So with E = Σ_k w_k/S_k agent j spends
B_j = b_j − E, and the one with the weight some β >= 0. Let F(B, β) be the least Σ_k w_k/S_k that budgets can buy
(:mod:`jaxmech.numerics._equal_budgets`), and ρ_j = max_k s_k/c[j, k], s_k = w_k/S_k², what a little more of a budget
takes off F. Then

    E is the least root of F(b − E, β) = E,    and    β > 0 with Σ_j ρ_j = 1, or β = 0 with Σ_j ρ_j <= 1.

F is convex and falls in budgets, so Newton's method in E climbs from 0 to the root and never passes it; Σ ρ falls in β.
Multipliers are v_j = ρ_j/(1 − Σ_{i other} ρ_i). Nothing cancels: any number of decades will do.
"""

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Distributions, Scalar
from jaxmech.numerics._active_set import End
from jaxmech.numerics._equal_budgets_solver import spend_equal_budgets
from jaxmech.numerics._program import Iterate, Kind, Program, certified_residual

_CLIMBS = 80
_HALVINGS = 120
_LEAST_ROOT = 1.5  # eps to this power, of her bound: below, spending is none


class _Bought(NamedTuple):
    """What budgets buy: amounts, totals, E so far, the error F, and ρ."""

    amount: Amounts
    totals: Distributions
    level: Scalar
    error: Scalar
    rate: Agents


def solve_ideal(program: Program, skip: Array) -> End:
    """Return the optimum of a WEIGHTED program whose weights are 1 for one agent and 0 for the others.

    Args:
        program: one instance; every row of others has a bound.
        skip: true where the answer is not needed.

    Returns:
        The point, whether its optimality conditions hold, and how often budgets were spent.
    """
    hers = program.weights > 0
    apply = jnp.all(program.bounded | hers) & (jnp.sum(hers) == 1) & ~skip
    # where there is nothing to do, numbers that are soon done
    calm = dataclasses.replace(
        program,
        costs=jnp.where(apply, program.costs, 1.0),
        error=jnp.where(apply, program.error, 1.0),
        bounds=jnp.where(apply, program.bounds, 2.0 * len(program.error)),
        able=program.able | ~apply,
    )
    bought, spent, count = _spend(calm)
    rates = jnp.where(hers, 0.0, bought.rate)
    free = jnp.where(spent > 0, bought.rate[jnp.argmax(hers)], 1 - jnp.sum(rates))
    multiplier = rates / free
    value = program.error * (1 + jnp.sum(multiplier)) / bought.totals**2
    gap = (program.weights + multiplier)[:, None] * program.costs - value
    iterate = Iterate(
        amount=bought.amount,
        gap=jnp.where(program.able, jnp.where(bought.amount > 0, 0.0, gap), 1.0),
        multiplier=multiplier,
        slack=jnp.where(hers & program.bounded, program.bounds - bought.level - spent, 0.0),
        value=value,
        level=jnp.ones_like(bought.level),
    )
    residual = certified_residual(Kind.IDEAL, program, iterate.amount, multiplier)
    return End(iterate, apply & (residual <= tolerances(residual.dtype).optimality), count)


def _buy(program: Program, level: Scalar, spent: Scalar) -> _Bought:
    budget = jnp.where(program.weights > 0, spent, jnp.maximum(program.bounds - level, 0.0))
    output = jnp.where(program.able, budget[:, None] / program.costs, 0.0)
    amount = output * spend_equal_budgets(output, program.error).share
    totals = jnp.sum(amount, axis=0)
    worth = jnp.where(program.able, program.error / totals**2 / program.costs, 0.0)
    return _Bought(amount, totals, level, jnp.sum(program.error / totals), jnp.max(worth, axis=1))


def _climb(program: Program, spent: Scalar) -> tuple[_Bought, Array]:
    """The least E with F(b − E, β) = E."""
    others = program.weights == 0
    limits = tolerances(spent.dtype)

    def step(state: tuple[_Bought, Scalar, Array, Array]) -> tuple[_Bought, Scalar, Array, Array]:
        _, level, count, _ = state
        bought = _buy(program, level, spent)
        slope = 1 - jnp.sum(jnp.where(others, bought.rate, 0.0))
        move = (bought.error - level) / slope
        goes = (slope > 0) & (move > limits.eps * level)
        return bought, jnp.where(goes, level + move, level), count + 1, goes

    # written so that what budgets buy stands in the program once
    shapes = jax.eval_shape(partial(_buy, program), spent, spent)
    blank: _Bought = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    start = blank, jnp.zeros_like(spent), jnp.zeros((), jnp.int32), jnp.array(True)
    bought, _, count, _ = jax.lax.while_loop(lambda state: state[3] & (state[2] < _CLIMBS), step, start)
    return bought, count


class _Bracket(NamedTuple):
    """Logarithms of β between which Σ ρ = 1 lies, with Σ ρ − 1 there, the last β tried, how often, and all steps."""

    low: Scalar
    high: Scalar
    above: Scalar
    below: Scalar
    bought: _Bought
    spent: Scalar
    tried: Array
    steps: Array


def _spend(program: Program) -> tuple[_Bought, Scalar, Array]:
    """What she spends herself, and what all buy then: first nothing, and if that is too little the root."""
    limits = tolerances(program.error.dtype)

    def goes(state: _Bracket) -> Array:
        return (state.high - state.low > 2 * limits.eps) & (state.tried < _HALVINGS)

    def step(state: _Bracket) -> _Bracket:
        # halving and a secant in turns: the one cannot fail, the other is fast
        part = state.above / (state.above - state.below)
        part = jnp.where(state.tried % 2 == 1, 0.5, jnp.clip(part, 0.0, 1.0))
        place = state.low + part * (state.high - state.low)
        first = state.tried == 0
        spent = jnp.where(first, 0.0, jnp.exp(place))
        bought, steps = _climb(program, spent)
        excess = jnp.sum(bought.rate) - 1
        more = excess > 0
        done = (jnp.abs(excess) <= 2 * limits.eps) | (first & ~more)
        return _Bracket(
            low=jnp.where(more & ~first, place, state.low),
            high=jnp.where(more, state.high, place),
            above=jnp.where(more, excess, state.above),
            below=jnp.where(more, state.below, excess),
            bought=bought,
            spent=spent,
            tried=jnp.where(done, _HALVINGS, state.tried + 1),
            steps=state.steps + steps,
        )

    bound = jnp.sum(jnp.where(program.weights > 0, program.bounds, 0.0))
    high, zero = jnp.log(bound), jnp.zeros_like(bound)
    low = high + _LEAST_ROOT * jnp.log(jnp.asarray(limits.eps, high.dtype))
    none = jnp.zeros((), jnp.int32)
    shapes = jax.eval_shape(partial(_buy, program), zero, zero)
    blank: _Bought = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    begun = _Bracket(low, high, jnp.ones_like(high), -jnp.ones_like(high), blank, zero, none, none)
    found = jax.lax.while_loop(goes, step, begun)
    return found.bought, found.spent, found.steps
