"""Thousands of small instances: against Moreau in batches, against CVXPY in a loop, and jacobians against the solve.

``python -m benchmarks.bench_batches`` prints one row per size, family and rival. Both solve the same instances to 1e-8,
one after the other, in turns; the shortest of the turns counts for each. Accuracy is the larger of the relative excess
over an agent's bound and the relative duality gap, worst of a sample of instances, by the same plain-NumPy formulas.
"""

import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import numpy as np

import jaxmech
from benchmarks.baselines import cbl_plan, moreau_batch
from benchmarks.bench_divisions import accuracy
from jaxmech import collaboration

SIZES = (("3x2", 10_000), ("5x3", 10_000), ("10x10", 10_000), ("20x20", 1_000))
PLANS, LOOP = 10_000, 20
JACOBIANS = 1_000
TOLERANCE = 1e-8
TURNS = 3


def run(sizes: tuple[tuple[str, int], ...] = SIZES) -> list[dict[str, Any]]:
    """Time everything."""
    with jax.enable_x64(True):
        rows = [_against_moreau(family, size, count) for size, count in sizes for family in ("binding", "easy")]
        return [*rows, _plans(), _jacobian()]


def instances(family: str, count: int, m: int, d: int, seed: int = 0) -> np.ndarray:
    """Binding: a factor per agent makes most rows bind. Easy: independent over three decades."""
    rng = np.random.default_rng(seed)
    if family == "easy":
        return 10 ** rng.uniform(-3, 0, (count, m, d))
    agent, distribution, pair = (rng.standard_normal(shape) for shape in ((count, m, 1), (count, 1, d), (count, m, d)))
    return np.exp(0.3 * agent + 0.5 * distribution + 0.05 * pair)


def rational(costs: Any) -> Any:
    """The rational optimum of one instance."""
    return collaboration.rational_optimum(collaboration.Problem(costs, 1.0))


def plan(costs: Any) -> Any:
    """The whole plan of one instance: optimum, division, roles, α and penalties."""
    return collaboration.solve(collaboration.Problem(costs, 1.0), division="rational", mechanism="cbl")


def slopes(costs: Any) -> Any:
    """The jacobian of the rational optimum in the costs."""
    return jax.jacfwd(lambda table: rational(table).value)(costs)


def _against_moreau(family: str, size: str, count: int) -> dict[str, Any]:
    m, d = map(int, size.split("x"))
    costs = instances(family, count, m, d)
    rival = moreau_batch.prepare(costs, TOLERANCE)
    compile_s, (run_s, ours), (rival_s, theirs) = _in_turns(lambda: jaxmech.batch(rational, costs), rival)
    sample = np.random.default_rng(1).choice(count, 50, replace=False)
    unsolved = int(np.sum(ours.status != 0))
    return {
        "work": f"rational optimum, {family}",
        "size": f"{count:,} of {size}",
        "rival": "Moreau, one batch",
        "compile_s": compile_s,
        "run_s": run_s,
        "rival_s": rival_s,
        "ratio": rival_s / run_s,
        "accuracy": float(ours.residual.max()),
        "rival_accuracy": max(accuracy(costs[i], theirs[0][i], theirs[1][i]) for i in sample),
        "microseconds each": 1e6 * run_s / count,
        "not OK": unsolved,
    }


def _plans() -> dict[str, Any]:
    costs = instances("binding", PLANS, 10, 5)

    def loop() -> np.ndarray:
        return np.array([cbl_plan.plan(table) for table in costs[:LOOP]])

    compile_s, (run_s, ours), (loop_s, theirs) = _in_turns(lambda: jaxmech.batch(plan, costs), loop)
    rival_s = loop_s * PLANS / LOOP
    return {
        "work": "whole cbl plan, binding",
        "size": f"{PLANS:,} of 10x5",
        "rival": f"CVXPY with Clarabel and brentq, {LOOP} of them",
        "compile_s": compile_s,
        "run_s": run_s,
        "rival_s": rival_s,
        "ratio": rival_s / run_s,
        "accuracy": float(ours.residual.max()),
        "rival_accuracy": float(np.abs(theirs / ours.value.social_penalty[:LOOP] - 1).max()),
        "not OK": int(np.sum(ours.status != 0)),
    }


def _jacobian() -> dict[str, Any]:
    costs = instances("binding", JACOBIANS, 10, 5)
    compile_s, (run_s, _), (solve_s, _) = _in_turns(
        lambda: jaxmech.batch(slopes, costs), lambda: jaxmech.batch(rational, costs)
    )
    return {
        "work": "jacobian in the costs",
        "size": f"{JACOBIANS:,} of 10x5",
        "rival": "the solve itself",
        "compile_s": compile_s,
        "run_s": run_s,
        "rival_s": solve_s,
        "ratio": solve_s / run_s,
        "times the solve": run_s / solve_s,
    }


def _in_turns(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, tuple[float, Any], tuple[float, Any]]:
    """Time both in turns, after a first call of each; return the compile time and the best turn of each."""
    start = time.perf_counter()
    found = ours()
    first = time.perf_counter() - start
    other = theirs()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        for work, kept in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            work()
            kept.append(time.perf_counter() - start)
    return first - min(times[0]), (min(times[0]), found), (min(times[1]), other)


def main() -> None:
    """Print the rows."""
    for row in run():
        print(row)


if __name__ == "__main__":
    main()
