"""What no mechanism can do for these costs: bounds from below that theorems give. A pure kernel."""

from typing import NamedTuple

import jax.numpy as jnp

from jaxmech._extremes import highest, lowest, root
from jaxmech._types import Agents, Array, Distributions, Scalar
from jaxmech.collaboration._division import first_best, social_error
from jaxmech.collaboration._penalty import collection_cost, risk
from jaxmech.collaboration._problem import Problem, alone_penalty, alone_samples
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.mechanism._capacity import spent


class Unavoidable(NamedTuple):
    """Penalties below which no mechanism without money comes.

    Attributes:
        dominant: (agents,) least penalty of each where what she is asked to do is best for her whatever the others do,
            or never leaves her worse off than alone whatever they do; it holds at every behaviour of the others. 0 for
            who cannot sample everything, of whom the theorems say nothing.
        single: (distributions,) whether only one agent can sample it.
        most: (distributions,) how many points are collected of it in every equilibrium; ∞ where no bound applies.
        each: (agents,) least penalty of each in any equilibrium in which nobody's is infinite.
        social: least sum of all penalties in any such equilibrium.
    """

    dominant: Agents
    single: Array
    most: Distributions
    each: Agents
    social: Scalar


@in_equivalent_points()
def unavoidable(problem: Problem) -> Unavoidable:
    """Return p_IND/2 for mechanisms that ask too much, and what single suppliers cost in every equilibrium.

    Dominant strategies, and individual rationality at every behaviour of the others: where these collect nothing she is
    alone, and nothing but n_IND is good enough; she chooses amounts before she learns what they do, so that she always
    spends Σ_k c n_IND = p_IND/2. That argument needs a finite p_IND, which the theorems do not say.

    A distribution that one agent alone can sample: its points can be made up. Let her draw a mean from N(0, τ²), invent
    as many points about it as she would have submitted, and keep her own: what she learns of everything else is no
    worse than on average over that mean, while the points that she keeps decide her own error alone. As τ grows any
    amount but n_IND = σ/√c is worse for her. So everybody's error there is at least σ²/n_IND = σ√c, and together they
    pay (m + 1)σ√c; for each other distribution no less than the first best 2σ√(m min_i c). It applies to Nash
    equilibria in which all penalties are finite, and to distributions that say nothing about each other, whatever else
    she collects.

    Args:
        problem: the problem.

    Source: Clinton et al. 2025, Theorems 2 and 3; Theorem 4 with its Lemma 6 for a supplier who can sample nothing
        else. The argument above, which allows her to, is this package's.

    Example:
        >>> found = unavoidable(Problem(costs=[[0.25, float("inf")], [float("inf"), 0.25]], sigma=2.0))
        >>> found.most.tolist(), found.each.tolist(), float(found.social)
        ([4.0, 4.0], [3.0, 3.0], 6.0)
    """
    if problem.capacity is not None:
        return _within_limits(problem)
    m, _ = problem.shape
    able = problem.costs != jnp.inf
    single = jnp.sum(able, axis=0) == 1
    cheapest = lowest(problem.costs, 0)
    if not problem.valued_alike:
        return _by_worth(problem, single)
    error = problem.scale * jnp.sqrt(cheapest)
    alone = alone_penalty(problem)
    # she who supplies pays for the points as well, as much as they leave of error
    supplies = 1 + (able & single)
    return Unavoidable(
        dominant=jnp.where(jnp.isfinite(alone), alone / 2, 0),
        single=single,
        most=jnp.where(single, highest(alone_samples(problem), 0), jnp.inf),
        each=jnp.sum(jnp.where(single, supplies * error, 0), axis=1),
        social=jnp.sum(jnp.where(single, (m + 1) * error, 2 * jnp.sqrt(1.0 * m) * error)),
    )


def _within_limits(problem: Problem) -> Unavoidable:
    """What is left of it with limits: she spends what she would alone, and no equilibrium beats the first best.

    The argument about a single supplier is not made: what she spends there she lacks elsewhere.
    """
    alone, spends = alone_penalty(problem), spent(problem.costs, alone_samples(problem))
    nobody = jnp.zeros(problem.shape[1], bool)
    return Unavoidable(
        dominant=jnp.where(jnp.isfinite(alone), spends, 0),
        single=nobody,
        most=jnp.full(nobody.shape, jnp.inf, spends.dtype),
        each=jnp.zeros_like(spends),
        social=first_best(problem),
    )


def _by_worth(problem: Problem, single: Array) -> Unavoidable:
    """The same where n_IND rests on what accuracy is worth to the supplier, and errors on what it is to others."""
    alone, error = alone_penalty(problem), problem.error
    most = highest(alone_samples(problem), 0)
    hers = risk(error, jnp.where(single, most, 1)) + collection_cost(
        problem, jnp.where(single, alone_samples(problem), 0)
    )
    least = 2 * root(social_error(problem) * lowest(problem.costs, 0))
    return Unavoidable(
        dominant=jnp.where(jnp.isfinite(alone), alone / 2, 0),
        single=single,
        most=jnp.where(single, most, jnp.inf),
        each=jnp.sum(jnp.where(single, hers, 0), axis=1),
        social=jnp.sum(jnp.where(single, jnp.sum(hers, axis=0), least)),
    )
