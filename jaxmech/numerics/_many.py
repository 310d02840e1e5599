"""One instance by itself, or a batch through lanes: what ``vmap`` does to the interior-point method."""

from collections.abc import Callable
from functools import cache, partial

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.numerics._active_set import End, Interior, begin, finish, improve, outcome, unverified
from jaxmech.numerics._ideal import solve_ideal, solve_ideals
from jaxmech.numerics._interior_point import advance, going, solve_interior, start
from jaxmech.numerics._newton import ORDINARY, Newton
from jaxmech.numerics._newton_relative import RELATIVE
from jaxmech.numerics._program import Iterate, Kind, Program, certified_residual, infeasibility
from jaxmech.numerics._rows import through_rows
from jaxmech.numerics._stream import Method, lanes_for, stream

MOST_COEFFICIENTS = 1 << 11
"""What the equations of a step in ratios may hold."""

TOGETHER = 16
"""Ideals that are solved at a time by way of budgets."""


def _ways(kind: Kind, m: int, d: int) -> tuple[Newton, ...]:
    """The fast way; and for small programs that it leaves without an exact answer, the one over many decades."""
    if kind is not Kind.WEIGHTED or m * d * (m + d) > MOST_COEFFICIENTS:
        return (ORDINARY,)
    return ORDINARY, RELATIVE


@cache
def solve_one_or_many(kind: Kind) -> Callable[[Program, Array], tuple[Iterate, Array]]:
    """Return the solver of one program, which under ``vmap`` (nested or not) becomes the solver of a batch.

    Args:
        kind: which program.
    """
    return through_rows(partial(_solve_rows, kind), alone=partial(_solve_one, kind))


def _solve_rows(kind: Kind, program: Program, skip: Array) -> tuple[Iterate, Array]:
    """Solve a batch (instances, ...) of programs."""
    m, d = program.costs.shape[1:]
    lanes = lanes_for(m, d, program.costs.dtype.itemsize)
    if lanes == 1:
        return jax.lax.map(lambda pair: _solve_one(kind, *pair), (program, skip))
    first, *more = _ways(kind, m, d)
    found = _by_rows(kind, first, program, skip, lanes)
    for newton in more:
        done = skip | jax.vmap(_settled)(program, found)
        again = _by_rows(kind, newton, program, done, lanes // 4)
        found = jax.vmap(partial(_better, kind))(program, done, found, again)
    if kind is Kind.IDEAL:
        done = skip | jax.vmap(_settled)(program, found)
        again = solve_ideals(program, done, TOGETHER)
        found = jax.vmap(partial(_better, kind))(program, done, found, again)
    return found.iterate, jnp.where(skip, 0, found.steps)


def _by_rows(kind: Kind, newton: Newton, program: Program, skip: Array, lanes: int) -> End:
    inside = Method(
        start=partial(start, kind),
        advance=partial(advance, kind, newton=newton),
        going=going,
        result=lambda state: (state.iterate, state.normalisation, state.constant, state.steps),
    )
    iterate, normalisation, constant, steps = stream(inside, program, skip, lanes)
    end = Method(
        start=lambda interior: (interior, begin(kind, interior)),
        advance=lambda interior, state, active: (interior, improve(kind, interior, state[1], active, newton)),
        going=lambda state: unverified(state[1]),
        result=lambda state: outcome(kind, *state),
    )
    found: End = stream(end, Interior(program, iterate, normalisation, constant), skip, lanes)
    return found._replace(steps=steps + found.steps)


def _solve_one(kind: Kind, program: Program, skip: Array) -> tuple[Iterate, Array]:
    """Solve one instance; where ``skip`` holds, return the start and 0."""
    first, *more = _ways(kind, *program.costs.shape)
    found = _by_itself(kind, first, skip, program)
    for newton in more:
        done = skip | _settled(program, found)
        solve = partial(_by_itself, kind, newton, done)
        again = jax.lax.cond(done, lambda kept, _: kept, lambda _, data, solve=solve: solve(data), found, program)
        found = _better(kind, program, done, found, again)
    if kind is Kind.IDEAL:
        done = skip | _settled(program, found)
        again = jax.lax.cond(done, lambda kept, *_: kept, lambda _, *data: solve_ideal(*data), found, program, done)
        found = _better(kind, program, done, found, again)
    return found.iterate, jnp.where(skip, 0, found.steps)


def _by_itself(kind: Kind, newton: Newton, skip: Array, program: Program) -> End:
    state = start(kind, program)
    state = solve_interior(kind, program, state._replace(before=jnp.where(skip, 0.0, state.before)), newton)
    interior = Interior(program, state.iterate, state.normalisation, state.constant)
    found = finish(kind, interior, skip, newton)
    return found._replace(steps=state.steps + found.steps)


def _settled(program: Program, found: End) -> Array:
    """Whether the answer is exact, or proves that there is none."""
    none = infeasibility(program, found.iterate.multiplier)
    return found.verified | (none > tolerances(none.dtype).optimality)


def _better(kind: Kind, program: Program, done: Array, found: End, again: End) -> End:
    """The second answer where it was looked for, and is exact or no worse; the steps of both."""
    before, after = (
        certified_residual(kind, program, end.iterate.amount, end.iterate.multiplier) for end in (found, again)
    )
    take = ~done & (again.verified | (after <= before) | jnp.isnan(before))
    best: End = jax.tree.map(lambda new, old: jnp.where(take, new, old), again, found)
    return best._replace(steps=found.steps + jnp.where(done, 0, again.steps))
