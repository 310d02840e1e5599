"""What a mechanism asks of agents and gives back, before any limit is fixed; a pure kernel, by kind of agent."""

import dataclasses
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Amounts, Array, Distributions, Float, Support

Number = TypeVar("Number", bound=Any)

_BOUND = 40.0
"""Largest logit of a share."""


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
    """What the agents lose.

    Attributes:
        costs: of one point; ∞: cannot sample.
        error: price σ², what an estimate from one point costs, by kind where prices differ between agents; 0 where
            somebody has no use for it.
        least: what she must collect; None without limits.
        most: what she can collect; ∞ for no limit, None without limits.
    """

    costs: Amounts
    error: Amounts | Distributions
    least: Amounts | None = None
    most: Amounts | None = None

    @property
    def able(self) -> Support:
        """Who can sample what."""
        return jnp.isfinite(self.costs)

    @property
    def finite_costs(self) -> Amounts:
        """Costs, with 1 for ∞."""
        return jnp.where(self.able, self.costs, 1.0)

    @property
    def alone(self) -> Amounts:
        """What is best alone: n_IND, or what is nearest to it within limits; 0 for who cannot sample, or needs none."""
        return self.within(self.ideal)

    @property
    def ideal(self) -> Amounts:
        """n_IND whatever the limits; 0 for who cannot sample, or has no use for it."""
        return jnp.where(self.wanting, jnp.sqrt(jnp.where(self.wanting, self.error / self.finite_costs, 1.0)), 0.0)

    @property
    def floor(self) -> Amounts:
        """What is collected in any case."""
        return jnp.zeros_like(self.costs) if self.least is None else self.least

    def within(self, amounts: Amounts) -> Amounts:
        """Return the nearest amounts that are allowed; 0 at least."""
        if self.least is None or self.most is None:
            return jnp.maximum(amounts, 0.0)
        return jnp.clip(amounts, self.least, jnp.where(self.able, self.most, self.least))

    def opened(self, ratio: Amounts) -> Amounts:
        """Return least + r w/(w + r) of positive r, with w = most − least: amounts inside the limits; r without."""
        if self.least is None or self.most is None:
            return ratio
        width = self.most - self.least
        wide = jnp.isfinite(width)
        safe = jnp.where(wide, width, 0.0)
        return self.least + jnp.where(wide, ratio * safe / (safe + ratio), ratio)

    def closed(self, amounts: Amounts) -> Amounts:
        """Return r of amounts inside the limits: the inverse of :meth:`opened`."""
        if self.least is None or self.most is None:
            return amounts
        width, above = self.most - self.least, amounts - self.least
        inside = jnp.isfinite(width) & (above < width)
        safe = jnp.where(inside, width, 1.0)
        return jnp.where(inside, above * safe / (safe - jnp.where(inside, above, 0.0)), above)

    @property
    def wanting(self) -> Support:
        """Who would collect what for herself."""
        return self.able & (self.error > 0)

    @property
    def costs_over_worth(self) -> Amounts:
        """What orders those who collect for themselves from the cheapest; ∞ for who does not."""
        return jnp.where(self.wanting, self.finite_costs / jnp.where(self.error > 0, self.error, 1.0), jnp.inf)


@pytree
@dataclasses.dataclass(frozen=True)
class Crowd:
    """Kinds of agents: how many of each, what they lose, how often at most an honest one may fail.

    Attributes:
        stake: by kind.
        weight: how many agents there are of each kind.
        fails: the largest chance that an honest agent fails; 1 for no limit.
    """

    stake: Stake
    weight: Float[Array, " kinds"]
    fails: Array


@pytree
@dataclasses.dataclass(frozen=True)
class Layout:
    """Who does what: the discrete part of a design.

    Attributes:
        alone: who collects n_IND of what and gets nothing of others.
        checked: who is asked for something and checked.
        full: who collects all she can, checked or not; None without limits.
    """

    alone: Support
    checked: Support
    full: Support | None = None


class Variables(NamedTuple):
    """What is optimised: log n where agents are checked, and logit z/A, the share of others' points given clean.

    Within limits it is log r instead of log n, see :meth:`Stake.opened`.
    """

    log_samples: Amounts
    logit: Amounts


class Settled(NamedTuple):
    """Levels at which collecting ``samples`` is a best response, and what follows from them.

    Attributes:
        success: s, the chance that an honest agent is within all her limits.
        level: τ, the limits in standard deviations of honest discrepancies; ∞ where nothing is checked.
        room: positive where such a level exists; 1 where nothing is checked.
        spare: 1 − (what a further sample is worth to her apart from the checks)/(its cost); negative where she would
            collect more than she is asked whatever the levels.
        penalty: of honest agents, by kind.
        residual: of the equations for s and τ.
    """

    success: Array
    level: Array
    room: Array
    spare: Array
    penalty: Array
    residual: Array


@runtime_checkable
class Shape(Protocol):
    """The form of the noise by the discrepancy, as the search knows it: all that differs between rules."""

    @property
    def lanes(self) -> int:
        """How many instances are worth computing side by side."""
        ...

    def settle(self, terms: Terms, stake: Stake) -> Settled:
        """Return the levels at which these terms are best responses."""
        ...

    def honest(self, terms: Terms, stake: Stake, level: Array) -> Array:
        """Return what honest agents pay at given levels, by kind."""
        ...

    def temptations(self, terms: Terms, stake: Stake, settled: Settled) -> Array:
        """Return the relative room before somebody prefers something far away, (kinds, constraints)."""
        ...


def others(weight: Number, samples: Number) -> Number:
    """Points of all others, by kind of agent; of arrays of JAX or numpy."""
    return ((weight[:, None] * samples).sum(axis=0) - samples).clip(0)


def terms_of(crowd: Crowd, layout: Layout, variables: Variables) -> Terms:
    """Turn variables into terms: whoever is asked for nothing, and is checked nowhere, gets everything clean."""
    stake = crowd.stake
    collected = jnp.where(layout.checked, stake.opened(jnp.exp(jnp.clip(variables.log_samples, -700, 80))), stake.floor)
    if layout.full is not None and stake.most is not None:
        collected = jnp.where(layout.full, stake.most, collected)
    samples = jnp.where(layout.alone, stake.alone, collected)
    available = others(crowd.weight, samples)
    free = ~jnp.any(layout.checked, axis=-1, keepdims=True)
    clean = available * jnp.where(free, 1.0, jax.nn.sigmoid(jnp.clip(variables.logit, -_BOUND, _BOUND)))
    comparison = jnp.where(layout.alone, 0.0, clean)
    rest = jnp.where(layout.alone | free, 0.0, available - comparison)
    return Terms(samples, comparison, rest, layout.checked)
