"""A design as its mechanism carries it out on data sets: every number of points rounded, limits as they are."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from jaxmech._tolerances import tolerances
from jaxmech.design._plan import Design


def carried_out(design: Design) -> Design:
    """Return the design with the numbers of points that data sets have; limits and promises stay. It traces.

    Agents collect round(n*). Of the others' points in whole numbers, round(|Z| + |Z'|) are drawn, if there are so many,
    and round(|Z|) of them, at least 1 where she is checked, are the comparison set. So do
    :meth:`jaxmech.design.Designed.respond` and :func:`jaxmech.deviation.simulate`.

    Where agents differ in precision, their own points are rounded, and nothing else: one point can be in two parts, see
    :func:`jaxmech.mechanism.split_points`.

    Source: this package.

    Example:
        >>> import jaxmech
        >>> jaxmech.enable_x64()
        >>> from jaxmech import collaboration, design
        >>> found = design.design(collaboration.Problem([[1.0]] * 10, 100.0)).value
        >>> whole = carried_out(found)
        >>> float(found.samples[1, 0]) == float(whole.samples[1, 0])
        False
        >>> float(whole.samples[1, 0]) == round(float(found.samples[1, 0]))
        True
    """
    if design.precision is not None:
        return _of_points_that_differ(design)
    samples, compared = jnp.round(design.samples), design.comparison
    theirs = jnp.sum(samples, axis=0) - samples
    drawn = jnp.minimum(jnp.round(compared + design.rest), theirs)
    least = jnp.where(jnp.isfinite(design.limit), 1.0, 0.0).astype(compared.dtype)
    clean = jnp.minimum(jnp.maximum(jnp.round(compared), least), drawn)
    return dataclasses.replace(design, samples=samples, comparison=clean, rest=drawn - clean)


def _of_points_that_differ(design: Design) -> Design:
    """Whole numbers of everybody's own points; what is given of them may be fractions, as long as it is there."""
    assert design.precision is not None
    samples = jnp.round(design.samples)
    counted = samples * design.precision
    theirs = jnp.sum(counted, axis=0) - counted
    clean = jnp.minimum(design.comparison, theirs)
    rest = jnp.minimum(design.rest, theirs - clean)
    return dataclasses.replace(design, samples=samples, comparison=clean, rest=rest)


def is_whole(design: Design) -> bool:
    """Whether carrying the design out on data sets changes nothing: then everything proven holds there. Host only.

    Numbers too large to be told from the next whole ones are not whole.

    Source: this package.
    """
    whole = carried_out(design)
    if not float(jnp.max(whole.samples)) < tolerances(whole.samples.dtype).whole:
        return False
    if design.precision is not None:
        pairs = [(getattr(design, name), getattr(whole, name)) for name in ("samples", "comparison", "rest")]
        slack = tolerances(whole.samples.dtype).condition
        return all(np.allclose(old, new, rtol=slack, atol=slack) for old, new in pairs)
    parts = ("samples", "comparison", "rest")
    return all(np.array_equal(np.asarray(getattr(design, name)), np.asarray(getattr(whole, name))) for name in parts)
