"""Drawing some of the others' points for an agent: a part that she gets clean, and a rest."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxmech._types import Amounts, Array
from jaxmech.mechanism._submission import Statistics, Submission, subset_variance

_LAST = 2**32 - 1


class Drawn(NamedTuple):
    """Others' data as an agent gets them: all of them, and two parts of a sample drawn without replacement.

    Attributes:
        available: how many points the others submitted.
        mean: of all of them.
        clean_count: how many are in the first part.
        clean_mean: their mean.
        rest_count: how many are in the second part.
        rest_mean: their mean.
        noise: a standard normal number for whatever noise is added to the rest.
    """

    available: Array
    mean: Array
    clean_count: Array
    clean_mean: Array
    rest_count: Array
    rest_mean: Array
    noise: Array


def of_others(samples: Amounts) -> Amounts:
    """Σ_{j≠i} n[j, k], exact to rounding also where one agent collects nearly everything.

    Source: none; a sum.
    """
    return _exclusive(samples) + _exclusive(samples[::-1])[::-1]


def draw_points(
    submission: Submission, clean: Amounts, total: Amounts, key: Array, precision: Amounts | None = None
) -> Drawn:
    """Draw points of the others for every agent, without replacement.

    Both numbers are rounded to whole ones; if the others submitted fewer points, there are fewer in the rest first,
    then in the clean part. Where points count differently, they are drawn one after the other as long as at least half
    of what the next one counts is missing; counts are what they count together, and means are weighted by it.

    Args:
        submission: what all agents hand in.
        clean: size of the clean part, by agent.
        total: size of both parts together.
        key: random key.
        precision: how many equivalent points, in which both numbers are, one point of each agent counts; None where
            all points are alike.

    Source: Clinton et al. 2025, Algorithm 2.
    """
    keys = jax.random.split(key, submission.mask.shape[0])

    def one(row: tuple[Array, Array, Array, Array]) -> Drawn:
        return _draw(submission, *row) if precision is None else _draw_weighted(submission, precision, *row)

    drawn: Drawn = jax.lax.map(one, (jnp.arange(len(keys)), clean, total, keys))
    return drawn


def draw_means(submission: Statistics, clean: Amounts, total: Amounts, variance: Array, key: Array) -> Drawn:
    """Draw the means of both parts by their law given the mean of all points: exact for honest normal data.

    Args:
        submission: counts and means of what all agents hand in.
        clean: size of the clean part, by agent.
        total: size of both parts together.
        variance: σ² of a point.
        key: random key.

    Source: the law of means of a sample drawn without replacement, exact for normal data.
    """
    available = of_others(submission.count)
    mean = of_others(submission.count * submission.mean) / jnp.where(available > 0, available, 1)
    drawn = jnp.clip(total, 0, available)
    compared = jnp.minimum(clean, drawn)
    rest = drawn - compared
    first, second, noise = jax.random.normal(key, (3, *mean.shape), mean.dtype)
    together = mean + _deviation(drawn, available, variance) * first
    clean_mean = together + _deviation(compared, drawn, variance) * second
    rest_mean = together + compared * (together - clean_mean) / jnp.where(rest > 0, rest, 1)
    return Drawn(available, mean, compared, clean_mean, rest, rest_mean, noise)


class Within(NamedTuple):
    """What the others' data tell about σ² beside their means.

    Attributes:
        squares: Σ of squared distances within Z, within Z' and within what was not drawn, from the mean of each.
        freedom: its degrees of freedom, points less groups; 0 where there are too few points.
    """

    squares: Array
    freedom: Array


def within_points(submission: Submission, drawn: Drawn) -> Within:
    """Return the spread within the parts of the others' data that were drawn for every agent.

    For normal data it is independent of the means of all parts.

    Args:
        submission: what all agents handed in.
        drawn: from :func:`draw_points`.

    Source: the analysis of variance: squares about the mean of all, less those between the parts.
    """
    about, freedom = squares_about_all(submission.statistics, drawn), _freedom(drawn)
    left = drawn.available - drawn.clean_count - drawn.rest_count
    clean, rest = drawn.clean_mean - drawn.mean, drawn.rest_mean - drawn.mean
    together = drawn.clean_count * clean + drawn.rest_count * rest
    # what was not drawn makes up for the others: its mean is apart by −together/left
    between = drawn.clean_count * clean**2 + drawn.rest_count * rest**2
    between = between + jnp.where(left > 0, together**2 / jnp.where(left > 0, left, 1), 0)
    return Within(jnp.maximum(about - between, 0), freedom)


def draw_means_within(
    submission: Statistics, clean: Amounts, total: Amounts, variance: Array, key: Array
) -> tuple[Drawn, Within]:
    """Draw the means of both parts, and the spread within them, by their law given what was handed in.

    Exact for honest normal data: of the squares about the mean of all, a part that follows the beta law lies between
    the parts. Where variances were not handed in, the squares are drawn too, with the assumed variance.

    Args:
        submission: counts, means and perhaps variances of what all agents hand in.
        clean: size of the clean part, by agent.
        total: size of both parts together.
        variance: σ² of a point, assumed where variances are not known.
        key: random key.

    Source: the law of a sample drawn without replacement, exact for normal data.
    """
    mean_key, spread_key = jax.random.split(key)
    drawn = draw_means(submission, clean, total, variance, mean_key)
    freedom = _freedom(drawn)
    # how many points the others hand in is not hers to change, and a derivative by it is dear
    shape = jax.lax.stop_gradient(jnp.where(freedom > 0, freedom, 1) / 2)
    chi_squared = 2 * jax.random.gamma(spread_key, shape)
    if submission.variance is None:
        return drawn, Within(jnp.where(freedom > 0, variance * chi_squared, 0), freedom)
    unit = squares_about_all(submission, drawn) / (chi_squared + between_parts(drawn, mean_key))
    drawn = draw_means(submission, clean, total, unit, mean_key)
    return drawn, Within(jnp.where(freedom > 0, unit * chi_squared, 0), freedom)


def between_parts(drawn: Drawn, key: Array) -> Amounts:
    """Return squares between the parts, in units of σ², of what :func:`draw_means` draws with this key.

    Args:
        drawn: from it.
        key: random key that it was given.

    Source: none; elementary.
    """
    first, second, _ = jax.random.normal(key, (3, *drawn.mean.shape), drawn.mean.dtype)
    both = drawn.clean_count + drawn.rest_count
    apart = jnp.where((both > 0) & (drawn.available > both), first**2, 0)
    return apart + jnp.where((drawn.clean_count > 0) & (drawn.rest_count > 0), second**2, 0)


def squares_about_all(submission: Statistics, drawn: Drawn) -> Amounts:
    """Return Σ of squared distances of the others' points from the mean of all of them, for every agent.

    Args:
        submission: with variances.
        drawn: with the mean of all.

    Source: none; elementary.
    """
    assert submission.variance is not None
    count = submission.count
    # about a common centre first, so that little cancels
    centre = jnp.sum(count * submission.mean, axis=0) / jnp.maximum(jnp.sum(count, axis=0), 1)
    own = jnp.maximum(count - 1, 0) * submission.variance + count * (submission.mean - centre) ** 2
    return jnp.maximum(of_others(own) - drawn.available * (drawn.mean - centre) ** 2, 0)


def groups_of(drawn: Drawn) -> Amounts:
    """Return how many parts of the others' data have a mean of their own; less than one point counts in part.

    Args:
        drawn: what was drawn.

    Source: none; a sum.
    """
    left = drawn.available - drawn.clean_count - drawn.rest_count
    clean, rest = jnp.clip(drawn.clean_count, 0, 1), jnp.clip(drawn.rest_count, 0, 1)
    return clean + rest + jnp.clip(left, 0, 1)


def _freedom(drawn: Drawn) -> Amounts:
    """Points of the others less groups."""
    return jnp.maximum(drawn.available - groups_of(drawn), 0)


def _deviation(count: Amounts, among: Amounts, variance: Array) -> Amounts:
    """Standard deviation of a subset's mean about that of all; where all are in it, 0 with the slope 0."""
    spread = subset_variance(count, among, variance)
    return jnp.where(spread > 0, jnp.sqrt(jnp.where(spread > 0, spread, 1)), 0)


