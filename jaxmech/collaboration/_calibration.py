"""Self-calibrating noise: its level follows the spread of the others' data instead of an assumed σ. Pure kernels.

σ̂² is the variance within the points that an agent is compared with, within those that she gets with noise, and within
those of the others that were not drawn, about the mean of each. For normal data it is σ² times χ²/ν with ν degrees of
freedom, independent of all these means and of everything that she does. κ̂ = c n*²/σ̂² takes the place of κ.
"""

from collections.abc import Callable
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri
from jax.typing import ArrayLike

from jaxmech._status import Solution
from jaxmech._types import Amounts, Array, Distributions, Float
from jaxmech.collaboration._corruption import broadcast_floats, corruption_root, deviation_penalty
from jaxmech.collaboration._steady import steady_penalty, steady_root
from jaxmech.mechanism import of_others

FEWEST = 20
"""Degrees of freedom below which a rule is not calibrated: at 2 to 5 collecting n* costs 2 to 10 per cent."""

CLIP = 0.95
"""κ̂ is not let nearer than this to 1/4, where the noise would be infinite."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)
_RARE = 37.0
"""Logarithm of how many times the density of log σ̂² is smaller than at its peak where the quadrature ends."""

QUANTILES, QUANTILES_TO = 81, 5.0
"""Quantiles of σ̂² in a table, and to how many standard deviations of a normal number they reach."""

_FINE, _FAR = 1025, 9.0
"""Places at which the law of log σ̂² is added up, and to how many of its standard deviations."""

Root = Callable[[Array, Array], Solution[Array]]


def degrees_of_freedom(samples: Amounts, total: Distributions) -> Amounts:
    """Return ν behind σ̂²: points of the others, less one for each group that has a mean of its own.

    Groups are Z, Z' and, where T is less than what is collected, the rest.

    Args:
        samples: n*, by agent and distribution.
        total: T, by distribution.

    Source: this package; see the module.

    Example:
        >>> degrees_of_freedom(jnp.full((10, 1), 5.0), jnp.array([50.0])).ravel().tolist()[:2]
        [43.0, 43.0]
    """
    others = of_others(samples)
    return others - 2 - jnp.clip(others - (total - samples), 0, 1)


def admissible(tau: Array, clip: ArrayLike = CLIP) -> tuple[Array, Array]:
    """Return between which values κ̂ is clipped: no noise from 1/τ² down, and a large one from ``clip``/4 up.

    Source: section 4 of Clinton et al. 2025: a noise level exists for 1/τ² < κ < 1/4.

    Example:
        >>> [round(float(limit), 4) for limit in admissible(jnp.array(10.0))]
        [0.01, 0.2375]
    """
    low = 1 / tau**2
    return low, jnp.maximum(low, jnp.asarray(clip, low.dtype) / 4)


def calibrated_ratio(root: Root, tau: Array, kappa: Array, clip: ArrayLike = CLIP) -> Array:
    """Return α²/n* at κ̂, clipped: 0 from the lower limit down.

    Args:
        root: noise level of the rule at a known κ.
        tau: T/n*.
        kappa: κ̂.
        clip: see :func:`admissible`.
    """
    low, high = admissible(tau, clip)
    silent = kappa <= low
    return jnp.where(silent, 0, root(tau, jnp.where(silent, high, jnp.minimum(kappa, high))).value)


def noise_levels(root: Root, tau: Array, kappa: Array, freedom: Array, clip: ArrayLike = CLIP) -> tuple[Array, Array]:
    """Return the values of α²/n* that occur at a true κ, and their probabilities, on a leading axis.

    Gauss–Legendre quadrature over log σ̂²/σ², in three pieces, between which κ̂ is clipped or not.

    Args:
        root: noise level of the rule at a known κ.
        tau: T/n*.
        kappa: c n*²/σ² at the true σ.
        freedom: ν, degrees of freedom of σ̂².
        clip: see :func:`admissible`.
    """
    rare = 2 * _RARE / freedom
    # e^v − v − 1 is at least rare/2 · 2 at both ends
    ends = -(jnp.sqrt(2 * rare) + rare), jnp.sqrt(2 * rare)

    def density(place: Array) -> Array:
        return jnp.exp(-freedom / 2 * (jnp.expm1(place) - place))

    return levels_between(root, tau, kappa, ends, density, clip)


def levels_between(
    root: Root,
    tau: Array,
    kappa: Array,
    ends: tuple[Array, Array],
    density: Callable[[Array], Array],
    clip: ArrayLike = CLIP,
) -> tuple[Array, Array]:
    """Return what :func:`noise_levels` does for any law of log σ̂²/σ².

    Args:
        root: noise level of the rule at a known κ.
        tau: T/n*.
        kappa: c n*²/σ² at the true σ.
        ends: between which log σ̂²/σ² as good as lies.
        density: of it, up to a factor, at places on a leading axis.
        clip: see :func:`admissible`.
    """
    low, high = admissible(tau, clip)
    # κ̂ = κ e^(−v) is clipped from above before the first kink, from below after the second
    kinks = (jnp.clip(jnp.log(kappa / limit), *ends) for limit in (high, low))
    pieces = [_piece(*piece) for piece in pairwise((ends[0], *kinks, ends[1]))]
    logarithm, width = (jnp.concatenate(parts) for parts in zip(*pieces, strict=True))
    ratio = calibrated_ratio(root, tau, kappa * jnp.exp(-logarithm), clip)
    weight = width * density(logarithm)
    return ratio, weight / jnp.sum(weight, axis=0)


def level_quantiles(root: Root, tau: Array, kappa: Array, freedom: Array, clip: ArrayLike = CLIP) -> Array:
    """Return α²/n* at equally spaced quantiles of σ̂², (quantiles, …): where σ̂² is its Φ(z) quantile, z = −5, …, 5.

    A standard normal number and an interpolation then draw a noise level. The law of log σ̂²/σ² is added up from both
    ends with the trapezoidal rule, which is off by less than 1e-3 in z from 20 degrees of freedom on.

    Args:
        root: noise level of the rule at a known κ.
        tau: T/n*.
        kappa: c n*²/σ² at the true σ.
        freedom: ν, degrees of freedom of σ̂².
        clip: see :func:`admissible`.

    Example:
        >>> told = level_quantiles(corruption_root, jnp.array(10.0), jnp.array(0.1), jnp.array(1e9))
        >>> [round(float(told[place]), 3) for place in (0, 40, 80)]  # that of a known σ
        [2.577, 2.576, 2.574]
    """
    width = jnp.sqrt(2 / freedom)
    step = (2 * _FAR / (_FINE - 1)) * width
    places = jnp.asarray(np.linspace(-_FAR, _FAR, _FINE), freedom.dtype).reshape(-1, *(1,) * freedom.ndim)
    logarithm = places * width
    density = jnp.exp(-freedom / 2 * (jnp.expm1(logarithm) - logarithm)) * step
    below = jnp.cumsum(density, axis=0) - density / 2
    above = jnp.cumsum(density[::-1], axis=0)[::-1] - density / 2
    whole = below[-1] + density[-1] / 2
    low, high = ndtri(below / whole), -ndtri(above / whole)
    normal = jnp.where(below < above, low, high)
    wanted = jnp.asarray(np.linspace(-QUANTILES_TO, QUANTILES_TO, QUANTILES), freedom.dtype)
    columns = [table.reshape(_FINE, -1) for table in (normal, jnp.broadcast_to(logarithm, normal.shape))]
    found = jax.vmap(lambda z, v: jnp.interp(wanted, z, v), in_axes=1, out_axes=1)(*columns)
    told = jax.lax.stop_gradient(found.reshape(QUANTILES, *freedom.shape))
    return calibrated_ratio(root, tau, kappa * jnp.exp(-told), clip)


def at_quantile(table: Array, normal: Array) -> Array:
    """Return what a table of :func:`level_quantiles` says at standard normal numbers, by linear interpolation.

    Args:
        table: (quantiles, …).
        normal: (…).

    Example:
        >>> float(at_quantile(jnp.arange(81.0), jnp.array(0.5)))
        44.0
    """
    place = jnp.clip((normal + QUANTILES_TO) * ((QUANTILES - 1) / (2 * QUANTILES_TO)), 0, QUANTILES - 1)
    left = jnp.minimum(jnp.floor(place), QUANTILES - 2)
    at = left.astype(int)[None]
    one, two = (jnp.take_along_axis(table, index, axis=0)[0] for index in (at, at + 1))
    return one + (place - left) * (two - one)


def _piece(start: Array, end: Array) -> tuple[Array, Array]:
    """Nodes of log σ̂²/σ² on a piece, and their weights."""
    shape = (len(_NODES), *(1,) * start.ndim)
    nodes, weights = (jnp.asarray(table.reshape(shape), start.dtype) for table in (_NODES, _WEIGHTS))
    half = (end - start) / 2
    return start + half * (1 + nodes), half * weights


def calibrated_penalty(
    n: ArrayLike,
    n_star: ArrayLike,
    total: ArrayLike,
    cost: ArrayLike,
    scale: ArrayLike,
    freedom: ArrayLike,
    *,
    steady: bool = False,
    clip: ArrayLike = CLIP,
) -> Float[Array, "..."]:
    """Penalty E q(n; α(σ̂)) of who collects n points and submits them truthfully, for normal data of any true σ.

    The noise level is that of the published rule, or of steady weights, at κ̂ = c n*²/σ̂² instead of κ = c n*²/σ²; σ̂²
    is σ² χ²/ν. She knows σ when she weighs. Differentiable in all arguments; all arguments broadcast.

    Args:
        n: points she collects, > 0.
        n_star: points she is recommended to collect, n*; she is compared with as many.
        total: T, points behind the distribution if everybody complies.
        cost: c, price of one of her points.
        scale: σ√price with the true σ.
        freedom: ν, degrees of freedom of σ̂².
        steady: whether noisy points are weighed by the noise that is expected.
        clip: largest κ̂, as a part of 1/4.

    Returns:
        Her expected penalty, of the common shape, in the unit of the costs.

    Source: this package; the penalty at one noise level is Clinton et al. 2025, equation (64).

    Example:
        >>> known = deviation_penalty(1.0, 1.0, 10.0, 2.57573664058**0.5, 0.1, 1.0)
        >>> round(float(calibrated_penalty(1.0, 1.0, 10.0, 0.1, 1.0, 90.0) / known), 4)
        1.0115
    """
    arrays = broadcast_floats(n, n_star, total, cost, scale, freedom)
    n, n_star, total, cost, scale, freedom = arrays
    root, kernel = (steady_root, steady_penalty) if steady else (corruption_root, deviation_penalty)
    kappa = cost * n_star**2 / scale**2
    ratio, weight = noise_levels(root, total / n_star, kappa, freedom, clip)
    return jnp.sum(weight * kernel(n, n_star, total, jnp.sqrt(ratio * n_star), cost, scale), axis=0)
