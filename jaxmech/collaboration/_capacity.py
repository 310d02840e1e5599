"""What agents can and must collect, and can spend, and what that makes of working alone.

Alone an agent minimises Σ_k (e_k/n_k + c_k n_k), e = σ²price, over least <= n <= most and Σ_k c_k n_k <= budget.
Without the budget that clips n_IND = √(e/c). With it there is one multiplier μ >= 0, n = clip(√(e/(c(1 + μ)))): in
y = 1/√(1 + μ) what she spends, Σ_k clip(y √(e_k c_k), c_k least_k, c_k most_k), is piecewise linear, so that y is a
quotient.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._checks import real_numbers, require
from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, ArrayLike, Support


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


def capacity_of(
    costs: Array, most: ArrayLike | None, least: ArrayLike | None, budget: ArrayLike | None
) -> Capacity | None:
    """Return the bounds of a problem, checked; None where none is given.

    Args:
        costs: (agents, distributions), ∞ where an agent cannot sample.
        most: a number, one per agent, or a table; ∞ for no limit. None: no limit.
        least: likewise, 0 for none.
        budget: a number or one per agent, ∞ for no limit. None: no limit.

    Raises:
        ProblemError: naming the argument, the index, the value and the rule: negative or NaN, of another shape,
            most below least, least where an agent cannot sample, a budget below what the least costs, and a
            distribution of which nobody can collect anything. Values that are being traced are not checked.
    """
    if most is None and least is None and budget is None:
        return None
    upper = _amounts("most", jnp.inf if most is None else most, costs)
    lower = _amounts("least", 0.0 if least is None else least, costs)
    money = _per_agent("budget", jnp.inf if budget is None else budget, costs)
    require("most", upper, lambda entries: entries >= 0, "must be 0 or more (inf for no limit)")
    require("least", lower, lambda entries: np.isfinite(entries) & (entries >= 0), "must be 0 or more and finite")
    require("budget", money, lambda entries: entries >= 0, "must be 0 or more (inf for no limit)")
    able = costs != jnp.inf
    if not any(isinstance(part, jax.core.Tracer) for part in (costs, upper, lower, money)):
        table = least is not None and np.ndim(least) == 2
        _check(*(np.asarray(part) for part in (costs, upper, lower, money)), table=table)
    return Capacity(jnp.where(able, upper, 0.0), jnp.where(able, lower, 0.0), money)


def spent(costs: Amounts, samples: Amounts) -> Agents:
    """Return Σ_k c[i, k] n[i, k], with ∞·0 = 0.

    Args:
        costs: of a point.
        samples: amounts.
    """
    some = samples > 0
    return jnp.sum(jnp.where(some, jnp.where(some, costs, 1.0) * samples, 0.0), axis=-1)


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
    ideal = _root(jnp.where(able, error * price, 0.0))  # c n_IND
    low, high = price * capacity.least, jnp.where(able, price * capacity.most, 0.0)
    tightness = _tightness(ideal, low, high, capacity.budget)
    samples = jnp.clip(ideal * tightness[..., None] / price, capacity.least, jnp.where(able, capacity.most, 0.0))
    return jnp.where(able, samples, 0.0), tightness


def _root(values: Array) -> Array:
    """√, with the slope 0 at 0."""
    some = values != 0  # not > 0: a NaN must reach the answer
    return jnp.where(some, jnp.sqrt(jnp.where(some, values, 1.0)), 0.0)


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


def _amounts(name: str, value: ArrayLike, costs: Array) -> Array:
    """A table; a number counts everywhere, a list for every distribution of its agent."""
    array = real_numbers(name, value)
    m, d = costs.shape
    if array.shape not in ((), (m,), (m, d)):
        rule = f"must be one number, one per agent ({m}), or as large a table as costs ({m} x {d})"
        raise ProblemError(name, array.shape, rule)
    column = array[:, None] if array.ndim == 1 else array
    return jnp.broadcast_to(column.astype(costs.dtype), (m, d))


def _per_agent(name: str, value: ArrayLike, costs: Array) -> Array:
    array = real_numbers(name, value)
    m = costs.shape[0]
    if array.shape not in ((), (m,)):
        raise ProblemError(name, array.shape, f"must be one number, or one per agent ({m})")
    return jnp.broadcast_to(array.astype(costs.dtype), (m,))


def _check(costs: np.ndarray, most: np.ndarray, least: np.ndarray, budget: np.ndarray, *, table: bool) -> None:
    """Refuse bounds that contradict each other."""
    able = np.isfinite(costs)
    for i, k in np.argwhere((least > most) & able):
        raise ProblemError(f"most[{i}][{k}]", float(most[i, k]), f"must be at least least ({least[i, k]:g})")
    for i, k in np.argwhere((least > 0) & ~able) if table else ():
        raise ProblemError(f"least[{i}][{k}]", float(least[i, k]), "must be 0: this agent cannot sample it")
    needed = np.sum(np.where(able & (least > 0), np.where(able, costs, 1.0) * least, 0.0), axis=1)
    for (i,) in np.argwhere(needed > budget * (1 + tolerances(costs.dtype).condition)):
        rule = f"must be at least {needed[i]:.6g}, what the samples cost that she must collect"
        raise ProblemError(f"budget[{i}]", float(budget[i]), rule)
    nobody = ~np.any(able & (most > 0) & (budget > 0)[:, None], axis=0)
    for (k,) in np.argwhere(nobody):
        rule = "somebody who can sample it must be able to collect some, and to pay for it"
        raise ProblemError(f"most[:][{k}]", float(np.max(np.where(able, most, 0.0)[:, k])), rule)


def sampled(costs: Amounts, capacity: Capacity | None) -> Support:
    """Return who can collect anything of what.

    Args:
        costs: ∞ where an agent cannot sample.
        capacity: bounds, or None.
    """
    able = costs != jnp.inf
    return able if capacity is None else able & (capacity.most > 0)
