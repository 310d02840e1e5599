"""What agents can and must collect, and can spend, and what that makes of working alone.

Alone an agent minimises Σ_k (e_k/n_k + c_k n_k), e = σ²price, over least <= n <= most and Σ_k c_k n_k <= budget.
Without the budget that clips n_IND = √(e/c). With it there is one multiplier μ >= 0, n = clip(√(e/(c(1 + μ)))): in
y = 1/√(1 + μ) what she spends, Σ_k clip(y √(e_k c_k), c_k least_k, c_k most_k), is piecewise linear, so that y is a
quotient.
"""

import dataclasses

import jax
import jax.numpy as jnp

from jaxmech._extremes import root
from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, Support


@pytree
@dataclasses.dataclass(frozen=True)
class Capacity:
    """Bounds on what each agent collects.

    Attributes:
        most: she can collect no more; 0 where she cannot sample.
        least: she must collect as much.
        budget: what she can spend on collecting, Σ_k c[i, k] n[i, k]; ∞ for no limit.
    """

    most: Amounts
    least: Amounts
    budget: Agents

    @property
    def keys(self) -> str:
        """Names of the bounds that bind anybody, as "most, budget"; of all where they are traced."""
        bounds = {"most": self.most != jnp.inf, "least": self.least > 0, "budget": self.budget != jnp.inf}
        if any(isinstance(bound, jax.core.Tracer) for bound in bounds.values()):
            return ", ".join(bounds)
        bounds["most"] = bounds["most"] & (self.most > 0)  # 0 is also who cannot sample
        return ", ".join(key for key, bound in bounds.items() if bool(jnp.any(bound))) or "most"

    def times(self, factor: Amounts) -> "Capacity":
        """Return the bounds counted in other points; money stays what it is.

        Args:
            factor: how many of the others one of the points counts.
        """
        return Capacity(self.most * factor, self.least * factor, self.budget)

    def allows(self, costs: Amounts, samples: Amounts) -> Array:
        """Whether amounts keep within all bounds, by agent, up to rounding.

        Args:
            costs: of a point, ∞ where an agent cannot sample.
            samples: amounts, of the same shape.
        """
        slack = tolerances(samples.dtype).condition
        inside = (samples <= self.most * (1 + slack)) & (samples >= self.least * (1 - slack))
        return jnp.all(inside, axis=-1) & (spent(costs, samples) <= self.budget * (1 + slack))


def spent(costs: Amounts, samples: Amounts) -> Agents:
    """Return Σ_k c[i, k] n[i, k], with ∞·0 = 0.

    Args:
        costs: of a point.
        samples: amounts.
    """
    return jnp.sum(by_entry(costs, samples), axis=-1)


def by_entry(costs: Amounts, samples: Array) -> Array:
    """Return c n, with ∞·0 = 0; a bill that nobody could pay has no slope.

    Args:
        costs: of a point, ∞ where an agent cannot sample.
        samples: amounts; they broadcast.
    """
    some = samples > 0
    able = some & (costs != jnp.inf)
    paid = jnp.where(able, costs, 1.0) * jnp.where(able, samples, 1.0)
    return jnp.where(able, paid, jnp.where(some, jnp.inf, 0.0).astype(paid.dtype))


def limited_alone(costs: Amounts, error: Amounts, capacity: Capacity) -> Amounts:
    """Return what each agent collects alone within her bounds; 0 where she cannot sample. A pure kernel.

    Args:
        costs: of a point, ∞ where an agent cannot sample.
        error: σ²price, of the same shape.
        capacity: the bounds.

    Source: this package; see the module.

    Example:
        >>> bounds = Capacity(jnp.array([[jnp.inf, 1.0]]), jnp.zeros((1, 2)), jnp.array([2.0]))
        >>> limited_alone(jnp.ones((1, 2)), jnp.full((1, 2), 9.0), bounds).tolist()
        [[1.0, 1.0]]
    """
    return alone_within(costs, error, capacity)[0]


def alone_within(costs: Amounts, error: Amounts, capacity: Capacity) -> tuple[Amounts, Agents]:
    """Return what :func:`limited_alone` does, and y = 1/√(1 + μ) of each agent's budget.

    Args:
        costs: of a point, ∞ where an agent cannot sample.
        error: σ²price, of the same shape.
        capacity: the bounds.
    """
    able = (costs != jnp.inf) & (capacity.most > 0)
    price = jnp.where(able, costs, 1.0)
    ideal = root(jnp.where(able, error * price, 0.0))  # c n_IND
    bounded = capacity.most != jnp.inf  # no limit is no number to multiply slopes with
    high = jnp.where(bounded, price * jnp.where(bounded, capacity.most, 1.0), jnp.inf)
    low, high = price * capacity.least, jnp.where(able, high, 0.0)
    tightness = _tightness(ideal, low, high, capacity.budget)
    samples = jnp.clip(ideal * tightness[..., None] / price, capacity.least, jnp.where(able, capacity.most, 0.0))
    return jnp.where(able, samples, 0.0), tightness


