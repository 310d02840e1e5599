"""The most welfare that any allocation brings: in closed form, or by a search that is finer than the mechanism's."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Agents, Array, Scalar
from jaxmech.multiparty._valuation import Efficient, Valuation

POINTS = 4096
"""Allocations, spread evenly, from which the search starts."""

STARTS = 4
"""The best of them that are improved."""

SWEEPS = 3
"""How often each agent's turn comes."""

STEPS = 33
"""Qualities tried in a turn, three times, each time in the surroundings of the best."""

_ZOOMS = 3

FINER = (
    f"the best of {POINTS:,} allocations spread evenly, none and all given the best model among them; the "
    f"best {STARTS} improved in {SWEEPS} rounds over the agents"
)
"""What the search does, in words for a certificate."""


def closed_form(valuation: Valuation) -> str:
    """Return why the most welfare is known, or an empty text where it is searched for."""
    return valuation.proof if isinstance(valuation, Efficient) else ""


def tries(agents: int) -> int:
    """Return how many allocations the search tries."""
    return POINTS + STARTS * SWEEPS * agents * _ZOOMS * STEPS


def most_welfare(valuation: Valuation, own: Agents, best: Scalar) -> Scalar:
    """Return the most welfare of all allocations, or the most that a search finds where no closed form is known.

    The search shares nothing with the one that finds allocations: neither its grid nor its order.

    Args:
        valuation: what agents earn.
        own: (agents,) qualities of the models that agents can train alone.
        best: quality of the best model.
    """
    best = jnp.maximum(best, own)
    if isinstance(valuation, Efficient):
        return valuation.most_welfare(own, best)

    def welfare(share: Agents) -> Scalar:
        return jnp.sum(valuation(own + share * (best - own)))

    points = jnp.asarray(_spread(own.shape[0]), own.dtype)
    values = jax.vmap(welfare)(points)
    _, leading = jax.lax.top_k(values, STARTS)

    def turn(position: Array, share: Agents) -> Agents:
        agent = position % own.shape[0]
        half = jnp.asarray(1.0, own.dtype)
        for _ in range(_ZOOMS):
            tried = jnp.clip(share[agent] + half * jnp.linspace(-1.0, 1.0, STEPS, dtype=own.dtype), 0.0, 1.0)
            found = jax.vmap(lambda entry, share=share: welfare(share.at[agent].set(entry)))(tried)
            share, half = share.at[agent].set(tried[jnp.argmax(found)]), half * 2 / (STEPS - 1)
        return share

    def improve(share: Agents) -> Scalar:
        return welfare(jax.lax.fori_loop(0, SWEEPS * own.shape[0], turn, share))

    return jnp.maximum(jnp.max(values), jnp.max(jax.lax.map(improve, points[leading])))


def _spread(agents: int) -> np.ndarray:
    """(POINTS, agents) shares of the way to the best model: multiples of the powers of a generalised golden ratio."""
    ratio = 2.0
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (agents + 1))
    points = np.outer(np.arange(1, POINTS + 1), ratio ** -np.arange(1.0, agents + 1)) % 1.0
    points[0], points[1] = 0.0, 1.0
    return points