class Parts(NamedTuple):
    """Which of the points of all agents one agent gets clean, which with noise, and which are others' but not drawn.

    Attributes:
        clean: (distributions, agents × points).
        rest: likewise.
        left: likewise.
    """

    clean: Array
    rest: Array
    left: Array


def draw_parts(submission: Submission, agent: Array, clean: Array, total: Array, key: Array) -> Parts:
    """Draw the parts of the others' points for one agent, without replacement.

    Args:
        submission: what all agents hand in.
        agent: her index.
        clean: size of the clean part, by distribution.
        total: size of both parts together.
        key: her random key.

    Source: Clinton et al. 2025, Algorithm 2.
    """
    theirs = submission.mask & (jnp.arange(submission.mask.shape[0]) != agent)[:, None, None]
    theirs = jnp.moveaxis(theirs, 1, 0).reshape(theirs.shape[1], -1)
    # One sort of whole numbers is several times cheaper than one that carries the values along.
    lots = jnp.where(theirs, jax.random.bits(key, theirs.shape, jnp.uint32), jnp.uint32(_LAST))
    ranked = jnp.sort(lots, axis=-1)
    drawn = jnp.minimum(jnp.round(total), jnp.sum(theirs, axis=-1).astype(submission.values.dtype))
    first = theirs & _among_first(lots, ranked, jnp.minimum(jnp.round(clean), drawn))
    both = theirs & _among_first(lots, ranked, drawn)
    return Parts(first, both & ~first, theirs & ~both & ~first)


