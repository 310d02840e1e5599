"""Passes upwards over one agent's types: what she must be left with, for fixed types of the others."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Array
from jaxmech.multiparty._interdependent import SeesTypes, known
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
    """What the mechanism does with one agent's reports: (levels,) arrays, and (levels, agents) ``used`` and ``types``.

    ``handed`` is the model that she is handed, ``used`` are the models that all use if she is honest, and ``types``
    what all then have.
    """

    handed: Array
    used: Array
    types: Array
    truth: Array
    stay: Array


def one_row(space: TypeSpace, agent: int, others: Array) -> Row:
    """Pass over the levels of ``agent``, for fixed levels of the others, keeping what binds."""
    setting = _setting(space, agent, others)
    alone = space.quality(space.levels[agent])
    positions = jnp.arange(alone.shape[0])

    def step(surplus: Array, t: Array) -> tuple[Array, tuple[Array, Array]]:
        """``surplus`` is utility less what honest reports earn, −∞ from the present level on."""
        own = jnp.maximum(setting.handed, alone[t])
        lie = _earns(space, agent, setting.used, own, _with_own(space, agent, setting.types, t)) + surplus
        best = jnp.max(lie)
        utility = jnp.maximum(setting.stay[t], best)
        parent = jnp.where(best > setting.stay[t], jnp.argmax(lie), OUTSIDE)
        return jnp.where(positions == t, utility - setting.truth, surplus), (utility, parent)

    _, (utility, parent) = jax.lax.scan(step, jnp.full_like(setting.truth, -jnp.inf), positions)
    return Row(setting.truth, setting.stay, utility, parent)


def agent_tables(space: TypeSpace, agent: int) -> tuple[Array, Array]:
    """Value and utility of one agent in all profiles, each (*levels of each).

    Utilities differentiate along the reports that bind, forward and reverse (envelope theorem).
    """
    n, k = space.levels.shape
    count = k ** (n - 1)

    def chunk(flat: Array) -> tuple[Array, Array]:
        others = jnp.stack(jnp.unravel_index(flat, (k,) * (n - 1)), axis=1)
        setting = jax.vmap(lambda row: _setting(space, agent, row))(others)
        still = jax.lax.stop_gradient((space, setting))
        utility, parent = jax.lax.stop_gradient(_utilities(still[0], agent, still[1]))
        along = _along_chains(space, agent, setting, parent)
        # The chains' own sum, whose rounding is another, is there for its derivative only.
        return setting.truth, utility + (along - jax.lax.stop_gradient(along))

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
        types = _with_own(space, agent, setting.types, jnp.asarray(k - 1))
        lie = left[flat] - setting.truth + _earns(space, agent, setting.used, own, types)
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
    truth = _earns(space, agent, used, used[:, agent], reports)
    stay = jax.vmap(lambda types: outside_value(valuation, quality, agent, types))(reports)
    return _Setting(handed[:, agent], used, reports, truth, stay)


def _earns(space: TypeSpace, agent: int, used: Array, own_quality: Array, types: Array) -> Array:
    """What the agent earns at each of her reports, with a quality of her own and what all truly have."""
    here = jnp.arange(used.shape[-1]) == agent

    def of_report(q: Array, own: Array, types: Array) -> Array:
        return known(space.valuation, types).of(agent, jnp.where(here, own, q))

    return jax.vmap(of_report)(used, own_quality, types)


def _with_own(space: TypeSpace, agent: int, types: Array, level: Array) -> Array:
    """(…, agents) types, the agent's own replaced by one of her levels, or one for each row."""
    own = space.levels[agent][level]
    return jnp.where(jnp.arange(types.shape[-1]) == agent, own[..., None], types)


