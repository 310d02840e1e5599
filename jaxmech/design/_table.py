"""Any noise rule that never falls, one distribution at a time, as the search knows it; a pure kernel."""

from typing import NamedTuple

import jax.numpy as jnp

from jaxmech._types import Array
from jaxmech.design._linked import error_of
from jaxmech.design._plan import Rule
from jaxmech.design._table_penalty import Deal, stationary_level, table_penalty
from jaxmech.design._terms import Settled, Stake, Terms
from jaxmech.design._threshold import chance


class Table(NamedTuple):
    """A rule by its table. By the theorem of :mod:`jaxmech.design._table_penalty` nothing far away tempts anybody.

    Attributes:
        rule: noise by the discrepancy, in limits, never falling.
    """

    rule: Rule

    @property
    def lanes(self) -> int:
        """How many instances are worth computing side by side: quadratures take room."""
        return 6

    def settle(self, terms: Terms, stake: Stake) -> Settled:
        """Return the levels that make amounts best responses; room is negative where there are none.

        Source: this package; the condition dq/dn = 0 is in :mod:`jaxmech.design._table_penalty`.
        """
        usable = terms.checked & (terms.comparison > 0)
        found = stationary_level(self.rule, _deal(terms, stake))
        given = terms.samples + terms.comparison + terms.rest
        worth = stake.error / (stake.finite_costs * jnp.where(given > 0, given, 1.0) ** 2)
        success = jnp.where(terms.checked, chance(found.level), 1.0)
        return Settled(
            success=jnp.prod(success, axis=-1),
            level=jnp.where(terms.checked, found.level, jnp.inf),
            room=jnp.where(terms.checked & ~(found.found & usable), -1.0, 1.0),
            spare=jnp.where(terms.checked, 1.0, 1 - worth),
            penalty=self.honest(terms, stake, found.level),
            residual=jnp.zeros(terms.samples.shape[:-1], terms.samples.dtype),
        )

    def honest(self, terms: Terms, stake: Stake, level: Array) -> Array:
        """Penalty of an honest agent at given levels."""
        paid = table_penalty(self.rule, _deal(terms, stake), jnp.where(terms.checked, level, 1.0)).value
        given = terms.samples + terms.comparison + terms.rest
        known = error_of(stake.error, given)
        spent = jnp.where(terms.samples > 0, stake.finite_costs * terms.samples, 0.0)
        return jnp.sum(jnp.where(terms.checked, paid, known + spent), axis=-1)

    def temptations(self, terms: Terms, stake: Stake, settled: Settled) -> Array:
        """None: penalties are convex in amounts."""
        return jnp.ones((*terms.samples.shape[:-1], 0), terms.samples.dtype)


def _deal(terms: Terms, stake: Stake) -> Deal:
    """What checked agents are asked and given; ones for all others."""
    usable = terms.checked & (terms.comparison > 0)
    n, z, rest = (jnp.where(usable, part, 1.0) for part in (terms.samples, terms.comparison, terms.rest))
    costs = jnp.broadcast_to(stake.finite_costs, n.shape)
    return Deal(n, z, rest, costs, jnp.broadcast_to(stake.error, n.shape))
