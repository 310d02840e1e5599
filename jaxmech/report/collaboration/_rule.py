"""What is said about rules that are not the published one, steady weights and calibrated noise, and about another σ."""

import numpy as np

from jaxmech.collaboration import ADMISSIBLE, LIFTED, ROBUST, Role
from jaxmech.mechanism import NASH
from jaxmech.report._numbers import percent, relative, short
from jaxmech.report.collaboration._accounts import OFF
from jaxmech.report.collaboration._answer import Answer


def rule_in_words(estimate: str, calibrated: bool | str) -> str:
    """Return what to add to the name of a mechanism; nothing for the published rule.

    Args:
        estimate: how noisy points are weighed.
        calibrated: whether the noise level follows the spread of the data, "robust" if the median of the spreads.

    Example:
        >>> "c3d" + rule_in_words("steady", True)
        'c3d (steady weights, calibrated noise)'
    """
    noise = "robustly calibrated noise" if calibrated == ROBUST else "calibrated noise"
    words = [word for word, said in (("steady weights", estimate == "steady"), (noise, calibrated)) if said]
    return f" ({', '.join(words)})" if words else ""


def rule_sentences(answer: Answer) -> list[str]:
    """Return what weights and calibration promise, with the numbers of the certificate.

    Nothing for published rules, and where nobody is checked: then there is no noise.

    Args:
        answer: one solved problem.
    """
    nash = next((record for record in answer.claims if record.claim == NASH), None)
    checked = answer.is_role(Role.CHECKED).any()
    if nash is None or not checked or (answer.estimate != "steady" and not answer.calibrated):
        return []
    most, robust = f"{100 * max(0.0, -nash.margin):.2g} %", answer.calibrated == ROBUST
    if not answer.calibrated:
        return [
            "Noisy points are weighed by the noise that is expected, not by what was drawn: so everybody pays what she "
            "is promised whatever the law of the data is, as long as its variance is at most σ², and whatever she does "
            f"saves her at most {most} of it in the worst case of these laws."
        ]
    followed = "the median of the spreads within the others' submissions"
    followed = followed if robust else "the spread of the others' data"
    text = (
        f"The noise level follows {followed}, so σ need not be known to keep everybody honest: as "
        f"far as noise can, whatever an agent does saves her at most {most} on normal data. Spreads, data and noise "
        "must stay hidden until all have submitted."
    )
    if answer.estimate == "steady":
        text += " Steady weights promise nothing about other laws then: the spread depends on the means there."
    limits = next((fact for fact in answer.facts if fact.claim == ADMISSIBLE), None)
    if limits is not None and not limits.holds:
        text += f" Not all of sigma_range is covered by that: {limits.witness}."
    lifted = next((fact for fact in answer.facts if fact.claim == LIFTED), None)
    if lifted is not None and not lifted.holds:
        text += f" One party can {'weaken' if robust else 'undo'} it: {lifted.witness}."
        if not robust:
            text += " Look at what jaxmech run says of spreads before anybody uses an estimate."
    return [text]


def misjudged_sentences(answer: Answer) -> list[str]:
    """Return what happens under the plan where σ is smaller or larger than it is taken for; nothing if not known.

    Args:
        answer: one solved problem.
    """
    if answer.what_if is None or not answer.what_if.misjudged:
        return []
    lines, most = [], 0.0
    for factor, found in zip(OFF, answer.what_if.misjudged, strict=True):
        paid, least = float(found.penalty.sum()), factor * answer.social_penalty
        change = f"{percent(abs(paid / least - 1))} {'more' if paid > least else 'less'}"
        why = ", as more is collected than such a plan could ask for" if factor < 1 and paid < least else ""
        lines.append(
            f"{percent(abs(factor - 1))} {'larger' if factor > 1 else 'smaller'}: all pay {short(paid, 4)} if they do "
            f"as agreed, {change} than under a plan that is made for that σ{why}."
        )
        saved = relative(np.asarray(found.saving), np.asarray(found.penalty))
        i = int(np.argmax(saved))
        if saved[i] > 5e-4:
            how = "less" if factor < 1 else "more"
            most = max(most, float(saved[i]))
            lines[-1] += (
                f" Who sees it would rather collect {how}: {answer.agents[i]} could save {percent(saved[i])} so."
            )
    if most > 0:
        lines.append(
            "Where there are points enough, calibrated = true takes the noise level from the data, whatever σ is."
        )
    return lines
