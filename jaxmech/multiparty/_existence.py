"""Does a desirable mechanism exist? The largest payments that incentives allow, for every profile of types."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from jaxmech._extremes import lowest
from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._status import Solution, Status
from jaxmech._tolerances import tolerances
from jaxmech._types import Array, Scalar
from jaxmech.multiparty._pass import OUTSIDE, agent_tables, one_row, top_utilities
from jaxmech.multiparty._problem import TypeSpace
from jaxmech.multiparty._valuation import MarketGrowth


@pytree
@dataclasses.dataclass(frozen=True)
class Existence:
    """Whether a desirable mechanism exists on a grid of types, and the payments that decide it.

    Attributes:
        exists: whether the largest payments never sum to less than nothing.
        payment: (agents, *levels of each) largest payments under which all participate and report truthfully.
        revenue: (*levels of each) their sums.
        welfare: (*levels of each) sums of the values.
        margin: least revenue of all profiles, relative to what is at stake there.
        witness: (agents,) levels of the profile that decides: the first that fails (least largest level, then least
            margin), or else the one with the least margin.
        by_level: (levels,) the least margin of the profiles with each largest level; 0 where nothing is at stake. One
            exists up to a level if none is below zero up to there.
    """

    exists: Bool[Array, ""]
    payment: Array
    revenue: Array
    welfare: Array
    margin: Scalar
    witness: Int[Array, " agents"]
    by_level: Float[Array, " levels"]


class Chain(NamedTuple):
    """The constraints that bind a payment, from the level at which staying away binds to the level in question.

    Attributes:
        levels: (steps + 1,) levels of the agent: she would rather report each than the next, were the next dearer.
        utility: (steps + 1,) what she must be left at each.
        payment: (steps + 1,) what she can be charged at each.
    """

    levels: np.ndarray
    utility: np.ndarray
    payment: np.ndarray


def existence(space: TypeSpace) -> Solution[Existence]:
    """Decide whether a mechanism exists that is truthful, rational, efficient and never loses money.

    For each agent and profile of the others, what she must be left with obeys
    g(t) = max( v(∅, t), max over t' < t of g(t') + v(t', t) − v(t', t') ), where v(t', t) is what she earns with type t
    when she reports t'. Constraints lead from lower to higher types only, so one pass upwards is exact, and
    p_max(t) = v(t, t) − g(t). A desirable mechanism exists if and only if Σ_i p_max,i(t) ≥ 0 in every profile. As in
    the paper, everybody uses the better of her two models; :func:`audit_table` looks at the other choice as well.

    Args:
        space: the grid of types; inside jit and vmap it may hold tracers.

    Returns:
        Solution around the verdict and the payments, which bring the largest revenue of all truthful and rational
        mechanisms. The residual is how far utilities at the highest level are from what staying away and all
        reports below ask for, each looked at once more without blocks, relative. The memory taken is
        a few times that of the payments: no table of constraints is held. Differentiates forward and reverse, along
        the constraints that bind (a kink where two bind: one of them counts); the verdict and the witness do not move.

    Source: Chen et al. 2020, Algorithm 1 and Theorem 5.

    Example:
        >>> from jaxmech.multiparty import market_growth
        >>> [bool(existence(market_growth(-0.7, 2, d)).value.exists) for d in (38, 39)]
        [True, False]
    """
    solution: Solution[Existence] = _existence(space)
    return solution


def maximal_payments(space: TypeSpace) -> Array:
    """Return the largest payments under which all participate and report truthfully, for every profile.

    Args:
        space: the grid of types.

    Returns:
        (agents, *levels of each) payments.

    Source: Chen et al. 2020, Algorithm 1.

    Example:
        >>> from jaxmech.multiparty import market_growth
        >>> maximal_payments(market_growth(-1.0, 2, 1))[:, 1, 0].tolist()
        [-0.5, 0.5]
    """
    return existence(space).value.payment


def binding_chain(space: TypeSpace, agent: int, profile: tuple[int, ...]) -> Chain:
    """Return the constraints that bind an agent's payment in a profile.

    Args:
        space: the grid of types.
        agent: whose payment.
        profile: (agents,) levels.

    Returns:
        The chain, lowest level first: there she is indifferent to staying away, and at each later level to reporting
        the one before. Host only.

    Source: Chen et al. 2020, Theorem 5 (the shortest path).

    Example:
        >>> from jaxmech.multiparty import market_growth
        >>> binding_chain(market_growth(-1.0, 2, 4), 0, (4, 0)).levels.tolist()
        [1, 2, 3, 4]
    """
    others = jnp.asarray([level for j, level in enumerate(profile) if j != agent])
    row = jax.jit(one_row, static_argnums=1)(space, agent, others)
    levels = [int(profile[agent])]
    while (before := int(row.parent[levels[-1]])) != OUTSIDE:
        levels.append(before)
    chosen = np.array(levels[::-1])
    utility, payment = np.asarray(row.utility)[chosen], np.asarray(row.truth - row.utility)[chosen]
    return Chain(chosen, utility, payment)


def _tables(space: TypeSpace) -> list[tuple[Array, Array]]:
    n = space.levels.shape[0]
    if not (space.shared and isinstance(space.valuation, MarketGrowth)):
        return [agent_tables(space, i) for i in range(n)]
    # Agents differ in name only: one pass serves all.
    first = agent_tables(space, 0)
    value, utility = first
    return [first, *[(jnp.swapaxes(value, 0, i), jnp.swapaxes(utility, 0, i)) for i in range(1, n)]]


def top_residual(space: TypeSpace, utility: Array, stake: Array) -> Array:
    """Return how far utilities at each agent's highest level are from what they must be, given those below.

    Args:
        space: the grid of types.
        utility: (agents, *levels of each) what each is left.
        stake: (*levels of each) what is at stake.
    """
    off = []
    for i in range(space.levels.shape[0]):
        mine, scale = jnp.moveaxis(utility[i], i, -1), jnp.moveaxis(stake, i, -1)[..., -1]
        wrong = jnp.abs(mine[..., -1] - top_utilities(space, i, mine))
        off.append(jnp.max(wrong / jnp.where(scale > 0, scale, 1.0)))
    return jnp.max(jnp.stack(off))


@jit
def _existence(space: TypeSpace) -> Solution[Existence]:
    tables = _tables(space)
    value, utility = (jnp.stack(list(entries)) for entries in zip(*tables, strict=True))
    payment = value - utility
    revenue, welfare = jnp.sum(payment, axis=0), jnp.sum(value, axis=0)
    stake = jnp.sum(jnp.abs(value) + jnp.abs(utility), axis=0)
    counted = settled(revenue, jnp.maximum(jnp.max(jnp.abs(value)), jnp.max(jnp.abs(utility))))
    margin = jnp.where(stake > 0, counted / jnp.where(stake > 0, stake, 1.0), jnp.inf)
    slack = rounding(margin.dtype)
    fails = margin < -slack
    exists = ~jnp.any(fails)
    largest = jnp.max(jnp.stack(jnp.meshgrid(*[jnp.arange(k) for k in space.shape], indexing="ij")), axis=0)
    first = jnp.min(jnp.where(fails, largest, max(space.shape)))
    deciding = jnp.where(exists | (fails & (largest == first)), margin, jnp.inf)
    # Of profiles that differ only by names, and so by rounding, the one in which the first agents have most.
    tied = (deciding <= jnp.min(deciding) + slack).reshape(-1)
    flat = tied.size - 1 - jnp.argmax(tied[::-1])
    witness = jnp.stack(jnp.unravel_index(flat, space.shape))
    sound = jnp.all(jnp.isfinite(payment))
    told = jnp.where(jnp.isinf(margin), 0.0, margin).reshape(-1)
    by_level = jax.ops.segment_min(told, largest.reshape(-1), max(space.shape))
    found = Existence(exists & sound, payment, revenue, welfare, lowest(margin), witness, by_level)
    return Solution(
        value=jax.tree.map(lambda leaf: _blank(sound, leaf), found),
        status=jnp.where(sound, int(Status.OK), int(Status.NONFINITE)).astype(jnp.int32),
        residual=top_residual(*jax.lax.stop_gradient((space, utility, stake))),
        steps=jnp.asarray(space.shape[0], jnp.int32),
    )


def rounding(dtype: jnp.dtype) -> float:
    """Relative size of what rounding alone can do to a sum of payments: less than this is nothing."""
    found = tolerances(dtype)
    return 16 * found.root * found.eps


def settled(amounts: Array, largest: Array) -> Array:
    """Return amounts with 0 in place of what rounding of the largest earnings alone can make.

    Where what agents earn cancels, next to nothing is at stake, and rounding would be all of it.

    Args:
        amounts: differences of earnings and payments.
        largest: of all earnings.
    """
    return jnp.where(jnp.abs(amounts) <= 8 * tolerances(amounts.dtype).eps * largest, 0.0, amounts)


def _blank(sound: Array, leaf: Array) -> Array:
    return jnp.where(sound, leaf, jnp.nan) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
