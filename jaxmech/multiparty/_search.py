"""Search for an efficient allocation where no closed form is known."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Array, Scalar

MAX_AGENTS = 10
"""Most agents for whom all ways of giving the best model or none are tried."""

LEVELS = 17
"""Qualities between none and the best that are tried for one agent at a time."""

SWEEPS = 2
"""How often each agent's turn comes."""

SEARCHED = (
    f"search: all ways of giving the best model or none, then {SWEEPS} rounds over the agents with {LEVELS} "
    "qualities each; exact where welfare is convex in each agent's quality"
)
"""What :func:`search_allocation` does, in words for a certificate."""


def search_allocation(valuation: Any, best: Scalar, own: Agents, present: Array) -> Agents:
    """Maximise Σ_i v_i(q) over the models x_j ≤ best that are handed out, q_j = max(x_j, own_j).

    All 2^agents ways of giving the best model or none are compared, then each agent in turn is tried with
    intermediate qualities. The result is exact where welfare is convex in each quality, or non-decreasing; elsewhere
    it is the best that was tried. Ties go to more agents with the best model.

    Args:
        valuation: the valuations, called with (agents,) qualities.
        best: quality of the best model.
        own: (agents,) qualities of the models that agents can train alone.
        present: (agents,) who participates and can get a model.

    Returns:
        (agents,) qualities; 0 where no model is handed out.

    Raises:
        ProblemError: for more than ten agents.

    Source: Chen et al. 2020, section 2.2 (efficiency).

    Example:
        >>> from jaxmech.multiparty import General
        >>> market = General(lambda q: q * jnp.array([1.0, -0.1]), agents=2)
        >>> search_allocation(market, jnp.array(0.9), jnp.array([0.5, 0.5]), jnp.array([True, True])).tolist()
        [0.9, 0.0]
    """
    n = own.shape[-1]
    if n > MAX_AGENTS:
        raise ProblemError("agents", n, f"at most {MAX_AGENTS}: an efficient allocation is searched for")
    ways = np.array(list(itertools.product((1.0, 0.0), repeat=n)))
    given = jnp.asarray(ways[np.argsort(-ways.sum(axis=1), kind="stable")], dtype=own.dtype)

    def welfare(share: Agents) -> Scalar:
        """Of shares of the way from what each can do alone to the best model."""
        return jnp.sum(valuation(own + jnp.where(present, share, 0.0) * jnp.maximum(best - own, 0.0)))

    share = given[_first_best(jax.vmap(welfare)(given))]
    steps = jnp.linspace(1.0, 0.0, LEVELS, dtype=own.dtype)

    def turn(place: Array, share: Agents) -> Agents:
        # What stands is tried first, so that it gives way only to something better.
        tried = jnp.broadcast_to(share, (LEVELS + 1, n)).at[1:, place % n].set(steps)
        return tried[_first_best(jax.vmap(welfare)(tried))]

    share = jax.lax.fori_loop(0, n * SWEEPS, turn, share)
    quality = own + share * jnp.maximum(best - own, 0.0)
    return jnp.where(present & (share > 0), quality, 0.0)


def _first_best(values: Array) -> Array:
    """Index of the first value that is the largest but for rounding."""
    top = jnp.max(values)
    slack = 64 * tolerances(values.dtype).eps * jnp.max(jnp.abs(values))
    return jnp.argmax(values >= top - slack)
