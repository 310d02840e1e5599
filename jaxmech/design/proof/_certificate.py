"""The certificate of a design, in words: what is claimed, by what margin, and how that is known. Host only."""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from jaxmech._tolerances import tolerances, without_dust
from jaxmech._words import brief, figure
from jaxmech.collaboration import Problem, Role
from jaxmech.design._carried_out import carried_out, is_whole
from jaxmech.design._plan import Design
from jaxmech.design.proof._at_sigma import Incentives, incentives
from jaxmech.design.proof._columns import box, columns, least_apart, outside, whole_points
from jaxmech.design.proof._prove import HOPELESS, Proven, prove, ratio, realise
from jaxmech.mechanism import Audit


class Published(NamedTuple):
    """The best published mechanism on a problem, as it is handed in: the proof solves nothing.

    Attributes:
        name: of the mechanism.
        social_penalty: its least; in whole samples if all numbers of the design are whole.
    """

    name: str
    social_penalty: float


DEPARTURE = 0.03
"""What agents pay on whole data may differ from what they are promised by so much, relatively."""


def certificate(problem: Problem, design: Design, proven: Proven, published: Published) -> tuple[Audit, ...]:
    """Return what is certain about a design, claims first.

    What each says stands at :func:`jaxmech.design.certify`.

    Args:
        problem: the problem.
        design: from :func:`design`.
        proven: from :func:`prove`.
        published: what the design is compared with.

    Returns:
        Audits with relative margins. Host only.

    Source: this package; see :func:`jaxmech.design.certify`.
    """
    judge = Judge(problem, design, proven, published)
    if judge.followed is not None:
        return (*judge.claims(), judge.withheld(), *judge.followed.facts)
    facts = [judge.withheld()] if judge.whole else [judge.withheld(), judge.left_to_gain()]
    return (*judge.claims(), *facts)


def holds(problem: Problem, design: Design, proven: Proven, published: Published) -> bool:
    """Whether everything holds that is claimed; facts, which take longer, are left out.

    Args:
        problem: the problem.
        design: from :func:`design`.
        proven: from :func:`prove`.
        published: what the design is compared with.

    Source: this package; see :func:`certificate`.
    """
    return all(audit.holds for audit in Judge(problem, design, proven, published).claims() if audit.claimed)


