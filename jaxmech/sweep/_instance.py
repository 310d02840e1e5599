"""One instance of a sweep, from its number to its row: a pure function of JAX, to be run in batches."""

import math
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._precision import seed_key
from jaxmech._status import Solution, Status
from jaxmech._types import Array
from jaxmech.collaboration import (
    Plan,
    Problem,
    Role,
    alone_penalty,
    first_best,
    rational_optimum,
    social_penalty,
    solve,
)
from jaxmech.sweep._parameters import LEAVES, Draw, Target
from jaxmech.sweep._sweep import Sweep

Row = dict[str, Any]
"""Numbers of one instance, by name; of many, with a leading axis."""


def make_instance(sweep: Sweep) -> Callable[[tuple[Array, Array]], Row]:
    """Return the function from the number of an instance, and its values that are not random, to its row.

    Args:
        sweep: what varies.
    """

    def instance(given: tuple[Array, Array]) -> Row:
        index, fixed = given
        problem = _vary(sweep, index, fixed)
        solution: Solution[Plan] = solve(problem, division=sweep.division, mechanism=sweep.mechanism)
        plan = solution.value
        row = {
            "parameters": jnp.concatenate([fixed, *_drawn_entries(sweep, problem)]),
            "status": solution.status,
            "residual": solution.residual,
            "steps": solution.steps,
            "social_penalty": plan.social_penalty,
            "first_best": first_best(problem),
            "leverage": plan.leverage,
            **_against(sweep, problem, plan),
        }
        kept = {
            "penalty": plan.penalty,
            "alone": alone_penalty(problem),
            "samples": plan.samples,
            "target": plan.target,
            "alpha": plan.alpha,
            "role": plan.role,
        }
        return row | {name: kept[name] for name in sweep.keep}

    return instance


def has_own_baseline(sweep: Sweep) -> bool:
    """Whether n_OPT is a solve of its own, with a status of its own, rather than the division of the plan."""
    return sweep.division != "rational" and sweep.mechanism != "c3d"


def make_columns(sweep: Sweep, index: np.ndarray, rows: Row) -> dict[str, np.ndarray]:
    """Return the columns of a table of results, flat, in their order.

    Args:
        sweep: what varies.
        index: numbers of the instances.
        rows: what they came to.
    """
    problem = sweep.problem
    agents = [problem.agent_name(i) for i in range(problem.shape[0])]
    distributions = [problem.distribution_name(k) for k in range(problem.shape[1])]
    columns = {"index": index.astype(np.int64)}
    columns |= dict(zip(sweep.parameter_names, rows["parameters"].T, strict=True))
    columns["status"] = _in_words(Status, rows["status"])
    plain = ("residual", "steps", "social_penalty", "baseline", "first_best", "ratio")
    columns |= {name: rows[name] for name in plain}
    if "baseline_status" in rows:
        columns["baseline_status"] = _in_words(Status, rows["baseline_status"])
    columns["leverage"] = rows["leverage"].astype(bool)
    for name in sweep.keep:
        values = _roles(rows) if name == "role" else rows[name]
        label = "alone_penalty" if name == "alone" else name
        if values.ndim == 2:
            columns |= {f"{label}[{agent}]": values[:, i] for i, agent in enumerate(agents)}
        else:
            pairs = [(i, k) for i in range(len(agents)) for k in range(len(distributions))]
            columns |= {f"{label}[{agents[i]}][{distributions[k]}]": values[:, i, k] for i, k in pairs}
    return columns


def _roles(rows: Row) -> np.ndarray:
    """In words, but none where the solve failed: nobody has a role in a plan that is not there."""
    failed = np.array([Status.of(int(code)).is_failure for code in rows["status"]])
    return np.where(failed[:, None, None], "", _in_words(Role, rows["role"], str.lower))


def _vary(sweep: Sweep, index: Array, fixed: Array) -> Problem:
    """The problem with the values of one instance; keys with more names come later, and win."""
    leaves = {leaf: jnp.asarray(getattr(sweep.problem, leaf)) for leaf in LEAVES}
    own = dict(leaves)
    key = jax.random.fold_in(seed_key(np.uint32(sweep.seed)), index)
    changes: list[tuple[Target, Array]] = [(target, fixed[k]) for k, target in enumerate(sweep.fixed)]
    changes += [(target, _draw(key, target, draw, own[target.leaf])) for target, draw in sweep.drawn]
    for target, values in sorted(changes, key=lambda change: change[0].depth):
        leaves[target.leaf] = jnp.where(target.mask, values, leaves[target.leaf])
    return Problem.unchecked(leaves["costs"], leaves["sigma"], leaves["price"])


def _draw(key: Array, target: Target, draw: Draw, own: Array) -> Array:
    """Draw a value for every entry of a field; the stream of a parameter depends on its key alone."""
    stream = jax.random.fold_in(key, np.uint32(zlib.crc32(target.key.encode())))
    if draw.distribution == "lognormal":
        return own * jnp.exp(draw.low * jax.random.normal(stream, own.shape, own.dtype))
    share = jax.random.uniform(stream, own.shape, own.dtype)
    if draw.distribution == "uniform":
        return draw.low + (draw.high - draw.low) * share
    return draw.low * jnp.exp(math.log(draw.high / draw.low) * share)


def _drawn_entries(sweep: Sweep, problem: Problem) -> list[Array]:
    """Values of the entries that are random, in the order of the columns."""
    seen = {target.key for target in sweep.fixed}
    found = []
    for target, _ in sweep.drawn:
        values = getattr(problem, target.leaf)[np.nonzero(target.mask)]
        new = [i for i, name in enumerate(target.names) if name not in seen]
        seen |= set(target.names)
        found.append(values[np.array(new, int)])
    return found


def _against(sweep: Sweep, problem: Problem, plan: Plan) -> Row:
    """P(n_OPT) and the ratio to it; NaN where n_OPT was not found."""
    if not has_own_baseline(sweep):
        baseline = social_penalty(problem, plan.target)
        return {"baseline": baseline, "ratio": plan.social_penalty / baseline}
    optimum = rational_optimum(problem)
    found = (optimum.status == Status.OK) | (optimum.status == Status.ALMOST)
    baseline = jnp.where(found, social_penalty(problem, optimum.value), jnp.nan)
    return {"baseline": baseline, "ratio": plan.social_penalty / baseline, "baseline_status": optimum.status}


def _in_words(words: Any, codes: np.ndarray, style: Callable[[str], str] = str) -> np.ndarray:
    """Names of the members of an enumeration."""
    names = np.array([style(member.name) for member in sorted(words)], object)
    return names[np.asarray(codes)]
