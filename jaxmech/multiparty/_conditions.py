"""The conditions of Theorems 2 and 3 for a mechanism that somebody hands in, checked numerically."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, ArrayLike
from jaxmech.mechanism import Audit
from jaxmech.multiparty._interdependent import known
from jaxmech.multiparty._mechanism import Direct
from jaxmech.multiparty._problem import TypeSpace

NODES = 8
"""Points of the Gauss–Legendre rule between two levels."""


def check_conditions(space: TypeSpace, mechanism: Direct) -> tuple[Audit, ...]:
    """Check the conditions that theory asks of a mechanism, by automatic differentiation on a grid of types.

    With w(s', s) = ∂/∂s' v_i(x(s', t_−i), s, t_−i), the effect of a report on an agent of type s:

    - (1): p_i(0) ≤ v_i(x(0), 0) − v_i(x(∅), 0): the lowest type participates.
    - (2): p_i(t) − p_i(t') ≤ ∫ w(s, s) ds over [t', t]: necessary if it is to hold for all valuations.
    - (5): w(t', t) is least over t ≥ t' at t = t'.
    - (6): as (2), less ∫ ∂/∂s v_i(x(∅), s) ds: with (1) and (5) sufficient.

    Integrals are Gauss–Legendre sums over the cells between levels. Where the allocation jumps or the better of two
    models changes within a cell, they are as good as the grid is fine; where both models are equally good throughout,
    as for an agent whose others have no data, the derivative is the mean of those to the left and to the right.

    Args:
        space: the grid of types and the valuations.
        mechanism: what is handed out and charged.

    Returns:
        One audit per condition, none of them a claim of the mechanism; margins are relative to the largest earning on
        the grid, witnesses name agent and types. Host only.

    Source: Chen et al. 2020, Theorems 2 and 3.

    Example:
        >>> from jaxmech.multiparty import Linear, exploitation_mechanism
        >>> space = TypeSpace([0.5, 0.7, 0.9], Linear([[1.0, 0.5], [0.5, 1.0]]), "linear")
        >>> [audit.holds for audit in check_conditions(space, exploitation_mechanism(space))]
        [True, True, True, True]
    """
    margins: dict[str, ArrayLike] = jax.device_get(_margins(space, mechanism))
    efforts = {
        "condition (1)": "evaluated in every profile of the others on the grid",
        "condition (2)": f"all pairs of levels, {NODES} nodes in every cell",
        "condition (5)": "derivatives at all pairs of levels",
        "condition (6)": f"all pairs of levels, {NODES} nodes in every cell",
    }
    return tuple(_audit(space, claim, margins[claim], effort) for claim, effort in efforts.items())


@jit
def _margins(space: TypeSpace, mechanism: Direct) -> dict[str, Array]:
    """(agents, rows, levels, levels) margins of each condition, by report (third axis) and type; inf where none."""
    n, k = space.levels.shape
    rows = jnp.stack(jnp.unravel_index(jnp.arange(k ** (n - 1)), (k,) * (n - 1)), axis=1)
    tables = [jax.lax.map(partial(_row, space, mechanism, i), rows) for i in range(n)]
    largest = jnp.max(jnp.stack([table.pop("scale") for table in tables]))
    scale = jnp.where(largest > 0, largest, 1.0)
    return {claim: jnp.stack([table[claim] for table in tables]) / scale for claim in tables[0]}


def _row(space: TypeSpace, mechanism: Direct, agent: int, others: Array) -> dict[str, Array]:
    n, k = space.levels.shape
    own = space.levels[agent]
    here = jnp.arange(n) == agent
    fixed = jnp.zeros(n, own.dtype)
    for position, j in enumerate(j for j in range(n) if j != agent):
        fixed = fixed.at[j].set(space.levels[j, others[position]])
    everybody = jnp.ones(n, bool)

    def value(report: Array, size: Array, present: Array = everybody) -> Array:
        handed = mechanism.allocate(jnp.where(here, report, fixed), present)
        types = jnp.where(here, size, fixed)
        return known(space.valuation, types).of(agent, jnp.maximum(handed, space.quality(types)))

    def away(size: Array) -> Array:
        return value(jnp.zeros_like(size), size, ~here)

    effect = jax.grad(value, argnums=0)
    paid = jax.vmap(lambda report: mechanism.charge(jnp.where(here, report, fixed), everybody)[agent])(own)
    brought = _integrals(lambda s: effect(s, s), own)
    spared = _integrals(jax.grad(away), own)
    lowest = jnp.zeros_like(own[0])
    entry = value(lowest, lowest) - away(lowest) - mechanism.charge(jnp.where(here, lowest, fixed), everybody)[agent]
    upwards = jnp.arange(k)[:, None] < jnp.arange(k)[None, :]
    rise = paid[None, :] - paid[:, None]
    least = jax.vmap(lambda report: jax.vmap(lambda size: effect(report, size))(own))(own)
    none = jnp.full((k, k), jnp.inf, own.dtype)
    return {
        "condition (1)": none.at[0, 0].set(entry),
        "condition (2)": jnp.where(upwards, brought[None, :] - brought[:, None] - rise, jnp.inf),
        "condition (5)": jnp.where(upwards, least - jnp.diagonal(least)[:, None], jnp.inf),
        "condition (6)": jnp.where(upwards, (brought - spared)[None, :] - (brought - spared)[:, None] - rise, jnp.inf),
        "scale": jnp.max(jnp.abs(jax.vmap(value)(own, own))),
    }


def _integrals(function: Callable[[Array], Array], levels: Array) -> Array:
    """(levels,) integrals from the first level to each."""
    nodes, weights = (jnp.asarray(part, levels.dtype) for part in np.polynomial.legendre.leggauss(NODES))
    low, half = levels[:-1, None], jnp.diff(levels)[:, None] / 2
    cells = jnp.sum(weights * jax.vmap(jax.vmap(function))(low + half * (1 + nodes)) * half, axis=1)
    return jnp.concatenate([jnp.zeros(1, levels.dtype), jnp.cumsum(cells)])


def _audit(space: TypeSpace, claim: str, margins: ArrayLike, effort: str) -> Audit:
    n, k = space.levels.shape
    table = np.asarray(margins)
    agent, row, report, size = (int(entry) for entry in np.unravel_index(int(np.argmin(table)), table.shape))
    margin = float(table[agent, row, report, size])
    levels = np.asarray(space.levels)
    rest = np.unravel_index(row, (k,) * (n - 1))
    others = [j for j in range(n) if j != agent]
    who = ", ".join(f"{space.agent_name(j)} at {levels[j, int(at)]:.6g}" for j, at in zip(others, rest, strict=True))
    place = "" if claim == "condition (1)" else f", report {levels[agent, report]:.6g}, type {levels[agent, size]:.6g}"
    witness = f"{space.agent_name(agent)}{place}; {who}"
    tolerance = tolerances(space.levels.dtype).condition
    return Audit.judged(claim, margin, tolerance, witness, effort, claimed=False)
