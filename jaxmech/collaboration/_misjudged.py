"""What a plan costs, and whom it tempts, where σ is not what it is taken for: a pure kernel."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._extremes import lowest
from jaxmech._types import Agents, Array, ArrayLike
from jaxmech.collaboration._penalty import collection_cost
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._roles import dimensionless
from jaxmech.collaboration._temptation import truthful_penalty
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.numerics import NORMAL_NODES, NORMAL_WEIGHTS

_AMOUNTS = np.geomspace(0.1, 4.0, 75)
"""Parts of the agreed amount that a tempted agent may collect instead: one is within 5 % of the best, at a minimum."""


class Misjudged(NamedTuple):
    """What a plan brings under another σ than it was made for; NaN for calibrated plans, whose noise follows the data.

    Attributes:
        penalty: what each agent pays if all do as agreed.
        saving: what each could save, who knows σ, by other amounts where she is checked; a lower bound by a grid.
    """

    penalty: Agents
    saving: Agents


@in_equivalent_points()
def misjudged(problem: Problem, plan: Plan, factor: ArrayLike) -> Misjudged:
    """Return what each agent pays, and could save, where every σ is s = ``factor`` times what the plan takes it for.

    Errors grow by s². Where an agent is checked, noisy points are weighed by the agreed σ besides: in units of (sσ)²/n*
    her error is E[w²/2 + (1 − w)²(1 + v)/(τ − 2)] with v = 2(α²/n*)g², g ~ N(0, 1) and w = 2/(2 + (τ − 2)/(1 + s²v)).
    Without limits a plan for the true σ costs s times as much as this one does at the agreed σ.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        factor: positive.

    Source: Clinton et al. 2025, Lemma 16 and equation (64), for penalties at a known σ; the rest is ours.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.01]] * 10, sigma=1.0)
        >>> found = misjudged(problem, solve(problem, division="social", mechanism="c3d").value, 0.8)
        >>> float(found.penalty[0].round(4)), float((found.saving / found.penalty)[0].round(3))
        (0.0813, 0.023)
    """
    true = dataclasses.replace(problem, sigma=jnp.asarray(problem.sigma) * jnp.asarray(factor))
    checked = (plan.role == Role.CHECKED) & (not plan.pooled)
    spent = collection_cost(problem, plan.samples)
    paid = truthful_penalty(true, plan, plan.samples)
    saving = jnp.sum(jnp.where(checked, paid - _best(true, plan, paid), 0.0), axis=-1)
    if not plan.pooled and not plan.rule.steady:
        n = jnp.where(checked, plan.samples, 1.0)
        tau, _ = dimensionless(problem, plan.samples, plan.total)
        ratio = jnp.where(checked, plan.alpha**2 / n, 1.0)
        error = _error(jnp.where(checked, tau, 10.0), ratio, jnp.asarray(factor, n.dtype) ** 2)
        paid = jnp.where(checked, true.scale**2 / n * error + spent, paid)
    penalty = jnp.sum(paid, axis=-1)
    if plan.calibrated:
        return Misjudged(*(jnp.full_like(part, jnp.nan) for part in (penalty, saving)))
    return Misjudged(penalty, saving)


def _best(problem: Problem, plan: Plan, paid: Array) -> Array:
    """The least that other amounts cost, by distribution."""
    tried = jax.vmap(lambda part: truthful_penalty(problem, plan, part * plan.samples))(
        jnp.asarray(_AMOUNTS, plan.samples.dtype)
    )
    return jnp.minimum(paid, lowest(tried, 0))


def _error(tau: Array, ratio: Array, grown: Array) -> Array:
    """Her squared error in units of the true σ²/n*, with weights for a σ² that is smaller by ``grown``."""
    g, weight = (jnp.asarray(part, tau.dtype) for part in (NORMAL_NODES, NORMAL_WEIGHTS))
    tau, spread = tau[..., None], 2 * ratio[..., None] * g**2
    clean = 2 / (2 + (tau - 2) / (1 + grown * spread))
    return jnp.sum(weight * (clean**2 / 2 + (1 - clean) ** 2 * (1 + spread) / (tau - 2)), axis=-1)
