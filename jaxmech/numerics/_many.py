"""One instance by itself, or a batch through lanes: what ``vmap`` does to the interior-point method."""

from collections.abc import Callable
from functools import cache, partial

import jax
import jax.numpy as jnp

from jaxmech._types import Array
from jaxmech.numerics._active_set import Interior, begin, finish, improve, outcome, unverified
from jaxmech.numerics._interior_point import advance, going, solve_interior, start
from jaxmech.numerics._lanes import SHORT
from jaxmech.numerics._program import Iterate, Kind, Program
from jaxmech.numerics._rows import through_rows
from jaxmech.numerics._stream import Method, lanes_that_fit, stream

MIN_LANES, MAX_LANES = 16, 512

MAX_BYTES = 1 << 22
"""From here on lanes gain nothing: one instance by itself fills the loops."""

_LIVE_TABLES = 16  # arrays of (agents, distributions) that a step holds at a time


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
    inside = Method(
        start=partial(start, kind),
        advance=partial(advance, kind),
        going=going,
        result=lambda state: (state.iterate, state.normalisation, state.constant, state.steps),
    )
    iterate, normalisation, constant, steps = stream(inside, program, skip, lanes)
    end = Method(
        start=lambda interior: (interior, begin(kind, interior)),
        advance=lambda interior, state, active: (interior, improve(kind, interior, state[1], active)),
        going=lambda state: unverified(state[1]),
        result=lambda state: (outcome(kind, *state), state[1].steps),
    )
    exact, more = stream(end, Interior(program, iterate, normalisation, constant), skip, lanes)
    return exact, jnp.where(skip, 0, steps + more)


def _solve_one(kind: Kind, program: Program, skip: Array) -> tuple[Iterate, Array]:
    """Solve one instance; where ``skip`` holds, return the start and 0."""
    state = solve_interior(kind, program, skip)
    interior = Interior(program, state.iterate, state.normalisation, state.constant)
    exact, more = finish(kind, interior)
    return exact, jnp.where(skip, 0, state.steps + more)


def lanes_for(m: int, d: int, itemsize: int) -> int:
    """Return how many instances of a size to work on at a time; 1 for one after the other."""
    table = itemsize * (_LIVE_TABLES * m * d + 3 * min(m, d) ** 2)
    if jax.default_backend() == "cpu" and (min(m, d) > SHORT or table * MIN_LANES > MAX_BYTES):
        return 1
    return lanes_that_fit(table, MIN_LANES, MAX_LANES)
