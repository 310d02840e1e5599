"""Time to a given standard error of a simulated penalty, against plain vectorised NumPy Monte Carlo.

``python -m benchmarks.bench_simulation`` prints one row per problem. The rival draws, for one checked agent of c3d, the
mean of her points, of Z and of Z', and the noise, all as single normal numbers; it is as fast as such code gets. Time
to a standard error is time × (standard error reached / standard error asked)²: for both by plain replication, so that
the faster convergence of spread draws is not counted, only the variance at the size that was run.
"""

import os
import statistics
import time
from typing import Any

import jax
import numpy as np

from jaxmech import collaboration, deviation

AGENTS = (10, 100)
REPLICATIONS = 500_000
REPEATS = 5
TARGET = 1e-4
"""Standard error asked for, relative to the penalty."""


def run() -> list[dict[str, Any]]:
    """Time both in turns, on the same problem; every agent's penalty by jaxmech, one agent's by the rival."""
    with jax.enable_x64(True):
        return [_row(agents) for agents in AGENTS]


def rival(seed: int, agents: int, plan: Any) -> tuple[float, float]:
    """Mean and standard error of one agent's penalty, by plain Monte Carlo with all replications at once."""
    n, alpha, total = (float(value) for value in (plan.samples[0, 0], plan.alpha[0, 0], plan.total[0]))
    generator = np.random.default_rng(seed)
    own, clean, noisy, noise = generator.standard_normal((4, REPLICATIONS))
    rest = total - 2 * n
    own, clean, noisy = own / np.sqrt(n), clean / np.sqrt(n), noisy / np.sqrt(rest)
    extra = alpha**2 * (own - clean) ** 2
    noisy = noisy + np.sqrt(extra / rest) * noise
    weight = rest / (1 + extra)
    estimate = (n * (own + clean) + weight * noisy) / (2 * n + weight)
    squared = estimate**2
    return float(squared.mean()) + 0.01 * n, float(squared.std() / np.sqrt(REPLICATIONS))


def _row(agents: int) -> dict[str, Any]:
    problem = collaboration.Problem([[0.01]] * agents, 1.0)
    plan = collaboration.solve(problem, mechanism="c3d").value
    machine = collaboration.mechanism(problem, plan)
    start = time.perf_counter()
    deviation.simulate(machine, problem, None, jax.random.key(0), replications=REPLICATIONS)
    first_s = time.perf_counter() - start
    ours, theirs = [], []
    for seed in range(REPEATS):
        start = time.perf_counter()
        outcome = deviation.simulate(machine, problem, None, jax.random.key(seed), replications=REPLICATIONS)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        mean, error = rival(seed, agents, plan)
        theirs.append(time.perf_counter() - start)
    promised = float(plan.penalty[0])
    reached = float(outcome.standard_error[0])
    run_s, rival_s = statistics.median(ours), statistics.median(theirs)
    own_s, their_s = (seconds * (e / (TARGET * promised)) ** 2 for seconds, e in ((run_s, reached), (rival_s, error)))
    return {
        "work": f"penalty in c3d, {agents} agents, to a standard error of {TARGET:g}",
        "rival": "vectorised NumPy, one agent",
        "replications": int(outcome.replications),
        "first_s": first_s,
        "run_s": run_s,
        "rival_s": rival_s,
        "to_target_s": own_s,
        "rival_to_target_s": their_s,
        "ratio": their_s / own_s,
        "ratio_all_agents": agents * their_s / own_s,
        "replications_a_second": agents * int(outcome.replications) / run_s,
        "accuracy": abs(float(outcome.penalty[0]) / promised - 1),
        "rival_accuracy": abs(mean / promised - 1),
    }


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores")
    for row in run():
        print("  ".join(f"{key} {entry:.3g}" if isinstance(entry, float) else str(entry) for key, entry in row.items()))
