"""The least social penalty of linked thresholds: gradients through the levels, from given starts."""

import dataclasses
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Amounts, Array, Float, Scalar, Support
from jaxmech.design._scheme import Settled, Stake, Terms, collecting_less, settle, walking_away
from jaxmech.design._threshold import LARGEST_PULL
from jaxmech.numerics import minimise

Number = TypeVar("Number", bound=Any)

BARRIERS = (1e-4, 1e-6, 1e-9)
"""Weights of the barrier, relative to the social penalty, stage by stage."""
_NEAR = 0.02
"""Constraints are felt from this relative distance on."""
_NEGLIGIBLE = 5e-3
"""An agent whose share of a distribution is below this may be let off."""
_WORSE = 1e-3
"""...if that costs no more than this, relatively; what it costs is won back in the next stage."""
_SHARES = (0.6, 0.85)
"""Nobody may prefer to collect so much less of everything: else stationary points may be saddles."""
_SETTLED = 1e-9
_BOUND = 40.0


@pytree
@dataclasses.dataclass(frozen=True)
class Crowd:
    """Kinds of agents: how many of each, what they lose, how often at most an honest one may fail.

    Attributes:
        stake: by kind.
        weight: how many agents there are of each kind.
        fails: the largest chance that an honest agent fails; 1 for no limit.
    """

    stake: Stake
    weight: Float[Array, " kinds"]
    fails: Array


@pytree
@dataclasses.dataclass(frozen=True)
class Layout:
    """Who does what: the discrete part of a design.

    Attributes:
        alone: who collects n_IND of what and gets nothing of others.
        checked: who is asked for something and checked.
    """

    alone: Support
    checked: Support


class Variables(NamedTuple):
    """What is optimised: log n where agents are checked, and logit z/A, the share of others' points given clean."""

    log_samples: Amounts
    logit: Amounts


class Improved(NamedTuple):
    """The end of a descent."""

    variables: Variables
    terms: Terms
    settled: Settled
    layout: Layout
    social: Scalar
    steps: Array


def others(weight: Number, samples: Number) -> Number:
    """Points of all others, by kind of agent; of arrays of JAX or numpy."""
    return ((weight[:, None] * samples).sum(axis=0) - samples).clip(0)


def terms_of(crowd: Crowd, layout: Layout, variables: Variables) -> Terms:
    """Turn variables into terms: whoever is asked for nothing, and is checked nowhere, gets everything clean."""
    alone = jnp.where(crowd.stake.able, jnp.sqrt(crowd.stake.error / crowd.stake.finite_costs), 0.0)
    collected = jnp.where(layout.checked, jnp.exp(jnp.clip(variables.log_samples, -700, 80)), 0.0)
    samples = jnp.where(layout.alone, alone, collected)
    available = others(crowd.weight, samples)
    free = ~jnp.any(layout.checked, axis=-1, keepdims=True)
    clean = available * jnp.where(free, 1.0, jax.nn.sigmoid(jnp.clip(variables.logit, -_BOUND, _BOUND)))
    comparison = jnp.where(layout.alone, 0.0, clean)
    rest = jnp.where(layout.alone | free, 0.0, available - comparison)
    return Terms(samples, comparison, rest, layout.checked)


def slacks(crowd: Crowd, layout: Layout, terms: Terms, settled: Settled) -> Array:
    """Relative room in every constraint, (kinds, constraints); all must be positive.

    Levels must exist; who is asked for nothing must not want to collect; nobody prefers to give up passing, or to
    collect less of everything; honest agents do not fail too often.
    """
    stake = crowd.stake
    idle = ~layout.checked & ~layout.alone & stake.able & (terms.comparison + terms.rest > 0)
    tied = jnp.any(layout.checked, axis=-1)
    away = walking_away(terms, stake) / settled.penalty - 1
    less = [collecting_less(terms, stake, settled, share) / settled.penalty - 1 for share in _SHARES]
    return jnp.concatenate(
        [
            jnp.where(layout.checked | idle, settled.spare, 1.0),
            jnp.where(layout.checked, LARGEST_PULL - settled.pull, 1.0),
            *(jnp.where(tied, room, 1.0)[:, None] for room in (away, *less)),
            jnp.where(tied & (crowd.fails < 1), 1 - (1 - settled.success) / crowd.fails, 1.0)[:, None],
        ],
        axis=-1,
    )


def social(crowd: Crowd, layout: Layout, variables: Variables, barrier: Array) -> Scalar:
    """Social penalty with a barrier on the constraints; ∞ outside."""
    terms = terms_of(crowd, layout, variables)
    settled = settle(terms, crowd.stake)
    room = slacks(crowd, layout, terms, settled)
    total = jnp.sum(crowd.weight * settled.penalty)
    return jnp.where(jnp.max(settled.residual) < _SETTLED, guarded(total, room, barrier), jnp.inf)


def guarded(total: Array, room: Array, barrier: Array | float) -> Array:
    """Return the total with a barrier that is felt where room is short; ∞ where there is none."""
    hurdle = jnp.sum(jnp.log1p(_NEAR / jnp.where(room > 0, room, 1.0)))
    return jnp.where(jnp.all(room > 0), total * (1 + barrier * hurdle), jnp.inf)


def improve(crowd: Crowd, layout: Layout, start: Variables, steps: Array | int) -> Improved:
    """Descend from a start in stages of an ever weaker barrier, letting off who is asked for next to nothing.

    It jits and vmaps over starts and instances.

    Args:
        crowd: who takes part.
        layout: who does what.
        start: where to begin.
        steps: of every stage.
    """
    shape = start.log_samples.shape

    def unpack(vector: Array) -> Variables:
        return Variables(*jnp.reshape(vector, (2, *shape)))

    vector = jnp.concatenate([jnp.ravel(start.log_samples), jnp.ravel(start.logit)])

    def stage(carry: tuple[Array, Support], barrier: Array) -> tuple[tuple[Array, Support], Array]:
        vector, checked = carry
        layout_now = Layout(layout.alone, checked)
        found = minimise(lambda point: social(crowd, layout_now, unpack(point), barrier), vector, steps)
        fewer = _let_off(crowd, layout_now, unpack(found.point), barrier)
        return (found.point, fewer.checked), found.steps

    barriers = jnp.asarray(BARRIERS, vector.dtype)
    (vector, checked), taken = jax.lax.scan(stage, (vector, layout.checked), barriers)
    final, variables = Layout(layout.alone, checked), unpack(vector)
    terms = terms_of(crowd, final, variables)
    value = social(crowd, final, variables, jnp.zeros((), vector.dtype))
    return Improved(variables, terms, settle(terms, crowd.stake), final, value, jnp.sum(taken))


def _let_off(crowd: Crowd, layout: Layout, variables: Variables, barrier: Array) -> Layout:
    """Ask nothing of those who are asked for next to nothing, if that does next to no harm."""
    terms = terms_of(crowd, layout, variables)
    total = jnp.sum(crowd.weight[:, None] * terms.samples, axis=0)
    fewer = Layout(layout.alone, layout.checked & (terms.samples > _NEGLIGIBLE * total))
    before, after = social(crowd, layout, variables, barrier), social(crowd, fewer, variables, barrier)
    keep = jnp.isfinite(after) & (after <= before * (1 + _WORSE))
    return Layout(layout.alone, jnp.where(keep, fewer.checked, layout.checked))
