"""Candidates for a design: a rule one distribution at a time, linked thresholds, and the trivial alternative.

A pure kernel: it jits, and vmaps over instances.
"""

from functools import partial

import jax
import jax.numpy as jnp

from jaxmech._types import Array
from jaxmech.collaboration import Role
from jaxmech.design._box import at_bounds, safe_within, unchecked
from jaxmech.design._descent import SETTLED, Ends, Plan, Start, best, rank, search, slacks, total_penalty
from jaxmech.design._ellipsoid import Ellipsoid
from jaxmech.design._family import Choices, Dual, Shares, dual
from jaxmech.design._kinds import Candidate, Kinds
from jaxmech.design._linked import Threshold, error_of
from jaxmech.design._plan import Origin, Rule
from jaxmech.design._published import Rivals
from jaxmech.design._starts import (
    cycled,
    from_amounts,
    from_columns,
    from_costs,
    from_shares,
    from_thresholds,
    join,
    stack,
    with_the_cheapest_alone,
)
from jaxmech.design._table import Table
from jaxmech.design._terms import Crowd, Layout, Shape, Stake, Terms, terms_of
from jaxmech.design._wishes import Bounds
from jaxmech.mechanism import Capacity

_COLUMN_STARTS, _COLUMN = 18, Plan(lanes=6, steps=150, more=150)
_LINKED_STARTS, _LINKED = 12, Plan(lanes=4, steps=150, more=400)
_SHAPED_STARTS, _SHAPED = 2, Plan(lanes=2, steps=150, more=0)
_LINKED_KEPT = 6
_FROM_PLANS, _FROM_SHARES = 2, 4
BY_KIND = ("samples", "comparison", "rest", "level", "success", "penalty", "alone", "checked")
"""What of a candidate is told kind by kind."""
_RIVALS = 4
"""Plans that a search knows at least: with fewer the last one counts again, so that programs are the same."""


def candidates(
    kinds: Kinds, rivals: Rivals, table: Choices, rule: Rule | None, bounds: Bounds
) -> tuple[Candidate, Dual]:
    """Return candidates on a leading axis, solved ones at finite social penalties, and the duals by distribution.

    The search has an order of its own, by costs, and units, the largest cost and the largest error, so that it depends
    on those of the problem no more than rounding does: descents that begin next to each other may end apart.

    Args:
        kinds: who takes part.
        rivals: published plans, for starts.
        table: the best thresholds of one agent.
        rule: the noise, one distribution at a time; a threshold, linked too where that is allowed, if None.
        bounds: that are wished for.
    """
    order = jnp.lexsort((*jnp.concatenate([kinds.costs, kinds.error], axis=1).T[::-1], kinds.weight <= 0))
    back = jnp.argsort(order)
    limits = kinds.limits
    if limits is not None:
        rows = jnp.concatenate([kinds.costs, kinds.error, limits.most, limits.least], axis=1)
        order = jnp.lexsort((*rows.T[::-1], kinds.weight <= 0))
        back = jnp.argsort(order)
    there = jnp.isfinite(kinds.costs) & (kinds.weight[:, None] > 0)
    largest = jnp.max(jnp.where(there, kinds.costs, 0.0)), jnp.max(kinds.error)
    cost, error = (jnp.where(unit > 0, unit, 1.0) for unit in largest)  # nobody who can measure, or needs, is no unit
    points, penalty = jnp.sqrt(error / cost), jnp.sqrt(error * cost)
    who = kinds.weight[order], jnp.arange(len(order)), kinds.unit[order]
    if limits is not None:
        limits = Capacity(limits.most[order] / points, limits.least[order] / points, limits.budget[order])
    inside = Kinds(kinds.costs[order] / cost, kinds.error[order] / error, *who, limits)
    samples, role = (part[:, order] for part in kinds_tables(kinds, rivals))
    plans = Rivals(samples / points, role, rivals.social / penalty, rivals.code)
    found, duals = _in_order(inside, plans, table, rule, bounds)
    tables = {name: getattr(found, name)[:, back] for name in BY_KIND}
    counts = {name: points * tables[name] for name in ("samples", "comparison", "rest")}
    found = found._replace(**{**tables, **counts}, social=penalty * found.social)
    found = found._replace(penalty=penalty * found.penalty)
    if kinds.limits is not None:
        found = found._replace(samples=at_bounds(kinds.limits, found.samples))
    shares = Shares(points * duals.shares.samples[..., back], *(part[..., back] for part in duals.shares[1:]))
    return found, Dual(penalty * duals.estimate, points * duals.totals, cost * duals.slopes, shares)


