"""Many small programs by one kernel with its state in registers, against the package's queue of lanes on arrays.

Sizes shrink with ``JAXMECH_SCALE``. Without a graphics processor the kernel is interpreted, on a few instances of the
smallest size, and the row says so: its times mean nothing then.
"""

import os
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks._turns import in_turns
from benchmarks.accelerator import binding
from benchmarks.registers import block_for, in_registers
from jaxmech.numerics._many import _by_rows
from jaxmech.numerics._program import Kind, Program
from jaxmech.numerics._stream import lanes_for

SIZES = ((3, 2), (10, 5))
INTERPRETED = 64


def run() -> Iterator[dict[str, Any]]:
    """Solve binding rational optima in float64; a row as soon as it is known."""
    interpret = jax.default_backend() != "gpu"
    instances = INTERPRETED if interpret else int(1_000_000 * float(os.environ.get("JAXMECH_SCALE", "1")))
    with jax.enable_x64(True):
        for m, d in SIZES[:1] if interpret else SIZES:
            yield _row(m, d, instances, interpret)


def problems(kind: Kind, costs: Any) -> Program:
    """What a division asks for, from costs (instances, m, d): nobody pays more than she would alone."""

    def one(costs: Any) -> Program:
        (m, d), alone = costs.shape, 2 * jnp.sum(jnp.sqrt(costs), axis=1)
        ones, zeros = jnp.ones(m), jnp.zeros(m)
        weights, direction = ones if kind is Kind.WEIGHTED else zeros, ones if kind is Kind.MINIMAX else zeros
        return Program(costs, jnp.ones(d), weights, alone, direction, jnp.ones((m, d), bool), jnp.ones(m, bool))

    return jax.vmap(one)(costs)


def _row(m: int, d: int, instances: int, interpret: bool) -> dict[str, Any]:
    costs = jax.jit(binding, static_argnums=(1, 2, 3))(jax.random.key(0), instances, m, d)
    program, skip = problems(Kind.WEIGHTED, costs), jnp.zeros(instances, bool)
    block, lanes = block_for(m, d), lanes_for(m, d, costs.dtype.itemsize)
    kernel = jax.jit(lambda program, skip: in_registers(Kind.WEIGHTED, program, skip, block, interpret))
    queue = jax.jit(lambda program, skip: _by_rows(Kind.WEIGHTED, program, skip, lanes))
    compile_s, (run_s, found), (rival_s, other) = in_turns(
        lambda: jax.block_until_ready(kernel(program, skip)), lambda: jax.block_until_ready(queue(program, skip))
    )
    apart = jnp.max(jnp.abs(found.iterate.amount - other.iterate.amount), axis=(1, 2))
    return {
        "work": "rational optimum, in registers" + (" (interpreted: no times)" if interpret else ""),
        "size": f"{instances:,} of {m}x{d}",
        "rival": "the queue of lanes",
        "compile_s": compile_s,
        "run_s": run_s,
        "rival_s": rival_s,
        "ratio": rival_s / run_s,
        "accuracy": float(jnp.max(apart / jnp.max(other.iterate.amount, axis=(1, 2)))),
        "block": f"{block.lanes} instances by {block.warps} warps",
        "not exact": int(jnp.sum(~found.verified)),
        "rival's not exact": int(jnp.sum(~other.verified)),
    }
