"""Problems of sharing models among competitors: one profile of data sizes, or a grid of them."""

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxmech._checks import real_numbers, require, unique_names
from jaxmech._errors import ProblemError
from jaxmech._pytree import pytree
from jaxmech._types import Agents, Array, ArrayLike
from jaxmech.multiparty._interdependent import AnyValuation
from jaxmech.multiparty._quality import Quality, Weighted, check_quality, largest_weight, quality_function
from jaxmech.multiparty._valuation import MarketGrowth

MAX_BYTES = 2**30
"""Largest table of payments that is made: one number per agent and profile of types."""


@pytree
@dataclasses.dataclass(frozen=True)
class Problem:
    """Agents with so much valid data each, who compete or not, and may share what they train.

    Args:
        types: (agents,) valid data sizes, not negative.
        valuation: what agents earn from the models that all use, and from types if it sees them.
        quality: of a model trained on so much data: a name ("logistic", "linear") or a function, elementwise; or
            :func:`weighted`.
        agents: optional names.

    Raises:
        ProblemError: naming the argument, the index, the value and the rule. Values that are being traced cannot be
            checked and are not.

    Source: Chen et al. 2020, section 2.

    Example:
        >>> from jaxmech.multiparty import Linear
        >>> Problem([0.3, 0.8], Linear([[1.0, -0.2], [0.0, 1.0]])).quality.__name__
        'logistic'
    """

    types: Agents
    valuation: AnyValuation
    quality: Quality = dataclasses.field(metadata={"static": True})
    agents: tuple[str, ...] | None = dataclasses.field(metadata={"label": None})

    def __init__(
        self,
        types: ArrayLike,
        valuation: AnyValuation,
        quality: str | Quality = "logistic",
        agents: Sequence[str] | None = None,
    ) -> None:
        sizes = _sizes("types", types)
        if sizes.shape != (valuation.agents,):
            rule = f"must have one data size for each of the {valuation.agents} agents of the valuation"
            raise ProblemError("types", sizes.shape, rule)
        function = quality_function(quality)
        most = largest_weight(function, valuation.agents)
        if not isinstance(sizes, jax.core.Tracer):
            check_quality(function, most * float(np.asarray(sizes).sum()) or 1.0)
        object.__setattr__(self, "types", sizes)
        object.__setattr__(self, "valuation", valuation)
        object.__setattr__(self, "quality", function)
        object.__setattr__(self, "agents", unique_names("agents", agents, valuation.agents))

    @property
    def count(self) -> int:
        """Number of agents."""
        return int(self.types.shape[-1])

    def agent_name(self, i: int) -> str:
        """Name of agent i, or "agent i+1"."""
        return self.agents[i] if self.agents else f"agent {i + 1}"


