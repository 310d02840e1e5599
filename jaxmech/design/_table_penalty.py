"""What an honest agent pays under any noise rule, and the limit at which what she is asked is best for her.

An agent with n points of her own and z clean ones has N = n + z. Her discrepancy, in standard deviations, is standard
normal; x is its size. At x = uτ she gets D more points with variance 1 + v(u), worth E(u) = D/(1 + v(u)) clean ones:

    q(n) = c n + e E f(x/τ),   f = 1/(N + E),   τ = (t/σ) √h,   h = n z/(n + z).

Theorem. If v never falls, q is convex in n, whatever t and z. So dq/dn = 0 makes n a best response among all amounts,
whole ones and 0 included, and she pays no more than with n_IND points, hence no more than alone.

Proof. E never rises, so f never falls: with levels e_0 > e_1 > … > e_J of E up to u_1 ≤ u_2 ≤ … (other rules are
limits), E f = 1/(N + e_J) − Σ_j s_j G_j, where s_j = P(x ≤ u_j τ) and G_j = 1/(N + e_j) − 1/(N + e_{j−1}) > 0. In n:
s_j = erf(u_j τ/√2) is increasing and concave, because erf on [0, ∞), √ and h are; G_j is decreasing and convex. Hence

    d²/dn² E f = Σ_j P(E = e_j) · 2/(N + e_j)³ − Σ_j (2 s_j' G_j' + s_j'' G_j) ≥ 0 :

the terms s_j G_j'' have gone into the first sum, which is E of d²f/dN², and in the second one no term is positive. ∎

The derivative needs none of the jumps one by one: as a function of τ, E f = 2∫ τφ(τu) f(u) du, so

    dq/dn = c − e E[f²] − e (z / (2 n (n + z))) E[(x² − 1) f].
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.design._plan import Rule

FAR = 9.0
"""Standard deviations; a standard normal number is larger once in 10^19 times."""
_POINTS, _FEWEST, _MOST = 640, 6, 32
"""Of the quadrature: in all, and at least and at most per piece of the table."""
_GRID = 64
_HALVINGS = 26
_ENDLESS = 1e30
_LEAST_LEVEL, _LARGEST_LEVEL = 1e-2, 40.0


class Deal(NamedTuple):
    """What agents are asked and given, arrays of one shape: z, D, c and e as above.

    Attributes:
        samples: n, positive.
        comparison: z, positive.
        rest: D.
        costs: of one point; finite.
        error: price σ².
    """

    samples: Array
    comparison: Array
    rest: Array
    costs: Array
    error: Array

    @property
    def lever(self) -> Array:
        """D log τ / dn."""
        return self.comparison / (2 * self.samples * (self.samples + self.comparison))


class Paid(NamedTuple):
    """A penalty, its derivative in n at a fixed limit, and estimates of what the quadrature adds to their errors."""

    value: Array
    slope: Array
    error: Array
    slope_error: Array


class Level(NamedTuple):
    """A level at which amounts are stationary; meaningless where ``found`` is False.

    Attributes:
        level: τ, the limit in standard deviations of an honest discrepancy.
        found: whether there is one.
    """

    level: Array
    found: Array


class _Moments(NamedTuple):
    """E g, E[f² − f₀²] and E[(x² − 1) g], where g = f − f₀ and f₀ = 1/(N + D)."""

    lost: Array
    steep: Array
    tilt: Array


def table_penalty(rule: Rule, deal: Deal, level: Array) -> Paid:
    """Return q(n) and dq/dn of agents whose limits are ``level`` standard deviations of honest discrepancies.

    Pieces of constant noise are exact; the others are integrated by Gauss's rule in log(1 + v), in which f is smooth.
    It jits, vmaps and differentiates.

    Args:
        rule: never falling.
        deal: arrays of one shape.
        level: τ, of that shape.

    Source: this package; the theorem is at the top of the module.

    Example:
        >>> from jaxmech.design._rules import ramp_rule, threshold_rule
        >>> one = Deal(*(jnp.array(number) for number in (1.0, 2.0, 5.0, 0.05, 1.0)))
        >>> round(float(table_penalty(threshold_rule(), one, jnp.array(1.96)).value), 4)  # 0.95/8 + 0.05/3 + 0.05
        0.1854
        >>> round(float(table_penalty(ramp_rule(0.5, 100.0), one, jnp.array(1.96)).value), 4)
        0.1838
    """
    high, low, _ = _orders(rule)
    value, slope = _penalty(rule, deal, level, high)
    other, other_slope = _penalty(rule, deal, level, low)
    return Paid(value, slope, jnp.abs(value - other), jnp.abs(slope - other_slope))


def stationary_level(rule: Rule, deal: Deal) -> Level:
    """Return the largest level at which dq/dn = 0, with derivatives by the implicit function theorem.

    It is looked for on a grid in log τ, from where hardly anybody fails down to where hardly anybody passes, and closed
    in by bisection.

    Args:
        rule: never falling.
        deal: arrays of one shape.

    Source: this package; the theorem is at the top of the module.

    Example:
        >>> from jaxmech.design._rules import threshold_rule
        >>> one = Deal(*(jnp.array(number) for number in (1.0, 2.0, 5.0, 0.05, 1.0)))
        >>> found = stationary_level(threshold_rule(), one)
        >>> bool(found.found), round(float(table_penalty(threshold_rule(), one, found.level).slope), 12) + 0.0
        (True, 0.0)
    """
    order, lower, least = _orders(rule)
    fixed: tuple[Rule, Deal] = jax.lax.stop_gradient((rule, deal))
    axis = jnp.expand_dims(_log_levels(fixed[0]), tuple(range(1, 1 + jnp.ndim(deal.samples))))
    rough = _slope(*fixed, axis, least)
    crossing = (rough[:-1] <= 0) & (rough[1:] > 0)
    last = jnp.where(crossing, jnp.arange(_GRID - 1).reshape(axis[:-1].shape), -1).max(axis=0)
    found = (last >= 0) & (rough[-1] > 0)
    # one step wider on both sides: the rough rule may err by a little
    grid = jnp.ravel(axis)
    low, high = grid[jnp.clip(last - 1, 0, _GRID - 1)], grid[jnp.clip(last + 2, 0, _GRID - 1)]

    def halve(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        rises = _slope(*fixed, middle, lower) > 0
        return jnp.where(rises, low, middle), jnp.where(rises, middle, high)

    low, high = jax.lax.fori_loop(0, _HALVINGS, halve, (low, high))
    place = jax.lax.stop_gradient((low + high) / 2)
    bend = jax.jvp(lambda at: _slope(*fixed, at, order), (place,), (jnp.ones_like(place),))[1]
    # one step of Newton with a fixed slope: improves the value, and carries the derivative
    safe = jnp.where(found & (bend > 0), bend, 1.0)
    step = _slope(rule, deal, place, order) / jax.lax.stop_gradient(safe)
    return Level(jnp.exp(place - step), found & (bend > 0))


def _orders(rule: Rule) -> tuple[int, int, int]:
    """Points per piece: for results, for what they are compared with, and for a first look."""
    high = min(max(_POINTS // len(rule.discrepancy), _FEWEST), _MOST)
    return high, 3 * high // 4, max(high // 5, 2)


def _log_levels(rule: Rule) -> Array:
    """A grid of log τ: from almost all mass beyond the last change of the noise to all before the first one."""
    places, variance = rule.discrepancy, rule.variance
    last = jnp.max(places)
    still = jnp.where(variance <= variance[0], places, 0.0)
    positive = jnp.min(jnp.where(places > 0, places, last))
    first = jnp.where(jnp.max(still) > 0, jnp.max(still), positive)
    return jnp.linspace(jnp.log(_LEAST_LEVEL / last), jnp.log(_LARGEST_LEVEL / first), _GRID)


def _slope(rule: Rule, deal: Deal, log_level: Array, order: int) -> Array:
    return _penalty(rule, deal, jnp.exp(log_level), order)[1]


def _penalty(rule: Rule, deal: Deal, level: Array, order: int) -> tuple[Array, Array]:
    own = deal.samples + deal.comparison
    clean = 1 / (own + deal.rest)
    found = _moments(rule, own, deal.rest, level, order)
    value = deal.costs * deal.samples + deal.error * (clean + found.lost)
    slope = deal.costs - deal.error * (clean**2 + found.steep + deal.lever * found.tilt)
    return value, slope


def _moments(rule: Rule, own: Array, rest: Array, level: Array, order: int) -> _Moments:
    """Sums over the pieces of the table: constant ones in closed form, the others by Gauss's rule."""
    own, rest, level = (part[..., None] for part in jnp.broadcast_arrays(own, rest, level))
    places, variance = rule.discrepancy, rule.variance
    ends = jnp.concatenate([jnp.zeros(1, places.dtype), places, jnp.full(1, _ENDLESS, places.dtype)])
    at_left = jnp.concatenate([variance[:1], variance])
    at_right = jnp.concatenate([variance, variance[-1:]])
    at_left = jnp.where(jnp.isfinite(at_right), at_left, jnp.inf)  # a line to ∞ is ∞
    left, right = jnp.minimum(level * ends[:-1], FAR), jnp.minimum(level * ends[1:], FAR)
    flat = at_left == at_right
    tails = jax.scipy.special.erfc(jnp.stack([left, right]) / 2**0.5)
    edges = jnp.stack([left, right]) * _density(jnp.stack([left, right]))
    mass, spread = tails[0] - tails[1], 2 * (edges[0] - edges[1])
    lost, steep = _lost(own, rest, 1 / (1 + at_left))
    constant = [jnp.sum(jnp.where(flat, part, 0.0), axis=-1) for part in (mass * lost, mass * steep, spread * lost)]
    rising = _rising(own, rest, (left, right), (ends[:-1] * level, ends[1:] * level), (at_left, at_right), order)
    return _Moments(*(exact + gauss for exact, gauss in zip(constant, rising, strict=True)))


