"""Largest payments and the boundary of disparity, against general shortest-path codes and a plain NumPy recursion.

``python -m benchmarks.bench_multiparty`` prints one row per rival. Payments of two agents with 1,000 types each take
1,000 shortest-path trees (the agents differ in name only, which saves both sides the other 1,000) on graphs of 1,001
vertices and 500,500 edges. The rivals get these graphs ready-made and solve a sample of them; their time is scaled to
all. Accuracy is the largest difference of a payment on the sample.
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from jaxmech.multiparty import existence, largest_disparity, market_growth

TYPES = 1000
GROWTH = -0.7
SAMPLE = (0, 1, 30, 999)
DISPARITY = 10_000
NEVER_SO_FAR = -0.664
REPEATS = 3


def run() -> list[dict[str, Any]]:
    """Time jaxmech once, and each rival on the same graphs or the same recursion."""
    with jax.enable_x64(True):
        return [*payments(), boundary()]


def payments() -> list[dict[str, Any]]:
    """Largest payments of two agents, in all profiles."""
    space = market_growth(GROWTH, 2, TYPES - 1)
    start = time.perf_counter()
    compiled = jax.jit(existence).lower(space).compile()
    compile_s = time.perf_counter() - start
    run_s, found = _timed(lambda: jax.block_until_ready(compiled(space)).value.payment[0], REPEATS)
    memory = compiled.memory_analysis()
    rows = []
    for name, solve in (("networkx", by_networkx), ("scipy.sparse.csgraph", by_scipy)):
        seconds, worst = [], 0.0
        for others in SAMPLE:
            weights = graph(others)
            rival_s, lengths = solve(weights)
            seconds.append(rival_s)
            worst = max(worst, float(np.abs(np.asarray(found)[:, others] - lengths).max()))
        rows.append(
            {
                "work": f"payments, 2 agents x {TYPES} types",
                "rival": f"{name} bellman_ford, {len(SAMPLE)} of {TYPES} graphs, scaled",
                "compile_s": compile_s,
                "run_s": run_s,
                "rival_s": statistics.mean(seconds) * TYPES,
                "ratio": statistics.mean(seconds) * TYPES / run_s,
                "difference": worst,
                "memory_over_returned": memory.temp_size_in_bytes / memory.output_size_in_bytes,
            }
        )
    return rows


def boundary() -> dict[str, Any]:
    """One growth rate up to disparity 10,000, where nothing fails: the whole range has to be gone through."""
    start = time.perf_counter()
    compiled = jax.jit(lambda g: largest_disparity(g, 2, DISPARITY)).lower(jnp.asarray(NEVER_SO_FAR)).compile()
    compile_s = time.perf_counter() - start
    run_s, found = _timed(lambda: jax.block_until_ready(compiled(jnp.asarray(NEVER_SO_FAR))).value.revenue, REPEATS)
    rival_s, plain = _timed(by_numpy, 1)
    return {
        "work": f"boundary, growth {NEVER_SO_FAR}, disparity {DISPARITY}",
        "rival": "numpy, every misreport",
        "compile_s": compile_s,
        "run_s": run_s,
        "rival_s": rival_s,
        "ratio": rival_s / run_s,
        "difference": float(np.abs(np.asarray(found)[1:] - plain[1:]).max()),
        "memory_over_returned": float("nan"),
    }


def graph(others: int) -> np.ndarray:
    """(vertices, vertices) weights of the paper's graph for one size of the other agent; NaN where no edge is.

    Vertex 0 is the base; vertex t + 1 is the payment at size t.
    """
    sizes = np.arange(TYPES, dtype=float)
    total = sizes + others
    truth = np.where(total > 0, (2 * np.maximum(total, 1)) ** GROWTH * total, 0.0)
    own = np.maximum(total[:, None], sizes[None, :])
    together = total[:, None] + own
    lie = np.where(together > 0, np.maximum(together, 1) ** GROWTH * own, 0.0)
    alone = np.where(sizes + others > 0, np.maximum(sizes + others, 1) ** GROWTH * sizes, 0.0)
    weights = np.full((TYPES + 1, TYPES + 1), np.nan)
    weights[0, 1:] = truth - alone
    low, high = np.triu_indices(TYPES, 1)
    weights[low + 1, high + 1] = truth[high] - lie[low, high]
    return weights


def by_networkx(weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Bellman and Ford in networkx; building the graph is not timed."""
    network = nx.DiGraph()
    tails, heads = np.nonzero(~np.isnan(weights))
    network.add_weighted_edges_from(zip(tails.tolist(), heads.tolist(), weights[tails, heads].tolist(), strict=True))
    seconds, lengths = _timed(lambda: nx.single_source_bellman_ford_path_length(network, 0), 1)
    return seconds, np.array([lengths[t + 1] for t in range(TYPES)])


def by_scipy(weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Bellman and Ford in scipy; building the graph is not timed. Zero weights are stored, and so are edges."""
    tails, heads = np.nonzero(~np.isnan(weights))
    table = sparse.csr_array((weights[tails, heads], (tails, heads)), shape=weights.shape)
    seconds, lengths = _timed(lambda: csgraph.bellman_ford(table, indices=0), 1)
    return seconds, np.asarray(lengths).ravel()[1:]


def by_numpy() -> np.ndarray:
    """Revenue over the market at every size, with every misreport looked at."""
    sizes = np.arange(DISPARITY + 1, dtype=float)
    gain = np.zeros(DISPARITY + 1)
    revenue = np.zeros(DISPARITY + 1)
    for t in range(1, DISPARITY + 1):
        left = np.max(gain[:t] + (sizes[:t] + t) ** NEVER_SO_FAR * t)
        market = (2.0 * t) ** (1 + NEVER_SO_FAR)
        gain[t] = left - market / 2
        revenue[t] = 1 - left / market
    return revenue


def _timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def main() -> None:
    """Print the rows."""
    print(f"{os.cpu_count()} cores")
    for row in run():
        print("  ".join(f"{key} {entry:.3g}" if isinstance(entry, float) else str(entry) for key, entry in row.items()))


if __name__ == "__main__":
    main()
