"""Envy-free prices: the largest ones for given sizes, who holds whom down, and the most tempting swap."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._tolerances import without_dust
from jaxmech._types import Array, ArrayLike, Bool, Float, Int
from jaxmech.market._problem import Problem
from jaxmech.numerics import difference_constraints


@pytree
@dataclasses.dataclass(frozen=True)
class EnvyFreePrices:
    """The largest prices at which nobody prefers another's size and price, or nothing.

    Attributes:
        price: one per type; NaN where no prices make the sizes envy-free.
        predecessor: which type's offer holds the price down; −1 where the buyer's own value does.
        feasible: whether such prices exist.
    """

    price: Float[Array, " types"]
    predecessor: Int[Array, " types"]
    feasible: Bool[Array, ""]


class Swap(NamedTuple):
    """A swap that a buyer could wish for.

    Attributes:
        buyer: index of the type that is tempted.
        other: index of the type whose size and price she would take; −1 for nothing at all.
        loss: what she would lose by it; negative if she would gain.
    """

    buyer: int
    other: int
    loss: float


def envy_free_prices(problem: Problem, sizes: ArrayLike) -> EnvyFreePrices:
    """Return the largest solution of p_j <= v_j(m_j), p_j <= p_k + v_j(m_j) − v_j(m_k).

    Every envy-free price for these sizes is at most this one, for every type at once. It jits and differentiates with
    respect to the problem's leaves.

    Args:
        problem: the problem.
        sizes: (types,) how many points a buyer of each type gets.

    Source: the constraints are IRB and EFB of Chen, Clinton and Kandasamy 2025, section 2.1.

    Example:
        >>> from jaxmech.market import Buyer, table
        >>> low, high = Buyer(table([0.0, 0.5, 0.6])), Buyer(table([0.0, 0.7, 1.0]))
        >>> found = envy_free_prices(Problem([0.1], 1.0, [low, high]), [1, 2])
        >>> found.price.round(9).tolist(), found.predecessor.tolist()  # high would rather buy one point for 0.5
        ([0.5, 0.8], [-1, 0])
    """
    found: EnvyFreePrices = _largest_prices(problem, jnp.asarray(sizes))
    return found


@jit
def _largest_prices(problem: Problem, sizes: Array) -> EnvyFreePrices:
    values = problem.values(sizes)
    own = jnp.diagonal(values)
    found = difference_constraints(own, own[:, None] - values)
    return EnvyFreePrices(found.value, found.predecessor, found.feasible)


def utility(problem: Problem, sizes: ArrayLike, prices: ArrayLike) -> Float[Array, " types"]:
    """Return what a buyer of each type gains: v_j(m_j) − p_j.

    Args:
        problem: the problem.
        sizes: (types,) points bought.
        prices: (types,) expected prices.

    Source: Chen, Clinton and Kandasamy 2025, section 2 and equation (17).

    Example:
        >>> from jaxmech.market import Buyer, table
        >>> utility(Problem([0.1], 1.0, [Buyer(table([0.0, 0.5]))]), [1], [0.25]).tolist()
        [0.25]
    """
    dtype = problem.contributor_costs.dtype
    worth: Array = _values(problem, jnp.asarray(sizes))
    return jnp.diagonal(worth) - jnp.asarray(prices, dtype)


def gains(problem: Problem, sizes: ArrayLike, prices: ArrayLike) -> np.ndarray:
    """Return what buyers gain, for the reader: :func:`utility` with 0 where it is what rounding leaves of a value.

    Args:
        problem: the problem.
        sizes: (types,) points bought.
        prices: (types,) expected prices.
    """
    found = np.asarray(utility(problem, sizes, prices), float)
    largest = [float(valuation.largest) for valuation in problem.valuations]
    dtype = problem.contributor_costs.dtype
    return np.array([without_dust(gain, most, dtype) for gain, most in zip(found.tolist(), largest, strict=True)])


def most_tempting_swap(problem: Problem, sizes: ArrayLike, prices: ArrayLike) -> Swap:
    """Return the swap that costs somebody least, or brings most: another type's offer, or nothing at all.

    Args:
        problem: the problem.
        sizes: (types,) points bought.
        prices: (types,) expected prices.

    Returns:
        The swap with the smallest loss. Swaps between identical offers are no swaps. Host only.

    Source: envy-freeness of Chen, Clinton and Kandasamy 2025, section 2.1 (EFB and IRB).

    Example:
        >>> from jaxmech.market import Buyer, table
        >>> low, high = Buyer(table([0.0, 0.5, 0.6])), Buyer(table([0.0, 0.7, 1.0]))
        >>> swap = most_tempting_swap(Problem([0.1], 1.0, [low, high]), [1, 2], [0.5, 0.9])
        >>> swap.buyer, swap.other, round(swap.loss, 9)  # envy
        (1, 0, -0.1)
    """
    dtype = problem.contributor_costs.dtype
    losses = np.asarray(_losses(problem, jnp.asarray(sizes), jnp.asarray(prices, dtype)), float)
    types = len(losses)
    buyer, other = divmod(int(np.argmin(losses)), types + 1)
    return Swap(buyer, other if other < types else -1, float(losses[buyer, other]))


def swap_losses(problem: Problem, sizes: Array, prices: Array) -> Float[Array, "types offers"]:
    """Return what each type loses by taking another's size and price, or nothing at all (last); ∞ for no swap.

    A pure function; swaps between identical offers are no swaps.

    Args:
        problem: the problem.
        sizes: (types,) points bought.
        prices: (types,) expected prices.
    """
    gains = problem.values(sizes) - prices
    own = jnp.diagonal(gains)
    same = (sizes[:, None] == sizes) & (prices[:, None] == prices)
    others = jnp.where(same, jnp.inf, own[:, None] - gains)
    nothing = jnp.where((sizes == 0) & (prices == 0), jnp.inf, own)
    return jnp.concatenate([others, nothing[:, None]], axis=1)


@jit
def _losses(problem: Problem, sizes: Array, prices: Array) -> Array:
    return swap_losses(problem, sizes, prices)


@jit
def _values(problem: Problem, sizes: Array) -> Array:
    return problem.values(sizes)
