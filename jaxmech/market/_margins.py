"""By how much each claim about a market's plan holds: a pure kernel under its certificates."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._precision import seed_key
from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Scalar
from jaxmech.market._broker import Broker
from jaxmech.market._expectation import ExpectedSettlement, expected_settlement
from jaxmech.market._plan import Plan
from jaxmech.market._prices import swap_losses, utility
from jaxmech.market._problem import Problem
from jaxmech.market._solve import mechanism
from jaxmech.market._spread import honest_runs

REALISATIONS = 256
"""Runs in which budget balance is recomputed."""

FACTORS = np.unique(np.concatenate([np.geomspace(0.01, 100, 201), np.linspace(0.5, 2, 151)]))
"""Multiples of what is asked for at which collecting is tried; a point more and a point less as well."""


@pytree
@dataclasses.dataclass(frozen=True)
class Margins:
    """Relative margins of the claims about a plan: a claim holds where its margin is not negative, up to rounding.

    Attributes:
        rational_for_buyers: least gain of a buyer, over the largest value.
        envy_free: least loss by a swap, over the largest value; ∞ where there is one offer only.
        rational_for_contributors: least expected gain, over what collecting costs; ∞ where nobody is asked.
        incentive_compatible: least loss by collecting another amount or submitting another number of points, over what
            collecting costs.
        budget_balanced: less the largest gap in runs of honest contributors, over what is paid.
        deliverable: the least of what must not be negative if the plan is to be carried out.
        profit_optimal: the least of what must not be negative if the profit is the most that the method promises.
    """

    rational_for_buyers: Scalar
    envy_free: Scalar
    rational_for_contributors: Scalar
    incentive_compatible: Scalar
    budget_balanced: Scalar
    deliverable: Scalar
    profit_optimal: Scalar


def margins(problem: Problem, plan: Plan, broker: Broker | None = None) -> Margins:
    """Return the numbers of :func:`jaxmech.market.certify`: by how much every claim about a plan holds.

    Args:
        problem: the problem; inside jit and vmap it may hold tracers, as may the plan.
        plan: from :func:`solve`.
        broker: whose prices and payments are judged; by default the plan's :func:`mechanism`.

    Source: Chen, Clinton and Kandasamy 2025, section 3.2, Theorems 4 and 5.1.

    Example:
        >>> import jax
        >>> from jaxmech.market import Buyer, exponential, solve
        >>> buyers = [Buyer(exponential(0.3), count=5)]
        >>> def worst(cost):
        ...     problem = Problem(jnp.stack([cost, 2 * cost]), 1.0, buyers)
        ...     return margins(problem, solve(problem, sizes=range(65)).value).envy_free
        >>> bool(jnp.all(jax.vmap(worst)(jnp.array([0.02, 0.05])) >= 0))
        True
    """
    found: Margins = _margins(problem, plan, mechanism(problem, plan) if broker is None else broker)
    return found


@jit
def _margins(problem: Problem, plan: Plan, broker: Broker) -> Margins:
    scale = jnp.max(jnp.stack([valuation.largest for valuation in problem.valuations]))
    known = expected_settlement(broker)
    asked = plan.samples > 0
    return Margins(
        rational_for_buyers=jnp.min(utility(problem, plan.sizes, plan.prices)) / scale,
        envy_free=jnp.min(swap_losses(problem, plan.sizes, plan.prices)) / scale,
        rational_for_contributors=jnp.min(jnp.where(asked, known.gain / jnp.where(asked, known.spent, 1.0), jnp.inf)),
        incentive_compatible=_incentive_compatible(known),
        budget_balanced=-jnp.max(budget_gaps(problem, broker)[0]),
        deliverable=jnp.min(shortfalls(plan, scale)),
        profit_optimal=_profit_optimal(problem, plan),
    )


def amounts(known: ExpectedSettlement) -> Array:
    """(tries, contributors) amounts at which collecting is tried."""
    near = known.samples + jnp.asarray([[-1.0], [1.0]], known.samples.dtype)
    far = jnp.asarray(FACTORS, known.samples.dtype)[:, None] * known.samples
    return jnp.maximum(jnp.round(jnp.concatenate([far, near])), 0.0)


def relative_changes(known: ExpectedSettlement, tries: Array) -> tuple[Array, Array, Array]:
    """What contributors gain by other amounts (tries, contributors), a point too many, and none, relative to costs."""
    scale = known.costs * jnp.maximum(known.samples, 1.0)
    change = known.change(tries)
    possible = (tries != known.samples) & (change != -jnp.inf)  # an infinite loss is no number to multiply slopes with
    collected = jnp.where(possible, jnp.where(possible, change, 0.0) / scale, -jnp.inf)
    asked = known.samples > 0
    told = (known.miscounted - known.agreed, known.left - known.gain)
    more, none = (jnp.where(asked, change / scale, -jnp.inf) for change in told)
    return collected, more, none


def _incentive_compatible(known: ExpectedSettlement) -> Scalar:
    changes = relative_changes(known, amounts(known))
    worst = jnp.max(jnp.stack([jnp.max(change) for change in changes]))
    return jnp.where(jnp.any(known.samples > 0), -worst, 0.0)


def budget_gaps(problem: Problem, broker: Broker) -> tuple[Array, Array, Array]:
    """(runs,) relative gaps between what buyers pay and contributors get, and both, in runs of honest contributors.

    What rounding leaves differs from one compilation to another, and no document may depend on it.
    """
    prices, payments = honest_runs(broker, seed_key(0), REALISATIONS)
    paid, got = jnp.sum(prices * problem.counts, axis=1), jnp.sum(payments, axis=1)
    scale = jnp.sum(jnp.abs(payments), axis=1)
    gap = jnp.abs(paid - got) / jnp.where(scale > 0, scale, 1.0)
    return jnp.where(gap <= tolerances(gap.dtype).iterate, 0.0, gap), paid, got


def shortfalls(plan: Plan, scale: Scalar) -> Array:
    """(checks,) what must not be negative for a plan to be carried out; relative, or in points.

    In this order: what is sold is collected; the total is that of the samples; points are whole, and not negative; two
    collect at least; nothing is not sold for money.
    """
    samples, sizes = plan.samples, plan.sizes
    asked, collected, largest = jnp.sum(samples > 0), jnp.sum(samples), jnp.max(sizes)
    points = jnp.maximum(jnp.maximum(collected, largest), 1.0)
    broken = jnp.max(jnp.abs(samples - jnp.round(samples))) + jnp.max(jnp.abs(sizes - jnp.round(sizes)))
    alone = (asked == 1) | ((largest > 0) & (asked == 0))
    return jnp.stack(
        [
            (collected - largest) / points,
            -jnp.abs(plan.total - collected) / points,
            -broken,
            jnp.minimum(jnp.minimum(jnp.min(samples), jnp.min(sizes)), 0.0),
            jnp.where(alone, -1.0, jnp.zeros_like(scale)),
            -jnp.max(jnp.abs(jnp.where(sizes > 0, 0.0, plan.prices))) / scale,
        ]
    )


def _profit_optimal(problem: Problem, plan: Plan) -> Scalar:
    revenue = jnp.sum(problem.counts * plan.prices)
    profit = revenue - jnp.sum(problem.contributor_costs * plan.samples)
    promised = ~jnp.isinf(plan.allowance)
    allowed = jnp.where(promised, plan.allowance, 0.0)
    gap, above = plan.profit_bound - profit, plan.optimum_bound - plan.optimum
    slacks = [
        gap,
        allowed - gap,
        plan.optimum_bound - profit,
        above,
        jnp.where(promised, allowed - above, 0.0),
        -jnp.abs(plan.profit - profit),
        -jnp.abs(plan.revenue - revenue),
    ]
    scale = jnp.maximum(plan.profit_bound, plan.optimum_bound)
    return jnp.min(jnp.stack(slacks)) / jnp.maximum(scale, np.finfo(scale.dtype).tiny)
