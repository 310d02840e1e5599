"""Host: what theorems assume of valuations, checked over a type space."""

import itertools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Array
from jaxmech.mechanism import Audit
from jaxmech.multiparty._interdependent import SeesTypes, known
from jaxmech.multiparty._problem import TypeSpace
from jaxmech.multiparty._quality import pooled

POINTS = 4096
"""Qualities at which valuations are looked at, at most."""

PROFILES, OUTCOMES = 256, 256
"""Profiles of types, and ways of handing out models, at which valuations that see types are looked at, at most."""

MORE_DATA = "more data never harm"
"""Assumption 3 as it stands, of valuations that see types."""


def check_assumptions(space: TypeSpace) -> tuple[Audit, ...]:
    """Check what theorems assume of valuations, at many qualities that types of this space can lead to.

    - "more data never harm": v_i(x, t_i, t_−i) does not fall from one level of t_i to the next, whatever x is
      (Assumption 3). Only where valuations see types; for others the next claim implies it.
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
    points = _qualities(space, POINTS)
    if not isinstance(space.valuation, SeesTypes):
        types = np.zeros((1, space.levels.shape[0]), points.dtype)  # any: nobody looks at them
        return tuple(_judged(space, points, types))
    types = _profiles(space)
    few = _qualities(space, OUTCOMES)
    return (_more_data(space, few, types), *_judged(space, few, types))


def _qualities(space: TypeSpace, most: int) -> np.ndarray:
    """(points, agents) qualities from nothing to the best model of all data: a grid, with small ones to be seen."""
    levels = np.asarray(space.levels, float)
    best = float(pooled(space.quality, jnp.asarray(levels.max(axis=-1), space.levels.dtype)))
    n = levels.shape[0]
    side = max(2, int(most ** (1 / n)))
    axis = best * np.linspace(0.0, 1.0, min(side, 33)) ** 2
    if side**n <= most and side > 2:
        found = np.array(list(itertools.product(axis, repeat=n)))
    else:
        found = best * np.random.default_rng(0).uniform(0.0, 1.0, (most, n))
    return found.astype(space.levels.dtype)


def _profiles(space: TypeSpace) -> np.ndarray:
    """(profiles, agents) types: all, or some drawn evenly."""
    levels, n = np.asarray(space.levels), space.levels.shape[0]
    k = levels.shape[1]
    if k**n <= PROFILES:
        places = np.array(list(itertools.product(range(k), repeat=n)))
    else:
        places = np.random.default_rng(0).integers(0, k, (PROFILES, n))
    return levels[np.arange(n), places]


@jit
def _effects(space: TypeSpace, points: Array, types: Array) -> Array:
    """(profiles, points, agents, agents) slopes ∂v_i/∂q_j."""

    def at(types: Agents) -> Array:
        return jax.vmap(jax.jacfwd(known(space.valuation, types)))(points)

    return jax.vmap(at)(types)


def _judged(space: TypeSpace, points: np.ndarray, types: np.ndarray) -> Iterator[Audit]:
    effects = np.asarray(_effects(space, jnp.asarray(points), jnp.asarray(types)), float)
    where = np.argwhere(np.isfinite(effects).all(axis=(2, 3)))  # a slope may be infinite where nobody has any model
    effects = effects[tuple(where.T)]
    n = effects.shape[-1]
    scale = max(float(np.abs(effects).max()), np.finfo(float).tiny)
    names = [space.agent_name(i) for i in range(n)]
    own, total = np.diagonal(effects, axis1=1, axis2=2), effects.sum(axis=1)
    pairs = effects.reshape(len(effects), n * n)
    for claim, table in (
        ("own model never harms", own),
        ("growing market", total),
        ("non-competitive market", pairs),
    ):
        place, which = np.unravel_index(int(np.argmin(table)), table.shape)
        whose = names[int(which) % n]
        whom = names[int(which) // n] if table is pairs else "all together" if table is total else "herself"
        profile, point = where[place]
        at = f"at qualities {_numbers(points[point])}"
        effort = f"derivatives at {len(points):,} qualities from nothing to the best model"
        if isinstance(space.valuation, SeesTypes):
            at, effort = f"{at} and types {_numbers(types[profile])}", f"{effort}, at {len(types):,} profiles of types"
        least = float(table[place, which])
        told = f"{whose}'s model changes what {whom} earns by {least:.4g} per unit of quality, {at}"
        yield _fact(space, claim, least / scale, told, effort)


@jit
def _steps(space: TypeSpace, handed: Array, types: Array, higher: Array) -> tuple[Array, Array]:
    """(agents, profiles, outcomes) what a step up in her own type changes for each agent, and the largest earning."""
    n = types.shape[1]

    def earned(agent: int, types: Agents, models: Agents) -> Array:
        return known(space.valuation, types).of(agent, jnp.maximum(models, space.quality(types)))

    def of_agent(agent: int) -> tuple[Array, Array]:
        more = jnp.where(jnp.arange(n) == agent, higher, types)
        pair = [jax.vmap(lambda t: jax.vmap(lambda x: earned(agent, t, x))(handed))(all_) for all_ in (types, more)]
        return pair[1] - pair[0], jnp.max(jnp.abs(pair[0]))

    rises, largest = zip(*[of_agent(agent) for agent in range(n)], strict=True)
    return jnp.stack(rises), jnp.max(jnp.stack(largest))


def _more_data(space: TypeSpace, handed: np.ndarray, types: np.ndarray) -> Audit:
    """Assumption 3: a step from a level of one's own to the next, the models that are handed out being fixed."""
    levels, n = np.asarray(space.levels), types.shape[1]
    place = np.array([np.searchsorted(levels[i], types[:, i]) for i in range(n)]).T
    higher = levels[np.arange(n), np.minimum(place + 1, levels.shape[1] - 1)]
    best = handed.max()
    ends = np.array(list(itertools.islice(itertools.product((0.0, best), repeat=n), OUTCOMES)), handed.dtype)
    models = np.concatenate([ends, handed])
    rises, largest = _steps(space, jnp.asarray(models), jnp.asarray(types), jnp.asarray(higher))
    rises = np.where((levels.shape[1] - 1 == place.T)[:, :, None], np.inf, np.asarray(rises, float))
    agent, profile, outcome = np.unravel_index(int(np.argmin(rises)), rises.shape)
    least, scale = float(rises[agent, profile, outcome]), float(largest) or 1.0
    told = (
        f"with {higher[profile, agent]:.4g} instead of {types[profile, agent]:.4g}, {space.agent_name(int(agent))} "
        f"earns {abs(least):.4g} {'more' if least >= 0 else 'less'}, at types {_numbers(types[profile])} if models of "
        f"quality {_numbers(models[outcome])} are handed out"
    )
    effort = f"steps between levels at {len(types):,} profiles of types and {len(models):,} ways of handing out models"
    return _fact(space, MORE_DATA, least / scale, told, effort)


def _numbers(entries: np.ndarray) -> str:
    return ", ".join(f"{entry:.4g}" for entry in entries)


def _fact(space: TypeSpace, claim: str, margin: float, told: str, effort: str) -> Audit:
    tolerance = tolerances(space.levels.dtype).condition
    return Audit.judged(claim, margin, tolerance, told, effort, claimed=False)
