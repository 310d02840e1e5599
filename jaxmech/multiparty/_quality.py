"""How good a model is that is trained on so much valid data."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax.numpy as jnp
import numpy as np

from jaxmech._checks import known_values
from jaxmech._errors import ProblemError
from jaxmech._types import Array
from jaxmech._words import one_of

Quality: TypeAlias = Callable[[Array], Array]
"""Model quality as a function of the valid data size, elementwise."""

CHECK_POINTS = 257
"""Sizes at which a quality function of one's own is checked."""


def logistic(size: Array) -> Array:
    """Q(t) = (1 − e⁻ᵗ)/(1 + e⁻ᵗ) = tanh(t/2), elementwise.

    Args:
        size: valid data sizes.

    Source: Chen et al. 2020, section 6.1.

    Example:
        >>> float(logistic(jnp.array(0.0)))
        0.0
    """
    return jnp.tanh(0.5 * size)


def linear(size: Array) -> Array:
    """Q(t) = t, elementwise.

    Args:
        size: valid data sizes.

    Source: Chen et al. 2020, section 6.2.

    Example:
        >>> float(linear(jnp.array(2.0)))
        2.0
    """
    return size


_NAMED: dict[str, Quality] = {"logistic": logistic, "linear": linear}
QUALITIES = tuple(_NAMED)
"""Names of the quality functions that have one."""


def quality_function(quality: str | Quality) -> Quality:
    """Return a quality function by its name; a function is returned as it is.

    Raises:
        ProblemError: for an unknown name, with the nearest one.

    Source: Chen et al. 2020, section 2.1.

    Example:
        >>> quality_function("linear") is linear
        True
    """
    return quality if callable(quality) else _NAMED[one_of("quality", quality, QUALITIES)]


@dataclasses.dataclass(frozen=True)
class Weighted:
    """A quality function, and what each agent's data count in the model of all.

    Attributes:
        function: quality of a model trained on so much data, elementwise.
        weights: (agents,) by which contributions are multiplied before they are added.
    """

    function: Quality
    weights: tuple[float, ...]

    def __call__(self, size: Array) -> Array:
        """Return the quality of models trained on their owners' data alone, which count in full."""
        return self.function(size)

    def __repr__(self) -> str:
        """Return what tells it from others, whatever the run."""
        return f"weighted({getattr(self.function, '__qualname__', self.function)!r}, {list(self.weights)})"


def weighted(quality: str | Quality, weights: Sequence[float | int]) -> Weighted:
    """Return a quality for :class:`Problem` and :class:`TypeSpace` where the platform weighs contributions.

    The model of all has quality Q(Σ_j w_j t_j), an agent's own Q(t_j). Below 1, her data are worth less to the model of
    all than to her; whoever has the better model herself uses that.

    Args:
        quality: a name or a function, elementwise.
        weights: (agents,) positive numbers.

    Raises:
        ProblemError: for an unknown name, or a weight that is not a positive number.

    Source: Chen et al. 2020, section 2 ("a (weighted) combination of all the contributions").

    Example:
        >>> from jaxmech.multiparty import Linear, Problem, solve, weighted
        >>> problem = Problem([1.0, 1.0], Linear([[1.0, 0.5], [0.5, 1.0]]), weighted("linear", [1.0, 0.5]))
        >>> solve(problem).value.best.tolist()
        1.5
    """
    for i, weight in enumerate(weights):
        if isinstance(weight, bool | str) or not (np.isfinite(weight) and weight > 0):
            raise ProblemError(f"weights[{i}]", weight, "must be a positive number: what her data count")
    return Weighted(quality_function(quality), tuple(float(weight) for weight in weights))


def pooled(quality: Quality, sizes: Array) -> Array:
    """Return the quality of the model of all: Q of the (…, agents) sizes' sum, each by its weight if there are any.

    Args:
        quality: of models.
        sizes: what each contributes.
    """
    if isinstance(quality, Weighted):
        return quality.function(jnp.sum(sizes * jnp.asarray(quality.weights, sizes.dtype), axis=-1))
    return quality(jnp.sum(sizes, axis=-1))


def among(quality: Quality, members: Sequence[int]) -> Quality:
    """Return the quality function of some of the agents.

    Args:
        quality: of models.
        members: by number.
    """
    if isinstance(quality, Weighted):
        return Weighted(quality.function, tuple(quality.weights[i] for i in members))
    return quality


def largest_weight(quality: Quality, agents: int) -> float:
    """Return the largest of all weights, at least 1: by how much data may count for more than they are.

    Args:
        quality: of models.
        agents: their number.

    Raises:
        ProblemError: if there is not one weight for each.
    """
    if not isinstance(quality, Weighted):
        return 1.0
    if len(quality.weights) != agents:
        raise ProblemError("weights", len(quality.weights), f"must be {agents} numbers, one for each agent")
    return max(1.0, *quality.weights)


def check_quality(quality: Quality, largest: float) -> None:
    """Refuse a quality function that is not 0 at 0 or decreases somewhere on [0, largest].

    Args:
        quality: the function; those that have a name pass unseen, and those that rest on what is being traced.
        largest: the largest data size that can occur.

    Raises:
        ProblemError: naming the two sizes between which it decreases.

    Source: Chen et al. 2020, Assumption 1.

    Example:
        >>> check_quality(lambda t: t * (2 - t), 1.5)
        Traceback (most recent call last):
            ...
        jaxmech._errors.ProblemError: quality(1.00781) = 0.99993896484375: must not be below quality(1.00195) = 0.999996
    """
    quality = quality.function if isinstance(quality, Weighted) else quality
    if quality in _NAMED.values():
        return
    sizes = np.linspace(0.0, largest, CHECK_POINTS)
    values = known_values(quality, sizes)
    if values is None:
        return
    if values.shape != sizes.shape:
        raise ProblemError("quality", values.shape, f"must map {sizes.shape} sizes to as many qualities, elementwise")
    for size, value in zip(sizes, values, strict=True):
        if not np.isfinite(value):
            raise ProblemError(f"quality({size:.6g})", float(value), "must be finite")
    if values[0] != 0:
        raise ProblemError("quality(0)", float(values[0]), "must be 0: no data, no model")
    for k in np.flatnonzero(np.diff(values) < 0)[:1]:
        rule = f"must not be below quality({sizes[k]:.6g}) = {values[k]:.6g}"
        raise ProblemError(f"quality({sizes[k + 1]:.6g})", float(values[k + 1]), rule)
