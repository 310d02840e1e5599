"""The rational optimum of one large instance against Clarabel, by way of CVXPY and called directly.

``OPENBLAS_NUM_THREADS=1 python -m benchmarks.bench_divisions`` prints one row per size, family and rival. By way of
CVXPY the program is written as it stands in the paper; directly, it is a sparse conic form made by hand, and making it
is not timed. Accuracy is the larger of the relative excess over an agent's bound and the relative duality gap, computed
for all answers by the same plain-NumPy formulas. One thread for OpenBLAS, because its threads and those of XLA would
fight for the same cores; Clarabel does not use it.
"""

import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import clarabel
import cvxpy as cp
import jax
import numpy as np
from scipy import sparse

from jaxmech import collaboration
from tests.oracles import convex

SIZES = ((300, 100), (1000, 200))
REPEATS = 7
TOLERANCE = 1e-9


def run(sizes: tuple[tuple[int, int], ...] = SIZES) -> list[dict[str, Any]]:
    """Time both on the same instances, one after the other."""
    with jax.enable_x64(True):
        return [row for m, d in sizes for family in ("binding", "easy") for row in _rows(family, m, d)]


def instance(family: str, m: int, d: int, seed: int = 0) -> np.ndarray:
    """Binding: agents differ by a factor common to all distributions, so most rows bind. Easy: independent costs."""
    rng = np.random.default_rng(seed)
    if family == "easy":
        return 10 ** rng.uniform(-3, 0, (m, d))
    agent, distribution, pair = (rng.standard_normal(shape) for shape in ((m, 1), (1, d), (m, d)))
    return np.exp(0.3 * agent + 0.5 * distribution + 0.05 * pair)


def conic_form(costs: np.ndarray) -> tuple[Any, ...]:
    """Variables x (n in units of the cheapest agent's n_IND), S, r with r_k S_k >= 1 in those units, and R = Σ w_k r_k.

    minimise m R + Σ pay x   subject to   R + Σ_k pay[i, k] x[i, k] <= bound_i,  S = Σ_i x,  x >= 0.
    """
    m, d = costs.shape
    root = np.sqrt(costs.min(axis=0))
    unit = root.sum()
    weight = root / unit
    pay = costs / root / unit
    bounds = 2 * np.sqrt(costs).sum(axis=1) / unit
    size = m * d
    variables = size + 2 * d + 1
    objective = np.concatenate([pay.ravel(), np.zeros(2 * d), [m]])
    amounts = sparse.csc_matrix((pay.ravel(), (np.repeat(np.arange(m), d), np.arange(size))), (m, size))
    rows = sparse.hstack([amounts, sparse.csc_matrix((m, 2 * d)), np.ones((m, 1))])
    gather = sparse.csc_matrix((np.ones(size), (np.tile(np.arange(d), m), np.arange(size))), (d, size))
    totals = sparse.hstack([gather, -sparse.eye(d), sparse.csc_matrix((d, d + 1))])
    errors = sparse.hstack([sparse.csc_matrix((1, size + d)), weight[None, :], [[-1.0]]])
    positive = sparse.hstack([-sparse.eye(size), sparse.csc_matrix((size, 2 * d + 1))])
    # (S + r, S − r, 2) in the second-order cone
    k = np.arange(d)
    total, inverse = size + k, size + d + k
    cone = sparse.csc_matrix(
        (
            np.concatenate([-np.ones(3 * d), np.ones(d)]),
            (
                np.concatenate([3 * k, 3 * k, 3 * k + 1, 3 * k + 1]),
                np.concatenate([total, inverse, total, inverse]),
            ),
        ),
        (3 * d, variables),
    )
    matrix = sparse.vstack([totals, errors, rows, positive, cone]).tocsc()
    right = np.concatenate([np.zeros(d + 1), bounds, np.zeros(size), np.tile([0.0, 0.0, 2.0], d)])
    cones = [clarabel.ZeroConeT(d + 1), clarabel.NonnegativeConeT(m + size)]
    cones += [clarabel.SecondOrderConeT(3) for _ in range(d)]
    return sparse.csc_matrix((variables, variables)), objective, matrix, right, cones