def _in_order(
    kinds: Kinds, rivals: Rivals, table: Choices, rule: Rule | None, bounds: Bounds
) -> tuple[Candidate, Dual]:
    crowd, threshold = kinds.crowd(bounds), Threshold(jnp.asarray(bounds.kept, kinds.weight.dtype))
    columns = _columns(crowd)
    bounds_of = None if kinds.limits is None else (kinds.limits.least, kinds.limits.most)
    parts = table, kinds.costs, kinds.weight, kinds.error, bounds_of
    duals = jax.vmap(dual, in_axes=(None, 1, None, 1, 1))(*parts)
    plans = kinds_tables(kinds, rivals)
    starts = jax.vmap(_column_starts, in_axes=(0, 0, 2))(columns, duals.shares, plans)
    ends = jax.vmap(partial(_best_end, threshold, plan=_COLUMN))(columns, starts)
    if rule is not None:
        return _shaped(kinds, columns, ends, Table(rule)), duals
    first = _side_by_side(threshold, columns, ends, Origin.THRESHOLDS)
    alternative = safe(kinds) if kinds.limits is None else safe_within(kinds)
    found = [jax.tree.map(lambda leaf: leaf[None], part) for part in (first, alternative)]
    if bounds.linked and kinds.costs.shape[1] > 1:
        found.insert(1, _linked(threshold, crowd, first))
    every = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *found)
    return (with_ellipsoids(Ellipsoid(threshold.kept), crowd, every) if bounds.ellipsoid else every), duals


def with_ellipsoids(shape: Shape, crowd: Crowd, found: Candidate) -> Candidate:
    """Candidates, and after them as many in ellipsoids: linked thresholds with the same amounts; ∞ for all others.

    Amounts of their own would gain next to nothing more: 0.01 % for ten equal agents and three distributions.
    """

    def inside(box: Candidate) -> Candidate:
        origin = int(Origin.ELLIPSOID) + box.origin // int(Origin.WHOLE) * int(Origin.WHOLE)
        made = settled_candidate(shape, crowd, box.terms, Layout(box.alone, box.checked), origin)
        usable = box.linked & jnp.isfinite(box.social)
        return made._replace(social=jnp.where(usable, made.social, jnp.inf), linked=box.linked)

    again = jax.vmap(inside)(found)
    flags = (jnp.full(found.social.shape, flag) for flag in (False, True))
    both = (part._replace(ellipsoid=flag) for part, flag in zip((found, again), flags, strict=True))
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *both)


def without_ellipsoids(found: Candidate) -> Candidate:
    """Return the first half: those from which :func:`with_ellipsoids` made the others."""
    half = len(found.social) // 2
    first: Candidate = jax.tree.map(lambda leaf: leaf[:half], found._replace(ellipsoid=None))
    return first


def kinds_tables(kinds: Kinds, rivals: Rivals) -> tuple[Array, Array]:
    """Amounts and roles of published plans by kind of agent, (rivals, kinds, distributions); nothing where none is."""
    samples = jnp.where(jnp.isfinite(rivals.social)[:, None, None], rivals.samples, 0.0)
    return jax.vmap(kinds.of_agents)(samples), jax.vmap(kinds.of_agents)(rivals.role)


def among_kinds(kinds: Kinds, rivals: Rivals) -> Rivals:
    """Published plans by kind of agent instead of by agent, :data:`_RIVALS` of them at least."""
    samples, role = kinds_tables(kinds, rivals)
    plans = rivals._replace(samples=samples, role=role)
    missing = max(_RIVALS - len(rivals.code), 0)
    padded: Rivals = jax.tree.map(lambda leaf: jnp.concatenate([leaf, *[leaf[-1:]] * missing]), plans)
    return padded


def _columns(crowd: Crowd) -> Crowd:
    """One distribution each, on a leading axis."""

    def column(stake: Stake) -> Crowd:
        return Crowd(jax.tree.map(lambda leaf: leaf[:, None], stake), crowd.weight, crowd.fails)

    every: Crowd = jax.vmap(column, in_axes=1)(crowd.stake)
    return every


def _column_starts(crowd: Crowd, shares: Shares, plans: tuple[Array, Array]) -> Start:
    """Starts for one distribution: from the dual, also with the cheapest alone, and from published plans."""
    dual_starts = from_shares(crowd, shares)
    few = jax.tree.map(lambda leaf: leaf[:_FROM_SHARES], dual_starts)
    samples, role = (part[..., None] for part in plans)
    known = [
        from_amounts(crowd, amounts, (code == Role.ALONE) & (amounts > 0), 1.0)
        for amounts, code in zip(samples[:_FROM_PLANS], role[:_FROM_PLANS], strict=True)
    ]
    return cycled(join(dual_starts, with_the_cheapest_alone(crowd, few), stack(*known)), _COLUMN_STARTS)


def _best_end(shape: Shape, crowd: Crowd, starts: Start, *, plan: Plan) -> Ends:
    return jax.tree.map(lambda leaf: leaf[0], best(search(shape, crowd, starts, plan), 1))


def _linked(shape: Shape, crowd: Crowd, first: Candidate) -> Candidate:
    """Linked thresholds, from several starts, the best few descended further; on a leading axis."""
    layout = Layout(first.alone, first.checked)  # who collects all she can is found again from what she collects
    starts = from_columns(crowd, first.samples, first.comparison, layout)
    more = from_costs(shape, crowd, _LINKED_STARTS - len(starts.layout.alone))
    ends = best(search(shape, crowd, join(starts, more), _LINKED), _LINKED_KEPT)
    return jax.vmap(lambda end: candidate(shape, crowd, end, Origin.LINKED))(ends)


