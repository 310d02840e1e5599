"""Kernel: the best lower report of every competitor, found by zooming in, and what no report can exceed."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._types import Agents, Array, Scalar
from jaxmech.multiparty._interdependent import known
from jaxmech.multiparty._mechanism import Direct, Sharing
from jaxmech.multiparty._problem import Problem
from jaxmech.multiparty._valuation import Linear, MarketGrowth, Valuation

GRID = 257
"""Reports of each agent that are tried first, evenly from nothing to her type."""

ZOOMS, FINE, PEAKS = 4, 33, 3
"""How often the surroundings of so many best reports are looked at again, with so many reports each time."""

PIECES = 4096
"""Intervals of reports on each of which the gain is bounded by its monotone parts."""


@pytree
@dataclasses.dataclass(frozen=True)
class Misreports:
    """The best that each agent can do by a lower report and her choice of model, the others being honest.

    Attributes:
        gain: (agents,) over honesty, the largest that was found; not below 0, which honesty brings.
        report: (agents,) what she says.
        own: (agents,) whether she then uses her own model instead of the one that she is handed.
        honest: (agents,) what she is left with if she is honest.
        stake: (agents,) what she earns, has elsewhere and pays, in absolute numbers.
        bound: (agents,) no report and choice gain more; ∞ where nothing is proven.
    """

    gain: Agents
    report: Agents
    own: Array
    honest: Agents
    stake: Agents
    bound: Agents


def misreports(problem: Problem, rules: Direct) -> Misreports:
    """Search for every agent's best report in [0, t_i] and best choice of model: a pure function.

    Reports are tried on a grid of 257, and the surroundings of the best three again and again, 33 at a time. No agent
    can report more than she has (Assumption 2). With linear valuations, exploitation payments gain her
    a_ii (own − believed + Q(t') − Q(t)), and free models Σ_j a_ij (q_j(t') − q_j(t)): sums of monotone functions of
    the report, which are bounded piece by piece. Where a_ii ≥ 0 exploitation payments are truthful by theorem, as for
    all quasi-monotone valuations: the bound is 0.

    Args:
        problem: the problem; inside jit and vmap it may hold tracers.
        rules: the mechanism, :func:`mechanism` or :class:`DirectMechanism`.

    Source: Chen et al. 2020, Definition 3, Assumption 2 and Theorem 1.

    Example:
        >>> from jaxmech.multiparty import mechanism, solve
        >>> harmed = Problem([0.5, 1.0], Linear([[-0.5, 0.1], [0.9, 1.0]]))
        >>> found = misreports(harmed, mechanism(harmed, solve(harmed).value))
        >>> found.gain.round(4).tolist(), found.report.tolist()  # her own model harms her
        ([0.2311, 0.0], [0.0, 1.0])
    """
    found: Misreports = _misreports(problem, rules)
    return found


@jit
def _misreports(problem: Problem, rules: Any) -> Misreports:
    agents = jnp.arange(problem.types.shape[-1])
    return Misreports(*jax.lax.map(lambda agent: _of_agent(problem, rules, agent), agents))


def _of_agent(problem: Problem, rules: Any, agent: Array) -> tuple[Array, ...]:
    """The fields of :class:`Misreports`, of one agent."""
    types, valuation = problem.types, known(problem.valuation, problem.types)
    present = jnp.ones(types.shape, bool)
    here = jnp.arange(types.shape[0]) == agent
    handed, paid = rules.allocate(types, present), _charged(rules, types, agent)
    value = _earns(valuation, agent, jnp.maximum(handed, problem.quality(types)))
    honest = value - paid
    share, choice, best = _best(lambda share: left_with(problem, rules, agent, share), types.dtype)
    better = best > honest
    away = _earns(valuation, agent, jnp.maximum(rules.allocate(types, present & ~here), problem.quality(types)))
    stake = jnp.abs(value) + jnp.abs(away) + jnp.abs(paid)
    gain = jnp.maximum(best - honest, 0.0)
    report = jnp.where(better, share, 1.0) * types[agent]
    bound = jnp.maximum(_bound(problem, rules, agent), 0.0)
    return gain, report, better & (choice == 1), honest, jnp.where(stake > 0, stake, 1.0), bound


def left_with(problem: Problem, rules: Any, agent: Array, share: Scalar) -> Array:
    """Return what she is left with who reports a share of her type: (2,) with the model handed out, and with her own.

    Args:
        problem: the problem.
        rules: the mechanism.
        agent: her index.
        share: of her type, in [0, 1].
    """
    types, valuation = problem.types, known(problem.valuation, problem.types)
    here, present = jnp.arange(types.shape[0]) == agent, jnp.ones(types.shape, bool)
    reports, alone = jnp.where(here, share * types, types), problem.quality(types)
    handed, paid = rules.allocate(reports, present), _charged(rules, reports, agent)
    used = jnp.maximum(handed, alone)
    received = jnp.where(handed[agent] > 0, handed[agent], alone[agent])
    choices = [_earns(valuation, agent, jnp.where(here, own, used)) for own in (received, alone[agent])]
    return jnp.stack(choices) - paid


def _charged(rules: Any, reports: Agents, agent: Array) -> Scalar:
    """What one agent pays; of a mechanism of this package without asking what all others pay."""
    present = jnp.ones(reports.shape, bool)
    if not isinstance(rules, Sharing):
        paid: Scalar = rules.charge(reports, present)[agent]
        return paid
    if rules.name == "free":
        return jnp.zeros_like(reports[0])
    alone, others = rules.quality(reports), jnp.arange(reports.shape[0]) != agent
    taken = [jnp.maximum(rules.allocate(reports, here), alone) for here in (present, others)]
    earning = known(rules.valuation, reports)
    return _earns(earning, agent, taken[0]) - _earns(earning, agent, taken[1])


def _earns(valuation: Valuation, agent: Array, used: Agents) -> Scalar:
    """What one agent earns; valuations of a user's own need not take a traced index."""
    return valuation.of(agent, used) if isinstance(valuation, Linear | MarketGrowth) else valuation(used)[agent]


