"""Designs with other noise rules than thresholds, and the search for the best rule: it tends to a threshold."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._status import Solution, Status
from jaxmech._types import Array
from jaxmech.collaboration import Problem
from jaxmech.design._candidates import Candidate, Kinds, bound_in_whole_samples, joined, kinds_of, safe, side_by_side
from jaxmech.design._design import Told, build, first_that_holds
from jaxmech.design._improve import BARRIERS, guarded, others
from jaxmech.design._plan import Design, Rule
from jaxmech.design._published import best_published, published_plans
from jaxmech.design._rules import check_rule
from jaxmech.design._table_penalty import Deal, stationary_level, table_penalty
from jaxmech.design._threshold import chance
from jaxmech.design._whole import HOWS, whole_samples
from jaxmech.design._wishes import Wishes
from jaxmech.numerics import Minimum, minimise

_STEPS = 150
_DESCENTS = 2
_SIZES = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25)
_SHIFTS = (-2.0, -1.0, 0.0, 1.0, 2.0)
_STEPS_OF_RULES = 800
_FEWEST = 2
_LOWEST, _HIGHEST = 0.5, 2.0
_FIRST_NOISE = 5.0
_LARGEST_NOISE = 30.0
"""Logarithms of 1 + v."""


class Column(NamedTuple):
    """One distribution, arrays (kinds,) or numbers: who is there, what they lose, and who does what.

    Attributes:
        costs: of one point; ∞: cannot sample.
        error: price σ².
        weight: agents of each kind.
        fails: largest chance that an honest agent is beyond the limit.
        alone: who collects what is best for her and gets nothing.
        checked: who is asked for something and checked.
    """

    costs: Array
    error: Array
    weight: Array
    fails: Array
    alone: Array
    checked: Array

    def amounts(self, variables: Array) -> tuple[Array, Array]:
        """Turn log n and logit z/A, (2, kinds), into n and z."""
        able = jnp.isfinite(self.costs)
        own = jnp.where(able, jnp.sqrt(self.error / jnp.where(able, self.costs, 1.0)), 0.0)
        asked = jnp.where(self.checked, jnp.exp(jnp.clip(variables[0], -700, 80)), 0.0)
        samples = jnp.where(self.alone, own, asked)
        return samples, jax.nn.sigmoid(variables[1]) * self.theirs(samples)

    def theirs(self, samples: Array) -> Array:
        """Points of all others."""
        return jnp.maximum(jnp.sum(self.weight * samples) - samples, 0.0)


class Settled(NamedTuple):
    """What follows from amounts, by kind: D, τ, chance to be within the limit, penalty, and room in constraints."""

    comparison: Array
    rest: Array
    level: Array
    success: Array
    penalty: Array
    room: Array


def smooth_design(problem: Problem, rule: Rule, wishes: Wishes | None = None) -> Solution[Design]:
    """Return the best mechanism that the descent finds with a noise rule of this shape, proven.

    One distribution at a time; every agent has a limit of her own, so only the shape is given. Roles are those of the
    best thresholds; amounts and comparison sets are optimised anew, with exact gradients through the limits.

    Args:
        problem: the problem.
        rule: noise by the discrepancy, never falling.
        wishes: bounds; distributions are never linked.

    Returns:
        Solution around the design, OK if everything is proven, ALMOST if not. INFEASIBLE, with NaN, if no start has
        limits at which these roles are best responses. Amounts are rounded if they are not kept on whole data, as in
        :func:`design`. The residual is the largest gain left open, relatively.

    Raises:
        ProblemError: for a rule that falls, or has more noise than is wished for.

    Example:
        >>> from jaxmech.design import ramp_rule
        >>> equals = Problem(costs=[[1.0]] * 10, sigma=100.0)
        >>> found = smooth_design(equals, ramp_rule(0.3, 100.0)).raise_for_status().value
        >>> round(float(found.social_penalty) / (200 * 10**0.5), 3)  # a threshold: 1.214
        1.217
    """
    wishes, rule = wishes or Wishes(), check_rule(rule)
    if float(rule.variance[-1]) > wishes.noise:
        raise ProblemError("rule.variance", rule.variance[-1], f"is more noise than is wished for ({wishes.noise:g})")
    dtype = problem.costs.dtype
    rule = Rule(jnp.asarray(rule.discrepancy, dtype), jnp.asarray(rule.variance, dtype))
    kinds = kinds_of(problem)
    plans = [plan for plan, _ in published_plans(problem).values()]
    first, family = joined(problem, kinds, plans, wishes)
    made = _made(problem, rule, kinds, (first, family), wishes)
    found = first_that_holds(problem, (dataclasses.replace(one, rule=rule) for one in made))
    if found is not None:
        return found
    told = Told(*best_published(problem, whole=False), family)
    nothing = jax.tree.map(_blank, dataclasses.replace(build(problem, kinds, safe(kinds), told, wishes), rule=rule))
    return Solution(nothing, _code(Status.INFEASIBLE), jnp.asarray(jnp.inf), jnp.asarray(0, jnp.int32))


def _made(
    problem: Problem, rule: Rule, kinds: Kinds, begun: tuple[Candidate, float], wishes: Wishes
) -> Iterator[Design]:
    """The design in fractions, then in whole samples, as far as there are any."""
    first, family = begun
    columns = [_column(kinds, first, wishes, k) for k in range(problem.shape[1])]
    ends = [list(_ends(rule, column, first, k)) for k, column in enumerate(columns)]
    for whole in (True,) if wishes.whole else (False, True):
        parts = [_best(rule, kinds, *pair, whole=whole) for pair in zip(columns, ends, strict=True)]
        sound = [part for part in parts if part is not None]
        if len(sound) == len(parts):
            bound = bound_in_whole_samples(kinds, wishes) if whole and not wishes.whole else family
            told = Told(*best_published(problem, whole=whole), bound)
            yield build(problem, kinds, side_by_side(sound), told, wishes)


def _blank(leaf: Array) -> Array:
    return leaf * jnp.nan if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf


def best_rule(problem: Problem, entries: int = 12) -> Solution[Rule]:
    """Return the best monotone table for agents with equal costs, found without knowing what it should look like.

    Noise may jump at ``entries`` places between 1/2 and 2 limits; jumps, amounts and comparison sets are optimised
    together, from equal jumps in log(1 + v). All jumps but one die out: it tends to a threshold.

    Args:
        problem: with equal costs within each distribution, at least two agents.
        entries: where noise may jump; at least 2.

    Returns:
        Solution around the rule; the residual is the slope that is left, relatively.

    Raises:
        ProblemError: for costs that differ or are infinite, one agent, or too few entries.

    Example:
        >>> rule = best_rule(Problem(costs=[[1.0]] * 10, sigma=1.0), entries=4).value
        >>> bool(jnp.max(jnp.diff(jnp.log1p(rule.variance))) > 0.9 * jnp.log1p(rule.variance[-1]))
        True
    """
    costs = np.asarray(problem.costs, float)
    if not (np.isfinite(costs).all() and len(costs) > 1 and np.all(costs == costs[0])):
        raise ProblemError("costs", costs, "must be finite and equal for all of at least two agents")
    if not (isinstance(entries, int) and entries >= _FEWEST):
        raise ProblemError("entries", entries, f"must be a whole number, at least {_FEWEST}")
    # Amounts in n_IND, penalties in √(e c): the best shape depends on nothing but the number of agents.
    m, one = len(costs), jnp.ones(1)
    crowd = Column(one, jnp.asarray(1.0), m * one, jnp.asarray(1.0), one < 0, one > 0)
    places = jnp.asarray(np.geomspace(_LOWEST, _HIGHEST, entries))
    jumps = jnp.full(entries, np.log(_FIRST_NOISE / entries))
    starts = [
        jnp.concatenate([jnp.asarray([np.log(size / m**0.5), shift]), jumps])
        for size in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
        for shift in (-4.0, -3.0, *_SHIFTS)
    ]
    values = [float(_value_of_jumps(start, places, crowd)) for start in starts]
    found = _descend_jumps(starts[int(np.argmin(values))], places, crowd)
    rule = _of_jumps(found.point[2:], places)
    sound = bool(jnp.isfinite(found.value)) and int(found.steps) < _STEPS_OF_RULES
    return Solution(rule, _code(Status.OK if sound else Status.MAX_STEPS), found.slope, found.steps)


def settle(rule: Rule, column: Column, samples: Array, comparison: Array) -> Settled:
    """Return the levels that make amounts best responses, and what follows; room is negative where there are none."""
    able, theirs = jnp.isfinite(column.costs), column.theirs(samples)
    costs = jnp.where(able, column.costs, 1.0)
    clean = jnp.where(column.checked, comparison, jnp.where(column.alone, 0.0, theirs))
    rest = jnp.where(column.checked, theirs - comparison, 0.0)
    usable = column.checked & (clean > 0)
    asked, compared, more = (jnp.where(usable, part, 1.0) for part in (samples, clean, rest))
    deal = Deal(asked, compared, more, costs, jnp.broadcast_to(column.error, costs.shape))
    level = stationary_level(rule, deal)
    paid = table_penalty(rule, deal, level.level).value
    given = jnp.where(samples + clean > 0, samples + clean, 1.0)
    known = jnp.where(samples + clean > 0, column.error / given, jnp.inf)
    success = jnp.where(column.checked, chance(level.level), 1.0)
    receives = able & ~column.checked & ~column.alone
    room = jnp.stack(
        [
            jnp.where(column.checked & ~(level.found & usable), -1.0, 1.0),
            jnp.where(receives, 1 - column.error / (costs * given**2), 1.0),
            jnp.where(column.checked & (column.fails < 1), 1 - (1 - success) / column.fails, 1.0),
        ]
    )
    spent = jnp.where(samples > 0, costs * samples, 0.0)
    penalty = jnp.where(column.checked, paid, known + spent)
    return Settled(clean, rest, jnp.where(column.checked, level.level, jnp.inf), success, penalty, room)


def _social(rule: Rule, column: Column, variables: Array, barrier: Array | float) -> Array:
    """Social penalty with a barrier on what could bind; ∞ outside."""
    found = settle(rule, column, *column.amounts(variables))
    total = jnp.sum(jnp.where(column.weight > 0, column.weight * found.penalty, 0.0))
    return guarded(total, found.room, barrier)


@jax.jit
def _value(rule: Rule, column: Column, variables: Array) -> Array:
    return _social(rule, column, variables, BARRIERS[0])


@jax.jit
def _descend(rule: Rule, column: Column, variables: Array) -> Array:
    shape = variables.shape

    def stage(point: Array, barrier: Array) -> tuple[Array, None]:
        found = minimise(lambda vector: _social(rule, column, vector.reshape(shape), barrier), point, _STEPS)
        return found.point, None

    point, _ = jax.lax.scan(stage, variables.ravel(), jnp.asarray(BARRIERS, variables.dtype))
    end: Array = point.reshape(shape)
    return end


_settle = jax.jit(settle)


def _ends(rule: Rule, column: Column, first: Candidate, k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Amounts and comparison sets that a few descents end with."""
    starts = list(_starts(column, first, k))
    values = np.asarray([float(_value(rule, column, start)) for start in starts])
    for i in np.argsort(values)[:_DESCENTS]:
        if np.isfinite(values[i]):
            samples, comparison = column.amounts(_descend(rule, column, starts[i]))
            yield np.asarray(samples), np.asarray(comparison)


