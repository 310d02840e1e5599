"""Thousands of small instances: against Moreau in batches, against CVXPY in a loop, and jacobians against the solve.

``python -m benchmarks.bench_batches`` prints one row per size, family and rival. Both solve the same instances to 1e-8,
one after the other, in turns; the shortest of the turns counts for each. Accuracy is the larger of the relative excess
over an agent's bound and the relative duality gap, worst of a sample of instances, by the same plain-NumPy formulas.
"""

import os
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import numpy as np

import jaxmech
from benchmarks._turns import in_turns, instances, rational
from benchmarks.baselines import cbl_plan, moreau_batch
from benchmarks.bench_divisions import accuracy
from jaxmech import collaboration

SIZES = (("3x2", 10_000), ("5x3", 10_000), ("10x10", 10_000), ("20x20", 1_000))
PLANS, LOOP = 10_000, 20
JACOBIANS = 1_000
TOLERANCE = 1e-8


def run(sizes: tuple[tuple[str, int], ...] = SIZES) -> list[dict[str, Any]]:
    """Time everything."""
    with jax.enable_x64(True):
        rows = [_against_moreau(family, size, count) for size, count in sizes for family in ("binding", "easy")]
        return [*rows, _plans(), _jacobian()]


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
    compile_s, (run_s, ours), (rival_s, theirs) = in_turns(lambda: jaxmech.batch(rational, costs), rival)
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

    compile_s, (run_s, ours), (loop_s, theirs) = in_turns(lambda: jaxmech.batch(plan, costs), loop)
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
    compile_s, (run_s, _), (solve_s, _) = in_turns(
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


def main() -> None:
    """Print the rows."""
    for row in run():
        print(row)


if __name__ == "__main__":
    main()
