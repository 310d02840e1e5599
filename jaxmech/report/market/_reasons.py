"""Why nobody swaps, leaves or cheats, and what might be done better: sentences with the numbers concerned."""

import numpy as np

from jaxmech.report._numbers import counted, percent, short
from jaxmech.report.market._answer import Answer

SHOWN = 12
"""Up to so many types of buyers each gets a sentence of her own."""

_GIVE_UP = 0.01  # a larger second sample is suggested for this part of the profit


def nobody_swaps(answer: Answer, *, full: bool = False) -> list[str]:
    """Return what holds each price down, one sentence per type of buyer.

    Args:
        answer: one solved problem.
        full: whether every type is to have her sentence, however many there are.
    """
    if not answer.trades:
        return ["Nothing is sold, so there is nothing to envy."]
    types = range(len(answer.buyers))
    shown = types if full or len(answer.buyers) <= SHOWN else types[:SHOWN]
    sentences = [_of_buyer(answer, j) for j in shown]
    rest = len(answer.buyers) - len(sentences)
    return [*sentences, *([f"And {rest} more: --verbose tells them all."] if rest else [])]


def _of_buyer(answer: Answer, j: int) -> str:
    who = answer.buyers[j]
    if answer.sizes[j] == 0:
        return f"{who} buys nothing: no offer is worth its price to her."
    paid = short(float(answer.prices[j]), 4)
    k = int(answer.predecessor[j])
    if k < 0:
        verb = "is" if answer.sizes[j] == 1 else "are"
        return f"{who} pays {paid}, all that {_points(answer, j)} {verb} worth to her."
    if answer.sizes[k] == answer.sizes[j]:
        return f"{who} pays {paid}, as {answer.buyers[k]} does for as many points."
    own, other = short(float(answer.utility[j]), 4), short(float(answer.prices[k]), 4)
    return (
        f"{who} pays {paid} and gains {own}; for any more she would rather have {_points(answer, k)} for {other}, "
        f"the offer to {answer.buyers[k]}, which would bring her as much."
    )


def nobody_cheats(answer: Answer) -> list[str]:
    """Return what each contributor would lose by collecting half, and by making up numbers."""
    if not answer.trades:
        return ["Nobody is asked for anything."]
    sentences = []
    differ = "her mean differs from that" if len(answer.means) == 1 else "her means differ from those"
    for i in np.flatnonzero(answer.samples > 0).tolist():
        n, cost = float(answer.samples[i]), float(answer.costs[i])
        instead = np.floor(n / 2) if n > 1 else 2.0
        loss = short(cost * (instead - n) ** 2 / instead)
        others = counted(answer.total - int(n), "point")
        sentences.append(
            f"{answer.contributors[i]} is paid less, the more {differ} of the others' {others}: "
            f"to collect {counted(int(instead), 'point')} instead of {n:,.0f} would cost her {loss} on balance."
        )
    return [
        *sentences,
        *_in_several_means(answer),
        "Made-up numbers may be off by any amount, and a wrong number of points loses the fixed part.",
        "All this as long as the others are honest: no mechanism makes collecting best whatever the others do.",
    ]


def _in_several_means(answer: Answer) -> list[str]:
    """How discrepancies in several means are counted."""
    means = len(answer.means)
    if means == 1:
        return []
    return [
        f"Discrepancies in {means} means count alike, each squared in its own σ, on average: a point of the second "
        f"contributor is {means} numbers that check the first, and prices vary √{means} times less than with one mean."
    ]


def suggestions(answer: Answer) -> list[str]:
    """Return what else could be done, if it is worth considering: no second sample where bounds decide about it."""
    found = answer.frontier
    if found is None or len(found.second) < 2 or answer.bounded:
        return []
    now = int(answer.samples[answer.samples > 0].min())
    cheap = found.profit >= (1 - _GIVE_UP) * answer.profit
    i = int(np.argmin(np.where(cheap, found.price_deviation, np.inf)))
    second, lost = int(found.second[i]), answer.profit - float(found.profit[i])
    before = float(found.price_deviation[now - 1])
    if not cheap[i] or found.price_deviation[i] > 0.9 * before:
        return []
    return [
        f"Prices vary widely around what is expected (standard deviation {short(before)}), because "
        f"{counted(now, 'point')} of the second contributor must check all others. With second = {second} the standard "
        f"deviation falls to {short(float(found.price_deviation[i]))}, for {short(lost)} of the profit "
        f"({percent(lost / answer.profit)})."
    ]


def _points(answer: Answer, j: int) -> str:
    return counted(int(answer.sizes[j]), "point")