def _best(
    rule: Rule, kinds: Kinds, column: Column, ends: list[tuple[np.ndarray, np.ndarray]], *, whole: bool
) -> Candidate | None:
    """The best of some amounts, in whole numbers if that is wished for; None if no limits make them optimal."""
    if whole:
        ends = [_whole(kinds, column, amounts, how) for amounts in ends for how in HOWS]
    candidates = [_candidate(rule, column, samples, comparison) for samples, comparison in ends]
    sound = [candidate for candidate in candidates if np.isfinite(candidate.social)]
    return min(sound, key=lambda candidate: candidate.social) if sound else None


def _column(kinds: Kinds, first: Candidate, wishes: Wishes, k: int) -> Column:
    numbers = (kinds.costs[:, k], kinds.error[k], kinds.weight, wishes.failure)
    return Column(*(jnp.asarray(part, float) for part in numbers), *map(jnp.asarray, _roles(first, k)))


def _roles(first: Candidate, k: int) -> tuple[np.ndarray, np.ndarray]:
    return first.alone[:, k], first.checked[:, k]


def _starts(column: Column, first: Candidate, k: int) -> Iterator[Array]:
    """The thresholds' amounts and smaller ones, with larger and smaller comparison sets."""
    checked = np.asarray(column.checked)
    samples = np.where(checked, first.samples[:, k], 1.0)
    theirs = np.asarray(column.theirs(jnp.asarray(first.samples[:, k])))
    share = np.where(checked, first.comparison[:, k] / np.where(theirs > 0, theirs, 1.0), 0.5)
    share = np.clip(share, 1e-5, 0.95)
    for size in _SIZES:
        for shift in _SHIFTS:
            yield jnp.asarray([np.log(size * samples), np.log(share) - np.log1p(-share) + shift])


