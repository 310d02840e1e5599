"""What a broker pays in expectation, from what it does with submissions and from nothing else."""

import dataclasses

import jax
import jax.numpy as jnp

from jaxmech._kept import jit
from jaxmech._pytree import pytree
from jaxmech._types import Array, Scalar
from jaxmech.market._broker import Broker

_REACH = 10  # standard deviations of a discrepancy: rounding of what is fixed does not matter beside its square


@pytree
@dataclasses.dataclass(frozen=True)
class ExpectedSettlement:
    """Expected payments of a broker whose payments are quadratic in the contributors' means.

    Attributes:
        payment: (contributors,) expected if everybody complies.
        spent: (contributors,) cost of collecting.
        agreed: (contributors,) payment if all means are equal.
        miscounted: (contributors,) the same for who submits a point too many.
        left: (contributors,) the same for who submits nothing.
        curvature: (contributors,) factor of her own squared mean in what each contributor is paid.
        samples: (contributors,) points asked for.
        costs: (contributors,) of a point.
        variance: of a point.
    """

    payment: Array
    spent: Array
    agreed: Array
    miscounted: Array
    left: Array
    curvature: Array
    samples: Array
    costs: Array
    variance: Scalar

    @property
    def gain(self) -> Array:
        """(contributors,) expected payment less the cost of collecting."""
        return self.payment - self.spent

    def change(self, tries: Array) -> Array:
        """Return what each gains by collecting another amount and submitting as many points as asked with its mean.

        A mean that rests on no points may be off by anything: −∞ if that costs her anything.

        Args:
            tries: (tries, contributors) amounts.
        """
        asked, some = self.samples > 0, jnp.maximum(tries, 1.0)
        noise = jnp.where(asked, self.variance / some - self.variance / jnp.where(asked, self.samples, 1.0), 0.0)
        saved = self.costs * (self.samples - tries)
        made_up = jnp.where(asked & (self.curvature < 0), -jnp.inf, saved)
        return jnp.where(tries > 0, self.curvature * noise + saved, made_up)


@jit
def expected_settlement(broker: Broker) -> ExpectedSettlement:
    """Return what a broker pays in expectation, exact for payments that are quadratic in the means. A pure function.

    With independent means m_k of variance σ²/N_k, E f(m) = f(0) + Σ_k a_k σ²/N_k, where a_k = (f(h e_k) + f(−h e_k) −
    2 f(0))/(2 h²) is taken from :meth:`Broker.settle` itself. Several means are moved together, each by its σ: what is
    paid for them adds up, so that their curvatures do.

    Args:
        broker: from :func:`mechanism`, or one of one's own.
    """
    agreed, miscounted, left, curvature = _probe(broker)
    samples, costs, variance = broker.samples, broker.costs, broker.level
    of_mean = jnp.where(samples > 0, variance / jnp.where(samples > 0, samples, 1.0), 0.0)
    return ExpectedSettlement(
        payment=agreed + jnp.sum(of_mean[:, None] * curvature, axis=0),
        spent=costs * samples,
        agreed=agreed,
        miscounted=miscounted,
        left=left,
        curvature=jnp.diagonal(curvature),
        samples=samples,
        costs=costs,
        variance=variance,
    )


def _probe(broker: Broker) -> tuple[Array, Array, Array, Array]:
    """Payments where all agree, those of who submits a point too many or none, and curvatures.

    Curvatures are (whose mean, whose payment).
    """
    size = broker.samples.shape[0]
    unit = jnp.eye(size, dtype=broker.samples.dtype)
    step = _REACH * jnp.sqrt(2 * broker.level)  # no mean of at least one point varies by more

    def pay(count: Array, mean: Array) -> Array:
        return broker.settle(broker.alike(count, mean))[1]

    agreed = pay(broker.samples, jnp.zeros(size, unit.dtype))

    def paid_alone(count: Array, direction: Array) -> Array:
        return jnp.sum(direction * pay(count, 0 * direction))

    def probe(direction: Array) -> tuple[Array, Array, Array]:
        sides = pay(broker.samples, step * direction) + pay(broker.samples, -step * direction)
        more, none = broker.samples + direction, broker.samples * (1 - direction)
        return paid_alone(more, direction), paid_alone(none, direction), (sides / 2 - agreed) / step**2

    miscounted, left, curvature = jax.lax.map(probe, unit)
    return agreed, miscounted, left, curvature
