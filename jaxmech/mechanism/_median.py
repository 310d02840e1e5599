"""The median of the variances within each of the others' submissions. Pure kernels.

What is added up of each, and what its law is, is told in :mod:`jaxmech.collaboration._robust`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri

from jaxmech._types import Amounts, Array
from jaxmech.mechanism._submission import Statistics, Submission
from jaxmech.mechanism._subsets import (
    Drawn,
    Within,
    between_parts,
    draw_means,
    draw_parts,
    groups_of,
    of_others,
    squares_about_all,
)

OTHERS = 3
"""Others who must have points enough to tell a variance: of two the median is no protection."""


class Each(NamedTuple):
    """What each other's submission tells about σ² beside the means of the parts in which it lies.

    Attributes:
        squares: Σ of squared distances within the parts, from the mean of each, (others, agents, distributions).
        freedom: ν_j = n_j − G; 0 of who has less than 1, and of the agent herself.
    """

    squares: Array
    freedom: Array


def freedom_each(delivered: Amounts, groups: Array) -> Array:
    """Return ν_j of what each other hands in, (others, agents, distributions); 0 where it is less than 1.

    Args:
        delivered: points of everybody, (agents, distributions).
        groups: G, parts that are drawn for each agent, (agents, distributions).

    Source: this package; see the module.

    Example:
        >>> freedom_each(jnp.array([[5.0], [4.0], [2.0]]), jnp.full((3, 1), 2.0))[..., 0].tolist()
        [[0.0, 3.0, 3.0], [2.0, 0.0, 2.0], [0.0, 0.0, 0.0]]
    """
    freedom = delivered[:, None] - groups
    herself = jnp.eye(len(delivered), dtype=bool)[:, :, None]
    return jnp.where((freedom >= 1) & ~herself, freedom, 0)


def median_rank(count: Array) -> Array:
    """Return r = ⌈M/2⌉ for M others, the rank of the lower median.

    Source: none; a definition.

    Example:
        >>> median_rank(jnp.array([3, 4, 5])).tolist()
        [2, 2, 3]
    """
    return (count + 1) // 2


def median_unit(freedom: Array, count: Array) -> Array:
    """Return c_j, about the quantile of χ²(ν_j)/ν_j at (r − 1/3)/(M + 1/3): then the r-th of M has about the median 1.

    The cube of a normal quantile: what is left of the law of the median after that is computed, not neglected.

    Args:
        freedom: ν_j, (others, …).
        count: M, (…).

    Source: Wilson and Hilferty 1931; the place of the r-th of M is that of Tukey.

    Example:
        >>> round(float(median_unit(jnp.array([10.0]), jnp.array(9))[0]), 3)  # 9.342/10 is the median
        0.935
    """
    below = (median_rank(count) - 1 / 3) / (count + 1 / 3)
    rough = 2 / (9 * jnp.where(freedom > 0, freedom, 1))
    middle = ndtri(jnp.where(count > 0, below, 0.5).astype(freedom.dtype))
    return (1 - rough + middle * jnp.sqrt(rough)) ** 3


def median_within(each: Each) -> Within:
    """Return σ̂² as squares with the others' degrees of freedom together; 0 where fewer than ``OTHERS`` tell any.

    Args:
        each: from :func:`each_of_points` or :func:`draw_means_each`.

    Source: this package; see the module.
    """
    some = each.freedom > 0
    count = jnp.sum(some, axis=0)
    unit = jnp.where(some, each.freedom, 1) * median_unit(each.freedom, count)
    ranked = jnp.sort(jnp.where(some, each.squares / unit, jnp.inf), axis=0)
    place = jnp.maximum(median_rank(count) - 1, 0)
    found = jnp.take_along_axis(ranked, place[None], axis=0)[0]
    told = count >= OTHERS
    freedom = jnp.where(told, jnp.sum(each.freedom, axis=0), 0)
    return Within(jnp.where(told, jnp.where(told, found, 0) * freedom, 0), freedom)


def each_of_points(submission: Submission, clean: Amounts, total: Amounts, key: Array) -> Each:
    """Return what each other's points tell, for the same draw as :func:`draw_points` makes with this key.

    Of the fullest part her first points are left out, as many as parts hold none of hers.

    Args:
        submission: what all agents hand in.
        clean: size of the clean part, by agent.
        total: size of both parts together.
        key: random key of the draw.

    Source: this package; elementary.
    """
    agents, _, points = submission.values.shape

    def one(row: tuple[Array, Array, Array, Array]) -> tuple[Array, Array]:
        agent, clean, total, key = row
        parts = jnp.stack(draw_parts(submission, agent, clean, total, jax.random.split(key)[0]))
        parts = jnp.moveaxis(parts.reshape(3, -1, agents, points), 1, 2)  # (parts, agents, distributions, points)
        counts = jnp.sum(parts, axis=-1)
        groups = jnp.sum(jnp.any(counts > 0, axis=1), axis=0)
        hers = jnp.sum(counts > 0, axis=0)
        fullest = jnp.argmax(counts, axis=0) == jnp.arange(3)[:, None, None]
        left = jnp.where(fullest, groups - hers, 0)[..., None]
        parts = parts & (jnp.cumsum(parts, axis=-1) > left)
        counts = jnp.sum(parts, axis=-1, keepdims=True)
        sums = jnp.sum(jnp.where(parts, submission.values, 0), axis=-1, keepdims=True)
        apart = jnp.where(parts, submission.values - sums / jnp.maximum(counts, 1), 0)
        freedom = jnp.maximum(jnp.sum(counts[..., 0], axis=0) - jnp.sum(counts[..., 0] > 0, axis=0), 0)
        return jnp.sum(apart**2, axis=(0, -1)), freedom.astype(submission.values.dtype)

    keys = jax.random.split(key, agents)
    told = jax.lax.map(one, (jnp.arange(agents), clean, total, keys))
    squares, freedom = (jnp.swapaxes(table, 0, 1) for table in told)
    return Each(jnp.where(freedom >= 1, squares, 0), jnp.where(freedom >= 1, freedom, 0))


def draw_means_each(
    submission: Statistics, clean: Amounts, total: Amounts, variance: Array, key: Array
) -> tuple[Drawn, Each]:
    """Draw the means of both parts, and the squares within each submission, by their law given what was handed in.

    Of the squares about her own mean, a part that follows the beta law lies within the parts: independent of the rest,
    to which, with the squares between submissions, the means of the parts belong. Exact for honest normal data, for
    each agent on her own, where as many parts are drawn for all: what one tells is drawn once for all. Where variances
    were not handed in, the squares are drawn too, with the assumed variance.

    Args:
        submission: counts, means and perhaps variances of what all agents hand in.
        clean: size of the clean part, by agent.
        total: size of both parts together.
        variance: σ² of a point, assumed where variances are not known.
        key: random key.

    Source: Cochran's theorem.
    """
    mean_key, within_key, between_key, left_key = jax.random.split(key, 4)
    count = submission.count
    drawn = draw_means(submission, clean, total, variance, mean_key)
    freedom = freedom_each(count, groups_of(drawn))
    # how many points others hand in is not hers to change, and a derivative by it is dear
    shape = jax.lax.stop_gradient(jnp.max(freedom, axis=1))
    inner = 2 * jax.random.gamma(within_key, jnp.where(shape > 0, shape, 1) / 2)
    if submission.variance is None:
        squares = jnp.broadcast_to((variance * inner)[:, None], freedom.shape)
        return drawn, Each(jnp.where(freedom > 0, squares, 0), freedom)
    outer_freedom = jnp.maximum(count - 1 - shape, 0)
    outer = 2 * jax.random.gamma(between_key, jnp.where(outer_freedom > 0, outer_freedom, 1) / 2)
    share = jnp.where(outer_freedom > 0, inner / (inner + outer), 1)
    hers = jnp.maximum(count - 1, 0) * submission.variance
    inside = jnp.where(shape > 0, share * hers, 0)
    squares = jnp.where(freedom > 0, inside[:, None], 0)
    between = squares_about_all(submission, drawn) - of_others(inside)
    apart = between_parts(drawn, mean_key)
    free = jax.lax.stop_gradient(drawn.available - of_others(shape) - groups_of(drawn))
    chi_squared = jnp.where(free > 0, 2 * jax.random.gamma(left_key, jnp.where(free > 0, free, 1) / 2), 0)
    unit = jnp.maximum(between, 0) / jnp.where(chi_squared + apart > 0, chi_squared + apart, 1)
    return draw_means(submission, clean, total, unit, mean_key), Each(squares, freedom)
