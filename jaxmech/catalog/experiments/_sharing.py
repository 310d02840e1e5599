"""What the talk and the paper on sharing data say of their mechanisms, recomputed over the number of agents."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech import collaboration
from jaxmech.mechanism import Separate, Statistics

TALK_SOURCE = "Kandasamy: Data without borders, Statistics seminar, 2024, on Chen, Zhu, Kandasamy, NeurIPS 2023"
"""Where the statements about equal costs were printed."""

HARDNESS_SOURCE = (
    "Clinton, Chen, Zhu, Kandasamy: Collaborative Mean Estimation Among Heterogeneous Strategic Agents, 2025, Theorem 4"
)
"""Where the lower bound was printed."""

EQUALS = (5, 6, 8, 10, 15, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
"""Numbers of agents with equal costs."""

SHARES = np.geomspace(0.1, 10.0, 201)
"""Amounts that an agent might collect, in units of what she is recommended."""

HARD = (4, 9, 16, 36, 64, 144, 256)
"""Numbers of agents of the hard instance."""


class Equals(NamedTuple):
    """c3d among equals, one entry per number of agents.

    Attributes:
        agents: m.
        alpha: α²/n*.
        ratio: social penalty over the first best.
        curves: (agents, shares) what one pays who collects another amount, over what she pays if she complies.
    """

    agents: np.ndarray
    alpha: np.ndarray
    ratio: np.ndarray
    curves: np.ndarray


class Cheated(NamedTuple):
    """Pools of equals, one entry per number of agents; penalties over those of everybody's compliance.

    Attributes:
        agents: m.
        pool: of who collects nothing while data are simply pooled.
        counted: of who collects nothing and hands in as many invented points as were asked for, leaving them out again.
        victims: what the others pay of the first kind of cheating.
    """

    agents: np.ndarray
    pool: np.ndarray
    counted: np.ndarray
    victims: np.ndarray


class Hard(NamedTuple):
    """The hard instance, one entry per number of agents; social penalties over P(n_OPT).

    Attributes:
        agents: m.
        optimum: P(n_OPT), for σ = 1 and cost 1.
        least: least of any equilibrium of any mechanism, by the argument of the theorem.
        cbl: of the published mechanism.
    """

    agents: np.ndarray
    optimum: np.ndarray
    least: np.ndarray
    cbl: np.ndarray


def equals_by_agents() -> Equals:
    """Return ratio, noise and equilibrium of c3d: functions of the number of agents alone.

    Source: Chen, Zhu and Kandasamy 2023, Theorem 1, as on the talk's slides.

    Example:
        >>> found = equals_by_agents()
        >>> found.ratio[found.agents == 10].round(6).tolist()
        [1.697948]
    """
    m = jnp.asarray(EQUALS, float)
    alpha = collaboration.corruption_root(m, 1 / m).value
    each = collaboration.checked_penalty(m, 1 / m, alpha)  # in σ²/n*, and the first best of each is 2σ²/(m n*)
    shares = jnp.asarray(SHARES)

    def curve(agents: jax.Array, noise: jax.Array, honest: jax.Array) -> jax.Array:
        return collaboration.deviation_penalty(shares, 1.0, agents, jnp.sqrt(noise), 1 / agents, 1.0) / honest

    curves = jax.vmap(curve)(m, alpha, each)
    return Equals(np.array(EQUALS), *(np.asarray(part) for part in (alpha, each * m / 2, curves)))


def pools_by_agents() -> Cheated:
    """Return what cheating brings in the two naive mechanisms, from the package's own pools.

    Source: the talk's slides on pooling and sharing; Clinton et al. 2025, section 3.2.

    Example:
        >>> found = pools_by_agents()
        >>> found.pool[found.agents == 10].round(6).tolist()  # m/(2 (m − 1))
        [0.555556]
    """
    rows = []
    for m in EQUALS[:8]:
        problem = collaboration.Problem(np.ones((m, 1)), 1000.0)
        plan = collaboration.solve(problem, division="social", mechanism="pool").value
        honest, asked, error = float(plan.penalty[0]), float(plan.samples[0, 0]), float(problem.sigma[0] ** 2)
        others = float(jnp.sum(plan.samples[1:]))
        pool = float(collaboration.free_riding(problem, plan).instead[0])
        rows.append((m, pool / honest, _invented(problem, asked) / honest, (error / others + asked) / honest))
    return Cheated(*(np.array(part) for part in zip(*rows, strict=True)))


def _invented(problem: collaboration.Problem, asked: float) -> float:
    """What she pays who hands in invented numbers where data are counted, and takes them out of what she gets."""
    plan = collaboration.solve(problem, division="social", mechanism="counted-pool").value
    machine, told, truth = collaboration.mechanism(problem, plan), 7.0, -3.0
    assert isinstance(machine, Separate)
    own = Statistics(jnp.full((1, 1), asked), jnp.full((1, 1), told))
    back = machine.respond_to(jnp.asarray(0), own, jnp.full((1, 1), truth))
    count = float(back.clean_count[0, 0]) - asked
    recovered = (float(back.clean_count[0, 0]) * float(back.clean_mean[0, 0]) - asked * told) / count
    return float(problem.sigma[0] ** 2) / count if abs(recovered - truth) < 1e-9 else math.inf


def hardness_by_agents() -> Hard:
    """Return the price of stability of the hard instance: who alone can sample a mean collects what she would alone.

    Source: Clinton et al. 2025, Theorem 4.

    Example:
        >>> found = hardness_by_agents()
        >>> bool(np.all(found.least >= np.sqrt(found.agents) / 4))
        True
    """
    rows = []
    for m in HARD:
        costs = np.full((m, 2), np.inf)
        costs[0, 0], costs[1:, 1] = 1.0, 1.0
        problem = collaboration.Problem(costs, 1.0)
        plan = collaboration.solve(problem, division="rational").value
        best = float(collaboration.social_penalty(problem, plan.target))
        least = float(collaboration.unavoidable(problem).social)
        rows.append((m, best, least / best, float(plan.social_penalty) / best))
    return Hard(*(np.array(part) for part in zip(*rows, strict=True)))