def _shaped(kinds: Kinds, columns: Crowd, ends: Ends, shape: Table) -> Candidate:
    """Designs with a rule of given shape, the roles those of the best thresholds; on a leading axis, the best first."""

    def column(crowd: Crowd, end: Ends) -> Ends:
        terms, layout = terms_of(crowd, *end.start), end.start.layout
        starts = from_thresholds(crowd, terms.samples, terms.comparison, layout)
        order = jnp.argsort(rank(shape, crowd, starts))[:_SHAPED_STARTS]
        chosen = jax.tree.map(lambda leaf: leaf[order], starts)
        return best(search(shape, crowd, chosen, _SHAPED), _SHAPED_STARTS)

    found = jax.vmap(column)(columns, ends)
    tables = [
        _side_by_side(shape, columns, jax.tree.map(lambda leaf, i=i: leaf[:, i], found), Origin.SHAPE)
        for i in range(_SHAPED_STARTS)
    ]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *tables)


def candidate(shape: Shape, crowd: Crowd, end: Ends, origin: Origin) -> Candidate:
    """The end of a descent in full."""
    terms, layout = terms_of(crowd, *end.start), end.start.layout
    return settled_candidate(shape, crowd, terms, layout, origin)._replace(social=end.social)


def settled_candidate(shape: Shape, crowd: Crowd, terms: Terms, layout: Layout, origin: Origin | Array) -> Candidate:
    """Terms with their levels and what follows; without room in a constraint the social penalty is ∞."""
    found = shape.settle(terms, crowd.stake)
    room = jnp.all(slacks(crowd, layout, shape, terms, found) > 0, axis=-1) & (found.residual < SETTLED)
    sound = jnp.all(room | (crowd.weight <= 0))
    return Candidate(
        samples=terms.samples,
        comparison=terms.comparison,
        rest=terms.rest,
        level=found.level,
        success=jnp.broadcast_to(found.success[..., None], terms.samples.shape),
        penalty=found.penalty,
        alone=layout.alone,
        checked=layout.checked,
        social=jnp.where(sound, total_penalty(crowd.weight, found.penalty), jnp.inf),
        linked=jnp.asarray(origin == Origin.LINKED),
        origin=jnp.asarray(origin, jnp.int32),
    )


def _side_by_side(shape: Shape, columns: Crowd, ends: Ends, origin: Origin) -> Candidate:
    """Ends for one distribution each, on a leading axis, as one candidate."""
    parts = jax.vmap(lambda crowd, end: candidate(shape, crowd, end, origin))(columns, ends)
    return together(parts, origin)


def together(parts: Candidate, origin: Origin | Array) -> Candidate:
    """Candidates for one distribution each, on a leading axis, as one."""
    tables = ("samples", "comparison", "rest", "level", "success", "alone", "checked")
    return Candidate(
        **{name: getattr(parts, name)[..., 0].T for name in tables},
        penalty=parts.penalty.sum(axis=0),
        social=parts.social.sum(),
        linked=jnp.asarray(False),
        origin=jnp.asarray(origin, jnp.int32),
    )


def safe(kinds: Kinds) -> Candidate:
    """Return the trivial alternative: the r cheapest work alone, the others receive, with the best r for each.

    Where accuracy is worth more to some, those are the cheapest whose cost is the smallest part of that.
    """
    stake, weight = Stake(kinds.costs, kinds.error), kinds.weight[:, None]
    unit, there = stake.alone, stake.wanting & (weight > 0)
    order = jnp.argsort(jnp.where(there, stake.costs_over_worth, jnp.inf), axis=0, stable=True)
    parts = (there, unit, weight, weight * kinds.error)
    usable, size, many, error = (
        jnp.take_along_axis(jnp.broadcast_to(part, unit.shape), order, axis=0) for part in parts
    )
    size, many, error = (jnp.where(usable, part, blank) for part, blank in ((size, 1.0), (many, 0.0), (error, 0.0)))
    total, working = jnp.cumsum(many * size, axis=0), jnp.cumsum(2 * error / size, axis=0)
    paid = working + (jnp.sum(weight * kinds.error, axis=0) - jnp.cumsum(error, axis=0)) / total
    best_place = jnp.argmin(jnp.where(usable, paid, jnp.inf), axis=0)
    alone = (jnp.argsort(order, axis=0) <= best_place) & there
    samples = jnp.where(alone, unit, 0.0)
    theirs = jnp.sum(weight * samples, axis=0)
    penalty = jnp.where(alone, 2 * kinds.error / jnp.where(alone, unit, 1.0), error_of(kinds.error, theirs)).sum(axis=1)
    return unchecked(kinds, samples, theirs, alone, penalty)
