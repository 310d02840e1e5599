"""Which rule sets the noise: how noisy points are weighed, and whether its level follows the data. A pure kernel."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from jaxmech._errors import ProblemError
from jaxmech._status import Solution
from jaxmech._types import Array
from jaxmech._words import one_of
from jaxmech.collaboration._calibration import noise_levels
from jaxmech.collaboration._corruption import checked_penalty, corruption_root, deviation_penalty
from jaxmech.collaboration._robust import robust_levels
from jaxmech.collaboration._steady import steady_penalty, steady_root

ESTIMATES = ("drawn", "steady")
"""How the recommended estimate weighs noisy points: by the noise that was drawn, or by the noise that is expected."""

ROBUST = "robust"
"""The noise level follows a median, which one who spreads her points moves by no more than one rank."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """How c3d and cbl set the noise.

    Attributes:
        estimate: one of ``ESTIMATES``.
        calibrated: whether the noise level follows the spread of the others' data instead of an assumed σ; ``ROBUST``
            if it follows the median of the spreads within their submissions.
    """

    estimate: str = ESTIMATES[0]
    calibrated: bool | str = False

    @property
    def robust(self) -> bool:
        """Whether σ̂² is the median of the variances within the others' submissions."""
        return self.calibrated == ROBUST

    @property
    def steady(self) -> bool:
        """Whether noisy points are weighed by the noise that is expected."""
        return self.estimate == "steady"

    @property
    def published(self) -> bool:
        """Whether it is the rule of the papers."""
        return not self.steady and not self.calibrated

    def root(self, tau: Array, kappa: Array) -> Solution[Array]:
        """Return α²/n* at a known σ; she is compared with as many points as she is asked for, |Z| = n*."""
        return steady_root(tau, kappa) if self.steady else corruption_root(tau, kappa)

    def levels(self, tau: Array, kappa: Array, ratio: Array, freedom: Array) -> "Levels":
        """Return the values of α²/n* that occur, with their probabilities.

        Args:
            tau: T/n*.
            kappa: c n*²/σ² at the true σ.
            ratio: α²/n* of a rule that is not calibrated.
            freedom: degrees of freedom of σ̂²; of a robust rule those of each other, on a leading axis.
        """
        if not self.calibrated:
            return Levels(ratio, None)
        if self.robust:
            return Levels(*robust_levels(self.root, tau, kappa, freedom))
        return Levels(*noise_levels(self.root, tau, kappa, freedom))

    def compliant(self, tau: Array, kappa: Array, ratio: Array) -> Array:
        """Return what a compliant agent pays in units of σ²/n*, at one noise level."""
        if not self.steady:
            return checked_penalty(tau, kappa, ratio)
        return 1 / (2 + (tau - 2) / (1 + 2 * ratio)) + kappa

    def penalty(
        self, n: Array, n_star: Array, total: Array, levels: "Levels", cost: Array, scale: Array, *, best: bool = False
    ) -> Array:
        """Return what she pays who collects n and submits them as they are.

        Args:
            n: points she collects.
            n_star: points she is asked for.
            total: T.
            levels: of α²/n*.
            cost: of a point.
            scale: σ√price.
            best: whether she weighs by the noise that was drawn, as is best for normal data, whatever is recommended.
        """
        kernel = deviation_penalty if best or not self.steady else steady_penalty
        return levels.average(lambda ratio: kernel(n, n_star, total, jnp.sqrt(ratio * n_star), cost, scale))


PUBLISHED = Rule()


class Levels(NamedTuple):
    """Values of α²/n* and their probabilities.

    Attributes:
        ratio: values; on a leading axis where there are several.
        weight: probabilities, of the same shape; None where there is one value.
    """

    ratio: Array
    weight: Array | None

    def average(self, of: Callable[[Array], Array]) -> Array:
        """Return the expectation of a function of α²/n*."""
        return of(self.ratio) if self.weight is None else jnp.sum(self.weight * of(self.ratio), axis=0)


def rule_of(estimate: str, calibrated: bool | str) -> Rule:
    """Return the rule with these names.

    Raises:
        ProblemError: for an unknown one, with the nearest that there is.
    """
    one_of("estimate", estimate, ESTIMATES)
    if not isinstance(calibrated, bool) and calibrated != ROBUST:
        raise ProblemError("calibrated", calibrated, f'must be true or false, or "{ROBUST}"')
    return Rule(estimate, calibrated)
