"""Passes upwards over one agent's types: what she must be left with, for fixed types of the others."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Array
from jaxmech.multiparty._problem import TypeSpace
from jaxmech.multiparty._solve import allocate, outside_value

OUTSIDE = -1
"""In place of a report, in a chain of constraints: staying away."""

_ROWS = 32
"""Rows (profiles of the others) that are worked on together."""

_COLUMNS = 32
"""Reports that are worked on together: with the rows, few enough numbers for the cache."""


class Row(NamedTuple):
    """One agent at all her levels, the others at theirs: (levels,) arrays.

    Attributes:
        truth: what she earns when she reports her type.
        stay: what she has when she stays away.
        utility: what she must be left.
        parent: the report that binds her utility, or ``OUTSIDE``.
    """

    truth: Array
    stay: Array
    utility: Array
    parent: Array


class _Setting(NamedTuple):
    """What the mechanism does with one agent's reports: (levels,) arrays, and (levels, agents) ``used``.

    ``handed`` is the model that she is handed, ``used`` are the models that all use if she is honest.
    """

    handed: Array
    used: Array
    truth: Array
    stay: Array


def one_row(space: TypeSpace, agent: int, others: Array) -> Row:
    """Pass over the levels of ``agent``, for fixed levels of the others, keeping what binds."""
    setting = _setting(space, agent, others)
    alone = space.quality(space.levels[agent])
    positions = jnp.arange(alone.shape[0])

    def step(surplus: Array, t: Array) -> tuple[Array, tuple[Array, Array]]:
        """``surplus`` is utility less what honest reports earn, −∞ from the present level on."""
        lie = _earns(space, agent, setting.used, jnp.maximum(setting.handed, alone[t])) + surplus
        best = jnp.max(lie)
        utility = jnp.maximum(setting.stay[t], best)
        parent = jnp.where(best > setting.stay[t], jnp.argmax(lie), OUTSIDE)
        return jnp.where(positions == t, utility - setting.truth, surplus), (utility, parent)

    _, (utility, parent) = jax.lax.scan(step, jnp.full_like(setting.truth, -jnp.inf), positions)
    return Row(setting.truth, setting.stay, utility, parent)


def agent_tables(space: TypeSpace, agent: int) -> tuple[Array, Array]:
    """Value and utility of one agent in all profiles, each (*levels of each)."""
    n, k = space.levels.shape
    count = k ** (n - 1)

    def chunk(flat: Array) -> tuple[Array, Array]:
        others = jnp.stack(jnp.unravel_index(flat, (k,) * (n - 1)), axis=1)
        setting = jax.vmap(lambda row: _setting(space, agent, row))(others)
        return setting.truth, _utilities(space, agent, setting)

    tables = jax.lax.map(chunk, _chunks(count))
    shaped = [jnp.moveaxis(table.reshape(-1, k)[:count].reshape((k,) * n), -1, agent) for table in tables]
    return shaped[0], shaped[1]


def top_utilities(space: TypeSpace, agent: int, utility: Array) -> Array:
    """(*levels of the others) what the agent must be left at her highest level, given what she is left below.

    Every report is compared, none skipped.

    Args:
        space: the grid of types.
        agent: whose.
        utility: (*levels of the others, levels) what she is left.
    """
    n, k = space.levels.shape
    count = k ** (n - 1)
    left = utility.reshape(count, k)

    def row(flat: Array) -> Array:
        setting = _setting(space, agent, jnp.stack(jnp.unravel_index(flat, (k,) * (n - 1))))
        own = jnp.maximum(setting.handed, space.quality(space.levels[agent, -1]))
        lie = left[flat] - setting.truth + _earns(space, agent, setting.used, own)
        return jnp.maximum(setting.stay[-1], jnp.max(lie[:-1], initial=-jnp.inf))

    return jax.lax.map(jax.vmap(row), _chunks(count)).reshape(-1)[:count].reshape(utility.shape[:-1])


def _chunks(count: int) -> Array:
    """(chunks, rows) all rows; the last chunk is filled up with repetitions of the last one."""
    rows = min(_ROWS, count)
    return jnp.minimum(jnp.arange(rows * -(-count // rows)), count - 1).reshape(-1, rows)


def _setting(space: TypeSpace, agent: int, others: Array) -> _Setting:
    valuation, quality = space.valuation, space.quality
    n, k = space.levels.shape
    own = space.levels[agent]
    fixed = [space.levels[j, others[j - (j > agent)]] for j in range(n) if j != agent]
    columns = [jnp.broadcast_to(level, (k,)) for level in fixed]
    reports = jnp.stack([*columns[:agent], own, *columns[agent:]], axis=1)
    handed = jax.vmap(lambda report: allocate(valuation, quality, report, jnp.ones(n, bool)))(reports)
    used = jnp.maximum(handed, quality(reports))
    truth = _earns(space, agent, used, used[:, agent])
    stay = jax.vmap(lambda types: outside_value(valuation, quality, agent, types))(reports)
    return _Setting(handed[:, agent], used, truth, stay)


def _earns(space: TypeSpace, agent: int, used: Array, own_quality: Array) -> Array:
    """What the agent earns at each of her reports, with a quality of her own."""
    here = jnp.arange(used.shape[-1]) == agent
    return jax.vmap(lambda q, own: space.valuation.of(agent, jnp.where(here, own, q)))(used, own_quality)


def _utilities(space: TypeSpace, agent: int, setting: _Setting) -> Array:
    """(rows, levels) what the agent must be left; reports in blocks, of which only those that matter are looked at.

    Where a lie is handed a model as good as her own, she uses that and is left exactly as much as the type who reports
    it honestly: then the largest utility of the block says everything.
    """
    alone = space.quality(space.levels[agent])
    k = alone.shape[0]
    columns = min(_COLUMNS, k)
    blocks = -(-k // columns)
    width = columns * blocks
    padded = jax.tree.map(lambda leaf: jnp.pad(leaf, [(0, 0), (0, width - k)] + [(0, 0)] * (leaf.ndim - 2)), setting)
    # The worst model that is handed out in each block: whether anybody can do better alone.
    filled = jnp.pad(setting.handed, [(0, 0), (0, width - k)], constant_values=jnp.inf)
    worst = jnp.min(filled.reshape(filled.shape[0], blocks, columns), axis=(0, 2))

    def step(carry: tuple[Array, Array], t: Array) -> tuple[tuple[Array, Array], Array]:
        surplus, tops = carry

        def against(block: Array, best: Array) -> Array:
            def look(best: Array) -> Array:
                def part(leaf: Array) -> Array:
                    return jax.lax.dynamic_slice_in_dim(leaf, block * columns, columns, axis=1)

                own = jnp.maximum(part(padded.handed), alone[t])
                lie = jax.vmap(lambda used, own: _earns(space, agent, used, own))(part(padded.used), own)
                return jnp.maximum(best, jnp.max(lie + part(surplus), axis=1))

            def take(best: Array) -> Array:
                return jnp.maximum(best, tops[:, block])

            return jax.lax.cond(worst[block] < alone[t], look, take, best)

        utility = jax.lax.fori_loop(0, t // columns + 1, against, padded.stay[:, t])
        surplus = surplus.at[:, t].set(utility - padded.truth[:, t])
        tops = tops.at[:, t // columns].max(utility)
        return (surplus, tops), utility

    rows, dtype = setting.truth.shape[0], setting.truth.dtype
    start = jnp.full((rows, width), -jnp.inf, dtype), jnp.full((rows, blocks), -jnp.inf, dtype)
    _, utility = jax.lax.scan(step, start, jnp.arange(k))
    return utility.T