def _whole(
    kinds: Kinds, column: Column, amounts: tuple[np.ndarray, np.ndarray], how: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers near n and z."""
    samples, comparison = (part[:, None] for part in amounts)
    roles = np.asarray(column.alone)[:, None], np.asarray(column.checked)[:, None]
    whole = whole_samples(kinds, samples, roles, how)
    theirs = others(kinds.weight, whole)
    return whole[:, 0], np.minimum(np.maximum(np.round(comparison), 1.0), theirs)[:, 0]


def _candidate(rule: Rule, column: Column, samples: np.ndarray, comparison: np.ndarray) -> Candidate:
    found = jax.tree.map(np.asarray, _settle(rule, column, jnp.asarray(samples), jnp.asarray(comparison)))
    weight, checked = np.asarray(column.weight), np.asarray(column.checked)
    social = np.sum(np.where(weight > 0, weight * found.penalty, 0.0)) if (found.room > 0).all() else np.inf
    return Candidate(
        samples=samples[:, None],
        comparison=found.comparison[:, None],
        rest=found.rest[:, None],
        level=found.level[:, None],
        success=found.success[:, None],
        penalty=found.penalty,
        alone=np.asarray(column.alone)[:, None],
        checked=checked[:, None],
        social=float(social),
        linked=False,
        origin="a noise rule of given shape, one distribution at a time",
    )


def _of_jumps(jumps: Array, places: Array) -> Rule:
    """A rule of steps from the logarithms of its jumps in log(1 + v)."""
    height = jnp.minimum(jnp.cumsum(jnp.exp(jnp.minimum(jumps, 5.0))), _LARGEST_NOISE)
    before = jnp.concatenate([jnp.zeros(1), height[:-1]])
    both = jnp.stack([before, height], axis=1).ravel()
    zero = jnp.zeros(1)
    return Rule(jnp.concatenate([zero, jnp.repeat(places, 2)]), jnp.concatenate([zero, jnp.expm1(both)]))


@jax.jit
def _value_of_jumps(vector: Array, places: Array, crowd: Column) -> Array:
    return _social(_of_jumps(vector[2:], places), crowd, vector[:2, None], 0.0)


@jax.jit
def _descend_jumps(vector: Array, places: Array, crowd: Column) -> Minimum:
    return minimise(lambda point: _value_of_jumps(point, places, crowd), vector, _STEPS_OF_RULES)


def _code(status: Status) -> Array:
    return jnp.asarray(status, jnp.int32)
