"""Mechanisms as finite tables of reports, and what all earn in each of their profiles."""

import dataclasses

import jax
import jax.numpy as jnp

from jaxmech._errors import ProblemError
from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._types import Array, ArrayLike
from jaxmech.multiparty._existence import existence
from jaxmech.multiparty._interdependent import known
from jaxmech.multiparty._problem import TypeSpace
from jaxmech.multiparty._solve import allocate, outside_value


@pytree
@dataclasses.dataclass(frozen=True)
class ReportTable:
    """A mechanism for finitely many types: who is handed which model and pays what, for every profile of reports.

    Attributes:
        space: types and valuations.
        allocation: (agents, *levels of each) quality of the model that each is handed; 0 where none is.
        payment: (agents, *levels of each) what each pays.
        outside: (agents, *levels of each) what each has if she stays away, for every profile of types.
    """

    space: TypeSpace
    allocation: Array
    payment: Array
    outside: Array


def report_table(space: TypeSpace, payment: ArrayLike | None = None) -> ReportTable:
    """Return the efficient mechanism on a grid of types, with given payments or the largest that incentives allow.

    Args:
        space: the grid of types.
        payment: (agents, *levels of each) payments; by default :func:`maximal_payments`.

    Raises:
        ProblemError: if the payments have another shape.

    Source: Chen et al. 2020, Definition 1 and Algorithm 1.

    Example:
        >>> from jaxmech.multiparty import market_growth
        >>> report_table(market_growth(-1.0, 2, 1)).allocation[0].tolist()
        [[0.0, 1.0], [1.0, 2.0]]
    """
    shape = (space.levels.shape[0], *space.shape)
    charged = existence(space).value.payment if payment is None else jnp.asarray(payment, space.levels.dtype)
    if charged.shape != shape:
        raise ProblemError("payment", charged.shape, f"must have the shape {shape}: agents, then their levels")
    allocation, outside = _mechanism(space)
    return ReportTable(space, allocation, charged, outside)


def earnings(table: ReportTable) -> Array:
    """Return what each earns in every profile of types when all are honest: v_i(x(t), t).

    Args:
        table: the mechanism.

    Returns:
        (agents, *levels of each) earnings, before payments.

    Source: Chen et al. 2020, Definition 2.

    Example:
        >>> from jaxmech.multiparty import market_growth
        >>> earnings(report_table(market_growth(-1.0, 2, 1)))[:, 1, 1].tolist()
        [0.5, 0.5]
    """
    return valued(table.space, used_models(table))


def types_of(space: TypeSpace) -> Array:
    """Return (agents, *levels of each) types in every profile.

    Args:
        space: the grid of types.
    """
    return jnp.stack(jnp.meshgrid(*space.levels, indexing="ij"))


def used_models(table: ReportTable) -> Array:
    """Return (agents, *levels of each) the better of each agent's two models when all are honest.

    Args:
        table: the mechanism.
    """
    return jnp.maximum(table.allocation, table.space.quality(types_of(table.space)))


def valued(space: TypeSpace, used: Array) -> Array:
    """Return (agents, *levels of each) what all earn when they use these models and have the types of the profile.

    Args:
        space: the grid of types.
        used: (agents, *levels of each) qualities of the models in use.
    """
    n = used.shape[0]
    types, flat = types_of(space).reshape(n, -1), used.reshape(n, -1)
    earned = jax.vmap(lambda q, t: known(space.valuation, t)(q), in_axes=1, out_axes=1)(flat, types)
    return earned.reshape(used.shape)


def profiles(space: TypeSpace) -> Array:
    """Return (profiles, agents) types, the last agent's changing fastest.

    Args:
        space: the grid of types.
    """
    return types_of(space).reshape(space.levels.shape[0], -1).T


@jit
def _mechanism(space: TypeSpace) -> tuple[Array, Array]:
    """What is handed out, and what staying away brings, in every profile."""
    n, every = space.levels.shape[0], profiles(space)

    def one(types: Array) -> tuple[Array, Array]:
        handed = allocate(space.valuation, space.quality, types, jnp.ones(n, bool))
        stay = [outside_value(space.valuation, space.quality, i, types) for i in range(n)]
        return handed, jnp.stack(stay)

    handed, outside = jax.lax.map(one, every, batch_size=min(len(every), 4096))
    return handed.T.reshape((n, *space.shape)), outside.T.reshape((n, *space.shape))
