"""Pricing a market: the exact search against the mixed-integer program, at size, and price curves by the million.

``python -m benchmarks.bench_market`` prints one row per headline. The program is solved by HiGHS, through
``scipy.optimize.milp``; where it does not finish in its time, the ratio is a lower bound. The accuracy is how far the
proven bound is above the profit found, that of the program how far its best is below, both relative.
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import jaxmech
from jaxmech import market
from jaxmech.market._search import Menu, search
from tests.oracles.market import buys, milp_pricing

REPEATS = 5
PATIENCE = 300.0
"""Seconds that the mixed-integer program is given."""

COUNTS = np.array([3.0, 1.0, 2.0, 4.0, 1.0, 2.0])
CURVES = 200_000
MARKETS, LOOPED, MENU = 10_000, 50, np.arange(64)
BUYERS = 20
SIZES = 200


def run() -> list[dict[str, Any]]:
    """Measure all headlines."""
    with jax.enable_x64(True):
        rows = [_against_milp(make, 4, 60) for make in (rough, smooth)]
        rows += [_at_size(make, 3, 2000) for make in (rough, smooth)]
        rows += [_many()]
        rows += [_curves(np.float64)]
    with jax.enable_x64(False):
        rows += [_curves(np.float32)]
    return rows


def rough(types: int, largest: int) -> np.ndarray:
    """Values with jumps of any height at a third of all sizes."""
    generator = np.random.default_rng([types, largest])
    rises = generator.exponential(size=(types, largest)) * (generator.uniform(size=(types, largest)) < 1 / 3)
    values = np.cumsum(rises, axis=1)
    values *= (generator.uniform(0.4, 1.0, types) / values[:, -1])[:, None]
    return np.concatenate([np.zeros((types, 1)), values], axis=1)


def smooth(types: int, largest: int) -> np.ndarray:
    """Values of the closed forms: the worst case for a search, for many allocations are nearly as good as the best."""
    generator = np.random.default_rng([types, largest, 1])
    forms = (market.exponential, market.linear, market.threshold)
    scales = 10 ** generator.uniform(-1.3, -0.3, types)
    tops = generator.uniform(0.3, 1, types)
    sizes = np.arange(largest + 1)
    pairs = zip(scales, tops, strict=True)
    return np.stack([np.asarray(forms[j % 3](*pair).by_size(sizes, 1.0)) for j, pair in enumerate(pairs)])


def _against_milp(make: Callable[[int, int], np.ndarray], types: int, largest: int) -> dict[str, Any]:
    values, counts, cost = make(types, largest), COUNTS[:types], 0.01
    menu = Menu(np.arange(largest + 1), values, counts, cost)
    compile_s, _ = _timed(lambda: search(menu), 1)
    run_s, found = _timed(lambda: search(menu), REPEATS)
    rival_s, (profit, _, solved) = _timed(lambda: milp_pricing(values, counts, cost, PATIENCE), 1)
    return {
        "work": f"exact prices, {make.__name__} values",
        "rival": "scipy milp (HiGHS)" if solved else f"scipy milp (HiGHS), not finished after {PATIENCE:g} s",
        "size": f"{types} types, N = {largest}",
        "compile_s": compile_s - run_s,
        "run_s": run_s,
        "rival_s": rival_s,
        "ratio": rival_s / run_s,
        "accuracy": (found.bound - found.profit) / found.profit,
        "rival_accuracy": (found.profit - profit) / found.profit,
    }


def _at_size(make: Callable[[int, int], np.ndarray], types: int, largest: int) -> dict[str, Any]:
    menu = Menu(np.arange(largest + 1), make(types, largest), COUNTS[:types], 0.001)
    compile_s, _ = _timed(lambda: search(menu), 1)
    run_s, found = _timed(lambda: search(menu), REPEATS)
    return {
        "work": f"exact prices, {make.__name__} values",
        "rival": f"all {float(largest + 1) ** types:.1e} allocations; {found.boxes:,} boxes looked at",
        "size": f"{types} types, N = {largest}",
        "compile_s": compile_s - run_s,
        "run_s": run_s,
        "rival_s": float("nan"),
        "ratio": float("nan"),
        "accuracy": (found.bound - found.profit) / found.profit,
        "rival_accuracy": float("nan"),
    }


def _many() -> dict[str, Any]:
    """Markets with costs and values drawn, on one menu, in one call; some of them also one by one."""
    generator = np.random.default_rng(11)
    costs = 0.012 * np.exp(0.5 * generator.standard_normal((MARKETS, 2)))
    tops, scales = generator.uniform(0.3, 1, (MARKETS, 3)), 10 ** generator.uniform(-0.8, -0.2, (MARKETS, 3))

    def make(cost: Any, top: Any, scale: Any) -> market.Problem:
        forms = (market.exponential, market.linear, market.threshold)
        pairs = zip(forms, scale, top, (3, 5, 2), strict=True)
        return market.Problem(cost, 1.0, [market.Buyer(form(*pair), count) for form, *pair, count in pairs])

    problems = jax.vmap(make)(costs, tops, scales)

    def solve(problem: market.Problem) -> Any:
        return market.solve(problem, sizes=MENU)

    compile_s, _ = _timed(lambda: jaxmech.batch(solve, problems), 1)
    run_s, found = _timed(lambda: jaxmech.batch(solve, problems), REPEATS)
    some = [make(*row) for row in zip(costs[:LOOPED], tops[:LOOPED], scales[:LOOPED], strict=True)]
    one_by_one = [market.solve(problem, limit=int(MENU[-1])) for problem in some]
    rival_s, _ = _timed(lambda: [market.solve(problem, limit=int(MENU[-1])) for problem in some], 1)
    profits = np.array([float(solution.value.optimum) for solution in one_by_one])
    rival_s *= MARKETS / LOOPED
    return {
        "work": "exact markets, one call",
        "rival": f"a loop over market.solve ({LOOPED} of them, scaled)",
        "size": f"{MARKETS:,} markets, 3 types, {len(MENU)} sizes",
        "compile_s": compile_s - run_s,
        "run_s": run_s,
        "rival_s": rival_s,
        "ratio": rival_s / run_s,
        "accuracy": float(np.max(np.abs(found.value.optimum[:LOOPED] - profits) / profits)),
        "rival_accuracy": 0.0,
    }


def _curves(dtype: Any) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    values = np.sort(generator.random((BUYERS, SIZES + 1)), axis=1)
    values[:, 0] = 0
    curves = np.sort(generator.random((CURVES, SIZES + 1)).astype(dtype), axis=1)
    curves[:, 0] = 0
    counts = np.ones(BUYERS)
    first_s, _ = _timed(lambda: market.revenues(values, counts, curves[:1]), 1)
    # One piece is compiled anew in every call: a second call takes as long, unless the compilation is remembered.
    again_s, _ = _timed(lambda: market.revenues(values, counts, curves[:1]), REPEATS)
    run_s, found = _timed(lambda: market.revenues(values, counts, curves), REPEATS)
    few = 400
    rival_s, expected = _timed(lambda: _by_numpy(values, counts, curves[:few]), REPEATS)
    return {
        "work": f"price curves, {CURVES / run_s:,.0f} per second",
        "rival": "numpy, curve by curve",
        "size": f"{CURVES:,} curves, {BUYERS} buyers, N = {SIZES}, {np.dtype(dtype).name}",
        "compile_s": first_s - again_s,
        "run_s": run_s,
        "rival_s": rival_s * CURVES / few,
        "ratio": rival_s * CURVES / few / run_s,
        "accuracy": float(np.max(np.abs(found[:few] - expected))),
        "rival_accuracy": 0.0,
    }


def _by_numpy(values: np.ndarray, counts: np.ndarray, curves: np.ndarray) -> np.ndarray:
    slack = 1e-12 if curves.dtype == np.float64 else 2e-6
    return np.array([sum(c * q[buys(row, q, slack)] for c, row in zip(counts, values, strict=True)) for q in curves])


def _timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def main() -> None:
    """Print one row per headline."""
    print(f"{os.cpu_count()} cores")
    for row in run():
        print("  ".join(f"{key} {entry:.3g}" if isinstance(entry, float) else str(entry) for key, entry in row.items()))


if __name__ == "__main__":
    main()
