"""What a user may ask of a design."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._types import Scalar


@pytree
@dataclasses.dataclass(frozen=True)
class Bounds:
    """Wishes as the search takes them: numbers are traced, so that other wishes are not compiled anew.

    Attributes:
        kept: share of the rest's precision that is left to who fails.
        failure: largest chance that an honest agent fails.
        linked: whether failing on one distribution may spoil all; static.
        ellipsoid: whether linked discrepancies may count together; static.
    """

    kept: Scalar
    failure: Scalar
    linked: bool = dataclasses.field(metadata={"static": True})
    ellipsoid: bool = dataclasses.field(default=False, metadata={"static": True})


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What a user may ask of a design.

    Attributes:
        linked: whether failing on one distribution may spoil all.
        noise: largest variance of added noise, in σ²; ∞ for data withheld.
        failure: largest chance that an honest agent fails.
        whole: whether amounts are to be whole numbers.
        ellipsoid: whether linked discrepancies may count together, by the sum of their squares in limits, too.
    """

    linked: bool = True
    noise: float = np.inf
    failure: float = 1.0
    whole: bool = False
    ellipsoid: bool = False

    def __post_init__(self) -> None:
        """Refuse wishes that make no sense."""
        if self.ellipsoid and not self.linked:
            raise ProblemError("ellipsoid", self.ellipsoid, "needs linked distributions: leave out what unlinks them")
        if not self.noise > 0:
            raise ProblemError("noise", self.noise, "must be positive (inf: withheld)")
        if not 0 < self.failure <= 1:
            raise ProblemError("failure", self.failure, "must be a chance above 0, at most 1")

    @property
    def kept(self) -> float:
        """Share of the rest's precision that is left to who fails."""
        return 1 / (1 + self.noise)

    @property
    def bounds(self) -> Bounds:
        """What the search has to keep."""
        return Bounds(jnp.asarray(self.kept), jnp.asarray(self.failure), self.linked, self.ellipsoid)
