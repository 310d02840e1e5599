"""From a division of work to one that can be enforced: who must work alone, and who collects enough to be checked."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Amounts, Array, Bool, Distributions, Float, Int, Support
from jaxmech.collaboration._limited_roles import alone_at_each, excused
from jaxmech.collaboration._penalty import collection_cost, risk
from jaxmech.collaboration._problem import Problem, alone_samples, unlimited_alone
from jaxmech.collaboration._units import in_equivalent_points


@pytree
@dataclasses.dataclass(frozen=True)
class Enforceable:
    """An enforceable division of work.

    Attributes:
        samples: ñ, how many points each agent collects.
        alone: V, who collects what she would alone and gets no data of others.
        total: T_k, points behind each distribution before small amounts are raised.
    """

    samples: Amounts
    alone: Support
    total: Distributions


@pytree
@dataclasses.dataclass(frozen=True)
class Condition:
    """Whether every agent would also share each distribution by itself: condition (8).

    Attributes:
        holds: the verdict, within the tolerance ``condition``.
        margin: the smallest of 1 − (σ²/S_k + c[i, k] n[i, k]) / (2σ√c[i, k]); 1 if nobody has a finite cost.
        worst: the agent and the distribution where it is smallest.
    """

    holds: Bool[Array, ""]
    margin: Float[Array, ""]
    worst: Int[Array, "2"]


@in_equivalent_points("division", returns=("samples",))
def enforceable(problem: Problem, division: Amounts, *, together: bool = False) -> Enforceable:
    """Return the enforceable division ñ nearest in spirit to a division n (Compute-n-Approx).

    First loop, one agent at a time: whoever pays alone at most four times what she would pay for distribution k when
    pooling, 2σ√c[i, k] ≤ 4 (σ²/S_k + c[i, k] ñ[i, k]) with S_k = Σ_j ñ[j, k], works alone on k: ñ[i, k] = n_IND.
    Then T_k = Σ_i ñ[i, k], and whoever else collects a positive amount collects at least n_IND²/T_k.

    The paper leaves the order of the first loop free. Here agents are visited least c/price first (equal: lowest
    index first) in passes, until a pass adds nobody. Because a visit changes S_k, agents with equal costs may end up
    with different roles. The inequality is allowed the tolerance ``condition``: for equal agents it can be an equality.

    With ``together``, agents of one c/price are visited at once, under the S_k that was before all of them: who is
    equal in costs and in n is treated equally. The theorems hold: Lemma 5 needs that everybody in V fulfilled the
    inequality under amounts of which each is more than half of n (Lemma 12, whatever the order), and Lemmas 9 and 10
    that nobody outside V does at the end. It costs more where few are equal: up to 16 equal agents under the social
    optimum all work alone, because 2σ√c ≤ 4 · 2σ√c/√m for each of them.

    Args:
        problem: the problem, m agents and d distributions.
        division: n, (m, d); an amount of exactly zero stays zero unless its agent has to work alone.
        together: whether agents of one c/price are visited at once.

    Returns:
        The division, of the same shape. Agents who cannot sample k are never made to work alone on k.

    Source: Clinton et al. 2025, Algorithm 1; visiting equals together: this package.

    Example:
        >>> problem = Problem(costs=[[1.0]] * 20, sigma=1.0)
        >>> fair = enforceable(problem, jnp.full((20, 1), 20**-0.5))
        >>> bool(fair.alone.any()), round(float(fair.total[0]), 6)
        (False, 4.472136)
    """
    alone = works_alone(problem, division, together=together)
    samples = jnp.where(alone, alone_samples(problem), division)
    total = jnp.sum(samples, axis=0)
    least = alone_samples(problem) ** 2 / jnp.where(total > 0, total, 1)
    raised = jnp.where(~alone & (samples > 0), jnp.maximum(samples, least), samples)
    return Enforceable(samples=raised, alone=alone, total=total)


def works_alone(problem: Problem, division: Amounts, *, together: bool = False) -> Support:
    """Return V, who has to work alone on what: the first loop of :func:`enforceable`.

    With most, least and budget, not who needs no noise, and what working alone costs is what it does within them.

    Args:
        problem: the problem.
        division: n.
        together: whether agents of one c/price are visited at once.
    """
    ratio = problem.costs_over_worth
    order = jnp.argsort(ratio, axis=0, stable=True)
    costs = jnp.take_along_axis(problem.costs, order, axis=0)
    scale, wanted = problem.scale, jnp.isfinite(costs)
    if not problem.valued_alike:
        scale = jnp.take_along_axis(scale, order, axis=0)
        wanted = wanted & (scale > 0)
    agents = _Agents(
        cost=jnp.where(jnp.isfinite(costs), costs, 0),
        able=wanted,
        alone_samples=jnp.take_along_axis(alone_samples(problem), order, axis=0),
        limit=scale * jnp.sqrt(jnp.where(jnp.isfinite(costs), costs, 0)) / 2,
        error=jnp.broadcast_to(scale**2, costs.shape),
        follows=_follows(jnp.take_along_axis(ratio, order, axis=0)) & together,
    )
    if problem.capacity is not None:
        agents = agents._replace(
            limit=jnp.take_along_axis(alone_at_each(problem) / 4, order, axis=0),
            excuse=_excuse(problem, division, order),
        )
    # Who works alone is discrete: no derivative passes through the visits, which reverse mode could not follow.
    visited = jax.lax.stop_gradient((agents, jnp.take_along_axis(division, order, axis=0)))
    found: Support = jnp.take_along_axis(_work_alone(*visited), jnp.argsort(order, axis=0, stable=True), axis=0)
    return found


@in_equivalent_points("division")
def leverage_condition(problem: Problem, division: Amounts) -> Condition:
    """Test condition (8): 2σ√c[i, k] ≥ σ²/Σ_j n[j, k] + c[i, k] n[i, k] for all i and k.

    It holds with equality wherever a single distribution's individual rationality binds, so it is tested within the
    relative tolerance ``condition``. An agent who cannot sample k has nothing to fulfil there, and one to whom it is
    worth nothing must not collect it.

    Source: Clinton et al. 2025, condition (8).

    Example:
        >>> problem = Problem(costs=[[1.0], [4.0]], sigma=1.0)
        >>> bool(leverage_condition(problem, jnp.array([[1.0], [0.5]])).holds)
        True
    """
    able = jnp.isfinite(problem.costs)
    if not problem.valued_alike:
        able = able & (problem.price > 0)
    own = jnp.where(able, 2 * problem.scale * jnp.sqrt(jnp.where(able, problem.costs, 1)), 1)
    if problem.capacity is not None:
        own = jnp.where(able, alone_at_each(problem), 1)
    shared = risk(problem.error, jnp.sum(division, axis=0)) + collection_cost(problem, division)
    idle = 0.0 if problem.capacity is None else problem.capacity.least
    margins = jnp.where(able, 1 - shared / own, jnp.where(division > idle, -jnp.inf, 1))
    worst = jnp.argmin(margins)
    margin = margins.ravel()[worst]
    where = jnp.stack(jnp.unravel_index(worst, margins.shape))
    return Condition(holds=margin >= -tolerances(margin.dtype).condition, margin=margin, worst=where)


class _Agents(NamedTuple):
    """Per distribution and sorted by cost: what a visit needs to know about an agent, each (agents, distributions)."""

    cost: Array
    able: Array
    alone_samples: Array
    limit: Array
    error: Array
    follows: Array
    """Whether she is visited together with the agent before her."""
    excuse: tuple[Array, Array] | None = None


def _follows(ratio: Array) -> Array:
    """Whether c/price is that of the agent before, (agents, distributions)."""
    return jnp.concatenate([jnp.zeros_like(ratio[:1], dtype=bool), ratio[1:] == ratio[:-1]])


def _excuse(problem: Problem, division: Amounts, order: Array) -> tuple[Array, Array]:
    """Between which totals an agent needs no noise, and so no leverage: none where the first exceeds the second."""
    most, least = excused(problem, division)
    wish = unlimited_alone(problem)
    low = jnp.where(most, 0.0, jnp.where(least, wish, jnp.inf))
    high = jnp.where(least, jnp.inf, jnp.where(most, wish, 0.0))
    return jnp.take_along_axis(low, order, axis=0), jnp.take_along_axis(high, order, axis=0)


def _work_alone(agents: _Agents, samples: Array) -> Array:
    """First loop of Algorithm 1 over sorted agents: visit all of them in turn until nobody is added to those alone."""
    slack = 1 + tolerances(samples.dtype).condition

    def visit(
        totals: tuple[Array, Array], agent: tuple[_Agents, Array, Array]
    ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        now, before = totals
        about, own, alone = agent
        seen = jnp.where(about.follows, before, now)
        joins = ~alone & about.able & (about.limit <= (about.error / seen + about.cost * own) * slack)
        if about.excuse is not None:
            joins = joins & ~((seen >= about.excuse[0]) & (seen <= about.excuse[1]))
        new = jnp.where(joins, about.alone_samples, own)
        return (now + (new - own), seen), (new, alone | joins)

    def round_of_visits(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        own, alone, _ = state
        # Summed afresh in every pass, so that rounding does not build up.
        total = jnp.sum(own, axis=0)
        _, (new, joined) = jax.lax.scan(visit, (total, total), (agents, own, alone))
        return new, joined, jnp.any(joined & ~alone)

    start = (samples, jnp.zeros(samples.shape, bool), jnp.array(True))
    _, alone, _ = jax.lax.while_loop(lambda state: state[2], round_of_visits, start)
    return alone
