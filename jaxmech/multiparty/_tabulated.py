"""Earnings as a table over the qualities of all models, linear in each between its entries."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxmech._checks import real_numbers
from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Agents, Array, ArrayLike, Scalar

MAX_WAYS = 20_000
"""Most allocations that are compared in one profile: (entries + 2)^agents."""


@pytree
@dataclasses.dataclass(frozen=True)
class Tabulated:
    """v_i(q) by a table: exact at its entries, linear in each quality between them; beyond the last, the last holds.

    Args:
        qualities: (entries,) increasing, from 0 on: the same for everybody's model.
        values: (agents, entries, …, entries) what each earns when the models have these qualities, an axis per agent.

    Raises:
        ProblemError: for qualities that do not increase from 0, tables of another shape, entries that are not finite,
            and tables whose allocations are too many to be compared.

    Source: Chen et al. 2020, section 4 (any valuations).

    Example:
        >>> market = Tabulated([0.0, 1.0], [[[0.0, -1.0], [2.0, 1.0]], [[0.0, 2.0], [-1.0, 1.0]]])
        >>> market(jnp.array([1.0, 0.5])).tolist()
        [1.5, 0.0]
    """

    qualities: Float[Array, " entries"]
    values: Float[Array, "agents ..."]

    def __init__(self, qualities: ArrayLike, values: ArrayLike) -> None:
        grid, table = real_numbers("qualities", qualities), real_numbers("values", values)
        _check_grid(np.asarray(grid))
        n, k = table.shape[0] if table.ndim else 0, len(grid)
        if n < 2 or table.shape != (n, *(k,) * n):
            rule = f"must have an entry per agent, each a table with an axis of {k} entries per agent"
            raise ProblemError("values", table.shape, rule)
        for index in np.argwhere(~np.isfinite(np.asarray(table)))[:1]:
            where = "values" + "".join(f"[{i}]" for i in index)
            raise ProblemError(where, float(table[tuple(index)]), "must be finite")
        if (k + 2) ** n > MAX_WAYS:
            rule = f"make {(k + 2) ** n:,} allocations per profile with {n} agents (at most {MAX_WAYS:,})"
            raise ProblemError("number of qualities", k, rule)
        object.__setattr__(self, "qualities", grid)
        object.__setattr__(self, "values", table)

    @property
    def agents(self) -> int:
        """Number of agents."""
        return int(self.values.shape[0])

    def __call__(self, qualities: Agents) -> Agents:
        """Return what each agent earns."""
        earned = self.values
        for j in range(self.agents):
            earned = jnp.tensordot(earned, self._weights(qualities[j]), ((1,), (0,)))
        return earned

    def of(self, agent: int | Array, qualities: Agents) -> Scalar:
        """Return what one agent earns."""
        return self(qualities)[agent]

    @property
    def proof(self) -> str:
        """Why the most welfare is known."""
        return "welfare is linear in each model's quality between entries of the table, and all of them were compared"

    def allocate(self, best: Scalar, own: Agents, present: Array) -> Agents:
        """The best of all ways of giving each model an entry's quality, the best one, or none."""
        ends = jnp.where(present, jnp.maximum(best, own), own)
        candidates, welfare = self._ways(own, ends)
        top = jnp.max(welfare)
        slack = 64 * tolerances(welfare.dtype).eps * jnp.max(jnp.abs(welfare))
        # Ties go to the better models, those of the first agents first; rounding decides nothing.
        chosen = jnp.unravel_index(jnp.argmax(welfare.reshape(-1) >= top - slack), welfare.shape)
        quality = candidates[jnp.arange(self.agents), jnp.stack(chosen)]
        return jnp.where(present & (quality > own), quality, jnp.where(present & (best <= own), own, 0.0))

    def most_welfare(self, own: Agents, best: Agents) -> Scalar:
        """The most of all these ways."""
        return jnp.max(self._ways(own, best)[1])

    def _ways(self, own: Agents, ends: Agents) -> tuple[Array, Array]:
        """(agents, ways) qualities of each, best first, and (ways, …, ways) what all earn."""
        inner = jnp.clip(self.qualities[::-1], own[:, None], ends[:, None])
        candidates = jnp.concatenate([ends[:, None], inner, own[:, None]], axis=1)
        welfare = jnp.sum(self.values, axis=0)
        for j in range(self.agents):
            weights = jnp.stack([self._weights(quality) for quality in candidates[j]])
            welfare = jnp.tensordot(welfare, weights, ((0,), (1,)))
        return candidates, welfare

    def _weights(self, quality: Scalar) -> Array:
        """(entries,) shares of the two entries beside a quality."""
        grid = self.qualities
        below = jnp.clip(jnp.searchsorted(grid, quality, side="right") - 1, 0, len(grid) - 2)
        share = jnp.clip((quality - grid[below]) / (grid[below + 1] - grid[below]), 0.0, 1.0)
        return jnp.zeros_like(grid).at[below].set(1 - share).at[below + 1].set(share)


def _check_grid(grid: np.ndarray) -> None:
    if grid.ndim != 1 or len(grid) < 2 or grid[0] != 0:
        raise ProblemError("qualities", grid.tolist(), "must be a list of at least two qualities, the first one 0")
    for k in np.flatnonzero(~(np.isfinite(grid[1:]) & (np.diff(grid) > 0)))[:1]:
        raise ProblemError(f"qualities[{k + 1}]", float(grid[k + 1]), "must be finite and above the one before it")
