"""Linked thresholds: what an agent is asked, what she gets, and the levels that make what she is asked optimal."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Amounts, Array, Distributions, Support
from jaxmech.design._threshold import LARGEST_PULL, chance, density, level_of_pull, log_pull_slope

_NEWTON = 8
_NEVER_FAILS = 40.0
"""A level that is as good as ∞ in double precision, and finite."""
_LEAST_CHANCE = 1e-3
_SMALLEST = 1e-37


@pytree
@dataclasses.dataclass(frozen=True)
class Terms:
    """What the mechanism asks of each kind of agent and gives back, before any level is fixed.

    Attributes:
        samples: n, what she collects.
        comparison: z, points of others that she gets clean in any case; where she is checked, her mean is compared
            with theirs.
        rest: D, points of others that she gets clean if all her discrepancies are within their limits.
        checked: where she is checked.
    """

    samples: Amounts
    comparison: Amounts
    rest: Amounts
    checked: Support


@pytree
@dataclasses.dataclass(frozen=True)
class Stake:
    """What the agents lose: costs (∞: cannot sample), error = price σ² per distribution, and the cap of the noise.

    Attributes:
        costs: of one point.
        error: price σ², what an estimate from one point costs.
        kept: what share of the rest's precision is left to who fails: 1/(1 + cap) for noise of at most cap·σ².
    """

    costs: Amounts
    error: Distributions
    kept: Array

    @property
    def able(self) -> Support:
        """Who can sample what."""
        return jnp.isfinite(self.costs)

    @property
    def finite_costs(self) -> Amounts:
        """Costs, with 1 for ∞."""
        return jnp.where(self.able, self.costs, 1.0)


class Settled(NamedTuple):
    """Levels at which collecting ``samples`` is stationary, and what follows from them.

    Attributes:
        success: s, the chance that an honest agent passes all her checks.
        level: τ, the limits in standard deviations of honest discrepancies; ∞ where nothing is checked.
        pull: g(τ), as the condition of stationarity asks for it; it must lie in (0, 1/2).
        spare: 1 − (what a further sample is worth to her apart from the checks)/(its cost); negative where she would
            collect more than she is asked whatever the levels.
        penalty: of honest agents, by kind.
        residual: of the equation for s.
    """

    success: Array
    level: Array
    pull: Array
    spare: Array
    penalty: Array
    residual: Array


class Parts(NamedTuple):
    """Penalties of errors where she fails and where she passes, and their slopes in n."""

    failing: Array
    passing: Array
    falling: Array
    falling_if_passed: Array


def parts(terms: Terms, stake: Stake) -> Parts:
    """error/N and error/N² for the points N that an agent has if she fails, and if she passes."""
    both = terms.samples + terms.comparison
    failing, passing = both + stake.kept * terms.rest, both + terms.rest
    return Parts(stake.error / failing, stake.error / passing, stake.error / failing**2, stake.error / passing**2)


def settle(terms: Terms, stake: Stake) -> Settled:
    """Return the levels that make the terms' amounts stationary for every kind of agent.

    With s = Π_l P(|N| ≤ τ_l) over the checked distributions, an honest agent pays
    q(n) = Σ_k ((1 − s) e_k/N_k + s e_k/(N_k + D_k) + c_k n_k), and ∂q/∂n_k = 0 fixes

        g(τ_k) = (c_k − (1 − s) e_k/N_k² − s e_k/(N_k + D_k)²) n_k (n_k + z_k) / (z_k s L),

    with L = Σ_k (e_k/N_k − e_k/(N_k + D_k)), what failing costs. All levels follow from s, and s from one scalar
    equation, of which the largest root is taken. Derivatives by the implicit function theorem.

    Args:
        terms: by kind of agent.
        stake: what they lose.

    Returns:
        Levels. Where ``pull`` is not within (0, 1/2) no level makes these terms optimal.
    """
    piece = parts(terms, stake)
    lost = jnp.sum(piece.failing - piece.passing, axis=-1, keepdims=True)
    compared = jnp.where(terms.checked, terms.comparison, 1.0)
    lever = jnp.where(terms.checked, terms.samples * (terms.samples + compared) / compared, 0.0)
    lever = lever / jnp.where(lost > 0, lost, 1.0)
    costs = stake.finite_costs

    def direct(success: Array) -> Array:
        s = success[..., None]
        return (1 - s) * piece.falling + s * piece.falling_if_passed

    def levels(success: Array) -> tuple[Array, Array]:
        pull = (costs - direct(success)) * lever / success[..., None]
        safe = jnp.where(terms.checked, jnp.maximum(pull, _SMALLEST), LARGEST_PULL / 2)
        return pull, jnp.where(terms.checked, level_of_pull(safe), _NEVER_FAILS)

    def passing(success: Array) -> Array:
        return jnp.prod(chance(levels(success)[1]), axis=-1)

    def relative_slope(success: Array, pull: Array, level: Array) -> Array:
        """D log Π P / ds, by the chain rule: once per step, cheaper than a tangent pass."""
        s = success[..., None]
        by_success = -(costs - piece.falling) * lever / s**2
        safe = jnp.where(terms.checked, jnp.maximum(pull, _SMALLEST), 1.0)
        by_pull = 2 * density(level) / chance(level) / (safe * log_pull_slope(level))
        return jnp.sum(jnp.where(terms.checked, by_pull * by_success, 0.0), axis=-1)

    def newton(_: Array, success: Array) -> Array:
        pull, level = levels(success)
        product = jnp.prod(chance(level), axis=-1)
        slope = 1 - product * relative_slope(success, pull, level)
        return jnp.clip(success - (success - product) / jnp.where(slope > 0.05, slope, 1.0), _LEAST_CHANCE, 1.0)

    start = jnp.ones(terms.samples.shape[:-1], terms.samples.dtype)
    found = jax.lax.stop_gradient(jax.lax.fori_loop(0, _NEWTON, newton, start))
    pull, level = levels(found)
    slope = 1 - jnp.prod(chance(level), axis=-1) * relative_slope(found, pull, level)
    # one step of Newton with a fixed slope: leaves the value, and carries the derivative
    success = found - (found - passing(found)) / jax.lax.stop_gradient(jnp.where(slope > 0.05, slope, 1.0))
    pull, level = levels(success)
    return Settled(
        success=success,
        level=jnp.where(terms.checked, level, jnp.inf),
        pull=pull,
        spare=1 - direct(success) / costs,
        penalty=expected(terms, stake, success),
        residual=jnp.abs(success - jnp.prod(chance(level), axis=-1)),
    )


def expected(terms: Terms, stake: Stake, success: Array) -> Array:
    """Penalty of an honest agent who passes with this chance."""
    piece = parts(terms, stake)
    s = success[..., None]
    spent = jnp.where(terms.samples > 0, stake.finite_costs * terms.samples, 0.0)
    return jnp.sum((1 - s) * piece.failing + s * piece.passing + spent, axis=-1)


def walking_away(terms: Terms, stake: Stake) -> Array:
    """Return the least penalty of an agent who gives up passing: Σ_k min_n (e_k/(n + z_k + kept D_k) + c_k n)."""
    given = terms.comparison + stake.kept * terms.rest
    wanted = jnp.sqrt(stake.error / stake.finite_costs)
    own = jnp.where(stake.able, jnp.maximum(wanted - given, 0.0), 0.0)
    points = own + given
    error = jnp.where(points > 0, stake.error / jnp.where(points > 0, points, 1.0), jnp.inf)
    return jnp.sum(error + stake.finite_costs * own, axis=-1)


def collecting_less(terms: Terms, stake: Stake, settled: Settled, share: float) -> Array:
    """Return the penalty of an agent who collects this share of everything that she is asked for, and submits it."""
    own, clean = (jnp.where(terms.checked, part, 1.0) for part in (terms.samples, terms.comparison))
    # limits stay: levels go with the square root of n z/(n + z)
    precision = share * (own + clean) / (share * own + clean)
    level = jnp.where(terms.checked, settled.level, _NEVER_FAILS) * jnp.sqrt(precision)
    success = jnp.prod(jnp.where(terms.checked, chance(level), 1.0), axis=-1)
    some = jnp.where(terms.checked, share * terms.samples, terms.samples)
    return expected(dataclasses.replace(terms, samples=some), stake, success)
