"""Divisions of work where agents can and must collect so much, and can spend so much. Pure kernels.

They are the programs of the unlimited divisions over least <= n <= most and Σ_k c[i, k] n[i, k] <= budget[i], with what
working alone costs within these bounds in place of p_IND. Working alone satisfies all of them.
"""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._status import Solution, Status, worst_status
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array
from jaxmech.collaboration._gaining import who_gains
from jaxmech.collaboration._penalty import penalty
from jaxmech.collaboration._problem import Problem, alone_penalty, alone_samples
from jaxmech.mechanism import Capacity
from jaxmech.mechanism._capacity import sampled, spent
from jaxmech.numerics import MOST_UNKNOWNS, Kind, LimitedOptimum, Limits, solve_limited


@jit
def limited_rational(problem: Problem, bounds: Agents, unlimited: Solution[Amounts]) -> Solution[Amounts]:
    """Minimise P(n) subject to p_i(n) <= bounds[i] within the problem's limits.

    Args:
        problem: the problem, with a capacity.
        bounds: largest penalty that each agent accepts.
        unlimited: the same without limits; if they allow it, it is the answer.
    """
    one = jnp.ones_like(bounds)
    return _unless_allowed(problem, unlimited, partial(_solved, problem, Kind.WEIGHTED, one, bounds, 0 * one))


@jit
def limited_leverage(problem: Problem, unlimited: Solution[Amounts]) -> Solution[Amounts]:
    """Minimise P(n) within most and least subject to w σ_k²/S_k + c n <= what k costs alone within them, for all i, k.

    Objective and conditions part into distributions, and of one it is the rational optimum.

    Args:
        problem: the problem, with a capacity. A budget over several distributions makes the answer NONFINITE.
        unlimited: the division without limits; it is the answer for distributions of which it keeps within them and
            where they change nobody's working alone.
    """
    capacity, d = problem.capacity, problem.shape[1]
    assert capacity is not None
    worth = jnp.broadcast_to(problem.error, problem.costs.shape)

    def column(costs: Agents, worth: Agents, most: Agents, least: Agents, free: Agents) -> Solution[Amounts]:
        budget = capacity.budget if d == 1 else jnp.full_like(capacity.budget, jnp.inf)
        bounds = Capacity(most[:, None], least[:, None], budget)
        one = jnp.ones_like(costs[:1])
        single = Problem.unchecked(costs[:, None], one, worth[:, None], capacity=bounds)
        own = alone_penalty(single)
        same = jnp.all(own == alone_penalty(single.unlimited()))
        status = jnp.where(same, unlimited.status, Status.STALLED).astype(jnp.int32)
        known = Solution(free[:, None], status, unlimited.residual, unlimited.steps)
        return limited_rational(single, own, known)

    found = jax.vmap(column, in_axes=1)(problem.costs, worth, capacity.most, capacity.least, unlimited.value)
    shared = jnp.any(capacity.budget != jnp.inf) & (d > 1)
    status = jnp.where(shared, Status.NONFINITE, worst_status(found.status)).astype(jnp.int32)
    samples, residual = found.value[:, :, 0].T, jnp.max(found.residual)
    return Solution(samples, status, residual, jnp.sum(found.steps, dtype=jnp.int32)).blanked()


@jit
def limited_social(problem: Problem, unlimited: Solution[Amounts]) -> Solution[Amounts]:
    """Minimise P(n) within the problem's limits; see :func:`limited_rational`."""
    one = jnp.ones_like(problem.costs[:, 0])
    return _unless_allowed(problem, unlimited, partial(_solved, problem, Kind.WEIGHTED, one, one * jnp.inf, 0 * one))


@jit
def limited_egalitarian(problem: Problem) -> Solution[Amounts]:
    """Minimise max_i p_i(n) within the problem's limits."""
    one = jnp.ones_like(problem.costs[:, 0])
    return _solved(problem, Kind.MINIMAX, 0 * one, 0 * one, one)


@jit
def limited_nash(problem: Problem) -> Solution[Amounts]:
    """Maximise Σ_i log(p_IND[i] − p_i(n)) within the problem's limits, over those who can gain anything."""
    own = alone_penalty(problem)
    return _finite(problem, _solved(problem, Kind.PRODUCT, 0 * own, own, 0 * own))


