"""From numbers to verdicts, each with its margin and its witness."""

import dataclasses
import math
from typing import Any

import numpy as np

from jaxmech._tolerances import STANDARD_ERRORS, tolerances, without_dust
from jaxmech._words import figure, rough
from jaxmech.audit._record import Examination
from jaxmech.deviation import in_words
from jaxmech.mechanism import COMPUTED, EFFICIENT, NASH, PROMISED, RATIONAL, SEARCHED, SIMULATED, Audit, Target

SECRET = "noise that nobody knows"


@dataclasses.dataclass(frozen=True)
class Judge:
    """Turns numbers into audits, in words.

    Attributes:
        found: the numbers.
        dtype: of the computation.
        claims: what the mechanism claims.
        approximate: whether it claims incentives as far as is proven.
    """

    found: Examination
    dtype: Any
    claims: frozenset[str]
    approximate: bool = False

    def incentive_compatible(self) -> Audit:
        """Whether nobody gains by departing: between what was found and what is proven."""
        found = self.found
        gain, bound, noise = (values / found.stake for values in (found.found, found.bound, found.half_width))
        proven = float(bound.max()) if self.approximate and np.all(np.isfinite(bound)) else None
        if proven is not None:
            # what a search finds beyond what is proven, within its noise, is noise
            gain = np.where(gain - noise <= bound, np.minimum(gain, bound), gain)
        if np.any(gain > 0):
            beyond = 0.0 if proven is None else max(0.0, float((gain - bound).max()))
            worst = int(np.argmax(gain - bound if beyond > 0 else gain))
            # who gains more than is proven for her fails, whatever is proven for others
            margin = -gain[worst] if beyond == 0 or proven is None else -(proven + beyond)
            saved = (
                f"would save {found.found[worst]:.4g} of {figure(found.promised[worst])} ({100 * gain[worst]:.2f} %)"
            )
            how = in_words(found.family[worst], found.deviation, worst)
            told = f"{self._name(worst)} {saved}: {how}"
            known = SEARCHED if beyond > 0 or proven is None else ""  # else the verdict rests on what is proven
            return self._record(NASH, margin, told, found.effort, proven, known=known)
        if np.all(np.isfinite(bound)):
            worst = int(np.argmax(bound))
            most = without_dust(found.bound[worst], found.promised[worst])
            witness = f"{self._name(worst)} could save at most {most:.1g} of {figure(found.promised[worst])}"
            return self._record(NASH, -bound[worst], witness, f"proven bound of the mechanism; {found.effort}", proven)
        worst = int(np.argmax(np.where(np.isfinite(bound), 0.0, noise)))
        unproven = int(np.sum(~np.isfinite(bound)))
        witness = (
            f"no gain found beyond the confidence interval, widest for {self._name(worst)} "
            f"(± {found.half_width[worst]:.2g} of {figure(found.promised[worst])}); nothing proven for {unproven} of "
            f"{len(bound)} agents"
        )
        effort = f"search only, so that larger gains are not excluded: {found.effort}"
        return self._record(NASH, 0.0, witness, effort, max(self._slack, float(noise.max())), known=SEARCHED)

    def individually_rational(self) -> Audit:
        """Whether nobody pays more than alone."""
        found = self.found
        able = np.isfinite(found.alone) & (found.alone > 0)
        safe = np.where(able, found.alone, 1.0)
        margins = np.where(able, 1 - found.promised / safe, np.inf)
        worst = int(np.argmin(margins))
        witness = "nobody could work alone, so nobody has a bound"
        if able.any():
            alone = f"{figure(found.alone[worst])} alone"
            witness = f"{self._name(worst)} pays {figure(found.promised[worst])}, and {alone}"
        if found.certain:
            return self._record(RATIONAL, margins[worst], witness, "exact penalties of compliant agents")
        errors = np.where(able, STANDARD_ERRORS * found.honest_error / safe, 0.0)
        slack = max(self._slack, float(errors[worst]))
        return self._record(RATIONAL, margins[worst], witness, _SIMULATED, slack, known=SIMULATED)

    def efficient(self, target: Target, told: bool) -> Audit:
        """Whether the social penalty is within a factor of a baseline.

        Args:
            target: baseline and factor.
            told: whether the factor is somebody's promise; otherwise this can only be a fact.
        """
        found = self.found
        social = float(found.promised.sum())
        ratio = social / target.baseline if target.baseline > 0 else math.inf
        witness = f"social penalty {figure(social)}, {ratio:.4g} times {target.name} ({figure(target.baseline)})"
        witness += f", at most {target.factor:.4g} times allowed" if told else ""
        tolerance = self._slack
        if not found.certain:
            tolerance = max(tolerance, STANDARD_ERRORS * float(np.sum(found.honest_error)) / social)
        effort = "exact penalties of compliant agents" if found.certain else _SIMULATED
        known = COMPUTED if found.certain else SIMULATED
        return self._record(EFFICIENT, 1 - ratio / target.factor, witness, effort, tolerance, told, known)

    def as_promised(self) -> Audit:
        """Whether honest agents pay in a simulation what the mechanism says they pay."""
        found = self.found
        off = np.abs(found.honest - found.promised) / found.stake
        allowed = np.maximum(STANDARD_ERRORS * found.honest_error / found.stake, self._slack)
        worst = int(np.argmax(off / allowed))
        witness = (
            f"{self._name(worst)} is promised {figure(found.promised[worst])} and pays {figure(found.honest[worst])} "
            f"(standard error {rough(found.honest_error[worst])})"
        )
        return self._record(PROMISED, -off[worst], witness, _SIMULATED, float(allowed[worst]), known=SIMULATED)

    def noise_known(self) -> Audit:
        """The fact that noise is announced which does not depend on the key."""
        witness = "the same submissions are answered alike under every key: who knows the mechanism subtracts the noise"
        return self._record(SECRET, -math.inf, witness, "one submission answered under two keys", claimable=False)

    @property
    def _slack(self) -> float:
        return tolerances(self.dtype).claim

    def _name(self, row: int) -> str:
        return self.found.agents[self.found.examined[row]]

    def _record(
        self,
        claim: str,
        room: float,
        witness: str,
        effort: str,
        tolerance: float | None = None,
        claimable: bool = True,
        known: str = "",
    ) -> Audit:
        slack = self._slack if tolerance is None else tolerance
        claimed = claim in self.claims and claimable
        return Audit.judged(claim, room, slack, witness, effort, claimed=claimed, known=known)


_SIMULATED = f"simulated penalties of honest agents, within {STANDARD_ERRORS:g} standard errors"
