"""Designs in whole samples: roundings of candidates, with comparison sets and levels of their own; a pure kernel."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.collaboration import Role
from jaxmech.design._box import full_of, roles_of_plans
from jaxmech.design._candidates import kinds_tables, settled_candidate, together, with_ellipsoids, without_ellipsoids
from jaxmech.design._descent import SETTLED, slacks
from jaxmech.design._ellipsoid import Ellipsoid
from jaxmech.design._kinds import Candidate, Kinds
from jaxmech.design._linked import Threshold
from jaxmech.design._plan import Origin, Rule
from jaxmech.design._published import Rivals
from jaxmech.design._table import Table
from jaxmech.design._terms import Crowd, Layout, Settled, Shape, Stake, Terms, others
from jaxmech.design._wishes import Bounds

_HOWS = (jnp.round, jnp.ceil, jnp.floor)
_LEAST = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
"""Sizes of comparison sets to begin with; a few points are not enough where failing would cost everything."""
_SWEEPS = 4


def in_whole_samples(kinds: Kinds, found: Candidate, rivals: Rivals, rule: Rule | None, bounds: Bounds) -> Candidate:
    """Return whole numbers near candidates, and near published plans, with levels of their own; on a leading axis.

    Amounts are rounded in several ways, to at least 1 where agents are checked; once more with those let off who are
    asked for less than half a sample.

    Args:
        kinds: who takes part.
        found: from :func:`~jaxmech.design._candidates.candidates`.
        rivals: published plans in whole samples.
        rule: the noise; a threshold if None.
        bounds: that are wished for.
    """
    linkable = rule is None and bounds.linked and kinds.costs.shape[1] > 1
    if linkable and bounds.ellipsoid:
        boxes = without_ellipsoids(found)
        made = in_whole_samples(kinds, boxes, rivals, rule, dataclasses.replace(bounds, ellipsoid=False))
        inside = _Enough(Ellipsoid(jnp.asarray(bounds.kept, kinds.weight.dtype)), kinds.unit)
        return with_ellipsoids(inside, kinds.crowd(bounds), made)
    kinds = kinds.in_whole_points
    own = found.samples / kinds.unit
    fewer = found.checked & (jnp.round(own) >= 1)
    layouts = [(how(own) * kinds.unit, found.checked) for how in _HOWS] + [(jnp.round(own) * kinds.unit, fewer)]
    ways = [found._replace(samples=samples, checked=checked) for samples, checked in layouts]
    if rule is None:
        links = (False, True) if linkable else (False,)
        ways += [_of_plans(kinds, rivals, linked=link) for link in links]
    every = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *ways)
    shape = Threshold(jnp.asarray(bounds.kept, kinds.weight.dtype)) if rule is None else Table(rule)
    return jax.lax.map(partial(_whole, shape, kinds, kinds.crowd(bounds), linkable), every, batch_size=shape.lanes // 6)


def _of_plans(kinds: Kinds, rivals: Rivals, *, linked: bool) -> Candidate:
    """Amounts and roles of plans, with as many points compared as each collects; the rest is to be settled."""
    samples, role = kinds_tables(kinds, rivals)
    alone = role == Role.ALONE
    number = len(samples)
    return Candidate(
        samples=samples,
        comparison=samples,
        rest=jnp.zeros_like(samples),
        level=jnp.full_like(samples, jnp.inf),
        success=jnp.ones_like(samples),
        penalty=jnp.full(samples.shape[:2], jnp.nan),
        alone=alone & (samples > 0),
        checked=roles_of_plans(role, samples),
        social=rivals.social,
        linked=jnp.full(number, linked),
        origin=jnp.full(number, Origin.PUBLISHED_LINKED if linked else Origin.PUBLISHED, jnp.int32),
    )


def _whole(shape: Shape, kinds: Kinds, crowd: Crowd, linkable: bool, found: Candidate) -> Candidate:
    """One candidate in whole numbers; linked or one distribution at a time."""
    samples, layout = _asked(kinds, found)
    theirs = jnp.where(layout.alone, 0.0, others(kinds.weight, samples))
    part, origin = Terms(samples, found.comparison, theirs, layout.checked), found.origin + int(Origin.WHOLE)

    def column(part: Terms, layout: Layout, stake: Stake, unit: Array) -> Candidate:
        part, layout, stake, unit = jax.tree.map(lambda leaf: leaf[:, None], (part, layout, stake, unit))
        return _settled(_Enough(shape, unit), Crowd(stake, crowd.weight, crowd.fails), part, layout)

    def apart() -> Candidate:
        return together(jax.vmap(column, in_axes=1)(part, layout, crowd.stake, kinds.unit), origin)

    def tied() -> Candidate:
        return _settled(_Enough(shape, kinds.unit), crowd, part, layout)._replace(
            linked=jnp.asarray(True), origin=origin
        )

    made = jax.lax.cond(found.linked, tied, apart) if linkable else apart()
    return made._replace(social=jnp.where(jnp.isfinite(found.social), made.social, jnp.inf))


def _asked(kinds: Kinds, found: Candidate) -> tuple[Array, Layout]:
    """Whole amounts and who does what; within limits who collects all she can is checked unless she wants more."""
    alone, checked, stake = found.alone, found.checked, kinds.stake
    asked = jnp.where(checked, jnp.maximum(found.samples, kinds.unit), 0.0)
    if stake.least is None or stake.most is None:
        return jnp.where(alone, kinds.whole_alone, asked), Layout(alone, checked)
    # who is not checked collects all that she can or what she must, whatever is nearer
    idle = jnp.where(2 * found.samples > stake.least + stake.most, stake.most, stake.least)
    samples = jnp.where(checked, jnp.clip(asked, stake.least, stake.most), jnp.where(stake.able, idle, 0.0))
    samples = jnp.where(alone, kinds.whole_alone, samples)
    total, full = samples + others(kinds.weight, samples), full_of(kinds, samples, alone)
    content = stake.finite_costs * total * (total - kinds.unit) <= stake.error * (1 + SETTLED)
    assert full is not None
    free = full & (content | (stake.most <= stake.least))
    checked = jnp.where(full, ~free, checked & (samples > stake.least)) & ~alone
    return samples, Layout(alone, checked, full)


def _settled(shape: "_Enough", crowd: Crowd, part: Terms, layout: Layout) -> Candidate:
    """With the comparison sets that cost each kind least: they concern nobody else, so all are sought at once.

    Args:
        shape: of the rule.
        crowd: of the distributions whose levels belong together.
        part: with all that others have for the rest.
        layout: who does what.
    """
    theirs, tied = part.rest, jnp.any(layout.checked, axis=1, keepdims=True)
    changing = jnp.broadcast_to(tied & ~layout.alone, theirs.shape)
    begun = jnp.where(changing, jnp.minimum(jnp.maximum(jnp.round(part.comparison), 1.0), theirs), theirs)

    def terms(comparison: Array) -> Terms:
        return Terms(part.samples, comparison, theirs - comparison, layout.checked)

    def better(comparison: Array, tables: Array) -> Array:
        """Of every kind the table that costs her least; the first of those that cost the same."""
        tables = jnp.concatenate([comparison[None], jnp.where(changing, jnp.minimum(tables, theirs), comparison)])
        values = jax.vmap(lambda table: _value(shape, crowd, layout, terms(table)))(tables)
        return jnp.take_along_axis(tables, jnp.argmin(values, axis=0)[None, :, None], axis=0)[0]

    def turn(number: Array, comparison: Array) -> Array:
        """Try other numbers of points for one distribution."""
        here = (jnp.arange(theirs.shape[1]) == number % theirs.shape[1])[None, :]
        tables = jnp.clip(_near(comparison), 1.0, jnp.maximum(theirs, 1.0))
        return better(comparison, jnp.where(here, tables, comparison))

    best = better(begun, jnp.maximum(begun, jnp.asarray(_LEAST)[:, None, None]))
    best = jax.lax.fori_loop(0, _SWEEPS * theirs.shape[1], turn, best)
    return settled_candidate(shape, crowd, terms(best), layout, Origin.LINKED)


def _near(comparison: Array) -> Array:
    """Numbers of points to try instead of these."""
    up, down = jnp.round(1.3 * comparison), jnp.round(comparison / 1.3)
    return jnp.stack([2 * comparison, jnp.round(comparison / 2), up, down, comparison + 1, comparison - 1])


def _value(shape: "_Enough", crowd: Crowd, layout: Layout, terms: Terms) -> Array:
    """Penalties by kind, ∞ where something that a design needs is not so."""
    found = shape.settle(terms, crowd.stake)
    room = jnp.all(slacks(crowd, layout, shape, terms, found) > 0, axis=-1)
    good = (crowd.weight <= 0) | (room & (found.residual < SETTLED))
    return jnp.where(good, found.penalty, jnp.inf)


class _Enough:
    """A rule in whole samples: whoever gets all that she can get compares whole numbers of points."""

    def __init__(self, shape: Shape, unit: Array) -> None:
        self.shape, self.unit = shape, unit
        self.lanes = shape.lanes
        self.honest, self.temptations = shape.honest, shape.temptations

    def settle(self, terms: Terms, stake: Stake) -> Settled:
        """One more sample, which counts u, pays if T (T + u) < e/c."""
        found, given = self.shape.settle(terms, stake), terms.comparison
        free = ~terms.checked & (terms.rest <= 0) & (given > 0)
        if stake.least is not None and stake.most is not None:
            given = given + terms.samples
            least = given * (given - self.unit)
            full = (terms.samples >= stake.most) & (stake.finite_costs * least <= stake.error * (1 + SETTLED))
            free &= ~full
            found = found._replace(spare=jnp.where(full & (terms.rest <= 0) & ~terms.checked, -1.0, found.spare))
        enough = stake.finite_costs * given * (given + self.unit) >= stake.error * (1 - SETTLED)
        return found._replace(spare=jnp.where(free, jnp.where(enough, 1.0, -1.0), found.spare))
