"""The least social penalty of a rule of given shape: gradients through the levels, from given starts; a pure kernel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Array, Scalar, Support
from jaxmech.design._terms import Crowd, Layout, Settled, Shape, Terms, Variables, terms_of
from jaxmech.numerics import minimise

BARRIERS = (1e-4, 1e-6, 1e-9)
"""Weights of the barrier, relative to the social penalty, stage by stage."""
_NEAR = 0.02
"""Constraints are felt from this relative distance on."""
_NEGLIGIBLE = 5e-3
"""An agent whose share of a distribution is below this may be let off."""
_WORSE = 1e-3
"""...if that costs no more than this, relatively; what it costs is won back in the next stage."""
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

    Levels must exist; who is asked for nothing must not want to collect; nobody prefers something far away; honest
    agents do not fail too often.
    """
    stake = crowd.stake
    idle = ~layout.checked & ~layout.alone & stake.able & (terms.comparison + terms.rest > 0)
    tied = jnp.any(layout.checked, axis=-1, keepdims=True)
    failing = 1 - (1 - settled.success[..., None]) / crowd.fails
    return jnp.concatenate(
        [
            jnp.where(layout.checked | idle, settled.spare, 1.0),
            settled.room,
            jnp.where(tied, shape.temptations(terms, stake, settled), 1.0),
            jnp.where(tied & (crowd.fails < 1), failing, 1.0),
        ],
        axis=-1,
    )


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
    alone, where = start.layout.alone, start.variables.logit.shape

    def at(vector: Array, checked: Support) -> Start:
        return Start(Layout(alone, checked), Variables(*jnp.reshape(vector, (2, *where))))

    def stage(carry: tuple[Array, Support], barrier: Array) -> tuple[tuple[Array, Support], None]:
        vector, checked = carry
        found = minimise(lambda point: social(shape, crowd, at(point, checked), barrier), vector, steps).point
        return (found, _let_off(shape, crowd, at(found, checked), barrier)), None

    vector = jnp.concatenate([jnp.ravel(part) for part in start.variables])
    barriers = jnp.asarray(BARRIERS, vector.dtype)
    (vector, checked), _ = jax.lax.scan(stage, (vector, start.layout.checked), barriers)
    end = at(vector, checked)
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
    empty = Ends(nothing, jnp.full((rounds + 1) * lanes, jnp.inf, starts.variables.logit.dtype))

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


def _let_off(shape: Shape, crowd: Crowd, end: Start, barrier: Array) -> Support:
    """Who is checked, without those who are asked for next to nothing, if that does next to no harm."""
    checked = end.layout.checked
    samples = terms_of(crowd, *end).samples
    fewer = checked & (samples > _NEGLIGIBLE * jnp.sum(crowd.weight[:, None] * samples, axis=0))
    after = social(shape, crowd, end._replace(layout=Layout(end.layout.alone, fewer)), barrier)
    keep = jnp.isfinite(after) & (after <= social(shape, crowd, end, barrier) * (1 + _WORSE))
    return jnp.where(keep, fewer, checked)
