"""The experiments of Chen et al. 2020, section 6: their settings, and the recomputation."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech import multiparty
from jaxmech._kept import jit
from jaxmech._types import Array

COMPETITORS_SOURCE = (
    "Chen, Liu, Shen, Shen, Tang, Yang: Mechanism Design for Multi-Party Machine Learning, 2020, section 6"
)
"""Where every statement of this module was printed."""

PUBLISHED_DRAWS = 50
"""Markets over which the paper averages."""

MAX_AGENTS = 20
"""Most agents in figure 1."""

DRAWS = 4000
"""Markets over which we average, so that standard errors are a ninth of the paper's."""

UP_TO = 100_000
"""Largest disparity that is searched for figure 3; the paper stopped near 10,000."""

LAST_PUBLISHED_GROWTH = -0.668
STEP = 0.002
"""The paper goes from −1 to −0.668 in steps of 0.002."""


@dataclasses.dataclass(frozen=True)
class Averages:
    """Means over random markets, and their standard errors.

    Attributes:
        axis: what changes from entry to entry: the number of agents, or a type.
        mean: name of the quantity to its means.
        error: name of the quantity to the standard errors of its means.
    """

    axis: np.ndarray
    mean: dict[str, np.ndarray]
    error: dict[str, np.ndarray]


def payments_by_agents(*, own_harmless: bool, draws: int = DRAWS, seed: int = 1) -> Averages:
    """Figure 1: revenue, welfare, best quality and how often revenue exceeds welfare, for 2 to 20 agents.

    Externalities are uniform on [−1, 1] (the agents' own on [0, 1] if ``own_harmless``, as truthfulness needs), types
    uniform on [0, 1], quality logistic. Markets of fewer agents are those of 20 with the others left out.

    Args:
        own_harmless: whether agents' own effects are drawn from [0, 1] instead.
        draws: number of markets.
        seed: of the random numbers.

    Source: Chen et al. 2020, Figure 1.

    Example:
        >>> payments_by_agents(own_harmless=True, draws=10).axis.tolist()[:3]
        [2, 3, 4]
    """
    externality, types = _draw(MAX_AGENTS, draws, seed, own_harmless)
    counts = np.arange(2, MAX_AGENTS + 1)
    revenue, welfare, best, _ = jax.lax.map(partial(_some, externality, types), jnp.asarray(counts))
    parts = {"revenue": revenue, "welfare": welfare, "quality": best, "revenue above welfare": revenue > welfare}
    return _averages(counts, parts)


def payments_by_type(*, own_harmless: bool, draws: int = DRAWS, seed: int = 2) -> Averages:
    """Figure 2: two agents, the first of type 1, against the type of the second from 0 to 2.

    Args:
        own_harmless: whether agents' own effects are drawn from [0, 1] instead.
        draws: number of markets, the same for all types.
        seed: of the random numbers.

    Source: Chen et al. 2020, Figure 2.

    Example:
        >>> payments_by_type(own_harmless=True, draws=10).axis[-1].item()
        2.0
    """
    externality, _ = _draw(2, draws, seed, own_harmless)
    sizes = np.linspace(0.0, 2.0, 21)

    def at(size: Array) -> tuple[Array, Array, Array, Array]:
        types = jnp.broadcast_to(jnp.stack([jnp.ones_like(size), size]), (draws, 2))
        return _some(externality, types, jnp.asarray(2))

    revenue, welfare, _, utility = jax.lax.map(at, jnp.asarray(sizes))
    parts = {"revenue": revenue, "welfare": welfare, "uti_1": utility[..., 0], "uti_2": utility[..., 1]}
    return _averages(sizes, parts)


