"""The mechanism behind c3d and cbl: compare each submission with others' data, and return data the noisier for it."""

import dataclasses
from functools import partial

import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._types import Amounts, Array, Codes, Distributions
from jaxmech.collaboration._efficiency import efficient_target
from jaxmech.collaboration._guarantee import checked_guarantee
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._rule import Rule
from jaxmech.mechanism import (
    CLAIMS,
    Drawn,
    Guarantee,
    Information,
    Stakes,
    Statistics,
    Strategy,
    Submission,
    Target,
    draw_means,
    draw_points,
    of_others,
)


@pytree
@dataclasses.dataclass(frozen=True)
class Checked:
    """Noise that grows with the discrepancy between an agent's mean and that of others' data.

    An agent who is checked gets |Y'| = T − n* points of others, and is compared with |Z| = n* of them. Of data sets
    both are rounded to whole numbers, |Z| to at least 1: so the promised penalty of a plan in whole samples is met
    exactly, that of other plans up to rounding. Of counts and means they are taken as they are, and every promise is
    met exactly.

    Attributes:
        samples: recommended amounts n*.
        role: :class:`Role` codes.
        alpha: corruption coefficient α where the role is CHECKED.
        total: T, points behind each distribution.
        variance: σ² of a data point.
        plan: that it carries out, for what is efficient; None inside transformations.
        estimate: how the recommended estimate weighs noisy points, one of ``ESTIMATES``: by σ² + η², or by what is
            expected of that, σ²(1 + α²(1/n + 1/|Z|)) for n points handed in. What is returned is the same.
        precision: how many of the points in which all amounts are counted one of an agent's own counts, where agents
            differ in precision. Counts of statistics are in equivalent points, data sets hold everybody's own.

    Source: Clinton et al. 2025, Algorithm 2; Chen, Zhu and Kandasamy 2023, Algorithm 1.
    """

    samples: Amounts
    role: Codes
    alpha: Amounts
    total: Distributions
    variance: Distributions
    plan: Plan | None = dataclasses.field(default=None, metadata={"label": None})
    estimate: str = dataclasses.field(default="drawn", metadata={"static": True})
    precision: Amounts | None = None

    @property
    def claims(self) -> tuple[str, ...]:
        """Everything."""
        return CLAIMS

    @property
    def any_law(self) -> bool:
        """What grows with discrepancies rests on normal data, unless it is weighed by what is expected of it."""
        return self.estimate == "steady"

    @property
    def approximate(self) -> bool:
        """Whether incentives hold as far as is proven: with steady weights, for data of any law."""
        return self.estimate == "steady"

    def target(self, stakes: Stakes) -> Target | None:
        """Return what theory promises of the plan; None without one."""
        problem = Problem.unchecked(stakes.costs, stakes.sigma, stakes.price, capacity=stakes.capacity)
        return None if self.plan is None else efficient_target(problem, self.plan)

    @property
    def recommended(self) -> Strategy:
        """Collect the recommended amounts."""
        return Strategy(self.samples)

    @property
    def clean_others(self) -> Amounts:
        """|Z| where she is checked, all of the others' points where she receives, none where she is alone."""
        compared: Amounts = _clean_others(self.samples, self.role, self.total)
        return compared

    def respond(self, submission: Submission | Statistics, key: Array) -> Information:
        """Return to each agent what her role gives her.

        - Alone: her own points.
        - Receives: all points of the others, and her own where she is asked for some.
        - Checked: |Y'| points of the others are drawn without replacement, |Z| of them returned clean together with
          her own; the rest Z' gets independent normal noise of variance η² = α²(ȳ − z̄)². If the others submitted
          fewer points, there are fewer in Z' first, then in Z. Who submits nothing gets Z alone: her η is infinite.

        Agents submit as many points as they like. Memory is that of the submission, a few times over. Of counts and
        means, the means of Z and Z' are drawn by their law given the mean of all points, which is exact for honest
        normal data.

        Args:
            submission: what all agents hand in.
            key: random key for the draws and the noise.

        Returns:
            Counts and means; the noisy mean is drawn as one normal number of the right variance.

        Source: Clinton et al. 2025, Algorithm 2, lines 9 to 29, with the precision-weighted mean that its proof uses.
        """
        points, together = jnp.maximum(jnp.round(self.samples), 1), jnp.round(self.total - self.samples)
        if isinstance(submission, Statistics):
            drawn = draw_means(submission, self.samples, self.total - self.samples, self.variance, key)
            return self.sort_out(submission, drawn)
        if self.precision is not None:
            points, together = self.samples, self.total - self.samples
        drawn = draw_points(submission, points, together, key, self.precision)
        return self.sort_out(submission.in_equivalent_points(self.precision), drawn)

    def respond_to(self, agent: Array, own: Statistics, others: Array) -> Information:
        """Return what one agent gets back if the others are honest; the noisy mean is left at 0.

        Args:
            agent: her index.
            own: what she submits, one row.
            others: mean of the points of others that she gets clean, one row.
        """
        available = of_others(self.samples)[agent][None]
        row = dataclasses.replace(
            self,
            samples=self.samples[agent][None],
            role=self.role[agent][None],
            alpha=self.alpha[agent][None],
            precision=None,
        )
        drawn = jnp.minimum(row.total - row.samples, available)
        compared = jnp.minimum(row.samples, drawn)
        nothing = jnp.zeros_like(others)
        return row.sort_out(own, Drawn(available, others, compared, others, drawn - compared, nothing, noise=nothing))

    def guarantee(self, stakes: Stakes) -> Guarantee:
        """Return what is proven about every strategy's penalty, by convexity."""
        told = (self.samples, self.role, self.alpha, self.total, self.variance)
        return checked_guarantee(stakes, *told, Rule(self.estimate))

    def sort_out(self, own: Statistics, drawn: Drawn) -> Information:
        """Return what each agent gets back of what was drawn for her.

        Args:
            own: what she hands in.
            drawn: others' data.
        """
        checked, alone = self.role == Role.CHECKED, self.role == Role.ALONE
        deviation = jnp.abs(jnp.where(checked, self.alpha, 0) * (own.mean - drawn.clean_mean))
        noisy_count = jnp.where(checked & (own.count > 0), drawn.rest_count, 0)
        noise = deviation / jnp.sqrt(jnp.where(noisy_count > 0, noisy_count, 1)) * drawn.noise
        both = own.count + drawn.clean_count
        mixed = (own.count * own.mean + drawn.clean_count * drawn.clean_mean) / jnp.where(both > 0, both, 1)
        count, mean = self._received(own, drawn)
        known = jnp.where(checked & (own.count == 0), jnp.inf, self.variance + deviation**2)
        return Information(
            clean_count=jnp.where(checked, both, jnp.where(alone, own.count, count)),
            clean_mean=jnp.where(checked, mixed, jnp.where(alone, own.mean, mean)),
            noisy_count=noisy_count,
            noisy_mean=jnp.where(noisy_count > 0, drawn.rest_mean + noise, 0),
            noisy_variance=known,
            expected_variance=self._expected(own, drawn) if self.estimate == "steady" else known,
        )

    def _received(self, own: Statistics, drawn: Drawn) -> tuple[Array, Array]:
        """What who receives gets: all points of the others, together with hers where she is asked for some."""
        hers = jnp.where(self.samples > 0, own.count, 0)
        count = drawn.available + hers
        mixed = (drawn.available * drawn.mean + hers * own.mean) / jnp.where(count > 0, count, 1)
        return count, jnp.where(hers > 0, mixed, drawn.mean)

    def _expected(self, own: Statistics, drawn: Drawn) -> Array:
        """Variance b σ² of what she hands in and is compared with: b = 1 + α²(1/n + 1/|Z|)."""
        corrupts = (self.role == Role.CHECKED) & (own.count > 0) & (drawn.clean_count > 0)
        apart = 1 / jnp.where(corrupts, own.count, 1) + 1 / jnp.where(corrupts, drawn.clean_count, 1)
        return self.variance * (1 + jnp.where(corrupts, jnp.where(corrupts, self.alpha, 0) ** 2 * apart, 0))


@partial(jit, inline=True)
def _clean_others(samples: Amounts, role: Codes, total: Distributions) -> Amounts:
    available = of_others(samples)
    compared = jnp.minimum(samples, jnp.minimum(total - samples, available))
    return jnp.where(role == Role.CHECKED, compared, jnp.where(role == Role.ALONE, 0, available))


def checked_mechanism(problem: Problem, plan: Plan) -> Checked:
    """Return the mechanism that carries out a plan of c3d or cbl."""
    told = (plan.samples, plan.role, plan.alpha, plan.total, problem.sigma**2, plan, plan.estimate)
    return Checked(*told, problem.precision)
