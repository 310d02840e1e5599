"""Where descents begin: who does what, from the dual of one distribution, from plans, and from costs; a pure kernel."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.design._box import fitted
from jaxmech.design._descent import Start, rank
from jaxmech.design._family import Shares
from jaxmech.design._terms import Crowd, Layout, Shape, Variables, others

_POWERS = (1.0, 2.0, 4.0)
_SUPPLIERS = (2, 3, 4, 6, 10, 10**9)
_SIZES = (1.0, 0.8, 0.6, 0.45)
_RATIOS = (1.0, 2.0, 4.0)
_CLEAN = (0.1, 0.3, 0.6)
_IDLE = 0.3
_SMALLER = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25)
_SHIFTS = (-2.0, -1.0, 0.0, 1.0, 2.0)


def stack(*starts: Start) -> Start:
    """Starts on a leading axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)


def join(*starts: Start) -> Start:
    """Stacks of starts, one after the other."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *starts)


def cycled(starts: Start, count: int) -> Start:
    """As many starts, from the first one again where there are fewer."""
    there = len(starts.layout.alone)
    return jax.tree.map(lambda leaf: leaf[np.arange(count) % there], starts)


def from_shares(crowd: Crowd, shares: Shares) -> Start:
    """Starts for one distribution, as the dual has them, on a leading axis."""

    def one(shares: Shares) -> Start:
        samples, share, alone = (part[:, None] for part in shares)
        return _start(crowd, alone, (samples > 0) & ~alone, samples, jnp.clip(share, 1e-5, 0.95))

    starts: Start = jax.vmap(one)(shares)
    return starts


def with_the_cheapest_alone(crowd: Crowd, starts: Start) -> Start:
    """The same with one of the cheapest agents alone; for one distribution."""
    costs = jnp.where(crowd.weight == 1, crowd.stake.costs_over_worth[:, 0], jnp.inf)
    chosen = (jnp.arange(len(costs)) == jnp.argmin(costs))[:, None]

    def one(layout: Layout) -> Layout:
        full = None if layout.full is None else layout.full & ~chosen
        return Layout(layout.alone | chosen, layout.checked & ~chosen, full)

    return starts._replace(layout=jax.vmap(one)(starts.layout))


def from_amounts(crowd: Crowd, samples: Array, alone: Array, ratio: float) -> Start:
    """A start from amounts, with ``ratio`` points in the comparison for each of hers.

    Where some have no use for what they can measure, failing has to cost much: then idle agents get fewer the larger
    it is.
    """
    theirs, some = others(crowd.weight, samples), samples > 0
    idle = jnp.where(jnp.any(crowd.stake.able & (crowd.stake.error <= 0)), _IDLE / ratio**2, _IDLE)
    share = jnp.where(some, ratio * samples, idle * theirs) / jnp.where(theirs > 0, theirs, 1.0)
    return _start(crowd, alone, some & ~alone, samples, jnp.clip(share, 1e-6, 0.8))


def from_columns(crowd: Crowd, samples: Array, comparison: Array, layout: Layout) -> Start:
    """Starts of linked rules from what is best one distribution at a time; idle agents get more or less clean."""
    theirs = others(crowd.weight, samples)
    share = jnp.clip(comparison / jnp.where(theirs > 0, theirs, 1.0), 1e-6, 0.7)
    shares = [jnp.where(layout.checked, share, clean) for clean in _CLEAN]
    return stack(*(_start(crowd, layout.alone, layout.checked, samples, one) for one in shares))


def from_thresholds(crowd: Crowd, samples: Array, comparison: Array, layout: Layout) -> Start:
    """Starts of other rules from the best thresholds: the same amounts and smaller ones, more and fewer compared."""
    theirs = others(crowd.weight, samples)
    share = jnp.where(layout.checked, comparison / jnp.where(theirs > 0, theirs, 1.0), 0.5)
    first = _start(crowd, layout.alone, layout.checked, samples, jnp.clip(share, 1e-5, 0.95))
    log, logit = first.variables
    ways = itertools.product(_SMALLER, _SHIFTS)
    return stack(*(first._replace(variables=Variables(log + np.log(size), logit + shift)) for size, shift in ways))


def from_costs(shape: Shape, crowd: Crowd, count: int) -> Start:
    """Starts in which those who collect cheaply collect more, the best of each pattern of roles; the best first.

    Amounts are in proportion to c^(−p) among the j cheapest, with and without the cheapest alone, in all sizes.
    """
    stake = crowd.stake
    # who needs nothing can be made to collect nothing; else it may be what she does not need
    costs = jnp.where(jnp.any(stake.error > 0, axis=-1, keepdims=True), stake.costs, jnp.inf)
    cheapest = jnp.arange(len(costs))[:, None] == jnp.argmin(stake.costs_over_worth, axis=0)
    patterns = [_of_patterns(crowd, costs, cheapest & lone, len(costs) - lone) for lone in (False, True)]
    every = join(*patterns)
    number = len(every.layout.alone)
    tables = jax.tree.map(lambda leaf: jnp.reshape(leaf, (-1, *leaf.shape[2:])), every)
    values = rank(shape, crowd, tables).reshape(number, -1)
    pattern = jnp.argsort(values.min(axis=1))[np.arange(count) % number]
    place = values.argmin(axis=1)[pattern]
    return jax.tree.map(lambda leaf: leaf[pattern, place], every)


def _of_patterns(crowd: Crowd, costs: Array, alone: Array, most: int) -> Start:
    """Starts by costs with the same agents alone, (patterns, sizes), of up to so many suppliers.

    One pattern after the other, by one program: side by side, as many programs would be most of what a design compiles.
    """
    suppliers = sorted({min(j, most) for j in _SUPPLIERS} - {0})
    patterns = np.array(list(itertools.product(range(len(_POWERS)), suppliers)))

    def one(pattern: Array) -> Start:
        amounts = _by_costs(jnp.where(alone, jnp.inf, costs), crowd, *pattern)
        sizes = itertools.product(_SIZES, _RATIOS)
        tables = ((jnp.where(alone, crowd.stake.alone, size * amounts), alone, ratio) for size, ratio in sizes)
        return stack(*(from_amounts(crowd, *table) for table in tables))

    starts: Start = jax.lax.map(one, jnp.asarray(patterns))
    return starts


def _start(crowd: Crowd, alone: Array, checked: Array, samples: Array, share: Array) -> Start:
    """A start from n and z/A."""
    log, logit = jnp.log(jnp.where(checked, samples, 1.0)), jnp.log(share) - jnp.log1p(-share)
    return fitted(crowd, Start(Layout(alone, checked), Variables(log, logit)))


def _by_costs(costs: Array, crowd: Crowd, power: Array, suppliers: Array) -> Array:
    """Amounts in proportion to c^(−p), p from its place, among the cheapest; in total of the size of the first best."""
    weight, stake = crowd.weight, crowd.stake
    order = jnp.argsort(jnp.argsort(costs, axis=0), axis=0)
    few = jnp.where(jnp.isfinite(costs) & (order < suppliers), costs, jnp.inf)
    parts = jnp.stack([few**-p for p in _POWERS])[power]
    total = jnp.sum(weight[:, None] * parts, axis=0)
    parts = parts / jnp.where(total > 0, total, 1.0)
    parts = jnp.where(parts < 1e-4 / jnp.maximum(1.0, jnp.max(weight)), 0.0, parts)
    first_best = jnp.sqrt(jnp.sum(weight[:, None] * jnp.broadcast_to(stake.error, parts.shape), axis=0))
    return parts * first_best * jnp.sum(weight[:, None] * parts / jnp.sqrt(stake.finite_costs), axis=0)
