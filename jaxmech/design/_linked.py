"""Thresholds, linked or not: the levels that make what agents are asked optimal, in closed form but for a scalar.

A pure kernel. It jits, vmaps, and differentiates once, in reverse mode too, by the implicit function theorem.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Array
from jaxmech.design._terms import Settled, Stake, Terms
from jaxmech.design._threshold import LARGEST_PULL, chance, density, level_of_pull, log_pull, log_pull_slope

_NEWTON = 9
_NEVER_FAILS = 40.0
"""A level that is as good as ∞ in double precision, and finite."""
_LEAST_LEVEL = 1e-3
_LEAST_CHANCE = 1e-3
_SMALLEST = 1e-37
_SHALLOW = 0.05
_FIRST_PULL = 0.45
_LARGEST_STEP = 2.0
"""Largest factor by which a level changes in one step."""
SHARES = (0.6, 0.85)
"""Nobody may prefer to collect so much less of everything: else stationary points may be saddles."""


class _Parts(NamedTuple):
    """Penalties of errors where she fails and where she passes, and their slopes in n."""

    failing: Array
    passing: Array
    falling: Array
    falling_if_passed: Array


class _Point(NamedTuple):
    """A chance s and levels τ, with what Newton's method needs there.

    Attributes:
        success: s.
        level: τ.
        shift: Newton's step of τ towards its equation at this s.
        rise: d log P/dτ.
        by_success: dτ/ds along the equations of the levels.
        product: Π P after the shift.
        slope: of s − Π P in s.
    """

    success: Array
    level: Array
    shift: Array
    rise: Array
    by_success: Array
    product: Array
    slope: Array


class Pull(NamedTuple):
    """What the condition of stationarity asks of g(τ): (gap + s bend)/s."""

    gap: Array
    bend: Array
    checked: Array

    def at(self, success: Array) -> Array:
        return self.gap / success[..., None] + self.bend

    @property
    def largest_success(self) -> Array:
        """Where to begin: at s = 1, or at the largest s at which every pull is well below the largest there is."""
        beyond = self.checked & (self.gap < 0) & (self.gap + self.bend > _FIRST_PULL)
        lower = jnp.where(beyond, self.gap / jnp.where(beyond, _FIRST_PULL - self.bend, 1.0), 1.0)
        return jnp.clip(jnp.min(lower, axis=-1), _LEAST_CHANCE, 1.0)

    def log(self, success: Array) -> Array:
        """Its logarithm, as far as there is a level."""
        pull = jnp.where(self.checked, self.at(success), LARGEST_PULL / 2)
        return jnp.log(jnp.clip(pull, _SMALLEST, LARGEST_PULL * (1 - 1e-6)))


class Threshold(NamedTuple):
    """The rest is clean up to the limit, and equally noisy or withheld beyond; one limit passed spoils all linked.

    Attributes:
        kept: share of the rest's precision that is left to who fails: 1/(1 + cap) for noise of at most cap·σ².
    """

    kept: Array

    @property
    def lanes(self) -> int:
        """How many instances are worth computing side by side."""
        return 48

    def settle(self, terms: Terms, stake: Stake) -> Settled:
        """Return the levels that make the terms' amounts stationary for every kind of agent.

        With s = Π_l P(|N| ≤ τ_l) over the checked distributions, an honest agent pays
        q(n) = Σ_k ((1 − s) e_k/N_k + s e_k/(N_k + D_k) + c_k n_k), and ∂q/∂n_k = 0 fixes

            g(τ_k) = (c_k − (1 − s) e_k/N_k² − s e_k/(N_k + D_k)²) n_k (n_k + z_k) / (z_k s L),

        with L = Σ_k (e_k/N_k − e_k/(N_k + D_k)), what failing costs. All levels follow from s, and s from one scalar
        equation, of which the largest root is taken: by Newton's method for s and all levels together, from s = 1.

        Args:
            terms: by kind of agent.
            stake: what they lose.

        Returns:
            Levels. Where ``room`` or ``spare`` is not positive no level makes these terms optimal.

        Source: this package; g(τ) is in :mod:`jaxmech.design._threshold`.
        """
        piece, costs = self._parts(terms, stake), stake.finite_costs
        pull = _pull(terms, piece, costs)
        fixed = jax.lax.stop_gradient(pull)
        begun = fixed.largest_success
        start = _point(fixed, begun, level_of_pull(jnp.exp(fixed.log(begun))))
        found = jax.lax.stop_gradient(jax.lax.fori_loop(0, _NEWTON, lambda _, point: _newton(fixed, point), start))
        # one more step with fixed slopes: improves the values, and carries their derivatives
        shift = (pull.log(found.success) - fixed.log(found.success)) * _inverse_slope(found.level) + found.shift
        product = found.product * (1 + jnp.sum(found.rise * (shift - found.shift), axis=-1))
        success = found.success - (found.success - product) / _steep(found.slope)
        level = found.level + shift + found.by_success * (success - found.success)[..., None]
        s = success[..., None]
        direct = (1 - s) * piece.falling + s * piece.falling_if_passed
        off = jnp.max(jnp.where(terms.checked, jnp.abs(found.shift / found.level), 0.0), axis=-1)
        return Settled(
            success=success,
            level=jnp.where(terms.checked, level, jnp.inf),
            room=jnp.where(terms.checked, LARGEST_PULL - pull.at(success), 1.0),
            spare=1 - direct / costs,
            penalty=self.expected(terms, stake, success),
            residual=jnp.maximum(jnp.abs(found.success - found.product), off),
        )

    def expected(self, terms: Terms, stake: Stake, success: Array) -> Array:
        """Penalty of an honest agent who passes with this chance."""
        piece, s = self._parts(terms, stake), success[..., None]
        spent = jnp.where(terms.samples > 0, stake.finite_costs * terms.samples, 0.0)
        return jnp.sum((1 - s) * piece.failing + s * piece.passing + spent, axis=-1)

    def pull(self, terms: Terms, stake: Stake) -> Pull:
        """Return what stationarity asks of the levels."""
        return _pull(terms, self._parts(terms, stake), stake.finite_costs)

    def spare(self, terms: Terms, stake: Stake, success: Array) -> Array:
        """Return 1 − (what a further sample is worth apart from the checks)/(its cost)."""
        piece, s = self._parts(terms, stake), success[..., None]
        return 1 - ((1 - s) * piece.falling + s * piece.falling_if_passed) / stake.finite_costs

    def honest(self, terms: Terms, stake: Stake, level: Array) -> Array:
        """Penalty of an honest agent at given levels."""
        within = chance(jnp.where(terms.checked, level, _NEVER_FAILS))
        return self.expected(terms, stake, jnp.prod(jnp.where(terms.checked, within, 1.0), axis=-1))

    def temptations(self, terms: Terms, stake: Stake, settled: Settled) -> Array:
        """Relative room before somebody gives up passing, or collects less of everything, (kinds, 3)."""
        away = self.walking_away(terms, stake)
        less = [self.collecting_less(terms, stake, settled.level, share) for share in SHARES]
        return jnp.stack([paid / settled.penalty - 1 for paid in (away, *less)], axis=-1)

    def walking_away(self, terms: Terms, stake: Stake) -> Array:
        """Return the least penalty of an agent who gives up passing: Σ_k min_n (e_k/(n + z_k + kept D_k) + c_k n)."""
        given = terms.comparison + self.kept * terms.rest
        own = stake.within(stake.ideal - given)
        return jnp.sum(error_of(stake.error, own + given) + stake.finite_costs * own, axis=-1)

    def collecting_less(self, terms: Terms, stake: Stake, level: Array, share: float) -> Array:
        """Return the penalty of an agent who collects this share of all that she is asked for, and submits it."""
        return self.honest(*with_less(terms, stake, level, stake_share(terms, stake, share)))

    def _parts(self, terms: Terms, stake: Stake) -> _Parts:
        """error/N and error/N² for the points N that an agent has if she fails, and if she passes."""
        both = terms.samples + terms.comparison
        failing, passing = both + self.kept * terms.rest, both + terms.rest
        lost, got = error_of(stake.error, failing), error_of(stake.error, passing)
        return _Parts(lost, got, error_of(lost, failing), error_of(got, passing))


def error_of(error: Array, points: Array) -> Array:
    """Return e/N: ∞ without points, and 0 for who has no use for them."""
    some = points > 0
    return jnp.where(error > 0, jnp.where(some, error / jnp.where(some, points, 1.0), jnp.inf), 0.0)


def stake_share(terms: Terms, stake: Stake, share: float) -> Array | float:
    """Return the share that can be collected: what she must is collected in any case."""
    if stake.least is None:
        return share
    some = terms.samples > 0
    return jnp.maximum(share, jnp.where(some, stake.least / jnp.where(some, terms.samples, 1.0), 0.0))


def with_less(terms: Terms, stake: Stake, level: Array, share: Array | float) -> tuple[Terms, Stake, Array]:
    """Terms of an agent who collects this share of all that she is asked for, and is checked on, and her levels."""
    own, clean = (jnp.where(terms.checked, part, 1.0) for part in (terms.samples, terms.comparison))
    # limits stay: levels go with the square root of n z/(n + z)
    precision = share * (own + clean) / (share * own + clean)
    some = jnp.where(terms.checked, share * terms.samples, terms.samples)
    there = jnp.where(terms.checked, level, _NEVER_FAILS) * jnp.sqrt(precision)
    return dataclasses.replace(terms, samples=some), stake, there


def _pull(terms: Terms, piece: _Parts, costs: Array) -> Pull:
    lost = jnp.sum(piece.failing - piece.passing, axis=-1, keepdims=True)
    compared = jnp.where(terms.checked, terms.comparison, 1.0)
    lever = jnp.where(terms.checked, terms.samples * (terms.samples + compared) / compared, 0.0)
    lever = lever / jnp.where(lost > 0, lost, 1.0)
    gap, bend = (costs - piece.falling) * lever, (piece.falling - piece.falling_if_passed) * lever
    return Pull(gap, bend, terms.checked)


def _point(pull: Pull, success: Array, level: Array) -> _Point:
    """Everything that Newton's method needs at these s and τ."""
    within, flat = jnp.where(pull.checked, chance(level), 1.0), _inverse_slope(level)
    shift = jnp.where(pull.checked, (pull.log(success) - log_pull(level)) * flat, 0.0)
    rise = jnp.where(pull.checked, 2 * density(level) / within, 0.0)
    steep = -pull.gap / success[..., None] ** 2 / jnp.maximum(pull.at(success), _SMALLEST)
    by_success = jnp.where(pull.checked, steep * flat, 0.0)
    product = jnp.prod(within, axis=-1) * jnp.exp(jnp.minimum(jnp.sum(rise * shift, axis=-1), 1.0))
    slope = 1 - product * jnp.sum(rise * by_success, axis=-1)
    return _Point(success, level, shift, rise, by_success, product, slope)


def _newton(pull: Pull, point: _Point) -> _Point:
    step = (point.success - point.product) / _steep(point.slope)
    success = jnp.clip(point.success - step, _LEAST_CHANCE, 1.0)
    level = point.level + point.shift + point.by_success * (success - point.success)[..., None]
    level = jnp.clip(level, point.level / _LARGEST_STEP, point.level * _LARGEST_STEP)
    return _point(pull, success, jnp.maximum(level, _LEAST_LEVEL))


def _inverse_slope(level: Array) -> Array:
    return 1 / log_pull_slope(level)


def _steep(slope: Array) -> Array:
    return jnp.where(slope > _SHALLOW, slope, 1.0)
