"""Points of agents who measure with different precision, counted alike. A pure kernel."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Amounts, Array, Distributions


class Equivalent(NamedTuple):
    """A problem whose agents differ in precision, as one in which they do not.

    Attributes:
        costs: c' = c/precision, of an equivalent point.
        sigma: σ_k, standard deviation of an equivalent point: that of whoever measures k most precisely.
        precision: σ_k²/σ[i, k]², how many equivalent points one of hers counts; 1 where she cannot sample.
    """

    costs: Amounts
    sigma: Distributions
    precision: Amounts


def equivalent_points(costs: Amounts, sigma: Array) -> Equivalent:
    """Return costs, σ and precision in equivalent points: n of hers tell as much as n' = n σ_k²/σ_ik².

    Whatever is a function of variances and costs alone is the same for (n', c') as for (n, c): the precision-weighted
    mean of all points has variance σ_k²/Σ n'. What σ_k is does not matter; it is a constant for differentiation.

    Args:
        costs: of one of her points; ∞ where an agent cannot sample.
        sigma: (agents, distributions), standard deviation of one of her points; ignored where she cannot sample.

    Source: this package; precision adds up, elementary.

    Example:
        >>> alike = equivalent_points(jnp.array([[1.0], [1.0]]), jnp.array([[1.0], [2.0]]))
        >>> alike.costs.ravel().tolist(), alike.precision.ravel().tolist()
        ([1.0, 4.0], [1.0, 0.25])
    """
    able = costs != jnp.inf
    reference = jax.lax.stop_gradient(jnp.min(jnp.where(able, sigma, jnp.inf), axis=-2))
    ratio = reference[..., None, :] / jnp.where(able, sigma, 1.0)
    precision = jnp.where(able, ratio**2, 1.0)
    return Equivalent(jnp.where(able, jnp.where(able, costs, 1.0) / precision, jnp.inf), reference, precision)