def boundaries_by_growth(agents: int, up_to: int = UP_TO) -> list[tuple[float, int | None]]:
    """Figure 3: the largest disparity at which a desirable mechanism exists, by growth rate.

    Growth rates go from −1 in the paper's steps up to the critical one, beyond which every disparity is possible.

    Args:
        agents: their number.
        up_to: largest disparity that is searched for.

    Returns:
        Pairs of growth rate and largest disparity; None where none failed.

    Source: Chen et al. 2020, Figure 3.

    Example:
        >>> boundaries_by_growth(2, up_to=10)[:2]
        [(-1.0, 1), (-0.998, 1)]
    """
    steps = int((float(multiparty.critical_growth(agents)) + 1) / STEP)
    rates = [round(-1 + STEP * k, 3) for k in range(steps + 1)]
    found = [int(multiparty.largest_disparity(rate, agents, up_to).value.largest) for rate in rates]
    return [(rate, largest if largest >= 0 else None) for rate, largest in zip(rates, found, strict=True)]


@dataclasses.dataclass(frozen=True)
class OverReports:
    """What becomes of a mechanism if agents can report data that they do not have, and nobody notices.

    Attributes:
        gain: the most that an agent gains by it from the largest payments that are truthful as long as nobody can.
        payment: (agents, *levels of each) the largest payments that are truthful and rational even so.
        spread: the largest difference that an agent's type makes to what she is left with them.
        revenue: the least sum of these payments.
    """

    gain: float
    payment: np.ndarray
    spread: float
    revenue: float


def over_reports(space: multiparty.TypeSpace) -> OverReports:
    """Observation 1: let agents fake data, so that each lives as one who has what she reports.

    u_i(t_i, t_−i) ≥ u_i(t'_i, t_−i) for all t_i and t'_i: she is left the same whatever she has, and at least what the
    best provided type would have alone, max over t_i of v_i(x(∅, t_−i), t). So p_i = v_i(x(t), t) less that.

    Args:
        space: the grid of types.

    Source: Chen et al. 2020, Observation 1.

    Example:
        >>> found = over_reports(multiparty.market_growth(-0.7, 2, 3))
        >>> found.gain > 0.1, found.spread < 1e-6, found.revenue < 0
        (True, True, True)
    """
    table = multiparty.report_table(space)
    n = table.payment.shape[0]
    value = np.asarray(multiparty.earnings(table))
    utility, outside = value - np.asarray(table.payment), np.asarray(table.outside)
    gains = [np.max(utility[i], axis=i, keepdims=True) - utility[i] for i in range(n)]
    payment = np.stack([value[i] - np.max(outside[i], axis=i, keepdims=True) for i in range(n)])
    spread = max(float(np.ptp(value[i] - payment[i], axis=i).max()) for i in range(n))
    return OverReports(float(np.max(gains)), payment, spread, float(payment.sum(axis=0).min()))


def _draw(agents: int, draws: int, seed: int, own_harmless: bool) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    externality = generator.uniform(-1, 1, (draws, agents, agents))
    if own_harmless:
        own = np.arange(agents)
        externality[:, own, own] = np.abs(externality[:, own, own])
    return jnp.asarray(externality), jnp.asarray(generator.uniform(0, 1, (draws, agents)))


@jit
def _some(externality: Array, types: Array, count: Array) -> tuple[Array, Array, Array, Array]:
    """Revenue, welfare, best quality and utilities of markets with the first ``count`` agents only.

    Who has no data and affects nobody pays nothing, earns nothing and changes nothing.
    """
    here = jnp.arange(types.shape[1]) < count
    both = here[:, None] & here[None, :]

    def one(table: Array, sizes: Array) -> tuple[Array, Array, Array, Array]:
        market = multiparty.Linear(jnp.where(both, table, 0.0))
        plan = multiparty.solve(multiparty.Problem(jnp.where(here, sizes, 0.0), market)).value
        return plan.revenue, plan.welfare, plan.best, plan.utility

    return jax.vmap(one)(externality, types)


def _averages(axis: np.ndarray, parts: dict[str, Array]) -> Averages:
    values = {name: np.asarray(part, float) for name, part in parts.items()}
    mean = {name: part.mean(axis=1) for name, part in values.items()}
    error = {name: part.std(axis=1, ddof=1) / np.sqrt(part.shape[1]) for name, part in values.items()}
    return Averages(axis, mean, error)
