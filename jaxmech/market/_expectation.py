"""What a broker pays in expectation, from what it does with submissions and from nothing else."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._types import Array
from jaxmech.market._broker import Broker
from jaxmech.mechanism import Statistics

_REACH = 10  # standard deviations of a discrepancy: rounding of what is fixed does not matter beside its square


@dataclasses.dataclass(frozen=True)
class ExpectedSettlement:
    """Expected payments of a broker whose payments are quadratic in the contributors' means, on the host.

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

    payment: np.ndarray
    spent: np.ndarray
    agreed: np.ndarray
    miscounted: np.ndarray
    left: np.ndarray
    curvature: np.ndarray
    samples: np.ndarray
    costs: np.ndarray
    variance: float

    @property
    def gain(self) -> np.ndarray:
        """(contributors,) expected payment less the cost of collecting."""
        return np.asarray(self.payment - self.spent)

    def change(self, tries: np.ndarray) -> np.ndarray:
        """Return what each gains by collecting another amount and submitting as many points as asked with its mean.

        A mean that rests on no points may be off by anything: −∞ if that costs her anything.

        Args:
            tries: (tries, contributors) amounts.
        """
        asked, some = self.samples > 0, np.maximum(tries, 1.0)
        noise = np.where(asked, self.variance / some - self.variance / np.where(asked, self.samples, 1.0), 0.0)
        saved = self.costs * (self.samples - tries)
        made_up = np.where(asked & (self.curvature < 0), -np.inf, saved)
        return np.asarray(np.where(tries > 0, self.curvature * noise + saved, made_up))


def expected_settlement(broker: Broker) -> ExpectedSettlement:
    """Return what a broker pays in expectation, exact for payments that are quadratic in the means.

    With independent means m_k of variance σ²/N_k, E f(m) = f(0) + Σ_k a_k σ²/N_k, where a_k = (f(h e_k) + f(−h e_k) −
    2 f(0))/(2 h²) is taken from :meth:`Broker.settle` itself.

    Args:
        broker: from :func:`mechanism`, or one of one's own.
    """
    agreed, miscounted, left, curvature = (np.asarray(part, float) for part in jax.device_get(_probe(broker)))
    samples, costs = (np.asarray(part, float) for part in (broker.samples, broker.costs))
    variance = float(broker.variance)
    of_mean = np.where(samples > 0, variance / np.where(samples > 0, samples, 1.0), 0.0)
    return ExpectedSettlement(
        payment=agreed + of_mean @ curvature,
        spent=costs * samples,
        agreed=agreed,
        miscounted=miscounted,
        left=left,
        curvature=np.diagonal(curvature).copy(),
        samples=samples,
        costs=costs,
        variance=variance,
    )


@jax.jit
def _probe(broker: Broker) -> tuple[Array, Array, Array, Array]:
    """Payments where all agree, those of who submits a point too many or none, and curvatures.

    Curvatures are (whose mean, whose payment).
    """
    size = broker.samples.shape[0]
    unit = jnp.eye(size, dtype=broker.samples.dtype)
    step = _REACH * jnp.sqrt(2 * broker.variance)  # no mean of at least one point varies by more

    def pay(count: Array, mean: Array) -> Array:
        return broker.settle(Statistics(count[:, None], mean[:, None]))[1]

    agreed = pay(broker.samples, jnp.zeros(size, unit.dtype))

    def paid_alone(count: Array, direction: Array) -> Array:
        return jnp.sum(direction * pay(count, 0 * direction))

    def probe(direction: Array) -> tuple[Array, Array, Array]:
        sides = pay(broker.samples, step * direction) + pay(broker.samples, -step * direction)
        more, none = broker.samples + direction, broker.samples * (1 - direction)
        return paid_alone(more, direction), paid_alone(none, direction), (sides / 2 - agreed) / step**2

    miscounted, left, curvature = jax.lax.map(probe, unit)
    return agreed, miscounted, left, curvature
