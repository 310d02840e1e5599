"""Linked thresholds with an ellipsoid for their region: the rest is clean while Σ_k (discrepancy_k/limit_k)² ≤ 1.

Any region that is convex and symmetric keeps reports truthful: given what she collected, discrepancies are normal about
what she shifts her means by, and by Anderson's inequality no shift makes it likelier that they lie inside. Among
regions, amounts n are stationary where certain numbers a_k(s) are the derivatives of the chance s to pass by the
logarithms of the variances v_k of honest discrepancies x_k. Those are −½∫ (1 − x_k²/v_k) over the region, so by
Neyman and Pearson's lemma the region that passes most often for given derivatives is {Σ_k μ_k x_k² ≤ 1}: an ellipsoid,
not the box. A pure kernel. It jits, vmaps, and differentiates once, by the implicit function theorem.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Array
from jaxmech.design._linked import SHARES, Pull, Threshold, with_less
from jaxmech.design._squares import Within, within
from jaxmech.design._terms import Settled, Stake, Terms
from jaxmech.design._threshold import LARGEST_PULL

_NEWTON = 14
_LARGEST_STEP = 1.0
"""Of log w in one step."""
_WIDER = 1.3
"""Squares of levels are about so much larger for every further distribution than those of a box: where to begin."""
_SMALLEST = 1e-37


class _Point(NamedTuple):
    """Logarithms of w, and s."""

    log: Array
    success: Array


class Ellipsoid(NamedTuple):
    """The rest is clean inside, and equally noisy or withheld outside.

    Attributes:
        kept: see :class:`~jaxmech.design._linked.Threshold`.
    """

    kept: Array

    @property
    def lanes(self) -> int:
        """How many instances are worth computing side by side."""
        return 48

    def settle(self, terms: Terms, stake: Stake) -> Settled:
        """Return the levels that make the terms' amounts stationary for every kind of agent.

        With w_k = 1/τ_k² and s = P(Σ_k w_k N_k² ≤ 1), ∂q/∂n_k = 0 is −∂s/∂log w_k = gap_k + s bend_k, where gap and
        bend are those of :meth:`~jaxmech.design._linked.Threshold.settle`: d equations for d levels, by Newton's method
        from the levels of the box.

        Args:
            terms: by kind of agent.
            stake: what they lose.

        Source: this package.
        """
        box = Threshold(self.kept)
        pull = box.pull(terms, stake)
        fixed = jax.lax.stop_gradient(pull)
        begun = jax.lax.stop_gradient(box.settle(*jax.lax.stop_gradient((terms, stake))))
        found = jax.lax.fori_loop(
            0, _NEWTON, lambda _, point: _newton(fixed, point, begun.success), _first(begun, terms)
        )
        found = jax.lax.stop_gradient(found)
        # one more step with fixed slopes: improves the values, and carries their derivatives
        step, left = _step(pull, found)
        log = found.log + step.log
        success = _inside(terms.checked, log).chance
        return Settled(
            success=success,
            level=jnp.where(terms.checked, jnp.exp(-log / 2), jnp.inf),
            room=jnp.where(terms.checked, LARGEST_PULL - pull.at(success), 1.0),
            spare=box.spare(terms, stake, success),
            penalty=box.expected(terms, stake, success),
            residual=jnp.nan_to_num(left, nan=jnp.inf, posinf=jnp.inf),
        )

    def honest(self, terms: Terms, stake: Stake, level: Array) -> Array:
        """Penalty of an honest agent at given levels."""
        log = -2 * jnp.log(jnp.where(terms.checked, level, 1.0))
        return Threshold(self.kept).expected(terms, stake, _inside(terms.checked, log).chance)

    def temptations(self, terms: Terms, stake: Stake, settled: Settled) -> Array:
        """Relative room before somebody gives up passing, or collects less of everything, (kinds, 3)."""
        box = Threshold(self.kept)
        less = [self.honest(*with_less(terms, stake, settled.level, share)) for share in SHARES]
        paid = jnp.stack([box.walking_away(terms, stake), *less], axis=-1)
        return paid / settled.penalty[..., None] - 1


def _inside(checked: Array, log: Array) -> Within:
    return within(jnp.where(checked, jnp.exp(log), 0.0))


def _first(box: Settled, terms: Terms) -> _Point:
    more = _WIDER * (jnp.sum(terms.checked, axis=-1, keepdims=True) - 1)
    return _Point(jnp.where(terms.checked, -jnp.log(box.level**2 + more), 0.0), box.success)


def _newton(pull: Pull, point: _Point, least: Array) -> _Point:
    """At the chance of a box its pulls can be had, and an ellipsoid passes more often: the root is above."""
    step, _ = _step(pull, point)
    log = point.log + jnp.clip(step.log, -_LARGEST_STEP, _LARGEST_STEP)
    return _Point(log, jnp.clip(point.success + step.success, least, 1.0))


def _step(pull: Pull, point: _Point) -> tuple[_Point, Array]:
    """Newton's step for log w and s, with fixed slopes, and what is left of the equations before it.

    The equations are log(−∂S/∂log w_k) = log(gap_k + s bend_k), and s = S.
    """
    there, s = _inside(pull.checked, point.log), point.success
    fall = jnp.where(pull.checked, jnp.maximum(there.fall, _SMALLEST), 1.0)
    wanted = jnp.where(pull.checked, jnp.maximum(pull.gap + s[..., None] * pull.bend, _SMALLEST), 1.0)
    short, over = jnp.log(fall) - jnp.log(wanted), s - there.chance
    rise = jnp.where(pull.checked, pull.bend / wanted, 0.0)
    slope = there.bend / fall[..., :, None] + rise[..., :, None] * there.fall[..., None, :]
    both = pull.checked[..., :, None] & pull.checked[..., None, :]
    slope = jax.lax.stop_gradient(jnp.where(both, slope, jnp.eye(fall.shape[-1])))
    log = -jnp.linalg.solve(slope, (short + jax.lax.stop_gradient(rise) * over[..., None])[..., None])[..., 0]
    left = jnp.maximum(jnp.max(jnp.abs(short), axis=-1), jnp.abs(over))
    return _Point(log, -over - jnp.sum(there.fall * log, axis=-1)), left
