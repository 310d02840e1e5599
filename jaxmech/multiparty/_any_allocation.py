"""Exploitation payments for an allocation of one's own, and direct mechanisms as tables of reports."""

import jax
import jax.numpy as jnp

from jaxmech._types import Agents, Array
from jaxmech.multiparty._interdependent import known
from jaxmech.multiparty._mechanism import Direct, DirectMechanism, Rule
from jaxmech.multiparty._problem import TypeSpace
from jaxmech.multiparty._reports import ReportTable

POINTS = 4096
"""Profiles that are worked on together, at most."""


def exploitation_of(space: TypeSpace, allocate: Rule) -> DirectMechanism:
    """Return any allocation with maximal exploitation payments: each pays what participating brings her.

    p_i(t) = v_i(x(t), t) − v_i(x(∅, t_−i), t). No rational mechanism with this allocation charges anybody more; for
    quasi-monotone valuations it is truthful, whatever the allocation, if nobody is handed less than her own model.

    Args:
        space: valuations and quality; its levels are not looked at.
        allocate: (agents,) reports and (agents,) who is present to the models handed out, 0 where none is.

    Source: Chen et al. 2020, Definition 9 and Theorem 1.

    Example:
        >>> from jaxmech.multiparty import Linear
        >>> space = TypeSpace([0.0, 1.0], Linear([[1.0, 0.5], [0.5, 1.0]]), "linear")
        >>> mine = exploitation_of(space, lambda reports, present: jnp.where(present, 2 * reports, 0.0))
        >>> mine.charge(jnp.array([1.0, 1.0]), jnp.array([True, True])).tolist()
        [1.0, 1.0]
    """

    def used(reports: Agents, present: Array) -> Agents:
        return jnp.maximum(allocate(jnp.where(present, reports, 0.0), present), space.quality(reports))

    def charge(reports: Agents, present: Array) -> Agents:
        agents, earning = jnp.arange(reports.shape[-1]), known(space.valuation, reports)

        def brought(agent: Array) -> Array:
            away = present & (agents != agent)
            return earning(used(reports, present))[agent] - earning(used(reports, away))[agent]

        return jnp.where(present, jax.vmap(brought)(agents), 0.0)

    return DirectMechanism(allocate, charge)


def table_of(space: TypeSpace, mechanism: Direct) -> ReportTable:
    """Return a direct mechanism as a table of all profiles, to be audited by :func:`audit_table`.

    Args:
        space: the grid of types.
        mechanism: what is handed out and charged.

    Source: Chen et al. 2020, Definition 1.

    Example:
        >>> from jaxmech.multiparty import Linear, audit_table, exploitation_mechanism
        >>> space = TypeSpace([0.0, 1.0], Linear([[1.0, 0.5], [0.5, 1.0]]), "linear")
        >>> all(audit.holds for audit in audit_table(table_of(space, exploitation_mechanism(space))))
        True
    """
    n = space.levels.shape[0]
    profiles = jnp.stack([axis.reshape(-1) for axis in jnp.meshgrid(*space.levels, indexing="ij")], axis=1)
    everybody = jnp.ones(n, bool)

    def one(types: Agents) -> tuple[Agents, Agents, Agents]:
        def away(agent: Array) -> Array:
            present = jnp.arange(n) != agent
            handed = mechanism.allocate(jnp.where(present, types, 0.0), present)
            return known(space.valuation, types)(jnp.maximum(handed, space.quality(types)))[agent]

        stay = jax.vmap(away)(jnp.arange(n))
        return mechanism.allocate(types, everybody), mechanism.charge(types, everybody), stay

    parts = jax.lax.map(one, profiles, batch_size=min(len(profiles), POINTS))
    return ReportTable(space, *(part.T.reshape((n, *space.shape)) for part in parts))
