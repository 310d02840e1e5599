"""Designed mechanisms against the published ones: how far from the best possible, and how long a design takes.

``python -m benchmarks.bench_design`` prints one row per headline. ``ratio`` is a social penalty: of equal agents in
units of the first best, of random instances in units of the best published one (cbl over the rational or the leverage
division); where data are not as assumed it is a penalty in units of the promise. The accuracy is the gain that the
certificate leaves open, relatively. With equal costs the published mechanism, the family's bound and the trivial
alternative (some work alone, the others receive) stand beside it.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import erf

import jaxmech
from jaxmech import collaboration, design, deviation
from jaxmech.collaboration import Problem
from jaxmech.design import _certify, _design

_SIGMA = 1e4
"""Such that 10,000 agents still collect a hundred points each: rounding does next to nothing."""
EQUAL = (3, 4, 5, 7, 10, 15, 30, 100, 1000, 10_000)
INSTANCES = 100
BATCHED, LOOPED = 1000, 10
"""Designs in one call, and how many of them a loop makes for comparison."""
SPREADS = (0.1, 0.3, 1.0)
AGENTS = (5, 12, 30)
WISHES = {
    "noise at most 10 sigma^2": design.Wishes(noise=10.0),
    "noise at most 100 sigma^2": design.Wishes(noise=100.0),
    "honest agents fail in 5 % at most": design.Wishes(failure=0.05),
    "honest agents fail in 1 % at most": design.Wishes(failure=0.01),
    "whole samples": design.Wishes(whole=True),
}


def run() -> list[dict[str, Any]]:
    """Measure all headlines."""
    with jax.enable_x64(True):
        return [
            *(equal_agents(m) for m in EQUAL),
            *(wish(name, m) for name in WISHES for m in (10, 1000)),
            *(misspecified(m, factor) for m in (10, 100) for factor in (0.8, 1.2)),
            *(heavy_tails(m) for m in (10, 100)),
            *random_instances(INSTANCES),
            *(many(BATCHED, 10, d, LOOPED) for d in (1, 2)),
        ]


def equal_agents(m: int) -> dict[str, Any]:
    """One distribution, equal costs: what the issue of honesty costs, published, designed and at best."""
    problem, best = Problem([[1.0]] * m, _SIGMA), 2 * _SIGMA * np.sqrt(m)
    seconds, (found, gain) = _timed(problem, design.Wishes())
    alone = np.arange(1, m + 1)
    return {
        "work": "design, equal costs",
        "size": f"{m} agents",
        "run_s": seconds,
        "rival": found.rival,
        "ratio": float(found.social_penalty) / best,
        "accuracy": gain,
        "published": float(found.published) / best,
        "family bound": float(found.family) / best,
        "trivial": float(np.min(2 * alone + (m - alone) / alone)) / (2 * np.sqrt(m)),
        "honest agents fail": float(found.failure.max()),
    }


def wish(name: str, m: int) -> dict[str, Any]:
    """What a wish costs equal agents."""
    seconds, (found, gain) = _timed(Problem([[1.0]] * m, _SIGMA), WISHES[name])
    return {
        "work": f"design, {name}",
        "size": f"{m} agents",
        "run_s": seconds,
        "ratio": float(found.social_penalty) / (2 * _SIGMA * np.sqrt(m)),
        "accuracy": gain,
        "honest agents fail": float(found.failure.max()),
    }


def misspecified(m: int, factor: float) -> dict[str, Any]:
    """What happens if the data spread more or less than the design assumes: one distribution, so q is convex in n."""
    sigma = _SIGMA
    found = design.design(Problem([[1.0]] * m, sigma)).raise_for_status().value
    n, z, rest, limit = (float(table[-1, 0]) for table in (found.samples, found.comparison, found.rest, found.limit))
    true = factor * sigma

    def penalty(amount: float) -> float:
        chance = float(erf(limit / (true * np.sqrt(2 * (1 / amount + 1 / z)))))
        return true**2 * ((1 - chance) / (amount + z) + chance / (amount + z + rest)) + amount

    least = minimize_scalar(lambda log: penalty(np.exp(log)), bounds=(np.log(n) - 9, np.log(n) + 5), method="bounded")
    return {
        "work": f"design, true sigma {factor:g} times the assumed one",
        "size": f"{m} agents",
        "ratio": penalty(n) / float(found.penalty[-1]),
        "regret": 1 - min(float(least.fun), true**2 / z) / penalty(n),
    }


def heavy_tails(m: int) -> dict[str, Any]:
    """What a cheat gains where data have Student's t distribution with three degrees of freedom."""
    problem = Problem([[1.0]] * m, 20.0)
    found = design.design(problem, design.Wishes(whole=True)).raise_for_status().value
    machine = design.designed_mechanism(problem, found)
    people = deviation.StudentT(jnp.zeros(1), jnp.full(1, 20.0), 3.0)
    measured = deviation.robustness(machine, problem, people, m - 1, jax.random.key(0))
    return {
        "work": "design in whole samples, Student t (3) data",
        "size": f"{m} agents",
        "ratio": measured.honest / float(found.penalty[-1]),
        "regret": measured.regret / measured.honest,
        "standard error": measured.regret_error / measured.honest,
    }


