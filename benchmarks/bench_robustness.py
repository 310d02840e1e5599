"""Incentives on data that are not normal: measured regret and efficiency of c3d and cbl against the number of agents.

``python -m benchmarks.bench_robustness`` prints one row per mechanism, population and number of agents. The theorem for
bounded variance says: an O(1/m)-approximate equilibrium, and (2 + O(1/m))-efficient.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech import catalog, collaboration, deviation, files

SIZES = (5, 10, 20, 50, 100, 200)
REPLICATIONS = 40_000
COST = 1e-4


def run(sizes: tuple[int, ...] = SIZES, replications: int = REPLICATIONS) -> list[dict[str, Any]]:
    """Measure every case; populations have mean 0 (the patients: their own) and standard deviation 1."""
    with jax.enable_x64(True):
        return [
            measure(mechanism, name, population, agents, replications)
            for mechanism in ("c3d", "cbl")
            for name, population in populations().items()
            for agents in sizes
        ]


def populations() -> dict[str, Any]:
    """Normal, heavy-tailed, skewed, and the triglycerides of real patients."""
    zero, one = jnp.zeros(1), jnp.ones(1)
    return {
        "normal": deviation.Normal(zero, one),
        "Student t, 3 degrees": deviation.StudentT(zero, one, 3.0),
        "log-normal, skewness 6": deviation.LogNormal(zero, one, 1.0),
        "patients' triglycerides": deviation.Empirical.of(patients()[:, 2:3]),
    }


def patients() -> np.ndarray:
    """The five measurements of the shipped clinics' 442 patients, each with standard deviation 1."""
    table = files.read(catalog.names()[0]).data
    cells = np.asarray(table.cells, float)
    return cells / cells.std(axis=0)


def measure(mechanism: str, name: str, population: Any, agents: int, replications: int, d: int = 1) -> dict[str, Any]:
    """Penalty and regret of one agent, in a plan of whole samples; equal costs for c3d, nearly equal ones for cbl."""
    costs = np.full((agents, d), COST)
    if mechanism == "cbl":
        costs *= np.exp(0.05 * np.random.default_rng(0).standard_normal((agents, 1)))
    problem = collaboration.Problem(costs, 1.0)
    solved = collaboration.solve(problem, division="egalitarian", mechanism=mechanism).value
    plan = collaboration.integer_plan(problem, solved).plan
    machine = collaboration.mechanism(problem, plan)
    checked = np.flatnonzero(np.all(np.asarray(plan.role) == collaboration.Role.CHECKED, axis=1))
    agent = int(checked[0]) if len(checked) else 0
    found = deviation.robustness(machine, problem, population, agent, jax.random.key(agents), replications)
    first_best = float(collaboration.first_best(problem)) / agents
    return {
        "mechanism": mechanism,
        "population": name,
        "agents": agents,
        "promised": float(plan.penalty[agent]),
        "honest": found.honest,
        "honest_error": found.honest_error,
        "regret": max(found.regret, 0.0) / found.honest,
        "regret_error": found.regret_error / found.honest,
        "ratio": found.honest / first_best,
        "promised_ratio": float(plan.penalty[agent]) / first_best,
    }


def main() -> None:
    """Print the table, and all five measurements of the patients at once."""
    rows = run()
    with jax.enable_x64(True):
        together = deviation.Empirical.of(patients())
        rows += [measure("c3d", "five measurements of patients", together, m, 10_000, d=5) for m in (10, 50)]
    for row in rows:
        print("  ".join(f"{key} {entry:.3g}" if isinstance(entry, float) else str(entry) for key, entry in row.items()))


if __name__ == "__main__":
    main()
