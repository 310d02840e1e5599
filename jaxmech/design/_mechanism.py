"""The mechanism that carries out a design: compare, then return the rest as noisy as the rule says."""

import dataclasses
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np

from jaxmech._extremes import highest
from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, ArrayLike, Codes, Distributions
from jaxmech.collaboration import Problem, Role
from jaxmech.design._carried_out import is_whole
from jaxmech.design._plan import Design, Rule, alike
from jaxmech.mechanism import (
    CLAIMS,
    Drawn,
    Guarantee,
    Information,
    Stakes,
    Statistics,
    Strategy,
    Submission,
    Target,
    draw_means,
    draw_points,
    of_others,
    split_points,
)

if TYPE_CHECKING:
    from jaxmech.design._following import Following


@pytree
@dataclasses.dataclass(frozen=True)
class Designed:
    """Noise by a table of the discrepancy, one distribution at a time or linked.

    Of data sets, |Z| and |Z'| are rounded to whole numbers, |Z| to at least 1 where somebody is checked.

    Attributes:
        samples: recommended amounts n*.
        comparison: |Z|.
        rest: |Z'|.
        limit: t; ∞ where nothing is checked.
        role: :class:`~jaxmech.collaboration.Role` codes.
        rule: the noise.
        variance: σ² of a data point.
        promised: penalties that are proven for compliant agents.
        least: what no strategy can pay less than, as proven by :func:`~jaxmech.design.prove`.
        proven_for: costs, price and σ for which it was proven, in one table per row (3, agents, distributions); within
            limits most, least and budget, too (6, agents, distributions).
        linked: whether the largest of all discrepancies counts for every distribution.
        whole: whether all numbers of points are whole, and what is proven holds for whole numbers.
        design: that it carries out, for what is efficient; None inside transformations.
        companions: (values, values) on which values the rest of each hangs if linked, where one draw measures several;
            None: on all.
        precision: how many of the points in which all amounts are counted one of an agent's own counts, where agents
            differ in precision. Counts of statistics are in equivalent points, data sets hold everybody's own.
        ellipsoid: whether instead of the largest of linked discrepancies the root of the sum of their squares counts;
            None: it does not.
    """

    samples: Amounts
    comparison: Amounts
    rest: Amounts
    limit: Amounts
    role: Codes
    rule: Rule
    variance: Distributions
    promised: Agents
    least: Agents
    proven_for: Array
    linked: Array
    whole: bool = dataclasses.field(metadata={"static": True})
    design: Design | None = dataclasses.field(default=None, metadata={"label": None})
    companions: Array | None = None
    precision: Amounts | None = None
    ellipsoid: Array | None = None

    @property
    def claims(self) -> tuple[str, ...]:
        """Everything."""
        return CLAIMS

    @property
    def any_law(self) -> bool:
        """What grows with discrepancies rests on normal data."""
        return False

    def target(self, stakes: Stakes) -> Target | None:
        """Return the best published mechanism; None without a design."""
        del stakes
        if self.design is None:
            return None
        return Target(float(self.design.published), 1.0, f"that of {self.design.rival}")

    @property
    def recommended(self) -> Strategy:
        """Collect the recommended amounts."""
        return Strategy(self.samples)

    @property
    def clean_others(self) -> Amounts:
        """|Z|: all of the others' points where she receives, none where she is alone."""
        alone = self.role == Role.ALONE
        return jnp.where(alone, 0.0, jnp.minimum(self.comparison, of_others(self.samples)))

    def respond(self, submission: Submission | Statistics, key: Array) -> Information:
        """Return |Z| points clean, and |Z'| with independent noise of the variance that the rule says.

        Who submits nothing where she is checked has an infinite discrepancy.
        """
        total = self.comparison + self.rest
        if isinstance(submission, Statistics):
            return self.sort_out(submission, draw_means(submission, self.comparison, total, self.variance, key))
        if self.precision is not None:
            drawn = split_points(submission, self.comparison, total, self.variance, key, self.precision)
            return self.sort_out(submission.in_equivalent_points(self.precision), drawn)
        whole = jnp.round(self.comparison)
        clean = jnp.where(self._checked, jnp.maximum(whole, 1.0), whole)
        drawn = draw_points(submission, clean, jnp.round(total), key)
        return self.sort_out(submission.statistics, drawn)

    def respond_to(self, agent: Array, own: Statistics, others: Array) -> Information:
        """Return what one agent gets back if the others are honest; the noisy mean is left at 0."""
        names = ("samples", "comparison", "rest", "limit", "role", "promised", "least")
        row = dataclasses.replace(self, precision=None, **{name: getattr(self, name)[agent][None] for name in names})
        available = of_others(self.samples)[agent][None]
        clean = jnp.minimum(row.comparison, available)
        rest = jnp.minimum(row.rest, available - clean)
        nothing = jnp.zeros_like(others)
        return row.sort_out(own, Drawn(available, others, clean, others, rest, nothing, noise=nothing))

    def guarantee(self, stakes: Stakes) -> Guarantee:
        """Return what was proven when the design was certified; nothing for other costs, prices or σ."""
        context: tuple[Array, ...] = (stakes.costs, stakes.price, stakes.sigma)
        if len(self.proven_for) > len(context):
            context = (*context, *_bounds(stakes))
        theirs = jnp.stack(jnp.broadcast_arrays(*context))
        slack = tolerances(theirs.dtype).condition
        same = jnp.all(
            (theirs == self.proven_for)
            | (jnp.abs(theirs - self.proven_for) <= slack * jnp.where(jnp.isfinite(theirs), jnp.abs(theirs), 1.0))
        )
        return Guarantee(self.promised, jnp.where(same, self.least, -jnp.inf), self.samples)

    @property
    def _checked(self) -> Array:
        return jnp.isfinite(self.limit)

    def _together(self, apart: Array) -> Array:
        """The largest of all discrepancies that count for each distribution, or in an ellipsoid their norm."""
        counted = apart[..., None, :] if self.companions is None else jnp.where(self.companions, apart[..., None, :], 0)
        largest = highest(counted, -1)
        if self.ellipsoid is None:
            return largest
        squares = jnp.sum(counted**2, axis=-1)
        some = squares > 0  # the root has no slope at 0
        return jnp.where(self.ellipsoid, jnp.where(some, jnp.sqrt(jnp.where(some, squares, 1.0)), 0.0), largest)

    def sort_out(self, own: Statistics, drawn: Drawn) -> Information:
        """Return what each agent gets back of what was drawn for her.

        Args:
            own: what she hands in.
            drawn: of the others' data.
        """
        alone = self.role == Role.ALONE
        apart = jnp.abs(own.mean - drawn.clean_mean) / jnp.where(self._checked, self.limit, 1.0)
        apart = jnp.where(self._checked, jnp.where(own.count > 0, apart, jnp.inf), 0.0)
        apart = jnp.where(self.linked, self._together(apart), apart)
        added = noise_at(self.rule, apart) * self.variance
        released = ~alone & jnp.isfinite(added) & (drawn.rest_count > 0)
        safe = jnp.where(released, added, 0.0)
        spread = jnp.sqrt(safe / jnp.where(released, drawn.rest_count, 1.0))
        clean = jnp.where(alone, 0.0, drawn.clean_count)
        both = own.count + clean
        mixed = (own.count * own.mean + clean * drawn.clean_mean) / jnp.where(both > 0, both, 1.0)
        return Information(
            clean_count=both,
            clean_mean=jnp.where(both > 0, mixed, 0.0),
            noisy_count=jnp.where(released, drawn.rest_count, 0.0),
            noisy_mean=jnp.where(released, drawn.rest_mean + spread * drawn.noise, 0.0),
            noisy_variance=jnp.where(released, self.variance + safe, self.variance),
        )


