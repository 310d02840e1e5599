"""The mechanism behind calibrated rules: the noise level follows the spread of the others' data."""

import dataclasses

import jax
import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._types import Amounts, Array
from jaxmech.collaboration._calibration import (
    at_quantile,
    calibrated_ratio,
    degrees_of_freedom,
    level_quantiles,
)
from jaxmech.collaboration._checking import Checked, checked_mechanism
from jaxmech.collaboration._guarantee import checked_guarantee
from jaxmech.collaboration._penalty import collection_cost
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._robust import is_told, planned_freedom, robust_quantiles
from jaxmech.collaboration._rule import ROBUST, Rule
from jaxmech.mechanism import (
    Guarantee,
    Information,
    Stakes,
    Statistics,
    Strategy,
    Submission,
    Target,
    Within,
    draw_means_each,
    draw_means_within,
    draw_points,
    each_of_points,
    median_within,
    within_points,
)


@pytree
@dataclasses.dataclass(frozen=True)
class Calibrated:
    """:class:`Checked` with α taken from the data: the root at κ̂ = worth/σ̂², clipped, instead of κ at an assumed σ.

    σ̂² is the variance within Z, within Z' and within what was not drawn of the others' data, so that nothing that she
    does moves it. It must stay hidden, as the others' data must, until she has submitted: who knows that σ̂² came out
    twice as large as σ² collects 0.6 n*. Where nothing tells a variance, α is that of the assumed σ. Once σ̂ is drawn it
    answers one agent alone (:class:`~jaxmech.mechanism.Settling`): so strategies are searched.

    Attributes:
        checked: the mechanism at the assumed σ; its ``variance`` is that by which points are weighed.
        worth: c n*²/price, which κ̂ σ̂² is.
        levels: (quantiles, agents, distributions), α at equally spaced normal quantiles of σ̂², the others being honest
            and σ² being the ``variance``; see :meth:`of`, which makes them.
        robust: whether σ̂² is the median of the variances within the others' submissions instead
            (:mod:`jaxmech.collaboration._robust`).

    Source: this package; the noise level is that of Clinton et al. 2025, equation (11).
    """

    checked: Checked
    worth: Amounts
    levels: Array
    robust: bool = dataclasses.field(default=False, metadata={"static": True})

    @classmethod
    def of(cls, checked: Checked, worth: Amounts, robust: bool = False) -> "Calibrated":
        """Return the mechanism with its noise levels.

        Args:
            checked: see the class.
            worth: likewise.
            robust: likewise.
        """
        freedom, each = degrees_of_freedom(checked.samples, checked.total), jnp.zeros(())
        told = (checked.role == Role.CHECKED) & (freedom >= 1)
        if robust:
            each = planned_freedom(checked.samples, checked.total)
            told = told & is_told(each)
        safe = jnp.where(told, checked.samples, 1)
        kappa = jnp.where(told, worth / checked.variance, 0.1)
        tau, freedom = jnp.where(told, checked.total / safe, 10), jnp.where(told, freedom, 1)
        root = Rule(checked.estimate).root
        if robust:
            ratio = robust_quantiles(root, tau, kappa, jnp.where(told, each, 1))
        else:
            ratio = level_quantiles(root, tau, kappa, freedom)
        some = told & (ratio > 0)
        level = jnp.where(some, jnp.sqrt(jnp.where(some, ratio * safe, 1)), 0)
        return cls(checked, worth, jnp.where(told, level, checked.alpha), robust)

    @property
    def claims(self) -> tuple[str, ...]:
        """Everything, incentives as far as its certificate says."""
        return self.checked.claims

    @property
    def any_law(self) -> bool:
        """On heavy tails σ̂ depends on the means, whatever the weights."""
        return False

    @property
    def approximate(self) -> bool:
        """Incentives hold as far as is proven: σ̂ is not σ."""
        return True

    def target(self, stakes: Stakes) -> Target | None:
        """Return what theory promises of the plan; None without one."""
        return self.checked.target(stakes)

    @property
    def recommended(self) -> Strategy:
        """Collect the recommended amounts."""
        return self.checked.recommended

    def respond(self, submission: Submission | Statistics, key: Array) -> Information:
        """Return to each agent what her role gives her, as :meth:`Checked.respond` does.

        Of counts and means, σ̂² is drawn by its law as the means of Z and Z' are: given the variances if they are
        handed in, else with the assumed σ.

        Args:
            submission: what all agents hand in.
            key: random key for the draws and the noise.
        """
        rules = self.checked
        if isinstance(submission, Statistics):
            rest = rules.total - rules.samples
            asked, own = (submission, rules.samples, rest, rules.variance, key), submission
            if self.robust:
                drawn, each = draw_means_each(*asked)
                within = median_within(each)
            else:
                drawn, within = draw_means_within(*asked)
        else:
            clean, rest = jnp.maximum(jnp.round(rules.samples), 1), jnp.round(rules.total - rules.samples)
            drawn, own = draw_points(submission, clean, rest, key), submission.statistics
            if self.robust:
                within = median_within(each_of_points(submission, clean, rest, key))
            else:
                within = within_points(submission, drawn)
        # Nothing that an agent hands in moves her own σ̂: strategies are searched without derivatives of it.
        alpha = self._alpha(jax.lax.stop_gradient(within))
        return dataclasses.replace(rules, alpha=alpha).sort_out(own, drawn)

    def settle_noise(self, agent: Array, key: Array) -> Checked:
        """Return the mechanism with the noise level that one agent meets in one exchange, the others being honest.

        For normal data σ̂² is σ² times χ²/ν, independent of the means of all parts, and of everything that she does.

        Args:
            agent: her index.
            key: random key of the exchange.
        """
        normal = jax.random.normal(key, self.levels.shape[-1:], self.levels.dtype)
        level = at_quantile(self.levels[:, agent], normal)
        hers = (jnp.arange(len(self.checked.samples)) == agent)[:, None]
        return dataclasses.replace(self.checked, alpha=jnp.where(hers, level, self.checked.alpha))

    def guarantee(self, stakes: Stakes) -> Guarantee:
        """Return what is proven about every strategy's penalty on normal data, by quadrature over σ̂ and convexity."""
        rules = self.checked
        told = (rules.samples, rules.role, rules.alpha, rules.total, rules.variance)
        return checked_guarantee(stakes, *told, Rule(rules.estimate, ROBUST if self.robust else True))

    def _alpha(self, within: Within) -> Amounts:
        """α at κ̂ for whoever is checked and has others who tell σ̂; the one at the assumed σ elsewhere."""
        rules = self.checked
        told = (rules.role == Role.CHECKED) & (within.freedom >= 1)
        safe = jnp.where(told, rules.samples, 1)
        squares = jnp.where(told, within.squares, 1)
        # no spread at all: κ̂ = ∞, which is clipped
        kappa = jnp.where(squares > 0, self.worth * within.freedom / jnp.where(squares > 0, squares, 1), 1)
        tau = jnp.where(told, rules.total / safe, 10)
        ratio = calibrated_ratio(Rule(rules.estimate).root, tau, jnp.where(told, kappa, 0.1))
        return jnp.where(told, jnp.sqrt(jnp.where(told, ratio * safe, 1)), rules.alpha)


def carrying_out(problem: Problem, plan: Plan) -> Checked | Calibrated:
    """Return the mechanism that carries out a plan of c3d or cbl.

    Args:
        problem: the problem, with the σ by which points are weighed.
        plan: calibrated or not.
    """
    checked = checked_mechanism(problem, plan)
    if not plan.calibrated:
        return checked
    worth = collection_cost(problem, plan.samples) * plan.samples / problem.price
    return Calibrated.of(checked, worth, plan.rule.robust)
