"""Array aliases: one name per kind of array, so that signatures read like the mathematics."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Array, Bool, Float, Int

ArrayLike: TypeAlias = Array | np.ndarray | np.generic | Sequence[Any] | float | int
"""Whatever a person may hand in as numbers; what is in it is checked by whoever takes it."""

Agents: TypeAlias = Float[Array, " agents"]
"""One number per agent."""
Distributions: TypeAlias = Float[Array, " distributions"]
"""One number per distribution."""
Amounts: TypeAlias = Float[Array, "agents distributions"]
"""One number per agent and distribution: samples, costs, coefficients."""
Support: TypeAlias = Bool[Array, "agents distributions"]
"""One truth value per agent and distribution."""
Codes: TypeAlias = Int[Array, "agents distributions"]
"""One enumeration member per agent and distribution."""
Scalar: TypeAlias = Float[Array, ""]
"""One number."""

Lanes: TypeAlias = Float[Array, "*lanes"]
"""One number per instance solved side by side; a scalar where there is one instance."""
AgentLanes: TypeAlias = Float[Array, " agents *lanes"]
"""One number per agent and instance."""
DistributionLanes: TypeAlias = Float[Array, " distributions *lanes"]
"""One number per distribution and instance."""
AmountLanes: TypeAlias = Float[Array, "agents distributions *lanes"]
"""One number per agent, distribution and instance."""
SupportLanes: TypeAlias = Bool[Array, "agents distributions *lanes"]
"""One truth value per agent, distribution and instance."""

__all__ = [
    "AgentLanes",
    "Agents",
    "AmountLanes",
    "Amounts",
    "Array",
    "ArrayLike",
    "Bool",
    "Codes",
    "DistributionLanes",
    "Distributions",
    "Float",
    "Int",
    "Lanes",
    "Scalar",
    "Support",
    "SupportLanes",
]
