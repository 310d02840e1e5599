"""One million corruption coefficients against ``scipy.optimize.elementwise.find_root`` on the same equation.

``python -m benchmarks.bench_corruption`` prints one row per way of calling the rival. Accuracy is the largest relative
backward error in κ over a sample, from mpmath.
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import elementwise
from scipy.special import erfcx

from jaxmech.collaboration import corruption_root
from tests.oracles.corruption import exact_kappa

SIZE = 1_000_000
SAMPLE = 300
REPEATS = 9
# The rival is fastest on pieces that fit the cache.
PIECE = 10_000


def run() -> list[dict[str, Any]]:
    """Time both on the same instances; the rival once as one would call it and once at its best."""
    tau, kappa = instances()
    with jax.enable_x64(True):
        arguments = jnp.asarray(tau), jnp.asarray(kappa)
        start = time.perf_counter()
        compiled = jax.jit(corruption_root).lower(*arguments).compile()
        compile_s = time.perf_counter() - start
        run_s, solution = _timed(lambda: jax.block_until_ready(compiled(*arguments)), REPEATS)
    value = np.asarray(solution.raise_for_status().value)
    rivals = (("one call, wide bracket", rival_plain), ("pieces, tight bracket", rival_best))
    return [_row(name, (tau, kappa), value, compile_s, run_s, rival) for name, rival in rivals]


def instances(size: int = SIZE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw τ − 2 over nine decades and κ over the admissible range, evenly or evenly in its logarithm."""
    generator = np.random.default_rng(seed)
    tau = 2 + 10 ** generator.uniform(-3, 6, size)
    low, place = 1 / tau**2, generator.uniform(1e-6, 1 - 1e-6, size)
    logarithmic, even = low * (0.25 / low) ** place, low + (0.25 - low) * place
    return tau, np.where(generator.uniform(size=size) < 0.5, logarithmic, even)


def rival_plain(tau: np.ndarray, kappa: np.ndarray) -> np.ndarray:
    """One call over everything, with a bracket that holds every root."""
    return _find(tau, kappa, np.full_like(tau, -25.0), np.full_like(tau, 25.0))


def rival_best(tau: np.ndarray, kappa: np.ndarray) -> np.ndarray:
    """Pieces, and a bracket of ±20 % around the quadratic that jaxmech starts from."""

    def solve(tau: np.ndarray, kappa: np.ndarray) -> np.ndarray:
        low, high = _sides(tau, kappa)
        a, b = np.sqrt(np.pi) * (tau + 1) / (tau + 2), 2 * (tau + 2) / (tau + 4)
        centre = np.log(2 * low / high / (a + np.sqrt(a * a + 4 * b * low / high)))
        return _find(tau, kappa, centre - 0.2, centre + 0.2)

    pieces = range(0, len(tau), PIECE)
    return np.concatenate([solve(tau[i : i + PIECE], kappa[i : i + PIECE]) for i in pieces])


def backward_error(tau: np.ndarray, kappa: np.ndarray, value: np.ndarray) -> float:
    """Largest relative change of κ that makes a sampled value exact."""
    sample = np.random.default_rng(1).choice(len(tau), SAMPLE, replace=False)
    return max(abs(float(exact_kappa(tau[i], value[i]) / kappa[i] - 1)) for i in sample)


def _find(tau: np.ndarray, kappa: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    low, high = _sides(tau, kappa)
    accuracy = {"xatol": 0.0, "xrtol": 1e-15, "fatol": 0.0, "frtol": 0.0}
    found = elementwise.find_root(_defect, (left, right), args=(tau, low, high), tolerances=accuracy)
    return tau / (8 * np.exp(2 * found.x))


def _sides(tau: np.ndarray, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    excess, room = tau - 2, 1 - 4 * kappa
    return tau * (tau / excess) * room, 4 * (kappa * (tau + 2) - room / excess)


def _defect(log_y: np.ndarray, tau: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The equation below y = 1, its complement above; from y = 12 on 1 − s by its asymptotic series."""
    y = np.exp(log_y)
    r = np.sqrt(np.pi) * y * erfcx(y)
    p = 1 - r
    s = 2 * y * y * p
    half = 0.5 / y**2
    series = np.ones_like(y)
    for k in range(17, 3, -2):
        series = 1 - k * half * series
    q = np.where(y > 12, 3 * half * series, 1 - s)
    p = np.where(y > 12, half * (1 - q), p)
    return np.where(y < 1, (tau + 1) * r + s - low, high - ((tau + 1) * p + q))


def _row(
    name: str,
    arguments: tuple[np.ndarray, np.ndarray],
    value: np.ndarray,
    compile_s: float,
    run_s: float,
    rival: Callable[..., np.ndarray],
) -> dict[str, Any]:
    rival_s, found = _timed(lambda: rival(*arguments), 1)
    return {
        "work": "corruption coefficients",
        "rival": f"scipy find_root, {name}",
        "size": SIZE,
        "compile_s": compile_s,
        "run_s": run_s,
        "rival_s": rival_s,
        "ratio": rival_s / run_s,
        "accuracy": backward_error(*arguments, value),
        "rival_accuracy": backward_error(*arguments, found),
    }


def _timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores")
    for row in run():
        print("  ".join(f"{key} {entry:.3g}" if isinstance(entry, float) else str(entry) for key, entry in row.items()))
