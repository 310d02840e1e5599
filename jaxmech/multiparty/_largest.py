"""Does a mechanism collect the most that its allocation allows? The largest payments of a table, and a certificate."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._extremes import highest
from jaxmech._kept import jit
from jaxmech._types import Array
from jaxmech._words import figure
from jaxmech.mechanism import Audit
from jaxmech.multiparty._existence import rounding, settled
from jaxmech.multiparty._interdependent import known
from jaxmech.multiparty._reports import ReportTable, earnings, types_of, used_models

CLAIM = "largest revenue"
"""How the certificate is called."""


@jit
def largest_payments(table: ReportTable) -> Array:
    """Return the most that any rational and truthful mechanism with this table's allocation can charge.

    p(t) = v(t, t) − max( v(∅, t), max over t' < t of v(t', t) − p(t') ), where v(t', t) is what she earns with type t
    and the better of her two models when she reports t': all bounds hold at once, so that none can be passed alone.

    Args:
        table: allocation and what staying away brings; its payments are not looked at.

    Returns:
        (agents, *levels of each) payments. They differentiate along the report that binds; where several do, their
        slopes are averaged.

    Source: Chen et al. 2020, Algorithm 1 and Theorem 5, for an allocation of one's own.

    Example:
        >>> from jaxmech.multiparty import market_growth, maximal_payments, report_table
        >>> space = market_growth(-0.7, 2, 4)
        >>> bool(jnp.allclose(largest_payments(report_table(space)), maximal_payments(space)))
        True
    """
    n = table.space.levels.shape[0]
    return jnp.stack([_of_agent(table, agent) for agent in range(n)])


def largest_revenue(table: ReportTable) -> Audit:
    """Judge whether no rational, truthful mechanism with this allocation could charge anybody more in any profile.

    Args:
        table: the mechanism, such as :func:`table_of` an allocation of one's own.

    Returns:
        A fact: its margin is how much less than possible the agent pays who pays least of it, relative to what is at
        stake for her. That the table's own payments are rational and truthful is for :func:`audit_table`. Host only.

    Source: Chen et al. 2020, Theorem 1 (quasi-monotone valuations) and Theorem 5 (any valuations).

    Example:
        >>> from jaxmech.multiparty import market_growth, report_table
        >>> table = report_table(market_growth(-0.7, 2, 4))
        >>> largest_revenue(table).holds, largest_revenue(report_table(table.space, 0.9 * table.payment)).holds
        (True, False)
    """
    most, lacking, stake = (np.asarray(part, float) for part in _lacking(table))
    place = np.unravel_index(int(np.argmin(lacking)), lacking.shape)
    agent, *profile = (int(entry) for entry in place)
    levels = np.asarray(table.space.levels, float)
    types = ", ".join(f"{figure(levels[i, level])}" for i, level in enumerate(profile))
    tolerance, margin = 16 * rounding(table.payment.dtype), float(lacking[place])
    paid = float(np.asarray(table.payment)[place])
    witness = f"nobody can be charged more; all payments of all profiles sum to {figure(float(np.sum(table.payment)))}"
    if margin < -tolerance:
        who = table.space.agent_name(agent)
        witness = (
            f"at types ({types}), {who} pays {figure(paid)}, and would not be lost or lie at {figure(most[place])}"
        )
    effort = f"shortest paths over all downward reports in all {stake[0].size:,} profiles"
    return Audit.judged(CLAIM, margin, tolerance, witness, effort, claimed=False)


@jit
def _lacking(table: ReportTable) -> tuple[Array, Array, Array]:
    """(agents, *levels of each) largest payments, what is paid above them relative to the stake, and the stake."""
    most = largest_payments(table)
    value = earnings(table)
    stake = jnp.abs(value) + jnp.abs(table.outside)
    largest = jnp.maximum(jnp.max(jnp.abs(value)), jnp.max(jnp.abs(table.outside)))
    return most, settled(table.payment - most, largest) / jnp.where(stake > 0, stake, 1.0), stake


def _of_agent(table: ReportTable, agent: int) -> Array:
    """(*levels of each) what one agent can be charged: her levels upwards, all profiles of the others at once."""
    space = table.space
    n, k = space.levels.shape
    # The agent's axis first, the others flat behind it.
    handed, stay = (jnp.moveaxis(part[agent], agent, 0).reshape(k, -1) for part in (table.allocation, table.outside))
    rest = jnp.moveaxis(used_models(table), agent + 1, 1).reshape(n, k, -1)
    here, alone = (jnp.arange(n) == agent)[:, None, None], space.quality(space.levels[agent])
    types = jnp.moveaxis(types_of(space), agent + 1, 1).reshape(n, k, -1)

    def worth(own: Array, t: Array) -> Array:
        """Of each report, with the types that all have if hers is the one at this level."""
        qualities = jnp.where(here, own, rest).reshape(n, -1)
        true = jnp.broadcast_to(types[:, t][:, None], rest.shape).reshape(n, -1)
        earned = jax.vmap(lambda q, t: known(space.valuation, t).of(agent, q), in_axes=1)(qualities, true)
        return earned.reshape(own.shape)

    def step(charged: Array, t: Array) -> tuple[Array, None]:
        earned = worth(jnp.maximum(handed, alone[t]), t)
        left = jnp.where(jnp.arange(k)[:, None] < t, earned - charged, stay[t])  # by a lie, or else by staying away
        return charged.at[t].set(earned[t] - highest(left, 0)), None

    charged, _ = jax.lax.scan(step, jnp.zeros_like(stay), jnp.arange(k))
    return jnp.moveaxis(charged.reshape((k,) * n), 0, agent)
