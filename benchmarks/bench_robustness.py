"""Incentives on data that are not normal: measured regret and efficiency of c3d and cbl against the number of agents.

``python -m benchmarks.bench_robustness`` prints one row per mechanism, number of distributions, population and number
of agents; each agent of c3d collects 20 points. The theorem for bounded variance says: an O(1/m)-approximate
equilibrium, and (2 + O(1/m))-efficient.

Columns, in units of the promised penalty: what she pays (``honest``); what she pays if she weighs the noisy points by
their average variance (``steady``, the same for all populations) and that in closed form (``steady_exact``); what the
best strategy tried would gain (``regret``). ``ratio`` is the social penalty over the first best. No strategy costs less
than what is promised if data happen to be normal, so that steady_exact − 1 bounds the regret of the steady estimate
over all populations with this variance; ``proven`` is that times m.
"""

import itertools
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech import catalog, collaboration, deviation, files

SIZES = (5, 10, 20, 50, 100)
REPLICATIONS = 65_536
POINTS = 20


def run(
    sizes: tuple[int, ...] = SIZES, replications: int = REPLICATIONS, widths: tuple[int, ...] = (1, 4)
) -> list[dict[str, Any]]:
    """Measure every case; populations have mean 0 (the patients: their own) and standard deviation 1."""
    return list(rows(sizes, replications, widths))


def rows(sizes: tuple[int, ...], replications: int, widths: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Measure one case after the other."""
    with jax.enable_x64(True):
        for mechanism, d, agents in itertools.product(("c3d", "cbl"), widths, sizes):
            made = case(mechanism, agents, d)
            for name, people in populations(d).items():
                yield measure(made, name, people, replications)


def populations(d: int = 1) -> dict[str, Any]:
    """Normal, heavy-tailed, skewed, and real patients (their triglycerides, or all four measurements)."""
    zero, one = jnp.zeros(d), jnp.ones(d)
    return {
        "normal": deviation.Normal(zero, one),
        "Student t, 5 degrees": deviation.StudentT(zero, one, 5.0),
        "Student t, 3 degrees": deviation.StudentT(zero, one, 3.0),
        "one in 10,000 far away": deviation.Empirical.of(far_away(d)),
        "log-normal, skewness 6": deviation.LogNormal(zero, one, 1.0),
        "patients": deviation.Empirical.of(patients()[:, 2:3] if d == 1 else patients()),
    }


def far_away(d: int) -> np.ndarray:
    """Nearly all points are 0; one in 10,000 is 100 σ away, on either side."""
    return np.concatenate([np.zeros((19_998, d)), np.full((1, d), 100.0), np.full((1, d), -100.0)])


def patients() -> np.ndarray:
    """The four measurements of the shipped clinics' 442 patients, each with standard deviation 1."""
    table = files.read(catalog.names()[0]).data
    cells = np.asarray(table.cells, float)
    return cells / cells.std(axis=0)


class Case(NamedTuple):
    """A mechanism for a plan in whole samples, and the agent to look at."""

    mechanism: str
    d: int
    problem: Any
    plan: Any
    machine: Any
    agent: int


def case(mechanism: str, agents: int, d: int = 1) -> Case:
    """Equal costs for c3d, nearly equal ones for cbl, such that the first best is 20 points from everybody."""
    costs = np.full((agents, d), 1 / (agents * POINTS**2))
    if mechanism == "cbl":
        costs *= np.exp(0.05 * np.random.default_rng(0).standard_normal((agents, 1)))
    problem = collaboration.Problem(costs, 1.0)
    solved = collaboration.solve(problem, division="egalitarian", mechanism=mechanism).value
    plan = collaboration.integer_plan(problem, solved).plan
    checked = np.flatnonzero(np.all(np.asarray(plan.role) == collaboration.Role.CHECKED, axis=1))
    agent = int(checked[0]) if len(checked) else 0
    return Case(mechanism, d, problem, plan, collaboration.mechanism(problem, plan), agent)


def measure(what: Case, name: str, population: Any, replications: int) -> dict[str, Any]:
    """Penalty and regret of one agent on one population."""
    agents, promised = what.problem.shape[0], float(what.plan.penalty[what.agent])
    start = time.perf_counter()
    key = jax.random.key(agents)
    found = deviation.robustness(what.machine, what.problem, population, what.agent, key, replications)
    seconds, exact = time.perf_counter() - start, steady(what) / promised
    return {
        "work": f"{what.mechanism}, d = {what.d}, {name}",
        "size": agents,
        "honest": found.honest / promised,
        "honest_error": found.honest_error / promised,
        "steady": found.steady / promised,
        "steady_error": found.steady_error / promised,
        "steady_exact": exact,
        "proven": agents * (exact - 1),
        "regret": found.regret / promised,
        "regret_error": found.regret_error / promised,
        "ratio": social(what, found.honest) / float(collaboration.first_best(what.problem)),
        "steady_ratio": social(what, exact * promised) / float(collaboration.first_best(what.problem)),
        "tried": found.tried,
        "run_s": seconds,
    }


def steady(what: Case) -> float:
    """Penalty with weights by the average variance: Σ 1/(n + z + D/(1 + α²(1/n + 1/z))) + c n, D = T − n − z."""
    plan, i = what.plan, what.agent
    n, total, costs = (np.asarray(v, float) for v in (plan.samples[i], plan.total, what.problem.costs[i]))
    checked = np.asarray(plan.role[i]) == collaboration.Role.CHECKED
    alpha = np.where(checked, np.asarray(plan.alpha[i], float), 0.0)
    compared = np.minimum(n, total - n)
    noisy = (total - n - compared) / (1 + alpha**2 * (1 / n + 1 / np.maximum(compared, 1)))
    alone = np.asarray(plan.role[i]) == collaboration.Role.ALONE
    return float(np.sum(1 / np.where(alone, n, n + compared + noisy) + costs * n))


def social(what: Case, paid: float) -> float:
    """Social penalty if everybody who is checked pays more or less by the same factor as this agent."""
    promised = np.asarray(what.plan.penalty, float)
    checked = np.any(np.asarray(what.plan.role) == collaboration.Role.CHECKED, axis=1)
    return float(np.sum(np.where(checked, paid / promised[what.agent], 1.0) * promised))


def main() -> None:
    """Print each row as soon as it is measured."""
    for row in rows(SIZES, REPLICATIONS, (1, 5)):
        cells = (f"{key} {entry:.4g}" if isinstance(entry, float) else str(entry) for key, entry in row.items())
        print("  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
