"""Carrying an agreement out on counts and means: reports are checked, each site is told what is hers. A host shell."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxmech._checks import plain_array
from jaxmech._errors import ProblemError
from jaxmech._types import Array, ArrayLike
from jaxmech._words import suggestion
from jaxmech.mechanism import Information, Stakes, Statistics, secret_key

_PARTS = ("count", "mean", "variance")


@dataclasses.dataclass(frozen=True)
class Returned:
    """What one site gets back of one distribution, and nothing else.

    Attributes:
        estimate: the recommended estimate of the mean; NaN where she gets nothing.
        standard_error: of that estimate, for points of the assumed σ.
        clean_count: points that came back as they were handed in.
        clean_mean: their mean.
        noisy_count: points that came back with noise added.
        noisy_mean: their mean, noise included.
        noisy_variance: variance of each of those, noise included.
    """

    estimate: float
    standard_error: float
    clean_count: float
    clean_mean: float
    noisy_count: float
    noisy_mean: float
    noisy_variance: float


def summarise(points: Mapping[str, ArrayLike]) -> dict[str, dict[str, float]]:
    """Return what a site reports of its data points: count, mean and unbiased variance of each distribution.

    Args:
        points: finite numbers, any count of them, by the name of their distribution.

    Raises:
        ProblemError: for a point that is not a finite number.

    Source: none; sums of the site's own points.

    Example:
        >>> summarise({"glucose": [5.0, 7.0]})
        {'glucose': {'count': 2.0, 'mean': 6.0, 'variance': 2.0}}
    """
    return {name: _summary(name, values) for name, values in points.items()}


def _summary(name: str, values: ArrayLike) -> dict[str, float]:
    numbers = plain_array(name, values).astype(float).reshape(-1)
    for k in np.flatnonzero(~np.isfinite(numbers)):
        raise ProblemError(f"points[{name}][{k}]", float(numbers[k]), "must be a finite number")
    n = len(numbers)
    mean, variance = float(numbers.mean()) if n else 0.0, float(numbers.var(ddof=1)) if n > 1 else 0.0
    return {"count": float(n), "mean": mean, "variance": variance}


class Operator:
    """Asks sites for amounts, takes their counts and means, and answers each with what the mechanism gives her.

    A mechanism that compares a part of the others' points draws, from their counts and means, the mean that such a part
    would have: for normal points that is the same law as if points were drawn. Nobody learns more than she gets back,
    but the operator sees all counts and means.

    Args:
        problem: whose sites and distributions these are: anything with costs, sigma and price.
        mechanism: what happens to the reports: any :class:`~jaxmech.mechanism.Mechanism` of whole amounts, as of
            ``integer_plan(problem, plan).plan``.

    Raises:
        ProblemError: for sites that differ in precision, and for a mechanism that asks for fractions of points.

    Source: none; the mechanism's own rule, on what sites report.

    Example:
        >>> from jaxmech import collaboration
        >>> problem = collaboration.Problem([[1.0], [1.0]], 1.0, agents=["A", "B"], distributions=["glucose"])
        >>> plan = collaboration.pool_plan(problem, jnp.array([[2.0], [2.0]])).value
        >>> operator = Operator(problem, collaboration.mechanism(problem, plan))
        >>> report = {"glucose": {"count": 2, "mean": 6.0}}
        >>> operator.answer({"A": report, "B": report})["A"]["glucose"].estimate
        6.0
    """

    def __init__(self, problem: Any, mechanism: Any) -> None:
        stakes = Stakes.of(problem)
        if stakes.precision is not None:
            raise ProblemError("sigma", "a table by agent", "must be one number per distribution: points are counted")
        m, d = stakes.costs.shape
        self.sites = tuple(problem.agent_name(i) for i in range(m))
        self.distributions = tuple(problem.distribution_name(k) for k in range(d))
        self._mechanism, self._sigma = mechanism, np.asarray(stakes.sigma, float)
        samples = np.asarray(mechanism.recommended.samples, float)
        for i, k in np.argwhere(samples != np.rint(samples)):
            where = f"samples[{self.sites[i]}][{self.distributions[k]}]"
            rule = "must be whole: carry out integer_plan(problem, plan).plan"
            raise ProblemError(where, float(samples[i, k]), rule)

    def asked(self) -> dict[str, dict[str, int]]:
        """Return how many points each site is asked for, by distribution; 0 left out."""
        samples = np.rint(np.asarray(self._mechanism.recommended.samples, float)).astype(int)
        return {
            site: {name: int(n) for name, n in zip(self.distributions, row, strict=True) if n}
            for site, row in zip(self.sites, samples, strict=True)
        }

    def statistics(self, reports: Mapping[str, Any]) -> Statistics:
        """Return reports as mechanisms take them; who reports nothing has no points.

        Args:
            reports: by site and distribution, each with count, mean and, where they are known, variance.

        Raises:
            ProblemError: for unknown names, counts that are not whole, and numbers that are not finite.
        """
        table = np.zeros((len(_PARTS), len(self.sites), len(self.distributions)))
        known = True
        for site, report in reports.items():
            i = _place("site", site, self.sites)
            _mapping(f"reports[{site}]", report)
            for name, entry in report.items():
                k = _place(f"reports[{site}]", name, self.distributions)
                table[:, i, k] = _checked(f"reports[{site}][{name}]", entry)
                known &= "variance" in entry or table[0, i, k] < 2
        count, mean, variance = (jnp.asarray(part) for part in table)
        return Statistics(count, mean, variance if known else None)

    def answer(self, reports: Mapping[str, Any], key: Array | None = None) -> dict[str, dict[str, Returned]]:
        """Return what each site gets back.

        Args:
            reports: as :meth:`statistics` takes them.
            key: for whatever the mechanism draws; by default a secret one, from the system's entropy. Who knows it
                knows the noise.

        Raises:
            ProblemError: as :meth:`statistics`.
        """
        found = self._mechanism.respond(self.statistics(reports), secret_key() if key is None else key)
        return {
            site: {name: self._returned(found, i, k) for k, name in enumerate(self.distributions)}
            for i, site in enumerate(self.sites)
        }

    def _returned(self, found: Information, i: int, k: int) -> Returned:
        fields = ("clean_count", "clean_mean", "noisy_count", "noisy_mean", "noisy_variance")
        numbers = {name: float(getattr(found, name)[i, k]) for name in fields}
        clean = numbers["clean_count"] / self._sigma.reshape(-1)[k % self._sigma.size] ** 2
        noisy = numbers["noisy_count"] / numbers["noisy_variance"] if numbers["noisy_count"] else 0.0
        error = 1 / math.sqrt(clean + noisy) if clean + noisy > 0 else math.nan
        estimate = float(found.estimate(jnp.asarray(self._sigma**2))[i, k])
        return Returned(estimate, error, **numbers)


def _place(argument: str, name: str, names: tuple[str, ...]) -> int:
    if name not in names:
        raise ProblemError(argument, name, f"must be one of {', '.join(names[:6])}{suggestion(name, names)}")
    return names.index(name)


def _mapping(where: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise ProblemError(where, value, "must be a dictionary")


def _checked(where: str, entry: Any) -> list[float]:
    """Count, mean and variance of a report, the last 0 where it is left out."""
    _mapping(where, entry)
    for part in entry:
        if part not in _PARTS:
            raise ProblemError(where, part, f"must be one of {', '.join(_PARTS)}{suggestion(part, _PARTS)}")
    numbers = []
    for part in _PARTS:
        if part not in entry and part != "variance":
            raise ProblemError(where, list(entry), f"must have a {part}")
        value = entry.get(part, 0.0)
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
            raise ProblemError(f"{where}[{part}]", value, "must be a finite number")
        if part != "mean" and value < 0:
            raise ProblemError(f"{where}[{part}]", value, "must be 0 or more")
        numbers.append(float(value))
    if numbers[0] != int(numbers[0]):
        raise ProblemError(f"{where}[count]", numbers[0], "must be whole: so many points were measured")
    return numbers