@dataclasses.dataclass(frozen=True)
class Judge:
    """Turns numbers into audits, in words."""

    problem: Problem
    design: Design
    proven: Proven
    published: Published

    @functools.cached_property
    def whole(self) -> bool:
        """Whether the design is the same on data sets: then everything holds there."""
        return is_whole(self.design)

    @functools.cached_property
    def followed(self) -> Incentives | None:
        """What is certain by true σ, where limits follow the data."""
        return None if self.design.calibration is None else incentives(self.problem, self.design)

    def claims(self) -> tuple[Audit, ...]:
        """Return everything that a design claims."""
        return (
            self.individually_rational(),
            self.incentive_compatible(),
            self.as_promised(),
            self.feasible(),
            self.no_worse(),
            self.kept_on_whole_data(),
        )

    def individually_rational(self) -> Audit:
        *_, costs, error = columns(self.problem, self.design)
        nothing = np.zeros_like(costs)
        unit = whole_points(self.design, whole=self.whole)
        alone = np.sum(least_apart(nothing, costs, error, unit, box(self.problem)), axis=1)
        paid = np.fmax(np.asarray(self.design.penalty, float), self.proven.honest)
        with np.errstate(invalid="ignore"):
            margins = np.where(np.isfinite(alone), 1 - ratio(paid, alone), np.inf)
        worst = int(np.argmin(margins))
        witness = "nobody can work alone on everything, so nobody has a bound"
        if np.isfinite(alone).any():
            witness = f"{self._name(worst)} pays {figure(paid[worst])}, and {figure(alone[worst])} alone"
        followed = self.design.calibration is not None
        how = "averaged over σ̂, at the assumed σ" if followed else "in closed form"
        effort = f"penalties {how}, for every agent{self._scope}"
        return self._audit("individually rational", margins[worst], witness, effort)

    def incentive_compatible(self) -> Audit:
        if self.followed is not None:
            return self.followed.claim
        open_gain = 1 - ratio(self.proven.least, self.proven.honest)
        worst = int(np.argmax(np.where(np.isnan(open_gain), np.inf, open_gain)))
        paid = self.proven.honest[worst]
        most = without_dust(paid * open_gain[worst], paid)
        witness = f"{self._name(worst)} could save at most {most:.1g} of {figure(paid)}"
        by_duality = f"convex duality, valid between grid points: {self.proven.intervals} intervals at most"
        how = by_duality if self.proven.intervals else "tangents, because penalties are convex in amounts"
        effort = f"truthful submission by theorem (Anderson's inequality); amounts by {how}{self._scope}"
        return self._audit("Nash incentive compatible", -open_gain[worst], witness, effort)

    def as_promised(self) -> Audit:
        promised, paid = np.asarray(self.design.penalty, float), self.proven.honest
        gap = np.abs(ratio(promised, paid) - 1)
        chance = np.abs(np.asarray(self.design.failure, float) - self.proven.failure)
        worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
        total = abs(float(self.design.social_penalty) / float(np.sum(paid)) - 1)
        room = float(np.max([gap[worst], np.max(chance), total]))  # NaN if one of them is
        witness = f"{self._name(worst)} is promised {figure(promised[worst])} and pays {figure(paid[worst])}"
        effort = f"penalties and chances recomputed from amounts, limits and the rule{self._scope}"
        return self._audit("penalties as promised", -room, witness, effort)

    def feasible(self) -> Audit:
        samples = np.asarray(self.design.equivalent, float)
        theirs = np.maximum(samples.sum(axis=0) - samples, 0.0)
        given = np.asarray(self.design.comparison, float) + np.asarray(self.design.rest, float)
        alone = np.asarray(self.design.role) == Role.ALONE
        least = np.minimum(np.asarray(self.design.comparison, float), np.asarray(self.design.rest, float))
        uncompared = np.isfinite(np.asarray(self.design.limit, float)) & (np.asarray(self.design.comparison) <= 0)
        excess = np.maximum(np.where(alone, given, given - theirs), -least) / np.maximum(samples.sum(axis=0), 1e-300)
        excess = np.where(uncompared, np.inf, excess)
        if bounds := box(self.problem):
            over = outside(samples, bounds)
            if np.max(over) > np.max(excess):
                return self._outside(samples, over)
        i, k = np.unravel_index(int(np.argmax(excess)), excess.shape)
        witness = (
            f"{self._name(int(i))} is given {figure(given[i, k])} points of {self.problem.distribution_name(int(k))}; "
            f"the others have {figure(theirs[i, k])}"
        )
        return self._audit("feasible", -max(float(excess[i, k]), 0.0), witness, "compared for every agent")

    def _outside(self, samples: np.ndarray, over: np.ndarray) -> Audit:
        """Somebody is asked for amounts that she cannot, or that are less than she must, collect."""
        i, k = (int(place) for place in np.unravel_index(int(np.argmax(over)), over.shape))
        least, most = (float(bound[i, k]) for bound in box(self.problem))
        what = f"{figure(samples[i, k])} points of {self.problem.distribution_name(k)}"
        witness = f"{self._name(i)} is asked for {what}; her limits are {figure(least)} and {figure(most)}"
        return self._audit("feasible", -float(over[i, k]), witness, "compared for every agent")

    def no_worse(self) -> Audit:
        """With what is handed in, not with what the design says; whole numbers against whole numbers."""
        name, published = self.published
        paid = float(np.sum(self.proven.honest))
        witness = f"social penalty {figure(paid)}, {paid / published:.4g} times that of {name} ({figure(published)})"
        effort = f"social penalties in closed form, {'both in whole samples' if self.whole else 'both in fractions'}"
        return self._audit("no worse than the published mechanisms", 1 - paid / published, witness, effort)

    def kept_on_whole_data(self) -> Audit:
        """What a plan promises is what is paid when it is carried out, point by point."""
        paid, promised = realise(self.problem, self.design), np.asarray(self.design.penalty, float)
        gap = np.abs(ratio(paid, promised) - 1)
        worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
        witness = (
            f"{self._name(worst)} is promised {figure(promised[worst])} and pays {figure(paid[worst])} on whole data"
        )
        effort = "penalties with all numbers of points rounded as the mechanism rounds them, for every agent"
        if self.whole:
            effort = "all numbers of points are whole: everything above holds for data sets"
        return self._audit("kept on whole data", -gap[worst], witness, effort, tolerance=DEPARTURE)

    def withheld(self) -> Audit:
        chance = self.proven.failure
        i, k = np.unravel_index(int(np.argmax(chance)), chance.shape)
        who, what = self._name(int(i)), self.problem.distribution_name(int(k))
        where = f"{who}, on some distribution" if self.design.linked else f"{who} on {what}"
        witness = f"{where}: honest data lie beyond the limit {100 * chance[i, k]:.3g} % of the time"
        followed = self.design.calibration is not None
        how = "averaged over σ̂, at the assumed σ" if followed else "in closed form"
        effort = f"chance that honest data lie beyond the limit, {how}"
        return self._audit("honest agents pass", -float(chance[i, k]), witness, effort, False, 1.0)

    def left_to_gain(self) -> Audit:
        """Rounding moves the best amounts: what there is to gain by other amounts when points are whole."""
        proven = prove(self.problem, carried_out(self.design))
        gain = 1 - ratio(proven.least, proven.honest)
        worst = int(np.argmax(np.where(np.isnan(gain), np.inf, gain)))
        paid = proven.honest[worst]
        witness = f"{self._name(worst)} could save at most {brief(100 * gain[worst])} % of {figure(paid)}"
        if not gain[worst] <= HOPELESS:
            witness = f"{self._name(worst)} could save more than {brief(100 * HOPELESS)} % of {figure(paid)}"
        effort = "the same proof with all numbers of points rounded as the mechanism rounds them"
        claim = "Nash incentive compatible on whole data up to rounding"
        return self._audit(claim, -gain[worst], witness, effort, False, HOPELESS)

    @property
    def _scope(self) -> str:
        """What a proof about fractions has to say."""
        return "" if self.whole else "; for amounts in fractions, as they stand"

    def _name(self, i: int) -> str:
        return self.problem.agent_name(i)

    def _audit(
        self, claim: str, room: float, witness: str, effort: str, claimed: bool = True, tolerance: float | None = None
    ) -> Audit:
        slack = tolerances(self.problem.costs.dtype).claim if tolerance is None else tolerance
        return Audit.judged(claim, room, slack, witness, effort, claimed=claimed)