def _tightness(ideal: Amounts, low: Amounts, high: Amounts, budget: Agents) -> Agents:
    """The largest y <= 1 at which Σ_k clip(y ideal, low, high) <= budget; 0 where there is none."""

    def bill(y: Array) -> Array:
        return jnp.sum(jnp.clip(y[..., None] * ideal[..., None, :], low[..., None, :], high[..., None, :]), axis=-1)

    safe = jnp.where(ideal > 0, ideal, 1.0)
    kinks = [jnp.where(ideal > 0, jnp.minimum(end / safe, 1.0), 0.0) for end in (low, high)]
    places = jax.lax.stop_gradient(jnp.concatenate([*kinks, jnp.ones_like(ideal[..., :1])], axis=-1))
    within = bill(places) <= budget[..., None]
    # between the last kink that she can pay and the next one, the bill is linear
    last = jnp.max(jnp.where(within, places, 0.0), axis=-1)
    after = jnp.min(jnp.where(places > last[..., None], places, 1.0), axis=-1)
    middle = ((last + after) / 2)[..., None] * ideal
    free = jax.lax.stop_gradient((middle > low) & (middle < high))
    fixed = jnp.sum(jnp.where(free, 0.0, jax.lax.stop_gradient(middle <= low) * low), axis=-1)
    fixed += jnp.sum(jnp.where(jax.lax.stop_gradient((middle > low) & ~free), high, 0.0), axis=-1)
    slope = jnp.sum(jnp.where(free, ideal, 0.0), axis=-1)
    inside = (slope > 0) & (last < 1)
    solved = (jnp.where(inside, budget, 0.0) - fixed) / jnp.where(slope > 0, slope, 1.0)
    return jnp.where(inside, jnp.clip(solved, last, after), last)


def sampled(costs: Amounts, capacity: Capacity | None) -> Support:
    """Return who can collect anything of what.

    Args:
        costs: ∞ where an agent cannot sample.
        capacity: bounds, or None.
    """
    able = costs != jnp.inf
    return able if capacity is None else able & (capacity.most > 0)


def whole_limits(capacity: Capacity, unit: Array | float) -> Capacity:
    """Return the bounds that whole points keep within: least rounded up, most rounded down.

    Args:
        capacity: the bounds.
        unit: what a whole point counts.
    """
    slack = tolerances(capacity.least.dtype).optimality
    least = jnp.ceil(capacity.least / unit * (1 - slack)) * unit
    most = jnp.floor(capacity.most / unit * (1 + slack)) * unit
    return Capacity(jnp.maximum(most, least), least, capacity.budget)


def whole_alone_within(costs: Amounts, error: Amounts, capacity: Capacity, unit: Array | float) -> Amounts:
    """Return whole numbers for each agent on her own within whole bounds; 0 where she cannot sample.

    From the best real numbers, rounded down, one point after the other is added that saves the most for its cost, as
    long as it saves anything and there is money for it. Without a budget that is the best.

    Args:
        costs: of a point, ∞ where an agent cannot sample.
        error: σ²price, of the same shape.
        capacity: bounds from :func:`whole_limits`.
        unit: what a whole point counts.
    """
    able = sampled(costs, capacity)
    real, _ = alone_within(costs, error, capacity)
    price = jnp.where(able, costs, 1.0) * unit
    start = jnp.clip(jnp.floor(real / unit) * unit, capacity.least, jnp.where(able, capacity.most, 0.0))
    columns = jnp.arange(costs.shape[1])

    def add(_: Array, samples: Amounts) -> Amounts:
        left = capacity.budget - spent(costs, samples)
        saved = _risk(error, samples) - _risk(error, samples + unit) - price
        worth = jnp.where(jnp.isnan(saved), -jnp.inf, saved) / price
        possible = able & (samples + unit <= capacity.most) & (price <= left[:, None]) & (worth > 0)
        chosen = jnp.argmax(jnp.where(possible, worth, -jnp.inf), axis=1)
        return samples + jnp.where(possible & (columns == chosen[:, None]), unit, 0.0)

    found: Amounts = jax.lax.fori_loop(0, 2 * costs.shape[1] + 1, add, jnp.where(able, start, 0.0))
    return found


def _risk(error: Amounts, points: Amounts) -> Amounts:
    some = points > 0
    return jnp.where(some, error / jnp.where(some, points, 1.0), jnp.where(error > 0, jnp.inf, 0.0))