def _draw(submission: Submission, agent: Array, clean: Array, total: Array, key: Array) -> Drawn:
    """Others' data as one agent gets them, (distributions,) each."""
    draw_key, noise_key = jax.random.split(key)
    first, rest, left = draw_parts(submission, agent, clean, total, draw_key)
    theirs, table = first | rest | left, submission.values
    values = jnp.moveaxis(table, 1, 0).reshape(table.shape[1], -1)
    available = jnp.sum(theirs, axis=-1).astype(values.dtype)
    return Drawn(
        available=available,
        mean=_mean(values, theirs),
        clean_count=jnp.sum(first, axis=-1).astype(values.dtype),
        clean_mean=_mean(values, first),
        rest_count=jnp.sum(rest, axis=-1).astype(values.dtype),
        rest_mean=_mean(values, rest),
        noise=jax.random.normal(noise_key, available.shape, values.dtype),
    )


def _draw_weighted(
    submission: Submission, precision: Amounts, agent: Array, clean: Array, total: Array, key: Array
) -> Drawn:
    """The same where one point of each agent counts so many equivalent ones."""
    mask, dtype = submission.mask, submission.values.dtype
    theirs = mask & (jnp.arange(mask.shape[0]) != agent)[:, None, None]
    weights = jnp.where(theirs, precision[..., None], 0.0)
    weights, values = (jnp.moveaxis(table, 1, 0).reshape(table.shape[1], -1) for table in (weights, submission.values))
    draw_key, noise_key = jax.random.split(key)
    lots = jnp.where(weights > 0, jax.random.uniform(draw_key, weights.shape, dtype), 2.0)
    order = jnp.argsort(lots, axis=-1)
    ordered = jnp.take_along_axis(weights, order, axis=-1)
    place = jnp.argsort(order, axis=-1)
    reached = jnp.take_along_axis(jnp.cumsum(ordered, axis=-1) - ordered / 2, place, axis=-1)
    some = (clean > 0)[:, None] & (place == 0)  # there is always something to be compared with
    first = (weights > 0) & (some | (reached <= jnp.minimum(clean, total)[:, None]))
    rest = (weights > 0) & (reached <= total[:, None]) & ~first
    counts = [jnp.sum(jnp.where(part, weights, 0.0), axis=-1) for part in (weights > 0, first, rest)]
    sums = [jnp.sum(jnp.where(part, weights * values, 0.0), axis=-1) for part in (weights > 0, first, rest)]
    means = [whole / jnp.where(count > 0, count, 1.0) for whole, count in zip(sums, counts, strict=True)]
    noise = jax.random.normal(noise_key, clean.shape, dtype)
    return Drawn(counts[0], means[0], counts[1], means[1], counts[2], means[2], noise)


