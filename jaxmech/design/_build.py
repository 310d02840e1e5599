"""From a candidate to a design, agent by agent, and what it brings on data sets; a pure kernel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._tolerances import tolerances
from jaxmech._types import Array
from jaxmech.collaboration import Problem, Role
from jaxmech.design._carried_out import carried_out
from jaxmech.design._ellipsoid import Ellipsoid
from jaxmech.design._kinds import Candidate, Kinds
from jaxmech.design._linked import Threshold
from jaxmech.design._plan import Design, Rule, alike
from jaxmech.design._table import Table
from jaxmech.design._terms import Shape, Stake, Terms


class Told(NamedTuple):
    """What a design is compared with: the best published mechanism, its social penalty, and the family's bound."""

    rival: Array
    published: Array
    family: Array


def build(problem: Problem, kinds: Kinds, candidate: Candidate, told: Told, rule: Rule) -> Design:
    """Return the design of a candidate.

    Args:
        problem: the problem.
        kinds: the kind of each agent.
        candidate: by kind.
        told: what it is compared with.
        rule: its noise.
    """
    inside = alike(problem)
    dtype, unit = problem.costs.dtype, inside.precision
    names = ("samples", "comparison", "rest", "level", "success", "penalty", "alone", "checked")
    own = _without_crumbs(candidate._replace(**{name: getattr(candidate, name)[kinds.kind] for name in names}))
    safe_n, safe_z = (jnp.where(own.checked, part, 1.0) for part in (own.samples, own.comparison))
    spread = inside.sigma * jnp.sqrt(1 / safe_n + 1 / safe_z)
    role = jnp.where(own.alone, Role.ALONE, jnp.where(own.checked, Role.CHECKED, Role.RECEIVES))
    return Design(
        samples=(own.samples if unit is None else own.samples / unit).astype(dtype),
        comparison=own.comparison.astype(dtype),
        rest=own.rest.astype(dtype),
        limit=jnp.where(own.checked, own.level * spread, jnp.inf).astype(dtype),
        role=role.astype(jnp.int32),
        rule=jax.tree.map(lambda leaf: leaf.astype(dtype), rule),
        failure=jnp.where(own.rest > 0, 1 - own.success, 0.0).astype(dtype),
        penalty=own.penalty.astype(dtype),
        social_penalty=jnp.sum(own.penalty).astype(dtype),
        published=told.published.astype(dtype),
        family=told.family.astype(dtype),
        linked=own.linked,
        ellipsoid=own.ellipsoid,
        origin_code=own.origin,
        rival_code=told.rival,
        precision=unit,
    )


def _without_crumbs(own: Candidate) -> Candidate:
    """The same with all clean where the rest is but rounding: the mean of a billionth of a point is not known."""
    crumb = own.rest <= tolerances(own.rest.dtype).eps ** 0.5 / 100 * own.comparison
    return own._replace(
        comparison=jnp.where(crumb, own.comparison + own.rest, own.comparison), rest=jnp.where(crumb, 0.0, own.rest)
    )


def shape_of(rule: Rule, kept: Array | float | None) -> Shape:
    """A rule as the search knows it: a threshold that leaves so much to who fails, or any other if that is None."""
    return Table(rule) if kept is None else Threshold(jnp.asarray(kept, rule.variance.dtype))


def departure_of(problem: Problem, kept: Array | float | None, design: Design, *, exactly: bool = False) -> Array:
    """By how much what agents pay differs from what they are promised, relatively, at most.

    Args:
        problem: the problem.
        kept: see :func:`shape_of`.
        design: the design.
        exactly: with numbers of points as they stand, instead of those that data sets have.
    """
    made, shape = design if exactly else carried_out(design), shape_of(design.rule, kept)
    told = alike(problem)
    stake = Stake(told.costs, jnp.broadcast_to(told.price * told.sigma**2, told.shape))
    n, z = (jnp.where(made.checked, part, 1.0) for part in (made.equivalent, made.comparison))
    level = made.limit / told.sigma * jnp.sqrt(n * z / (n + z))
    terms = Terms(made.equivalent, made.comparison, made.rest, made.checked)

    def column(terms: Terms, level: Array, costs: Array, error: Array) -> Array:
        one = jax.tree.map(lambda leaf: leaf[:, None], (terms, level, costs, error))
        return shape.honest(one[0], Stake(*one[2:]), one[1])

    apart = jax.vmap(column, in_axes=(1, 1, 1, 1))(terms, level, stake.costs, stake.error).sum(axis=0)
    paid = jnp.where(made.linked, shape.honest(terms, stake, level), apart)
    if kept is not None and made.ellipsoid is not None:
        inside = Ellipsoid(jnp.asarray(kept, design.rule.variance.dtype))
        paid = jnp.where(made.ellipsoid, inside.honest(terms, stake, level), paid)
    lost = jnp.any(made.checked & (made.comparison <= 0), axis=1)
    if problem.capacity is not None:
        lost |= ~problem.capacity.allows(problem.costs, made.samples)
    paid, promised = jnp.where(lost, jnp.inf, paid), design.penalty
    # who needs nothing pays nothing, and keeps it
    gap = jnp.where((paid == 0) & (promised == 0), 0.0, jnp.abs(paid / promised - 1))
    return jnp.max(jnp.where(jnp.isnan(gap), jnp.inf, gap))


def blank(leaf: Array) -> Array:
    """NaN instead of numbers; codes as they are."""
    return jnp.full_like(leaf, jnp.nan) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
