"""What the others lose by one agent who measures little, or hands in numbers that she made up: a pure kernel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._extremes import root
from jaxmech._types import Agents, Amounts, Array, ArrayLike
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.numerics import NORMAL_NODES, NORMAL_WEIGHTS


class Harm(NamedTuple):
    """How much more all others pay together; NaN for rules that are neither pools nor the published ones.

    Attributes:
        fewer: for the distribution, if she collects and hands in other amounts than she is asked for.
        invented: if she hands in as many numbers as she is asked for, off by so many σ.
    """

    fewer: Amounts
    invented: Amounts


class _Theirs(NamedTuple):
    """What an agent j is given: n of hers, |Z| = n, D more; and α², all (agents, distributions) and harmless elsewhere.

    Attributes:
        everything: S, the points of all.
        plain: whether she gets the mean of everything as it is.
        checked: whether she is compared.
        n: hers.
        rest: D = T − 2n.
        alpha: α², per σ².
        worth: σ² price.
    """

    everything: Array
    plain: Array
    checked: Array
    n: Array
    rest: Array
    alpha: Array
    worth: Array


@in_equivalent_points("samples")
def harm(problem: Problem, plan: Plan, samples: Amounts, off: ArrayLike = 1.0) -> Harm:
    """Return what the others lose by each agent, one at a time, who all comply and notice nothing.

    Of S points she hands in a. Who gets the mean of all has σ²/S; it becomes σ²/(S − a + n) if she hands in n, and
    grows by (σδa/S)² if hers spread like measured ones about a mean that is off by δσ. Who is checked has D = min(T,
    S − a + n) − 2n* noisy points; made-up ones are h of her n* and h' of her D, so that (ȳ + z̄)/2 is off by hδσ/2n* and
    the rest by h'δσ/D, while ȳ − z̄ ~ N(−hδσ, 2σ²n*)/n* sets noise and weights. h is hypergeometric: two points with its
    first three moments stand for it; those of h' are exact.

    Args:
        problem: the problem.
        plan: from :func:`solve`.
        samples: n, what she collects instead, (agents, distributions).
        off: δ, by how many σ the mean of her made-up numbers is off.

    Source: Clinton et al. 2025, sections 3.2 and 4, for what is done to the data; the question is ours.

    Example:
        >>> from jaxmech.collaboration import solve
        >>> problem = Problem(costs=[[0.25], [0.25]], sigma=10.0)
        >>> plan = solve(problem, division="alone", mechanism="pool").value
        >>> [part.ravel().round(3).tolist() for part in harm(problem, plan, plan.samples / 2)]
        [[0.833, 0.833], [25.0, 25.0]]
    """
    told = plan.pooled or plan.rule.published
    checked = (plan.role == Role.CHECKED) & (not plan.pooled) & told
    everything = jnp.broadcast_to(jnp.sum(plan.samples, axis=0), plan.samples.shape)
    n = jnp.where(checked, plan.samples, 1.0)
    theirs = _Theirs(
        everything=jnp.where(checked, everything, jnp.where(everything > 0, everything, 1.0)),
        plain=(everything > 0) & ((plan.role == Role.RECEIVES) | plan.pooled),
        checked=checked,
        n=n,
        rest=jnp.where(checked, plan.total - 2 * n, 2.0),
        alpha=jnp.where(checked, plan.alpha**2, 1.0),
        worth=jnp.broadcast_to(problem.error, plan.samples.shape),
    )
    shift = jnp.asarray(off, plan.samples.dtype)

    def of_agent(who: tuple[Agents, Amounts, Amounts]) -> Harm:
        others, own, instead = who
        both = _fewer(theirs, own - instead), _invented(theirs, own, shift)
        return Harm(*(jnp.sum(jnp.where(others[:, None], part * theirs.worth, 0.0), axis=0) for part in both))

    found = jax.lax.map(of_agent, (~jnp.eye(len(n), dtype=bool), plan.samples, samples))
    return found if told else Harm(*(jnp.full_like(part, jnp.nan) for part in found))


def _fewer(theirs: _Theirs, missing: Array) -> Array:
    """(agents, distributions) by how much squared errors grow, in σ², where so many points are missing."""
    left = theirs.everything - missing
    plain = 1 / jnp.where(theirs.plain, left, 1.0) - 1 / theirs.everything
    rest = jnp.clip(left - 2 * theirs.n, 0.0, theirs.rest)
    nothing = jnp.zeros_like(theirs.n)
    after = _error(theirs, rest, nothing, nothing, nothing)
    after = jnp.where(left < 2 * theirs.n, 1 / jnp.maximum(left, theirs.n), after)  # nothing noisy, and a smaller Z
    compared = after - _error(theirs, theirs.rest, nothing, nothing, nothing)
    return jnp.where(theirs.checked, compared, jnp.where(theirs.plain, plain, 0.0))


def _invented(theirs: _Theirs, own: Array, off: Array) -> Array:
    """(agents, distributions) by how much squared errors grow, in σ², where ``own`` points are off by so many σ."""
    part = own / theirs.everything
    others = jnp.maximum(theirs.everything - theirs.n, theirs.n)
    share = jnp.minimum(own / others, 1.0)
    mean, compared = theirs.n * share, jnp.zeros_like(theirs.n)
    spread = root(mean * (1 - share) * (others - theirs.n) / jnp.maximum(others - 1, 1.0))
    half = _skewness(others, own, theirs.n, spread) / 2
    wide = jnp.sqrt(1 + half**2)
    for node in (half + wide, half - wide):
        weight = 1 / (1 + node**2)
        found, left = mean + node * spread, jnp.maximum(others - theirs.n, 1.0)
        rate = (own - found) / left
        drawn = jnp.maximum(theirs.rest, 1.0)
        variance = rate * (1 - rate) / drawn * jnp.maximum(left - theirs.rest, 0.0) / jnp.maximum(left - 1, 1.0)
        shifted = _error(theirs, theirs.rest, found / theirs.n * off, rate * off, variance * off**2)
        compared = compared + weight * shifted
    nothing = jnp.zeros_like(theirs.n)
    compared = compared - _error(theirs, theirs.rest, nothing, nothing, nothing)
    return jnp.where(theirs.checked, compared, jnp.where(theirs.plain, (off * part) ** 2, 0.0))


def _skewness(others: Array, own: Array, drawn: Array, spread: Array) -> Array:
    """Of how many of ``own`` marked points out of ``others`` are among those drawn; 0 where nothing varies."""
    some = spread > 1e-9
    top = (others - 2 * own) * (others - 2 * drawn)
    return jnp.where(some, top / (others * jnp.maximum(others - 2, 1.0) * jnp.where(some, spread, 1.0)), 0.0)


def _error(theirs: _Theirs, rest: Array, compared: Array, rate: Array, variance: Array) -> Array:
    """Squared error in σ² of who is checked, with Z off by ``compared`` σ, and D points by ``rate`` σ on average."""
    z, weight = (jnp.asarray(part, rest.dtype) for part in (NORMAL_NODES, NORMAL_WEIGHTS))
    n, rest, alpha, compared, rate, variance = (
        part[..., None] for part in (theirs.n, rest, theirs.alpha, compared, rate, variance)
    )
    spread = 1 + alpha * (z * jnp.sqrt(2 / n) - compared) ** 2
    clean = 2 * n / (2 * n + rest / spread)
    squared = (clean * compared / 2 + (1 - clean) * rate) ** 2 + clean**2 / (2 * n)
    # (1 − w)² (1 + η²)/D = w (1 − w)/2n, which needs no points to be left
    return jnp.sum(weight * (squared + (1 - clean) ** 2 * variance + clean * (1 - clean) / (2 * n)), axis=-1)
