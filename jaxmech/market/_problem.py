"""The problem of selling data: what points cost the contributors, and what they are worth to the buyers."""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxmech._checks import numbers, positive, unique_names, whole
from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._types import Array, ArrayLike, Float, Scalar
from jaxmech.market._valuation import Valuation


@dataclasses.dataclass(frozen=True)
class Buyer:
    """One type of buyer.

    Args:
        valuation: what data is worth to her: :func:`threshold`, :func:`exponential`, :func:`linear`, :func:`table` or
            :func:`by_error`.
        count: how many buyers of this type there are.
        name: optional.

    Raises:
        ProblemError: for a count that is not a whole number, or not positive, and for what is no valuation.
    """

    valuation: Valuation
    count: int | float = 1
    name: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no buyer."""
        object.__setattr__(self, "count", whole("count", self.count))
        if not isinstance(self.valuation, Valuation):
            rule = "must be a valuation: threshold, exponential, linear, table or by_error"
            raise ProblemError("valuation", self.valuation, rule)


@pytree
@dataclasses.dataclass(frozen=True, init=False)
class Problem:
    """Contributors who can collect points at a cost, and buyers who want to know the mean.

    Args:
        contributor_costs: (contributors,) cost of a point, positive and finite, in the unit of the values.
        sigma: standard deviation of a point; (means,) where each point measures several means at once.
        buyers: the types of buyers.
        contributors: optional names.
        means: optional names of several means.

    Raises:
        ProblemError: naming the argument, the index, the value and the rule. Values that are being traced
            cannot be checked and are not.

    Source: Chen, Clinton and Kandasamy 2025, sections 2 and 3.1.

    Example:
        >>> from jaxmech.market import exponential, threshold
        >>> lab = Buyer(exponential(0.3), count=20, name="small lab")
        >>> problem = Problem([0.001, 0.002], 1.0, [lab, Buyer(threshold(0.1), count=2)])
        >>> np.asarray(problem.values(jnp.array([0, 100]))).round(4).tolist()
        [[0.0, 0.7811], [0.0, 0.6827]]
    """

    contributor_costs: Float[Array, " contributors"]
    sigma: Scalar | Float[Array, " means"]
    counts: Float[Array, " types"]
    valuations: tuple[Valuation, ...]
    contributors: tuple[str, ...] = dataclasses.field(metadata={"label": ()})
    buyers: tuple[str, ...] = dataclasses.field(metadata={"label": ()})
    means: tuple[str, ...] = dataclasses.field(metadata={"label": ()})

    def __init__(
        self,
        contributor_costs: ArrayLike,
        sigma: ArrayLike,
        buyers: Sequence[Buyer],
        contributors: Sequence[str] | None = None,
        means: Sequence[str] | None = None,
    ) -> None:
        costs = positive("contributor_costs", numbers("contributor_costs", contributor_costs, 1))
        if not buyers:
            raise ProblemError("buyers", list(buyers), "must hold at least one type of buyer")
        deviation = positive("sigma", numbers("sigma", sigma, min(np.ndim(sigma), 1))).astype(costs.dtype)
        if deviation.shape == (1,):
            deviation = deviation[0]
        owned = [buyer.valuation.of_means(deviation.size) for buyer in buyers]
        fields = {
            "contributor_costs": costs,
            "sigma": deviation,
            "counts": jnp.asarray([buyer.count for buyer in buyers], costs.dtype),
            "valuations": tuple(jax.tree.map(lambda leaf: leaf.astype(costs.dtype), v) for v in owned),
            "contributors": _names("contributors", contributors, costs.shape[0], "contributor"),
            "buyers": _names("buyers", [buyer.name for buyer in buyers], len(buyers), "buyer"),
            "means": _names("means", means, deviation.size, "mean"),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @property
    def types(self) -> int:
        """Number of types of buyers."""
        return len(self.valuations)

    @property
    def dimension(self) -> int:
        """How many means a point measures."""
        return int(self.sigma.size)

    def values(self, sizes: ArrayLike) -> Float[Array, "types sizes"]:
        """Return what sizes are worth: one row per type."""
        return jnp.stack([valuation.by_size(sizes, self.sigma) for valuation in self.valuations])

    def value_of(self, sizes: ArrayLike) -> Float[Array, " types"]:
        """Return what each type's own size is worth to her."""
        own = [
            valuation.by_size(size, self.sigma)
            for valuation, size in zip(self.valuations, jnp.asarray(sizes), strict=True)
        ]
        return jnp.stack(own)


def rescaled(problem: Problem, factor: float) -> Problem:
    """Return the same market with all money in another unit: values and costs times a factor.

    Args:
        problem: the problem.
        factor: positive.
    """
    fields = {
        "contributor_costs": problem.contributor_costs * factor,
        "valuations": tuple(valuation.times(factor) for valuation in problem.valuations),
    }
    other = object.__new__(Problem)
    for field in dataclasses.fields(Problem):
        object.__setattr__(other, field.name, fields.get(field.name, getattr(problem, field.name)))
    return other


def most_useful(problem: Problem) -> int:
    """Return the largest total that could pay for itself: Σ_j count_j·value_j / min_i c_i, rounded down.

    Source: Chen, Clinton and Kandasamy 2025, Algorithm 1, with |B|/c_1 for the printed |B|/N^tot.

    Example:
        >>> from jaxmech.market import table
        >>> most_useful(Problem([0.5, 0.25], 1.0, [Buyer(table([0.0, 0.9]), count=2)]))
        7
    """
    worth = float(np.asarray(problem.counts) @ np.array([float(v.largest) for v in problem.valuations]))
    bound = worth / float(np.min(np.asarray(problem.contributor_costs)))
    return int(min(math.floor(bound * (1 + 1e-12)), 2**53))


def _names(name: str, given: Sequence[str | None] | None, length: int, noun: str) -> tuple[str, ...]:
    """Names, with "noun 1", "noun 2", … where none is given."""
    full = [
        f"{noun} {i + 1}" if entry is None else entry
        for i, entry in enumerate([None] * length if given is None else given)
    ]
    return unique_names(name, full, length) or ()
