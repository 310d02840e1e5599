"""The mechanism behind calibrated designs: limits follow the spread of the others' data."""

import dataclasses

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._tolerances import tolerances
from jaxmech._types import Amounts, Array
from jaxmech.design._mechanism import Designed
from jaxmech.design._plan import Calibration
from jaxmech.mechanism import (
    Guarantee,
    Information,
    Stakes,
    Statistics,
    Strategy,
    Submission,
    Target,
    Within,
    draw_means_within,
    draw_points,
    within_points,
)


@pytree
@dataclasses.dataclass(frozen=True)
class Following:
    """:class:`Designed` with limits that are a level times σ̂, from the spread within parts of the others' data.

    σ̂ must stay hidden, as the others' data must, until she has submitted. Where nothing tells it, the limit is the one
    at the assumed σ. Once σ̂ is drawn it answers one agent alone (:class:`~jaxmech.mechanism.Settling`): so strategies
    are searched.

    Attributes:
        designed: the mechanism at the assumed σ.
        calibration: the levels.
        freedom: degrees of freedom of σ̂², the others being honest.
    """

    designed: Designed
    calibration: Calibration
    freedom: Amounts

    @property
    def claims(self) -> tuple[str, ...]:
        """Everything, incentives as far as its certificate says."""
        return self.designed.claims

    @property
    def any_law(self) -> bool:
        """On heavy tails σ̂ depends on the means."""
        return False

    @property
    def approximate(self) -> bool:
        """Incentives hold as far as is proven: σ̂ is not σ."""
        return True

    @property
    def whole(self) -> bool:
        """All numbers of points are whole."""
        return self.designed.whole

    def target(self, stakes: Stakes) -> Target | None:
        """Return the best published mechanism."""
        return self.designed.target(stakes)

    @property
    def recommended(self) -> Strategy:
        """Collect the recommended amounts."""
        return self.designed.recommended

    def respond(self, submission: Submission | Statistics, key: Array) -> Information:
        """Return what :meth:`Designed.respond` does, at limits for the σ̂ of these data.

        Of counts and means, σ̂² is drawn by its law: given the variances if they are handed in, else with the assumed σ.

        Args:
            submission: what all agents hand in.
            key: random key for the draws.
        """
        rules = self.designed
        total = rules.comparison + rules.rest
        if isinstance(submission, Statistics):
            drawn, within = draw_means_within(submission, rules.comparison, total, rules.variance, key)
            return self._at(within).sort_out(submission, drawn)
        drawn = draw_points(submission, jnp.round(rules.comparison), jnp.round(total), key)
        return self._at(within_points(submission, drawn)).sort_out(submission.statistics, drawn)

    def settle_noise(self, agent: Array, key: Array) -> Designed:
        """Return the mechanism with the limits that one agent meets in one exchange, the others being honest.

        Args:
            agent: her index.
            key: random key of the exchange.
        """
        rules, freedom = self.designed, jnp.maximum(self.freedom[agent], 1)
        seen = jnp.sqrt(2 * jax.random.gamma(key, freedom / 2) / freedom)
        level = jax.vmap(self._level)(seen, self.calibration.level[agent])
        limit = jnp.where(jnp.isfinite(rules.limit[agent]), level * seen * jnp.sqrt(rules.variance), jnp.inf)
        hers = (jnp.arange(len(rules.samples)) == agent)[:, None]
        return dataclasses.replace(rules, limit=jnp.where(hers, limit, rules.limit))

    def guarantee(self, stakes: Stakes) -> Guarantee:
        """Return what was proven when the design was certified, at the assumed σ."""
        return self.designed.guarantee(stakes)

    def _at(self, within: Within) -> Designed:
        """The mechanism at limits for these σ̂; nothing that an agent hands in moves her own."""
        rules = self.designed
        least = tolerances(rules.limit.dtype).eps ** 2  # of data that do not spread, equal means are within the limit
        told = jnp.isfinite(rules.limit) & (within.freedom >= 1)
        squares, freedom = (jax.lax.stop_gradient(jnp.where(told, part, 1)) for part in within)
        sigma = jnp.sqrt(jnp.maximum(squares, 0) / freedom)
        by_agent = jax.vmap(jax.vmap(self._level))
        level = by_agent(sigma / jnp.sqrt(rules.variance), self.calibration.level)
        return dataclasses.replace(rules, limit=jnp.where(told, jnp.maximum(level * sigma, least), rules.limit))

    def _level(self, seen: Array, row: Array) -> Array:
        """The limit in σ̂ at one σ̂, in units of the assumed σ."""
        return jnp.interp(seen, self.calibration.spread, row)
