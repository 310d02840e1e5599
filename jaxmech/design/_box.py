"""Starts and the trivial alternative where agents can and must collect so much; a pure kernel.

Who wants more than all have together, n_IND > T, is kept by no check: she collects all that she can, or works alone. So
a start is made to fit: such agents are asked for most, and, if they still want more then, are not checked.
"""

import jax.numpy as jnp

from jaxmech._types import Amounts, Array
from jaxmech.collaboration import Role
from jaxmech.design._descent import Start, total_penalty
from jaxmech.design._kinds import Candidate, Kinds
from jaxmech.design._plan import Origin
from jaxmech.design._terms import Crowd, Layout, Variables, others
from jaxmech.mechanism import Capacity

_NEAR = 1e-3
"""Who is this part of the room between least and most below most, or of what is asked above least, is asked for it."""
_EXACT = 1e-12
"""Amounts that are a limit but for this, relatively, are that limit."""
_INSIDE = 0.97
"""Who is checked, and not at most, begins with no larger a part of it."""


def fitted(crowd: Crowd, start: Start) -> Start:
    """Return a start within the limits: its variables of who is checked are log n when it is handed in.

    Args:
        crowd: who takes part.
        start: with log n; returned as it is without limits.
    """
    stake, layout = crowd.stake, start.layout
    if stake.least is None or stake.most is None:
        return start
    least, most, alone = stake.least, stake.most, layout.alone
    asked = jnp.where(layout.checked, jnp.exp(start.variables.log_samples), 0.0)
    samples = jnp.where(alone, stake.alone, stake.within(asked))
    bounded = stake.able & ~alone & jnp.isfinite(most)
    room = jnp.where(bounded, most - least, 1.0)
    raised = bounded & (stake.ideal > _everything(crowd, samples))
    samples = jnp.where(raised, most, samples)
    full = bounded & (samples >= most - _NEAR * room)
    samples = jnp.where(full, most, samples)
    free = full & ((stake.ideal > _everything(crowd, samples)) | (most <= least))
    some = samples - least > _NEAR * samples
    checked = (layout.checked | full) & ~free & ~alone & (some | full)
    inside = jnp.where(bounded, jnp.minimum(samples, least + _INSIDE * room), samples)
    ratio = stake.closed(jnp.where(checked, inside, least + room / 2))
    log = jnp.log(jnp.where(checked, ratio, 1.0))
    return Start(Layout(alone, checked, full), Variables(log, start.variables.logit))


def _everything(crowd: Crowd, samples: Amounts) -> Array:
    """All points, of every distribution."""
    return samples + others(crowd.weight, samples)


def at_bounds(limits: Capacity, samples: Array) -> Array:
    """Return amounts of candidates, on a leading axis, equal to a limit where that is all but rounding.

    Args:
        limits: what can and must be collected, by kind.
        samples: amounts in the same points.
    """
    for bound in (limits.most, limits.least):
        some = jnp.isfinite(bound) & (jnp.abs(samples - bound) <= _EXACT * bound)
        samples = jnp.where(some, bound, samples)
    return samples


def full_of(kinds: Kinds, samples: Amounts, alone: Array) -> Array | None:
    """Return who collects all she can without being alone; None without limits.

    Args:
        kinds: who takes part.
        samples: what they collect.
        alone: who works alone.
    """
    limits = kinds.limits
    if limits is None:
        return None
    return ~alone & kinds.stake.able & (samples >= limits.most * (1 - _EXACT))


def safe_within(kinds: Kinds) -> Candidate:
    """Return the trivial alternative within limits: the r cheapest work alone, the others receive, for the best r.

    Who receives collects what she must, and may not want more; all alone is always possible.

    Args:
        kinds: who takes part, with limits.
    """
    stake, weight = kinds.stake, kinds.weight[:, None]
    assert stake.least is not None
    assert stake.most is not None
    least, most, there = stake.least, stake.most, stake.able & (weight > 0)
    place = jnp.argsort(jnp.argsort(jnp.where(there, stake.costs_over_worth, jnp.inf), axis=0), axis=0)
    number = jnp.arange(len(place) + 1)[:, None, None]
    alone = (place[None] < number) & there
    samples = jnp.where(alone, stake.alone, least)
    total = jnp.sum(weight * samples, axis=1, keepdims=True)
    content = alone | ~there | (most <= least) | (total >= stake.ideal)
    points = jnp.where(alone, samples, total)
    paid = (
        jnp.where(points > 0, kinds.error / jnp.where(points > 0, points, 1.0), jnp.inf) + stake.finite_costs * samples
    )
    paid = jnp.where(weight > 0, paid, 0.0)
    social = jnp.where(jnp.all(content, axis=1), jnp.sum(weight * paid, axis=1), jnp.inf)
    chosen = jnp.argmin(social, axis=0)[None, None, :]
    alone, samples, paid = (jnp.take_along_axis(table, chosen, axis=0)[0] for table in (alone, samples, paid))
    theirs = others(kinds.weight, samples)
    penalty = paid.sum(axis=1)
    return unchecked(kinds, samples, theirs, alone, penalty)


def unchecked(kinds: Kinds, samples: Array, theirs: Array, alone: Array, penalty: Array) -> Candidate:
    """Return the candidate in which who is not alone receives all of the others' points, and nothing is compared.

    Args:
        kinds: who takes part.
        samples: what they collect.
        theirs: what the others of each collect.
        alone: who works alone on what.
        penalty: what each pays.
    """
    return Candidate(
        samples=samples,
        comparison=jnp.where(alone, 0.0, theirs),
        rest=jnp.zeros_like(samples),
        level=jnp.full_like(samples, jnp.inf),
        success=jnp.ones_like(samples),
        penalty=penalty,
        alone=alone,
        checked=jnp.zeros(samples.shape, bool),
        social=total_penalty(kinds.weight, penalty),
        linked=jnp.asarray(False),
        origin=jnp.asarray(Origin.SAFE, jnp.int32),
    )


def roles_of_plans(role: Array, samples: Array) -> Array:
    """Return who is to be checked of the amounts of plans: who collects some, is not alone, and is not let be.

    Args:
        role: codes.
        samples: what they collect.
    """
    return (samples > 0) & (role != Role.ALONE) & (role != Role.RECEIVES)
