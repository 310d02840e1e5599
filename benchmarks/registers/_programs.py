"""The package's interior-point method and exact end, as the two kernels run them."""

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp

from benchmarks.registers._entries import ACROSS, LANES, Block, described
from benchmarks.registers._kernel import stream_in_registers
from jaxmech._types import Array
from jaxmech.numerics import _newton
from jaxmech.numerics._active_set import End, Interior, begin, improve, outcome, unverified
from jaxmech.numerics._interior_point import advance, going, start
from jaxmech.numerics._program import Kind, Program
from jaxmech.numerics._stream import Method

WARPS = 4
NUMBERS_EACH = 2
"""How many of a table's numbers a thread holds: more do not fit, with fewer most threads repeat each other's work."""


def block_for(m: int, d: int) -> Block:
    """Return how many instances of a size to work on together, the longer side across threads."""
    one = Block(max(m, d), 1, WARPS)
    return Block(one.across, max(1, 32 * WARPS * NUMBERS_EACH // one.padded), WARPS)


def in_registers(kind: Kind, program: Program, skip: Array, block: Block, interpret: bool = False) -> End:
    """Solve a batch of programs, like ``jaxmech.numerics._many._by_rows``.

    Args:
        kind: which program; errors count alike for all agents.
        program: data, (instances, ...).
        skip: (instances,) who needs no result.
        block: what is worked on together.
        interpret: whether to run the kernels step by step, on any device and slowly.
    """
    inside, end = _methods(kind)
    lanes = _in_lanes(program)
    after = jax.eval_shape(lambda lanes: Interior(lanes, *inside.result(inside.start(lanes))[:3]), lanes)
    iterate, normalisation, constant, steps = stream_in_registers(inside, program, skip, lanes, block, interpret)
    interior = Interior(program, iterate, normalisation, constant)
    found: End = stream_in_registers(end, interior, skip, after, block, interpret)
    return found._replace(steps=steps + found.steps)


def _methods(kind: Kind) -> tuple[Method, Method]:
    """To an interior point, and from there to the exact one."""
    inside = Method(
        start=partial(start, kind),
        advance=_with_short_sums(partial(advance, kind)),
        going=going,
        result=lambda state: (state.iterate, state.normalisation, state.constant, state.steps),
    )
    better = _with_short_sums(partial(improve, kind))
    end = Method(
        start=lambda interior: (interior, begin(kind, interior)),
        advance=lambda interior, state, active: (interior, better(interior, state[1], active)),
        going=lambda state: unverified(state[1]),
        result=lambda state: outcome(kind, *state),
    )
    return inside, end


def _with_short_sums(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for the time of whose trace the package forms Σ_i w_i x_ik x_il differently.

    The package adds one agent after the other, which is right for lanes; of what stands for the length across threads
    there are a million. This is all that is exchanged in it.
    """

    def run(*arguments: Any) -> Any:
        with mock.patch.object(_newton, "gram", _gram):
            return function(*arguments)

    return run


def _gram(matrix: Array, weights: Array) -> Array:
    """Σ_i weights[i] matrix[i, k] matrix[i, l], symmetric, by a sum for each of its entries."""
    scaled, n = matrix * weights[:, None], matrix.shape[1]
    known = {}
    for k in range(n):
        for j in range(k + 1):
            known[k, j] = known[j, k] = jnp.sum(scaled[:, k : k + 1] * matrix[:, j : j + 1], axis=0)
    return jnp.concatenate([jnp.concatenate([known[k, j] for j in range(n)])[None] for k in range(n)])


def _in_lanes(program: Program) -> Any:
    """What a batch of programs (instances, ...) looks like in lanes, a name in place of the longer side's length."""
    m, d = program.costs.shape[1:]
    agents, distributions = (ACROSS, d) if d <= m else (m, ACROSS)

    def like(costs: Array) -> Program:
        agent, distribution = costs[:, 0], costs[0]
        return Program(costs, distribution, agent, agent, agent, costs > 0, agent > 0)

    return jax.eval_shape(like, described((agents, distributions, LANES), program.costs.dtype))
