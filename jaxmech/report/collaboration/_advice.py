"""What the user could choose instead, and what it would bring: in sentences."""

from jaxmech._words import joined
from jaxmech.report._numbers import percent, short
from jaxmech.report.collaboration._answer import Answer

WORTH_TELLING = 0.005
"""Savings below this fraction are not worth a sentence."""

_WHY = {
    "leverage": "it asks nobody for more than sharing that distribution alone would be worth to her, so that everybody "
    "who is to be checked can be",
    "social": "the cheapest agents collect what is best for themselves, and all others receive it",
}


_ALIKE = {"c3d": ", where everybody does the same"}


def among_equals(answer: Answer) -> list[str]:
    """Return what mechanisms that treat equals alike would bring agents of equal costs under cbl; nothing elsewhere.

    Args:
        answer: one solved problem.
    """
    if answer.mechanism != "cbl" or answer.advice is None:
        return []
    own = (answer.fractions or answer).social_penalty
    least = {
        name: 1 - penalty / own
        for name, penalty in answer.advice.equals.items()
        if penalty <= own * (1 - WORTH_TELLING)
    }
    if not least:
        return []
    told = [
        f"{short(answer.advice.equals[name], 4)} ({percent(saved)} less) under --mechanism {name}{_ALIKE.get(name, '')}"
        for name, saved in least.items()
    ]
    alike = bool((answer.role == answer.role[0]).all())
    why = "" if alike else ", and cbl, which takes them one at a time, gives equals different roles"
    return [
        f"All costs are equal{why}. In fractions of samples all pay {short(own, 4)}; "
        f"they would pay {', and '.join(told)}."
    ]


def suggestions(answer: Answer) -> list[str]:
    """Return what another division or mechanism would bring, one sentence each; nothing where nothing is gained.

    Args:
        answer: one solved problem.
    """
    advice = answer.advice
    if advice is None:
        return []
    sentences = []
    own, best = advice.honest[advice.division], advice.honest[advice.best]
    if answer.pooled:
        sentences.append(
            "--mechanism cbl: the same division without having to trust anybody. "
            f"All would pay {short(own, 4)} instead of {short(advice.pooled, 4)}: "
            f"the price of honesty is a factor {short(advice.price_of_honesty, 4)}."
        )
    elif answer.mechanism == "cbl" and not answer.leverage:
        sentences.append(
            f"Under the {answer.division} division others' data are not enough to keep everybody honest: condition (8) "
            "fails, so the cheapest agents work alone, all others only receive, and the division is not carried out."
        )
    if advice.best != advice.division and advice.saving >= WORTH_TELLING:
        under = "" if answer.mechanism == "cbl" else " --mechanism cbl"
        reason = _WHY.get(advice.best)
        sentences.append(
            f"--division {advice.best}{under}: all would pay {short(best, 4)} instead of {short(own, 4)} under cbl, "
            f"{percent(advice.saving)} less"
            + (f"; {reason}." if reason else ".")
            + f" Compared were {joined(tuple(advice.honest))}, and no other division."
        )
    return sentences