def split_points(
    submission: Submission, clean: Amounts, total: Amounts, variance: Array, key: Array, precision: Amounts
) -> Drawn:
    """Draw points of the others for every agent, where points count differently: both parts as large as they should be.

    Points come in random order; one in which a part ends is split, as a normal number can be: x of variance v becomes
    x − Σ_s √(f_s v) g_s + √(v/f_r) g_r with independent standard normal g, for parts f_r of it that add up to 1. These
    are independent, each of variance v/f_r, and together they tell what x told.

    Args:
        submission: what all agents hand in.
        clean: size of the clean part in equivalent points, by agent.
        total: size of both parts together; less where the others submitted less, first in the rest.
        variance: σ² of an equivalent point, by distribution.
        key: random key.
        precision: how many equivalent points one point of each agent counts.

    Source: this package; elementary.
    """
    keys = jax.random.split(key, submission.mask.shape[0])

    def one(row: tuple[Array, Array, Array, Array]) -> Drawn:
        return _split(submission, precision, variance, *row)

    drawn: Drawn = jax.lax.map(one, (jnp.arange(len(keys)), clean, total, keys))
    return drawn


def _split(
    submission: Submission, precision: Amounts, variance: Array, agent: Array, clean: Array, total: Array, key: Array
) -> Drawn:
    """The same for one agent."""
    mask, dtype = submission.mask, submission.values.dtype
    theirs = mask & (jnp.arange(mask.shape[0]) != agent)[:, None, None]
    weights = jnp.where(theirs, precision[..., None], 0.0)
    weights, values = (jnp.moveaxis(table, 1, 0).reshape(table.shape[1], -1) for table in (weights, submission.values))
    values = jnp.where(weights > 0, values, 0.0)
    order_key, noise_key, split_key = jax.random.split(key, 3)
    order = jnp.argsort(jnp.where(weights > 0, jax.random.uniform(order_key, weights.shape, dtype), 2.0), axis=-1)
    weights, values = (jnp.take_along_axis(table, order, axis=-1) for table in (weights, values))
    end = jnp.cumsum(weights, axis=-1)
    available = end[:, -1]
    clean, total = jnp.minimum(clean, available)[:, None], jnp.minimum(total, available)[:, None]
    reached = [jnp.clip(bound - (end - weights), 0.0, weights) for bound in (clean, jnp.maximum(total, clean))]
    parts = jnp.stack([reached[0], reached[1] - reached[0], weights - reached[1]])
    shares = parts / jnp.where(weights > 0, weights, 1.0)
    spread = jnp.sqrt(variance[:, None] / jnp.where(weights > 0, weights, 1.0))
    lots = jnp.sqrt(shares) * spread * jax.random.normal(split_key, shares.shape, dtype)
    # f_r times the r-th part of each point; of a point in one part nothing is left but itself
    whole = jnp.max(shares, axis=0) >= 1
    told = jnp.where(whole, shares * values, shares * (values - jnp.sum(lots, axis=0)) + lots)
    counts, sums = jnp.sum(parts, axis=-1), jnp.sum(weights * told, axis=-1)
    means = sums / jnp.where(counts > 0, counts, 1.0)
    everything = jnp.sum(weights * values, axis=-1) / jnp.where(available > 0, available, 1.0)
    noise = jax.random.normal(noise_key, available.shape, dtype)
    return Drawn(available, everything, counts[0], means[0], counts[1], means[1], noise)


def _exclusive(samples: Amounts) -> Amounts:
    """Sum of the rows above each row."""
    above = jnp.cumsum(samples, axis=0)
    return jnp.concatenate([jnp.zeros_like(above[:1]), above[:-1]])


def _among_first(lots: Array, ranked: Array, count: Array) -> Array:
    """Whose lots are among the ``count`` lowest of their distribution."""
    last = jnp.take_along_axis(ranked, jnp.maximum(count - 1, 0).astype(int)[:, None], axis=-1)
    return (lots <= last) & (count > 0)[:, None]


def _mean(values: Array, mask: Array) -> Array:
    """Mean over the last axis of what the mask admits; 0 where it admits nothing."""
    return jnp.sum(jnp.where(mask, values, 0), axis=-1) / jnp.maximum(jnp.sum(mask, axis=-1), 1)