def _along_chains(space: TypeSpace, agent: int, setting: _Setting, parent: Array) -> Array:
    """(rows, levels) what the agent must be left, as the sum along the chain of reports that binds.

    Each link adds what a type gains by the report that binds her, v(t', t) − v(t', t'), and the first one what staying
    away brings. Chains are halved in every round, so that few rounds of a fixed number add them all up.
    """
    outside = parent == OUTSIDE
    report = jnp.where(outside, 0, parent)
    used = jnp.take_along_axis(setting.used, report[..., None], axis=1)
    alone = space.quality(space.levels[agent])
    own = jnp.maximum(jnp.take_along_axis(setting.handed, report, axis=1), alone)
    # The others' types are those of the row, whatever she reports; her own is the true one.
    lie = jax.vmap(lambda *row: _earns(space, agent, *row))(used, own, setting.types)
    link = jnp.where(outside, setting.stay, lie - jnp.take_along_axis(setting.truth, report, axis=1))
    for _ in range(max(1, (alone.shape[0] - 1).bit_length())):
        link = link + jnp.where(outside, 0.0, jnp.take_along_axis(link, report, axis=1))
        outside, report = (
            outside | jnp.take_along_axis(outside, report, axis=1),
            jnp.take_along_axis(report, report, axis=1),
        )
    return link


def _utilities(space: TypeSpace, agent: int, setting: _Setting) -> tuple[Array, Array]:
    """(rows, levels) what the agent must be left, and the report that binds; reports in blocks.

    Only blocks that matter are looked at.

    Where a lie is handed a model as good as her own, she uses that and is left exactly as much as the type who reports
    it honestly: then the largest utility of the block says everything. Not so where valuations see her type.
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

    def step(carry: _Known, t: Array) -> tuple[_Known, tuple[Array, Array]]:
        def against(block: Array, best: tuple[Array, Array]) -> tuple[Array, Array]:
            def look(best: tuple[Array, Array]) -> tuple[Array, Array]:
                def part(leaf: Array) -> Array:
                    return jax.lax.dynamic_slice_in_dim(leaf, block * columns, columns, axis=1)

                own = jnp.maximum(part(padded.handed), alone[t])
                types = _with_own(space, agent, part(padded.types), t)
                lie = jax.vmap(lambda *row: _earns(space, agent, *row))(part(padded.used), own, types)
                left = lie + part(carry.surplus)
                report = block * columns + jnp.argmax(left, axis=1).astype(jnp.int32)
                return _better(best, (jnp.max(left, axis=1), report))

            def take(best: tuple[Array, Array]) -> tuple[Array, Array]:
                return _better(best, (carry.tops[:, block], carry.leaders[:, block]))

            if isinstance(space.valuation, SeesTypes):
                return look(best)
            return jax.lax.cond(worst[block] < alone[t], look, take, best)

        start = padded.stay[:, t], jnp.full(rows, OUTSIDE, jnp.int32)
        utility, parent = jax.lax.fori_loop(0, t // columns + 1, against, start)
        here = t // columns
        top, leader = _better((carry.tops[:, here], carry.leaders[:, here]), (utility, jnp.full(rows, t, jnp.int32)))
        known = _Known(
            carry.surplus.at[:, t].set(utility - padded.truth[:, t]),
            carry.tops.at[:, here].set(top),
            carry.leaders.at[:, here].set(leader),
        )
        return known, (utility, parent)

    rows, dtype = setting.truth.shape[0], setting.truth.dtype
    none = jnp.full((rows, blocks), -jnp.inf, dtype)
    start = _Known(jnp.full((rows, width), -jnp.inf, dtype), none, jnp.full((rows, blocks), OUTSIDE, jnp.int32))
    _, (utility, parent) = jax.lax.scan(step, start, jnp.arange(k, dtype=jnp.int32))
    return utility.T, parent.T


class _Known(NamedTuple):
    """Of the levels below: what they are left beyond their earnings; the most in each block, and where."""

    surplus: Array
    tops: Array
    leaders: Array


def _better(best: tuple[Array, Array], other: tuple[Array, Array]) -> tuple[Array, Array]:
    """The larger of two numbers, with what comes with it; the first one where they are equal."""
    more = other[0] > best[0]
    return jnp.maximum(best[0], other[0]), jnp.where(more, other[1], best[1])