def _rising(
    own: Array,
    rest: Array,
    inside: tuple[Array, Array],
    whole: tuple[Array, Array],
    variance: tuple[Array, Array],
    order: int,
) -> tuple[Array, Array, Array]:
    """Pieces on which v rises along a line, in w = log(1 + v), as far as there is mass."""
    points, weights = (jnp.asarray(part, own.dtype) for part in np.polynomial.legendre.leggauss(order))
    rises = (variance[1] > variance[0]) & jnp.isfinite(variance[1]) & (whole[1] > whole[0])
    begin, end = (jnp.where(rises, part, other) for part, other in zip(variance, (0.0, 1.0), strict=True))
    length = jnp.where(rises, whole[1] - whole[0], 1.0)
    (left, right), covered = inside, jnp.clip((inside[1] - whole[0]) / length, 0.0, 1.0)
    used = rises & (right > left)
    span = jnp.where(used, jnp.log1p(begin + (end - begin) * covered) - jnp.log1p(begin), 1.0)[..., None]
    part = (points + 1) / 2
    x = left[..., None] + (right - left)[..., None] * jnp.expm1(span * part) / jnp.expm1(span)
    pace = (right - left)[..., None] * span * jnp.exp(span * part) / jnp.expm1(span)
    lost, steep = _lost(own[..., None], rest[..., None], jnp.exp(-(jnp.log1p(begin)[..., None] + span * part)))
    weight = jnp.where(used[..., None], weights * pace * _density(x), 0.0)
    return (
        jnp.sum(weight * lost, axis=(-2, -1)),
        jnp.sum(weight * steep, axis=(-2, -1)),
        jnp.sum(weight * (x**2 - 1) * lost, axis=(-2, -1)),
    )


def _lost(own: Array, rest: Array, kept: Array) -> tuple[Array, Array]:
    """By how much f and f² exceed f₀ and f₀² if the rest keeps this share of its precision."""
    clean, noisy = 1 / (own + rest), 1 / (own + kept * rest)
    lost = (1 - kept) * rest * clean * noisy
    return lost, lost * (clean + noisy)


def _density(x: Array) -> Array:
    return jnp.exp(-(x**2) / 2) / (2 * np.pi) ** 0.5
