"""What a report about a design is made of."""

import dataclasses

import numpy as np

from jaxmech.collaboration import Harm
from jaxmech.design import Lies, Otherwise
from jaxmech.report.collaboration import Arrangement


@dataclasses.dataclass(frozen=True)
class Followed:
    """How limits follow the spread of the others' data.

    Attributes:
        spread: (entries,) values of σ̂, in units of the assumed σ.
        level: (agents, distributions, entries) limits there, in σ̂; linear between entries, constant beyond.
        freedom: (agents, distributions) degrees of freedom of σ̂².
    """

    spread: np.ndarray
    level: np.ndarray
    freedom: np.ndarray

    def at(self, place: tuple[int, int], spread: float) -> float:
        """Return a limit in σ̂, where that is ``spread`` times the assumed σ."""
        return float(np.interp(spread, self.spread, self.level[place]))


@dataclasses.dataclass(frozen=True)
class Offered:
    """What each agent gets back, and when: (agents, distributions) arrays unless said.

    Attributes:
        comparison: points of others that she gets clean in any case and is compared with.
        rest: points of others that she gets with noise by the rule.
        limit: the discrepancy beyond which an agent fails; inf where she is not checked.
        failure: chance that an honest agent fails, so that her rest is not clean.
        discrepancy: (entries,) the rule's places, in limits.
        variance: (entries,) of the noise added to every point of the rest, in σ²; inf: withheld.
        linked: whether failing on one distribution spoils the rest of all.
        followed: how limits follow the data; None where they are fixed. ``limit`` is then the one at the assumed σ.
        ellipsoid: whether linked discrepancies, in limits, count by the sum of their squares.
    """

    comparison: np.ndarray
    rest: np.ndarray
    limit: np.ndarray
    failure: np.ndarray
    discrepancy: np.ndarray
    variance: np.ndarray
    linked: bool
    followed: Followed | None = None
    ellipsoid: bool = False

    @property
    def cap(self) -> float:
        """Variance of the noise beyond the limit, in σ²; inf: withheld."""
        return float(self.variance[-1])


@dataclasses.dataclass(frozen=True)
class Answer(Arrangement):
    """A designed mechanism and what it is compared with.

    Attributes:
        offered: what each agent gets back.
        origin: where the design comes from, in words.
        rival: name of the best published mechanism on this problem.
        published: its social penalty.
        family: proven bound of the social penalty for rules of one distribution at a time.
        baseline: P(n_OPT), least social penalty of compliant agents that leaves nobody worse off than alone.
        first_best: least social penalty of compliant agents.
        departure: by how much penalties differ from what is promised, relatively and at most, when the design is
            carried out on data sets; None where all numbers of points are whole.
        otherwise: what another σ would bring, for each of ``OFF``; empty where that is not known.
        harm: what the others lose by half of her samples, and by numbers of hers that are off by σ; None where that is
            not known.
        lies: what half, nothing, or made-up numbers cost the liar herself; None where that is not known.
        absent: (agents, agents) what each pays if the agent of the row hands in nothing; None where that is not known.
    """

    offered: Offered
    origin: str
    rival: str
    published: float
    family: float
    baseline: float
    first_best: float
    departure: float | None = None
    otherwise: tuple[Otherwise, ...] = ()
    harm: Harm | None = None
    lies: Lies | None = None
    absent: np.ndarray | None = None

    @property
    def compared(self) -> np.ndarray:
        """(agents, distributions) points of others that she is compared with, and gets as they are."""
        return self.offered.comparison

    @property
    def fails(self) -> float:
        """The largest chance that an honest agent fails."""
        return float(np.max(self.offered.failure))
