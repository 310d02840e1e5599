"""Best responses of many random problems of ten agents under cbl: one call, against a loop.

``python -m benchmarks deviation`` searches with the settings of an audit. Both sides make the same effort from the same
settings; ``accuracy`` is the largest difference between the gains found, in units of what honesty costs, which the
standard errors (``error``) explain. On a processor both are bound by arithmetic: every strategy is evaluated in some
twenty million draws per agent, which fit the cache piece by piece, and the loop has a thread for each core as well; so
one call saves the host's part alone. An accelerator has the agents of many problems side by side.
"""

import functools
import os
import time
from typing import Any

import jax
import numpy as np

import jaxmech as jm
from jaxmech import collaboration, deviation

INSTANCES = 50
AGENTS = 10
AT_ONCE = {"cpu": 1}
"""Problems in a chunk; on a processor one fills the cache."""


def run(instances: int = INSTANCES, settings: deviation.SearchSettings | None = None) -> list[dict[str, Any]]:
    """Search once by the loop and once in one call, both compiled before; processor time beside the clock's."""
    chosen = settings or deviation.SearchSettings()
    with jax.enable_x64(True):
        cases = problems(instances)
        one = functools.partial(search, settings=chosen)
        compiled_s, _, _ = _timed(lambda: jm.batch(one, _rows(cases, 1), chunk=1))
        loop_one = functools.partial(_loop, settings=chosen)
        _timed(lambda: loop_one(_rows(cases, 1)))
        loop_s, loop_cpu, looped = _timed(lambda: loop_one(cases))
        run_s, run_cpu, found = _timed(lambda: jm.batch(one, cases, chunk=AT_ONCE.get(jax.default_backend(), 64)))
    honest = np.asarray(found.honest)
    return [
        {
            "work": "best responses, cbl",
            "size": f"{instances:,} of {AGENTS} agents",
            "rival": "loop of best_responses",
            "compile_s": compiled_s,
            "run_s": run_s,
            "rival_s": loop_s,
            "ratio": loop_s / run_s,
            "accuracy": float(np.max(np.abs(found.gain - looped.gain) / honest)),
            "error": float(np.max(np.hypot(found.standard_error, looped.standard_error) / honest)),
            "processor_s": run_cpu,
            "rival_processor_s": loop_cpu,
            "cores": os.cpu_count(),
        }
    ]


def problems(instances: int) -> Any:
    """Problems of agents whose costs differ by some thirty per cent, and their mechanisms, the batch leading."""
    costs = 0.01 * np.exp(np.random.default_rng(0).normal(0, 0.3, (instances, AGENTS, 1)))

    def made(table: Any) -> Any:
        problem = collaboration.Problem(table, 1.0)
        plan = collaboration.solve(problem, division="egalitarian", mechanism="cbl").value
        return problem, collaboration.mechanism(problem, plan)

    return jm.batch(made, costs)


def search(case: Any, settings: deviation.SearchSettings) -> Any:
    """Search for the best responses of all agents of one problem."""
    problem, machine = case
    return deviation.best_responses(machine, problem, jax.random.key(0), settings=settings)


def _loop(cases: Any, settings: deviation.SearchSettings) -> Any:
    count = len(jax.tree.leaves(cases)[0])
    found = [search(jax.tree.map(lambda leaf, i=i: leaf[i], cases), settings) for i in range(count)]
    return jax.tree.map(lambda *leaves: np.stack(leaves), *found)


def _rows(cases: Any, count: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[:count], cases)


def _timed(work: Any) -> tuple[float, float, Any]:
    clock, processor = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - clock, time.process_time() - processor, found