@jit
def limited_kalai_smorodinsky(problem: Problem) -> Solution[Amounts]:
    """Find the largest t with p_i(n) <= p_IND[i] − t (p_IND[i] − ideal_i) within the problem's limits."""
    own = alone_penalty(problem)

    def ideal(who: Agents) -> tuple[Array, Array, Array, Array]:
        best = _solved(problem, Kind.WEIGHTED, who, own, 0 * own)
        return jnp.sum(who * (own - penalty(problem, best.value))), best.status, best.residual, best.steps

    gains, status, residual, steps = jax.vmap(ideal)(jnp.eye(len(own), dtype=own.dtype))
    gains = jnp.where(helped(problem), jnp.maximum(gains, 0.0), 0.0)
    shared = _solved(problem, Kind.MINIMAX, 0 * own, own, gains / jnp.mean(gains))
    return _finite(
        problem,
        Solution(
            shared.value,
            worst_status(shared.status, status),
            jnp.maximum(shared.residual, jnp.max(residual)),
            shared.steps + jnp.sum(steps, dtype=jnp.int32),
        ),
    )


def limited_minimax(problem: Problem, bounds: Agents, direction: Agents) -> tuple[LimitedOptimum, Limits]:
    """Minimise τ subject to p_i(n) <= bounds[i] + direction[i] τ within the limits; with the program that was solved.

    Args:
        problem: the problem, with a capacity.
        bounds: ∞ for agents of whom nothing is asked.
        direction: a, positive.
    """
    limits = _limits(problem, Kind.MINIMAX, 0 * direction, bounds, direction)
    return solve_limited(Kind.MINIMAX, limits, alone_samples(problem)), limits


def check_size(problem: Problem) -> Problem:
    """Return a problem with a capacity, refusing one too large for the method that takes limits into account.

    Raises:
        ProblemError: with how large it may be.
    """
    m, d = problem.shape
    if m * d + 2 * m + 1 > MOST_UNKNOWNS:
        rule = f"with most, least or budget there may be {MOST_UNKNOWNS - 2 * m:,} of them for {m} agents"
        raise ProblemError("number of costs", m * d, rule)
    return problem


def helped(problem: Problem) -> Array:
    """Return who can pay less than alone.

    Somebody else can collect of what she wants, because she does so alone, because she gains something herself, or in
    exchange for what she herself gets.

    Args:
        problem: the problem, with a capacity.
    """
    capacity = problem.capacity
    assert capacity is not None
    slack = tolerances(problem.costs.dtype).optimality
    worth = jnp.broadcast_to(problem.error, problem.costs.shape)
    own, able = alone_samples(problem), sampled(problem.costs, capacity)
    costs = jnp.where(able, problem.costs, 1.0)
    spare = able & (capacity.budget > spent(problem.costs, capacity.least))[:, None]
    # money that is all spent would bring her what the least of its uses does
    chosen = (own > capacity.least * (1 + slack)) & (worth > 0)
    use = jnp.min(jnp.where(chosen, worth / (costs * jnp.where(chosen, own, 1.0) ** 2), jnp.inf), axis=1)
    money = jnp.where(spent(problem.costs, own) >= capacity.budget * (1 - slack), jnp.maximum(use, 1.0), 1.0)
    asked = jnp.where(spare & (own < capacity.most * (1 - slack)), costs * money[:, None], jnp.inf)
    return who_gains(worth, own, asked, spare, ready=alone_penalty(problem) == jnp.inf)


