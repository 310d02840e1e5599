"""What a solve returns: who collects what, who buys how much at which price, and what that brings."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

from jaxmech._pytree import pytree
from jaxmech._show import Tabular
from jaxmech._types import Array, Float, Scalar


@pytree
@dataclasses.dataclass(frozen=True)
class Plan(Tabular):
    """How much to collect, whom to sell how much at which expected price.

    Attributes:
        samples: (contributors,) points that each collects; all 0 where no trade is best.
        sizes: (types,) points that a buyer of each type gets.
        prices: (types,) what she is expected to pay.
        total: N⁺, points collected.
        revenue: Σ_j count_j price_j.
        profit: W, revenue less the cost of collecting; all of it goes to the contributors.
        optimum: OPT, the profit if contributors were not strategic: one of them would collect everything.
        optimum_bound: no envy-free allocation brings more than this; equals the optimum for the exact method.
        profit_bound: no equilibrium of any mechanism brings more profit than this, if no buyer pays more than her
            points are worth to her, or would rather have another's offer; a market that may discriminate can bring
            more. For the other methods it rests on ``optimum_bound``.
        allowance: by how much the profit may fall short of the bound: what the method promises (∞ without a promise),
            and what a second sample of more than one point costs.
        method: how sizes and prices were found.
        guarantee: what the method promises.
    """

    AXES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "samples": ("contributors",),
        "sizes": ("types",),
        "prices": ("types",),
    }

    samples: Float[Array, " contributors"]
    sizes: Float[Array, " types"]
    prices: Float[Array, " types"]
    total: Scalar
    revenue: Scalar
    profit: Scalar
    optimum: Scalar
    optimum_bound: Scalar
    profit_bound: Scalar
    allowance: Scalar
    method: str = dataclasses.field(metadata={"static": True})
    guarantee: str = dataclasses.field(metadata={"static": True})
