"""How time and memory grow with the size of a problem, beside how they should.

``python -m benchmarks growth`` prints one row per kind of size. Time is processor time of a call after the first, the
least of several, for a machine that does something else as well changes it less; memory is what the compiled program
holds, arguments, results and scratch, as XLA tells it. Of both the exponent is that of the least squares line through
the logarithms, over the sizes that are told, with the largest factor by which a point is off the line, and the exponent
of the last step alone. "Should" is what the algorithm costs for large sizes.
"""

import math
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._turns import instances, rational
from jaxmech import audit, collaboration, market, multiparty

COLUMNS = (
    *("work", "sizes", "run_s", "bytes"),
    *("time exponent", "last", "off by", "should", "memory exponent", "should hold", "why"),
)
TURNS, LEAST_S = 4, 0.02
GROWTH, NEVER_SO_FAR = -0.7, -0.664


def run(axes: Sequence[str] | None = None, most: int | None = None) -> list[dict[str, Any]]:
    """Measure everything, or some of it.

    Args:
        axes: which of :func:`cases`; all by default.
        most: how many of the sizes of each; all by default.
    """
    with jax.enable_x64(True):
        chosen = {name: case for name, case in cases().items() if axes is None or name in axes}
        return [_row(name, sizes[:most], *rest) for name, (sizes, *rest) in chosen.items()]


def cases() -> dict[str, tuple[Any, ...]]:
    """By name: sizes, from a size to a compiled call and its program, exponents of time and memory, and why."""
    square = "a step costs m d min(m, d)"
    return {
        "agents m, m x 10": ((160, 320, 640, 1280, 2560), lambda m: _optimum(m, 10), 1, 1, square),
        "distributions d, 10 x d": ((160, 320, 640, 1280, 2560), lambda d: _optimum(10, d), 1, 1, square),
        "both, m = d": ((40, 80, 160, 320), lambda m: _optimum(m, m), 3, 2, square),
        "instances in a batch of 10 x 5": (
            *((500, 1000, 2000, 4000), _batch, 1, 1),
            "no instance waits for another",
        ),
        "menu of a market, 3 types": (
            *((64, 128, 256, 512), lambda size: _market(size, 3), 1, 1),
            "a box costs types² + types x menu; boxes hardly grow while values are smooth",
        ),
        "types of buyers, menu of 32": (
            *((2, 3, 4, 5, 6), lambda types: _market(32, types), math.nan, 1),
            "no power: the search may look at menu^types boxes, at worst",
        ),
        "agents of an audit, cbl": (
            *((4, 8, 16), _audit, 2, math.nan),
            "a search for each agent, whose draws hold what all others hand in",
        ),
        "levels of existence, 2 agents": (
            *((50, 100, 200, 400, 800), _existence, 3, 2),
            "every profile looks at every lower report; no table of constraints is held",
        ),
        "largest disparity searched to": (
            *((500, 1000, 2000, 4000, 8000), _boundary, 2, 1),
            "every size looks at every lower report",
        ),
    }


def exponent(sizes: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Return the slope of the line through the logarithms, and the largest factor by which a value is off it."""
    slope, intercept = np.polyfit(np.log(sizes), np.log(values), 1)
    off = np.abs(np.log(values) - slope * np.log(sizes) - intercept)
    return float(slope), float(np.exp(off.max()))


def _row(name: str, sizes: Sequence[int], make: Any, time_should: float, memory_should: float, why: str) -> Any:
    points = [_point(size, make) for size in sizes]
    seconds, held = ([point[key] for point in points] for key in ("processor_s", "bytes"))
    grown, off = exponent(sizes, seconds)
    known = all(np.isfinite(held))
    return {
        "work": name,
        "size": f"{sizes[0]:,} to {sizes[-1]:,}",
        "sizes": f"{sizes[0]:,} to {sizes[-1]:,}, {len(sizes)} of them",
        "run_s": points[-1]["run_s"],
        "compile_s": points[-1]["compile_s"],
        "bytes": held[-1],
        "time exponent": grown,
        "last": exponent(sizes[-2:], seconds[-2:])[0],
        "off by": off,
        "should": time_should,
        "memory exponent": exponent(sizes, held)[0] if known else math.nan,
        "should hold": memory_should,
        "why": why,
        "points": points,
    }


def _point(size: int, make: Any) -> dict[str, float]:
    start = time.perf_counter()
    call, program = make(size)
    call()
    compile_s = time.perf_counter() - start
    once = _timed(call, 1)
    count = max(1, math.ceil(LEAST_S / max(once[0], 1e-6)))
    turns = [_timed(call, count) for _ in range(TURNS if once[0] < 5 else 1)]
    return {
        "size": size,
        "compile_s": compile_s,
        "run_s": min(turn[0] for turn in turns),
        "processor_s": min(turn[1] for turn in turns),
        "bytes": _bytes(program),
    }


def _timed(call: Callable[[], Any], count: int) -> tuple[float, float]:
    wall, own = time.perf_counter(), time.process_time()
    for _ in range(count):
        call()
    return (time.perf_counter() - wall) / count, (time.process_time() - own) / count


def _bytes(program: Any) -> float:
    """What a program holds; NaN where there is none, or XLA does not tell."""
    told = None if program is None else program.memory_analysis()
    if told is None:
        return math.nan
    return float(told.temp_size_in_bytes + told.output_size_in_bytes + told.argument_size_in_bytes)


def _compiled(function: Callable[..., Any], *arguments: Any) -> tuple[Callable[[], Any], Any]:
    program = jax.jit(function).lower(*arguments).compile()
    return lambda: jax.block_until_ready(program(*arguments)), program


def _optimum(m: int, d: int) -> Any:
    return _compiled(rational, jnp.asarray(instances("binding", 1, m, d)[0]))


def _batch(count: int) -> Any:
    return _compiled(jax.vmap(rational), jnp.asarray(instances("binding", count, 10, 5)))


def _market(size: int, types: int) -> Any:
    menu = np.arange(size)
    forms = (market.exponential, market.linear, market.threshold)
    generator = np.random.default_rng(types)
    scales, tops = 10 ** generator.uniform(-0.8, -0.2, types), generator.uniform(0.3, 1, types)
    buyers = [market.Buyer(forms[j % 3](scales[j], tops[j]), 2 + j) for j in range(types)]
    problem = market.Problem([0.01, 0.02], 1.0, buyers)
    return _compiled(lambda costs: market.solve(_with(problem, costs), sizes=menu), problem.contributor_costs)


def _with(problem: market.Problem, costs: Any) -> market.Problem:
    leaves, tree = jax.tree.flatten(problem)
    return jax.tree.unflatten(tree, [costs, *leaves[1:]])


def _audit(agents: int) -> Any:
    costs = 0.01 * np.exp(np.random.default_rng(0).normal(0, 0.1, (agents, 1)))
    problem = collaboration.Problem(costs, 1.0)
    plan = collaboration.solve(problem, division="egalitarian").value
    machine = collaboration.mechanism(problem, plan)
    return lambda: audit.examine(machine, problem, jax.random.key(0)), None


def _existence(levels: int) -> Any:
    return _compiled(multiparty.existence, multiparty.market_growth(GROWTH, 2, levels - 1))


def _boundary(most: int) -> Any:
    return _compiled(lambda growth: multiparty.largest_disparity(growth, 2, most), jnp.asarray(NEVER_SO_FAR))


def main() -> None:
    """Print the rows."""
    for row in run():
        print(row)


if __name__ == "__main__":
    main()
