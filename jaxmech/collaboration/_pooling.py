"""The naive mechanisms: pool everything, for everybody or for whoever submits enough."""

import dataclasses

import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._status import Solution, Status
from jaxmech._types import Amounts, Array, Distributions
from jaxmech.collaboration._guarantee import pool_guarantee
from jaxmech.collaboration._penalty import penalty
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem
from jaxmech.collaboration._units import in_equivalent_points
from jaxmech.mechanism import (
    PROMISED,
    Guarantee,
    Information,
    Stakes,
    Statistics,
    Strategy,
    Submission,
    Target,
    of_others,
)


@in_equivalent_points("division")
def pool_plan(problem: Problem, division: Amounts) -> Solution[Plan]:
    """Return the plan that asks for a division of work and gives everybody all data.

    The penalties are those of compliant agents: nothing in these mechanisms makes agents comply.

    Source: Clinton et al. 2025, section 3.2, the sample-mean mechanism.

    Example:
        >>> plan = pool_plan(Problem(costs=[[1.0], [1.0]], sigma=2.0), jnp.ones((2, 1))).value
        >>> plan.penalty.tolist()
        [3.0, 3.0]
    """
    paid = penalty(problem, division)
    plan = Plan(
        samples=division,
        role=jnp.full(division.shape, Role.RECEIVES, jnp.int32),
        alpha=jnp.full_like(division, jnp.nan),
        total=jnp.sum(division, axis=0),
        leverage=jnp.asarray(False),
        penalty=paid,
        social_penalty=jnp.sum(paid),
        target=division,
        division="",
        mechanism="pool",
    )
    return Solution(plan, jnp.asarray(Status.OK, jnp.int32), jnp.zeros_like(paid[0]), jnp.zeros((), jnp.int32))


@pytree
@dataclasses.dataclass(frozen=True)
class _Pooling:
    """All data for everybody who is admitted.

    Attributes:
        samples: agreed amounts.
        variance: σ² of a data point.
        plan: that it carries out, for what is claimed; None inside transformations.
        precision: how many of the points in which amounts are counted one of an agent's own counts, where agents
            differ in precision. Counts of statistics are in equivalent points, data sets hold everybody's own.
    """

    samples: Amounts
    variance: Distributions
    plan: Plan | None = dataclasses.field(default=None, metadata={"label": None})
    precision: Amounts | None = None

    @property
    def claims(self) -> tuple[str, ...]:
        """What the plan claims; without one, that penalties are as promised."""
        return (PROMISED,) if self.plan is None else self.plan.claims

    @property
    def any_law(self) -> bool:
        """A plain mean has the same variance for every law."""
        return True

    def target(self, stakes: Stakes) -> Target | None:
        """Return nothing: agents comply by assumption."""
        del stakes
        return None

    @property
    def recommended(self) -> Strategy:
        """Collect the agreed amounts."""
        return Strategy(self.samples)

    @property
    def clean_others(self) -> Amounts:
        """All points of the others."""
        return of_others(self.samples)

    def respond(self, submission: Submission | Statistics, key: Array) -> Information:
        """Return all data to everybody who is admitted, nothing to the others; the key is not used."""
        del key
        whole = isinstance(submission, Submission)
        unit = self.precision if whole and self.precision is not None else 1.0
        counts = submission.count * unit
        count = jnp.sum(counts, axis=0)
        total = jnp.sum(counts * submission.mean, axis=0)
        return self._hand_out(self._is_admitted(submission.count, self.samples / unit, whole), count, total)

    def respond_to(self, agent: Array, own: Statistics, others: Array) -> Information:
        """Return all data to one agent, if she is admitted; the others are honest.

        Args:
            agent: her index.
            own: what she submits, one row.
            others: mean of the others' points, one row.
        """
        theirs = self.clean_others[agent]
        count = own.count[0] + theirs
        total = own.count[0] * own.mean[0] + theirs * others[0]
        return self._hand_out(self._is_admitted(own.count, self.samples[agent][None], False), count, total)

    def guarantee(self, stakes: Stakes) -> Guarantee:
        """Return what the best free-rider pays."""
        return pool_guarantee(stakes, self.samples, self.variance)

    def _is_admitted(self, count: Amounts, samples: Amounts, whole: bool) -> Array:
        raise NotImplementedError

    def _hand_out(self, admitted: Array, count: Distributions, total: Distributions) -> Information:
        """All points of a distribution for those who are admitted."""
        mean = jnp.where(count > 0, total / jnp.where(count > 0, count, 1), 0)
        zero = jnp.zeros(admitted.shape, mean.dtype)
        return Information(
            clean_count=jnp.where(admitted, count, zero),
            clean_mean=jnp.where(admitted, mean, zero),
            noisy_count=zero,
            noisy_mean=zero,
            noisy_variance=zero + self.variance,
        )


@pytree
@dataclasses.dataclass(frozen=True)
class Pool(_Pooling):
    """Everybody gets everything, whatever she submits herself.

    Attributes:
        samples: recommended amounts.
        variance: σ² of a data point.
        plan: that it carries out.

    Source: Clinton et al. 2025, section 3.2.

    Example:
        >>> import jax
        >>> data = Submission.from_ragged([[[1.0, 2.0]], [[6.0]]])
        >>> pool = Pool(jnp.ones((2, 1)), jnp.ones(1))
        >>> pool.respond(data, jax.random.key(0)).clean_mean.tolist()
        [[3.0], [3.0]]
    """

    def _is_admitted(self, count: Amounts, samples: Amounts, whole: bool) -> Array:
        return jnp.ones(count.shape, bool)


@pytree
@dataclasses.dataclass(frozen=True)
class CountedPool(_Pooling):
    """Whoever submits as many points as agreed gets everything; nobody looks at the points.

    Points are counted one distribution at a time. Data of agents who are refused are used all the same.

    Attributes:
        samples: agreed amounts; of data sets, their nearest whole numbers are asked for.
        variance: σ² of a data point.
        plan: that it carries out.

    Source: Clinton et al. 2025, section 3.2, "From compliant to strategic agents".
    """

    def _is_admitted(self, count: Amounts, samples: Amounts, whole: bool) -> Array:
        return count >= (jnp.round(samples) if whole else samples)
