"""The record of an audited claim."""

import dataclasses


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
    """

    claim: str
    holds: bool
    margin: float
    tolerance: float
    witness: str
    effort: str
    claimed: bool = True
