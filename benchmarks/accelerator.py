"""What an accelerator is bought for: a million programs, plans, markets, a hundred million roots. Needs only jaxmech.

``python -m benchmarks --gpu``, on any device; sizes shrink with ``JAXMECH_SCALE`` (1 by default, 0.001 on a laptop).
Accuracy is the largest residual, recomputed from the answers.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import bench_deviation
from jaxmech import collaboration, design, deviation, market, multiparty

SCALE = float(os.environ.get("JAXMECH_SCALE", "1"))
REPEATS = 3 if SCALE >= 0.01 else 0
"""Runs that are timed after the first; at a fraction of the size, where times say little, the first one is."""
PATIENCE = 20.0
"""Seconds after which nothing is repeated."""

RESPONSES_AT_ONCE = 64


def run() -> Iterator[dict[str, Any]]:
    """Time each piece of work on the default device, in float64; a row as soon as it is known."""
    with jax.enable_x64(True):
        yield _roots(int(100_000_000 * SCALE))
        yield _solutions("rational optimum, binding", collaboration.rational_optimum, 3, 2, int(1_000_000 * SCALE))
        yield _solutions("rational optimum, binding", collaboration.rational_optimum, 10, 5, int(1_000_000 * SCALE))
        yield _solutions("plan of cbl", partial(collaboration.solve, mechanism="cbl"), 10, 5, int(100_000 * SCALE))
        yield _solutions("egalitarian", collaboration.egalitarian_bargaining, 10, 5, int(100_000 * SCALE))
        yield _solutions("nash", collaboration.nash_bargaining, 10, 5, int(100_000 * SCALE))
        yield _markets(int(100_000 * SCALE))
        yield _responses(max(1, int(1_000 * SCALE)))
        yield _existence(int(20_000 * SCALE))
        yield _solutions("rational optimum, binding", collaboration.rational_optimum, 20, 20, int(20_000 * SCALE))
        yield _designs(10, 1, max(int(10_000 * SCALE), 1))
        yield _designs(10, 2, max(int(1_000 * SCALE), 1))


def binding(key: Any, instances: int, m: int, d: int) -> Any:
    """Costs with a factor per agent, one per distribution and a little of both: most rows bind."""
    shapes = ((instances, m, 1), (instances, 1, d), (instances, m, d))
    agent, distribution, pair = (
        jax.random.normal(part, shape, float) for part, shape in zip(jax.random.split(key, 3), shapes, strict=True)
    )
    return jnp.exp(0.3 * agent + 0.5 * distribution + 0.05 * pair)


def _solutions(work: str, function: Callable[..., Any], m: int, d: int, instances: int) -> dict[str, Any]:
    costs = jax.block_until_ready(jax.jit(binding, static_argnums=(1, 2, 3))(jax.random.key(0), instances, m, d))
    solve = jax.jit(jax.vmap(lambda table: function(collaboration.Problem(table, 1.0))))
    row, solution = _row(work, f"{instances:,} of {m}x{d}", instances, solve, costs)
    steps = float(jnp.mean(solution.steps.astype(float)))
    return {**row, "steps": steps, "nanoseconds each and step": 1e9 * row["run_s"] / (instances * steps)}


def _designs(m: int, d: int, instances: int) -> dict[str, Any]:
    """Designs, not proven: that is for the host."""
    costs = jnp.exp(0.3 * jax.random.normal(jax.random.key(3), (instances, m, d), float))
    find = jax.jit(jax.vmap(lambda table: design.design(collaboration.Problem(table, 100.0))))
    row, _ = _row("designs, unproven", f"{instances:,} of {m}x{d}", instances, find, costs)
    return {**row, "not OK": f"{row['not OK']} (all unproven)"}


def _markets(instances: int) -> dict[str, Any]:
    forms = (market.exponential, market.linear, market.threshold)
    sizes = np.arange(0, 512, 8)

    def solve(draws: Any) -> Any:
        costs = 0.012 * jnp.exp(draws[:2] - 0.5)
        scales, tops = 10 ** (-0.8 + 0.6 * draws[2:5]), 0.3 + 0.7 * draws[5:8]
        buyers = [
            market.Buyer(form(scale, top), count)
            for form, scale, top, count in zip(forms, scales, tops, (3, 5, 2), strict=True)
        ]
        return market.solve(market.Problem(costs, 1.0, buyers), sizes=sizes)

    draws = jax.random.uniform(jax.random.key(2), (instances, 8), float)
    size = f"{instances:,} markets, 3 types, {len(sizes)} sizes"
    return _row("exact markets on a menu", size, instances, jax.jit(jax.vmap(solve)), draws)[0]


def _responses(instances: int) -> dict[str, Any]:
    cases = bench_deviation.problems(instances)
    search = partial(bench_deviation.search, settings=deviation.SearchSettings())
    run = jax.jit(lambda cases: jax.lax.map(search, cases, batch_size=min(RESPONSES_AT_ONCE, instances)))
    compile_s, run_s, found = _timed(run, jax.tree.map(jnp.asarray, cases))
    return {
        "work": "best responses, cbl",
        "size": f"{instances:,} of {bench_deviation.AGENTS} agents",
        "compile_s": compile_s,
        "run_s": run_s,
        "accuracy": float(jnp.max(found.standard_error / found.honest)),
        "a second": instances / run_s,
        "gains found": int(jnp.sum(found.found > 0)),
    }


def _existence(instances: int) -> dict[str, Any]:
    """Whether competitors in a growing market have a desirable mechanism, and the payments that decide it."""

    def solve(growth: Any) -> Any:
        return multiparty.existence(multiparty.market_growth(growth, agents=2, disparity=30))

    growths = jax.random.uniform(jax.random.key(3), (instances,), float, -1.0, -0.5)
    size = f"{instances:,} growth rates, 31 x 31 profiles"
    return _row("existence among competitors", size, instances, jax.jit(jax.vmap(solve)), growths)[0]


def _roots(instances: int) -> dict[str, Any]:
    low, high = jax.random.split(jax.random.key(1))
    tau = 2 + 10 ** jax.random.uniform(low, (instances,), float, -3.0, 6.0)
    kappa = 1 / tau**2 + (0.25 - 1 / tau**2) * jax.random.uniform(high, (instances,), float, 1e-6, 1 - 1e-6)
    find = jax.jit(collaboration.corruption_root)
    row, _ = _row("corruption coefficients", f"{instances:,}", instances, find, tau, kappa)
    return {**row, "bytes in and out a second": instances * (2 * 8 + 8 + 4 + 8 + 4) / row["run_s"]}


def _row(
    work: str, size: str, instances: int, function: Callable[..., Any], *arguments: Any
) -> tuple[dict[str, Any], Any]:
    """Time a compiled function that returns Solutions; the row of the table, and the Solutions."""
    compile_s, run_s, solution = _timed(function, *arguments)
    row = {
        "work": work,
        "size": size,
        "compile_s": compile_s,
        "run_s": run_s,
        "accuracy": float(jnp.max(solution.residual)),
        "a second": instances / run_s,
        "not OK": int(jnp.sum(solution.status != 0)),
    }
    return row, solution


def _timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, float, Any]:
    start = time.perf_counter()
    compiled = function.lower(*arguments).compile()  # type: ignore[attr-defined]
    compile_s = time.perf_counter() - start
    start = time.perf_counter()
    result = jax.block_until_ready(compiled(*arguments))
    first = time.perf_counter() - start
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < PATIENCE:
        start = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        times.append(time.perf_counter() - start)
    return compile_s, statistics.median(times or [first]), result
