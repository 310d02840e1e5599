"""Noise that follows a median: σ̂² is the median of the variances within each of the others' submissions. Pure kernels.

The others' data fall into G parts: what an agent is compared with, what she gets with noise, what was not drawn. Of
each other's points squares are added up within the parts, about the mean of each; where fewer than G parts hold any of
hers, her first points in the fullest one are left out, as many as parts are missing. So they always have ν_j = n_j − G
degrees of freedom, whatever was drawn: given the draw they are contrasts within parts, so for normal data σ² χ²(ν_j),
independent of one another, of the means of all parts and of everything that the agent does. Then
σ̂² = the r-th smallest of s_j²/c_j over the M others with ν_j ≥ 1, r = ⌈M/2⌉, the lower median, which one who spreads
her points without bound moves by no more than one rank, and

    P(σ̂² ≤ e^v σ²) = P(at least r of M independent events happen), with the chances P(χ²(ν_j) ≤ ν_j c_j e^v).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammainc, gammaln, ndtri
from jax.typing import ArrayLike

from jaxmech._types import Amounts, Array, Distributions
from jaxmech.collaboration._calibration import (
    CLIP,
    FEWEST,
    QUANTILES,
    QUANTILES_TO,
    Root,
    calibrated_ratio,
    levels_between,
)
from jaxmech.mechanism import OTHERS, freedom_each, median_rank, median_unit, of_others

LEAST = float(np.ceil(FEWEST * np.pi / 2))
"""Degrees of freedom within the others' submissions, together, below which noise does not follow their median: its
variance is about π/2 times that of the pooled σ̂², which needs :data:`FEWEST`."""

MOST_AGENTS = 200
"""Agents up to which the law of the median is computed."""

_PLACES = 257


def planned_freedom(samples: Amounts, total: Distributions) -> Array:
    """Return ν_j of a plan, as :func:`freedom_each`; the parts are Z, Z' and, where T is less than all, the rest.

    Args:
        samples: n*, by agent and distribution.
        total: T, by distribution.

    Source: this package; see the module.

    Example:
        >>> planned_freedom(jnp.full((4, 1), 5.0), jnp.array([20.0]))[:, 0, 0].tolist()
        [0.0, 3.0, 3.0, 3.0]
    """
    return freedom_each(samples, 2 + jnp.clip(of_others(samples) - (total - samples), 0, 1))


def is_told(each: Array) -> Array:
    """Whether there are others enough for a median, (agents, distributions).

    Args:
        each: ν_j, from :func:`freedom_each`.
    """
    return jnp.sum(each > 0, axis=0) >= OTHERS


def without(each: Array, ally: Array) -> Array:
    """Return ν_j without one other's, for an ally who is beyond all.

    Args:
        each: ν_j.
        ally: her index, by agent and distribution.
    """
    return jnp.where(jnp.arange(len(each))[:, None, None] == ally, 0, each)


def median_law(logarithm: Array, each: Array, rank: Array, unit: Array) -> tuple[Array, Array, Array]:
    """Return P(σ̂² ≤ e^v σ²), P(σ̂² > e^v σ²), each to its own digits, and the density of v.

    Args:
        logarithm: v, (places, agents, distributions).
        each: ν_j; who has 0 is left out.
        rank: r.
        unit: c_j.

    Source: this package; the law of a sum of independent events is that of Poisson and binomial (Wang 1993).

    Example:
        >>> each = jnp.full((3, 1, 1), 2.0)
        >>> told = median_law(jnp.zeros((1, 1, 1)), each, jnp.full((1, 1), 2.0), jnp.full((3, 1, 1), np.log(2)))
        >>> [round(float(part[0, 0, 0]), 6) for part in told]  # of three medians, 3 · 2 · ½ · ½ · ln 2 · ½
        [0.5, 0.5, 0.51986]
    """
    some = each > 0
    half = jnp.where(some, each / 2, 1)[:, None]
    place = half * unit[:, None] * jnp.exp(logarithm)
    chance = jnp.where(some[:, None], gammainc(half, place), 0)
    slope = jnp.where(some[:, None], jnp.exp(half * jnp.log(place) - place - gammaln(half)), 0)
    count = jnp.arange(len(each) + 1).reshape(-1, *(1,) * logarithm.ndim)

    def happen(chance: Array) -> tuple[Array, Array]:
        chances = _number_of(chance)
        reached = count >= rank
        return jnp.sum(jnp.where(reached, chances, 0), axis=0), jnp.sum(jnp.where(reached, 0, chances), axis=0)

    (below, above), (density, _) = jax.jvp(happen, (chance,), (slope,))
    return below, above, density


def _number_of(chance: Array) -> Array:
    """Chances that 0, 1, … of independent events happen, on a leading axis, given the chance of each on that axis."""
    start = jnp.zeros((len(chance) + 1, *chance.shape[1:]), chance.dtype).at[0].set(1)

    def one_more(chances: Array, happens: Array) -> tuple[Array, None]:
        before = jnp.concatenate([jnp.zeros_like(chances[:1]), chances[:-1]])
        return chances * (1 - happens) + before * happens, None

    return jax.lax.scan(one_more, start, chance)[0]


def robust_levels(
    root: Root, tau: Array, kappa: Array, each: Array, beyond: int = 0, clip: ArrayLike = CLIP
) -> tuple[Array, Array]:
    """Return the values of α²/n* that occur at a true κ, and their probabilities, on a leading axis.

    As :func:`~jaxmech.collaboration._calibration.noise_levels`, for the median instead of the pooled variance.

    Args:
        root: noise level of the rule at a known κ.
        tau: T/n*, (agents, distributions).
        kappa: c n*²/σ² at the true σ.
        each: ν_j, from :func:`freedom_each`, of who tells something.
        beyond: others not in ``each`` who count, and whose spread is beyond all.
        clip: see :func:`~jaxmech.collaboration._calibration.admissible`.

    Example:
        >>> from jaxmech.collaboration._corruption import corruption_root
        >>> each = planned_freedom(jnp.full((10, 1), 10.0), jnp.array([100.0]))
        >>> level, weight = robust_levels(corruption_root, jnp.full((10, 1), 10.0), jnp.full((10, 1), 0.1), each)
        >>> [round(float(jnp.sum((weight * level**power)[:, 0])), 1) for power in (0, 1)]  # 2.58 at a known σ
        [1.0, 3.9]
    """
    law = _law(each, beyond)
    return levels_between(root, tau, kappa, _ends(each), lambda place: law(place)[2], clip)


def robust_quantiles(root: Root, tau: Array, kappa: Array, each: Array, clip: ArrayLike = CLIP) -> Array:
    """Return α²/n* at equally spaced normal quantiles of σ̂², as :func:`~._calibration.level_quantiles`, of the median.

    Args:
        root: noise level of the rule at a known κ.
        tau: T/n*, (agents, distributions).
        kappa: c n*²/σ² at the true σ.
        each: ν_j, from :func:`freedom_each`, of who tells something.
        clip: see :func:`~jaxmech.collaboration._calibration.admissible`.
    """
    low, high = _ends(each)
    steps = jnp.asarray(np.linspace(0, 1, _PLACES), each.dtype).reshape(-1, 1, 1)
    places = low + (high - low) * steps
    below, above, _ = _law(each, 0)(places)
    normal = jnp.where(below < above, ndtri(below), -ndtri(above))
    wanted = jnp.asarray(np.linspace(-QUANTILES_TO, QUANTILES_TO, QUANTILES), each.dtype)
    columns = (table.reshape(_PLACES, -1) for table in (normal, places))
    found = jax.vmap(lambda z, v: jnp.interp(wanted, z, v), in_axes=1, out_axes=1)(*columns)
    told = jax.lax.stop_gradient(found.reshape(QUANTILES, *tau.shape))
    return calibrated_ratio(root, tau, kappa * jnp.exp(-told), clip)


def _law(each: Array, beyond: int) -> Callable[[Array], tuple[Array, Array, Array]]:
    """The law of log σ̂²/σ² as a function of places."""
    count = jnp.sum(each > 0, axis=0) + beyond
    rank, unit = median_rank(count), median_unit(each, count)
    return lambda logarithm: median_law(logarithm, each, rank, unit)


def _ends(each: Array) -> tuple[Array, Array]:
    """Where the density of log σ̂²/σ² has as good as ended: no lighter tails than those of χ² with half as many ν."""
    rare = 2 * 37.0 / (jnp.sum(each, axis=0) / 2)
    return -(jnp.sqrt(2 * rare) + rare), jnp.sqrt(2 * rare)