@pytree
@dataclasses.dataclass(frozen=True)
class TypeSpace:
    """All profiles in which each agent has one of finitely many data sizes.

    Args:
        levels: (levels,) data sizes for everybody, or (agents, levels) for each; increasing, not negative.
        valuation: what agents earn from the models that all use, and from types if it sees them.
        quality: of a model trained on so much data: a name ("logistic", "linear") or a function, elementwise; or
            :func:`weighted`.
        agents: optional names.

    ``shared`` says whether everybody has the same levels and the same weight, so that agents who differ in name only
    are computed once.

    Raises:
        ProblemError: as :class:`Problem`, and for a grid whose table of payments would not fit into memory.

    Source: Chen et al. 2020, appendix A.1.

    Example:
        >>> from jaxmech.multiparty import MarketGrowth
        >>> TypeSpace([0.0, 1.0, 2.0], MarketGrowth(-0.7, 2), "linear").shape
        (3, 3)
    """

    levels: Float[Array, "agents levels"]
    valuation: AnyValuation
    quality: Quality = dataclasses.field(metadata={"static": True})
    agents: tuple[str, ...] | None = dataclasses.field(metadata={"label": None})
    shared: bool = dataclasses.field(metadata={"static": True})

    def __init__(
        self,
        levels: ArrayLike,
        valuation: AnyValuation,
        quality: str | Quality = "logistic",
        agents: Sequence[str] | None = None,
    ) -> None:
        n = valuation.agents
        sizes = _sizes("levels", levels)
        if sizes.ndim not in (1, 2) or (sizes.ndim == 2 and sizes.shape[0] != n) or 0 in sizes.shape:
            raise ProblemError("levels", sizes.shape, f"must be one list of data sizes, or one for each of {n} agents")
        function = quality_function(quality)
        most = largest_weight(function, n)
        if not isinstance(sizes, jax.core.Tracer):
            _check_increasing(sizes)
            check_quality(function, most * n * float(np.asarray(sizes).max()) or 1.0)
        _check_memory(n, sizes.shape[-1], sizes.dtype.itemsize, valuation)
        object.__setattr__(self, "levels", jnp.broadcast_to(sizes, (n, sizes.shape[-1])))
        object.__setattr__(self, "valuation", valuation)
        object.__setattr__(self, "quality", function)
        object.__setattr__(self, "agents", unique_names("agents", agents, n))
        alike = not isinstance(function, Weighted) or len(set(function.weights)) == 1
        object.__setattr__(self, "shared", sizes.ndim == 1 and alike)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of levels of each agent."""
        n, k = self.levels.shape[-2:]
        return (int(k),) * int(n)

    def agent_name(self, i: int) -> str:
        """Name of agent i, or "agent i+1"."""
        return self.agents[i] if self.agents else f"agent {i + 1}"


def market_growth(growth: ArrayLike, agents: int, disparity: int) -> TypeSpace:
    """Return the paper's market: sizes 0, 1, …, disparity, Q(t) = t, v_i = (Σ_j q_j)^growth q_i.

    Sizes are counted in ε, the least size: valuations are homogeneous, so ε changes no verdict.

    Args:
        growth: at least −1.
        agents: at least two.
        disparity: D/ε, at least 1.

    Raises:
        ProblemError: for numbers out of range, and for grids too large for memory.

    Source: Chen et al. 2020, section 6.2.

    Example:
        >>> market_growth(-0.7, agents=2, disparity=30).shape
        (31, 31)
    """
    if isinstance(disparity, bool) or not isinstance(disparity, (int, np.integer)) or disparity < 1:
        raise ProblemError(
            "disparity", disparity, "must be a whole number, at least 1: the largest size over the least"
        )
    valuation = MarketGrowth(growth, agents)
    # Before the levels themselves are made: they may be too many.
    _check_memory(valuation.agents, int(disparity) + 1, valuation.growth.dtype.itemsize, valuation)
    levels = jnp.arange(int(disparity) + 1, dtype=valuation.growth.dtype)
    return TypeSpace(levels, valuation, "linear")


def _sizes(name: str, sizes: ArrayLike) -> Array:
    if isinstance(sizes, jax.core.Tracer):
        return sizes
    array = real_numbers(name, sizes)
    if array.ndim == 0:
        raise ProblemError(name, sizes, "must be a list of numbers")
    rule = "must be a data size: finite and not negative"
    return require(name, array, lambda entries: np.isfinite(entries) & (entries >= 0), rule)


def _check_increasing(sizes: Array) -> None:
    for index in np.argwhere(np.diff(np.asarray(sizes), axis=-1) <= 0):
        *row, k = (int(entry) for entry in index)
        where = "levels" + "".join(f"[{entry}]" for entry in (*row, k + 1))
        raise ProblemError(where, float(sizes[(*row, k + 1)]), "must be above the level before it")


def _check_memory(agents: int, levels: int, itemsize: int, valuation: AnyValuation) -> None:
    # In logarithms: the number itself may have millions of digits.
    digits = math.log10(itemsize * agents) + agents * math.log10(levels)
    if digits <= math.log10(MAX_BYTES):
        return
    told = f"{10**digits / 2**30:,.1f} GB" if digits < 15 else f"about 10^{digits:.0f} bytes"
    rule = f"too many profiles: their payments alone take {told} (at most {MAX_BYTES // 2**30} GB)"
    if isinstance(valuation, MarketGrowth):
        rule += "; the streamed search needs no table: largest_disparity, or solve --boundary"
    raise ProblemError("disparity" if isinstance(valuation, MarketGrowth) else "levels", levels - 1, rule)
