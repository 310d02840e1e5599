"""Thousands of small instances against C that QOCOGEN writes for one size: the strongest rival on a processor.

``python -m benchmarks generated`` needs GCC and ``pip install qocogen``; it prints one row per size and set of flags.
Both use all cores that the process may use: ``taskset -c 0 python -m benchmarks generated`` compares per core. Both
solve the same instances to 1e-8, in turns; the shortest of the turns counts for each. The rival's time is that of its
loop in C alone: conic forms are made beforehand, and so is the code.
"""

import os
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import numpy as np

import jaxmech
from benchmarks._turns import in_turns, instances, rational
from benchmarks.baselines import generated
from benchmarks.bench_divisions import accuracy

SIZES = (("3x2", 10_000), ("5x3", 10_000), ("10x5", 4_000), ("10x10", 2_000))
FLAGS = {"IEEE": (), "-ffast-math": ("-ffast-math",)}
TOLERANCE = 1e-8
SAMPLE = 50


def run(sizes: tuple[tuple[str, int], ...] = SIZES) -> list[dict[str, Any]]:
    """Time everything."""
    with jax.enable_x64(True):
        return [_row(size, count, name) for size, count in sizes for name in FLAGS]


def _row(size: str, count: int, name: str) -> dict[str, Any]:
    m, d = map(int, size.split("x"))
    costs = instances("binding", count, m, d)
    rival = generated.prepare(costs, TOLERANCE, FLAGS[name])
    compile_s, (run_s, ours), (rival_s, theirs) = in_turns(lambda: jaxmech.batch(rational, costs), rival.solve)
    samples, multipliers, unsolved = theirs
    chosen = np.random.default_rng(1).choice(count, min(SAMPLE, count), replace=False)
    return {
        "work": "rational optimum, binding",
        "size": f"{count:,} of {size}",
        "rival": f"QOCOGEN, C, {name}",
        "compile_s": compile_s,
        "run_s": run_s,
        "rival_s": rival_s,
        "ratio": rival_s / run_s,
        "accuracy": float(ours.residual.max()),
        "rival_accuracy": max(accuracy(costs[i], samples[i], multipliers[i]) for i in chosen),
        "cores": len(os.sched_getaffinity(0)),
        "microseconds each": 1e6 * run_s / count,
        "rival's": 1e6 * rival_s / count,
        "its generation and compilation": rival.generation_s + rival.compilation_s,
        "not OK": int(np.sum(ours.status != 0)),
        "rival's not OK": unsolved,
    }


def main() -> None:
    """Print the rows."""
    for row in run():
        print(row)


if __name__ == "__main__":
    main()
