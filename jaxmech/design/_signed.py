"""A threshold design as it was signed: what everybody pays who collects, or is given, something else. NumPy only."""

import dataclasses
import math

import numpy as np

from jaxmech.collaboration import Problem
from jaxmech.design._plan import Design

_erf = np.vectorize(math.erf, otypes=[float])


@dataclasses.dataclass(frozen=True)
class Signed:
    """A design in NumPy, all (agents, distributions); errors in σ², weighed by ``worth`` = price σ²."""

    n: np.ndarray
    z: np.ndarray
    rest: np.ndarray
    limit: np.ndarray
    costs: np.ndarray
    worth: np.ndarray
    beyond: float
    linked: bool

    def passes(self, spread: float) -> np.ndarray:
        """Chance that each honest agent keeps each limit where σ is ``spread`` times the agreed one; else 1."""
        with np.errstate(divide="ignore", invalid="ignore"):
            level = self.limit / spread * np.sqrt(self.n * self.z / (self.n + self.z))
        return np.where(np.isfinite(self.limit), _erf(np.nan_to_num(level, nan=0.0) / 2**0.5), 1.0)

    def clean(self, passes: np.ndarray) -> np.ndarray:
        """Chance that the rest is clean."""
        return np.broadcast_to(passes.prod(axis=1, keepdims=True), passes.shape) if self.linked else passes

    def errors(self, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Squared errors, with the rest clean and not, by weights for the agreed σ."""
        sure, kept = self.n + self.z, 1 / (1 + self.beyond)
        noise = 0.0 if math.isinf(self.beyond) else self.rest * kept**2 * self.beyond
        with np.errstate(divide="ignore", invalid="ignore"):
            clean = spread**2 / (sure + self.rest)
            other = (spread**2 * (sure + self.rest * kept**2) + noise) / (sure + self.rest * kept) ** 2
        return clean, np.where(sure + self.rest * kept > 0, other, math.inf)

    def penalty(self, spread: float = 1.0) -> np.ndarray:
        """(agents,) what each pays."""
        clean, other = self.errors(spread)
        chance = self.clean(self.passes(spread))
        with np.errstate(invalid="ignore"):  # 0 times ∞: what never happens, or is worth nothing
            error = np.where(chance < 1, (1 - chance) * other, 0.0) + np.where(chance > 0, chance * clean, 0.0)
            missed = np.where(self.worth > 0, self.worth * error, 0.0)
            spent = np.where(self.n > 0, self.costs * self.n, 0.0)
        return np.asarray(np.sum(missed + np.where(np.isfinite(self.costs), spent, 0.0), axis=1))

    def of(self, agent: int, amounts: np.ndarray) -> "Signed":
        """Return the deal of one agent for each of some amounts, (candidates, distributions), as if each were one."""
        z, rest, limit, costs, worth = (
            np.broadcast_to(part[agent], amounts.shape)
            for part in (self.z, self.rest, self.limit, self.costs, self.worth)
        )
        return Signed(amounts, z, rest, limit, costs, worth, self.beyond, self.linked)

    def left(self, given: np.ndarray) -> "Signed":
        """Return what is left of every deal where others hand in fewer points: first |Z′| is smaller, then |Z|.

        Args:
            given: (agents, distributions) points that all others hand in.
        """
        z = np.minimum(self.z, given)
        return dataclasses.replace(self, z=z, rest=np.minimum(self.rest, given - z))


def signed(problem: Problem, design: Design) -> Signed | None:
    """Return a design as numbers of NumPy.

    Args:
        problem: the problem.
        design: whose rule is a threshold, as :func:`design` makes them.

    Returns:
        None where limits follow the data, checks lie in an ellipsoid, or agents differ in precision.
    """
    box = design.ellipsoid is None or not bool(design.ellipsoid)
    if design.calibration is not None or not box or design.precision is not None or np.ndim(problem.sigma) > 1:
        return None
    sigma, shape = np.asarray(problem.sigma, float), design.samples.shape
    n, z, rest, limit = (
        np.asarray(part, float) for part in (design.samples, design.comparison, design.rest, design.limit)
    )
    worth = np.broadcast_to(np.asarray(problem.price, float) * sigma**2, shape)
    beyond, linked = float(design.rule.variance[-1]), bool(design.linked)
    return Signed(n, z, rest, limit / sigma, np.asarray(problem.costs, float), worth, beyond, linked)
