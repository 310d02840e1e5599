"""Published values of three agents with different costs: appendix C and figure 1 of Clinton et al. 2025."""

import dataclasses

SOURCE = (
    "Clinton, Chen, Zhu, Kandasamy: Collaborative Mean Estimation Among Heterogeneous Strategic Agents, ICML 2025, "
    "appendix C"
)
"""Where every number of this module was printed."""

COSTS = (0.033, 0.066, 0.1)
"""Cost of a sample, by agent; one distribution."""

SIGMA = 10.0
"""Standard deviation of a sample."""


@dataclasses.dataclass(frozen=True)
class Misprint:
    """A printed value or formula that cannot be meant.

    Attributes:
        where: which value or formula.
        printed: as it was printed.
        corrected: what it has to be.
        reason: why.
    """

    where: str
    printed: str
    corrected: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Published:
    """The printed answer of one division of work.

    The paper prints whole samples and two decimals of the penalties. Most are rounded, but the penalties 5.13, 4.19,
    1.72 and 2.50 are cut off and the egalitarian amounts are rounded up (20.35 to 21, 13.43 to 14). So a computed value
    agrees if it is within one unit of the last printed digit: 1 for amounts, 0.01 for penalties.

    Attributes:
        division: name of the division, as in a problem file.
        samples: printed amounts, by agent.
        penalties: printed penalties, by agent, with misprints corrected.
        misprints: what was corrected, or would mislead in a formula beside the values.
    """

    division: str
    samples: tuple[int, ...]
    penalties: tuple[float, ...]
    misprints: tuple[Misprint, ...] = ()


APPENDIX_C = (
    Published(
        "alone",
        (55, 39, 32),
        (3.63, 5.13, 6.32),
        (Misprint("penalty of agent 3", "6.23", "6.32", "2σ√c = 2 · 10 · √0.1 = 6.3246: digits exchanged"),),
    ),
    Published(
        "social",
        (95, 0, 0),
        (4.19, 1.05, 1.05),
        (Misprint("formula of the amounts", "2σ√(m c)", "σ√(m/c)", "minimises mσ²/n + c n and gives the printed 95"),),
    ),
    Published("rational", (71, 7, 0), (3.63, 1.72, 1.28)),
    Published("nash", (35, 23, 16), (2.50, 2.89, 2.92)),
    Published("egalitarian", (41, 21, 14), (2.69, 2.69, 2.69)),
)
"""The printed divisions of work. Kalai–Smorodinsky is named in the paper, but no values are printed."""
