"""What a mechanism can claim, and the record of an audited claim."""

import dataclasses
import math
from typing import NamedTuple, SupportsFloat

from jaxmech.mechanism._known import usually_known

NASH = "Nash incentive compatible"
RATIONAL = "individually rational"
EFFICIENT = "efficient"
PROMISED = "penalties as promised"
CLAIMS = (NASH, RATIONAL, EFFICIENT, PROMISED)
"""What an audit looks at."""


class Target(NamedTuple):
    """What social penalty counts as efficient.

    Attributes:
        baseline: a social penalty to compare with, such as that of the best division of work.
        factor: the mechanism promises at most this times the baseline.
        name: what the baseline is, in words.
    """

    baseline: float
    factor: float
    name: str


@dataclasses.dataclass(frozen=True)
class Audit:
    """A claim with its verdict and what the verdict rests on.

    Attributes:
        claim: what is claimed, e.g. ``"individually rational"``.
        holds: the verdict; ``margin >= -tolerance``.
        margin: by how much the claim holds in the worst case; negative where it fails. Relative to the scale of
            the quantity compared, so a margin of 0.1 means ten per cent of room.
        tolerance: how far the margin may fall below zero before the claim counts as failed.
        witness: the case that is nearest to breaking the claim, in words.
        effort: how the verdict was reached: a proof, a formula evaluated, or how widely was searched.
        claimed: whether the mechanism makes this claim, or whether it is a fact told for information.
        known: how the verdict is known: ``"proven"`` by theorem or by a bound that leaves nothing out, ``"computed"``
            from the plan's numbers for everybody, ``"searched"`` by trying, so that more is not excluded,
            ``"simulated"`` in random runs; an empty text for claims of somebody's own that do not say it.
    """

    claim: str
    holds: bool
    margin: float
    tolerance: float
    witness: str
    effort: str
    claimed: bool = True
    known: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", self.known or usually_known(self.claim, holds=self.holds))

    @classmethod
    def judged(
        cls,
        claim: str,
        margin: SupportsFloat,
        tolerance: SupportsFloat,
        witness: str,
        effort: str,
        *,
        claimed: bool = True,
        known: str = "",
    ) -> "Audit":
        """Return the verdict on a margin: the claim holds where it is at least −tolerance.

        A margin that is no number is −∞: what cannot be computed is an unbounded failure. How a claim is usually known
        is known of its name; ``known`` says where it is known in another way.

        Example:
            >>> Audit.judged("nobody gains", float("nan"), 1e-6, "agent 1", "a formula evaluated").holds
            False
        """
        room, slack = float(margin), float(tolerance)
        room = -math.inf if math.isnan(room) else room
        return cls(claim, room >= -slack, room, slack, witness, effort, claimed, known)

    def _repr_html_(self) -> str:
        from jaxmech._show import in_html

        return in_html(self)