def random_instances(count: int) -> list[dict[str, Any]]:
    """Different costs: linked rules, and one distribution at a time against the family's bound."""
    generator = np.random.default_rng(7)
    rows: dict[float, list[tuple[float, ...]]] = {spread: [] for spread in SPREADS}
    for i in range(count):
        spread = SPREADS[i % len(SPREADS)]
        shape = int(generator.choice(AGENTS)), int(generator.integers(2, 6))
        problem = Problem(10 ** (spread * generator.standard_normal(shape)), 100.0)
        published = min(_published(problem, division) for division in ("rational", "leverage"))
        seconds, (found, gain) = _timed(problem, design.Wishes(), repeats=1)
        apart = design.design(problem, design.Wishes(linked=False)).raise_for_status().value
        linked, alone, family = (float(value) for value in (found.social_penalty, apart.social_penalty, found.family))
        rows[spread].append((linked / published, alone / published, alone / family, seconds, gain))
    return [_summary(f"costs spread by 10^±{spread:g}", np.array(found)) for spread, found in rows.items()] + [
        _summary("all", np.concatenate([np.array(found) for found in rows.values()]))
    ]


def many(count: int, m: int, d: int, looped: int) -> dict[str, Any]:
    """Many designs in one call beside a loop over some of them; proofs of the host apart, over both cores.

    The loop is :func:`jaxmech.design.design`, warm, less the time that its proofs take (family and certificate).
    """
    costs = np.random.default_rng(d).lognormal(0.0, 0.3, (count, m, d))
    problems = jax.vmap(lambda table: Problem(table, 100.0))(jnp.asarray(costs))
    chunk = min(32, count)
    start = time.perf_counter()
    jaxmech.batch(design.design, jax.tree.map(lambda leaf: leaf[:chunk], problems), chunk=chunk)
    compile_s = time.perf_counter() - start
    start = time.perf_counter()
    found = jaxmech.batch(design.design, problems, chunk=chunk)
    run_s = time.perf_counter() - start
    each = [Problem(table, 100.0) for table in costs[: looped + 1]]
    alone, whole_s, proofs_s = zip(*(_one(problem) for problem in each), strict=True)
    batched = np.asarray(found.value.social_penalty)[: looped + 1]
    parts = [jax.tree.map(lambda leaf, i=i: jnp.asarray(leaf[i]), found.value) for i in range(looped + 1)]
    start = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        proven = list(pool.map(_held, each, parts))
    certify_s = time.perf_counter() - start
    loop_s = float(np.mean(whole_s[1:]) - np.mean(proofs_s[1:]))  # the first one compiles
    return {
        "work": f"designs in one call, d = {d}",
        "size": f"{count} of {m} agents",
        "rival": f"a loop (mean of {looped}), its proofs apart",
        "compile_s": compile_s,
        "run_s": run_s,
        "rival_s": loop_s * count,
        "ratio": loop_s * count / run_s,
        "accuracy": float(np.max(np.abs(batched / np.array(alone) - 1))),
        "ratio with proofs in the loop": float(np.mean(whole_s[1:])) * count / run_s,
        "proofs each": certify_s / len(each),
        "proven": sum(proven) / len(proven),
    }


def _one(problem: Problem) -> tuple[float, float, float]:
    """A design on its own: social penalty, time, and time for proofs."""
    spent = [0.0]
    with _clocked(_design, "proven_value", spent), _clocked(_certify, "prove", spent):
        start = time.perf_counter()
        found = design.design(problem).value
        return float(found.social_penalty), time.perf_counter() - start, spent[0]


@contextlib.contextmanager
def _clocked(module: Any, name: str, spent: list[float]) -> Iterator[None]:
    """Add up what a function of a module takes."""
    plain = getattr(module, name)

    def timed(*arguments: Any, **options: Any) -> Any:
        jax.block_until_ready(jax.live_arrays())  # what was begun before is not the proof's
        start = time.perf_counter()
        result = plain(*arguments, **options)
        spent[0] += time.perf_counter() - start
        return result

    setattr(module, name, timed)
    try:
        yield
    finally:
        setattr(module, name, plain)


def _held(problem: Problem, made: design.Design) -> bool:
    return all(audit.holds for audit in design.certify(problem, made) if audit.claimed)


def _summary(name: str, table: np.ndarray) -> dict[str, Any]:
    linked, alone, family, seconds, gain = table.T
    return {
        "work": f"design, different costs, {name}",
        "size": f"{len(table)} instances, 5 to 30 agents, 2 to 5 distributions",
        "rival": "the better of cbl over the rational and the leverage division",
        "run_s": float(np.median(seconds)),
        "ratio": float(linked.mean()),
        "accuracy": float(gain.max()),
        "largest ratio": float(linked.max()),
        "unlinked": float(alone.mean()),
        "unlinked / family bound": float(family.mean()),
        "largest of these": float(family.max()),
    }


def _published(problem: Problem, division: str) -> float:
    return float(collaboration.solve(problem, division=division).value.social_penalty)


def _timed(problem: Problem, wishes: design.Wishes, repeats: int = 2) -> tuple[float, tuple[design.Design, float]]:
    """The last of some designs, so without compilation where there are several, and what its proof leaves open."""
    for _ in range(repeats):
        start = time.perf_counter()
        solution = design.design(problem, wishes).raise_for_status()
        seconds = time.perf_counter() - start
    return seconds, (solution.value, float(solution.residual))


if __name__ == "__main__":
    from benchmarks import _table

    print(_table.markdown(run(), _table.machine()))