def _bounds(stakes: Stakes | Problem) -> tuple[Array, Array, Array]:
    """What agents can and must collect, and can spend, by distribution."""
    if stakes.capacity is None:
        endless = jnp.full_like(stakes.costs, jnp.inf)
        return jnp.where(stakes.costs == jnp.inf, 0.0, endless), jnp.zeros_like(endless), endless
    capacity = stakes.capacity
    return capacity.most, capacity.least, jnp.broadcast_to(capacity.budget[:, None], stakes.costs.shape)


def noise_at(rule: Rule, apart: Array) -> Array:
    """Return η²/σ² at these discrepancies: linear between entries, left-continuous at jumps, ∞ from a finite entry on.

    Source: this package.

    Example:
        >>> rule = Rule(jnp.array([0.0, 1.0, 1.0]), jnp.array([0.0, 0.0, jnp.inf]))
        >>> noise_at(rule, jnp.array([0.5, 1.0, 1.5])).tolist()
        [0.0, 0.0, inf]
    """
    places, values = rule.discrepancy, rule.variance
    right = jnp.searchsorted(places, apart, side="left")
    inside = (right > 0) & (right < len(places))
    low, high = jnp.clip(right - 1, 0, len(places) - 1), jnp.clip(right, 0, len(places) - 1)
    width = jnp.where(inside, places[high] - places[low], 1.0)
    part = jnp.where(inside, (apart - places[low]) / jnp.where(width > 0, width, 1.0), 0.0)
    finite = jnp.isfinite(values[low]) & jnp.isfinite(values[high])
    start, end = jnp.where(finite, values[low], 0.0), jnp.where(finite, values[high], 0.0)
    between = jnp.where(finite, start + part * (end - start), jnp.inf)
    # left of the first entry its value holds, right of the last entry that one's; at an entry, the entry's
    at_entry = jnp.where(part >= 1, values[high], between)
    first_there = jnp.where(right < len(places), jnp.where(places[high] == apart, values[high], at_entry), values[-1])
    return jnp.where(right == 0, values[0], jnp.where(inside, first_there, values[-1]))


def designed_mechanism(problem: Problem, design: Design, least: ArrayLike | None = None) -> "Designed | Following":
    """Return the mechanism that carries out a design; of limits that follow the data, the one that takes them from it.

    Args:
        problem: the problem.
        design: from :func:`~jaxmech.design.design`.
        least: proven lower bounds of what any strategy pays, from :func:`~jaxmech.design.proven_least`; computed if it
            is not given.

    Source: this package; the protocol is that of :mod:`jaxmech.mechanism`.
    """
    from jaxmech.design._following import Following
    from jaxmech.design.proof import proven_least

    told = alike(problem)
    proven = proven_least(problem, design) if least is None else least
    context: tuple[Array, ...] = (told.costs, told.price, told.sigma)
    if problem.capacity is not None:
        context = (problem.costs, told.price, told.sigma, *_bounds(problem))
    designed = Designed(
        samples=design.equivalent,
        comparison=design.comparison,
        rest=design.rest,
        limit=design.limit,
        role=design.role,
        rule=design.rule,
        variance=told.sigma**2,
        promised=design.penalty,
        least=jnp.asarray(np.asarray(proven), problem.costs.dtype),
        proven_for=jnp.stack([jnp.broadcast_to(table, told.shape) for table in context]),
        linked=design.linked,
        ellipsoid=design.ellipsoid,
        whole=is_whole(design),
        design=design,
        precision=told.precision,
    )
    if design.calibration is None:
        return designed
    return Following(designed, design.calibration, design.freedom)
