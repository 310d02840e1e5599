"""The division with the least social penalty at which nobody pays more than alone."""

import jax
import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._status import Solution, Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Amounts, Array, ArrayLike
from jaxmech.collaboration._division import first_best, social_samples
from jaxmech.collaboration._gaining import gaining
from jaxmech.collaboration._leverage import leverage_optimum
from jaxmech.collaboration._limited import check_size, infeasible, limited_rational
from jaxmech.collaboration._penalty import penalty, social_penalty
from jaxmech.collaboration._problem import Problem, alone_penalty, alone_samples
from jaxmech.collaboration._units import ITSELF, in_equivalent_points
from jaxmech.numerics import Kind, solve_sharing


@in_equivalent_points(returns=(ITSELF,))
def rational_optimum(problem: Problem, bounds: ArrayLike | None = None) -> Solution[Amounts]:
    """n_OPT: minimise P(n) = Σ_i p_i(n) subject to p_i(n) <= p_IND[i], n >= 0, n = 0 where an agent cannot sample.

    Where the social optimum leaves nobody worse off it is the answer, in closed form; for one distribution and the
    bounds p_IND it is the leverage optimum, in closed form too; otherwise an interior-point method finds it and ends on
    its exact support. Among several optima (equal costs) the one that treats equal agents alike is returned. Amounts
    that are zero are exactly zero. Derivatives in costs, σ, price and bounds follow from the optimality conditions
    on that support; at a kink, where an agent enters or leaves it, they are those of one side. Where tied costs make
    the optimum jump there is none, and the value returned belongs to the even split.

    With most, least and budget it is the optimum within them, by an interior-point method of its own, for problems of
    some thousand amounts.

    Args:
        problem: the problem.
        bounds: largest penalty that each agent accepts, ∞ for no limit; p_IND where none is given.

    Returns:
        Samples (agents, distributions). The residual is the largest relative error in the optimality conditions,
        of any agent and any distribution.

    Source: Clinton et al. 2025, equation (7).

    Example:
        >>> problem = Problem(costs=[[0.033], [0.066], [0.1]], sigma=10.0)
        >>> rational_optimum(problem).value.round(2).ravel().tolist()
        [71.17, 6.68, 0.0]
    """
    if bounds is None and problem.shape[1] == 1 and problem.capacity is None:
        return leverage_optimum(problem)
    own = alone_penalty(problem)
    given = own if bounds is None else jnp.broadcast_to(jnp.asarray(bounds, own.dtype), own.shape)
    if problem.capacity is None:
        return _rational(problem, given)
    unlimited = _rational(problem.unlimited(), given)
    found = limited_rational(check_size(problem), given, unlimited)
    return found if bounds is None else infeasible(problem, given, found)


@jit
def _rational(problem: Problem, bounds: Agents) -> Solution[Amounts]:
    limits = tolerances(problem.costs.dtype)
    own = alone_penalty(problem)
    social = social_samples(problem)
    social_ok = jnp.all(penalty(problem, social) <= bounds * (1 + 64 * limits.eps))
    # where one agent alone can sample anything and may not lose, the feasible set is the point n_IND
    active, costs = jnp.any(problem.costs != jnp.inf, axis=1) & (own != 0), problem.costs
    pinned = (bounds <= own * (1 + limits.optimality)) & (bounds >= own * (1 - limits.optimality))
    point = (jnp.sum(active) == 1) & jnp.any(active & pinned)
    error, kept, alone = problem.error, jnp.zeros_like(active), alone_samples(problem)
    if not problem.valued_alike:
        # who pays nothing alone may not be asked for anything, and who cannot gain works alone. What she collects helps
        # nobody else: who wants it gains by it, and could give her some of it, unless she cannot sample what she wants
        served = jnp.all(own < jnp.inf)
        kept = pinned & ~gaining(problem, ~pinned) & served
        point = jnp.where(served, jnp.all(kept | (bounds <= 0)) & jnp.any(kept), point)
        costs = jnp.where((bounds <= 0)[:, None], jnp.inf, costs)
        error = jnp.where(kept[:, None], 0.0, error)
        bounds = jnp.where(bounds <= 0, jnp.inf, bounds)
    point = point & ~social_ok
    optimum = solve_sharing(
        Kind.WEIGHTED,
        jnp.where(kept[:, None], jnp.inf, costs),
        error,
        weights=jnp.ones_like(own),
        bounds=jnp.where(kept, jnp.inf, bounds),
        skip=social_ok | point,
    )
    divided = jnp.where(kept[:, None], alone, optimum.amount)
    samples = jnp.where(social_ok, social, jnp.where(point, alone, divided))
    least = first_best(problem)
    gap = jnp.where(social_ok, jnp.abs(social_penalty(problem, social) - least) / least, 0.0)
    excess = jnp.where(bounds != jnp.inf, penalty(problem, samples) / bounds - 1, 0.0)
    known = jax.lax.stop_gradient(jnp.maximum(gap, jnp.max(excess)))
    residual = jnp.where(social_ok | point, known, optimum.residual)
    # working alone satisfies these bounds
    feasible = jnp.all(bounds >= own * (1 - 64 * limits.eps))
    status = jnp.where((optimum.status == Status.INFEASIBLE) & feasible, Status.STALLED, optimum.status)
    status = jnp.where(jnp.isnan(residual), Status.NONFINITE, status).astype(jnp.int32)
    if not problem.valued_alike:
        # where nobody may collect what somebody cannot do without, no amounts leave her a finite penalty
        possible = _supplied(problem, costs) & ((status != Status.OK) | jnp.all(penalty(problem, samples) < jnp.inf))
        status = jnp.where(possible, status, Status.INFEASIBLE).astype(jnp.int32)
    return Solution(samples, status, residual, optimum.steps).blanked()


def _supplied(problem: Problem, costs: Amounts) -> Array:
    """Whether somebody may be asked for whatever is wanted."""
    wanted = jnp.any(problem.price > 0, axis=0)
    return jnp.all(~wanted | jnp.any(costs != jnp.inf, axis=0))
