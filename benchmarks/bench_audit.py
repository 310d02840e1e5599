"""Time of an audit as a whole, and how much of the regret that is there the search finds.

``python -m benchmarks.bench_audit`` prints one row per mechanism: the first audit of a process, and how much of it is
compilation; the next ones; and the seconds of processor time of both, which a busy machine changes less. Accuracy is
regret found over the exact regret where there is any, else the width of the confidence interval relative to the
promised penalty.
"""

import dataclasses
import os
import time
from typing import Any

import jax
import numpy as np

from jaxmech import audit, collaboration

AGENTS = 10
REPEATS = 2


def run() -> list[dict[str, Any]]:
    """Audit ten agents under each mechanism, cold and warm."""
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


class _Clock:
    """Seconds, seconds of processor time, and seconds that JAX spends on compilation, since the last look."""

    def __init__(self) -> None:
        self.compiling = 0.0
        jax.monitoring.register_event_duration_secs_listener(self._hear)
        self.look()

    def look(self) -> tuple[float, float, float]:
        now = (time.perf_counter(), time.process_time(), self.compiling)
        passed = tuple(new - old for new, old in zip(now, getattr(self, "_last", now), strict=True))
        self._last = now
        return passed  # type: ignore[return-value]

    def _hear(self, event: str, seconds: float, **_: Any) -> None:
        if event.startswith("/jax/core/compile"):
            self.compiling += seconds


_CLOCK = _Clock()


def _row(name: str, problem: Any, machine: Any) -> dict[str, Any]:
    phases = []
    for seed in range(1 + REPEATS):
        _CLOCK.look()
        found = audit.examine(machine, problem, jax.random.key(seed))
        phases.append(_CLOCK.look())
    seconds, processor, compiling = zip(*phases, strict=True)
    exact = found.bound > 1e-6 * found.promised
    ratio = found.found[exact] / found.bound[exact]
    return {
        "work": f"audit of {AGENTS} agents, {name}",
        "first_s": seconds[0],
        "compile_s": compiling[0],
        "first_processor_s": processor[0],
        "run_s": min(seconds[1:]),
        "processor_s": min(processor[1:]),
        "regret_found_least": float(ratio.min()) if exact.any() else 0.0,
        "regret_found_most": float(ratio.max()) if exact.any() else 0.0,
        "bound": float(np.max(found.bound / found.promised)),
        "half_width": float(np.max(found.half_width / found.promised)),
    }


def main() -> None:
    """Print a row as soon as it is measured."""
    print(f"{os.cpu_count()} cores")
    with jax.enable_x64(True):
        for name, made in cases().items():
            row = _row(name, *made)
            cells = (f"{key} {entry:.3g}" if isinstance(entry, float) else str(entry) for key, entry in row.items())
            print("  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
