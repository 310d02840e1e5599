"""What agents can and must collect, and can spend, as a person hands it in. Checks."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._checks import real_numbers, require
from jaxmech._errors import ProblemError
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, ArrayLike
from jaxmech._words import figure
from jaxmech.mechanism import Capacity


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
        rule = f"must be at least {figure(needed[i])}, what the samples cost that she must collect"
        raise ProblemError(f"budget[{i}]", float(budget[i]), rule)
    nobody = ~np.any(able & (most > 0) & (budget > 0)[:, None], axis=0)
    for (k,) in np.argwhere(nobody):
        rule = "somebody who can sample it must be able to collect some, and to pay for it"
        raise ProblemError(f"most[:][{k}]", float(np.max(np.where(able, most, 0.0)[:, k])), rule)
