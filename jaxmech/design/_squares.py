"""How often weighted squares of standard normal numbers stay below 1: what an ellipsoid lets pass; a pure kernel.

P(Σ_k w_k N_k² ≤ 1) = (1/2πi) ∫ e^p/p Π_k (1 + 2p w_k)^{−1/2} dp, along a contour that winds about the negative real
axis, where all singularities are, by the midpoint rule (Talbot's method; the error falls like 3.89^−N). Factors of
1/(1 + 2p w_k) give derivatives: ∂/∂log w_k of it is half of what two more squares of weight w_k would take away.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array, Float

_NODES = 32


def _contour() -> tuple[np.ndarray, np.ndarray]:
    """Places p and weights of the half of the contour above the real axis; the other half is its mirror image."""
    angle = np.pi * (2 * np.arange(_NODES // 2) + 1) / _NODES
    turned = 0.6407 * angle
    place = _NODES * (0.5017 * angle / np.tan(turned) - 0.6122 + 0.2645j * angle)
    slope = _NODES * (0.5017 / np.tan(turned) - 0.5017 * turned / np.sin(turned) ** 2 + 0.2645j)
    return place, 2 * np.exp(place) * slope / (1j * _NODES * place)


_PLACE, _WEIGHT = _contour()


class Within(NamedTuple):
    """The chance that Σ_k w_k N_k² ≤ 1, and how it moves.

    Attributes:
        chance: (...,) S.
        fall: (..., k) −∂S/∂log w_k.
        bend: (..., k, l) −∂²S/∂log w_k ∂log w_l.
    """

    chance: Array
    fall: Array
    bend: Array


def within(weights: Float[Array, "... k"]) -> Within:
    """Return the chance that a weighted sum of squared standard normal numbers is at most 1, and its derivatives.

    Args:
        weights: w ≥ 0, one per square; 0 for none.

    Returns:
        Values to about 1e-13; derivatives in log w.

    Source: Trefethen, Weideman and Schmelzer (2006), Talbot quadratures and rational approximations, eq. (3.1).

    Example:
        >>> round(float(within(jnp.array([0.25, 0.25])).chance), 6)  # two squares: 1 − exp(−1/(2w))
        0.864665
    """
    growth = 2 * jnp.asarray(_PLACE) * weights[..., None]
    factor = 1 / (1 + growth)
    whole = jnp.asarray(_WEIGHT) * jnp.exp(-0.5 * jnp.sum(jnp.log1p(growth), axis=-2))
    taken = growth * factor / 2
    fall = jnp.sum(whole[..., None, :] * taken, axis=-1).real
    both = jnp.einsum("...j,...kj,...lj->...kl", whole, taken, taken).real
    own = jnp.sum(whole[..., None, :] * taken * factor, axis=-1).real
    return Within(jnp.sum(whole, axis=-1).real, fall, own[..., None] * jnp.eye(weights.shape[-1]) - both)
