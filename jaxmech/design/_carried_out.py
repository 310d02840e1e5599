"""A design as its mechanism carries it out on data sets: every number of points rounded, limits as they are."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from jaxmech._tolerances import tolerances
from jaxmech.design._plan import Design


def carried_out(design: Design) -> Design:
    """Return the design with the numbers of points that data sets have; limits and promises stay.

    Agents collect round(n*). Of the others' points in whole numbers, round(|Z| + |Z'|) are drawn, if there are so many,
    and round(|Z|) of them, at least 1 where she is checked, are the comparison set. So do
    :meth:`jaxmech.design.Designed.respond` and :func:`jaxmech.deviation.simulate`.

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
    samples = np.round(np.asarray(design.samples))
    compared, rest, limit = (np.asarray(part) for part in (design.comparison, design.rest, design.limit))
    theirs = samples.sum(axis=0) - samples
    drawn = np.minimum(np.round(compared + rest), theirs)
    least = np.where(np.isfinite(limit), 1.0, 0.0).astype(compared.dtype)
    clean = np.minimum(np.maximum(np.round(compared), least), drawn)
    return dataclasses.replace(
        design, samples=jnp.asarray(samples), comparison=jnp.asarray(clean), rest=jnp.asarray(drawn - clean)
    )


def is_whole(design: Design) -> bool:
    """Whether carrying the design out on data sets changes nothing: then everything proven holds there.

    Numbers too large to be told from the next whole ones are not whole.
    """
    whole = carried_out(design)
    if not float(jnp.max(whole.samples)) < tolerances(whole.samples.dtype).whole:
        return False
    parts = ("samples", "comparison", "rest")
    return all(np.array_equal(np.asarray(getattr(design, name)), np.asarray(getattr(whole, name))) for name in parts)