def _best(left: Any, dtype: Any) -> tuple[Scalar, Array, Scalar]:
    """Share, choice and value of the best report: a grid, then the surroundings of its best points."""
    shares = jnp.linspace(0.0, 1.0, GRID, dtype=dtype)
    values = jax.vmap(left)(shares)
    best, peaks = jax.lax.top_k(jnp.max(values, axis=1), PEAKS)
    points, half = shares[peaks], 1.0 / (GRID - 1)
    for _ in range(ZOOMS):
        near = jnp.clip(points[:, None] + half * jnp.linspace(-1.0, 1.0, FINE, dtype=dtype), 0.0, 1.0)
        tried = jnp.max(jax.vmap(jax.vmap(left))(near), axis=2)
        place = jnp.argmax(tried, axis=1)
        found = jnp.take_along_axis(tried, place[:, None], axis=1)[:, 0]
        more = found > best
        points = jnp.where(more, jnp.take_along_axis(near, place[:, None], axis=1)[:, 0], points)
        best, half = jnp.maximum(best, found), half * 2 / (FINE - 1)
    share = points[jnp.argmax(best)]
    return share, jnp.argmax(left(share)), jnp.max(best)


def _bound(problem: Problem, rules: Any, agent: Array) -> Scalar:
    """What no report and choice gain more than: by theorem, by monotone pieces, or ∞."""
    unknown = jnp.asarray(jnp.inf, problem.types.dtype)
    if not isinstance(rules, Sharing):
        return unknown
    valuation, truthful = problem.valuation, rules.name == "exploitation"
    if not isinstance(valuation, Linear):
        proven = truthful and bool(getattr(valuation, "quasi_monotone", False))
        return jnp.zeros_like(unknown) if proven else unknown
    effect = valuation.externality[agent]
    piecewise = _by_pieces(problem, rules, agent, effect, truthful)
    return jnp.where(effect[agent] >= 0, 0.0, piecewise) if truthful else piecewise


def _by_pieces(problem: Problem, rules: Sharing, agent: Array, effect: Array, truthful: bool) -> Scalar:
    """The largest of upper bounds on pieces: every part is monotone in the report, so that its ends bound it."""
    types, present = problem.types, jnp.ones(problem.types.shape, bool)
    here, alone = jnp.arange(types.shape[0]) == agent, problem.quality(types)
    reports = jnp.linspace(0.0, 1.0, PIECES + 1, dtype=types.dtype) * types[agent]
    handed = jax.lax.map(lambda said: rules.allocate(jnp.where(here, said, types), present), reports, batch_size=256)
    said, mine, own = problem.quality(reports), effect[agent], alone[agent]
    receives = handed[-1, agent] > 0  # whoever harms all together is never handed any
    least = jnp.where(receives, jnp.minimum(handed[:, agent], own), own)
    most = jnp.where(receives, jnp.maximum(handed[:, agent], own), own)
    low, high = slice(None, -1), slice(1, None)
    if truthful:
        believed = jnp.maximum(handed[:, agent], said)
        rising = most[high] - believed[low] + said[high] - own
        falling = least[low] - believed[high] + said[low] - own
        return jnp.max(mine * jnp.where(mine >= 0, rising, falling))
    used, others = jnp.maximum(handed, alone), jnp.where(here, 0.0, effect)
    rest = jnp.where(others > 0, used[high], used[low]) @ others
    return jnp.max(rest + mine * jnp.where(mine > 0, most[high], least[low])) - used[-1] @ effect
