"""The least social penalty of a rule of given shape: gradients through the levels, from given starts; a pure kernel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._loops import as_different_as
from jaxmech._types import Array, Scalar
from jaxmech.design._terms import Crowd, Layout, Settled, Shape, Stake, Terms, Variables, others, terms_of
from jaxmech.numerics import minimise

BARRIERS = (1e-4, 1e-6, 1e-9)
"""Weights of the barrier, relative to the social penalty, stage by stage."""
_NEAR = 0.02
"""Constraints are felt from this relative distance on."""
_NEGLIGIBLE = 5e-3
"""An agent whose share of a distribution is below this may be let off."""
_WORSE = 1e-3
"""...if that costs no more than this, relatively; what it costs is won back in the next stage."""
_NEARLY_ALL = 0.05
"""Who leaves no more of the room between least and most may be asked for all she can collect."""
SETTLED = 1e-9
"""Residual of the levels from which on they count as solved."""
_ALIKE = 1e-9
"""Ends whose social penalties differ by less are one, relatively."""


class Start(NamedTuple):
    """Where a descent begins, or has ended."""

    layout: Layout
    variables: Variables


class Ends(NamedTuple):
    """Ends of descents, the best first, and their social penalties; ∞ where there is none."""

    start: Start
    social: Array


class Plan(NamedTuple):
    """How much a search spends: static numbers.

    Attributes:
        lanes: descents side by side.
        steps: of every stage of the first descents.
        more: of those of the best that go on.
    """

    lanes: int
    steps: int
    more: int


def slacks(crowd: Crowd, layout: Layout, shape: Shape, terms: Terms, settled: Settled) -> Array:
    """Relative room in every constraint, (kinds, constraints); all must be positive.

    Levels must exist; who is asked for nothing must not want to collect, nor want more than she must, or less than she
    can; nobody prefers something far away; honest agents do not fail too often.
    """
    stake = crowd.stake
    tied = jnp.any(layout.checked, axis=-1, keepdims=True)
    failing = 1 - (1 - settled.success[..., None]) / crowd.fails
    return jnp.concatenate(
        [
            _content(stake, layout, terms, settled.spare),
            settled.room,
            jnp.where(tied, shape.temptations(terms, stake, settled), 1.0),
            jnp.where(tied & (crowd.fails < 1), failing, 1.0),
        ],
        axis=-1,
    )


def _content(stake: Stake, layout: Layout, terms: Terms, spare: Array) -> Array:
    """Room before somebody wants another amount than what is stationary, or than all she can or must collect."""
    idle = ~layout.checked & ~layout.alone & stake.able
    if layout.full is None or stake.least is None or stake.most is None:
        return jnp.where(layout.checked | (idle & (terms.comparison + terms.rest > 0)), spare, 1.0)
    idle &= stake.most > stake.least
    return jnp.where(idle & layout.full, -spare, jnp.where(idle | (layout.checked & ~layout.full), spare, 1.0))


def total_penalty(weight: Array, penalty: Array) -> Scalar:
    """Sum over agents; kinds without agents do not count."""
    return jnp.sum(jnp.where(weight > 0, weight * penalty, 0.0))


def social(shape: Shape, crowd: Crowd, start: Start, barrier: Array | float) -> Scalar:
    """Social penalty with a barrier that is felt where room in a constraint is short; ∞ outside."""
    layout, terms = start.layout, terms_of(crowd, *start)
    settled = shape.settle(terms, crowd.stake)
    room = slacks(crowd, layout, shape, terms, settled)
    hurdle = jnp.sum(jnp.log1p(_NEAR / jnp.where(room > 0, room, 1.0)))
    sound = jnp.all(room > 0) & (jnp.max(settled.residual) < SETTLED)
    return jnp.where(sound, total_penalty(crowd.weight, settled.penalty) * (1 + barrier * hurdle), jnp.inf)


def improve(shape: Shape, crowd: Crowd, start: Start, steps: Array | int) -> tuple[Start, Scalar]:
    """Descend from a start in stages of an ever weaker barrier, letting off who is asked for next to nothing.

    It jits and vmaps over starts and instances.

    Args:
        shape: of the rule.
        crowd: who takes part.
        start: where to begin.
        steps: of every stage.

    Returns:
        The end, and its social penalty.

    Source: this package; Nocedal and Wright, chapter 19, for barriers.
    """
    where = start.variables.logit.shape

    def at(vector: Array, layout: Layout) -> Start:
        return Start(layout, Variables(*jnp.reshape(vector, (2, *where))))

    def stage(carry: tuple[Array, Layout], barrier: Array) -> tuple[tuple[Array, Layout], None]:
        vector, layout = carry
        found = minimise(lambda point: social(shape, crowd, at(point, layout), barrier), vector, steps).point
        layout = _let_off(shape, crowd, at(found, layout), barrier)
        if layout.full is not None:
            layout = _filled(shape, crowd, at(found, layout), barrier)
        return (found, layout), None

    vector = jnp.concatenate([jnp.ravel(part) for part in start.variables])
    barriers = jnp.asarray(BARRIERS, vector.dtype)
    (vector, layout), _ = jax.lax.scan(stage, (vector, start.layout), barriers)
    end = at(vector, layout)
    return end, social(shape, crowd, end, 0.0)


def search(shape: Shape, crowd: Crowd, starts: Start, plan: Plan) -> Ends:
    """Descend from all starts, a few at a time, and once more from the best: always as many, compiled once.

    Args:
        shape: of the rule.
        crowd: who takes part.
        starts: on a leading axis, a multiple of the lanes.
        plan: how much is spent.
    """
    lanes = plan.lanes
    rounds = len(starts.layout.alone) // lanes
    nothing = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[:lanes]]), starts)
    unknown = jnp.full((rounds + 1) * lanes, jnp.inf, starts.variables.logit.dtype)
    empty = as_different_as(starts.variables.logit, Ends(nothing, unknown))

    def one(start: Start, steps: Array) -> Ends:
        return Ends(*improve(shape, crowd, start, steps))

    def turn(ends: Ends, number: Array) -> tuple[Ends, None]:
        first = number < rounds
        some = jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, number * lanes, lanes), nothing)
        begin = jax.lax.cond(first, lambda: some, lambda: best(ends, lanes).start)
        steps = jnp.where(first, plan.steps, plan.more)
        found = jax.vmap(one, in_axes=(0, None))(begin, steps)
        there = number * lanes
        put = lambda leaf, new: jax.lax.dynamic_update_slice_in_dim(leaf, new, there, 0)  # noqa: E731
        return jax.tree.map(put, ends, found), None

    ends, _ = jax.lax.scan(turn, empty, jnp.arange(rounds + 1))
    return ends


def best(ends: Ends, count: int) -> Ends:
    """The best of some ends, equal ones once; others come last, at ∞."""
    order = jnp.argsort(ends.social)
    values = ends.social[order]
    again = jnp.concatenate([jnp.zeros(1, bool), values[1:] <= values[:-1] * (1 + _ALIKE)])
    values = jnp.where(again | ~jnp.isfinite(values), jnp.inf, values)
    chosen = jnp.argsort(values)[:count]
    return Ends(jax.tree.map(lambda leaf: leaf[order[chosen]], ends.start), values[chosen])


def rank(shape: Shape, crowd: Crowd, starts: Start) -> Array:
    """Social penalties of starts on a leading axis, a few at a time; ∞ where one is impossible."""

    def one(start: Start) -> Array:
        return social(shape, crowd, start, BARRIERS[0])

    return jnp.nan_to_num(jax.lax.map(one, starts, batch_size=shape.lanes), nan=jnp.inf, posinf=jnp.inf)


def _let_off(shape: Shape, crowd: Crowd, end: Start, barrier: Array) -> Layout:
    """Who does what, without those checked who are asked for next to nothing, if that does next to no harm."""
    alone, checked, full = end.layout.alone, end.layout.checked, end.layout.full
    samples = terms_of(crowd, *end).samples
    more = samples if crowd.stake.least is None else samples - crowd.stake.least
    fewer = checked & (more > _NEGLIGIBLE * jnp.sum(crowd.weight[:, None] * samples, axis=0))
    return _unless_worse(
        shape, crowd, end, Layout(alone, fewer, None if full is None else full & ~(checked & ~fewer)), barrier
    )


def _filled(shape: Shape, crowd: Crowd, end: Start, barrier: Array) -> Layout:
    """Who does what, with all she can collect for who collects nearly so much, unchecked if she then wants no less."""
    alone, checked, full = end.layout.alone, end.layout.checked, end.layout.full
    stake, samples = crowd.stake, terms_of(crowd, *end).samples
    assert full is not None
    assert stake.least is not None
    assert stake.most is not None
    near = checked & jnp.isfinite(stake.most) & (stake.most - samples <= _NEARLY_ALL * (stake.most - stake.least))
    layout = _unless_worse(shape, crowd, end, Layout(alone, checked, full | near), barrier)
    samples = terms_of(crowd, layout, end.variables).samples
    total = samples + others(crowd.weight, samples)
    assert layout.full is not None
    wanting = layout.full & checked & (total < stake.ideal)
    return _unless_worse(
        shape, crowd, end._replace(layout=layout), Layout(alone, checked & ~wanting, layout.full), barrier
    )


def _unless_worse(shape: Shape, crowd: Crowd, end: Start, other: Layout, barrier: Array) -> Layout:
    """Another layout, if it does next to no harm."""
    after = social(shape, crowd, end._replace(layout=other), barrier)
    keep = jnp.isfinite(after) & (after <= social(shape, crowd, end, barrier) * (1 + _WORSE))
    chosen: Layout = jax.tree.map(lambda new, old: jnp.where(keep, new, old), other, end.layout)
    return chosen
