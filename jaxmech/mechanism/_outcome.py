"""What happened when a mechanism was run."""

import dataclasses

import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Agents, Amounts, Array, Distributions


@pytree
@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a mechanism brought each agent: in one run, or on average over many.

    Attributes:
        squared_error: of her estimates, not yet priced.
        cost: of what she collected.
        payment: what the mechanism paid to her.
        penalty: Σ_k price_k squared error_k + cost − payment.
        standard_error: of the penalty, over replications; NaN for a single run.
        replications: how many runs.
    """

    squared_error: Amounts
    cost: Agents
    payment: Agents
    penalty: Agents
    standard_error: Agents
    replications: Array


def priced(squared_error: Array, price: Distributions | Amounts) -> Array:
    """Return Σ_k price_k squared error_k; where the price is 0, the error is not looked at: not even if it is NaN.

    Source: Clinton et al. 2025, section 2; prices are this package's generalisation.

    Example:
        >>> float(priced(jnp.array([4.0, jnp.nan]), jnp.array([0.5, 0.0])))
        2.0
    """
    return jnp.sum(jnp.where(price > 0, price * jnp.where(price > 0, squared_error, 0.0), 0.0), axis=-1)
