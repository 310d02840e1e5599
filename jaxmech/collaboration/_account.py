"""Money apart from error: what an agent pays her laboratory, and what her remaining error is worth."""

from functools import partial
from typing import NamedTuple

import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._types import Amounts, Array, Codes, Distributions
from jaxmech.collaboration._penalty import collection_cost, risk
from jaxmech.collaboration._plan import Plan
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._roles import role_penalty
from jaxmech.collaboration._rule import Rule
from jaxmech.collaboration._units import in_equivalent_points


class Account(NamedTuple):
    """A penalty taken apart, (agents, distributions); bill and error add up to what she pays there.

    Attributes:
        bill: c n, money that collecting costs, in the unit of the costs.
        error: price times the expected squared error of what she knows in the end, in the same unit.
        standard_error: root of the expected squared error, in the unit of the measurements.
    """

    bill: Amounts
    error: Amounts
    standard_error: Amounts


@in_equivalent_points()
def account(problem: Problem, plan: Plan) -> Account:
    """Take apart what a plan costs each agent if everybody complies: q_ik = c n + price E[(estimate − mean)²].

    Args:
        problem: the problem.
        plan: from :func:`solve`, or the plan inside an :class:`IntegerPlan`.

    Returns:
        Arrays (agents, distributions). Their sums over distributions are the plan's penalties.

    Source: Clinton et al. 2025, section 2 and appendix E.4.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.25], [0.25]], sigma=10.0)
        >>> account(problem, solve(problem, division="social", mechanism="pool").value).error.ravel().tolist()
        [3.5355339059327373, 3.5355339059327373]
    """
    arrays = plan.samples, plan.role, plan.alpha, plan.total
    found: Account = _account(problem, *arrays, pooled=plan.pooled, rule=plan.rule)
    return found


@in_equivalent_points("samples")
def account_of_error(problem: Problem, samples: Amounts, error: Amounts) -> Account:
    """Return the account of agents who collect ``samples`` and whose priced squared error is ``error``.

    Source: Clinton et al. 2025, section 2.

    Example:
        >>> problem = Problem(costs=[[0.25]], sigma=10.0, price=4.0)
        >>> account_of_error(problem, jnp.array([[40.0]]), jnp.array([[10.0]]))[2].item()  # √(100/40)
        1.5811388300841898
    """
    return _account_of(problem, samples, error, jnp.sum(samples, axis=-2, keepdims=True))


@in_equivalent_points("samples")
def account_alone(problem: Problem, samples: Amounts) -> Account:
    """Return the account of agents who work alone with these amounts; errors are ∞ where they collect nothing.

    Source: Clinton et al. 2025, appendix A.1.

    Example:
        >>> account_alone(Problem(costs=[[0.25]], sigma=10.0), jnp.array([[20.0]])).error.item()
        5.0
    """
    return _account_of(problem, samples, risk(problem.error, samples), samples)


def _account_of(problem: Problem, samples: Amounts, error: Amounts, known: Array) -> Account:
    """The account; who pays nothing for her error is not checked, and knows what these points tell."""
    told = error != jnp.inf  # of what nobody knows there is no slope
    finite = jnp.where(told, error, 1.0)
    if problem.valued_alike:
        squared = finite / problem.price
    else:
        wanted = problem.price > 0
        squared = jnp.where(wanted, finite / jnp.where(wanted, problem.price, 1), risk(problem.sigma**2, known))
        told |= ~wanted
    deviation = jnp.where(told, jnp.sqrt(squared), jnp.inf)
    return Account(collection_cost(problem, samples), error, deviation)


@partial(jit, static_argnames=("pooled", "rule"))
def _account(
    problem: Problem,
    samples: Amounts,
    role: Codes,
    alpha: Amounts,
    total: Distributions,
    *,
    pooled: bool,
    rule: Rule,
) -> Account:
    if pooled:
        error = jnp.broadcast_to(risk(problem.error, jnp.sum(samples, axis=-2, keepdims=True)), samples.shape)
        return account_of_error(problem, samples, error)
    paid = role_penalty(problem, samples, role, alpha, total, rule)
    return account_of_error(problem, samples, paid - collection_cost(problem, samples))
