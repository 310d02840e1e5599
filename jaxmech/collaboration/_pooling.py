"""The naive mechanisms: pool everything, for everybody or for whoever submits enough."""

import dataclasses

import jax.numpy as jnp

from jaxmech._pytree import pytree
from jaxmech._status import Solution, Status
from jaxmech._types import Amounts, Array, Distributions
from jaxmech.collaboration._penalty import penalty
from jaxmech.collaboration._plan import Plan, Role
from jaxmech.collaboration._problem import Problem
from jaxmech.mechanism import Information, Strategy, Submission


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
class Pool:
    """Everybody gets everything, whatever she submits herself.

    Attributes:
        samples: recommended amounts.
        variance: σ² of a data point.

    Source: Clinton et al. 2025, section 3.2.
    """

    samples: Amounts
    variance: Distributions

    @property
    def recommended(self) -> Strategy:
        """Collect the agreed amounts."""
        return Strategy(self.samples)

    def respond(self, submission: Submission, key: Array) -> Information:
        """Return all data to everybody; the key is not used.

        Example:
            >>> import jax
            >>> data = Submission.from_ragged([[[1.0, 2.0]], [[6.0]]])
            >>> pool = Pool(jnp.ones((2, 1)), jnp.ones(1))
            >>> pool.respond(data, jax.random.key(0)).clean_mean.tolist()
            [[3.0], [3.0]]
        """
        del key
        return _everything(submission, jnp.ones(self.samples.shape, bool), self.variance)


@pytree
@dataclasses.dataclass(frozen=True)
class CountedPool:
    """Whoever submits as many points as agreed gets everything; nobody looks at the points.

    Points are counted one distribution at a time. Data of agents who are refused are used all the same.

    Attributes:
        samples: agreed amounts; their nearest whole numbers are asked for.
        variance: σ² of a data point.

    Source: Clinton et al. 2025, section 3.2, "From compliant to strategic agents".
    """

    samples: Amounts
    variance: Distributions

    @property
    def recommended(self) -> Strategy:
        """Collect the agreed amounts."""
        return Strategy(self.samples)

    def respond(self, submission: Submission, key: Array) -> Information:
        """Return all data to whoever submits enough, nothing to the others; the key is not used."""
        del key
        return _everything(submission, submission.count >= jnp.round(self.samples), self.variance)


def _everything(submission: Submission, admitted: Array, variance: Distributions) -> Information:
    """All points of a distribution for those who are admitted."""
    count = jnp.sum(submission.count, axis=0)
    total = jnp.sum(jnp.where(submission.mask, submission.values, 0), axis=(0, 2))
    mean = total / jnp.maximum(count, 1)
    zero = jnp.zeros(admitted.shape, mean.dtype)
    return Information(
        clean_count=jnp.where(admitted, count, zero),
        clean_mean=jnp.where(admitted, mean, zero),
        noisy_count=zero,
        noisy_mean=zero,
        noisy_variance=zero + variance,
    )
