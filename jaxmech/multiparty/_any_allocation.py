"""Exploitation payments for an allocation of one's own, and what theorems assume of valuations, over a type space."""

import itertools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Array
from jaxmech.mechanism import Audit
from jaxmech.multiparty._mechanism import Direct, DirectMechanism, Rule
from jaxmech.multiparty._problem import TypeSpace
from jaxmech.multiparty._quality import pooled
from jaxmech.multiparty._table import ReportTable

POINTS = 4096
"""Qualities at which valuations are looked at, at most."""


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
        agents = jnp.arange(reports.shape[-1])

        def brought(agent: Array) -> Array:
            away = present & (agents != agent)
            return space.valuation(used(reports, present))[agent] - space.valuation(used(reports, away))[agent]

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
            return space.valuation(jnp.maximum(handed, space.quality(types)))[agent]

        stay = jax.vmap(away)(jnp.arange(n))
        return mechanism.allocate(types, everybody), mechanism.charge(types, everybody), stay

    parts = jax.lax.map(one, profiles, batch_size=min(len(profiles), POINTS))
    return ReportTable(space, *(part.T.reshape((n, *space.shape)) for part in parts))


def check_assumptions(space: TypeSpace) -> tuple[Audit, ...]:
    """Check what theorems assume of valuations, at many qualities that types of this space can lead to.

    - "own model never harms": ∂v_i/∂q_i ≥ 0, with which more data never make a firm worse off (Assumption 3).
    - "growing market": ∂(Σ_i v_i)/∂q_j ≥ 0 (Assumption 4).
    - "non-competitive market": ∂v_i/∂q_j ≥ 0 for all i and j (Definition 10): then the best model for everybody, free
      of charge, is desirable (Theorem 4).

    Args:
        space: the grid of types and the valuations.

    Returns:
        One fact each; margins are relative to the largest effect of all. Host only.

    Source: Chen et al. 2020, Assumptions 3 and 4, Definition 10.

    Example:
        >>> from jaxmech.multiparty import Linear
        >>> rivals = TypeSpace([0.0, 1.0], Linear([[1.0, -0.2], [-0.1, 1.0]]))
        >>> [audit.holds for audit in check_assumptions(rivals)]
        [True, True, False]
    """
    points = _qualities(space)
    effects = np.asarray(jax.jit(jax.vmap(jax.jacfwd(space.valuation)))(jnp.asarray(points)), float)
    sound = np.isfinite(effects).all(axis=(1, 2))  # a slope may be infinite where nobody has any model
    points, effects = points[sound], effects[sound]
    return tuple(_judged(space, points, effects))


def _qualities(space: TypeSpace) -> np.ndarray:
    """(points, agents) qualities from nothing to the best model of all data: a grid, with small ones to be seen."""
    levels = np.asarray(space.levels, float)
    best = float(pooled(space.quality, jnp.asarray(levels.max(axis=-1), space.levels.dtype)))
    n = levels.shape[0]
    side = max(2, int(POINTS ** (1 / n)))
    axis = best * np.linspace(0.0, 1.0, min(side, 33)) ** 2
    if side**n <= POINTS and side > 2:
        found = np.array(list(itertools.product(axis, repeat=n)))
    else:
        found = best * np.random.default_rng(0).uniform(0.0, 1.0, (POINTS, n))
    return found.astype(space.levels.dtype)


def _judged(space: TypeSpace, points: np.ndarray, effects: np.ndarray) -> Iterator[Audit]:
    n = effects.shape[-1]
    scale = max(float(np.abs(effects).max()), np.finfo(float).tiny)
    names = [space.agent_name(i) for i in range(n)]
    own, total = np.diagonal(effects, axis1=1, axis2=2), effects.sum(axis=1)
    pairs = effects.reshape(len(points), n * n)
    for claim, table in (
        ("own model never harms", own),
        ("growing market", total),
        ("non-competitive market", pairs),
    ):
        place, which = np.unravel_index(int(np.argmin(table)), table.shape)
        whose = names[int(which) % n]
        whom = names[int(which) // n] if table is pairs else "all together" if table is total else "herself"
        at = ", ".join(f"{quality:.4g}" for quality in points[place])
        least = float(table[place, which])
        told = f"{whose}'s model changes what {whom} earns by {least:.4g} per unit of quality, at qualities {at}"
        effort = f"derivatives at {len(points):,} qualities from nothing to the best model"
        tolerance = tolerances(space.levels.dtype).condition
        yield Audit.judged(claim, least / scale, tolerance, told, effort, claimed=False)
