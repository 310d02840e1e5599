"""c3d on two distributions whose noise looks at both at once: two rules that only joint strategies exploit."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from jaxmech import collaboration
from jaxmech._pytree import pytree
from jaxmech.mechanism import Information, Strategy, draw_means
from tests.oracles.exploitable import COST

PROBLEM = collaboration.Problem([[COST, COST]] * 5, 1.0)


@pytree
@dataclasses.dataclass(frozen=True)
class Linked:
    """Everybody is compared with n* clean points, and gets the rest with noise, the same on both distributions.

    Attributes:
        samples: n*.
        alpha: coefficient of the noise.
        product: 1 if η² = α² max(0, product of the discrepancies); −1 for c3d, where each has its own, α² gap².
        between: else η² = α² gap₁² + between² (ȳ₁ − ȳ₂)².
    """

    samples: Any
    alpha: Any
    product: Any
    between: Any

    @property
    def recommended(self):
        return Strategy(self.samples)

    def respond(self, submission, key):
        draw_key, noise_key = jax.random.split(key)
        total = jnp.sum(self.samples, axis=0)
        drawn = draw_means(submission, self.samples, total - self.samples, jnp.ones(2), draw_key)
        count, gap = submission.count, submission.mean - drawn.clean_mean
        apart = submission.mean[:, 0] - submission.mean[:, 1]
        by_product = self.alpha**2 * jnp.maximum(gap[:, 0] * gap[:, 1], 0.0)
        by_first = self.alpha**2 * gap[:, 0] ** 2 + self.between**2 * apart**2
        both_alike = jnp.where(self.product > 0, by_product, by_first)[:, None]
        variance = jnp.where(self.product < 0, self.alpha**2 * gap**2, both_alike)
        # Who submits nothing on one of the two gets nothing but clean points on both.
        variance = jnp.where(jnp.all(count > 0, axis=1)[:, None], variance, 1e18)
        rest = drawn.rest_count
        noise = jnp.sqrt(variance / jnp.where(rest > 0, rest, 1.0)) * jax.random.normal(noise_key, gap.shape)
        both = count + drawn.clean_count
        clean = count * submission.mean + drawn.clean_count * drawn.clean_mean
        return Information(both, clean / jnp.where(both > 0, both, 1.0), rest, drawn.rest_mean + noise, 1.0 + variance)


def linked(*, product=0.0, between=0.0):
    plan = collaboration.solve(PROBLEM, mechanism="c3d").raise_for_status().value
    alpha = float(plan.alpha[0, 0])
    return Linked(plan.samples, *(jnp.asarray(value) for value in (alpha, product, between))), alpha
