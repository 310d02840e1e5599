"""What happens if somebody leaves or does not deliver: a section of the page that is signed."""

import numpy as np

from jaxmech._words import some
from jaxmech.report._numbers import short
from jaxmech.report.collaboration import Arrangement
from jaxmech.report.design import Answer as DesignAnswer
from jaxmech.report.html._document import Section

_GOES_ON = (
    "If a party leaves, or hands in less than agreed, the exchange goes on by this agreement with the points that "
    "there are. What the others are promised to pay does not hold then, nor that honesty is best for each: both are "
    "computed for all points that were agreed. Whoever was to get her points gets fewer."
)
_ANEW = (
    "Those who remain need not go on: jaxmech solve FILE {designed}--without NAME says what a new agreement without "
    "her would bring, jaxmech audit AGREEMENT.json --questions what each would pay under this one."
)
_NAMED = 3
_SAME = 1e-3
"""Penalties that differ by less than this part are the same to a reader."""


def leaving_section(answer: Arrangement) -> Section:
    """Return what becomes of the promises if somebody leaves or does not deliver; of designs with whom it hits hardest.

    Args:
        answer: who collects what.
    """
    anew = _ANEW.format(designed="--mechanism designed " if isinstance(answer, DesignAnswer) else "")
    return Section("If somebody leaves or does not deliver", (" ".join([_GOES_ON, *_hit(answer), anew]),))


def _hit(answer: Arrangement) -> list[str]:
    """Whom another's absence costs most, and how many would then be worse off than alone; where that is known."""
    if not isinstance(answer, DesignAnswer) or answer.absent is None:
        return _nobody_left(answer)
    absent, pays, alone = answer.absent, answer.penalty, answer.alone_penalty
    others = ~np.eye(len(pays), dtype=bool) & (pays > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rise = np.where(others, absent / pays - 1, -np.inf)
    j, i = (int(place) for place in np.unravel_index(int(np.argmax(rise)), rise.shape))
    if not rise[j, i] > _SAME:
        return ["Under this design nobody who remains would pay more, whoever leaves."]
    unit = f" {answer.currency}".rstrip()
    who = f"without {answer.agents[j]}, {answer.agents[i]}"
    if np.isinf(absent[j, i]):
        told = f"Hit hardest: {who} learns nothing of something that she needs to know."
    else:
        told = f"Hit hardest: {who} pays {short(absent[j, i], 4)}{unit} instead of {short(pays[i], 4)}{unit}."
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.where(others & np.isfinite(alone), absent / alone - 1, -np.inf)
    worse = int((above > _SAME).any(axis=0).sum())
    if worse:
        j, i = (int(place) for place in np.unravel_index(int(np.argmax(above)), above.shape))
        verb = "has somebody whose leaving would leave" if worse == 1 else "have somebody whose leaving would leave"
        said = f"{worse:,} of {len(pays):,} {verb} her worse off than alone, if she does all that was agreed"
        return [told, f"{said}: {answer.agents[i]} most, if {answer.agents[j]} leaves."]
    return [told, "Nobody would be worse off than alone, whoever of the others leaves."]


def _nobody_left(answer: Arrangement) -> list[str]:
    """Without whom nobody collects something any more."""
    collects = answer.samples > 0
    only = collects & (collects.sum(axis=0) == 1)
    told = [f"without {answer.agents[i]} nobody collects {answer.distributions[k]}" for i, k in np.argwhere(only)]
    if not told:
        return []
    return [f"Hit hardest: {some(told, _NAMED)}: this exchange tells the others nothing of it then."]
