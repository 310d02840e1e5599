"""One instance by itself, or a batch through lanes: what ``vmap`` does to the interior-point method."""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.numerics._active_set import End, Interior, begin, finish, improve, outcome, unverified
from jaxmech.numerics._ideal import solve_ideal
from jaxmech.numerics._interior_point import advance, going, solve_interior, start
from jaxmech.numerics._newton import Newton
from jaxmech.numerics._newton_relative import RELATIVE
from jaxmech.numerics._newton_worth import ordinary
from jaxmech.numerics._program import Iterate, Kind, Program, certified_residual, infeasibility
from jaxmech.numerics._rows import through_rows
from jaxmech.numerics._stream import Method, lanes_for, stream

MOST_COEFFICIENTS = 1 << 11
"""What the equations of a step in ratios may hold."""

TOGETHER = 16
"""Instances that are tried another way at a time."""


class _Way(NamedTuple):
    """Another way to solve: ``alone`` one instance, ``beside`` some of a batch (instances, ...) together."""

    alone: Callable[[Program, Array], End]
    beside: Callable[[Program, Array], End]


def _other_ways(kind: Kind, program: Program) -> list[_Way]:
    """What is tried where the fast way leaves no exact answer: budgets for ideals, ratios for small programs."""
    m, d = program.costs.shape[-2:]
    if program.worth is not None:
        return []
    if kind is Kind.IDEAL:
        return [_Way(solve_ideal, jax.vmap(solve_ideal))]
    if kind is not Kind.WEIGHTED or m * d * (m + d) > MOST_COEFFICIENTS:
        return []
    return [_Way(partial(_by_itself, kind, RELATIVE), partial(_side_by_side, kind, RELATIVE))]


@cache
def solve_one_or_many(kind: Kind) -> Callable[[Program, Array], tuple[Iterate, Array]]:
    """Return the solver of one program, which under ``vmap`` (nested or not) becomes the solver of a batch.

    Args:
        kind: which program.
    """
    return through_rows(partial(_solve_rows, kind), alone=partial(_solve_one, kind), like=_blank)


def _blank(program: Program, skip: Array) -> tuple[Iterate, Array]:
    """Something of the same shapes and types."""
    del skip
    table, row, column = map(jnp.zeros_like, (program.costs, program.bounds, program.error))
    return Iterate(table, table, row, row, column, jnp.sum(column)), jnp.zeros((), jnp.int32)


def _solve_rows(kind: Kind, program: Program, skip: Array) -> tuple[Iterate, Array]:
    """Solve a batch (instances, ...) of programs."""
    m, d = program.costs.shape[1:]
    lanes = lanes_for(m, d, program.costs.dtype.itemsize)
    if lanes == 1:
        return jax.lax.map(lambda pair: _solve_one(kind, *pair), (program, skip))
    found = _by_rows(kind, program, skip, lanes)
    for way in _other_ways(kind, program):
        done = skip | jax.vmap(_settled)(program, found)
        try_again = partial(_tried_again, kind, way.beside)
        found = jax.lax.cond(jnp.all(done), lambda _, found, done: found, try_again, program, found, done)
    return found.iterate, jnp.where(skip, 0, found.steps)


def _by_rows(kind: Kind, program: Program, skip: Array, lanes: int) -> End:
    newton = ordinary(program)
    inside = Method(
        start=partial(start, kind),
        advance=lambda program, state, active: advance(kind, program, state, active, newton),
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
    found = _by_itself(kind, ordinary(program), program, skip)
    for way in _other_ways(kind, program):
        done = skip | _settled(program, found)
        again = jax.lax.cond(
            done, lambda kept, *_: kept, lambda _, *data, solve=way.alone: solve(*data), found, program, done
        )
        found = _better(kind, program, done, found, again)
    return found.iterate, jnp.where(skip, 0, found.steps)


def _by_itself(kind: Kind, newton: Newton, program: Program, skip: Array) -> End:
    state = start(kind, program)
    state = solve_interior(kind, program, state._replace(before=jnp.where(skip, 0.0, state.before)), newton)
    interior = Interior(program, state.iterate, state.normalisation, state.constant)
    found = finish(kind, interior, skip, newton)
    return found._replace(steps=state.steps + found.steps)


def _side_by_side(kind: Kind, newton: Newton, program: Program, skip: Array) -> End:
    """As :func:`_by_itself` for some instances (instances, ...), each in a lane of its own until the last is done."""
    lanes = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, -1), program)
    found = _by_itself(kind, newton, lanes, skip)
    return End(*jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0), tuple(found)))


def a_few_at_a_time(solve: Callable[[Program, Array], End], program: Program, found: End, skip: Array) -> End:
    """Solve those of a batch (instances, ...) that are not skipped; only these cost time.

    Args:
        solve: some instances together, or nothing where one is skipped.
        program: instances along the first axis.
        found: what the skipped ones keep.
        skip: (instances,).
    """
    together = min(TOGETHER, skip.shape[0])
    line = jnp.argsort(skip, stable=True)  # the skipped ones last, where nobody calls them

    def group(i: Array, results: End) -> End:
        who = line[jnp.minimum(i * together + jnp.arange(together), len(line) - 1)]
        again = solve(jax.tree.map(lambda leaf: leaf[who], program), skip[who])
        return jax.tree.map(lambda kept, new: kept.at[who].set(new), results, again)

    groups = -(-jnp.sum(~skip, dtype=jnp.int32) // together)
    results: End = jax.lax.fori_loop(0, groups, group, found)
    return results


def _tried_again(kind: Kind, solve: Callable[[Program, Array], End], program: Program, found: End, done: Array) -> End:
    again = a_few_at_a_time(solve, program, found, done)
    better: End = jax.vmap(partial(_better, kind))(program, done, found, again)
    return better


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