def _limits(problem: Problem, kind: Kind, weights: Agents, bounds: Agents, direction: Agents) -> Limits:
    """The program's data. Who cannot gain by sharing is held at what she does alone, where no n lies inside her row."""
    capacity = problem.capacity
    assert capacity is not None
    accuracy = tolerances(problem.costs.dtype)
    able = sampled(problem.costs, capacity)
    costs = jnp.where(problem.costs != jnp.inf, problem.costs, 1.0)
    worth = jnp.broadcast_to(problem.error, costs.shape)
    own, alone = alone_penalty(problem), alone_samples(problem)
    nobody = ~jnp.any(worth > 0, axis=0)
    needed = spent(problem.costs, capacity.least)
    poor = (capacity.budget <= needed * (1 + accuracy.optimality))[:, None]
    tied = (capacity.most - capacity.least) <= accuracy.condition * capacity.least
    held = ~able | nobody | poor | tied
    lower = jnp.where(able, capacity.least, 0.0)
    # what the money buys of one distribution is a bound as well, and a better one: where that is all, no row is needed
    apart = jnp.sum(~held & (capacity.most > lower), axis=1) <= 1
    paid = capacity.budget != jnp.inf  # where there is no such bound, no slope may pass: that of ∞ is no number
    spare = jnp.maximum(jnp.where(paid, capacity.budget, needed) - needed, 0.0)
    afford = jnp.where(paid[:, None], lower + spare[:, None] / costs, jnp.inf)
    upper = jnp.where(held, lower, jnp.minimum(capacity.most, afford))
    # a useless row would keep the interior empty; minimax without bounds has none
    near = (bounds <= own * (1 + accuracy.optimality)) & (bounds >= own * (1 - accuracy.optimality))
    pinned = ~helped(problem) & near & (bounds != jnp.inf)
    pinned = (
        pinned & jnp.any(jnp.stack([bounds > 0, own <= 0]), axis=0) & (kind is not Kind.MINIMAX or jnp.any(bounds > 0))
    )
    lower, upper = (jnp.where(pinned[:, None], alone, values) for values in (lower, upper))
    loose = pinned | (bounds == jnp.inf)
    budget = jnp.where(apart | jnp.all(upper <= lower, axis=1), jnp.inf, capacity.budget)
    direction = jnp.where(loose, 0.0, direction)
    return Limits(costs, worth, weights, jnp.where(loose, jnp.inf, bounds), direction, lower, upper, budget)


def _solved(problem: Problem, kind: Kind, weights: Agents, bounds: Agents, direction: Agents) -> Solution[Amounts]:
    """Solve, with the statuses of a division: INFEASIBLE where the limits contradict each other."""
    capacity = problem.capacity
    assert capacity is not None
    limits = _limits(problem, kind, weights, bounds, direction)
    found: LimitedOptimum = solve_limited(kind, limits, alone_samples(problem))
    possible = jnp.all(capacity.allows(problem.costs, capacity.least))
    status = jnp.where(possible, found.status, Status.INFEASIBLE)
    bad = jnp.isnan(problem.costs).any() | jnp.isnan(problem.scale).any() | jnp.isnan(bounds).any()
    status = jnp.where(bad, Status.NONFINITE, status).astype(jnp.int32)
    return Solution(found.amount, status, found.residual, found.steps).blanked()


def _unless_allowed(
    problem: Problem, unlimited: Solution[Amounts], solved: partial[Solution[Amounts]]
) -> Solution[Amounts]:
    """The unlimited optimum where it keeps within the limits: then it is the limited one too."""
    assert problem.capacity is not None
    allowed = jnp.all(problem.capacity.allows(problem.costs, unlimited.value)) & (unlimited.status == Status.OK)
    chosen: Solution[Amounts] = jax.lax.cond(allowed, lambda: unlimited, solved)
    return chosen


def _finite(problem: Problem, solution: Solution[Amounts]) -> Solution[Amounts]:
    """Mark an instance with an infinite p_IND as failed."""
    finite = jnp.all(jnp.isfinite(alone_penalty(problem)))
    return dataclasses.replace(
        solution, status=jnp.where(finite, solution.status, Status.NONFINITE).astype(jnp.int32)
    ).blanked()


def infeasible(problem: Problem, bounds: Agents, solution: Solution[Amounts]) -> Solution[Amounts]:
    """Return a solution for bounds that a person gave, its status INFEASIBLE if no amounts satisfy them.

    Args:
        problem: the problem, with a capacity.
        bounds: largest penalties accepted.
        solution: for them, perhaps not solved.
    """
    one = (bounds != jnp.inf).astype(bounds.dtype)
    closest = _solved(problem, Kind.MINIMAX, 0 * one, bounds, one)
    missed = jnp.max(jnp.where(one > 0, penalty(problem, closest.value) / bounds - 1, -jnp.inf))
    broken = (closest.status == Status.OK) & (missed > tolerances(bounds.dtype).optimality)
    status = jnp.where(broken, Status.INFEASIBLE, solution.status).astype(jnp.int32)
    return dataclasses.replace(solution, status=status).blanked()
