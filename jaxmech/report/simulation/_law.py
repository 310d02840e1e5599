"""What measurements that are not normal do to promises made for normal data: who ends above, why, and what helps."""

import dataclasses

import numpy as np

from jaxmech._words import some
from jaxmech.report._numbers import percent, relative, short
from jaxmech.report.simulation._answer import Answer, Play

_ERRORS, _LEAST = 3.0, 0.01
"""A penalty is above its promise beyond so many standard errors, and by at least this part of it."""
_WIDER = 1.02
"""A standard deviation above this many times the assumed one explains a penalty above its promise by itself."""
_SKEWED, _HEAVY = 0.5, 1.0
"""Skewness and excess kurtosis that are called so."""
_NAMED = 4


@dataclasses.dataclass(frozen=True)
class Above:
    """A party that ends above her promise.

    Attributes:
        agent: her name.
        change: by how much, as a part of the promise.
        standard_error: of that.
        distribution: the one whose error rose most, in money.
    """

    agent: str
    change: float
    standard_error: float
    distribution: str


def above(answer: Answer, play: Play | None = None) -> tuple[Above, ...]:
    """Return the parties that end above their promise where data are not normal, beyond the error, the worst first.

    Their errors are compared with those on normal data, which the first play is. Nothing is said where somebody
    cheats: then the law of the data is not the reason.

    Args:
        answer: one simulated mechanism.
        play: on which data; by default the first ones that are not normal.
    """
    if answer.cheat or len(answer.plays) < 2:
        return ()
    normal, play = answer.plays[0], play or answer.plays[1]
    error = relative(play.standard_error, play.promised)
    rose = np.argmax(answer.price * (play.squared_error - normal.squared_error), axis=1)
    worse = np.flatnonzero(play.change > np.maximum(_ERRORS * error, _LEAST))
    return tuple(
        Above(answer.agents[i], float(play.change[i]), float(error[i]), answer.distributions[rose[i]])
        for i in sorted(worse.tolist(), key=lambda i: -play.change[i])
    )


def law_in_words(answer: Answer, play: Play | None = None) -> list[str]:
    """Return who ends above her promise, why, and what helps: one paragraph, or none where nobody does.

    Args:
        answer: one simulated mechanism.
        play: on which data; by default the first ones that are not normal.
    """
    found = above(answer, play)
    if not found:
        return []
    play = play or answer.plays[1]
    columns = [answer.distributions.index(name) for name in dict.fromkeys(one.distribution for one in found)]
    reasons = "; ".join(_reason(answer, play, k) for k in columns[:_NAMED])
    who = ", ".join(
        f"{one.agent} {percent(one.change)} (standard error {percent(one.standard_error)})" for one in found[:_NAMED]
    )
    if len(found) > _NAMED:
        who += f" and {len(found) - _NAMED} more"
    return [f"Above their promise on these data: {who}. Why: {reasons}. {_remedy(answer, play, columns)}"]


def _reason(answer: Answer, play: Play, k: int) -> str:
    name = answer.distributions[k]
    skewness, kurtosis = play.skewness[k], play.kurtosis[k]
    parts = []
    if play.sigma[k] > _WIDER * answer.sigma[k]:
        parts.append(f"has a standard deviation of {play.sigma[k]:.4g} instead of {answer.sigma[k]:.4g}")
    if not answer.any_law:
        shape = [word for word, is_so in zip(("skewed", "heavy-tailed"), _shape(play, k), strict=True) if is_so]
        numbers = f"(skewness {skewness:.2g}, excess kurtosis {kurtosis:.2g}; both 0 for normal data)"
        parts += [f"is {' and '.join(shape)} {numbers}"] if shape else []
    if not parts:  # of few rows the shape is not known well enough to blame it
        return f"{name} is near to normal data with the agreed spread, and what is different does not show"
    return f"{name} {' and '.join(parts)}"


def _shape(play: Play, k: int) -> tuple[bool, bool]:
    return bool(abs(play.skewness[k]) > _SKEWED), bool(play.kurtosis[k] > _HEAVY)


def _remedy(answer: Answer, play: Play, columns: list[int]) -> str:
    wider = [answer.distributions[k] for k in columns if play.sigma[k] > _WIDER * answer.sigma[k]]
    told = [f"to state the standard deviation of {some(wider)} as it is"] if wider else []
    if not answer.any_law:
        told.append("larger amounts (the skewness of a mean of n points is that of a point over √n)")
        told += [_logarithm(answer, play, k) for k in columns if abs(play.log_skewness[k]) < abs(play.skewness[k]) / 2]
        told.append(
            "mechanism pool, whose promise holds for any law with this standard deviation (but nothing in it keeps a "
            "party from collecting less)"
        )
    return f"What helps: {'; or '.join(told)}." if told else ""


def _logarithm(answer: Answer, play: Play, k: int) -> str:
    name = answer.distributions[k]
    return (
        f"to agree on the mean of the logarithm of {name}, which is nearer to normal (skewness "
        f"{short(play.log_skewness[k], 2)})"
    )