def by_cvxpy(costs: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, str]:
    """Return seconds, samples, multipliers and status of the program of the paper, in CVXPY, solved by Clarabel."""
    m, d = costs.shape
    start = time.perf_counter()
    samples = cp.Variable((m, d), nonneg=True)
    error = cp.sum(cp.inv_pos(cp.sum(samples, axis=0)))
    penalties = error + cp.sum(cp.multiply(costs, samples), axis=1)
    rows = penalties <= 2 * np.sqrt(costs).sum(axis=1)
    problem = cp.Problem(cp.Minimize(cp.sum(penalties)), [rows])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "may be inaccurate": the status says so
        problem.solve(cp.CLARABEL, tol_gap_rel=TOLERANCE, tol_gap_abs=TOLERANCE, tol_feas=TOLERANCE)
    seconds = time.perf_counter() - start
    if samples.value is None:
        return seconds, np.full((m, d), np.nan), np.zeros(m), problem.status
    return seconds, np.maximum(samples.value, 0), np.maximum(rows.dual_value, 0), problem.status


def directly(costs: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, str]:
    """Return seconds, samples, multipliers and status of Clarabel itself; building the matrices is not timed."""
    m, d = costs.shape
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_rel = settings.tol_feas = settings.tol_gap_abs = TOLERANCE
    form = conic_form(costs)
    start = time.perf_counter()
    solution = clarabel.DefaultSolver(*form, settings).solve()
    seconds = time.perf_counter() - start
    root = np.sqrt(costs.min(axis=0))
    samples = np.maximum(np.asarray(solution.x[: m * d]).reshape(m, d), 0) / root
    return seconds, samples, np.maximum(np.asarray(solution.z[d + 1 : d + 1 + m]), 0), str(solution.status)


def accuracy(costs: np.ndarray, samples: np.ndarray, multipliers: np.ndarray) -> float:
    """Larger of the relative excess over a bound and the relative duality gap."""
    penalties = convex.penalties(samples, costs, 1.0)
    excess = (penalties / convex.alone_penalty(costs, 1.0) - 1).max()
    gap = penalties.sum() / convex.dual_bound(costs, 1.0, multipliers) - 1
    return float(max(excess, abs(gap)))


RIVALS: dict[str, Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray, str]]] = {
    "CVXPY with Clarabel": by_cvxpy,
    "Clarabel, conic form by hand": directly,
}


def _rows(family: str, m: int, d: int) -> list[dict[str, Any]]:
    costs = instance(family, m, d)
    problem = collaboration.Problem(costs, 1.0)
    start = time.perf_counter()
    solution = jax.block_until_ready(collaboration.rational_optimum(problem))
    first = time.perf_counter() - start
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(collaboration.rational_optimum(problem))
        times.append(time.perf_counter() - start)
    run_s = statistics.median(times)
    ours = {
        "work": f"rational optimum, {family}",
        "size": f"{m}x{d}",
        "compile_s": first - run_s,
        "run_s": run_s,
        "accuracy": float(solution.residual),
        "steps": int(solution.steps),
    }
    return [ours | _against(name, costs, run_s) for name in RIVALS]


def _against(name: str, costs: np.ndarray, run_s: float) -> dict[str, Any]:
    rival_s, samples, multipliers, status = RIVALS[name](costs)
    return {
        "rival": f"{name} ({status})",
        "rival_s": rival_s,
        "ratio": rival_s / run_s,
        "rival_accuracy": accuracy(costs, samples, multipliers),
    }


def main() -> None:
    """Print the rows."""
    for row in run():
        print(row)


if __name__ == "__main__":
    main()
