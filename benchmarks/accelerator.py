"""What an accelerator is bought for: a million programs, a hundred million roots. Needs nothing but jaxmech.

``python -m benchmarks --gpu``, on any device; sizes shrink with ``JAXMECH_SCALE`` (1 by default, 0.001 on a laptop).
Accuracy is the largest residual, recomputed from the answers.
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxmech import collaboration

SCALE = float(os.environ.get("JAXMECH_SCALE", "1"))
REPEATS = 5


def run() -> list[dict[str, Any]]:
    """Time each piece of work on the default device, in float64."""
    with jax.enable_x64(True):
        return [
            _programs(3, 2, int(1_000_000 * SCALE)),
            _programs(10, 5, int(1_000_000 * SCALE)),
            _programs(20, 20, int(20_000 * SCALE)),
            _roots(int(100_000_000 * SCALE)),
        ]


def binding(key: Any, instances: int, m: int, d: int) -> Any:
    """Costs with a factor per agent, one per distribution and a little of both: most rows bind."""
    shapes = ((instances, m, 1), (instances, 1, d), (instances, m, d))
    agent, distribution, pair = (
        jax.random.normal(part, shape, float) for part, shape in zip(jax.random.split(key, 3), shapes, strict=True)
    )
    return jnp.exp(0.3 * agent + 0.5 * distribution + 0.05 * pair)


def _programs(m: int, d: int, instances: int) -> dict[str, Any]:
    costs = jax.block_until_ready(jax.jit(binding, static_argnums=(1, 2, 3))(jax.random.key(0), instances, m, d))
    solve = jax.jit(jax.vmap(lambda table: collaboration.rational_optimum(collaboration.Problem(table, 1.0))))
    compile_s, run_s, solution = _timed(solve, costs)
    steps = float(jnp.mean(solution.steps.astype(float)))
    return {
        "work": "rational optimum, binding",
        "size": f"{instances:,} of {m}x{d}",
        "compile_s": compile_s,
        "run_s": run_s,
        "accuracy": float(jnp.max(solution.residual)),
        "a second": instances / run_s,
        "not OK": int(jnp.sum(solution.status != 0)),
        "steps": steps,
        "nanoseconds each and step": 1e9 * run_s / (instances * steps),
    }


def _roots(instances: int) -> dict[str, Any]:
    low, high = jax.random.split(jax.random.key(1))
    tau = 2 + 10 ** jax.random.uniform(low, (instances,), float, -3.0, 6.0)
    kappa = 1 / tau**2 + (0.25 - 1 / tau**2) * jax.random.uniform(high, (instances,), float, 1e-6, 1 - 1e-6)
    compile_s, run_s, solution = _timed(jax.jit(collaboration.corruption_root), tau, kappa)
    return {
        "work": "corruption coefficients",
        "size": f"{instances:,}",
        "compile_s": compile_s,
        "run_s": run_s,
        "accuracy": float(jnp.max(solution.residual)),
        "a second": instances / run_s,
        "not OK": int(jnp.sum(solution.status != 0)),
        "bytes in and out a second": instances * (2 * 8 + 8 + 4 + 8 + 4) / run_s,
    }


def _timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, float, Any]:
    start = time.perf_counter()
    compiled = function.lower(*arguments).compile()  # type: ignore[attr-defined]
    compile_s = time.perf_counter() - start
    result = jax.block_until_ready(compiled(*arguments))
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        times.append(time.perf_counter() - start)
    return compile_s, statistics.median(times), result
