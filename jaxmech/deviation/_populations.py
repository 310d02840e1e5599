"""Host: populations by name, and what all agents could gain on one: agents who are alike are measured once."""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._progress import tell
from jaxmech._types import Array, ArrayLike
from jaxmech._words import one_of
from jaxmech.deviation._population import Laplace, LogNormal, Normal, Population, StudentT
from jaxmech.deviation._robustness import Robustness, robustness
from jaxmech.mechanism import Stakes

LAWS = ("normal", "laplace", "student-t", "lognormal")
"""Names of laws; two of them take a parameter, after a colon."""

_FREEDOM, _SPREAD = 3.0, 1.0
_WIDEST = 3.0
"""Standard deviation of a logarithm: from there on, hardly any sample holds the points that make up the variance."""


def population(name: str, sigma: ArrayLike) -> Population:
    """Return a population of a named law, with mean 0 and these standard deviations.

    Args:
        name: ``normal``, ``laplace``, ``student-t:FREEDOM`` (3 degrees by default, more than 2) or
            ``lognormal:SPREAD`` (standard deviation of the logarithm, 1 by default, at most 3).
        sigma: standard deviation of a point, one per distribution.

    Raises:
        ProblemError: for a law that is not known, and a parameter that it does not take.

    Source: none; textbook laws, standardised.

    Example:
        >>> population("student-t:5", [2.0]).freedom
        5.0
    """
    law, colon, given = name.partition(":")
    one_of("population", law, LAWS, f'"{name}" must name one of')
    if colon and law in ("normal", "laplace"):
        raise ProblemError("population", name, f"{law} takes no parameter")
    spread = jnp.atleast_1d(jnp.asarray(sigma, float))
    mean = jnp.zeros_like(spread)
    if law == "student-t":
        freedom = _parameter(name, given if colon else str(_FREEDOM))
        if not freedom > 2:
            rule = "must have more than 2 degrees of freedom: with 2 or fewer the variance is infinite"
            raise ProblemError("population", name, rule)
        return StudentT(mean, spread, freedom)
    if law == "lognormal":
        width = _parameter(name, given if colon else str(_SPREAD))
        if not 0 < width <= _WIDEST:
            rule = f"must have a standard deviation of the logarithm above 0 and at most {_WIDEST:g}"
            raise ProblemError("population", name, rule)
        return LogNormal(mean, spread, width)
    return Laplace(mean, spread) if law == "laplace" else Normal(mean, spread)


def moments(people: Population) -> tuple[float, float]:
    """Return skewness, 0 for every symmetric law, and excess kurtosis, which may be infinite, of a named law.

    Args:
        people: what :func:`population` returns.

    Raises:
        ProblemError: for any other population.

    Source: none; textbook laws.

    Example:
        >>> moments(population("student-t:6", 1.0))
        (0.0, 3.0)
    """
    if isinstance(people, Normal):
        return 0.0, 0.0
    if isinstance(people, Laplace):
        return 0.0, 3.0
    if isinstance(people, StudentT):
        freedom = float(people.freedom)
        return 0.0, 6 / (freedom - 4) if freedom > 4 else math.inf
    if isinstance(people, LogNormal):
        square = math.exp(float(people.spread) ** 2)
        return (square + 2) * math.sqrt(square - 1), square**4 + 2 * square**3 + 3 * square**2 - 6
    raise ProblemError("people", type(people).__name__, f"must be of one of the laws {', '.join(LAWS)}")


def _parameter(name: str, given: str) -> float:
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ProblemError("population", name, "must have a finite number after the colon, as in student-t:3")
    return number


def robustness_of_all(
    mechanism: Any,
    problem: Any,
    people: Population,
    key: Array,
    replications: int = 65_536,
    agents: Sequence[int] | None = None,
) -> tuple[Robustness, ...]:
    """Measure what every agent pays, and could gain by cheating, on a population; see :func:`robustness`.

    All are measured on the same random numbers. Agents to whom the mechanism does the same, at the same costs, are
    measured once.

    Args:
        mechanism: one that answers an agent alone, made for whole samples.
        problem: anything with costs, sigma and price.
        people: where data come from.
        key: random key.
        replications: how many runs judge.
        agents: their indices; all by default.

    Raises:
        ProblemError: as :func:`robustness`.

    Source: see :func:`robustness`.

    Example:
        >>> from jaxmech import collaboration
        >>> equals = collaboration.Problem([[0.01]] * 10, 1.0)
        >>> plan = collaboration.integer_plan(equals, collaboration.solve(equals, mechanism="c3d").value).plan
        >>> machine = collaboration.mechanism(equals, plan)
        >>> found = robustness_of_all(machine, equals, population("laplace", 1.0), jax.random.key(0), 1000)
        >>> len(found), found[0] is found[1]  # rounding makes two groups
        (10, True)
    """
    stakes = Stakes.of(problem).of_agents_alike("gains on data of other laws are for points that are alike")
    who = list(range(stakes.costs.shape[0])) if agents is None else list(agents)
    first = {i: kin[0] for kin in _alike(mechanism, stakes, who) for i in kin}
    measured = sorted(set(first.values()))
    precise = bool(jnp.result_type(float) == jnp.float64)

    def one(agent: int) -> Robustness:
        # The context manager of a caller who asked for float64 does not reach other threads.
        with jax.enable_x64(precise):
            return robustness(mechanism, problem, people, agent, key, replications)

    tell("agents", 0, len(measured))
    results = {i: one(i) for i in measured[:1]}  # compiles, so alone
    with ThreadPoolExecutor(max(1, min(4, os.cpu_count() or 1))) as workers:
        for i, found in zip(measured[1:], workers.map(one, measured[1:]), strict=True):
            tell("agents", len(results), len(measured))
            results[i] = found
    return tuple(results[first[i]] for i in who)


def _alike(mechanism: Any, stakes: Stakes, who: list[int]) -> list[list[int]]:
    """Agents in groups to whom the same happens: costs and all rows of the mechanism are the same."""
    m = stakes.costs.shape[0]
    leaves = [np.asarray(leaf) for leaf in (*jax.tree.leaves(mechanism), stakes.costs) if hasattr(leaf, "shape")]
    # Where agents are compared with each other, or nothing can be seen of what is done to them, nobody is alike.
    if len(leaves) < 2 or any(m in leaf.shape[1:] for leaf in leaves):
        return [[i] for i in who]
    groups: dict[bytes, list[int]] = {}
    for i in who:
        row = b"".join(np.ascontiguousarray(leaf[i]).tobytes() for leaf in leaves if leaf.shape[:1] == (m,))
        groups.setdefault(row, []).append(i)
    return list(groups.values())
