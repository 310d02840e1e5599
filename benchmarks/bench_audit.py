"""Time of an audit as a whole, and how much of the regret that is there the search finds.

``python -m benchmarks.bench_audit`` prints one row per mechanism: the first audit of a process (compilation included),
and the next ones. Accuracy is regret found over the exact regret where there is any, else the width of the confidence
interval relative to the promised penalty.
"""

import dataclasses
import os
import statistics
import time
from typing import Any

import jax
import numpy as np

from jaxmech import audit, collaboration

AGENTS = 10
REPEATS = 3


def run() -> list[dict[str, Any]]:
    """Audit ten agents under each mechanism, three times."""
    with jax.enable_x64(True):
        return [_row(name, *case) for name, case in cases().items()]


def cases() -> dict[str, tuple[Any, Any]]:
    """Published mechanisms, naive ones, and a published one with the wrong noise."""
    costs = 0.01 * np.exp(np.random.default_rng(0).normal(0, 0.1, (AGENTS, 1)))
    different, equal = collaboration.Problem(costs, 1.0), collaboration.Problem([[0.01]] * AGENTS, 1.0)
    made = {}
    for name, problem in (("cbl", different), ("c3d", equal), ("pool", equal), ("counted-pool", equal)):
        division = "egalitarian" if name == "cbl" else "social"
        plan = collaboration.solve(problem, division=division, mechanism=name).value
        made[name] = (problem, collaboration.mechanism(problem, plan))
    half = dataclasses.replace(made["c3d"][1], alpha=made["c3d"][1].alpha / 2)
    return {**made, "c3d, half of α": (equal, half)}


def _row(name: str, problem: Any, machine: Any) -> dict[str, Any]:
    seconds = []
    for seed in range(1 + REPEATS):
        start = time.perf_counter()
        found = audit.examine(machine, problem, jax.random.key(seed))
        seconds.append(time.perf_counter() - start)
    exact = found.bound > 1e-6 * found.promised
    ratio = found.found[exact] / found.bound[exact]
    return {
        "work": f"audit of {AGENTS} agents, {name}",
        "first_s": seconds[0],
        "run_s": statistics.median(seconds[1:]),
        "regret_found_least": float(ratio.min()) if exact.any() else 0.0,
        "regret_found_most": float(ratio.max()) if exact.any() else 0.0,
        "bound": float(np.max(found.bound / found.promised)),
        "half_width": float(np.max(found.half_width / found.promised)),
    }


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores")
    for row in run():
        print("  ".join(f"{key} {entry:.3g}" if isinstance(entry, float) else str(entry) for key, entry in row.items()))
